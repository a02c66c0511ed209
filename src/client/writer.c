/* The writer thread: sleeps until the relay or a deadline wakes it.
 *
 * With a place among the carriers it writes what waits, for its own client and for others. What it does
 * for its own client alone: pings, the deadlines of pong and token, waiting for a full socket with the write
 * deadline, and the close frame with its own. */
#include "client/client_private.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/metrics.h>

enum {
    GATHER = 64, /* frames handed over at once */
    ROUNDS = 4,  /* times in a row for the same client */
    MAX_WAITS = 10,
    TOKEN_WARNING_MS = 30000, /* before it expires */
    LOOK_AGAIN_MS = 3600000,  /* at the wall clock, which may have been set */
};

/* Not empty: libwebsockets 4.1 does not tell of a pong without payload. */
static const char PING_PAYLOAD[] = "hubbub";

/* Writes all that waits without waiting for the socket. False: the owner must go on. */
bool writer_carry(struct relay_task *t)
{
    struct client *c = caa_container_of(t, struct client, outbox.task);
    struct frame *frames[GATHER];
    struct iovec iov[GATHER];
    int n;
    int rounds = 0;
    while ((n = outbox_take(&c->outbox, frames, GATHER, DEADLINE_NOW)) > 0) {
        for (int i = 0; i < n; i++)
            iov[i] = (struct iovec){frames[i]->bytes, frames[i]->len};
        int err = conn_write(c->conn, iov, n);
        for (int i = 0; i < n; i++)
            frame_unref(frames[i], 1);
        metric_add(METRIC_WRITES, 1);
        if (err != 0) {
            c->stuck = err == ERR_AGAIN;
            if (c->stuck)
                metric_add(METRIC_WRITE_BLOCKED, 1);
            return false;
        }
        if (++rounds == ROUNDS) { /* others wait: back to the end of the list */
            relay_post(c->all->config.relay, t);
            break;
        }
    }
    c->stuck = false;
    return n > 0 || n == ERR_AGAIN;
}

/* Says goodbye, unless the peer has, and gives it its time to answer. */
static void finish(struct client *c)
{
    const struct clients_config *config = &c->all->config;
    int64_t deadline = clock_now() + config->close_wait;
    if (__atomic_load_n(&c->ended, __ATOMIC_ACQUIRE))
        return;
    conn_close(c->conn, outbox_close_code(&c->outbox), outbox_close_reason(&c->outbox));
    conn_flush(c->conn, config->close_wait);
    while (!__atomic_load_n(&c->ended, __ATOMIC_ACQUIRE) && clock_now() < deadline)
        if (parker_wait(&c->parker, deadline) & WAKE_CARRY)
            relay_carry(config->relay);
    conn_kill(c->conn);
}

/* Waits for the socket to take what it refused: 0, ERR_CLOSED, or ERR_TIMEOUT when it takes nothing for the
 * write wait, or is not through in ten times that. */
static int wait_for_socket(struct client *c)
{
    int64_t wait = c->all->config.write_wait;
    int64_t until = clock_now() + MAX_WAITS * wait;
    int err;
    while ((err = conn_flush_some(c->conn, wait)) == ERR_AGAIN && clock_now() < until)
        outbox_progress(&c->outbox);
    return err == ERR_AGAIN ? ERR_TIMEOUT : err;
}

/* Waits out a full socket, and writes on. */
static void unstick(struct client *c)
{
    while (c->stuck) {
        int err = wait_for_socket(c);
        c->stuck = false;
        if (err == ERR_TIMEOUT) {
            metric_add(METRIC_WRITE_TIMEOUTS, 1);
            outbox_close(&c->outbox, GOING_NOWHERE, "write timeout");
            conn_kill(c->conn);
        } else if (err == 0 && outbox_close_code(&c->outbox) != SLOW_PEER) {
            /* A slow peer is spared what still waits; what is closed otherwise is sent to the end. */
            while (writer_carry(&c->outbox.task) && outbox_close_code(&c->outbox) != 0)
                continue;
        }
    }
}

