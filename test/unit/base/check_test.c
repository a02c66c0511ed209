/* A violated condition ends the process, and says what, where and in which thread. */
#include <support/test_main.h>

#include <hubbub/check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct marked {
    uint32_t magic;
};

static int evaluated;

static void require_fails(void)
{
    REQUIRE(1 + 1 == 3);
}

static void insist_fails(void)
{
    INSIST(!"this cannot happen");
}

static void all_holds(void)
{
    REQUIRE(++evaluated == 1);
    INSIST(++evaluated == 2);
    REQUIRE("a pointer is a condition too");
}

/* Runs fn in a child; returns how it ended, with what it said on standard error. */
static int run_in_child(void (*fn)(void), char *said, size_t space)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        prctl(PR_SET_NAME, "tester");
        dup2(ends[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    ssize_t n;
    while (len < space - 1 && (n = read(ends[0], said + len, space - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void assert_aborts_with(void (*fn)(void), const char *beginning)
{
    char said[512];
    int status = run_in_child(fn, said, sizeof(said));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    if (strncmp(said, beginning, strlen(beginning)) != 0)
        fail_msg("'%s' does not begin with '%s'", said, beginning);
    assert_non_null(strstr(said, "check_test.c:"));
    assert_non_null(strstr(said, " in thread tester\n"));
}

static void what_was_required_is_named(void **state)
{
    (void)state;
    assert_aborts_with(require_fails, "REQUIRE(1 + 1 == 3) failed at ");
}

static void what_was_insisted_on_is_named(void **state)
{
    (void)state;
    assert_aborts_with(insist_fails, "INSIST(!\"this cannot happen\") failed at ");
}

static void what_holds_is_evaluated_once_and_silent(void **state)
{
    (void)state;
    char said[512];
    int status = run_in_child(all_holds, said, sizeof(said));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_string_equal(said, "");
    all_holds();
    assert_int_equal(evaluated, 2);
}

static void a_magic_number_marks_what_lives(void **state)
{
    (void)state;
    struct marked live = {0x11223344u}, dead = {0}, *none = NULL;
    assert_true(MAGIC_OK(&live, 0x11223344u));
    assert_false(MAGIC_OK(&dead, 0x11223344u));
    assert_false(MAGIC_OK(none, 0x11223344u));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_required_is_named),
        cmocka_unit_test(what_was_insisted_on_is_named),
        cmocka_unit_test(what_holds_is_evaluated_once_and_silent),
        cmocka_unit_test(a_magic_number_marks_what_lives),
    };
    return RUN_TESTS(argc, argv, "check", tests);
}
