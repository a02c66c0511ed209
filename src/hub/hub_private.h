/* What the files of hub/ share. All of it runs on the hub thread. */
#ifndef HUB_PRIVATE_H
#define HUB_PRIVATE_H

#include "hub/errand.h"
#include "hub/turns.h"
#include "hub/repeats.h"

#include <hubbub/address.h>
#include <hubbub/channel.h>
#include <hubbub/hub.h>
#include <hubbub/pairs.h>
#include <hubbub/protocol.h>
#include <hubbub/thread.h>

/* Who does what nobody asked for; nobody else is called so. */
#define SERVER_NAME "server"
/* Before what is a user id, where a name could stand. */
#define ID_MARK "id:"

/* Somebody who was here, so that who has just left can still be named. */
struct seen {
    char user_id[USER_ID_MAX + 1], username[NAME_MAX_BYTES + 1];
    char address[PEER_ADDRESS_MAX + 1];
};

/* An address that was banned with its user, from the whole server. */
struct banned_address {
    char user_id[USER_ID_MAX + 1], subject[ADDRESS_SUBJECT];
};

enum {
    SEEN_MAX = 4096,
    BANNED_ADDRESSES_MAX = 10000,
    WAITING_BUCKETS = 1024,
    AWAY_BUCKETS = 1024,
    MARK_BUCKETS = 8192,
    BEGUN_BUCKETS = 4096
};

struct hub {
    /* set once */
    struct hub_config config;    /* but for its settings */
    struct directory *directory; /* written by the hub thread, read by all */
    struct thread *thread;
    char server_key[LOOKALIKE_MAX + 1]; /* what SERVER_NAME looks like */

    struct channel inbox;        /* shared */
    struct turns searches;       /* shared */
    uint32_t max_per_room;       /* atomic: settings.max_per_room for other threads */
    uint32_t gone[GONE_BUCKETS]; /* atomic: see rooms_gone() */

    /* hub thread only */
    struct settings *settings;
    struct session *sessions; /* all of them */
    uint32_t nsessions;
    uint32_t nrooms;         /* kept, or with members; an empty one goes at the end of the batch */
    struct room *dirty;      /* rooms with pending messages, or perhaps empty */
    struct room *announcing; /* rooms with merged notices, whose time comes within a second */
    int64_t next_announce;   /* the earliest of them, or DEADLINE_NEVER */
    bool draining;
    struct session *leaving; /* while draining: who leaves next; its followers leave later */
    uint64_t run;            /* random: another in each run of the server */
    uint64_t logs_begun;     /* anew, in this one */
    uint64_t lives;          /* the same, and those of rooms that had none */
    struct buf scratch;      /* for one encoded object at a time */
    struct buf tail;         /* for the end of a message */
    struct buf past;         /* for frames of earlier messages */

    struct change *log; /* what was said in this batch, on its way to the store; NULL: nothing */
    uint32_t nlog;      /* records in it */
    struct note *log_notes;                   /* the last of those who wait for it */
    uint64_t posted;                          /* changes posted to the store so far */
    struct room *lingering;                   /* rooms that hold what is not on the disk yet */
    struct member *paused;                    /* who is left out of what is said */
    struct repeats repeats;                   /* what was said under which id lately */
    struct waiting *waiting[WAITING_BUCKETS]; /* files that no message has said yet */
    uint32_t nwaiting;
    struct buf files;     /* for the files of one message */
    struct buf mentions;  /* and whom it mentions */
    struct marks *marked; /* users who have read something that is not on its way to the disk, */
    int64_t post_marks;   /* and when it goes */
    struct change *marks; /* of those who have left; NULL: nothing */
    uint32_t nmarks;      /* records in it */
    struct cds_list_head away; /* they, as long as it is not on the disk, the oldest first */
    struct marks *away_by[AWAY_BUCKETS];
    struct mark *marks_in[MARK_BUCKETS]; /* by room */

    struct pairs *pairs;          /* private conversations, and blocks */
    int64_t begun[BEGUN_BUCKETS]; /* see begun.c */
    struct books *books;          /* of the server: its bans, its ledger */
    struct banned_address *banned;
    size_t nbanned;
    struct seen *seen; /* a ring of SEEN_MAX */
    size_t nseen;      /* ever */
};

struct target;

