/* Accounts of users and addresses, and the tables that hold them. */
#ifndef CLIENT_ACCOUNT_H
#define CLIENT_ACCOUNT_H

#include <hubbub/limits.h>
#include <pthread.h>

/* Messages have two rates: a burst, and what may be kept up for a minute. */
enum {
    BUCKET_MINUTE = RATE_COUNT,
    BUCKET_STRIKES,
    BUCKET_PASSWORDS,
    BUCKET_GUESTS, /* new ones, of an address */
    BUCKET_COUNT
};

/* Of a user or of an address. */
struct account {
    uint32_t hash; /* set once, like key */
    /* under mu of its table */
    struct account *next; /* in the slot */
    uint32_t visits;
    /* atomic */
    int64_t refused_until;
    struct bucket buckets[BUCKET_COUNT];
    char key[]; /* user id or address_subject() */
};

struct accounts {
    uint64_t seed; /* set once: nobody outside knows which keys collide */
    pthread_mutex_t mu;
    /* under mu */
    struct account **slots;
    uint32_t nslots; /* a power of two */
    uint32_t count;
};

void accounts_init(struct accounts *t);
void accounts_fini(struct accounts *t); /* no visits must be left */

/* NULL when there is none. With mu held, like the next. */
struct account *accounts_find_locked(const struct accounts *t, const char *key);
/* Made when there is none. It stays as long as it has visits, or is not what a new one would be. */
struct account *accounts_get_locked(struct accounts *t, const char *key, int64_t now);

#endif
