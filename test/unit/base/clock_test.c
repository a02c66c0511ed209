/* Clocks: deadlines as poll(2) and the pthread calls want them. */
#include <support/test_main.h>

#include <hubbub/clock.h>
#include <limits.h>

static void the_monotonic_clock_never_goes_back(void **state)
{
    (void)state;
    int64_t before = clock_now();
    assert_true(before > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_now();
        assert_true(now >= before);
        before = now;
    }
}

static void the_wall_clock_is_in_milliseconds_since_1970(void **state)
{
    (void)state;
    time_t before = time(NULL);
    int64_t ms = clock_wall_ms();
    assert_true(ms >= ((int64_t)before - 1) * 1000); // time() may lag by a tick
    assert_true(ms <= ((int64_t)time(NULL) + 2) * 1000);
}

static void a_timespec_has_seconds_and_the_rest(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        time_t sec;
        long rest;
    } cases[] = {
        {0, 0, 0},
        {1, 0, 1},
        {NS_PER_S - 1, 0, 999999999},
        {NS_PER_S, 1, 0},
        {NS_PER_S + 1, 1, 1},
        {1234 * NS_PER_S + 5 * NS_PER_MS, 1234, 5000000},
        {DEADLINE_NEVER, 9223372036, 854775807},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct timespec ts = clock_timespec(cases[i].ns);
        assert_int_equal(ts.tv_sec, cases[i].sec);
        assert_int_equal(ts.tv_nsec, cases[i].rest);
    }
}

static void poll_waits_for_ever_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(clock_poll_ms(DEADLINE_NEVER), -1);
    assert_int_equal(clock_poll_ms(DEADLINE_NOW), 0);
    assert_int_equal(clock_poll_ms(clock_now()), 0);
    assert_int_equal(clock_poll_ms(INT64_MIN / 2), 0);
}

/* Rounded down, poll() would return before the deadline and its caller would spin. */
static void poll_never_ends_before_the_deadline(void **state)
{
    (void)state;
    for (int64_t ahead = NS_PER_S; ahead < NS_PER_S + 5 * NS_PER_MS; ahead += 77777) {
        int64_t deadline = clock_now() + ahead;
        int64_t before = clock_now();
        int64_t ms = clock_poll_ms(deadline);
        int64_t after = clock_now();
        assert_true(after + ms * NS_PER_MS >= deadline);
        assert_true((ms - 1) * NS_PER_MS < deadline - before); // and not a whole one too late
    }
}

static void a_moment_is_a_millisecond(void **state)
{
    (void)state;
    int ms;
    int64_t deadline;
    do { // again when the moment passed before it was asked for
        deadline = clock_now() + 500 * NS_PER_US;
        ms = clock_poll_ms(deadline);
    } while (clock_now() >= deadline);
    assert_int_equal(ms, 1);
}

static void what_poll_cannot_say_is_cut(void **state)
{
    (void)state;
    assert_int_equal(clock_poll_ms(DEADLINE_NEVER - 1), INT_MAX);
    assert_int_equal(clock_poll_ms(clock_now() + (INT64_C(1) << 32) * NS_PER_MS), INT_MAX);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(the_wall_clock_is_in_milliseconds_since_1970),
        cmocka_unit_test(a_timespec_has_seconds_and_the_rest),
        cmocka_unit_test(poll_waits_for_ever_or_not_at_all),
        cmocka_unit_test(poll_never_ends_before_the_deadline),
        cmocka_unit_test(a_moment_is_a_millisecond),
        cmocka_unit_test(what_poll_cannot_say_is_cut),
    };
    return RUN_TESTS(argc, argv, "clock", tests);
}
