/* Rooms, who is in them and who may do what: plain data, no threads, no wire format.
 *
 * A user is a person, known by the user id; a session is one connection of a user, a member is a session's
 * place in a room. People are counted as users: two tabs of one user are one.
 *
 * All of it is written by the hub thread alone. Fields marked (rcu) are also read by other threads that
 * found the struct in the directory, inside a read section; they are set before the struct can be found,
 * or replaced whole. So structs that could be found are freed by the *_free_later functions, after a grace
 * period. */
#ifndef HUBBUB_ROOM_H
#define HUBBUB_ROOM_H

#include <hubbub/bars.h>
#include <hubbub/books.h>
#include <hubbub/buf.h>
#include <hubbub/event.h>
#include <hubbub/history.h>
#include <hubbub/lookalike.h>
#include <hubbub/rank.h>
#include <hubbub/rcu.h>
#include <hubbub/request.h>
#include <hubbub/roster.h>
#include <hubbub/text.h>
#include <stdbool.h>
#include <stdint.h>

struct outbox;
struct member;
struct room;
struct session;

enum { USER_ID_MAX = NAME_MAX_BYTES, PEER_ADDRESS_MAX = 45 };

/* ---- people -------------------------------------------------------------------------------------- */

/* A person who is online. */
struct user {
    uint32_t magic;
    /* set once */
    char id[USER_ID_MAX + 1];          /* (rcu) public */
    char username[NAME_MAX_BYTES + 1]; /* (rcu) unique among those who are online */
    char key[LOOKALIKE_MAX + 1];       /* (rcu) of the name: what looks alike has the same */
    /* hub only */
    struct session *sessions; /* its connections, the latest first */
    uint32_t nsessions;
    uint32_t refs;        /* its sessions */
    uint32_t next_suffix; /* what to try next for somebody who wants the same name */
    struct marks *marks;  /* the hub's: how far it has read; NULL: none are known */
    bool marks_known;     /* (rcu, atomic) all that the disk has of them were read */

    uint64_t glance; /* lookalike_glance() of the name */

    struct cds_lfht_node by_id, by_name, by_glance; /* of the directory */
    struct rcu_head rcu;
};
#define USER_MAGIC 0x0053e401u

/* One connection as the hub sees it. */
struct session {
    uint32_t magic;
    /* set by its client before it is registered */
    char id[SESSION_ID_MAX + 1]; /* (rcu) secret of the client, 128 random bits */
    enum dialect dialect;
    struct outbox *outbox;
    /* Called when the session is freed: until then the hub, or a reader of the directory, may use the outbox. */
    void (*released)(void *owner);
    void *owner;
    char user_id[USER_ID_MAX + 1];
    char username[NAME_MAX_BYTES + 1];  /* wished for */
    char address[PEER_ADDRESS_MAX + 1]; /* of the peer as text, "" on a Unix socket */
    bool local;                         /* loopback or a Unix socket */
    bool guest;
    bool stranger;         /* the user id was made for it just now: nothing is kept of it */
    int64_t expires_ms;    /* of its token, ms since 1970; 0: never */
    char *token;           /* owned: for the welcome of a guest, or NULL */
    struct grants *grants; /* (rcu) owned: the rooms its token opens, NULL: all */

    struct user *user; /* (rcu) set by the hub at registration */
    struct room *only; /* (rcu, atomic) the room, while it is in exactly one */
    /* hub only */
    bool barred;            /* banned from the server: on its way out */
    struct member *members; /* its rooms, the latest joined first */
    uint32_t nmembers;
    struct session *next, *prev;  /* of all sessions */
    struct session *next_of_user; /* of user->sessions */
    int64_t leave_at;             /* while draining: its slot */

    struct cds_lfht_node by_id; /* of the directory */
    struct rcu_head rcu;
};
#define SESSION_MAGIC 0x5e5510a1u

