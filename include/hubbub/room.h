/* Rooms, their members, and sessions: plain data, no threads, no wire format.
 *
 * All of it is written by the hub thread alone. Fields marked (rcu) are also read by other threads that
 * found the struct in the directory, inside a read section; they are set before the struct can be found.
 * So structs that could be found are freed by the *_free_later functions, after a grace period. */
#ifndef HUBBUB_ROOM_H
#define HUBBUB_ROOM_H

#include <hubbub/buf.h>
#include <hubbub/event.h>
#include <hubbub/rcu.h>
#include <hubbub/request.h>
#include <hubbub/text.h>
#include <stdbool.h>
#include <stdint.h>

struct outbox;
struct member;
struct room;

enum { USER_ID_MAX = 16 };

/* One connection as the hub sees it. */
struct session {
    uint32_t magic;
    /* set once, by its client */
    char id[SESSION_ID_MAX + 1];   /* (rcu) secret of the client, 128 random bits */
    char user_id[USER_ID_MAX + 1]; /* (rcu) public */
    enum dialect dialect;
    struct outbox *outbox;
    void (*released)(
        void *owner); /* called when the session is freed: until then the hub, or a reader
                                    * of the directory, may use the outbox */
    void *owner;

    char username[NAME_MAX_BYTES + 1]; /* (rcu) wished for by the client, made unique by the hub at
                                        * registration */
    struct room *only;                 /* (rcu, atomic) the room, while it is in exactly one */
    /* hub only */
    struct member *members; /* its rooms, the latest joined first */
    uint32_t nmembers;
    uint32_t next_suffix;        /* what to try next for somebody who wants the same name */
    struct session *next, *prev; /* of all sessions */
    int64_t leave_at;            /* while draining: its slot */

    struct cds_lfht_node by_id, by_name; /* of the directory */
    struct rcu_head rcu;
};
#define SESSION_MAGIC 0x5e5510a1u

/* A session's place in a room. */
struct member {
    /* set once */
    struct room *room;
    struct session *session; /* (rcu) */
    /* hub only */
    struct member *next;  /* of the session's rooms */
    uint32_t index;       /* in room->members */
    int32_t joined_index; /* in room->joined while its join is not announced, else -1 */
    struct buf open;      /* the beginning of its messages, made with the first one */

    struct cds_list_head node; /* (rcu) of room->list */
    struct rcu_head rcu;
};

/* Bytes on their way to the members of one dialect: framed messages of one hub batch. */
struct pending {
    struct buf bytes;
    uint32_t messages;
};

struct room {
    uint32_t magic;
    char name[NAME_MAX_BYTES + 1]; /* (rcu) */
    uint32_t count;                /* (rcu, atomic) members */

    /* hub only */
    uint64_t seq;            /* of the latest message */
    char epoch[17];          /* of this numbering: another when the room is made anew */
    struct member **members; /* dense, for sending */
    uint32_t space;          /* slots of it */
    uint32_t by_dialect[DIALECT_COUNT];
    struct pending pending[DIALECT_COUNT];
    bool dirty; /* in the hub's list of rooms with something to do */
    struct room *dirty_next;
    /* merged notices */
    struct member **joined; /* not yet announced */
    uint32_t njoined;
    char (*left)[NAME_MAX_BYTES + 1];
    uint32_t nleft;
    int64_t announce_at; /* when the next merged notice is due; 0: none */
    struct room *announce_next;
    bool announcing; /* in the hub's list of rooms with such notices */

    struct cds_list_head list;    /* (rcu) members, for readers */
    struct cds_lfht_node by_name; /* of the directory */
    struct rcu_head rcu;
};
#define ROOM_MAGIC 0x4003a11eu

enum { NOTICE_MAX_NAMES = 256 }; /* names listed in one merged notice; the count is always right */

struct session *session_new(enum dialect dialect, const char *username, struct outbox *outbox);
void session_free(struct session *s);       /* was never in the directory */
void session_free_later(struct session *s); /* is out of the directory */
struct member *session_find(const struct session *s, const char *room);

struct room *room_new(const char *name);
void room_free_later(struct room *r); /* must be empty */
struct member *room_add(struct room *r, struct session *s);
void room_remove(struct member *m); /* frees it later */

/* Merged notices: notes that somebody came (is a member) or goes (still is one). A join that was never
 * announced and its leave cancel out. */
void room_note_join(struct member *m);
void room_note_leave(struct member *m);
void room_notes_clear(struct room *r);

#endif
