/* Limits under many threads: no token is given twice or lost, and accounts come and go while tables grow
 * and forget. */
#include "helpers.h"

#include <hubbub/limits.h>
#include <stdio.h>

enum {
    THREADS = 6,
    BURST = 60, /* of RATE_REQUESTS */
    ROUNDS = 400,
    VISITS = 60000 / SLOWER,
    USERS = 500,
    PER_USER = 3,
};

static struct limits *limits;
static int64_t now; // atomic: of the test

struct worker {
    struct thread *thread;
    struct visit visit;
    uint32_t seed, allowed, admitted, refused, wrong;
};

static void charge_all(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < 2 * BURST; i++)
        if (limits_charge(limits, &w->visit, RATE_REQUESTS, LOAD(now)) == 0)
            w->allowed++;
}

static void connections_of_a_user_take_each_token_once(void **state)
{
    (void)state;
    const struct limits_config config = {.enabled = true};
    now = 1000 * NS_PER_S;
    limits = limits_new(&config);
    for (int round = 0; round < ROUNDS / SLOWER; round++) {
        struct worker w[THREADS] = {0};
        uint32_t allowed = 0;
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(limits_enter(limits, "alice", "192.0.2.1", false, now, &w[i].visit),
                             ADMITTED);
        for (int i = 0; i < THREADS; i++)
            w[i].thread = start_thread(charge_all, &w[i]);
        for (int i = 0; i < THREADS; i++) {
            thread_join(w[i].thread);
            allowed += w[i].allowed;
            limits_leave(limits, &w[i].visit);
        }
        assert_int_equal(allowed, BURST);
        now += 100 * NS_PER_S;
    }
    limits_free(limits);
}

/* Comes and goes as anybody, with several connections at once. */
static void visit_often(void *arg)
{
    struct worker *w = arg;
    struct visit open[4] = {0};
    for (int i = 0; i < VISITS; i++) {
        struct visit *v = &open[dice(&w->seed) % 4];
        uint32_t who = dice(&w->seed) % USERS;
        char name[16], address[32];
        if (v->user != NULL) {
            limits_charge(limits, v, RATE_MESSAGES, LOAD(now));
            limits_leave(limits, v);
            w->wrong += v->user != NULL;
            continue;
        }
        snprintf(name, sizeof(name), "user%u", who);
        snprintf(address, sizeof(address), "10.0.%u.%u", who >> 8, who & 255);
        switch (limits_enter(limits, name, address, false, ADD(now, NS_PER_MS), v)) {
        case ADMITTED: w->admitted++; break;
        case TOO_MANY_OF_USER:
        case TURNED_AWAY: w->refused++; break;
        default: w->wrong++; break;
        }
        limits_refuses(limits, address, LOAD(now));
    }
    for (int i = 0; i < 4; i++)
        if (open[i].user != NULL)
            limits_leave(limits, &open[i]);
}

/* And the limits are changed meanwhile. */
static void accounts_come_and_go(void **state)
{
    (void)state;
    struct limits_config config = {.enabled = true,
                                   .message_burst = 2,
                                   .message_rate = 2,
                                   .messages_per_minute = 60,
                                   .connections_per_user = PER_USER};
    struct worker w[THREADS] = {0};
    struct visit v[PER_USER], last;
    uint32_t admitted = 0, wrong = 0;
    now = 1000 * NS_PER_S;
    limits = limits_new(&config);
    for (uint32_t i = 0; i < THREADS; i++) {
        w[i].seed = i + 1;
        w[i].thread = start_thread(visit_often, &w[i]);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        config.message_rate = 1 + i % 3;
        limits_configure(limits, &config);
        sched_yield();
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(w[i].thread);
        admitted += w[i].admitted;
        wrong += w[i].wrong;
    }
    assert_int_equal(wrong, 0);
    assert_true(admitted > VISITS);
    // every place is free again
    now += 1000 * NS_PER_S;
    for (uint32_t who = 0; who < USERS; who++) {
        char name[16];
        snprintf(name, sizeof(name), "user%u", who);
        for (int i = 0; i < PER_USER; i++)
            assert_int_equal(limits_enter(limits, name, NULL, false, now, &v[i]), ADMITTED);
        assert_int_equal(limits_enter(limits, name, NULL, false, now, &last), TOO_MANY_OF_USER);
        for (int i = 0; i < PER_USER; i++)
            limits_leave(limits, &v[i]);
    }
    limits_free(limits);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_of_a_user_take_each_token_once),
        cmocka_unit_test(accounts_come_and_go),
    };
    return RUN_CONCURRENT(argc, argv, "limits", tests);
}
