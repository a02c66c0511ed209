/* The channel with many threads: every item once, in the order of its sender, never more than fit;
 * closing wakes everybody; deadlines lose nothing; the receiver may be done with it at once. */
#include "helpers.h"

#include <hubbub/channel.h>
#include <hubbub/err.h>
#include <stdlib.h>
#include <string.h>

enum { SENDERS = 8, ITEMS = 4000 / SLOWER };

struct sender {
    struct channel *channel;
    struct thread *thread;
    uintptr_t id;
    uint32_t accepted, timeouts, full, closed, other;
    bool with_deadlines;
};

static void *item(uintptr_t sender, uintptr_t n)
{
    return (void *)(sender << 32 | n);
}

static void send_all(void *arg)
{
    struct sender *s = arg;
    uint32_t seed = (uint32_t)s->id + 1;
    while (s->accepted < ITEMS) {
        int64_t deadline = DEADLINE_NEVER;
        if (s->with_deadlines) {
            uint32_t r = dice(&seed) % 4;
            deadline = r == 0 ? DEADLINE_NOW : clock_now() + r * 20 * NS_PER_US;
        }
        switch (channel_send(s->channel, item(s->id, s->accepted + 1), deadline)) {
        case 0: s->accepted++; break;
        case ERR_TIMEOUT: s->timeouts++; break;
        case ERR_FULL:
            s->full++;
            sched_yield();
            break;
        case ERR_CLOSED: s->closed++; return;
        default: s->other++; return;
        }
    }
}

static void start_senders(struct sender *s, struct channel *c, bool with_deadlines)
{
    for (uintptr_t i = 0; i < SENDERS; i++) {
        s[i] = (struct sender){.channel = c, .id = i, .with_deadlines = with_deadlines};
        s[i].thread = start_thread(send_all, &s[i]);
    }
}

static void join_senders(struct sender *s)
{
    for (int i = 0; i < SENDERS; i++) {
        thread_join(s[i].thread);
        assert_int_equal(s[i].other, 0);
    }
}

/* Takes what comes; last[] is the newest item of each sender. Returns how many. */
static int take(struct channel *c, uint32_t max, int64_t deadline, uint32_t *last)
{
    void *items[64];
    int n = channel_recv(c, items, max, deadline);
    if (n > (int)max)
        fail_msg("%d items where %u were asked for", n, max);
    for (int i = 0; i < n; i++) {
        uintptr_t sender = (uintptr_t)items[i] >> 32, number = (uintptr_t)items[i] & 0xffffffff;
        if (sender >= SENDERS || number != last[sender] + 1)
            fail_msg("item %zu of sender %zu after %u", number, sender, last[sender]);
        last[sender]++;
    }
    return n;
}

static void every_item_once_and_in_order(void **state)
{
    (void)state;
    static const struct {
        uint32_t capacity, max;
    } shapes[] = {{1, 1}, {3, 1}, {3, 64}, {64, 7}, {1000, 64}};
    for (size_t k = 0; k < sizeof(shapes) / sizeof(shapes)[0]; k++) {
        struct channel c;
        struct sender s[SENDERS];
        uint32_t last[SENDERS] = {0}, got = 0;
        channel_init(&c, shapes[k].capacity);
        start_senders(s, &c, false);
        while (got < SENDERS * ITEMS) {
            assert_true(channel_count(&c) <= shapes[k].capacity);
            int n = take(&c, shapes[k].max, clock_now() + PATIENCE, last);
            assert_true(n > 0);
            got += (uint32_t)n;
        }
        join_senders(s);
        assert_int_equal(channel_count(&c), 0);
        channel_fini(&c);
    }
}

static void deadlines_lose_nothing(void **state)
{
    (void)state;
    struct channel c;
    struct sender s[SENDERS];
    uint32_t last[SENDERS] = {0}, got = 0, seed = 7;
    int64_t until = clock_now() + PATIENCE;
    channel_init(&c, 2);
    start_senders(s, &c, true);
    while (got < SENDERS * ITEMS) {
        uint32_t r = dice(&seed) % 4;
        int n = take(&c, 2, r == 0 ? DEADLINE_NOW : clock_now() + r * 20 * NS_PER_US, last);
        if (n > 0)
            got += (uint32_t)n;
        else
            assert_true((n == ERR_AGAIN || n == ERR_TIMEOUT) && clock_now() < until);
    }
    join_senders(s);
    assert_int_equal(channel_count(&c), 0);
    channel_fini(&c);
}

