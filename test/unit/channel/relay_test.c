/* The relay with one thread: the states of a task, who is given a place, turns, retiring. Its threads
 * are in test/concurrency/relay_test.c and test/model/relay.pml. */
#include <support/test_main.h>

#include <hubbub/clock.h>
#include <hubbub/relay.h>
#include <string.h>

enum { TURN = 256, SHARE = 16 }; // as in relay.c

struct unit {
    struct relay_task task;
    struct parker parker;
    int runs;
    int number;     // when it was carried last, of all
    bool stuck;     // the socket is full
    int posts_more; // how often new work comes while it is carried
};

static struct relay *relay;
static int carried;

static bool run(struct relay_task *t)
{
    struct unit *u = caa_container_of(t, struct unit, task);
    assert_int_equal(t->state, TASK_RUNNING);
    u->runs++;
    u->number = ++carried;
    if (u->posts_more > 0) {
        u->posts_more--;
        relay_post(relay, t);
        assert_int_equal(t->state, TASK_AGAIN);
        relay_post(relay, t); // once is enough
    }
    return !u->stuck;
}

static void unit_init(struct unit *u)
{
    memset(u, 0, sizeof(*u));
    parker_init(&u->parker);
    relay_task_init(&u->task, &u->parker, run);
}

static void start(unsigned carriers, struct unit *units, size_t n)
{
    relay = relay_new(carriers);
    carried = 0;
    for (size_t i = 0; i < n; i++)
        unit_init(&units[i]);
}

static unsigned places(void)
{
    struct relay_stats s;
    relay_read_stats(relay, &s);
    return s.active;
}

static void post_all(struct unit *units, size_t n)
{
    for (size_t i = 0; i < n; i++)
        relay_post(relay, &units[i].task);
}

static unsigned why(struct unit *u)
{
    return parker_wait(&u->parker, DEADLINE_NOW);
}

static void nothing_to_do_gives_no_place(void **state)
{
    (void)state;
    start(2, NULL, 0);
    relay_kick(relay);
    assert_int_equal(places(), 0);
    relay_free(relay);
}

static void posted_work_is_carried_by_whoever_has_a_place(void **state)
{
    (void)state;
    struct unit u[3];
    start(1, u, 3);
    post_all(u, 3);
    assert_int_equal(u[1].task.state, TASK_QUEUED);
    assert_int_equal(places(), 0); // posting wakes nobody
    relay_kick(relay);
    assert_int_equal(places(), 1);
    assert_int_equal(why(&u[0]), WAKE_CARRY); // the owner of the first
    assert_int_equal(why(&u[1]), 0);

    relay_carry(relay);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(u[i].runs, 1);
        assert_int_equal(u[i].number, i + 1);
        assert_int_equal(u[i].task.state, TASK_IDLE);
    }
    assert_int_equal(places(), 0);

    struct relay_stats s;
    relay_read_stats(relay, &s);
    assert_int_equal(s.wakes, 1);
    assert_int_equal(s.carried, 3);
    assert_int_equal(s.turns, 1);
    assert_int_equal(s.handed_back, 0);
    relay_free(relay);
}

static void a_task_is_in_the_list_once(void **state)
{
    (void)state;
    struct unit u[1];
    start(1, u, 1);
    for (int i = 0; i < 5; i++)
        relay_post(relay, &u[0].task);
    relay_kick(relay);
    assert_int_equal(why(&u[0]), WAKE_CARRY);
    relay_carry(relay);
    assert_int_equal(u[0].runs, 1);
    relay_free(relay);
}

static void no_more_places_than_there_are(void **state)
{
    (void)state;
    struct unit u[2 * SHARE];
    start(1, u, 2 * SHARE);
    post_all(u, 2 * SHARE);
    relay_kick(relay);
    relay_kick(relay);
    assert_int_equal(places(), 1);
    assert_int_equal(why(&u[0]), WAKE_CARRY);
    assert_int_equal(why(&u[1]), 0);
    relay_carry(relay);
    assert_int_equal(places(), 0);
    relay_free(relay);
}

static void a_long_list_is_shared(void **state)
{
    (void)state;
    struct unit u[2 * SHARE];
    start(8, u, 2 * SHARE);
    post_all(u, SHARE - 1);
    relay_kick(relay);
    assert_int_equal(places(), 1);
    post_all(u, 2 * SHARE);
    relay_kick(relay);
    // the first has a place already: nobody else gets one for it, and one looks at the list anyway
    assert_int_equal(places(), 1);
    assert_int_equal(why(&u[0]), WAKE_CARRY);
    relay_kick(relay);
    assert_int_equal(places(), 3);
    assert_int_equal(why(&u[0]), WAKE_CARRY);
    assert_int_equal(why(&u[1]), WAKE_CARRY);
    assert_int_equal(why(&u[2]), 0);
    for (int i = 0; i < 3; i++)
        relay_carry(relay);
    assert_int_equal(places(), 0);
    assert_int_equal(carried, 2 * SHARE);
    relay_free(relay);
}

static void work_that_comes_meanwhile_goes_to_the_end_of_the_list(void **state)
{
    (void)state;
    struct unit u[2];
    start(1, u, 2);
    u[0].posts_more = 1;
    post_all(u, 2);
    relay_kick(relay);
    relay_carry(relay);
    assert_int_equal(u[0].runs, 2);
    assert_int_equal(u[0].number, 3);
    assert_int_equal(u[1].number, 2);
    assert_int_equal(u[0].task.state, TASK_IDLE);
    relay_free(relay);
}

