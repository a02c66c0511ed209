/* What a queue costs: our channel beside what liburcu offers, for the two uses there are.
 *
 *   the hub's inbox: many senders, one receiver that takes batches, bounded, sleeping when empty
 *   the relay's list: many posters, a carrier that takes one task at a time, nobody sleeps in it
 *
 *     make build/release/bench/bench-queue && build/release/bench/bench-queue [ITEMS]
 *
 * Each cell is the median of rounds that take turns, in wall-clock ns per item with all threads on all
 * cores. "flood": every sender sends as fast as it can. "ask": every sender waits for the answer to one
 * item before it sends the next, so nearly each item finds somebody asleep. */
#include <hubbub/channel.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/rcu.h>
#include <hubbub/relay.h>
#include <hubbub/thread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/wfstack.h>

enum {
    CAPACITY = 1024,
    BATCH = 64,
    ROUNDS = 5,
    MAX_SENDERS = 64,
    STACK = 65536,
    OWN = 2 * CAPACITY
};

static const unsigned senders_of[] = {1, 2, 8, 64};
enum { COLUMNS = sizeof senders_of / sizeof senders_of[0] };

struct item {
    struct cds_wfcq_node queued;
    struct cds_wfs_node stacked;
    struct item *next;     /* in the plain list, and of what was popped */
    struct parker *sender; /* who waits for the answer; NULL: nobody */
    uint32_t away;         /* atomic: in a queue */
};

/* ---- how the queues without a lock wait and are bounded: an atomic count, and a mutex and two
 *      conditions as in channel.c for those who have to sleep ------------------------------------- */

struct bound {
    uint32_t count;                             /* atomic */
    uint32_t receiver_waiting, senders_waiting; /* atomic */
    pthread_mutex_t mu;
    pthread_cond_t not_full, not_empty;
};

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

/* ---- the candidates -------------------------------------------------------------------------------- */

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

static void queue_init(struct queue *q)
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

static void queue_fini(struct queue *q)
{
    channel_fini(&q->channel);
    cds_wfcq_destroy(&q->head, &q->tail);
}

/* An inbox sends one item and takes up to BATCH; a list posts and takes one, or NULL. */
typedef void send_fn(struct queue *q, struct item *i);
typedef unsigned recv_fn(struct queue *q, struct item **items);

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

/* ---- running --------------------------------------------------------------------------------------- */

struct contest {
    const char *name;
    send_fn *send;
    recv_fn *recv;
};

static const struct contest inboxes[] = {
    {"channel", channel_put, channel_get},
    {"conditions under mutex", under_put, under_get},
    {"conditions after unlock", after_put, after_get},
    {"wfcqueue", wfcq_put, wfcq_get},
    {"wfstack", stack_put, stack_get},
};
static const struct contest lists[] = {
    {"wfcqueue", wfcq_post, wfcq_take},
    {"wfstack", stack_post, stack_take},
    {"mutex and list", plain_post, plain_take},
};
enum { INBOXES = sizeof inboxes / sizeof inboxes[0], LISTS = sizeof lists / sizeof lists[0] };

struct sender {
    struct thread *thread;
    const struct contest *contest;
    struct queue *queue;
    struct item *items;
    unsigned own; /* how many of them it has */
    unsigned n;   /* how many times it sends one */
    bool asks;
    struct parker parker;
};

static unsigned sender_count; /* of the run */
static unsigned ready;        /* atomic: they start together */

static void wait_for_the_others(void)
{
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) <= sender_count)
        sched_yield();
}

/* An item of its own that is not in the queue. All senders together have twice what an inbox holds, so
 * that they meet its bound before they run out. */
static struct item *own_item(struct sender *s, unsigned k)
{
    struct item *i = &s->items[k % s->own];
    while (__atomic_load_n(&i->away, __ATOMIC_ACQUIRE))
        sched_yield();
    __atomic_store_n(&i->away, 1, __ATOMIC_RELAXED);
    return i;
}

