/* Outboxes with many posters: a receiver that is only slow loses nothing and is not closed; one that
 * waits for its socket is closed with 4013 and everybody is told; each poster's frames keep their order;
 * no reference is lost on any way. */
#include "helpers.h"

#include <hubbub/err.h>
#include <hubbub/outbox.h>
#include <stdio.h>
#include <string.h>

enum { POSTERS = 4, FRAMES = 5000 / SLOWER, LIMIT = 8 };

static struct relay *relay;

/* Takes frames, by whoever carries it or, without a relay, on a thread of its own. */
struct receiver {
    struct outbox outbox;
    struct parker parker;
    struct thread *thread;
    uint32_t stuck; /* atomic: the socket takes nothing */
    uint32_t received, disorder, last[POSTERS];
    uint32_t seed;
};

struct poster {
    struct receiver *to;
    struct thread *thread;
    uint32_t id, posted, full, closed, other;
    bool offers;
};

/* The payload says whose frame it is and which: "2 00017". */
static void look_at(struct receiver *r, const struct frame *f)
{
    unsigned poster = 0, number = 0;
    if (sscanf((const char *)f->bytes + 2, "%u %5u", &poster, &number) != 2 || poster >= POSTERS ||
        number <= r->last[poster])
        r->disorder++;
    else
        r->last[poster] = number;
    r->received++;
}

static int take_some(struct receiver *r, int64_t deadline)
{
    struct frame *f[4];
    int n = outbox_take(&r->outbox, f, 1 + dice(&r->seed) % 4, deadline);
    for (int i = 0; i < n; i++) {
        look_at(r, f[i]);
        frame_unref(f[i], 1);
    }
    if (dice(&r->seed) % 16 == 0)
        sched_yield();
    return n;
}

static bool carry(struct relay_task *t)
{
    struct receiver *r = caa_container_of(t, struct receiver, outbox.task);
    int n = ERR_AGAIN;
    while (!LOAD(r->stuck) && (n = take_some(r, DEADLINE_NOW)) > 0)
        continue;
    return n == ERR_AGAIN && !LOAD(r->stuck);
}

static void owner_main(void *arg)
{
    struct receiver *r = arg;
    for (;;) {
        unsigned why = parker_wait(&r->parker, DEADLINE_NEVER);
        if (why & WAKE_CARRY)
            relay_carry(relay);
        if (why & WAKE_OWNER) {
            if (outbox_close_code(&r->outbox) != 0)
                break;
            while (LOAD(r->stuck) && outbox_close_code(&r->outbox) == 0)
                sched_yield();
            relay_release(relay, &r->outbox.task);
        }
    }
    relay_retire(relay, &r->outbox.task);
}

static void plain_main(void *arg)
{
    struct receiver *r = arg;
    while (take_some(r, DEADLINE_NEVER) > 0)
        continue;
}

static void receiver_start(struct receiver *r, bool with_relay, int64_t patience)
{
    *r = (struct receiver){.seed = 9};
    relay = with_relay ? relay_new(2) : NULL;
    parker_init(&r->parker);
    outbox_init(&r->outbox, relay, &r->parker, carry, LIMIT, patience);
    r->thread = start_thread(with_relay ? owner_main : plain_main, r);
}

static void receiver_end(struct receiver *r)
{
    thread_join(r->thread);
    assert_int_equal(r->disorder, 0);
    outbox_fini(&r->outbox);
    if (relay != NULL) {
        struct relay_stats s;
        relay_read_stats(relay, &s);
        assert_int_equal(s.active, 0);
        relay_free(relay);
    }
}

static void post_all(void *arg)
{
    struct poster *p = arg;
    char text[16];
    for (uint32_t k = 1; k <= FRAMES; k++) {
        snprintf(text, sizeof(text), "%u %05u", p->id, k);
        struct frame *f = frame_new(FRAME_TEXT, text, strlen(text));
        int err = p->offers ? outbox_offer(&p->to->outbox, f, OUTBOX_FOR_ALL)
                            : outbox_post(&p->to->outbox, f);
        if (relay != NULL && k % 3 == 0)
            relay_kick(relay);
        switch (err) {
        case 0: p->posted++; break;
        case ERR_FULL: p->full++; break;
        case ERR_CLOSED: p->closed++; break;
        default: p->other++; break;
        }
    }
    if (relay != NULL)
        relay_kick(relay);
}

static uint32_t post_from_many(struct receiver *r, bool offers, struct poster *p)
{
    uint32_t posted = 0;
    for (uint32_t i = 0; i < POSTERS; i++) {
        p[i] = (struct poster){.to = r, .id = i, .offers = offers};
        p[i].thread = start_thread(post_all, &p[i]);
    }
    for (int i = 0; i < POSTERS; i++) {
        thread_join(p[i].thread);
        assert_int_equal(p[i].other, 0);
        assert_int_equal(p[i].posted + p[i].full + p[i].closed, FRAMES);
        posted += p[i].posted;
    }
    return posted;
}

