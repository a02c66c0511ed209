/* Threads: what a function finds when it runs on one, joining, reuse, and the end of all. */
#include <support/test_main.h>

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/rcu.h>
#include <hubbub/thread.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { STACK = 128 * 1024, MANY = 100, DETACHED = 20, PAGE = 4096 };

/* What a function saw of its thread. */
struct view {
    char name[17];
    pid_t tid;
    sigset_t blocked;
};

static void look(void *arg)
{
    struct view *v = arg;
    prctl(PR_GET_NAME, v->name);
    v->tid = gettid();
    pthread_sigmask(SIG_SETMASK, NULL, &v->blocked);
    rcu_read_lock(); // aborts or crashes when it is not registered
    rcu_read_unlock();
}

static struct view look_from(const char *name, size_t stack)
{
    struct view v = {0};
    struct thread *t = NULL;
    assert_int_equal(thread_start(&t, name, stack, look, &v), 0);
    assert_non_null(t);
    thread_join(t);
    return v;
}

static int end_all(void **state)
{
    (void)state;
    thread_end_all();
    return 0;
}

static void a_function_runs_elsewhere_under_its_name(void **state)
{
    (void)state;
    struct view v = look_from("reader", STACK);
    assert_string_equal(v.name, "reader");
    assert_int_not_equal(v.tid, gettid());
    assert_string_equal(look_from("fifteen letters", STACK).name, "fifteen letters");
    assert_string_equal(look_from("more than fifteen letters", STACK).name, "more than fifte");
}

static void signals_are_for_the_main_thread(void **state)
{
    (void)state;
    struct view v = look_from("reader", STACK);
    assert_true(sigismember(&v.blocked, SIGTERM));
    assert_true(sigismember(&v.blocked, SIGINT));
    assert_true(sigismember(&v.blocked, SIGHUP));
    assert_true(sigismember(&v.blocked, SIGPIPE));
    sigset_t mine; // and that of who starts stays as it was
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

/* A function that has been joined left its thread behind, idle: the join says so. */
static void a_thread_runs_one_function_after_the_other(void **state)
{
    (void)state;
    struct view a = look_from("first", STACK), b = look_from("second", STACK);
    assert_int_equal(a.tid, b.tid);
    assert_string_equal(a.name, "first");
    assert_string_equal(b.name, "second");
    assert_true(sigismember(&b.blocked, SIGTERM));
}

static void another_size_of_stack_is_another_thread(void **state)
{
    (void)state;
    struct view small = look_from("small", STACK), large = look_from("large", 2 * STACK);
    assert_int_not_equal(small.tid, large.tid);
    assert_int_equal(look_from("small", STACK).tid, small.tid);
    assert_int_equal(look_from("large", 2 * STACK).tid, large.tid);
}

static void meet(void *arg)
{
    pthread_barrier_wait(arg); // passes only when all run at once
}

static void many_run_at_once_and_again(void **state)
{
    (void)state;
    struct thread *t[MANY];
    for (int round = 0; round < 3; round++) {
        pthread_barrier_t all;
        pthread_barrier_init(&all, NULL, MANY + 1);
        for (int i = 0; i < MANY; i++)
            assert_int_equal(thread_start(&t[i], "crowd", STACK, meet, &all), 0);
        pthread_barrier_wait(&all);
        for (int i = 0; i < MANY; i++)
            thread_join(t[i]);
        pthread_barrier_destroy(&all);
    }
}

static void count(void *arg)
{
    for (int i = 0; i < 50; i++) // still at it when the end is called for
        sched_yield();
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_SEQ_CST);
}

static void the_end_waits_for_who_was_never_joined(void **state)
{
    (void)state;
    int done = 0;
    for (int i = 0; i < DETACHED; i++)
        assert_int_equal(thread_start(NULL, "detached", STACK, count, &done), 0);
    thread_end_all();
    assert_int_equal(__atomic_load_n(&done, __ATOMIC_SEQ_CST), DETACHED);
}

static bool lives(pid_t tid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d", (int)tid);
    return access(path, F_OK) == 0;
}