/* reply.c: frames for one session. */
struct buf *scratch(struct hub *h); /* emptied, to encode one object into */
void send_scratch(struct hub *h, struct outbox *to);
void send_scratch_to_user(struct hub *h, const struct user *u, unsigned mask); /* all sessions */
/* Why not; `detail` may be NULL. */
void refuse(struct hub *h, const struct event *e, enum problem problem, const char *detail);
void refuse_until(struct hub *h, const struct event *e, enum problem problem, const char *detail,
                  unsigned retry_after_s);
/* `ok` with the room's name, when the client gave an id. */
void confirm(struct hub *h, const struct event *e, const char *room);
/* To whoever asked. Answers to a CALL or a READ are bare JSON, not framed. */
void reply_scratch(struct hub *h, const struct event *e);
bool wants_reply(const struct event *e);
bool is_for_web(const struct event *e); /* its answer is */

/* deliver.c: frames for a room. */
void mark_dirty(struct hub *h, struct room *r);
/* The object in scratch becomes a message to all members of the dialects in `mask` (1 << dialect). */
void say_scratch(struct hub *h, struct room *r, unsigned mask);
void say_message(struct hub *h, struct member *from, const struct event *e, int64_t ts_ms);
void trim_history(struct hub *h, struct room *r); /* after its log has changed */
void flush_room(struct hub *h, struct room *r);   /* pending messages to the outboxes */
/* The object in scratch, to those of the full dialect who may see the message that it is about. */
void say_about(struct hub *h, struct room *r, uint64_t seq);
/* The same to the other connections of its user. */
void tell_tabs(struct hub *h, const struct session *but);
void flush_rooms(struct hub *h);  /* all dirty rooms; those left empty are deleted, */
void free_written(struct hub *h); /* or when the disk has what was said there */
enum {
    TO_CLASSIC = 1 << DIALECT_CLASSIC,
    TO_FULL = 1 << DIALECT_FULL,
    TO_ALL = TO_CLASSIC | TO_FULL
};

/* lag.c: who does not keep up. */
void pause_member(struct hub *h, struct member *m);
void forget_pause(struct hub *h, struct member *m); /* it leaves */
void resume_members(struct hub *h);                 /* those who have caught up */
/* The object in scratch, to all of the full dialect, also who is paused: what changes a room. It is rare. */
void say_to_all(struct hub *h, struct room *r);
/* Likewise, to whom this message was shown: it must not be seen any more. */
void say_taken_back(struct hub *h, struct room *r, uint64_t seq);

/* notice.c */
void notice_join(struct hub *h, struct member *m);
/* Of one who is still a member: true when it will be told in a merged notice. */
bool notice_leave_later(struct hub *h, struct member *m);
void notice_leave(struct hub *h, struct room *r, const struct user *u, const char *did); /* left */
void notice_reaction(struct hub *h, struct room *r, const struct session *by, uint64_t seq,
                     const char *emoji, bool on, uint32_t count);
void announce_due(struct hub *h, int64_t now);
void notice_forget(struct hub *h, struct room *r);

/* rooms.c: finding, opening and closing rooms. */
struct room *find_room(struct hub *h,
                       const char *name); /* NULL, also for one that is on its way out */
struct room *room_in_memory(struct hub *h, const char *name); /* also one on its way out */
/* Also one on its way out: as new, but for its log. head: where that ends; NULL: there is none to go on with. */
struct room *open_room(struct hub *h, const char *name, const struct log_head *head);
void begin_log(struct hub *h, struct room *r); /* anew: what was said is gone */
/* The named room, if whoever asks may know of it, or the only one; NULL after the refusal was sent. */
struct room *meant_room(struct hub *h, const struct event *e);
struct member *meant_member(struct hub *h, const struct event *e); /* the same, being in it */
struct room_look look_of(const struct hub *h, const struct room *r);
void leave_room(struct hub *h, struct member *m, const char *did); /* did NULL: it just left */
/* All of a user's sessions leave, and are told by what; true when there were any. */
bool expel(struct hub *h, struct room *r, struct user *u, const char *did);

void close_room(struct hub *h, struct room *r); /* everybody is out of it, and told already */
void count_rooms(const struct room *r, int n);  /* for the metrics */

