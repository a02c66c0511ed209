/* The table of metrics: what Prometheus will take, and that adding is not lost. */
#include <support/test_main.h>

#include <ctype.h>
#include <hubbub/metrics.h>
#include <hubbub/thread.h>
#include <string.h>

enum { STACK = 128 * 1024, THREADS = 4, ROUNDS = 10000 };

static void rows_are_in_the_order_of_the_enum(void **state)
{
    (void)state;
#define X(id, wire, type, text)                                \
    assert_string_equal(metric_info(METRIC_##id)->name, wire); \
    assert_string_equal(metric_info(METRIC_##id)->kind, type); \
    assert_string_equal(metric_info(METRIC_##id)->help, text);
    METRICS_TABLE(X)
#undef X
}

static void names_are_such_as_prometheus_takes(void **state)
{
    (void)state;
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        const char *name = metric_info(m)->name;
        assert_true(islower((unsigned char)name[0]));
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
        for (enum metric other = 0; other < m; other++)
            assert_string_not_equal(name, metric_info(other)->name);
    }
}

static void counters_say_total_and_gauges_do_not(void **state)
{
    (void)state;
    static const char total[] = "_total";
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        const struct metric_info *info = metric_info(m);
        size_t n = strlen(info->name);
        int ends = n > strlen(total) && strcmp(info->name + n - strlen(total), total) == 0;
        if (!ends)
            assert_string_equal(info->kind, "gauge");
        else
            assert_string_equal(info->kind, "counter");
    }
}

static void help_is_one_line(void **state)
{
    (void)state;
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        assert_true(metric_info(m)->help[0] != '\0');
        assert_null(strpbrk(metric_info(m)->help, "\n\\"));
    }
}

static void each_has_a_value_of_its_own(void **state)
{
    (void)state;
    int64_t before[METRIC_COUNT];
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        before[m] = metric_read(m);
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        metric_add(m, m + 1);
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        assert_int_equal(metric_read(m), before[m] + m + 1);
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        metric_add(m, -(int64_t)m - 1);
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        assert_int_equal(metric_read(m), before[m]);
}

static void add_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++)
        metric_add(METRIC_MESSAGES, 3);
}

static void nothing_is_lost_among_threads(void **state)
{
    (void)state;
    int64_t before = metric_read(METRIC_MESSAGES);
    struct thread *t[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&t[i], "adder", STACK, add_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        thread_join(t[i]);
    thread_end_all();
    assert_int_equal(metric_read(METRIC_MESSAGES) - before, 3 * THREADS * ROUNDS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_in_the_order_of_the_enum),
        cmocka_unit_test(names_are_such_as_prometheus_takes),
        cmocka_unit_test(counters_say_total_and_gauges_do_not),
        cmocka_unit_test(help_is_one_line),
        cmocka_unit_test(each_has_a_value_of_its_own),
        cmocka_unit_test(nothing_is_lost_among_threads),
    };
    return RUN_TESTS(argc, argv, "metrics", tests);
}
