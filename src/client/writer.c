/* The writer thread: sleeps until the relay or a deadline wakes it.
 *
 * With a place among the carriers it writes what waits, for its own client and for others. What it does
 * for its own client alone: pings, the pong deadline, waiting for a full socket with the write deadline,
 * and the close frame with its own. */
#include "client/client_private.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/metrics.h>

enum {
    GATHER = 64, /* frames handed over at once */
    ROUNDS = 4,  /* times in a row for the same client */
    MAX_WAITS = 10,
    /* Close codes: PROTOCOL.md. */
    GOING_NOWHERE = 1001,
    PONG_TIMEOUT = 4008,
    SLOW_PEER = 4013,
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
    int64_t ping; /* when the next one is due */
};

/* Sends a ping that is due, closes when no pong came; returns the next deadline. */
static int64_t keep_alive(struct client *c, struct deadlines *d)
{
    const struct clients_config *config = &c->all->config;
    int64_t now = clock_now();
    int64_t pong_by = conn_last_pong(c->conn) + config->pong_wait;
    if (outbox_close_code(&c->outbox) != 0)
        return DEADLINE_NEVER;
    if (now >= pong_by) {
        metric_add(METRIC_PONG_CLOSED, 1);
        outbox_close(&c->outbox, PONG_TIMEOUT, "no pong in time");
        relay_kick(config->relay);
        return DEADLINE_NEVER;
    }
    if (now >= d->ping) {
        d->ping = now + config->ping_period;
        outbox_offer(&c->outbox, frame_new(FRAME_PING, PING_PAYLOAD, sizeof PING_PAYLOAD - 1));
        relay_kick(config->relay);
    }
    return d->ping < pong_by ? d->ping : pong_by;
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
        if (clock_now() >= deadline || why == 0)
            deadline = keep_alive(c, &d);
    }
    relay_retire(relay, &c->outbox.task);
}
