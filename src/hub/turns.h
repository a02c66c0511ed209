/* Whose turn it is to search: one at a time does, and each user's first comes before anybody's second. Of the firsts, those
 * of one address wait for those of others: guests are made for nothing. */
#ifndef HUB_TURNS_H
#define HUB_TURNS_H

#include <hubbub/address.h>
#include <hubbub/text.h>
#include <pthread.h>
#include <stdint.h>

struct turns {
    pthread_mutex_t mu;
    struct turn *first; /* it has the turn */
};

/* Its user's thread owns it. */
struct turn {
    struct turn *next;
    pthread_cond_t came;              /* to be the first */
    char user_id[NAME_MAX_BYTES + 1]; /* "": somebody at that address */
    char address[ADDRESS_SUBJECT];    /* "": this machine */
    unsigned round;                   /* how many of the user's were there before, */
    unsigned near;                    /* and of the address's in the same round */
};

void turns_init(struct turns *t);
void turns_fini(struct turns *t);
void turn_enter(struct turns *t, struct turn *own, const char *user_id, const char *address);
/* 0: it has the turn, until turn_end(). ERR_FULL: the others took until the deadline, and it is out. */
int turn_await(struct turns *t, struct turn *own, int64_t deadline);
void turn_end(struct turns *t, struct turn *own);

#endif