static void the_end_ends_idle_threads_and_more_may_follow(void **state)
{
    (void)state;
    thread_end_all(); // with nothing to end
    for (int round = 0; round < 5; round++) {
        struct view v = look_from("short", STACK);
        assert_true(lives(v.tid)); // idle
        thread_end_all();
        int64_t until = clock_now() + 10 * NS_PER_S; // the system may still be tidying up
        while (lives(v.tid) && clock_now() < until)
            sched_yield();
        assert_false(lives(v.tid));
    }
}

/* No address space has room for this stack. */
static void a_thread_that_cannot_be_had_is_an_error(void **state)
{
    (void)state;
    struct view v = {0};
    struct thread *t = NULL;
    size_t absurd = (size_t)1 << 47;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(thread_start(&t, "absurd", absurd, look, &v), ERR_LIMIT);
        assert_null(t);
        assert_int_equal(thread_start(NULL, "absurd", absurd, look, &v), ERR_LIMIT);
    }
    assert_int_equal(v.tid, 0);
    assert_string_equal(look_from("usual", STACK).name, "usual"); // others can be
    thread_end_all();                                             // and nobody waits for it
}

/* ---- giving back stack ---------------------------------------------------------------------------- */

struct trimmed {
    bool resident_before, resident_after, intact;
};

static bool is_resident(uintptr_t address)
{
    unsigned char page = 0;
    mincore((void *)(address & ~(uintptr_t)(PAGE - 1)), PAGE, &page);
    return page & 1;
}

static __attribute__((noinline)) void touch(uintptr_t *middle)
{
    volatile char deep[STACK / 2];
    for (size_t i = 0; i < sizeof(deep); i += 512)
        deep[i] = 1;
    *middle = (uintptr_t)&deep[sizeof(deep) / 2];
}

static void touch_and_trim(void *arg)
{
    struct trimmed *result = arg;
    volatile char mine[256];
    for (size_t i = 0; i < sizeof(mine); i++)
        mine[i] = (char)i;
    uintptr_t below;
    touch(&below);
    result->resident_before = is_resident(below);
    thread_trim_stack();
    result->resident_after = is_resident(below);
    thread_trim_stack();
    touch(&below); // the stack is as usable as before
    result->intact = true;
    for (size_t i = 0; i < sizeof(mine); i++)
        result->intact &= mine[i] == (char)i;
}

static void trimming_gives_back_what_is_below_and_nothing_else(void **state)
{
    (void)state;
    struct trimmed result = {0};
    struct thread *t;
    assert_int_equal(thread_start(&t, "trimmer", STACK, touch_and_trim, &result), 0);
    thread_join(t);
    assert_true(result.intact);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // their stacks are left alone
    assert_true(result.resident_before);
    assert_false(result.resident_after);
#endif
}

static void trimming_a_strange_thread_does_nothing(void **state)
{
    (void)state;
    volatile char mine[64] = "as it was";
    uintptr_t below;
    touch(&below);
    thread_trim_stack();
    assert_int_equal(mine[0], 'a');
    thread_expect(1000); // nor does this do harm where the system does not know it
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_function_runs_elsewhere_under_its_name, end_all),
        cmocka_unit_test_teardown(signals_are_for_the_main_thread, end_all),
        cmocka_unit_test_teardown(a_thread_runs_one_function_after_the_other, end_all),
        cmocka_unit_test_teardown(another_size_of_stack_is_another_thread, end_all),
        cmocka_unit_test_teardown(many_run_at_once_and_again, end_all),
        cmocka_unit_test_teardown(the_end_waits_for_who_was_never_joined, end_all),
        cmocka_unit_test_teardown(the_end_ends_idle_threads_and_more_may_follow, end_all),
        cmocka_unit_test_teardown(a_thread_that_cannot_be_had_is_an_error, end_all),
        cmocka_unit_test_teardown(trimming_gives_back_what_is_below_and_nothing_else, end_all),
        cmocka_unit_test_teardown(trimming_a_strange_thread_does_nothing, end_all),
    };
    return RUN_TESTS(argc, argv, "thread", tests);
}