/* pairs.c: private conversations, which are rooms of two. */
/* PROBLEM_NONE: it is the user's to be in. user_id NULL: nobody's. */
enum problem why_not_pair(const struct hub *h, const char *room, const char *user_id);
/* Is what the request wants of its room something for a conversation, if it is one? False after the refusal. */
bool passes_pair(struct hub *h, const struct event *e);
/* The room of the conversation that the request names, which is there; NULL: see reopen(). */
struct room *pair_room(struct hub *h, struct event *e);
/* As meant_room() for requests that are waited for (errand.h): a conversation need not be in memory. */
struct room *asked_room(struct hub *h, struct event *e);
struct pair *begin_pair(struct hub *h, const struct session *by, const struct target *other);
void name_in_pair(struct hub *h, struct pair *p, int side, const char *username);
/* It was said just now: to the connections of the two that are not in it. */
void tell_pair(struct hub *h, const struct event *e, const struct room *r, int64_t ts);

/* begun.c: seconds until this session's address may begin another room or conversation; 0: it has. */
unsigned wait_to_begin(struct hub *h, const struct session *s);

/* entry.c: a room that is not in memory, as it was. NULL when that is being found out, or was refused. */
struct room *reopen(struct hub *h, struct event *e);

/* ranks.c: who is what where. */
enum rank rank_of(const struct hub *h, const struct room *r, const char *user_id,
                  const struct grants *grants);
enum rank rank_of_session(const struct hub *h, const struct room *r, const struct session *s);
void refresh_ranks(struct hub *h, struct room *r, const char *user_id); /* of its members */
void refresh_bars(struct hub *h,
                  struct room *r); /* what others see of its bans; NULL: the server's */
void tell_rank(struct hub *h, struct room *r, const struct user *u); /* refreshed, and said */
void settle_runner(struct hub *h,
                   struct room *r); /* who runs an open room, after a join or a leave */

/* Whom a request is about: online, known to the room, or lately here. */
struct target {
    char user_id[USER_ID_MAX + 1], username[NAME_MAX_BYTES + 1];
    struct user *online; /* NULL: away */
    enum rank rank;      /* in the room that was asked about */
};
/* By what a client wrote: an id, else a name. */
bool find_target(struct hub *h, const struct room *r, const char *user, struct target *t);
/* By an id that is known to be one. */
void find_user(struct hub *h, const struct room *r, const char *user_id, struct target *t);
void note_seen(struct hub *h, const struct session *s);

/* Is whoever asks let into the room (NULL: the server) at all, whatever the rank? False after the refusal was
 * sent. */
bool has_say(struct hub *h, const struct event *e, const struct room *r);
/* The same, and the rank is enough for this. */
bool may(struct hub *h, const struct event *e, const struct room *r);
/* The same, to a target of lower rank, who is found. */
bool may_act(struct hub *h, const struct event *e, const struct room *r, struct target *t);

/* talk.c */
void speak(struct hub *h, struct event *e,
           struct member *m); /* what the request says, and the reply */
bool is_muted(struct hub *h, const struct event *e,
              const struct member *m); /* true after the refusal */

/* uploads.c: files on their way to a message. */
void note_upload(struct hub *h, const struct file *f);
void forget_upload(struct hub *h, const char *id);
void forget_uploads(struct hub *h, const char *room);
void end_uploads(struct hub *h);
/* Are all there that the request names, its own to say? False after the refusal. */
bool has_files(struct hub *h, const struct event *e, const struct member *m);
/* The list of them, "" without any; they don't wait any more. Good until the next call. */
const char *take_files(struct hub *h, const struct request *q, const struct member *m);

/* recall.c: what was said before, for those who come. */
struct recall {
    uint64_t from, to; /* to be sent; from > to: nothing */
    uint64_t gap;      /* kept, but too many: gap to from - 1 */
    uint64_t lost;     /* and before that not kept: lost to gap - 1 */
    int recovered;     /* see struct joined */
};
/* False: something has to be fetched first. */
bool plan_recall(struct hub *h, struct event *e, struct room *r, struct recall *plan);
void send_recall(struct hub *h, const struct event *e, struct room *r, const struct recall *plan);

/* Any thread: the messages of the page that is asked for, of a log with those from `oldest` to `last`. from > to:
 * none. */
void history_window(const struct request_args *a, uint64_t oldest, uint64_t last, uint64_t *from,
                    uint64_t *to);

