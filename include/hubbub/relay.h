/* The relay: who writes next, without a stampede.
 *
 * When the hub has filled a thousand outboxes, waking a thousand writers costs a thousand futex calls
 * and two thousand context switches, far more than the writing itself. So work is passed on as a relay
 * passes its baton: every outbox with frames is a task in one list, a few sleeping writers (one per
 * core) are woken, and a writer that is awake carries the tasks in the list, its neighbours' as well as
 * its own, until the list is empty or its turn is over; then it wakes the next one and goes back to
 * sleep. It is what Go's scheduler does when a running thread takes up the next goroutine.
 *
 * A task that cannot go on without waiting (its socket is full, or it is closing) goes back to its
 * owner, and to its owner only: nobody ever waits on behalf of somebody else.
 *
 *     IDLE ──post──▶ QUEUED ──carry──▶ RUNNING ──done──▶ IDLE
 *                       ▲                 │ post
 *                       └─────done───── AGAIN
 *     RUNNING or AGAIN ──must wait──▶ OWNER ──relay_release()──▶ IDLE, and posted at once
 *     IDLE ──relay_retire()──▶ DEAD
 *
 * What must hold, and test/model/relay.pml proves: work posted to a task is carried or with its owner,
 * never lost; a task is in the list at most once and carried by one thread at a time; while the list is
 * not empty some writer has a place among the carriers, and whoever has one does not sleep before it
 * has found the list empty or passed its place on.
 *
 * Memory: whoever frees a task or a parker does so after a grace period (rcu_defer), because a waker may
 * still be looking at it.
 */
#ifndef HUBBUB_RELAY_H
#define HUBBUB_RELAY_H

#include <hubbub/rcu.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- a place for one thread to sleep -------------------------------------------------------------- */

/* Bits of what a sleeper was woken for. */
enum wake {
    WAKE_CARRY = 1, /* you have a place among the carriers: relay_carry() */
    WAKE_OWNER = 2, /* your task is back with you */
    WAKE_STOP = 4,  /* look at your flags */
};

struct parker {
    uint32_t word; /* atomic: PARKED and enum wake bits */
};

void parker_init(struct parker *p);
/* Sleeps until woken or the deadline; returns and clears the bits, 0 at the deadline. Wakes that came
 * before return at once. One thread only. */
unsigned parker_wait(struct parker *p, int64_t deadline);
/* Any thread, inside a read section when the parker may be freed. */
void parker_wake(struct parker *p, enum wake bit);
/* The two halves of it: the first leaves the bit and returns what was there before, the second makes the
 * system call when parker_sleeps(before). */
uint32_t parker_set(struct parker *p, enum wake bit);
bool parker_sleeps(uint32_t before);
void parker_rouse(struct parker *p);

/* ---- tasks and the list --------------------------------------------------------------------------- */

enum task_state { TASK_IDLE, TASK_QUEUED, TASK_RUNNING, TASK_AGAIN, TASK_OWNER, TASK_DEAD };

struct relay_task;
/* Does what there is to do without waiting. True: done. False: the owner must go on. */
typedef bool relay_run_fn(struct relay_task *t);

struct relay_task {
    struct cds_wfcq_node node; /* in the list while QUEUED */
    uint32_t state;            /* atomic: enum task_state */
    struct parker *owner;      /* set once: who is woken for it */
    relay_run_fn *run;         /* set once */
};

struct relay;

enum { RELAY_MAX_CARRIERS = 64 };

/* carriers: how many may be awake at once, 1 to RELAY_MAX_CARRIERS. */
struct relay *relay_new(unsigned carriers);
void relay_free(struct relay *r); /* the list must be empty */

void relay_task_init(struct relay_task *t, struct parker *owner, relay_run_fn *run);

/* Any thread: there is work for this task. Wakes nobody. */
void relay_post(struct relay *r, struct relay_task *t);
/* Any thread, after a batch of posts: sees to it that somebody carries. */
void relay_kick(struct relay *r);

/* A writer that was woken with WAKE_CARRY, which it must answer with this: carries until the list is
 * empty or its turn is over. */
void relay_carry(struct relay *r);

/* Owner: the task is in state OWNER? */
bool relay_owns(const struct relay_task *t);
/* Any thread: somebody carries it, or will when it is posted; not so while it is with its owner, or dead. */
bool relay_will_carry(const struct relay_task *t);
/* Owner: gives it back; it is posted, so that what came meanwhile is seen. */
void relay_release(struct relay *r, struct relay_task *t);
/* Owner: returns when nobody carries the task and nobody will again: posts are ignored from then on.
 * Carries for others meanwhile, if its parker was given a place. */
void relay_retire(struct relay *r, struct relay_task *t);

struct relay_stats {
    uint64_t wakes, carried, turns, handed_back; /* since the start */
    uint32_t active; /* places given away now: 0 when there is nothing to do */
};
void relay_read_stats(const struct relay *r, struct relay_stats *out);

#endif
