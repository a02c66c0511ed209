/* Members that do not keep up: their outbox is full, the hub waits a little, then they are closed. */
#include <support/stage.h>

#include <hubbub/metrics.h>
#include <hubbub/thread.h>
#include <stdio.h>
#include <string.h>

enum { LIMIT = 4, STACK = 256 * 1024 };

/* One message each, in frames of its own. */
static void say_apart(struct probe *from, int n)
{
    for (int i = 0; i < n; i++) {
        char content[16];
        snprintf(content, sizeof(content), "n%d", i);
        say(from, "den", content, NULL);
        hub_fence(from->stage->hub);
    }
}

static void who_does_not_read_is_closed_and_nobody_else(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    int64_t closed = metric_read(METRIC_SLOW_CLOSED);
    struct probe *alice = stage_enter(&s, DIALECT_CLASSIC, "alice");
    struct probe *slow = stage_enter_slow(&s, DIALECT_CLASSIC, "bob", LIMIT, 10 * NS_PER_MS);
    meet(alice, slow, "den");
    say_apart(alice, LIMIT);
    assert_int_equal(outbox_close_code(&slow->outbox), 0);
    say_apart(alice, 3);
    assert_int_equal(outbox_close_code(&slow->outbox), 4013);
    assert_int_equal(metric_read(METRIC_SLOW_CLOSED), closed + 1);
    for (int i = 0; i < LIMIT; i++) { /* what was accepted is still delivered */
        char pattern[64];
        snprintf(pattern, sizeof(pattern), "{'type':'message',*'content':'n%d',*}", i);
        EXPECT(slow, pattern);
    }
    EXPECT_CLOSED(slow, 4013);
    assert_int_equal(probe_skip(alice), LIMIT + 3);
    stage_fini(&s);
}

struct reader {
    struct outbox *outbox;
    uint32_t messages; /* atomic */
};

static void read_all(void *arg)
{
    struct reader *r = arg;
    struct frame *f;
    while (outbox_take(r->outbox, &f, 1, DEADLINE_NEVER) == 1) {
        __atomic_fetch_add(&r->messages, f->messages, __ATOMIC_RELAXED);
        frame_unref(f, 1);
    }
}

static void who_is_slow_but_reads_is_waited_for(void **state)
{
    (void)state;
    enum { MESSAGES = 1000 };
    struct stage s;
    struct thread *t;
    stage_init(&s, NULL);
    int64_t closed = metric_read(METRIC_SLOW_CLOSED);
    struct probe *alice = stage_enter(&s, DIALECT_CLASSIC, "alice");
    struct probe *slow = stage_enter_slow(&s, DIALECT_CLASSIC, "bob", LIMIT, STAGE_PATIENCE);
    struct reader r = {.outbox = &slow->outbox};
    assert_int_equal(thread_start(&t, "reader", STACK, read_all, &r), 0);
    join(alice, "den", NULL);
    join(slow, "den", NULL);
    for (int i = 0; i < MESSAGES; i++)
        say(alice, "den", "x", NULL);
    probe_leave(slow); /* closes the outbox behind the last of them */
    thread_join(t);
    assert_int_equal(r.messages, 1 + MESSAGES); /* its join */
    assert_int_equal(metric_read(METRIC_SLOW_CLOSED), closed);
    stage_fini(&s);
}

static void typing_is_not_worth_waiting_for(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    int64_t waits = metric_read(METRIC_BACKPRESSURE);
    struct probe *alice = stage_enter(&s, DIALECT_CLASSIC, "alice");
    struct probe *slow = stage_enter_slow(&s, DIALECT_FULL, "bob", LIMIT, 0);
    join(alice, "den", NULL);
    join(slow, "den", NULL);
    say_apart(alice, LIMIT - 3); /* beside the welcome and its join: more than half */
    for (int i = 0; i < 10; i++)
        type(alice, "den", false, NULL);
    hub_fence(s.hub);
    assert_int_equal(outbox_close_code(&slow->outbox), 0);
    assert_int_equal(metric_read(METRIC_BACKPRESSURE), waits);
    assert_int_equal(probe_skip(slow), LIMIT - 1);
    type(alice, "den", true, NULL);
    EXPECT(slow, "{'type':'typing',*'state':'paused'}");
    stage_fini(&s);
}

static void the_closed_one_is_skipped_until_it_leaves(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    meet(alice, bob, "den");
    outbox_close(&bob->outbox, 4008, "no pong in time"); /* as its writer does */
    say(alice, "den", "anybody?", NULL);
    say(bob, "den", "heard to the end", NULL);
    EXPECT(alice, "{'type':'message',*'content':'anybody?',*}");
    EXPECT(alice, "{'type':'message',*'content':'heard to the end',*}");
    EXPECT_CLOSED(bob, 4008);
    probe_leave(bob);
    EXPECT(alice, "{'type':'leave',*'username':'bob',*}");
    assert_int_equal(outbox_close_code(&bob->outbox), 4008); /* the first reason counts */
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_read_is_closed_and_nobody_else),
        cmocka_unit_test(who_is_slow_but_reads_is_waited_for),
        cmocka_unit_test(typing_is_not_worth_waiting_for),
        cmocka_unit_test(the_closed_one_is_skipped_until_it_leaves),
    };
    return RUN_STAGED(argc, argv, "hub and slow members", tests);
}