static uint32_t senders_asleep(struct channel *c)
{
    pthread_mutex_lock(&c->mu);
    uint32_t n = c->senders_waiting;
    pthread_mutex_unlock(&c->mu);
    return n;
}

static bool receiver_asleep(struct channel *c)
{
    pthread_mutex_lock(&c->mu);
    bool asleep = c->receiver_waiting;
    pthread_mutex_unlock(&c->mu);
    return asleep;
}

static void close_wakes_all_senders(void **state)
{
    (void)state;
    for (int round = 0; round < 200 / SLOWER; round++) {
        struct channel c;
        struct sender s[SENDERS];
        uint32_t last[SENDERS] = {0}, got = 0, accepted = 0;
        channel_init(&c, 3);
        start_senders(s, &c, false);
        WAIT_UNTIL(senders_asleep(&c) == SENDERS);
        channel_close(&c);
        join_senders(s);
        for (int i = 0; i < SENDERS; i++) {
            assert_int_equal(s[i].closed, 1);
            accepted += s[i].accepted;
        }
        assert_int_equal(accepted, 3);
        for (int n; (n = take(&c, 2, DEADLINE_NEVER, last)) != ERR_CLOSED; got += (uint32_t)n)
            assert_true(n > 0);
        assert_int_equal(got, accepted);
        channel_fini(&c);
    }
}

static void close_in_the_middle_keeps_what_was_accepted(void **state)
{
    (void)state;
    for (int round = 0; round < 200 / SLOWER; round++) {
        struct channel c;
        struct sender s[SENDERS];
        uint32_t last[SENDERS] = {0}, got = 0;
        channel_init(&c, 4);
        start_senders(s, &c, round % 2 == 1);
        for (int n; (n = take(&c, 3, DEADLINE_NEVER, last)) != ERR_CLOSED;) {
            assert_true(n > 0);
            got += (uint32_t)n;
            if (got > (uint32_t)round)
                channel_close(&c);
        }
        join_senders(s);
        for (int i = 0; i < SENDERS; i++)
            assert_int_equal(s[i].accepted, last[i]);
        channel_fini(&c);
    }
}

struct receiver {
    struct channel *channel;
    int result;
};

static void receive_once(void *arg)
{
    struct receiver *r = arg;
    void *items[1];
    r->result = channel_recv(r->channel, items, 1, DEADLINE_NEVER);
}

static void close_wakes_the_receiver(void **state)
{
    (void)state;
    for (int round = 0; round < 500 / SLOWER; round++) {
        struct channel c;
        channel_init(&c, 1);
        struct receiver r = {.channel = &c};
        struct thread *t = start_thread(receive_once, &r);
        if (round % 2 == 0) // else it may just be on its way there
            WAIT_UNTIL(receiver_asleep(&c));
        channel_close(&c);
        thread_join(t);
        assert_int_equal(r.result, ERR_CLOSED);
        channel_fini(&c);
    }
}

/* Answers each channel that it is sent with one item, and never touches it again. */
static void answer(void *arg)
{
    void *items[1];
    while (channel_recv(arg, items, 1, DEADLINE_NEVER) == 1)
        channel_send(items[0], item(0, 1), DEADLINE_NOW);
}

/* The sender must be done with the channel when the receiver has the item. Whether it is, is for
 * AddressSanitizer and ThreadSanitizer to say. */
static void the_receiver_of_an_answer_may_free_the_channel(void **state)
{
    (void)state;
    struct channel questions;
    channel_init(&questions, 1);
    struct thread *t = start_thread(answer, &questions);
    for (int round = 0; round < 20000 / SLOWER; round++) {
        struct channel *c = malloc(sizeof(*c));
        void *items[1];
        int n;
        channel_init(c, 1);
        assert_int_equal(channel_send(&questions, c, DEADLINE_NEVER), 0);
        while ((n = channel_recv(c, items, 1, clock_now() + 5 * NS_PER_US)) == ERR_TIMEOUT)
            continue;
        assert_int_equal(n, 1);
        channel_fini(c);
        memset(c, 0xa5, sizeof(*c));
        free(c);
    }
    channel_close(&questions);
    thread_join(t);
    channel_fini(&questions);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_once_and_in_order),
        cmocka_unit_test(deadlines_lose_nothing),
        cmocka_unit_test(close_wakes_all_senders),
        cmocka_unit_test(close_in_the_middle_keeps_what_was_accepted),
        cmocka_unit_test(close_wakes_the_receiver),
        cmocka_unit_test(the_receiver_of_an_answer_may_free_the_channel),
    };
    return RUN_CONCURRENT(argc, argv, "channel", tests);
}
