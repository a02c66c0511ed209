/* The relay with many posters and owners: all that is posted is carried, by one thread at a time, also
 * while owners come and go and sockets are full; when all is done no place is left given away.
 *
 * An owner here does what a writer does, in the order the relay asks for: a place first, then its own
 * task, and that only when its parker says so. */
#include "helpers.h"

#include <hubbub/relay.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    struct relay_task task;
    struct parker parker;
    struct thread *thread;
    struct rcu_head rcu;
    uint32_t waiting; /* atomic: posted and not carried yet */
    uint32_t inside;  /* atomic: threads in run() */
    uint32_t seed;    /* of whoever carries it */
    bool refused;     /* of whoever carries it: the last run was not finished */
    bool abrupt;      /* of whoever stops it: posters may not have let go of it */
};

/* Of all units of a test. Helpers add, the test looks. */
static struct {
    uint64_t posted, carried, dropped;
    uint32_t crowded; /* two threads with one task */
    uint32_t lost;    /* left in a task that was not with its owner when it died */
    uint32_t freed;
} tally;

static struct relay *relay;
static uint32_t odds; /* one run in so many finds its socket full; 0: none */

static bool run(struct relay_task *t)
{
    struct unit *u = caa_container_of(t, struct unit, task);
    if (__atomic_exchange_n(&u->inside, 1, __ATOMIC_SEQ_CST) != 0)
        ADD(tally.crowded, 1);
    u->refused = odds > 0 && dice(&u->seed) % odds == 0;
    if (!u->refused) {
        uint32_t n = __atomic_exchange_n(&u->waiting, 0, __ATOMIC_SEQ_CST);
        if (dice(&u->seed) % 8 == 0)
            sched_yield(); /* a carrier that loses its processor */
        ADD(tally.carried, n);
    }
    __atomic_store_n(&u->inside, 0, __ATOMIC_SEQ_CST);
    return !u->refused;
}

static void owner_main(void *arg)
{
    struct unit *u = arg;
    for (;;) {
        unsigned why = parker_wait(&u->parker, DEADLINE_NEVER);
        if (why & WAKE_CARRY)
            relay_carry(relay);
        if (why & WAKE_OWNER) {
            sched_yield(); /* the socket takes its time */
            relay_release(relay, &u->task);
        }
        if (why & WAKE_STOP)
            break;
    }
    relay_retire(relay, &u->task);
}

static struct unit *unit_new(uint32_t seed)
{
    struct unit *u = calloc(1, sizeof(*u));
    u->seed = seed | 1;
    parker_init(&u->parker);
    relay_task_init(&u->task, &u->parker, run);
    return u;
}

static void unit_start(struct unit *u)
{
    thread_start(&u->thread, "owner", STACK, owner_main, u);
}

static void free_unit(struct rcu_head *head)
{
    rcu_deferred();
    struct unit *u = caa_container_of(head, struct unit, rcu);
    ADD(tally.dropped, u->waiting);
    if (u->waiting > 0 && !u->refused && !u->abrupt)
        ADD(tally.lost, 1);
    free(u);
    ADD(tally.freed, 1);
}

static void unit_stop(struct unit *u)
{
    rcu_read_lock();
    parker_wake(&u->parker, WAKE_STOP);
    rcu_read_unlock();
    thread_join(u->thread);
    rcu_defer(&u->rcu, free_unit);
}

static void post(struct unit *u)
{
    ADD(tally.posted, 1);
    ADD(u->waiting, 1);
    relay_post(relay, &u->task);
}

static void begin(unsigned carriers, uint32_t full_odds)
{
    memset(&tally, 0, sizeof(tally));
    odds = full_odds;
    relay = relay_new(carriers);
}

static unsigned places(void)
{
    struct relay_stats s;
    relay_read_stats(relay, &s);
    return s.active;
}

/* After the last unit_stop(). */
static void end(uint32_t units)
{
    rcu_barrier();
    assert_int_equal(LOAD(tally.freed), units);
    assert_int_equal(LOAD(tally.crowded), 0);
    assert_int_equal(LOAD(tally.lost), 0);
    assert_int_equal(LOAD(tally.posted), LOAD(tally.carried) + LOAD(tally.dropped));
    assert_int_equal(places(), 0);
    relay_free(relay); /* its list must be empty */
}

/* ---- rounds: everything comes to rest, again and again ------------------------------------------- */

enum { OWNERS = 40 };

