/* Whose turn it is: whoever asks a lot waits for those who ask a little. */
#include <support/test_main.h>

#include "hub/turns.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/thread.h>
#include <stdio.h>

#define ASSERT_NEXT(t, turn) assert_int_equal(turn_await(t, turn, DEADLINE_NOW), 0)

static void nobody_waits_for_anothers_second(void **state)
{
    (void)state;
    struct turns t;
    struct turn alice[3], bob[2], carol;
    turns_init(&t);
    for (int i = 0; i < 3; i++)
        turn_enter(&t, &alice[i], "alice", "");
    ASSERT_NEXT(&t, &alice[0]);
    for (int i = 0; i < 2; i++)
        turn_enter(&t, &bob[i], "bob", "");
    turn_enter(&t, &carol, "carol", "");
    struct turn *const order[] = {&alice[0], &bob[0], &carol, &alice[1], &bob[1], &alice[2]};
    for (int i = 0; i < 6; i++) {
        ASSERT_NEXT(&t, order[i]);
        turn_end(&t, order[i]);
    }
    assert_null(t.first);
    turns_fini(&t);
}

/* Whose guests they are does not matter: nobody waits for all of somebody's. */
static void guests_of_one_address_wait_for_others(void **state)
{
    (void)state;
    struct turns t;
    struct turn g[4], again, bob[2], none[3];
    turns_init(&t);
    for (int i = 0; i < 4; i++)
        turn_enter(&t, &g[i], (const char *[]){"g1", "g2", "g3", "g4"}[i], "192.0.2.1");
    turn_enter(&t, &again, "g1", "192.0.2.1");
    turn_enter(&t, &bob[0], "bob", "192.0.2.2");
    turn_enter(&t, &bob[1], "bob", "192.0.2.2");
    turn_enter(&t, &none[0], "", "192.0.2.3"); /* who shows no token */
    turn_enter(&t, &none[1], "", "192.0.2.4");
    turn_enter(&t, &none[2], "", "192.0.2.3");
    struct turn *const order[] = {&g[0], &bob[0], &none[0], &none[1], &g[1],
                                  &g[2], &g[3],   &again,   &bob[1],  &none[2]};
    for (int i = 0; i < 10; i++) {
        ASSERT_NEXT(&t, order[i]);
        turn_end(&t, order[i]);
    }
    turns_fini(&t);
}

static void who_waits_too_long_is_out(void **state)
{
    (void)state;
    struct turns t;
    struct turn alice, bob, carol;
    turns_init(&t);
    turn_enter(&t, &alice, "alice", "");
    turn_enter(&t, &bob, "bob", "");
    turn_enter(&t, &carol, "carol", "");
    assert_int_equal(turn_await(&t, &bob, clock_now()), ERR_FULL);
    turn_end(&t, &alice);
    ASSERT_NEXT(&t, &carol);
    turn_end(&t, &carol);
    turns_fini(&t);
}

/* One of those who wait, and as which it came. */
struct waiter {
    struct turns *t;
    struct turn turn;
    struct thread *thread;
    int *order, got, err;
};

static void wait_for_it(void *arg)
{
    struct waiter *w = arg;
    w->err = turn_await(w->t, &w->turn, clock_now() + 60 * NS_PER_S);
    w->got = (*w->order)++; /* under its turn */
    if (w->err == 0)
        turn_end(w->t, &w->turn);
}

static void who_comes_next_is_woken(void **state)
{
    (void)state;
    enum { MANY = 50 };
    static struct waiter all[MANY];
    struct turns t;
    struct turn first, gone;
    int order = 0;
    turns_init(&t);
    turn_enter(&t, &first, "alice", "");
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "user %d", i);
        all[i] = (struct waiter){.t = &t, .order = &order};
        turn_enter(&t, &all[i].turn, name, "");
        if (i == MANY / 2)
            turn_enter(&t, &gone, "bob", "");
        assert_int_equal(thread_start(&all[i].thread, "waiter", 64 * 1024, wait_for_it, &all[i]),
                         0);
    }
    assert_int_equal(turn_await(&t, &gone, DEADLINE_NOW), ERR_FULL);
    ASSERT_NEXT(&t, &first);
    turn_end(&t, &first);
    for (int i = 0; i < MANY; i++) {
        thread_join(all[i].thread);
        assert_int_equal(all[i].err, 0);
        assert_int_equal(all[i].got, i);
    }
    turns_fini(&t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_anothers_second),
        cmocka_unit_test(guests_of_one_address_wait_for_others),
        cmocka_unit_test(who_waits_too_long_is_out),
        cmocka_unit_test(who_comes_next_is_woken),
    };
    return RUN_TESTS(argc, argv, "hub and whose turn it is", tests);
}
