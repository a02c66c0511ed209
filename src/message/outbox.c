/* Outboxes: see <hubbub/outbox.h>. */
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>

enum {
    SLOW_PEER = 4013, /* PROTOCOL.md, close codes */
};

void outbox_init(struct outbox *o, struct relay *relay, struct parker *owner, relay_run_fn *run,
                 uint32_t limit, int64_t patience)
{
    *o = (struct outbox){.relay = relay, .limit = limit, .patience = patience};
    channel_init(&o->frames, limit);
    if (relay != NULL)
        relay_task_init(&o->task, owner, run);
}

void outbox_fini(struct outbox *o)
{
    struct frame *f;
    while (channel_recv(&o->frames, (void **)&f, 1, DEADLINE_NOW) == 1)
        frame_unref(f, 1);
    channel_fini(&o->frames);
}

/* Full by messages, though one frame always fits into an empty outbox however many it holds. */
static bool has_room(const struct outbox *o, const struct frame *f)
{
    uint32_t waiting = __atomic_load_n(&o->messages, __ATOMIC_RELAXED);
    return waiting == 0 || waiting + f->messages <= o->limit;
}

/* ERR_FULL leaves the reference with the caller. */
static int try_post(struct outbox *o, struct frame *f)
{
    if (outbox_close_code(o) != 0) /* though it may be full, it is not worth waiting for */
        return ERR_CLOSED;
    if (!has_room(o, f))
        return ERR_FULL;
    /* Counted first: afterwards the frame may be taken, and gone, at any moment; and so may an outbox
     * without a relay, whose receiver waits for one answer. */
    uint32_t messages = f->messages;
    struct relay *relay = o->relay;
    __atomic_fetch_add(&o->messages, messages, __ATOMIC_RELAXED);
    int err = channel_send(&o->frames, f, DEADLINE_NOW);
    if (err != 0)
        __atomic_fetch_sub(&o->messages, messages, __ATOMIC_RELAXED);
    else if (relay != NULL)
        relay_post(relay, &o->task);
    return err;
}

static bool receiver_is_stuck(const struct outbox *o)
{
    return o->relay != NULL && relay_owns(&o->task);
}

/* Waits a moment: there is no need to know exactly when a frame was taken, only that the receiver,
 * which was given a place to run by the kick, gets the processor. */
static void let_others_run(struct outbox *o)
{
    if (o->relay != NULL)
        relay_kick(o->relay);
    struct timespec ts = {0, 100 * NS_PER_US};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

int outbox_post(struct outbox *o, struct frame *f)
{
    int err = try_post(o, f);
    int64_t until = 0;
    if (err == ERR_FULL) {
        until = clock_now() + o->patience;
        metric_add(METRIC_BACKPRESSURE, 1);
    }
    while (err == ERR_FULL) {
        if (receiver_is_stuck(o) || clock_now() >= until) {
            outbox_close(o, SLOW_PEER, "too slow");
            metric_add(METRIC_SLOW_CLOSED, 1);
            err = ERR_CLOSED;
        } else {
            let_others_run(o);
            err = try_post(o, f);
        }
    }
    if (err != 0)
        frame_unref(f, 1);
    return err;
}

int outbox_offer(struct outbox *o, struct frame *f)
{
    int err = try_post(o, f);
    if (err != 0)
        frame_unref(f, 1);
    return err;
}

int outbox_take(struct outbox *o, struct frame **frames, uint32_t max, int64_t deadline)
{
    int n = channel_recv(&o->frames, (void **)frames, max, deadline);
    uint32_t messages = 0;
    for (int i = 0; i < n; i++)
        messages += frames[i]->messages;
    if (messages > 0)
        __atomic_fetch_sub(&o->messages, messages, __ATOMIC_RELAXED);
    return n;
}

void outbox_close(struct outbox *o, uint16_t code, const char *reason)
{
    REQUIRE(code != 0 && reason != NULL);
    uint32_t open = 0;
    const char *none = NULL;
    /* The reason first: whoever sees the code must see it too. */
    if (!__atomic_compare_exchange_n(&o->close_reason, &none, reason, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return;
    __atomic_compare_exchange_n(&o->close_code, &open, code, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_RELAXED);
    channel_close(&o->frames);
    if (o->relay != NULL)
        relay_post(o->relay, &o->task);
}

uint16_t outbox_close_code(const struct outbox *o)
{
    return (uint16_t)__atomic_load_n(&o->close_code, __ATOMIC_ACQUIRE);
}