static void rounds(unsigned carriers, uint32_t full_odds, int n)
{
    struct unit *u[OWNERS];
    uint32_t seed = 11;
    begin(carriers, full_odds);
    for (int i = 0; i < OWNERS; i++) {
        u[i] = unit_new((uint32_t)i * 7919);
        unit_start(u[i]);
    }
    for (int round = 0; round < n; round++) {
        uint32_t batch = 1 + dice(&seed) % (2 * OWNERS);
        for (uint32_t i = 0; i < batch; i++)
            post(u[dice(&seed) % OWNERS]);
        relay_kick(relay);
        WAIT_UNTIL(LOAD(tally.carried) == LOAD(tally.posted) && places() == 0);
    }
    for (int i = 0; i < OWNERS; i++)
        unit_stop(u[i]);
    end(OWNERS);
    assert_int_equal(LOAD(tally.dropped), 0);
}

static void all_comes_to_rest_with_one_carrier(void **state)
{
    (void)state;
    rounds(1, 0, 8000 / SLOWER);
}

static void all_comes_to_rest_with_several(void **state)
{
    (void)state;
    rounds(4, 0, 8000 / SLOWER);
}

static void all_comes_to_rest_with_full_sockets(void **state)
{
    (void)state;
    rounds(2, 5, 8000 / SLOWER);
}

/* ---- posters that never rest, owners that stay ----------------------------------------------------- */

struct poster {
    struct thread *thread;
    struct unit **units;
    uint32_t n, seed, batches;
};

static void post_batches(void *arg)
{
    struct poster *p = arg;
    for (uint32_t k = 0; k < p->batches; k++) {
        for (uint32_t i = dice(&p->seed) % 64; i > 0; i--)
            post(p->units[dice(&p->seed) % p->n]);
        relay_kick(relay);
    }
}

static void posters_do_not_disturb_each_other(void **state)
{
    (void)state;
    for (unsigned carriers = 1; carriers <= 4; carriers *= 2) {
        struct unit *u[OWNERS];
        struct poster p[4];
        begin(carriers, 50);
        for (int i = 0; i < OWNERS; i++) {
            u[i] = unit_new((uint32_t)i * 104729);
            unit_start(u[i]);
        }
        for (uint32_t i = 0; i < 4; i++) {
            p[i] =
                (struct poster){.units = u, .n = OWNERS, .seed = i + 1, .batches = 4000 / SLOWER};
            p[i].thread = start_thread(post_batches, &p[i]);
        }
        for (int i = 0; i < 4; i++)
            thread_join(p[i].thread);
        WAIT_UNTIL(LOAD(tally.carried) == LOAD(tally.posted) && places() == 0);
        for (int i = 0; i < OWNERS; i++)
            unit_stop(u[i]);
        end(OWNERS);
        assert_int_equal(LOAD(tally.dropped), 0);
    }
}

/* ---- owners that come and go under load ------------------------------------------------------------ */

enum { SLOTS = 24, COMINGS = 400 / SLOWER };

static struct unit *slots[SLOTS]; /* RCU */
static bool over;

static void post_to_whoever_is_there(void *arg)
{
    uint32_t seed = *(uint32_t *)arg;
    while (!LOAD(over)) {
        for (uint32_t i = dice(&seed) % 32; i > 0; i--) {
            rcu_read_lock();
            struct unit *u = LOAD(slots[dice(&seed) % SLOTS]);
            if (u != NULL)
                post(u);
            rcu_read_unlock();
        }
        relay_kick(relay);
    }
}

/* Half of them leave when posters have let go of them, so nothing may be left; the others end in the
 * middle of it, as a writer whose connection breaks, and may drop what came last. */
static void owners_come_and_go(void **state)
{
    (void)state;
    uint32_t seeds[2] = {3, 5}, seed = 17, started = 0;
    struct thread *posters[2];
    begin(2, 20);
    over = false;
    for (int i = 0; i < 2; i++)
        posters[i] = start_thread(post_to_whoever_is_there, &seeds[i]);
    for (int k = 0; k < COMINGS + SLOTS; k++) {
        uint32_t at = k < COMINGS ? dice(&seed) % SLOTS : (uint32_t)(k - COMINGS);
        struct unit *u = slots[at], *next = NULL;
        if (k < COMINGS) {
            next = unit_new(dice(&seed));
            unit_start(next);
            started++;
        }
        __atomic_store_n(&slots[at], next, __ATOMIC_SEQ_CST);
        if (u == NULL)
            continue;
        u->abrupt = k % 2 == 1;
        if (!u->abrupt)
            synchronize_rcu();
        unit_stop(u);
    }
    __atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 2; i++)
        thread_join(posters[i]);
    WAIT_UNTIL(places() == 0);
    end(started);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_comes_to_rest_with_one_carrier),
        cmocka_unit_test(all_comes_to_rest_with_several),
        cmocka_unit_test(all_comes_to_rest_with_full_sockets),
        cmocka_unit_test(posters_do_not_disturb_each_other),
        cmocka_unit_test(owners_come_and_go),
    };
    return RUN_CONCURRENT(argc, argv, "relay", tests);
}
