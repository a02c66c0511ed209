/* The candidates: our channel, what liburcu offers, and what one would write with a mutex. */
#include "bench-queue.h"

#include <hubbub/clock.h>
#include <string.h>

/* ---- how the queues without a lock wait and are bounded: an atomic count, and a mutex and two
 *      conditions as in channel.c for those who have to sleep ------------------------------------- */

static void bound_init(struct bound *b)
{
    memset(b, 0, sizeof *b);
    pthread_mutex_init(&b->mu, NULL);
    pthread_cond_init(&b->not_full, NULL);
    pthread_cond_init(&b->not_empty, NULL);
}

static bool bound_try(struct bound *b)
{
    uint32_t n = __atomic_load_n(&b->count, __ATOMIC_SEQ_CST);
    while (n < CAPACITY)
        if (__atomic_compare_exchange_n(&b->count, &n, n + 1, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

static void bound_enter(struct bound *b)
{
    if (bound_try(b))
        return;
    pthread_mutex_lock(&b->mu);
    __atomic_fetch_add(&b->senders_waiting, 1, __ATOMIC_SEQ_CST);
    while (!bound_try(b))
        pthread_cond_wait(&b->not_full, &b->mu);
    __atomic_fetch_sub(&b->senders_waiting, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&b->mu);
}

/* After the item is in the queue. */
static void bound_tell(struct bound *b)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&b->receiver_waiting, __ATOMIC_SEQ_CST) == 0)
        return;
    pthread_mutex_lock(&b->mu);
    if (__atomic_exchange_n(&b->receiver_waiting, 0, __ATOMIC_SEQ_CST))
        pthread_cond_signal(&b->not_empty);
    pthread_mutex_unlock(&b->mu);
}

static void bound_leave(struct bound *b, uint32_t n)
{
    __atomic_fetch_sub(&b->count, n, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&b->senders_waiting, __ATOMIC_SEQ_CST) == 0)
        return;
    pthread_mutex_lock(&b->mu);
    for (uint32_t i = 0; i < n && i < b->senders_waiting; i++)
        pthread_cond_signal(&b->not_full);
    pthread_mutex_unlock(&b->mu);
}

void queue_init(struct queue *q)
{
    channel_init(&q->channel, CAPACITY);
    bound_init(&q->bound);
    cds_wfcq_init(&q->head, &q->tail);
    __cds_wfs_init(&q->stack);
    q->popped = NULL;
    q->oldest = 0;
    q->first = NULL;
    q->last = &q->first;
    pthread_mutex_init(&q->mu, NULL);
}

void queue_fini(struct queue *q)
{
    channel_fini(&q->channel);
    cds_wfcq_destroy(&q->head, &q->tail);
}

/* ---- inboxes: what is taken by one receiver, many at a time ------------------------------------ */

static void channel_put(struct queue *q, struct item *i)
{
    channel_send(&q->channel, i, DEADLINE_NEVER);
}

static unsigned channel_get(struct queue *q, struct item **items)
{
    return (unsigned)channel_recv(&q->channel, (void **)items, BATCH, DEADLINE_NEVER);
}

/* The same, with condition variables where the channel has its futexes: signalled under the mutex, as
 * it must be when the channel may be gone once the item is taken, or after it. */
static void cond_send(struct queue *q, struct item *i, bool under_mutex)
{
    struct bound *b = &q->bound;
    pthread_mutex_lock(&b->mu);
    while (b->count == CAPACITY) {
        b->senders_waiting++;
        pthread_cond_wait(&b->not_full, &b->mu);
        b->senders_waiting--;
    }
    q->ring[(q->oldest + b->count++) % CAPACITY] = i;
    bool wake = b->receiver_waiting;
    b->receiver_waiting = 0;
    if (wake && under_mutex)
        pthread_cond_signal(&b->not_empty);
    pthread_mutex_unlock(&b->mu);
    if (wake && !under_mutex)
        pthread_cond_signal(&b->not_empty);
}

static unsigned cond_recv(struct queue *q, struct item **items, bool under_mutex)
{
    struct bound *b = &q->bound;
    pthread_mutex_lock(&b->mu);
    while (b->count == 0) {
        b->receiver_waiting = 1;
        pthread_cond_wait(&b->not_empty, &b->mu);
        b->receiver_waiting = 0;
    }
    unsigned n = b->count < BATCH ? b->count : BATCH;
    for (unsigned i = 0; i < n; i++)
        items[i] = q->ring[q->oldest++ % CAPACITY];
    b->count -= n;
    unsigned wake = n < b->senders_waiting ? n : b->senders_waiting;
    for (; under_mutex && wake > 0; wake--)
        pthread_cond_signal(&b->not_full);
    pthread_mutex_unlock(&b->mu);
    for (; wake > 0; wake--)
        pthread_cond_signal(&b->not_full);
    return n;
}

static void under_put(struct queue *q, struct item *i)
{
    cond_send(q, i, true);
}

static unsigned under_get(struct queue *q, struct item **items)
{
    return cond_recv(q, items, true);
}

static void after_put(struct queue *q, struct item *i)
{
    cond_send(q, i, false);
}