static void what_must_wait_goes_back_to_its_owner(void **state)
{
    (void)state;
    struct unit u[2];
    start(1, u, 2);
    u[0].stuck = true;
    u[0].posts_more = 1; // also when work came meanwhile
    post_all(u, 2);
    relay_kick(relay);
    assert_int_equal(why(&u[0]), WAKE_CARRY);
    relay_carry(relay);
    assert_int_equal(u[1].runs, 1); // the others go on
    assert_true(relay_owns(&u[0].task));
    assert_int_equal(why(&u[0]), WAKE_OWNER);

    relay_post(relay, &u[0].task);
    relay_kick(relay);
    assert_int_equal(places(), 0); // it is not in the list while it is with its owner
    assert_int_equal(u[0].runs, 1);

    u[0].stuck = false;
    relay_release(relay, &u[0].task);
    assert_false(relay_owns(&u[0].task));
    assert_int_equal(why(&u[0]), WAKE_CARRY);
    relay_carry(relay);
    assert_int_equal(u[0].runs, 2); // what came meanwhile is seen
    assert_int_equal(places(), 0);

    struct relay_stats s;
    relay_read_stats(relay, &s);
    assert_int_equal(s.handed_back, 1);
    relay_free(relay);
}

static void a_turn_ends_and_the_place_goes_to_the_next(void **state)
{
    (void)state;
    static struct unit u[TURN + 2];
    start(1, u, TURN + 2);
    post_all(u, TURN + 2);
    relay_kick(relay);
    relay_carry(relay);
    assert_int_equal(carried, TURN);
    assert_int_equal(places(), 1);
    assert_int_equal(why(&u[TURN]), WAKE_CARRY);
    relay_carry(relay);
    assert_int_equal(carried, TURN + 2);
    assert_int_equal(places(), 0);
    relay_free(relay);
}

static void who_never_rests_does_not_starve_others(void **state)
{
    (void)state;
    struct unit u[2];
    start(1, u, 2);
    u[0].posts_more = 10 * TURN;
    post_all(u, 2);
    relay_kick(relay);
    assert_int_equal(why(&u[0]), WAKE_CARRY);
    relay_carry(relay);
    assert_int_equal(u[1].number, 2);
    assert_int_equal(carried, TURN);
    while (places() > 0) {
        assert_int_equal(why(&u[0]), WAKE_CARRY); // its own work gets it the next turn
        relay_carry(relay);
    }
    assert_int_equal(u[0].runs, 10 * TURN + 1);
    relay_free(relay);
}

static void a_retired_task_is_dead(void **state)
{
    (void)state;
    struct unit u[2];
    start(1, u, 2);
    relay_retire(relay, &u[0].task);
    assert_int_equal(u[0].task.state, TASK_DEAD);
    post_all(u, 2);
    relay_kick(relay);
    relay_carry(relay);
    assert_int_equal(u[0].runs, 0);
    assert_int_equal(u[1].runs, 1);
    relay_retire(relay, &u[1].task);
    relay_free(relay);
}

static void a_task_can_retire_from_its_owner_hands(void **state)
{
    (void)state;
    struct unit u[1];
    start(1, u, 1);
    u[0].stuck = true;
    post_all(u, 1);
    relay_kick(relay);
    assert_int_equal(why(&u[0]), WAKE_CARRY);
    relay_carry(relay);
    relay_retire(relay, &u[0].task);
    assert_int_equal(u[0].task.state, TASK_DEAD);
    assert_int_equal(places(), 0);
    relay_free(relay);
}

static void who_retires_uses_the_place_it_was_given(void **state)
{
    (void)state;
    struct unit u[2];
    start(1, u, 2);
    post_all(u, 2);
    relay_kick(relay);
    relay_retire(relay, &u[0].task); // has the place, and work of its own in the list
    assert_int_equal(u[0].runs, 1);
    assert_int_equal(u[1].runs, 1);
    assert_int_equal(places(), 0);
    relay_free(relay);
}

static void a_place_that_comes_last_is_not_lost(void **state)
{
    (void)state;
    static struct unit u[SHARE + 1];
    start(2, u, SHARE + 1);
    post_all(u, SHARE);
    relay_kick(relay); // 0 and 1 have places
    assert_int_equal(places(), 2);
    relay_carry(relay); // 0 carries all, 1 has not looked at its parker yet
    assert_int_equal(places(), 1);
    assert_int_equal(u[1].task.state, TASK_IDLE);
    post_all(&u[SHARE], 1);
    relay_retire(relay, &u[1].task);
    assert_int_equal(u[SHARE].runs, 1);
    assert_int_equal(places(), 0);
    relay_free(relay);
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
    rcu_unregister_thread();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_do_gives_no_place),
        cmocka_unit_test(posted_work_is_carried_by_whoever_has_a_place),
        cmocka_unit_test(a_task_is_in_the_list_once),
        cmocka_unit_test(no_more_places_than_there_are),
        cmocka_unit_test(a_long_list_is_shared),
        cmocka_unit_test(work_that_comes_meanwhile_goes_to_the_end_of_the_list),
        cmocka_unit_test(what_must_wait_goes_back_to_its_owner),
        cmocka_unit_test(a_turn_ends_and_the_place_goes_to_the_next),
        cmocka_unit_test(who_never_rests_does_not_starve_others),
        cmocka_unit_test(a_retired_task_is_dead),
        cmocka_unit_test(a_task_can_retire_from_its_owner_hands),
        cmocka_unit_test(who_retires_uses_the_place_it_was_given),
        cmocka_unit_test(a_place_that_comes_last_is_not_lost),
    };
    return run_tests(argc, argv, "relay", tests, sizeof(tests) / sizeof(tests)[0], register_thread,
                     unregister_thread);
}