struct session *session_new(enum dialect dialect, const char *user_id, const char *username,
                            struct outbox *outbox);
void session_free(struct session *s);       /* was never in the directory */
void session_free_later(struct session *s); /* is out of the directory */
struct member *session_find(const struct session *s, const char *room);

/* The first session is yet to be added; one reference. */
struct user *user_new(const char *id, const char *username, const char *key);
void user_add(struct user *u, struct session *s);    /* takes a reference */
void user_remove(struct user *u, struct session *s); /* drops it; the user may be gone */
void user_ref(struct user *u);
void user_unref(struct user *u); /* the last one frees it later: out of the directory by then */
/* Any of its sessions' places in this room, other than `but`; NULL when there is none. */
struct member *user_find(const struct user *u, const struct room *r, const struct member *but);

/* ---- rooms --------------------------------------------------------------------------------------- */

/* A session's place in a room. */
struct member {
    /* set once */
    struct room *room;
    struct session *session; /* (rcu) */
    /* (rcu, atomic) */
    uint8_t rank; /* enum rank: kept current by the hub, shown in lists */
    bool shadow;  /* another session of the user came earlier: it stands for both */
    /* hub only */
    struct member *next;  /* of the session's rooms */
    uint32_t index;       /* in room->members */
    int32_t joined_index; /* in room->joined while its join is not announced, else -1 */
    struct buf open;      /* the beginning of its messages, made with the first one */
    bool typing;          /* the others were told so, */
    int64_t typed_at;     /* then; and the message has not come yet */
    bool paused;          /* in the hub's list of those who fall behind: the room is left out */
    uint64_t heard;       /* then: the last message that it was sent */
    uint32_t heard_changes;
    struct member *paused_next;

    struct cds_list_head node; /* (rcu) of room->list */
    struct rcu_head rcu;
};

/* What a room is like. Immutable; replaced whole. */
struct room_info {
    char title[TITLE_MAX + 1];
    char topic[TOPIC_MAX + 1];
    char password[129]; /* its hash; "": none */
    enum visibility visibility;
    uint32_t max_users; /* 0: the server's limit */
    uint32_t slow_mode; /* seconds between two messages of a user; 0: off */
    bool hides_past;    /* nobody below a moderator sees what was said before they first joined */
    struct rcu_head rcu;
};

/* Bytes on their way to the members of one dialect: framed messages of one hub batch. */
struct pending {
    struct buf bytes;
    uint32_t messages;
};

/* A kind of reactions to a message: so many, now. */
struct reaction_note {
    uint64_t seq;
    uint32_t count;
    char emoji[EMOJI_MAX + 1];
};

struct room {
    uint32_t magic;
    char name[NAME_MAX_BYTES + 1]; /* (rcu) */
    uint32_t count;                /* (rcu, atomic) users in it */
    bool kept;                     /* (rcu, atomic) it outlives its members */
    bool pair;              /* (rcu) set once: a private conversation, see <hubbub/pairs.h> */
    struct room_info *info; /* (rcu) NULL: all as in a new open room; see room_info() */
    struct roster *roster;  /* (rcu) who has a rank here; NULL: nobody */
    struct bars *bars;      /* (rcu) who is banned from it; NULL: nobody */

