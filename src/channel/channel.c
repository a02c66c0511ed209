/* The bounded channel: a mutex, a ring and two conditions. See <hubbub/channel.h> for the contract.
 *
 * The critical sections are a few instructions long, and bench/bench-queue.c measures that neither a
 * wait-free queue nor a futex of our own gains anything here. */
#include <hubbub/channel.h>
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <stdlib.h>

enum { FIRST_SPACE = 4 };

void channel_init(struct channel *c, uint32_t capacity)
{
    REQUIRE(capacity >= 1 && capacity <= UINT32_C(1) << 30);
    *c = (struct channel){.capacity = capacity};
    pthread_mutex_init(&c->mu, NULL);
}

static void cond_free(pthread_cond_t *cond)
{
    if (cond != NULL)
        pthread_cond_destroy(cond);
    free(cond);
}

void channel_fini(struct channel *c)
{
    REQUIRE(c->count == 0 && c->senders_waiting == 0 && !c->receiver_waiting);
    cond_free(c->not_full);
    cond_free(c->not_empty);
    pthread_mutex_destroy(&c->mu);
    free(c->ring);
    c->ring = NULL;
}

static void grow_locked(struct channel *c)
{
    uint32_t space = c->space == 0 ? FIRST_SPACE : c->space * 2;
    void **ring = xmalloc(space * sizeof *ring);
    for (uint32_t i = 0; i < c->count; i++)
        ring[i] = c->ring[(c->head + i) & (c->space - 1)];
    free(c->ring);
    c->ring = ring;
    c->space = space;
    c->head = 0;
}

/* Sleeps until signalled or the deadline; false when the deadline has passed. */
static bool wait_locked(struct channel *c, pthread_cond_t **cond, int64_t deadline)
{
    if (*cond == NULL) {
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        *cond = xmalloc(sizeof **cond);
        pthread_cond_init(*cond, &attr);
        pthread_condattr_destroy(&attr);
    }
    if (deadline == DEADLINE_NEVER)
        return pthread_cond_wait(*cond, &c->mu) == 0;
    struct timespec ts = clock_timespec(deadline);
    return pthread_cond_timedwait(*cond, &c->mu, &ts) == 0;
}

int channel_send(struct channel *c, void *item, int64_t deadline)
{
    int err = 0;
    pthread_mutex_lock(&c->mu);
    while (!c->closed && c->count == c->capacity && err == 0) {
        if (deadline == DEADLINE_NOW) {
            err = ERR_FULL;
        } else {
            c->senders_waiting++;
            err = wait_locked(c, &c->not_full, deadline) ? 0 : ERR_TIMEOUT;
            c->senders_waiting--;
        }
    }
    if (c->closed)
        err = ERR_CLOSED;
    else if (c->count < c->capacity)
        err = 0; /* room came with the deadline */

    if (err == 0) {
        if (c->count == c->space)
            grow_locked(c);
        c->ring[(c->head + c->count) & (c->space - 1)] = item;
        __atomic_store_n(&c->count, c->count + 1, __ATOMIC_RELAXED);
        if (c->receiver_waiting) {
            c->receiver_waiting = false;
            /* Not after unlocking: the receiver may take the item at its deadline and be done with
             * the channel, condition and all. */
            pthread_cond_signal(c->not_empty);
        }
    }
    pthread_mutex_unlock(&c->mu);
    return err;
}

int channel_recv(struct channel *c, void **items, uint32_t max, int64_t deadline)
{
    REQUIRE(max >= 1);
    int err = 0;
    pthread_mutex_lock(&c->mu);
    while (c->count == 0 && !c->closed && err == 0) {
        if (deadline == DEADLINE_NOW) {
            err = ERR_AGAIN;
        } else {
            c->receiver_waiting = true;
            err = wait_locked(c, &c->not_empty, deadline) ? 0 : ERR_TIMEOUT;
            c->receiver_waiting = false;
        }
    }
    uint32_t n = c->count < max ? c->count : max;
    for (uint32_t i = 0; i < n; i++)
        items[i] = c->ring[(c->head + i) & (c->space - 1)];
    if (n > 0) {
        c->head = (c->head + n) & (c->space - 1);
        __atomic_store_n(&c->count, c->count - n, __ATOMIC_RELAXED);
        /* No more than there is room for, or a crowd would wake only to sleep again. */
        for (uint32_t i = 0; i < n && i < c->senders_waiting; i++)
            pthread_cond_signal(c->not_full);
    }
    bool closed = c->closed;
    pthread_mutex_unlock(&c->mu);
    if (n > 0)
        return (int)n;
    return closed ? ERR_CLOSED : err;
}

void channel_close(struct channel *c)
{
    pthread_mutex_lock(&c->mu);
    c->closed = true;
    if (c->not_empty != NULL)
        pthread_cond_broadcast(c->not_empty);
    if (c->not_full != NULL)
        pthread_cond_broadcast(c->not_full);
    pthread_mutex_unlock(&c->mu);
}

uint32_t channel_count(const struct channel *c)
{
    return __atomic_load_n(&c->count, __ATOMIC_RELAXED);
}
