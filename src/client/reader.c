/* The reader thread: owns the connection from the accepted socket to its end. Waits in poll(2) for input,
 * and, when the hub's inbox is full, for the hub: that is the backpressure a fast sender meets. */
#include "client/client_private.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/metrics.h>
#include <hubbub/thread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WRITER_STACK = 64 * 1024 };

/* ---- HTTP ---------------------------------------------------------------------------------------- */

static int take_body(void *client, struct buf *piece, int64_t deadline)
{
    struct client *c = client;
    return conn_take_body(c->conn, piece, deadline);
}

static void serve(struct client *c)
{
    const struct clients_config *config = &c->all->config;
    struct http_request request = *conn_request(c->conn); /* which keeps what it points to */
    struct http_response response = {0};
    find_address(c, &request);
    request.address = c->local ? NULL : c->address;
    request.peer_is_local = conn_peer_is_local(c->conn);
    request.take_body = take_body;
    request.take_arg = c;
    config->serve(config->arg, &request, &response);
    response.no_body |= request.method == HTTP_HEAD;
    if (request.malformed)
        response.close = true; /* there is no telling where the next one would begin */
    else if (request.connection != NULL && strcasecmp(request.connection, "close") == 0)
        response.close = true;
    conn_respond(c->conn, &response);
    http_response_fini(&response);
    metric_add(METRIC_HTTP_REQUESTS, 1);
}

/* Answers requests until one upgrades (true) or the connection ends or dawdles (false). */
static bool serve_until_upgrade(struct client *c)
{
    const struct clients_config *config = &c->all->config;
    int64_t deadline = clock_now() + config->handshake_wait;
    for (;;) {
        int got = conn_wait(c->conn, deadline);
        if (got < 0) {
            if (got == ERR_TIMEOUT)
                metric_add(METRIC_HANDSHAKE_TIMEOUTS, 1);
            return false;
        }
        if (got & CONN_UPGRADED)
            return true;
        if (got & CONN_REQUEST) {
            serve(c);
            deadline = clock_now() + config->idle_wait;
        }
    }
}

/* ---- WebSocket ----------------------------------------------------------------------------------- */

static void converse(struct client *c)
{
    int got = 0;
    do {
        struct conn_message m;
        while (conn_next_message(c->conn, &m)) {
            metric_add(METRIC_RECEIVED, 1);
            if (!is_thrown_out(c))
                handle_message(c, &m);
        }
        if (got > 0 && got & CONN_CLOSING)
            return; /* answered at the very end: who sees the answer finds its name free again */
        got = conn_wait(c->conn, DEADLINE_NEVER);
    } while (got >= 0);
}

static void chat(struct client *c)
{
    const struct clients_config *config = &c->all->config;
    parker_init(&c->parker);
    outbox_init(&c->outbox, config->relay, &c->parker, writer_carry, config->send_queue,
                config->write_wait);
    c->has_outbox = true;
    struct thread *writer;
    if (thread_start(&writer, "writer", WRITER_STACK, writer_main, c) != 0) {
        log_warn("no thread for a writer", LOG_STR("peer", c->peer));
        conn_close(c->conn, TRY_AGAIN_LATER, "no thread");
        return;
    }
    log_debug("connected", LOG_STR("peer", c->peer), LOG_STR("username", c->username));
    if (!c->echo)
        client_enter(c);
    thread_trim_stack(); /* the handshake went deeper than the conversation will */
    converse(c);

    __atomic_store_n(&c->ended, true, __ATOMIC_RELEASE);
    if (!c->echo)
        client_leave(c);
    else
        outbox_close(&c->outbox, 1000, "bye");
    parker_wake(&c->parker, WAKE_STOP);
    relay_kick(config->relay);
    thread_join(writer);
    log_debug("disconnected", LOG_STR("peer", c->peer), LOG_STR("username", c->username),
              LOG_INT("close_code", outbox_close_code(&c->outbox)));
}

/* ---- the thread ---------------------------------------------------------------------------------- */

static bool open_connection(struct client *c)
{
    const struct clients_config *config = &c->all->config;
    if (config->socket_buffer > 0) {
        int bytes = (int)config->socket_buffer;
        setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    struct conn *conn = conn_open(config->net, c->fd, c->peer, c);
    pthread_mutex_lock(&c->all->mu);
    c->conn = conn;
    pthread_mutex_unlock(&c->all->mu);
    return conn != NULL;
}

static void close_connection(struct client *c)
{
    struct conn *conn = c->conn;
    pthread_mutex_lock(&c->all->mu);
    c->conn = NULL; /* clients_stop() must not find it any more */
    pthread_mutex_unlock(&c->all->mu);
    conn_free(conn);
}

/* The writer inherits it. Whoever is woken by its socket does not push aside the one that runs, which most likely is
 * ours, too: where the cores are busy, fewer switches and more messages at a time for the hub, which is let through. */
static void schedule_in_batches(void)
{
    if (sched_getscheduler(0) == SCHED_OTHER) /* else it is so already, or somebody chose */
        sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){.sched_priority = 0});
}

void reader_main(void *client)
{
    struct client *c = client;
    schedule_in_batches();
    if (!open_connection(c))
        return;
    if (serve_until_upgrade(c))
        chat(c);
    close_connection(c);
    if (c->admitted)
        __atomic_fetch_sub(&c->all->sessions, 1, __ATOMIC_RELAXED); /* unlink_client() tells */
}
