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
#include "bench-queue.h"

#include <hubbub/clock.h>
#include <hubbub/rcu.h>
#include <hubbub/thread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, MAX_SENDERS = 64, STACK = 65536, OWN = 2 * CAPACITY };

static const unsigned senders_of[] = {1, 2, 8, 64};
enum { COLUMNS = sizeof senders_of / sizeof senders_of[0] };

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
