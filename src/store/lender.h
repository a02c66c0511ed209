/* Things of which each is one thread's at a time: connections to a database. Any thread. */
#ifndef HUBBUB_STORE_LENDER_H
#define HUBBUB_STORE_LENDER_H

#include <pthread.h>

/* Begins what is lent. */
struct lent {
    struct lent *next; /* the lender's */
};

struct lender {
    pthread_mutex_t mu;
    pthread_cond_t came_back;
    struct lent *idle; /* under mu */
};

void lender_init(struct lender *l);
/* All of them may be gone already. */
void lender_fini(struct lender *l);
/* Waits until there is one. */
struct lent *lender_borrow(struct lender *l);
/* For the first time, too. */
void lender_give_back(struct lender *l, struct lent *x);

#endif
