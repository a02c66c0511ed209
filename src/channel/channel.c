/* The bounded channel: a mutex and a ring, and two futexes to sleep on. See <hubbub/channel.h> for the
 * contract.
 *
 * Waking comes after unlocking, so that nobody wakes only to wait for the mutex: with eight senders at
 * once that would cost five times as much. The channel may be gone by then, for who receives one answer
 * may be done with it; so it is futexes, of which a wake needs nothing but the address, and no condition
 * variables, which are as fast but must still be there.
 *
 * A wait-free queue with an atomic count gains nothing (bench/bench-queue.c): one sender costs the same,
 * and several meet in its tail and in the count as they do in the mutex. */
#include "channel/futex.h"

#include <hubbub/channel.h>
#include <hubbub/check.h>
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

void channel_fini(struct channel *c)
{
    REQUIRE(c->count == 0 && c->senders_waiting == 0 && !c->receiver_waiting);
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

/* Sleeps until the word is counted on or the deadline; false when the deadline has passed. */
static bool wait_locked(struct channel *c, uint32_t *word, int64_t deadline)
{
    uint32_t seen = *word;
    pthread_mutex_unlock(&c->mu);
    bool in_time = futex_wait(word, seen, deadline);
    pthread_mutex_lock(&c->mu);
    return in_time;
}

/* The kernel reads the words without mu. */
static void count_on_locked(uint32_t *word)
{
    __atomic_store_n(word, *word + 1, __ATOMIC_RELAXED);
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
            err = wait_locked(c, &c->taken, deadline) ? 0 : ERR_TIMEOUT;
            c->senders_waiting--;
        }
    }
    if (c->closed)
        err = ERR_CLOSED;
    else if (c->count < c->capacity)
        err = 0; /* room came with the deadline */

    bool wake = err == 0 && c->receiver_waiting;
    if (err == 0) {
        if (c->count == c->space)
            grow_locked(c);
        c->ring[(c->head + c->count) & (c->space - 1)] = item;
        __atomic_store_n(&c->count, c->count + 1, __ATOMIC_RELAXED);
    }
    if (wake) {
        c->receiver_waiting = false;
        count_on_locked(&c->came);
    }
    pthread_mutex_unlock(&c->mu);
    if (wake)
        futex_wake(&c->came, 1);
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
            err = wait_locked(c, &c->came, deadline) ? 0 : ERR_TIMEOUT;
            c->receiver_waiting = false;
        }
    }
    uint32_t n = c->count < max ? c->count : max;
    for (uint32_t i = 0; i < n; i++)
        items[i] = c->ring[(c->head + i) & (c->space - 1)];
    /* No more than there is room for, or a crowd would wake only to sleep again. */
    uint32_t wake = n < c->senders_waiting ? n : c->senders_waiting;
    if (n > 0) {
        c->head = (c->head + n) & (c->space - 1);
        __atomic_store_n(&c->count, c->count - n, __ATOMIC_RELAXED);
    }
    if (wake > 0)
        count_on_locked(&c->taken);
    bool closed = c->closed;
    pthread_mutex_unlock(&c->mu);
    if (wake > 0)
        futex_wake(&c->taken, wake);
    if (n > 0)
        return (int)n;
    return closed ? ERR_CLOSED : err;
}

void channel_close(struct channel *c)
{
    pthread_mutex_lock(&c->mu);
    c->closed = true;
    count_on_locked(&c->came);
    count_on_locked(&c->taken);
    pthread_mutex_unlock(&c->mu);
    futex_wake(&c->came, UINT32_MAX);
    futex_wake(&c->taken, UINT32_MAX);
}

uint32_t channel_count(const struct channel *c)
{
    return __atomic_load_n(&c->count, __ATOMIC_RELAXED);
}