static void sender_main(void *arg)
{
    struct sender *s = arg;
    wait_for_the_others();
    for (unsigned k = 0; k < s->n; k++) {
        struct item *i = own_item(s, k);
        i->sender = s->asks ? &s->parker : NULL;
        s->contest->send(s->queue, i);
        if (s->asks)
            parker_wait(&s->parker, DEADLINE_NEVER);
    }
}

static void take_all(const struct contest *c, struct queue *q, unsigned total, int64_t *worst)
{
    struct item *items[BATCH];
    for (unsigned got = 0; got < total;) {
        int64_t before = worst != NULL ? clock_now() : 0;
        unsigned n = c->recv(q, items);
        int64_t took = worst != NULL ? clock_now() - before : 0;
        if (worst != NULL && took > *worst)
            *worst = took;
        if (n == 0)
            sched_yield();
        for (unsigned k = 0; k < n; k++) {
            struct parker *sender = items[k]->sender;
            __atomic_store_n(&items[k]->away, 0, __ATOMIC_RELEASE);
            if (sender != NULL)
                parker_wake(sender, WAKE_STOP);
        }
        got += n;
    }
}

/* ns per item; the main thread takes. */
static double run(const struct contest *c, unsigned senders, unsigned items, bool asks,
                  int64_t *worst)
{
    static struct queue q;
    static struct sender s[MAX_SENDERS];
    static struct item pool[OWN];
    queue_init(&q);
    memset(pool, 0, sizeof pool);
    sender_count = senders;
    ready = 0;
    for (unsigned i = 0; i < senders; i++) {
        s[i] = (struct sender){.contest = c,
                               .queue = &q,
                               .items = pool + i * (OWN / senders),
                               .own = OWN / senders,
                               .n = items / senders,
                               .asks = asks};
        if (thread_start(&s[i].thread, "sender", STACK, sender_main, &s[i]) != 0)
            abort();
    }
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < senders)
        sched_yield();
    int64_t start = clock_now();
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    take_all(c, &q, items / senders * senders, worst);
    double ns = (double)(clock_now() - start) / (items / senders * senders);
    for (unsigned i = 0; i < senders; i++)
        thread_join(s[i].thread);
    queue_fini(&q);
    return ns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(const char *title, const struct contest *c, unsigned n, unsigned items,
                    bool asks, bool stalls)
{
    double ns[INBOXES][COLUMNS][ROUNDS];
    int64_t worst[INBOXES][COLUMNS] = {0};
    for (int r = 0; r < ROUNDS; r++)
        for (unsigned k = 0; k < COLUMNS; k++)
            for (unsigned i = 0; i < n; i++)
                ns[i][k][r] = run(&c[i], senders_of[k], items, asks, stalls ? &worst[i][k] : NULL);

    printf("\n%-28s", title);
    for (unsigned k = 0; k < COLUMNS; k++)
        printf("%6u%-6s", senders_of[k], k == 0 ? " sender" : "");
    printf("\n");
    for (unsigned i = 0; i < n; i++) {
        printf("  %-26s", c[i].name);
        for (unsigned k = 0; k < COLUMNS; k++) {
            qsort(ns[i][k], ROUNDS, sizeof ns[i][k][0], by_value);
            printf("%8.0f    ", ns[i][k][ROUNDS / 2]);
        }
        printf("\n");
        if (!stalls)
            continue;
        printf("  %-26s", "  longest take, us");
        for (unsigned k = 0; k < COLUMNS; k++)
            printf("%8.0f    ", (double)worst[i][k] / 1e3);
        printf("\n");
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    unsigned items = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 400000;
    if (items < MAX_SENDERS) {
        fprintf(stderr, "usage: bench-queue [ITEMS]\n");
        return 2;
    }
    rcu_register_thread();
    printf("ns per item, median of %d rounds, %u items each\n", ROUNDS, items);
    compare("inbox, flood", inboxes, INBOXES, items, false, false);
    compare("inbox, ask", inboxes, INBOXES, items / 8, true, false);
    compare("list, flood", lists, LISTS, items, false, false);
    compare("list, flood, each take timed", lists, LISTS, items, false, true);
    thread_end_all();
    rcu_unregister_thread();
    return 0;
}
