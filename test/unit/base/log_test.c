/* Log lines, as they arrive on standard error. */
#include <support/test_main.h>

#include <hubbub/clock.h>
#include <hubbub/log.h>
#include <hubbub/thread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STACK = 128 * 1024, LINE_MAX_BYTES = 1024, THREADS = 4, LINES = 50 };

static int saved, ends[2];
static char said[65536];

/* From here to captured() standard error is a pipe; what is written in between has to fit into it. */
static void capture(void)
{
    fflush(stderr);
    saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static const char *captured(void)
{
    dup2(saved, STDERR_FILENO); // the last writer: the pipe has an end now
    close(saved);
    size_t len = 0;
    ssize_t n;
    while ((n = read(ends[0], said + len, sizeof(said) - 1 - len)) > 0)
        len += (size_t)n;
    close(ends[0]);
    said[len] = '\0';
    return said;
}

static int count_lines(const char *s)
{
    int n = 0;
    for (; (s = strchr(s, '\n')) != NULL; s++)
        n++;
    return n;
}

static int defaults(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_LOGFMT);
    return 0;
}

/* Compares what comes after the time, "2024-01-02T03:04:05.678Z". */
static void assert_logfmt(const char *expected)
{
    const char *line = captured();
    assert_int_equal(strncmp(line, "ts=", 3), 0);
    assert_int_equal(strcspn(line, " "), 3 + 24);
    assert_string_equal(line + 3 + 24 + 1, expected);
}

static void assert_json(const char *expected)
{
    const char *line = captured();
    assert_int_equal(strncmp(line, "{\"ts\":\"", 7), 0);
    assert_int_equal(strncmp(line + 7 + 24, "\",", 2), 0);
    assert_string_equal(line + 7 + 24 + 2, expected);
}

static void logfmt_has_words_and_numbers(void **state)
{
    (void)state;
    capture();
    log_info("listening", LOG_STR("address", "[::]:8080"), LOG_INT("connections", 16000));
    assert_logfmt("level=info msg=listening address=[::]:8080 connections=16000\n");
    capture();
    log_warn("numbers", LOG_INT("least", INT64_MIN), LOG_INT("none", 0));
    assert_logfmt("level=warn msg=numbers least=-9223372036854775808 none=0\n");
}

static void json_has_strings_and_numbers(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_JSON);
    capture();
    log_error("cannot listen", LOG_STR("address", "[::]:8080"), LOG_INT("errno", -98));
    assert_json("\"level\":\"error\",\"msg\":\"cannot listen\",\"address\":\"[::]:8080\","
                "\"errno\":-98}\n");
}

static void a_line_needs_no_fields(void **state)
{
    (void)state;
    capture();
    log_info("stopped");
    assert_logfmt("level=info msg=stopped\n");
    log_configure(LOG_INFO, LOG_JSON);
    capture();
    log_write(LOG_INFO, "stopped", NULL, 0);
    assert_json("\"level\":\"info\",\"msg\":\"stopped\"}\n");
}

static void logfmt_quotes_what_is_not_one_word(void **state)
{
    (void)state;
    static const struct {
        const char *value, *shown;
    } cases[] = {
        {"plain", "plain"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"line\nts=0 level=error", "\"line\\u000ats=0 level=error\""},
        {"\r\t\x1b[31m", "\"\\u000d\\u0009\\u001b[31m\""},
        {"del\x7f", "\"del\\u007f\""},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"%s%n%d", "%s%n%d"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[128];
        snprintf(expected, sizeof(expected), "level=info msg=m v=%s\n", cases[i].shown);
        capture();
        log_info("m", LOG_STR("v", cases[i].value));
        assert_logfmt(expected);
    }
}

static void json_escapes_what_json_must(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_JSON);
    capture();
    log_info("m", LOG_STR("v", "a\"b\\c\nd\x01"), LOG_STR("empty", ""));
    assert_json("\"level\":\"info\",\"msg\":\"m\",\"v\":\"a\\\"b\\\\c\\u000ad\\u0001\","
                "\"empty\":\"\"}\n");
}

