/* What a client asks for: plain data, decoded from the wire by protocol/, carried to the hub in an event. */
#ifndef HUBBUB_REQUEST_H
#define HUBBUB_REQUEST_H

#include <hubbub/file.h>
#include <hubbub/rank.h>
#include <hubbub/text.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes, without the NUL (PROTOCOL). */
enum {
    REQUEST_ID_MAX = 64,
    TITLE_MAX = 128,
    TOPIC_MAX = 512,
    REASON_MAX = 500,
    PASSWORD_MAX = 128,
    INVITE_MAX = 32,
    SECONDS_MAX = 10 * 365 * 86400,
    SLOW_MODE_MAX = 86400,
    MAX_USERS_MAX = 1000000,
    EMOJI_MAX = 32,
    EPOCH_MAX = 16,
    HISTORY_MAX = 300,  /* messages of one page, and that a join brings */
    SEARCH_LIMIT = 100, /* messages that one search finds, or one list of mentions has */
    MENTIONS_MAX = 20,  /* people whom one message mentions */
};

/* The dialects of the wire: see src/protocol/PROTOCOL.md. */
enum dialect { DIALECT_CLASSIC, DIALECT_FULL, DIALECT_COUNT };

/* Wire name, enum, whether the hub must serialise it (1) or the reader answers it alone (0), and the
 * rate that it counts against (limits.h). */
#define REQUEST_TABLE(X)                           \
    X("join", JOIN, 1, JOINS)                      \
    X("leave", LEAVE, 1, REQUESTS)                 \
    X("message", MESSAGE, 1, MESSAGES)             \
    X("typing", TYPING, 1, REQUESTS)               \
    X("dm", DM, 1, MESSAGES)                       \
    X("conversations", CONVERSATIONS, 1, REQUESTS) \
    X("block", BLOCK, 1, MODERATION)               \
    X("unblock", UNBLOCK, 1, MODERATION)           \
    X("blocks", BLOCKS, 1, REQUESTS)               \
    X("edit", EDIT, 1, MESSAGES)                   \
    X("delete", DELETE, 1, MODERATION)             \
    X("react", REACT, 1, REQUESTS)                 \
    X("history", HISTORY, 1, HISTORY)              \
    X("search", SEARCH, 1, HISTORY)                \
    X("mentions", MENTIONS, 1, HISTORY)            \
    X("read", MARK, 1, REQUESTS)                   \
    X("members", MEMBERS, 0, REQUESTS)             \
    X("rooms", ROOMS, 0, REQUESTS)                 \
    X("create", CREATE, 1, CREATES)                \
    X("update", UPDATE, 1, MODERATION)             \
    X("settings", SETTINGS, 1, REQUESTS)           \
    X("destroy", DESTROY, 1, MODERATION)           \
    X("invite", INVITE, 1, MODERATION)             \
    X("add", ADD, 1, MODERATION)                   \
    X("remove", REMOVE, 1, MODERATION)             \
    X("kick", KICK, 1, MODERATION)                 \
    X("ban", BAN, 1, MODERATION)                   \
    X("unban", UNBAN, 1, MODERATION)               \
    X("mute", MUTE, 1, MODERATION)                 \
    X("unmute", UNMUTE, 1, MODERATION)             \
    X("role", ROLE, 1, MODERATION)                 \
    X("ledger", LEDGER, 1, HISTORY)                \
    X("undo", UNDO, 1, MODERATION)                 \
    X("why", WHY, 1, REQUESTS)                     \
    X("notice", NOTICE, 1, MODERATION)             \
    X("auth", AUTH, 0, REQUESTS)                   \
    X("ping", PING, 0, REQUESTS)

enum request_type {
#define X(wire, name, hub, rate) REQUEST_##name,
    REQUEST_TABLE(X)
#undef X
        REQUEST_COUNT
};

/* Settings of a room that a request names. */
enum room_field {
    ROOM_TITLE = 1,
    ROOM_TOPIC = 2,
    ROOM_VISIBILITY = 4,
    ROOM_MAX_USERS = 8,
    ROOM_PASSWORD = 16,
    ROOM_SLOW_MODE = 32,
    ROOM_HIDES_PAST = 64,
};

/* Which messages `history` asks for. */
enum history_from { HISTORY_LATEST, HISTORY_BEFORE, HISTORY_AFTER, HISTORY_AROUND };

/* Somebody who may be meant by a name behind an `@`: the hub knows who is there. */
struct mention_guess {
    uint32_t at; /* of the content: of several at one place one is meant */
    char user_id[NAME_MAX_BYTES + 1];
};

/* What only some requests have: create, update and what moderators ask for, what is asked of and done to messages,
 * auth; joins and messages that bring more than usual. Strings are owned, plain text, NULL when absent. */
struct request_args {
    char user[NAME_MAX_BYTES + 1]; /* dm: `to`. A userId or a username; "" when absent */
    char *reason;
    int64_t seconds; /* 0: without end */
    bool address;    /* ban: the user's addresses, too */
    enum rank role;
    uint64_t seq;              /* delete, edit, react, read */
    char emoji[EMOJI_MAX + 1]; /* react */
    bool remove;               /* react: take it back */
    enum history_from from;    /* history */
    uint64_t at;               /* history: before, after or around this seq */
    bool since_given;          /* join: with `since` and `epoch` */
    uint64_t since;            /* join: the last seq that the client has */
    char epoch[EPOCH_MAX + 1]; /* join: and of which numbering */
    uint32_t history;          /* join: so many of the latest messages, 0: none */
    uint32_t nfiles;           /* message: files that come with it */
    char files[FILES_PER_MESSAGE][FILE_ID_LEN + 1];
    uint64_t entry; /* undo; ledger: only older ones, 0: from the newest */
    uint32_t limit; /* ledger, history, search, mentions; 0: the usual */
    char *token;    /* auth */
    /* join, create, update; "" takes it away. Wiped by whoever hashes or checks it: then "" */
    char *password;
    char invite[INVITE_MAX + 1]; /* join; "" when absent */

    unsigned given; /* enum room_field: create, update */
    char *title, *topic;
    enum visibility visibility;
    uint32_t max_users, slow_mode;
    bool hides_past;

    /* Filled in by the reader, not from the wire. */
    char *password_hash;  /* create, update: of password. join: what it has proved. NULL: none */
    unsigned retry_after; /* why: seconds until the rate allows a message, 0: now */
    /* message: owned, by the places where they stand, the longest name first */
    struct mention_guess *guesses;
    uint32_t nguesses;
    bool names_room; /* message: it says @room */
};

struct request {
    enum request_type type;
    char id[REQUEST_ID_MAX + 1];   /* "" when the client gave none */
    char room[NAME_MAX_BYTES + 1]; /* "" when the client gave none */
    bool stay;                     /* join: keep the other rooms */
    bool typing_paused;            /* typing: state is "paused", not "active" */
    /* Owned, may be NULL. message, edit, dm: the content, and ping: t, as JSON text, quoted and escaped, ready to
     * be put into a frame; notice: likewise; rooms, search: the query as plain text. Ends with a NUL that text_len
     * leaves out. */
    char *text;
    size_t text_len;
    char cursor[NAME_MAX_BYTES + 1]; /* rooms, mentions: where to go on; "" from the start */
    uint64_t reply_to;               /* message: the seq that it answers, 0: none */
    /* Owned; NULL: none. A join or a message may have some; the others that take any have them always. */
    struct request_args *args;
};

void request_fini(struct request *r); /* frees what it owns; wipes secrets */

#endif