/* The task is back: the socket is full, or gone, or the outbox is closed. False: the writer is done. */
static bool go_on_alone(struct client *c)
{
    unstick(c);
    if (outbox_close_code(&c->outbox) == 0) {
        /* Also when the socket is gone: until the hub knows, what it sends is taken and dropped. */
        relay_release(c->all->config.relay, &c->outbox.task);
        return true;
    }
    if (outbox_close_code(&c->outbox) != SLOW_PEER) {
        /* It may have been closed only now, behind something that was accepted. */
        while (writer_carry(&c->outbox.task))
            continue;
        unstick(c);
    }
    finish(c);
    return false;
}

struct deadlines {
    int64_t ping;      /* when the next one is due */
    int64_t warned_of; /* the end of a token that the client was told of, ms since 1970 */
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void warn_of_expiry(struct client *c, int64_t expires_ms, int64_t left_ms)
{
    struct buf text = BUF_INIT;
    if (c->dialect != DIALECT_FULL)
        return;
    encode_auth(&text, expires_ms, (left_ms + 999) / 1000);
    outbox_offer(&c->outbox, frame_new(FRAME_TEXT, text.data, text.len), OUTBOX_FOR_ALL);
    relay_kick(c->all->config.relay);
    buf_fini(&text);
}

/* Tells the client that its token is about to expire, closes when it has; returns the next deadline. */
static int64_t watch_token(struct client *c, struct deadlines *d, int64_t now)
{
    int64_t expires_ms = __atomic_load_n(&c->expires_ms, __ATOMIC_ACQUIRE);
    if (expires_ms == 0)
        return DEADLINE_NEVER;
    int64_t left_ms = expires_ms - clock_wall_ms();
    if (left_ms <= 0) {
        metric_add(METRIC_AUTH_FAILED, 1);
        outbox_close(&c->outbox, UNAUTHENTICATED, problem_code(PROBLEM_TOKEN_EXPIRED));
        relay_kick(c->all->config.relay);
        return DEADLINE_NEVER;
    }
    if (left_ms > TOKEN_WARNING_MS)
        return now + earlier(left_ms - TOKEN_WARNING_MS, LOOK_AGAIN_MS) * NS_PER_MS;
    if (d->warned_of != expires_ms)
        warn_of_expiry(c, expires_ms, left_ms);
    d->warned_of = expires_ms;
    return now + left_ms * NS_PER_MS;
}

/* Sends a ping that is due, closes when no pong came; returns the next deadline. */
static int64_t keep_alive(struct client *c, struct deadlines *d)
{
    const struct clients_config *config = &c->all->config;
    int64_t now = clock_now();
    int64_t pong_by = conn_last_pong(c->conn) + config->pong_wait;
    if (outbox_close_code(&c->outbox) != 0)
        return DEADLINE_NEVER;
    int64_t token_by = watch_token(c, d, now);
    if (now >= pong_by) {
        metric_add(METRIC_PONG_CLOSED, 1);
        outbox_close(&c->outbox, PONG_TIMEOUT, "no pong in time");
        relay_kick(config->relay);
        return DEADLINE_NEVER;
    }
    if (now >= d->ping) {
        d->ping = now + config->ping_period;
        outbox_offer(&c->outbox, frame_new(FRAME_PING, PING_PAYLOAD, sizeof PING_PAYLOAD - 1),
                     OUTBOX_FOR_ALL);
        relay_kick(config->relay);
    }
    return earlier(token_by, earlier(d->ping, pong_by));
}

void writer_main(void *client)
{
    struct client *c = client;
    struct relay *relay = c->all->config.relay;
    struct deadlines d = {.ping = clock_now() + c->all->config.ping_period};
    int64_t deadline = d.ping;
    for (;;) {
        unsigned why = parker_wait(&c->parker, deadline);
        if (why & WAKE_CARRY)
            relay_carry(relay); /* first: others wait for it */
        /* Told by the wake, not by the state: that may have changed while it carried, and then another
         * place may have been given to it, which it must not take along to where it waits. */
        if (why & WAKE_OWNER && !go_on_alone(c))
            break;
        if (clock_now() >= deadline || why == 0 || why & WAKE_STOP)
            deadline = keep_alive(c, &d);
    }
    relay_retire(relay, &c->outbox.task);
}
