/* Ranks in a room, what rooms are like, and what a token grants: words that the wire, the store and the
 * rooms share. Who may do what: room.h. */
#ifndef HUBBUB_RANK_H
#define HUBBUB_RANK_H

#include <hubbub/text.h>
#include <stddef.h>

/* Low to high. The operator runs the server (--admin) and is above every room's own people. */
#define RANK_TABLE(X)         \
    X(GUEST, "guest")         \
    X(MEMBER, "member")       \
    X(MODERATOR, "moderator") \
    X(ADMIN, "admin")         \
    X(OWNER, "owner")         \
    X(OPERATOR, "operator")

enum rank {
#define X(name, wire) RANK_##name,
    RANK_TABLE(X)
#undef X
        RANK_COUNT
};

#define VISIBILITY_TABLE(X)     \
    X(PUBLIC, "public")         \
    X(RESTRICTED, "restricted") \
    X(PRIVATE, "private")

enum visibility {
#define X(name, wire) VISIBILITY_##name,
    VISIBILITY_TABLE(X)
#undef X
        VISIBILITY_COUNT
};

/* What is done to people, as the ledger of a room and its `moderation` events name it. */
#define ACTION_TABLE(X) \
    X(KICK, "kick")     \
    X(BAN, "ban")       \
    X(UNBAN, "unban")   \
    X(MUTE, "mute")     \
    X(UNMUTE, "unmute") \
    X(ADD, "add")       \
    X(REMOVE, "remove") \
    X(ROLE, "role")     \
    X(DELETE, "delete") \
    X(UNDO, "undo")

enum action {
#define X(name, wire) ACTION_##name,
    ACTION_TABLE(X)
#undef X
        ACTION_COUNT
};

const char *rank_name(enum rank r);
const char *visibility_name(enum visibility v);
const char *action_name(enum action a);
/* The value, or -1 when nothing is called so. Operators are not made by name. */
int rank_from_name(const char *name);
int visibility_from_name(const char *name);

/* The rooms that a token opens, and the least rank it gives there. Immutable. "*" stands for the rest. */
struct grants {
    size_t n;
    struct grant {
        char room[NAME_MAX_BYTES + 1];
        enum rank rank;
    } grant[];
};

/* The rank granted in this room, or -1 when the room is not among them. */
int grants_find(const struct grants *g, const char *room);

#endif
