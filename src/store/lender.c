/* See lender.h. The one that came back last is lent first: what it knows is still in the caches. */
#include "store/lender.h"

#include <stddef.h>

void lender_init(struct lender *l)
{
    pthread_mutex_init(&l->mu, NULL);
    pthread_cond_init(&l->came_back, NULL);
    l->idle = NULL;
}

void lender_fini(struct lender *l)
{
    pthread_cond_destroy(&l->came_back);
    pthread_mutex_destroy(&l->mu);
}

struct lent *lender_borrow(struct lender *l)
{
    pthread_mutex_lock(&l->mu);
    while (l->idle == NULL)
        pthread_cond_wait(&l->came_back, &l->mu);
    struct lent *x = l->idle;
    l->idle = x->next;
    pthread_mutex_unlock(&l->mu);
    return x;
}

void lender_give_back(struct lender *l, struct lent *x)
{
    pthread_mutex_lock(&l->mu);
    x->next = l->idle;
    l->idle = x;
    pthread_cond_signal(&l->came_back);
    pthread_mutex_unlock(&l->mu);
}
