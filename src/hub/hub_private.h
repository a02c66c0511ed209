/* What the files of hub/ share. All of it runs on the hub thread. */
#ifndef HUB_PRIVATE_H
#define HUB_PRIVATE_H

#include <hubbub/channel.h>
#include <hubbub/hub.h>
#include <hubbub/protocol.h>
#include <hubbub/thread.h>

struct hub {
    /* set once */
    struct hub_config config;
    struct directory *directory; /* written by the hub thread, read by all */
    struct thread *thread;

    struct channel inbox;  /* shared */
    uint32_t max_per_room; /* atomic: settings.max_per_room for other threads */

    /* hub thread only */
    struct settings settings;
    struct session *sessions; /* all of them */
    uint32_t nsessions;
    uint32_t nrooms;         /* with members; an empty one goes at the end of the batch */
    struct room *dirty;      /* rooms with pending messages, or perhaps empty */
    struct room *announcing; /* rooms with merged notices, whose time comes within a second */
    int64_t next_announce;   /* the earliest of them, or DEADLINE_NEVER */
    bool draining;
    struct session *leaving; /* while draining: who leaves next; its followers leave later */
    uint64_t next_epoch;     /* random at first, then counted up */
    struct buf scratch;      /* for one encoded object at a time */
    struct buf tail;         /* for the end of a message */
};

/* reply.c: frames for one session. */
struct buf *scratch(struct hub *h); /* emptied, to encode one object into */
void send_scratch(struct hub *h, struct outbox *to);
/* Why not; `detail` may be NULL. */
void refuse(struct hub *h, const struct event *e, enum problem problem, const char *detail);
/* `ok` with the room's name, when the client gave an id. */
void confirm(struct hub *h, const struct event *e, const char *room);
/* To whoever asked. A CALL's answer is bare JSON, not framed. */
void reply_scratch(struct hub *h, const struct event *e);

/* deliver.c: frames for a room. */
void mark_dirty(struct hub *h, struct room *r);
/* The object in scratch becomes a message to all members of the dialects in `mask` (1 << dialect). */
void say_scratch(struct hub *h, struct room *r, unsigned mask);
void say_message(struct hub *h, struct member *from, const struct request *req, int64_t ts_ms);
void flush_room(struct hub *h, struct room *r); /* pending messages to the outboxes */
void flush_rooms(struct hub *h);                /* all dirty rooms; those left empty are deleted */
enum {
    TO_CLASSIC = 1 << DIALECT_CLASSIC,
    TO_FULL = 1 << DIALECT_FULL,
    TO_ALL = TO_CLASSIC | TO_FULL
};

/* notice.c */
void notice_join(struct hub *h, struct member *m);
/* Of one who is still a member: true when it will be told in a merged notice. */
bool notice_leave_later(struct hub *h, struct member *m);
void notice_leave(struct hub *h, struct room *r, const struct session *s); /* has left */
void announce_due(struct hub *h, int64_t now);
void notice_forget(struct hub *h, struct room *r);

/* session.c, talk.c: one function per event and request. */
void on_register(struct hub *h, struct event *e);
void on_unregister(struct hub *h, struct event *e);
void leave_room(struct hub *h, struct member *m);
void on_join(struct hub *h, struct event *e);
void on_leave(struct hub *h, struct event *e);
void on_message(struct hub *h, struct event *e);
void on_typing(struct hub *h, struct event *e);

/* drain.c */
enum { GOING_AWAY = 1001 }; /* RFC 6455, 7.4.1 */
void on_drain(struct hub *h, struct event *e);
void drain_due(struct hub *h, int64_t now);

#endif