static void close_and_end(struct receiver *r)
{
    outbox_close(&r->outbox, 1000, "bye");
    if (relay != NULL)
        relay_kick(relay);
    receiver_end(r);
}

static void nobody_who_takes_is_dropped(bool with_relay)
{
    struct receiver r;
    struct poster p[POSTERS];
    receiver_start(&r, with_relay, PATIENCE);
    assert_int_equal(post_from_many(&r, false, p), POSTERS * FRAMES);
    assert_int_equal(outbox_close_code(&r.outbox), 0);
    close_and_end(&r);
    assert_int_equal(r.received, POSTERS * FRAMES);
    assert_int_equal(LOAD(r.outbox.messages), 0);
}

static void a_receiver_behind_the_relay_is_waited_for(void **state)
{
    (void)state;
    nobody_who_takes_is_dropped(true);
}

static void a_receiver_on_its_own_thread_is_waited_for(void **state)
{
    (void)state;
    nobody_who_takes_is_dropped(false);
}

static void offers_are_taken_or_refused_and_nothing_else(void **state)
{
    (void)state;
    for (int with_relay = 0; with_relay <= 1; with_relay++) {
        struct receiver r;
        struct poster p[POSTERS];
        receiver_start(&r, with_relay, 0);
        uint32_t posted = post_from_many(&r, true, p);
        assert_int_equal(outbox_close_code(&r.outbox), 0);
        close_and_end(&r);
        assert_int_equal(r.received, posted);
    }
}

static void a_full_socket_ends_it_and_everybody_is_told(void **state)
{
    (void)state;
    for (int round = 0; round < 50 / SLOWER; round++) {
        struct receiver r;
        struct poster p[POSTERS];
        receiver_start(&r, true, PATIENCE);
        __atomic_store_n(&r.stuck, 1, __ATOMIC_SEQ_CST);
        uint32_t posted = post_from_many(&r, false, p);
        assert_true(posted <= LIMIT + POSTERS); // they may have looked at the count together
        assert_int_equal(outbox_close_code(&r.outbox), 4013);
        receiver_end(&r); // it ends by itself
        assert_int_equal(r.received, 0);
    }
}

static void a_socket_that_is_full_for_a_while_loses_nothing(void **state)
{
    (void)state;
    for (int round = 0; round < 200 / SLOWER; round++) {
        struct receiver r;
        receiver_start(&r, true, PATIENCE);
        __atomic_store_n(&r.stuck, 1, __ATOMIC_SEQ_CST);
        for (int k = 1; k <= LIMIT; k++) {
            char text[16];
            snprintf(text, sizeof(text), "0 %05d", k);
            assert_int_equal(outbox_post(&r.outbox, frame_new(FRAME_TEXT, text, strlen(text))), 0);
            if (k == LIMIT / 2) {
                relay_kick(relay);
                WAIT_UNTIL(relay_owns(&r.outbox.task)); // the rest comes while it is stuck
            }
        }
        __atomic_store_n(&r.stuck, 0, __ATOMIC_SEQ_CST);
        WAIT_UNTIL(LOAD(r.outbox.messages) == 0); // without another kick
        close_and_end(&r);
        assert_int_equal(r.received, LIMIT);
    }
}

static void closers_race_and_one_wins(void **state)
{
    (void)state;
    for (int round = 0; round < 300 / SLOWER; round++) {
        struct receiver r;
        struct poster p[POSTERS];
        uint32_t posted = 0;
        receiver_start(&r, round % 2 == 0, PATIENCE);
        for (uint32_t i = 0; i < POSTERS; i++) {
            p[i] = (struct poster){.to = &r, .id = i};
            p[i].thread = start_thread(post_all, &p[i]);
        }
        outbox_close(&r.outbox, 1001, "going away");
        outbox_close(&r.outbox, 1000, "bye");
        if (relay != NULL)
            relay_kick(relay);
        for (int i = 0; i < POSTERS; i++) {
            thread_join(p[i].thread);
            posted += p[i].posted;
        }
        receiver_end(&r);
        assert_int_equal(outbox_close_code(&r.outbox), 1001);
        assert_int_equal(r.received, posted); // what was accepted is delivered, and nothing else
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receiver_behind_the_relay_is_waited_for),
        cmocka_unit_test(a_receiver_on_its_own_thread_is_waited_for),
        cmocka_unit_test(offers_are_taken_or_refused_and_nothing_else),
        cmocka_unit_test(a_full_socket_ends_it_and_everybody_is_told),
        cmocka_unit_test(a_socket_that_is_full_for_a_while_loses_nothing),
        cmocka_unit_test(closers_race_and_one_wins),
    };
    return RUN_CONCURRENT(argc, argv, "outbox", tests);
}
