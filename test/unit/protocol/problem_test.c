/* The table of problems: codes are unique, texts are there, statuses are those of HTTP errors. */
#include <support/test_main.h>

#include <hubbub/protocol.h>
#include <string.h>

static void codes_are_unique_words(void **state)
{
    (void)state;
    for (int p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++) {
        const char *code = problem_code((enum problem)p);
        assert_true(strlen(code) > 0);
        assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code));
        for (int q = PROBLEM_NONE + 1; q < p; q++)
            assert_string_not_equal(code, problem_code((enum problem)q));
    }
}

static void texts_need_no_escapes(void **state)
{
    (void)state;
    for (int p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++) {
        const char *text = problem_text((enum problem)p);
        assert_true(strlen(text) > 5);
        assert_null(strpbrk(text, "\"\\\n"));
    }
}

static void statuses_are_errors(void **state)
{
    (void)state;
    assert_int_equal(problem_status(PROBLEM_NONE), 200);
    for (int p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++)
        assert_in_range(problem_status((enum problem)p), 400, 507);
    assert_int_equal(problem_status(PROBLEM_NO_SUCH_ROOM), 404);
    assert_int_equal(problem_status(PROBLEM_UNAVAILABLE), 503);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_unique_words),
        cmocka_unit_test(texts_need_no_escapes),
        cmocka_unit_test(statuses_are_errors),
    };
    return RUN_TESTS(argc, argv, "problem", tests);
}