/* Who looks at what was said. */
struct viewer {
    const char *user_id; /* NULL: nobody in particular */
    const struct grants *grants;
    const struct user *user; /* who is here, or NULL */
};
struct viewer viewer_of(const struct event *e);
enum { PAGE_BYTES = 256 * 1024 /* of one answer, as far as can be said before */ };
size_t row_weight(const struct history_row *row); /* bytes in it */
/* PROBLEM_NONE: whoever is in, belongs to it, or could just walk in. */
enum problem why_not_read(struct hub *h, const struct room *r, const struct viewer *v);
void answer_search(struct hub *h, struct event *e, const struct viewer *v); /* search.c */

/* mentions.c: "" or who is mentioned, of those who are there. Good until the next call. */
const char *find_mentions(struct hub *h, const struct request *q, const struct member *from);
/* search.c: where a list of mentions goes on; false: the text is none that was given out. */
bool place_of(const char *cursor, struct found_place *out);

/* marks.c: how far people have read. */
/* False: what the disk has of this user's has to be fetched first. */
bool has_marks(struct hub *h, struct event *e, const struct viewer *v);
uint64_t mark_of(const struct user *u, const struct room *r); /* 0: there is none */
void leave_marks(struct hub *h, struct user *u);              /* its last session leaves */
int64_t marks_due(struct hub *h); /* when to call this, at the latest: */
void tend_marks(struct hub *h, int64_t now);
void forget_marks(struct hub *h, const char *room); /* before its log is gone */
void end_marks(struct hub *h);                      /* to the store, all of them */

/* past.c: rooms that hide what was said before one came. */
/* What the viewer may see of a room begins with this message: 0 where nothing is hidden, one more than there are for
 * who has never been in. False: that has to be found out first. */
bool know_shown(struct hub *h, struct event *e, const struct room *r, const struct viewer *v,
                uint64_t *first);
uint64_t shown_to(const struct room *r, const struct member *m); /* the same of a member */
/* Of a room that hides its past: somebody joins, for the first time perhaps; or it has just begun to hide it, from
 * others than those who are in. */
void note_arrival(struct hub *h, struct user *u, struct room *r);
void note_witnesses(struct hub *h, struct room *r);

/* ledger.c: what was done to whom. */
struct deed {
    enum action action;
    const struct target *target;
    const char *reason;
    int64_t until;
    int rank;  /* of a `role`, or -1 */
    int undid; /* enum action that an `undo` takes back, or -1 */
};
struct books *books_of(struct hub *h, struct room *r); /* r NULL: the server's */
/* Writes it down, and tells the room and whom it is about. */
struct entry *record_deed(struct hub *h, const struct event *e, struct room *r,
                          const struct deed *deed, struct change *c);
void confirm_deed(struct hub *h, const struct event *e, const struct room *r,
                  const struct target *t, const struct entry *entry, int rank, struct change **c);

/* keep.c: what goes to the store, and comes back. Changes of rooms that are not kept hold nothing. */
struct change *change_begin(const struct hub *h);
void keep_room(struct change *c, const struct room *r);
void keep_room_gone(struct change *c, const struct room *r);
void keep_rank(struct change *c, const struct room *r, const char *user_id);
void keep_entry(struct change *c, const struct room *r, const struct entry *e);
void keep_sanction(struct change *c, const struct room *r, const struct entry *e);
void keep_sanction_gone(struct change *c, const struct room *r, enum action a, const char *user_id);
void keep_address(struct change *c, const char *user_id, const char *address);
void keep_addresses_gone(struct change *c, const char *user_id);
void keep_invite(struct change *c, const struct room *r, const struct invite *i);
void keep_invite_gone(struct change *c, const struct room *r, const char *code);
/* Answers when the disk has it, and not before. */
void keep_upload(struct hub *h, struct event *e, const struct file *f);
/* Of what nobody waits for. The number of the change; 0: there was nothing, or it cannot be kept. */
uint64_t keep_quietly(struct hub *h, struct change **c);

/* What belongs to the log of a room, all that is said in one batch together; nothing without a store. Each returns the
 * number of the change that it is part of, which is noted in the room. */
