/* The outbox with one thread: what fits, what happens when it is full, closing, references. */
#include <support/test_main.h>

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/outbox.h>
#include <string.h>

/* A receiver behind a relay that takes everything, or is stuck. */
struct receiver {
    struct outbox outbox;
    struct parker parker;
    bool stuck;
    uint32_t taken;
};

static struct relay *relay;

static bool carry(struct relay_task *t)
{
    struct receiver *r = caa_container_of(t, struct receiver, outbox.task);
    struct frame *f;
    if (r->stuck)
        return false;
    int n;
    while ((n = outbox_take(&r->outbox, &f, 1, DEADLINE_NOW)) == 1) {
        r->taken++;
        frame_unref(f, 1);
    }
    return n == ERR_AGAIN;
}

static void receiver_init(struct receiver *r, uint32_t limit, int64_t patience)
{
    memset(r, 0, sizeof(*r));
    relay = relay_new(1);
    parker_init(&r->parker);
    outbox_init(&r->outbox, relay, &r->parker, carry, limit, patience);
}

static void receiver_fini(struct receiver *r)
{
    relay_kick(relay);
    relay_retire(relay, &r->outbox.task);
    outbox_fini(&r->outbox);
    relay_free(relay);
}

static struct frame *text(const char *s)
{
    return frame_new(FRAME_TEXT, s, strlen(s));
}

static struct frame *several(uint32_t messages)
{
    static const char bytes[] = "\x81\x00";
    return frame_from_bytes(bytes, 2, messages);
}

static void plain_init(struct outbox *o, uint32_t limit)
{
    outbox_init(o, NULL, NULL, NULL, limit, 0);
}

static void frames_come_as_they_were_posted(void **state)
{
    (void)state;
    struct outbox o;
    struct frame *a = text("a"), *b = text("b"), *got[4];
    plain_init(&o, 4);
    assert_int_equal(outbox_post(&o, a), 0);
    assert_int_equal(outbox_offer(&o, b, OUTBOX_FOR_ALL), 0);
    assert_int_equal(outbox_take(&o, got, 4, DEADLINE_NOW), 2);
    assert_ptr_equal(got[0], a);
    assert_ptr_equal(got[1], b);
    frame_unref(a, 1);
    frame_unref(b, 1);
    assert_int_equal(outbox_take(&o, got, 4, DEADLINE_NOW), ERR_AGAIN);
    assert_int_equal(outbox_take(&o, got, 4, 1), ERR_TIMEOUT);
    outbox_fini(&o);
}

static void the_limit_counts_messages_not_frames(void **state)
{
    (void)state;
    struct outbox o;
    struct frame *got[4];
    plain_init(&o, 10);
    assert_int_equal(outbox_offer(&o, several(4), OUTBOX_FOR_ALL), 0);
    assert_int_equal(outbox_offer(&o, several(4), OUTBOX_FOR_ALL), 0);
    assert_int_equal(outbox_offer(&o, several(3), OUTBOX_FOR_ALL), ERR_FULL);
    assert_int_equal(outbox_offer(&o, several(2), OUTBOX_FOR_ALL), 0);
    assert_int_equal(outbox_offer(&o, several(1), OUTBOX_FOR_ALL), ERR_FULL);
    assert_int_equal(o.messages, 10);
    assert_int_equal(outbox_take(&o, got, 1, DEADLINE_NOW), 1);
    assert_int_equal(o.messages, 6);
    frame_unref(got[0], 1);
    assert_int_equal(outbox_offer(&o, several(4), OUTBOX_FOR_ALL), 0);
    assert_int_equal(outbox_take(&o, got, 4, DEADLINE_NOW), 3);
    assert_int_equal(o.messages, 0);
    for (int i = 0; i < 3; i++)
        frame_unref(got[i], 1);
    outbox_fini(&o);
}

static void one_frame_always_fits_into_an_empty_outbox(void **state)
{
    (void)state;
    struct outbox o;
    struct frame *got[1];
    plain_init(&o, 2);
    assert_int_equal(outbox_offer(&o, several(100), OUTBOX_FOR_ALL), 0);
    assert_int_equal(outbox_offer(&o, several(1), OUTBOX_FOR_ALL), ERR_FULL);
    assert_int_equal(outbox_take(&o, got, 1, DEADLINE_NOW), 1);
    frame_unref(got[0], 1);
    assert_int_equal(outbox_offer(&o, several(1), OUTBOX_FOR_ALL), 0);
    outbox_fini(&o);
}

static void a_post_takes_one_reference_whatever_comes_of_it(void **state)
{
    (void)state;
    struct outbox o;
    struct frame *f = text("x");
    plain_init(&o, 1);
    frame_ref(f, 5);
    assert_int_equal(outbox_post(&o, f), 0);
    assert_int_equal(f->refs, 6); // the outbox has one of them
    assert_int_equal(outbox_offer(&o, f, OUTBOX_FOR_ALL), ERR_FULL);
    assert_int_equal(f->refs, 5);
    assert_int_equal(outbox_post(&o, f), ERR_CLOSED); // full, and without patience
    assert_int_equal(f->refs, 4);
    assert_int_equal(outbox_post(&o, f), ERR_CLOSED);
    assert_int_equal(outbox_offer(&o, f, OUTBOX_FOR_ALL), ERR_CLOSED);
    assert_int_equal(f->refs, 2);
    outbox_fini(&o); // drops what is left
    assert_int_equal(f->refs, 1);
    frame_unref(f, 1);
}

