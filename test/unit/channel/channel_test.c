/* The channel with one thread: order, bounds, batches, closing, deadlines that have passed. What takes
 * more than one is in test/concurrency/channel_test.c. */
#include <support/test_main.h>

#include <hubbub/channel.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>

static void *item(uintptr_t n)
{
    return (void *)n;
}

static void assert_sends(struct channel *c, uintptr_t from, uintptr_t to)
{
    for (uintptr_t n = from; n <= to; n++)
        assert_int_equal(channel_send(c, item(n), DEADLINE_NOW), 0);
}

/* Takes at most max and wants exactly from..to. */
static void assert_receives(struct channel *c, uint32_t max, uintptr_t from, uintptr_t to)
{
    void *items[64];
    assert_true(max <= 64);
    assert_int_equal(channel_recv(c, items, max, DEADLINE_NOW), to - from + 1);
    for (uintptr_t n = from; n <= to; n++)
        assert_ptr_equal(items[n - from], item(n));
}

static void empty(struct channel *c)
{
    void *items[64];
    while (channel_recv(c, items, 64, DEADLINE_NOW) > 0)
        continue;
    assert_int_equal(channel_count(c), 0);
    channel_fini(c);
}

static void an_idle_channel_has_no_ring(void **state)
{
    (void)state;
    struct channel c;
    channel_init(&c, 1 << 20);
    assert_null(c.ring);
    assert_int_equal(channel_count(&c), 0);
    channel_fini(&c);
}

static void items_come_in_the_order_they_were_sent(void **state)
{
    (void)state;
    struct channel c;
    channel_init(&c, 8);
    assert_sends(&c, 1, 8);
    assert_int_equal(channel_count(&c), 8);
    assert_receives(&c, 64, 1, 8);
    empty(&c);
}

static void recv_takes_no_more_than_asked_for(void **state)
{
    (void)state;
    struct channel c;
    channel_init(&c, 8);
    assert_sends(&c, 1, 5);
    assert_receives(&c, 1, 1, 1);
    assert_receives(&c, 3, 2, 4);
    assert_receives(&c, 3, 5, 5);
    empty(&c);
}

static void capacity_is_the_bound_whatever_the_ring(void **state)
{
    (void)state;
    // below, at and above the powers of two the ring grows by
    for (uint32_t capacity = 1; capacity <= 40; capacity++) {
        struct channel c;
        channel_init(&c, capacity);
        assert_sends(&c, 1, capacity);
        assert_int_equal(channel_send(&c, item(99), DEADLINE_NOW), ERR_FULL);
        assert_int_equal(channel_send(&c, item(99), 1), ERR_TIMEOUT);
        assert_int_equal(channel_count(&c), capacity);
        assert_receives(&c, 1, 1, 1);
        assert_sends(&c, capacity + 1, capacity + 1);
        assert_int_equal(channel_send(&c, item(99), DEADLINE_NOW), ERR_FULL);
        assert_receives(&c, 64, 2, capacity + 1);
        empty(&c);
    }
}

static void order_survives_growing_in_the_middle_of_a_lap(void **state)
{
    (void)state;
    for (uint32_t before = 0; before <= 33; before++) {
        struct channel c;
        channel_init(&c, 50);
        uintptr_t sent = 0, taken = 0;
        // moves the head to every place of a small ring, then fills it up so that it grows there
        for (uint32_t i = 0; i < before; i++) {
            assert_sends(&c, sent + 1, sent + 1);
            sent++;
            assert_receives(&c, 1, taken + 1, taken + 1);
            taken++;
        }
        assert_sends(&c, sent + 1, sent + 50);
        assert_receives(&c, 64, taken + 1, taken + 50);
        empty(&c);
    }
}

static void nothing_there_is_said_in_two_ways(void **state)
{
    (void)state;
    struct channel c;
    void *items[2];
    channel_init(&c, 2);
    assert_int_equal(channel_recv(&c, items, 2, DEADLINE_NOW), ERR_AGAIN);
    assert_int_equal(channel_recv(&c, items, 2, 1), ERR_TIMEOUT);
    assert_int_equal(channel_recv(&c, items, 2, clock_now() + NS_PER_MS), ERR_TIMEOUT);
    empty(&c);
}

static void a_deadline_is_not_over_before_its_time(void **state)
{
    (void)state;
    struct channel c;
    void *items[1];
    channel_init(&c, 1);
    int64_t deadline = clock_now() + 5 * NS_PER_MS;
    assert_int_equal(channel_recv(&c, items, 1, deadline), ERR_TIMEOUT);
    assert_true(clock_now() >= deadline);
    assert_sends(&c, 1, 1);
    deadline = clock_now() + 5 * NS_PER_MS;
    assert_int_equal(channel_send(&c, item(2), deadline), ERR_TIMEOUT);
    assert_true(clock_now() >= deadline);
    empty(&c);
}

static void what_is_there_needs_no_waiting(void **state)
{
    (void)state;
    struct channel c;
    void *items[1];
    channel_init(&c, 2);
    assert_int_equal(channel_send(&c, item(1), DEADLINE_NEVER), 0);
    assert_int_equal(channel_send(&c, item(2), 1), 0);
    assert_int_equal(channel_recv(&c, items, 1, 1), 1);
    assert_int_equal(channel_recv(&c, items, 1, DEADLINE_NEVER), 1);
    empty(&c);
}

static void what_was_accepted_is_received_after_close(void **state)
{
    (void)state;
    struct channel c;
    void *items[4];
    channel_init(&c, 4);
    assert_sends(&c, 1, 3);
    channel_close(&c);
    channel_close(&c);
    assert_int_equal(channel_send(&c, item(4), DEADLINE_NOW), ERR_CLOSED);
    assert_int_equal(channel_send(&c, item(4), DEADLINE_NEVER), ERR_CLOSED);
    assert_receives(&c, 2, 1, 2);
    assert_receives(&c, 2, 3, 3);
    assert_int_equal(channel_recv(&c, items, 4, DEADLINE_NOW), ERR_CLOSED);
    assert_int_equal(channel_recv(&c, items, 4, 1), ERR_CLOSED);
    assert_int_equal(channel_recv(&c, items, 4, DEADLINE_NEVER), ERR_CLOSED);
    channel_fini(&c);
}

static void closed_is_said_before_full(void **state)
{
    (void)state;
    struct channel c;
    channel_init(&c, 1);
    assert_sends(&c, 1, 1);
    channel_close(&c);
    assert_int_equal(channel_send(&c, item(2), DEADLINE_NOW), ERR_CLOSED);
    assert_int_equal(channel_send(&c, item(2), DEADLINE_NEVER), ERR_CLOSED);
    empty(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_channel_has_no_ring),
        cmocka_unit_test(items_come_in_the_order_they_were_sent),
        cmocka_unit_test(recv_takes_no_more_than_asked_for),
        cmocka_unit_test(capacity_is_the_bound_whatever_the_ring),
        cmocka_unit_test(order_survives_growing_in_the_middle_of_a_lap),
        cmocka_unit_test(nothing_there_is_said_in_two_ways),
        cmocka_unit_test(a_deadline_is_not_over_before_its_time),
        cmocka_unit_test(what_is_there_needs_no_waiting),
        cmocka_unit_test(what_was_accepted_is_received_after_close),
        cmocka_unit_test(closed_is_said_before_full),
    };
    return RUN_TESTS(argc, argv, "channel", tests);
}
