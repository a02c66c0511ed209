/* Outboxes: see <hubbub/outbox.h>. */
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>

enum {
    SLOW_PEER = 4013, /* PROTOCOL.md, close codes */
    PAUSE_US = 100,
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

/* Full by messages or bytes, though one frame always fits into an empty outbox however many it holds. */
static bool has_room(const struct outbox *o, const struct frame *f, unsigned tenths)
{
    uint32_t messages = __atomic_load_n(&o->messages, __ATOMIC_RELAXED);
    size_t bytes = __atomic_load_n(&o->bytes, __ATOMIC_RELAXED);
    return messages == 0 || ((messages + f->messages) * 10 <= o->limit * tenths &&
                             (bytes + f->len) * 10 <= (size_t)OUTBOX_BYTES * tenths);
}

static void count_out(struct outbox *o, uint32_t messages, size_t bytes)
{
    __atomic_fetch_sub(&o->messages, messages, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&o->bytes, bytes, __ATOMIC_RELAXED);
}

/* ERR_FULL leaves the reference with the caller. */
static int try_post(struct outbox *o, struct frame *f, unsigned tenths)
{
    if (outbox_close_code(o) != 0) /* though it may be full, it is not worth waiting for */
        return ERR_CLOSED;
    if (!has_room(o, f, tenths))
        return ERR_FULL;
    /* Counted first: afterwards the frame may be taken, and gone, at any moment; and so may an outbox
     * without a relay, whose receiver waits for one answer. */
    uint32_t messages = f->messages;
    size_t bytes = f->len;
    struct relay *relay = o->relay;
    __atomic_fetch_add(&o->messages, messages, __ATOMIC_RELAXED);
    __atomic_fetch_add(&o->bytes, bytes, __ATOMIC_RELAXED);
    int err = channel_send(&o->frames, f, DEADLINE_NOW);
    if (err != 0)
        count_out(o, messages, bytes);
    else if (relay != NULL)
        relay_post(relay, &o->task);
    return err;
}

/* Its owner waits for the socket, or is gone. */
static bool receiver_is_stuck(const struct outbox *o)
{
    return o->relay != NULL && !relay_will_carry(&o->task);
}

/* What is left of the time that is spent waiting for slow peers, all of them together. */
static struct {
    int64_t since, left; /* atomic, ns */
} grace;

static bool has_grace(const struct outbox *o, int64_t now)
{
    if (now - __atomic_load_n(&grace.since, __ATOMIC_RELAXED) > OUTBOX_GRACE_EVERY) {
        __atomic_store_n(&grace.since, now, __ATOMIC_RELAXED);
        __atomic_store_n(&grace.left, OUTBOX_GRACE_ALL, __ATOMIC_RELAXED);
    }
    return now - __atomic_load_n(&o->progress_at, __ATOMIC_RELAXED) < OUTBOX_GRACE &&
           __atomic_load_n(&grace.left, __ATOMIC_RELAXED) > 0;
}

/* Sleeps a moment: it need not be known exactly when a frame was taken, only that the receiver, which
 * has a place to run by the kick, gets the processor. Returns how long it was. */
static int64_t let_others_run(struct outbox *o)
{
    int64_t before = clock_now();
    if (o->relay != NULL)
        relay_kick(o->relay);
    struct timespec ts = clock_timespec(PAUSE_US * NS_PER_US);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
    return clock_now() - before;
}

/* The outbox is full. Waits for room as long as the receiver deserves it; the result of the last try. */
static int wait_for_room(struct outbox *o, struct frame *f, unsigned tenths)
{
    int64_t until = clock_now() + o->patience;
    metric_add(METRIC_BACKPRESSURE, 1);
    int err = ERR_FULL;
    while (err == ERR_FULL) {
        int64_t now = clock_now();
        bool stuck = receiver_is_stuck(o);
        if (stuck ? !has_grace(o, now) : now >= until)
            return ERR_FULL;
        int64_t waited = let_others_run(o);
        if (stuck)
            __atomic_fetch_sub(&grace.left, waited, __ATOMIC_RELAXED);
        err = try_post(o, f, tenths);
    }
    return err;
}

int outbox_post(struct outbox *o, struct frame *f)
{
    int err = try_post(o, f, OUTBOX_FOR_ALL);
    if (err == ERR_FULL)
        err = wait_for_room(o, f, OUTBOX_FOR_ALL);
    if (err == ERR_FULL) {
        outbox_close(o, SLOW_PEER, "too slow");
        metric_add(METRIC_SLOW_CLOSED, 1);
        err = ERR_CLOSED;
    }
    if (err != 0)
        frame_unref(f, 1);
    return err;
}

int outbox_post_talk(struct outbox *o, struct frame *f)
{
    int err = try_post(o, f, OUTBOX_FOR_ROOMS);
    if (err == ERR_FULL)
        err = wait_for_room(o, f, OUTBOX_FOR_ROOMS);
    if (err != 0)
        frame_unref(f, 1);
    return err;
}

int outbox_offer(struct outbox *o, struct frame *f, unsigned tenths)
{
    int err = try_post(o, f, tenths);
    if (err != 0)
        frame_unref(f, 1);
    return err;
}

bool outbox_is_free(const struct outbox *o, unsigned tenths)
{
    uint64_t messages = __atomic_load_n(&o->messages, __ATOMIC_RELAXED);
    size_t bytes = __atomic_load_n(&o->bytes, __ATOMIC_RELAXED);
    return outbox_close_code(o) != 0 || (messages * 10 <= (uint64_t)o->limit * (10 - tenths) &&
                                         bytes * 10 <= (size_t)OUTBOX_BYTES * (10 - tenths));
}

void outbox_progress(struct outbox *o)
{
    __atomic_store_n(&o->progress_at, clock_now(), __ATOMIC_RELAXED);
}

int outbox_take(struct outbox *o, struct frame **frames, uint32_t max, int64_t deadline)
{
    int n = channel_recv(&o->frames, (void **)frames, max, deadline);
    uint32_t messages = 0;
    size_t bytes = 0;
    for (int i = 0; i < n; i++) {
        messages += frames[i]->messages;
        bytes += frames[i]->len;
    }
    if (n > 0) {
        count_out(o, messages, bytes);
        outbox_progress(o);
    }
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

const char *outbox_close_reason(const struct outbox *o)
{
    return __atomic_load_n(&o->close_reason, __ATOMIC_ACQUIRE);
}
