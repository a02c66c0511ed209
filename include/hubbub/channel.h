/* A bounded channel: many senders, one receiver; what a Go channel is between two goroutines.
 *
 * Items are pointers and the channel never looks at them. Whoever sent an item successfully has given
 * it away; the receiver owns what it got. Order is that of the sends.
 *
 * Closing: sends fail from then on, what was accepted is still received, then the receiver is told
 * ERR_CLOSED. Everybody who waits is woken.
 *
 * Waking: a side is woken only if it sleeps, and once. Deadlines are absolute (clock.h).
 *
 *              | send  recv  close  count | may these two overlap?
 *     send     |  yes   yes   yes    yes
 *     recv     |        no    yes    yes     one receiver at a time; it may change from call to call
 *     close    |              yes    yes     when the calls are ordered by the caller
 *     init/fini: nothing may overlap
 */
#ifndef HUBBUB_CHANNEL_H
#define HUBBUB_CHANNEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct channel {
    uint32_t capacity; /* set once */

    pthread_mutex_t mu;
    /* under mu */
    void **ring;    /* grows by doubling up to capacity, so an idle channel costs little */
    uint32_t space; /* slots of ring: a power of two */
    uint32_t head;  /* slot of the oldest item */
    uint32_t count; /* items in it; also read without mu by channel_count() */
    uint32_t senders_waiting; /* asleep on `taken`, or on the way there or back */
    bool receiver_waiting; /* the same on `came`; false again when somebody is about to wake it */
    bool closed;
    /* Counted on under mu, by whoever then wakes; slept on without it. */
    uint32_t taken; /* there is room */
    uint32_t came;  /* there are items */
};

/* capacity: 1 to 2^30 items. */
void channel_init(struct channel *c, uint32_t capacity);
/* Must be empty and unused. */
void channel_fini(struct channel *c);

/* 0, ERR_CLOSED, ERR_FULL (deadline DEADLINE_NOW) or ERR_TIMEOUT. */
int channel_send(struct channel *c, void *item, int64_t deadline);

/* Takes all that waits, at most max (>= 1), blocking until there is at least one item. Returns how many,
 * ERR_CLOSED (closed and empty), ERR_AGAIN (deadline DEADLINE_NOW, nothing there) or ERR_TIMEOUT. */
int channel_recv(struct channel *c, void **items, uint32_t max, int64_t deadline);

/* Idempotent. */
void channel_close(struct channel *c);

/* Items in it now: a hint for others than the receiver. */
uint32_t channel_count(const struct channel *c);

#endif
