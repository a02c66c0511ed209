/* What the concurrency tests share. Helper threads only tally; the test's own thread asserts. */
#ifndef HUBBUB_CONCURRENCY_HELPERS_H
#define HUBBUB_CONCURRENCY_HELPERS_H

#include <support/test_main.h>

#include <hubbub/clock.h>
#include <hubbub/rcu.h>
#include <hubbub/thread.h>
#include <sched.h>
#include <stdbool.h>

enum { STACK = 256 * 1024 };

/* Nothing here takes a second, but for a machine that is busy with something else. */
#define PATIENCE (60 * NS_PER_S)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SLOWER = 8 }; /* so many times fewer rounds */
#else
enum { SLOWER = 1 };
#endif

#define WAIT_UNTIL(condition)                                  \
    do {                                                       \
        int64_t until_ = clock_now() + PATIENCE;               \
        while (!(condition)) {                                 \
            if (clock_now() > until_)                          \
                fail_msg("waited in vain for %s", #condition); \
            sched_yield();                                     \
        }                                                      \
    } while (0)

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define ADD(x, n) __atomic_add_fetch(&(x), n, __ATOMIC_SEQ_CST)

static inline struct thread *start_thread(thread_fn *fn, void *arg)
{
    struct thread *t = NULL;
    assert_int_equal(thread_start(&t, "helper", STACK, fn, arg), 0);
    return t;
}

/* xorshift: one state for each thread, any but 0. */
static inline uint32_t dice(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static inline int enter_group(void **state)
{
    (void)state;
    rcu_register_thread();
    return 0;
}

static inline int leave_group(void **state)
{
    (void)state;
    thread_end_all();
    rcu_barrier();
    rcu_unregister_thread();
    return 0;
}

#define RUN_CONCURRENT(argc, argv, name, tests) \
    run_tests(argc, argv, name, tests, sizeof(tests) / sizeof(tests)[0], enter_group, leave_group)

#endif
