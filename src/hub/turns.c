/* See turns.h. Threads that ask; the mutex is held for a few instructions. */
#include "hub/turns.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/text.h>
#include <string.h>
#include <time.h>

void turns_init(struct turns *t)
{
    pthread_mutex_init(&t->mu, NULL);
    t->first = NULL;
}

void turns_fini(struct turns *t)
{
    pthread_mutex_destroy(&t->mu);
}

static void init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

static bool is_same(const struct turn *a, const struct turn *b)
{
    return strcmp(a->user_id, b->user_id) == 0 &&
           (a->user_id[0] != '\0' || strcmp(a->address, b->address) == 0);
}

static bool is_near(const struct turn *a, const struct turn *b)
{
    return a->round == b->round && a->address[0] != '\0' && strcmp(a->address, b->address) == 0;
}

static bool is_before(const struct turn *a, const struct turn *b)
{
    return a->round != b->round ? a->round < b->round : a->near <= b->near;
}

void turn_enter(struct turns *t, struct turn *own, const char *user_id, const char *address)
{
    *own = (struct turn){.next = NULL};
    init_cond(&own->came);
    text_copy(own->user_id, sizeof own->user_id, user_id, strlen(user_id));
    text_copy(own->address, sizeof own->address, address, strlen(address));
    pthread_mutex_lock(&t->mu);
    for (const struct turn *other = t->first; other != NULL; other = other->next)
        own->round += is_same(other, own);
    for (const struct turn *other = t->first; other != NULL; other = other->next)
        own->near += is_near(other, own);
    struct turn **link = t->first == NULL ? &t->first : &t->first->next;
    while (*link != NULL && is_before(*link, own))
        link = &(*link)->next;
    own->next = *link;
    *link = own;
    pthread_mutex_unlock(&t->mu);
}

/* Only who comes next is woken: hundreds may wait. */
static void leave(struct turns *t, struct turn *own)
{
    struct turn **link = &t->first;
    while (*link != own)
        link = &(*link)->next;
    *link = own->next;
    if (link == &t->first && t->first != NULL)
        pthread_cond_signal(&t->first->came);
    pthread_cond_destroy(&own->came);
}

int turn_await(struct turns *t, struct turn *own, int64_t deadline)
{
    const struct timespec until = {deadline / NS_PER_S, deadline % NS_PER_S};
    int failed = 0;
    pthread_mutex_lock(&t->mu);
    while (t->first != own && failed == 0)
        failed = pthread_cond_timedwait(&own->came, &t->mu, &until);
    int err = t->first == own ? 0 : ERR_FULL;
    if (err != 0)
        leave(t, own);
    pthread_mutex_unlock(&t->mu);
    return err;
}

void turn_end(struct turns *t, struct turn *own)
{
    pthread_mutex_lock(&t->mu);
    leave(t, own);
    pthread_mutex_unlock(&t->mu);
}
