/* Private conversations and blocks: who has one with whom, and who wants to hear nothing of whom. Plain data of the hub
 * thread. What is said in one is the business of a room, which exists while it is needed; here is only that there is
 * one: about 220 bytes each, and 100 for everybody who has any. */
#ifndef HUBBUB_PAIRS_H
#define HUBBUB_PAIRS_H

#include <hubbub/text.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BLOCKS_MAX = 1000,      /* of one user */
    PAIRS_BEGUN_MAX = 2000, /* by one user */
};

struct pair_user;

/* What pairs and users have in common: a place in a table. */
struct pair_node {
    struct pair_node *next;
    const char *key;
};

/* A conversation. */
struct pair {
    struct pair_node node;    /* by its room */
    struct pair_user *who[2]; /* the first has begun it */
    char *username[2];        /* what the other knows them by */
    uint64_t look[2];         /* what that looks like, hashed */
    uint64_t seq;             /* of the last message; 0: none yet */
    int64_t ts;               /* then, ms since 1970 */
    bool blocks[2];           /* [i]: who[i] blocks the other */
    char room[PAIR_ROOM_LEN + 1];
};

struct block {
    int64_t ts; /* since then */
    const char *user_id, *username;
    char text[];
};

/* Somebody who has conversations, or blocks others. */
struct pair_user {
    struct pair_node node; /* by its id */
    struct pair **pairs;
    struct block **blocks;
    uint32_t npairs, pairs_space, nblocks, begun;
    char id[];
};

struct pairs *pairs_new(void);
void pairs_free(struct pairs *p);
size_t pairs_count(const struct pairs *p);

struct pair *pairs_find(const struct pairs *p, const char *room); /* NULL: no such */
struct pair *pairs_between(const struct pairs *p, const char *user_id, const char *other_id);
/* The user's conversation with somebody of this id or, else, of this name, or else of one that looks like it: as those
 * who are here are found. The latest; NULL: none. */
struct pair *pairs_with(const struct pairs *p, const char *user_id, const char *other);
/* What belongs to a user, or NULL when there is nothing. */
const struct pair_user *pairs_user(const struct pairs *p, const char *user_id);
/* The one of which nothing was heard for longest, as far as `may` lets it go; NULL: none. */
typedef bool pairs_may_fn(void *arg, const struct pair *pair);
struct pair *pairs_oldest(const struct pairs *p, pairs_may_fn *may, void *arg);

/* There must be none of the two yet. */
struct pair *pairs_begin(struct pairs *p, const char *room, const char *by_id, const char *by_name,
                         const char *other_id, const char *other_name);
void pairs_end(struct pairs *p, struct pair *pair);
int pair_side(const struct pair *pair, const char *user_id); /* 0, 1, or -1: neither */
const char *pair_id(const struct pair *pair, int side);
/* False: that is the name already. */
bool pairs_rename(const struct pairs *p, struct pair *pair, int side, const char *username);

bool pairs_blocks(const struct pairs *p, const char *by_id, const char *user_id);
/* NULL: too many. One that is there is only returned. */
const struct block *pairs_block(struct pairs *p, const char *by_id, const char *user_id,
                                const char *username, int64_t ts);
/* By id or, else, by name; NULL: none. */
const struct block *pairs_block_of(const struct pairs *p, const char *by_id, const char *user);
void pairs_unblock(struct pairs *p, const char *by_id, const char *user_id);

#endif
