/* The parker with one thread: wakes that came before, bits that gather, deadlines, who must be roused. */
#include <support/test_main.h>

#include <hubbub/clock.h>
#include <hubbub/relay.h>

static const uint32_t PARKED = UINT32_C(1) << 31; // as in parker.c

static void a_wake_before_the_wait_is_not_lost(void **state)
{
    (void)state;
    struct parker p;
    parker_init(&p);
    parker_wake(&p, WAKE_CARRY);
    assert_int_equal(parker_wait(&p, DEADLINE_NEVER), WAKE_CARRY);
    assert_int_equal(parker_wait(&p, DEADLINE_NOW), 0);
}

static void bits_gather_and_are_taken_together(void **state)
{
    (void)state;
    struct parker p;
    parker_init(&p);
    parker_wake(&p, WAKE_CARRY);
    parker_wake(&p, WAKE_STOP);
    parker_wake(&p, WAKE_STOP);
    parker_wake(&p, WAKE_OWNER);
    assert_int_equal(parker_wait(&p, DEADLINE_NEVER), WAKE_CARRY | WAKE_OWNER | WAKE_STOP);
    assert_int_equal(parker_wait(&p, DEADLINE_NOW), 0);
}

static void returns_nothing_at_the_deadline_and_not_before(void **state)
{
    (void)state;
    struct parker p;
    parker_init(&p);
    int64_t deadline = clock_now() + 5 * NS_PER_MS;
    assert_int_equal(parker_wait(&p, deadline), 0);
    assert_true(clock_now() >= deadline);
    assert_int_equal(p.word, 0); // nobody will make a system call for it
}

static void only_a_sleeper_is_roused_and_only_once(void **state)
{
    (void)state;
    struct parker p;
    parker_init(&p);
    uint32_t before = parker_set(&p, WAKE_CARRY);
    assert_int_equal(before, 0);
    assert_false(parker_sleeps(before));
    before = parker_set(&p, WAKE_OWNER);
    assert_int_equal(before, WAKE_CARRY);
    assert_false(parker_sleeps(before));

    p.word = PARKED; // what others see while it sleeps
    before = parker_set(&p, WAKE_OWNER);
    assert_true(parker_sleeps(before));
    before = parker_set(&p, WAKE_CARRY);
    assert_false(parker_sleeps(before));
    parker_rouse(&p); // nobody there: harmless
    assert_int_equal(parker_wait(&p, DEADLINE_NEVER), WAKE_CARRY | WAKE_OWNER);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wake_before_the_wait_is_not_lost),
        cmocka_unit_test(bits_gather_and_are_taken_together),
        cmocka_unit_test(returns_nothing_at_the_deadline_and_not_before),
        cmocka_unit_test(only_a_sleeper_is_roused_and_only_once),
    };
    return RUN_TESTS(argc, argv, "parker", tests);
}
