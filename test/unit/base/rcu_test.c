/* Deferred frees: not while a reader may look, all of them before the barrier returns. */
#include <support/test_main.h>

#include <hubbub/rcu.h>
#include <hubbub/thread.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

enum { STACK = 128 * 1024, MANY = 1000, A_WHILE = 2000 };

// Atomic: TSan does not see that rcu_barrier() waits for the thread that writes them.
static int freed;
static pthread_t freer;

struct thing {
    int value;
    struct rcu_head rcu;
};

static void free_thing(struct rcu_head *head)
{
    rcu_deferred();
    __atomic_store_n(&freer, pthread_self(), __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&freed, 1, __ATOMIC_SEQ_CST);
    free(caa_container_of(head, struct thing, rcu));
}

static struct thing *thing_new(int value)
{
    struct thing *t = calloc(1, sizeof(*t));
    t->value = value;
    return t;
}

static int setup(void **state)
{
    (void)state;
    __atomic_store_n(&freed, 0, __ATOMIC_SEQ_CST);
    return 0;
}

static void the_barrier_waits_for_all(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        rcu_defer(&thing_new(i)->rcu, free_thing);
    rcu_barrier();
    assert_int_equal(__atomic_load_n(&freed, __ATOMIC_SEQ_CST), MANY);
}

static void somebody_else_frees(void **state)
{
    (void)state;
    rcu_defer(&thing_new(1)->rcu, free_thing);
    rcu_barrier();
    pthread_t who = __atomic_load_n(&freer, __ATOMIC_SEQ_CST);
    assert_false(pthread_equal(who, pthread_self()));
}

/* A reader holds what was removed for as long as it likes: the other deferred frees wait as well. */
static struct thing *shared;
static bool inside, removed;
static int seen_freed, seen_value;

static void read_for_a_while(void *arg)
{
    (void)arg;
    rcu_read_lock();
    struct thing *t = rcu_dereference(shared);
    RCU_FOUND();
    __atomic_store_n(&inside, true, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&removed, __ATOMIC_SEQ_CST))
        sched_yield();
    for (int i = 0; i < A_WHILE; i++) // time for a wrong free to happen
        sched_yield();
    seen_freed = __atomic_load_n(&freed, __ATOMIC_SEQ_CST);
    seen_value = t->value; // ASan would know
    rcu_read_unlock();
}

static void nothing_is_freed_under_a_reader(void **state)
{
    (void)state;
    struct thing *old = thing_new(42);
    RCU_PUBLISHED();
    rcu_assign_pointer(shared, old);
    struct thread *reader;
    assert_int_equal(thread_start(&reader, "reader", STACK, read_for_a_while, NULL), 0);
    while (!__atomic_load_n(&inside, __ATOMIC_SEQ_CST))
        sched_yield();
    rcu_assign_pointer(shared, NULL);
    rcu_defer(&old->rcu, free_thing);
    __atomic_store_n(&removed, true, __ATOMIC_SEQ_CST);
    thread_join(reader);
    rcu_barrier();
    assert_int_equal(seen_freed, 0);
    assert_int_equal(seen_value, 42);
    assert_int_equal(__atomic_load_n(&freed, __ATOMIC_SEQ_CST), 1);
}

static int register_thread(void **state)
{
    (void)state;
    rcu_register_thread();
    return 0;
}

static int unregister_thread(void **state)
{
    (void)state;
    thread_end_all();
    rcu_unregister_thread();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_barrier_waits_for_all, setup),
        cmocka_unit_test_setup(somebody_else_frees, setup),
        cmocka_unit_test_setup(nothing_is_freed_under_a_reader, setup),
    };
    return run_tests(argc, argv, "rcu", tests, sizeof(tests) / sizeof(tests)[0], register_thread,
                     unregister_thread);
}
