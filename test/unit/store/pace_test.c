/* How much of the time the index of words gets. */
#include <support/test_main.h>

#include "store/pace.h"

#include <hubbub/clock.h>

#define MS NS_PER_MS
#define STEP (2 * MS)      /* between steps when nobody else writes */
#define TENTH (9 * 5 * MS) /* after steps of 5 ms */
#define HUNDREDTH (99 * 5 * MS)
#define START (1000 * NS_PER_S)

/* From `at` on, for two seconds, so many records every so many ms. The end. */
static int64_t write_for_long(struct pace *p, int64_t at, uint64_t records, int64_t every)
{
    int64_t end = at + 2 * NS_PER_S;
    for (; at < end; at += every)
        pace_wrote(p, records, at);
    return at - every;
}

static void alone_it_goes_on(void **state)
{
    (void)state;
    struct pace p = {.written = 0};
    assert_int_equal(pace_pause(&p, 5 * MS, 400, START), STEP);
}

/* 400 in 5 ms are 8 000 a second in a tenth of the time. */
static void a_tenth_while_that_keeps_up(void **state)
{
    (void)state;
    struct pace p = {.written = 0};
    int64_t now = write_for_long(&p, START, 50, 10 * MS);
    assert_int_equal(pace_pause(&p, 5 * MS, 400, now), TENTH);
    now = write_for_long(&p, now, 79, 10 * MS);
    assert_int_equal(pace_pause(&p, 5 * MS, 400, now), TENTH);
}

static void a_hundredth_when_it_would_not(void **state)
{
    (void)state;
    struct pace p = {.written = 0};
    int64_t now = write_for_long(&p, START, 82, 10 * MS);
    assert_int_equal(pace_pause(&p, 5 * MS, 400, now), HUNDREDTH);
    assert_int_equal(pace_pause(&p, 5 * MS, 1000, now), TENTH);
    now = write_for_long(&p, now, 10, 10 * MS);
    assert_int_equal(pace_pause(&p, 5 * MS, 400, now), TENTH);
}

/* Between two commits, however far apart, others do write. */
static void commits_may_be_far_apart(void **state)
{
    (void)state;
    struct pace p = {.written = 0};
    int64_t now = START;
    for (int i = 0; i < 10; i++) {
        now += 60 * NS_PER_S;
        pace_wrote(&p, 600000, now);
    }
    assert_int_equal(pace_pause(&p, 5 * MS, 400, now + 30 * NS_PER_S), HUNDREDTH);
    assert_int_equal(pace_pause(&p, 5 * MS, 400, now + 121 * NS_PER_S), STEP);
}

/* And then it does not wait any more. */
static void what_came_all_at_once_is_made_up_for(void **state)
{
    (void)state;
    struct pace p = {.written = 0};
    pace_wrote(&p, 100000, START);
    assert_int_equal(pace_pause(&p, 5 * MS, 400, START), HUNDREDTH);
    assert_int_equal(pace_pause(&p, 5 * MS, 400, START + NS_PER_S + MS), STEP);
    /* An hour later the same: that hour does not make it little. */
    pace_wrote(&p, 100000, START + 3600 * NS_PER_S);
    assert_int_equal(pace_pause(&p, 5 * MS, 400, START + 3600 * NS_PER_S), HUNDREDTH);
    assert_int_equal(pace_pause(&p, 5 * MS, 400, START + 3603 * NS_PER_S), STEP);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_it_goes_on),
        cmocka_unit_test(a_tenth_while_that_keeps_up),
        cmocka_unit_test(a_hundredth_when_it_would_not),
        cmocka_unit_test(commits_may_be_far_apart),
        cmocka_unit_test(what_came_all_at_once_is_made_up_for),
    };
    return RUN_TESTS(argc, argv, "pace", tests);
}
