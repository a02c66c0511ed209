/* Whose turn it is: whoever asks a lot waits for those who ask a little. */
#include <support/test_main.h>

#include "hub/turns.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>

#define ASSERT_NEXT(t, turn) assert_int_equal(turn_await(t, turn, DEADLINE_NOW), 0)

static void nobody_waits_for_anothers_second(void **state)
{
    (void)state;
    struct turns t;
    struct turn alice[3], bob[2], carol;
    turns_init(&t);
    for (int i = 0; i < 3; i++)
        turn_enter(&t, &alice[i], "alice");
    ASSERT_NEXT(&t, &alice[0]);
    for (int i = 0; i < 2; i++)
        turn_enter(&t, &bob[i], "bob");
    turn_enter(&t, &carol, "carol");
    struct turn *const order[] = {&alice[0], &bob[0], &carol, &alice[1], &bob[1], &alice[2]};
    for (int i = 0; i < 6; i++) {
        ASSERT_NEXT(&t, order[i]);
        turn_end(&t, order[i]);
    }
    assert_null(t.first);
    turns_fini(&t);
}

static void who_waits_too_long_is_out(void **state)
{
    (void)state;
    struct turns t;
    struct turn alice, bob, carol;
    turns_init(&t);
    turn_enter(&t, &alice, "alice");
    turn_enter(&t, &bob, "bob");
    turn_enter(&t, &carol, "carol");
    assert_int_equal(turn_await(&t, &bob, clock_now()), ERR_FULL);
    turn_end(&t, &alice);
    ASSERT_NEXT(&t, &carol);
    turn_end(&t, &carol);
    turns_fini(&t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_anothers_second),
        cmocka_unit_test(who_waits_too_long_is_out),
    };
    return RUN_TESTS(argc, argv, "hub and whose turn it is", tests);
}