uint64_t log_message(struct hub *h, struct room *r, struct message *m);
uint64_t log_reaction(struct hub *h, struct room *r, uint64_t seq, const char *user_id,
                      const char *emoji, bool on);
void log_gone(struct hub *h, struct room *r);
void log_epoch(struct hub *h,
               struct room *r); /* so that positions handed out now are known later */
void log_entry(struct hub *h, struct room *r, const struct entry *e); /* of the ledger, with it */
void log_pair(struct hub *h, const struct pair *p); /* blocks.c: begun, or renamed */
void load_pair(struct hub *h, const struct record *record);
void load_block(struct hub *h, const struct record *record);
void wait_for_log(struct hub *h); /* so that confirm_log() waits for all that was logged before */
void hurry_log(struct hub *h);    /* what is in it does not rest (store_set_commit_delay()) */
/* The reply in scratch, when all that is on the disk; at once without a store. */
void confirm_log(struct hub *h, const struct event *e);
void flush_log(struct hub *h); /* to the store; before any other change, and after each batch */
uint64_t written(
    const struct hub *h); /* the latest change that is on the disk; UINT64_MAX: there is no store */
bool is_unwritten(const struct hub *h, const struct room *r);
/* Sends the reply in scratch when the change is on the disk, at once when there is nothing to keep. */
void confirm_change(struct hub *h, const struct event *e, struct change **c);

/* One function per event and request. */
void on_register(struct hub *h, struct event *e); /* session.c */
void on_unregister(struct hub *h, struct event *e);
void on_stored(struct hub *h, struct event *e); /* keep.c */
void on_admit(struct hub *h, struct event *e);  /* uploads.c */
void on_uploaded(struct hub *h, struct event *e);
void on_drain(struct hub *h, struct event *e); /* drain.c */
void on_join(struct hub *h, struct event *e);  /* entry.c */
void on_leave(struct hub *h, struct event *e);
void on_message(struct hub *h, struct event *e); /* talk.c */
void on_typing(struct hub *h, struct event *e);
void on_delete(struct hub *h, struct event *e);
void on_why(struct hub *h, struct event *e);
void on_edit(struct hub *h, struct event *e); /* amend.c */
void on_react(struct hub *h, struct event *e);
enum { CONVERSATIONS_MAX = 500 };           /* that are listed */
void on_dm(struct hub *h, struct event *e); /* dm.c */
void on_conversations(struct hub *h, struct event *e);
void on_members(struct hub *h, struct event *e); /* pairs.c: of a conversation */
void on_block(struct hub *h, struct event *e);   /* blocks.c */
void on_unblock(struct hub *h, struct event *e);
void on_blocks(struct hub *h, struct event *e);
void on_history(struct hub *h, struct event *e); /* recall.c */
void on_read(struct hub *h, struct event *e);
void on_search(struct hub *h, struct event *e); /* search.c */
void on_mentions(struct hub *h, struct event *e);
void on_mark(struct hub *h, struct event *e);   /* marks.c */
void on_create(struct hub *h, struct event *e); /* manage.c */
void on_update(struct hub *h, struct event *e);
void on_settings_request(struct hub *h, struct event *e);
void on_destroy(struct hub *h, struct event *e);
void on_invite(struct hub *h, struct event *e); /* people.c */
void on_add(struct hub *h, struct event *e);
void on_remove(struct hub *h, struct event *e);
void on_role(struct hub *h, struct event *e);
void on_kick(struct hub *h, struct event *e); /* moderate.c */
void on_ban(struct hub *h, struct event *e);
void on_unban(struct hub *h, struct event *e);
void on_mute(struct hub *h, struct event *e);
void on_unmute(struct hub *h, struct event *e);
void on_undo(struct hub *h, struct event *e);
void on_ledger(struct hub *h, struct event *e);
void on_notice(struct hub *h, struct event *e); /* operator.c */
void note_banned_address(struct hub *h, const char *user_id, const char *address);
bool is_barred(struct hub *h, struct session *s); /* banned from the server: told and closed */
void bar(struct hub *h, const struct target *t, bool address, struct change *c);
void unbar(struct hub *h, const char *user_id, struct change *c);

/* hub.c */
void hub_main(void *hub);

/* drain.c */
enum { GOING_AWAY = 1001 }; /* RFC 6455, 7.4.1 */
void drain_due(struct hub *h, int64_t now);

#endif