static void only_levels_that_were_asked_for_are_written(void **state)
{
    (void)state;
    for (enum log_level most = LOG_ERROR; most <= LOG_DEBUG; most++) {
        log_configure(most, LOG_LOGFMT);
        capture();
        log_debug("d");
        log_info("i");
        log_warn("w");
        log_error("e");
        const char *lines = captured();
        assert_int_equal(count_lines(lines), most + 1);
        assert_int_equal(strstr(lines, "level=debug msg=d\n") != NULL, most >= LOG_DEBUG);
        assert_int_equal(strstr(lines, "level=info msg=i\n") != NULL, most >= LOG_INFO);
        assert_int_equal(strstr(lines, "level=warn msg=w\n") != NULL, most >= LOG_WARN);
        assert_non_null(strstr(lines, "level=error msg=e\n"));
    }
}

static void the_time_is_now_in_utc(void **state)
{
    (void)state;
    int64_t before = clock_wall_ms();
    capture();
    log_info("now");
    const char *line = captured();
    int64_t after = clock_wall_ms();
    struct tm tm = {0};
    const char *rest = strptime(line, "ts=%Y-%m-%dT%H:%M:%S", &tm);
    assert_non_null(rest);
    int ms;
    char zone;
    assert_int_equal(sscanf(rest, ".%3d%c", &ms, &zone), 2);
    assert_int_equal(zone, 'Z');
    int64_t then = (int64_t)timegm(&tm) * 1000 + ms;
    assert_true(before <= then && then <= after);
}

static void an_overlong_line_is_cut_and_stays_one(void **state)
{
    (void)state;
    char value[4 * LINE_MAX_BYTES];
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        log_configure(LOG_INFO, (enum log_format)format);
        for (size_t n = LINE_MAX_BYTES - 120; n < sizeof(value);
             n += n < LINE_MAX_BYTES ? 1 : 999) {
            memset(value, n % 2 == 0 ? 'x' : '\n', n); // the latter grow sixfold
            value[n] = '\0';
            capture();
            log_info("long", LOG_STR("value", value), LOG_INT("after", 7));
            const char *line = captured();
            assert_true(strlen(line) <= LINE_MAX_BYTES);
            assert_true(strlen(line) >= LINE_MAX_BYTES - 80);
            assert_int_equal(count_lines(line), 1);
            assert_int_equal(line[strlen(line) - 1], '\n');
        }
    }
    capture();
    log_info("short again");
    assert_int_equal(count_lines(captured()), 1);
}

static void talk(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_info("line", LOG_STR("who", arg), LOG_INT("i", i));
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    static char names[THREADS][8] = {"alice", "bob", "carol", "dave"};
    struct thread *t[THREADS];
    log_configure(LOG_INFO, LOG_LOGFMT);
    capture();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&t[i], "talker", STACK, talk, names[i]), 0);
    for (int i = 0; i < THREADS; i++)
        thread_join(t[i]);
    thread_end_all();
    const char *lines = captured();
    assert_int_equal(count_lines(lines), THREADS * LINES);
    for (int i = 0; i < THREADS; i++) {
        const char *at = lines; // each one's lines are all there, whole and in order
        for (int j = 0; j < LINES; j++) {
            char expected[64];
            snprintf(expected, sizeof(expected), " level=info msg=line who=%s i=%d\n", names[i], j);
            at = strstr(at, expected);
            assert_non_null(at);
            assert_int_equal(strncmp(at - 27, "ts=", 3), 0);
        }
    }
}

static void what_may_come_often_is_said_seldom(void **state)
{
    (void)state;
    int64_t next = 0, other = 0;
    int64_t before = clock_now();
    assert_true(log_seldom(&next));
    assert_true(next >= before + 10 * NS_PER_S);
    for (int i = 0; i < 3; i++)
        assert_false(log_seldom(&next));
    assert_true(log_seldom(&other)); // each place for itself
    next = clock_now();              // when the time is over
    assert_true(log_seldom(&next));
    assert_false(log_seldom(&next));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(logfmt_has_words_and_numbers, defaults),
        cmocka_unit_test_setup(json_has_strings_and_numbers, defaults),
        cmocka_unit_test_setup(a_line_needs_no_fields, defaults),
        cmocka_unit_test_setup(logfmt_quotes_what_is_not_one_word, defaults),
        cmocka_unit_test_setup(json_escapes_what_json_must, defaults),
        cmocka_unit_test_setup(only_levels_that_were_asked_for_are_written, defaults),
        cmocka_unit_test_setup(the_time_is_now_in_utc, defaults),
        cmocka_unit_test_setup(an_overlong_line_is_cut_and_stays_one, defaults),
        cmocka_unit_test_setup(lines_of_threads_do_not_mix, defaults),
        cmocka_unit_test(what_may_come_often_is_said_seldom),
    };
    return RUN_TESTS(argc, argv, "log", tests);
}