    /* hub only */
    uint64_t seq;              /* of the latest message */
    uint64_t flushed;          /* of the latest that is in the outboxes */
    uint64_t first;            /* the oldest that is kept anywhere, as far as is known; 0: none */
    char epoch[EPOCH_MAX + 1]; /* of this numbering: another in each run of the server */
    bool epoch_noted;          /* the store knows it */
    struct history history;    /* the latest messages */
    uint64_t change;           /* the latest change of the store about its log */
    uint64_t begun_by; /* the one by which the log before this one is gone; 0: there was none */
    uint64_t life;     /* of the hub's lives, that of its log; 0: before it was in memory */
    int64_t begun;     /* its log began then, ms since 1970; 0: before it was in memory */
    uint64_t common;   /* if it hides its past: all who are in may see what was said from here on */
    uint32_t changes;  /* edits, removals and reactions so far */
    uint32_t changes_flushed; /* those that are in the outboxes */
    uint32_t amendments; /* times that older messages, which were changed, were let go of: what was
                          * read from the disk before may be older */
    struct member **members; /* dense, for sending */
    uint32_t nmembers, space;
    uint32_t by_dialect[DIALECT_COUNT];
    struct pending pending[DIALECT_COUNT];
    struct user *runner; /* who runs it while it isn't kept: in it, or NULL when it is empty */
    char *opened_by;     /* user id of whoever opened it; NULL when kept */
    struct books *books; /* sanctions, ledger, invitations; NULL: none yet */
    bool dirty;          /* in the hub's list of rooms with something to do */
    struct room *dirty_next;
    bool lingering; /* in the hub's list of rooms that wait for the disk, to let go of something */
    struct room *linger_next;
    /* merged notices */
    struct member **joined; /* not yet announced */
    uint32_t njoined;
    char (*left)[NAME_MAX_BYTES + 1];
    uint32_t nleft;
    struct reaction_note *reacted; /* kinds of reactions of which the members have not been told */
    uint32_t nreacted;
    int64_t announce_at; /* when the next merged notice is due; 0: none */
    struct room *announce_next;
    bool announcing; /* in the hub's list of rooms with such notices */

    struct cds_list_head list;    /* (rcu) members, for readers; the first has been in longest */
    struct cds_lfht_node by_name; /* of the directory */
    struct rcu_head rcu;
};
#define ROOM_MAGIC 0x4003a11eu

enum {
    NOTICE_MAX_NAMES = 256,     /* names listed in one merged notice; the count is always right */
    NOTICE_MAX_REACTIONS = 256, /* kinds of reactions, then they are told at once */
};

struct room *room_new(const char *name);
void room_free_later(struct room *r); /* must be empty */
void room_reset(struct room *r);      /* is empty, and becomes as a new one, but for its log */
void room_clear_log(struct room *r);  /* as if nothing had been said */
/* Of a user who is in it already, it is the shadow of the earlier one. */
struct member *room_add(struct room *r, struct session *s);
/* Frees it later; if it stood for others, one of them does now. */
void room_remove(struct member *m);

/* Never NULL; inside a read section, or the hub. */
const struct room_info *room_info(const struct room *r);
/* How many users may be in, where the server lets `most` in; 0: any number. */
uint32_t room_most(const struct room_info *info, uint32_t most);
void room_set_info(struct room *r, const struct room_info *info); /* copied */
void room_set_kept(struct room *r, bool kept);
/* Gives a user a rank in the roster; RANK_GUEST takes it away. */
void room_set_rank(struct room *r, const char *user_id, const char *username, enum rank rank);
struct books *room_books(struct room *r); /* made when there are none */

/* Merged notices: notes that somebody came (is a member) or goes (still is one). A join that was never
 * announced and its leave cancel out. */
void room_note_join(struct member *m);
void room_note_leave(struct member *m);
/* And of reactions, in place of an earlier one of the same kind to the same message. False: no more fit. */
bool room_note_reaction(struct room *r, uint64_t seq, const char *emoji, uint32_t count);
void room_forget_reactions(struct room *r, uint64_t seq); /* there are none any more */
void room_notes_clear(struct room *r);

/* ---- who may do what ----------------------------------------------------------------------------- */

/* The least rank that may ask for this in a room; RANK_GUEST where no rank is needed. */
enum rank rights_needed(enum request_type what);
/* May one of this rank act on another of that rank? Nobody acts on an equal or higher one. */
bool rights_over(enum rank own, enum rank other);
/* May one make another, of this rank now, that? Up to the own rank. */
bool rights_give(enum rank own, enum rank other_now, enum rank to);

#endif
