/* Allocation: zero bytes, zeroed memory, copies, and the end when there is none. */
#include <support/test_main.h>

#include <hubbub/mem.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void zero_bytes_are_an_allocation(void **state)
{
    (void)state;
    void *a = xmalloc(0), *b = xcalloc(0, 8), *c = xcalloc(8, 0), *d = xrealloc(NULL, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_non_null(d);
    free(a);
    free(b);
    free(c);
    free(d);
}

static void calloc_zeroes(void **state)
{
    (void)state;
    char *p = xcalloc(100, 7), none[700] = {0};
    assert_memory_equal(p, none, sizeof(none));
    free(p);
}

static void realloc_keeps_what_was_there(void **state)
{
    (void)state;
    char *p = xrealloc(NULL, 3);
    memcpy(p, "abc", 3);
    p = xrealloc(p, 100000);
    assert_memory_equal(p, "abc", 3);
    free(p);
}

static void strdup_copies(void **state)
{
    (void)state;
    char source[] = "alice", *copy = xstrdup(source);
    source[0] = 'A';
    assert_string_equal(copy, "alice");
    free(copy);
}

static void ask_for_too_much(int how)
{
    static volatile size_t half = (size_t)1 << 62;
    void *p = how == 0 ? xmalloc(half) : how == 1 ? xcalloc(half, 4) : xrealloc(NULL, half);
    _exit(p ? 0 : 1); // not reached
}

/* The child must say why and abort. A sanitizer's own allocator ends it first, in its own words. */
static void out_of_memory_aborts(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        int fds[2], status;
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            dup2(fds[1], STDERR_FILENO);
            ask_for_too_much(how);
        }
        close(fds[1]);

        char said[4096] = "";
        size_t n = 0;
        for (ssize_t got; n < sizeof(said) - 1; n += (size_t)got) {
            got = read(fds[0], said + n, sizeof(said) - 1 - n);
            if (got <= 0)
                break;
        }
        close(fds[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (WIFSIGNALED(status)) {
            assert_int_equal(WTERMSIG(status), SIGABRT);
            assert_non_null(strstr(said, "memory"));
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_bytes_are_an_allocation), cmocka_unit_test(calloc_zeroes),
        cmocka_unit_test(realloc_keeps_what_was_there), cmocka_unit_test(strdup_copies),
        cmocka_unit_test(out_of_memory_aborts),
    };
    return RUN_TESTS(argc, argv, "mem", tests);
}