static void what_was_accepted_comes_before_the_end(void **state)
{
    (void)state;
    struct outbox o;
    struct frame *got[4];
    plain_init(&o, 4);
    assert_int_equal(outbox_close_code(&o), 0);
    assert_int_equal(outbox_post(&o, text("a")), 0);
    outbox_close(&o, 1001, "going away");
    assert_int_equal(outbox_post(&o, text("b")), ERR_CLOSED);
    assert_int_equal(outbox_take(&o, got, 4, DEADLINE_NOW), 1);
    frame_unref(got[0], 1);
    assert_int_equal(outbox_take(&o, got, 4, DEADLINE_NEVER), ERR_CLOSED);
    outbox_fini(&o);
}

static void only_the_first_close_counts(void **state)
{
    (void)state;
    struct outbox o;
    plain_init(&o, 1);
    outbox_close(&o, 1001, "going away");
    outbox_close(&o, 4013, "too slow");
    assert_int_equal(outbox_close_code(&o), 1001);
    assert_string_equal(o.close_reason, "going away");
    outbox_fini(&o);
}

static void a_post_marks_the_task_and_wakes_nobody(void **state)
{
    (void)state;
    struct receiver r;
    receiver_init(&r, 4, 0);
    assert_int_equal(outbox_post(&r.outbox, text("a")), 0);
    assert_int_equal(r.outbox.task.state, TASK_QUEUED);
    assert_int_equal(r.parker.word, 0);
    relay_kick(relay);
    assert_int_equal(parker_wait(&r.parker, DEADLINE_NOW), WAKE_CARRY);
    relay_carry(relay);
    assert_int_equal(r.taken, 1);
    receiver_fini(&r);
}

static void closing_tells_the_receiver(void **state)
{
    (void)state;
    struct receiver r;
    receiver_init(&r, 4, 0);
    assert_int_equal(outbox_post(&r.outbox, text("a")), 0);
    outbox_close(&r.outbox, 1000, "bye");
    relay_kick(relay);
    assert_int_equal(parker_wait(&r.parker, DEADLINE_NOW), WAKE_CARRY);
    relay_carry(relay);
    assert_int_equal(r.taken, 1);
    assert_true(relay_owns(&r.outbox.task)); // its owner says goodbye
    receiver_fini(&r);
}

static void a_receiver_that_waits_for_its_socket_is_too_slow_at_once(void **state)
{
    (void)state;
    struct receiver r;
    receiver_init(&r, 2, 3600 * NS_PER_S); // patience is not for it
    r.stuck = true;
    assert_int_equal(outbox_post(&r.outbox, text("a")), 0);
    relay_kick(relay);
    assert_int_equal(parker_wait(&r.parker, DEADLINE_NOW), WAKE_CARRY);
    relay_carry(relay);
    assert_true(relay_owns(&r.outbox.task));
    assert_int_equal(outbox_post(&r.outbox, text("b")), 0);
    assert_int_equal(outbox_offer(&r.outbox, text("c"), OUTBOX_FOR_ALL),
                     ERR_FULL); // may be lost: no reason to close
    assert_int_equal(outbox_close_code(&r.outbox), 0);
    assert_int_equal(outbox_post(&r.outbox, text("c")), ERR_CLOSED);
    assert_int_equal(outbox_close_code(&r.outbox), 4013);
    receiver_fini(&r);
}

static void a_receiver_without_cpu_is_waited_for_but_not_for_ever(void **state)
{
    (void)state;
    struct receiver r;
    receiver_init(&r, 1, 5 * NS_PER_MS);
    assert_int_equal(outbox_post(&r.outbox, text("a")), 0);
    int64_t until = clock_now() + 5 * NS_PER_MS;
    assert_int_equal(outbox_post(&r.outbox, text("b")), ERR_CLOSED);
    assert_true(clock_now() >= until);
    // it was given a place to run
    assert_int_equal(parker_wait(&r.parker, DEADLINE_NOW), WAKE_CARRY);
    relay_carry(relay);
    receiver_fini(&r);
}

static void a_closed_outbox_is_not_waited_for(void **state)
{
    (void)state;
    struct receiver r;
    receiver_init(&r, 1, 3600 * NS_PER_S);
    assert_int_equal(outbox_post(&r.outbox, text("a")), 0);
    outbox_close(&r.outbox, 1001, "going away");
    assert_int_equal(outbox_post(&r.outbox, text("b")),
                     ERR_CLOSED); // full, with an hour of patience
    assert_int_equal(outbox_close_code(&r.outbox), 1001);
    receiver_fini(&r);
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
        cmocka_unit_test(frames_come_as_they_were_posted),
        cmocka_unit_test(the_limit_counts_messages_not_frames),
        cmocka_unit_test(one_frame_always_fits_into_an_empty_outbox),
        cmocka_unit_test(a_post_takes_one_reference_whatever_comes_of_it),
        cmocka_unit_test(what_was_accepted_comes_before_the_end),
        cmocka_unit_test(only_the_first_close_counts),
        cmocka_unit_test(a_post_marks_the_task_and_wakes_nobody),
        cmocka_unit_test(closing_tells_the_receiver),
        cmocka_unit_test(a_receiver_that_waits_for_its_socket_is_too_slow_at_once),
        cmocka_unit_test(a_receiver_without_cpu_is_waited_for_but_not_for_ever),
        cmocka_unit_test(a_closed_outbox_is_not_waited_for),
    };
    return run_tests(argc, argv, "outbox", tests, sizeof(tests) / sizeof(tests)[0], register_thread,
                     unregister_thread);
}