static unsigned after_get(struct queue *q, struct item **items)
{
    return cond_recv(q, items, false);
}

/* Sleeps until `empty` is false; it is looked at again after everybody can see that we wait. */
#define SLEEP_WHILE(q, empty)                                                    \
    do {                                                                         \
        pthread_mutex_lock(&(q)->bound.mu);                                      \
        for (;;) {                                                               \
            __atomic_store_n(&(q)->bound.receiver_waiting, 1, __ATOMIC_SEQ_CST); \
            __atomic_thread_fence(__ATOMIC_SEQ_CST);                             \
            if (!(empty))                                                        \
                break;                                                           \
            pthread_cond_wait(&(q)->bound.not_empty, &(q)->bound.mu);            \
        }                                                                        \
        __atomic_store_n(&(q)->bound.receiver_waiting, 0, __ATOMIC_SEQ_CST);     \
        pthread_mutex_unlock(&(q)->bound.mu);                                    \
    } while (0)

static void wfcq_put(struct queue *q, struct item *i)
{
    bound_enter(&q->bound);
    cds_wfcq_node_init(&i->queued);
    cds_wfcq_enqueue(&q->head, &q->tail, &i->queued);
    bound_tell(&q->bound);
}

static unsigned wfcq_get(struct queue *q, struct item **items)
{
    unsigned n = 0;
    while (n == 0) {
        struct cds_wfcq_node *node;
        /* One receiver: the dequeue lock is not needed. */
        while (n < BATCH && (node = __cds_wfcq_dequeue_blocking(&q->head, &q->tail)) != NULL)
            items[n++] = caa_container_of(node, struct item, queued);
        if (n == 0)
            SLEEP_WHILE(q, cds_wfcq_empty(&q->head, &q->tail));
    }
    bound_leave(&q->bound, n);
    return n;
}

static void stack_put(struct queue *q, struct item *i)
{
    bound_enter(&q->bound);
    cds_wfs_node_init(&i->stacked);
    cds_wfs_push(&q->stack, &i->stacked);
    bound_tell(&q->bound);
}

static void pop_all(struct queue *q)
{
    struct cds_wfs_head *all = __cds_wfs_pop_all(&q->stack);
    for (struct cds_wfs_node *n = all != NULL ? cds_wfs_first(all) : NULL; n != NULL;) {
        struct item *i = caa_container_of(n, struct item, stacked);
        n = cds_wfs_next_blocking(n);
        i->next = q->popped;
        q->popped = i;
    }
}

static unsigned stack_get(struct queue *q, struct item **items)
{
    unsigned n = 0;
    while (n == 0) {
        if (q->popped == NULL)
            pop_all(q);
        for (; n < BATCH && q->popped != NULL; q->popped = q->popped->next)
            items[n++] = q->popped;
        if (n == 0)
            SLEEP_WHILE(q, cds_wfs_empty(&q->stack));
    }
    bound_leave(&q->bound, n);
    return n;
}

/* ---- lists: what is taken one at a time, by any of several carriers ------------------------------ */

static void wfcq_post(struct queue *q, struct item *i)
{
    cds_wfcq_node_init(&i->queued);
    cds_wfcq_enqueue(&q->head, &q->tail, &i->queued);
}

static unsigned wfcq_take(struct queue *q, struct item **item)
{
    struct cds_wfcq_node *node = cds_wfcq_dequeue_blocking(&q->head, &q->tail);
    if (node != NULL)
        *item = caa_container_of(node, struct item, queued);
    return node != NULL;
}

static void stack_post(struct queue *q, struct item *i)
{
    cds_wfs_node_init(&i->stacked);
    cds_wfs_push(&q->stack, &i->stacked);
}

static unsigned stack_take(struct queue *q, struct item **item)
{
    pthread_mutex_lock(&q->mu);
    if (q->popped == NULL)
        pop_all(q);
    struct item *i = q->popped;
    if (i != NULL)
        q->popped = i->next;
    pthread_mutex_unlock(&q->mu);
    *item = i;
    return i != NULL;
}

static void plain_post(struct queue *q, struct item *i)
{
    i->next = NULL;
    pthread_mutex_lock(&q->mu);
    *q->last = i;
    q->last = &i->next;
    pthread_mutex_unlock(&q->mu);
}

static unsigned plain_take(struct queue *q, struct item **item)
{
    pthread_mutex_lock(&q->mu);
    struct item *i = q->first;
    if (i != NULL && (q->first = i->next) == NULL)
        q->last = &q->first;
    pthread_mutex_unlock(&q->mu);
    *item = i;
    return i != NULL;
}

const struct contest inboxes[INBOXES] = {
    {"channel", channel_put, channel_get},
    {"conditions under mutex", under_put, under_get},
    {"conditions after unlock", after_put, after_get},
    {"wfcqueue", wfcq_put, wfcq_get},
    {"wfstack", stack_put, stack_get},
};
const struct contest lists[LISTS] = {
    {"wfcqueue", wfcq_post, wfcq_take},
    {"wfstack", stack_post, stack_take},
    {"mutex and list", plain_post, plain_take},
};
