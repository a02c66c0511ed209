/* The queues that are compared, and what they carry: between bench-queue.c, which runs them, and
 * bench-queue-candidates.c, which has them. */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include <hubbub/channel.h>
#include <hubbub/relay.h>
#include <urcu/wfstack.h>

enum { CAPACITY = 1024, BATCH = 64 };

struct item {
    struct cds_wfcq_node queued;
    struct cds_wfs_node stacked;
    struct item *next;     /* in the plain list, and of what was popped */
    struct parker *sender; /* who waits for the answer; NULL: nobody */
    uint32_t away;         /* atomic: in a queue */
};

/* How those without a lock of their own wait and are bounded. */
struct bound {
    uint32_t count;                             /* atomic */
    uint32_t receiver_waiting, senders_waiting; /* atomic */
    pthread_mutex_t mu;
    pthread_cond_t not_full, not_empty;
};

struct queue {
    struct channel channel;
    struct bound bound;
    struct cds_wfcq_tail tail __attribute__((aligned(64)));
    struct cds_wfcq_head head __attribute__((aligned(64)));
    struct __cds_wfs_stack stack __attribute__((aligned(64)));
    struct item *popped;         /* receiver only: the stack turned round */
    struct item *ring[CAPACITY]; /* under bound.mu */
    unsigned oldest;
    struct item *first, **last; /* a plain list, under `mu` */
    pthread_mutex_t mu;
};

void queue_init(struct queue *q);
void queue_fini(struct queue *q);

/* An inbox sends one item and takes up to BATCH; a list posts and takes one, or NULL. */
typedef void send_fn(struct queue *q, struct item *i);
typedef unsigned recv_fn(struct queue *q, struct item **items);

struct contest {
    const char *name;
    send_fn *send;
    recv_fn *recv;
};

enum { INBOXES = 5, LISTS = 3 };
extern const struct contest inboxes[INBOXES], lists[LISTS];

#endif
