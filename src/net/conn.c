/* One connection: waiting and servicing by its reader, writing and closing by anybody. See <hubbub/net.h>.
 *
 * Only the reader lets the library service the socket, because servicing may end it and close the
 * descriptor: the others only add output, or shut the socket down so that the reader wakes. */
#include "net/net_private.h"

#include <errno.h>
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Rounds of servicing what the library already holds, before the shard is released. */
enum { MAX_ROUNDS = 64 };

struct conn *conn_open(struct net *n, int fd, const char *peer, void *user)
{
    struct conn *c = xcalloc(1, sizeof *c);
    c->magic = CONN_MAGIC;
    c->net = n;
    unsigned i = __atomic_fetch_add(&n->next_shard, 1, __ATOMIC_RELAXED);
    c->shard = &n->shards[i % n->config.shards];
    c->fd = fd;
    c->user = user;
    strncpy(c->peer, peer, sizeof c->peer - 1);
    __atomic_store_n(&c->last_pong, clock_now(), __ATOMIC_RELAXED);

    pthread_mutex_lock(&c->shard->mu);
    c->wsi = lws_adopt_socket_vhost(c->shard->vhost, fd); /* closes fd when it fails */
    if (c->wsi != NULL)
        lws_set_opaque_user_data(c->wsi, c);
    pthread_mutex_unlock(&c->shard->mu);
    if (c->wsi == NULL) {
        free(c);
        return NULL;
    }
    return c;
}

void conn_end_locked(struct conn *c)
{
    c->killing = true;
    if (c->wsi != NULL && lws_partial_buffered(c->wsi)) {
        /* The library would first flush what it holds. A write that fails tells it not to. */
        shutdown(c->fd, SHUT_RDWR);
        lws_write(c->wsi, NULL, 0, LWS_WRITE_RAW);
    }
    if (c->wsi != NULL)
        lws_set_timeout(c->wsi, 1, LWS_TO_KILL_SYNC); /* the callback clears wsi */
    INSIST(c->wsi == NULL);
}

bool conn_peer_is_local(const struct conn *c)
{
    return strcmp(c->peer, "unix") == 0 || strcmp(c->peer, "::1") == 0 ||
           strncmp(c->peer, "127.", 4) == 0;
}

const char *conn_subprotocol(const struct conn *c)
{
    return c->subprotocol;
}

int64_t conn_last_pong(const struct conn *c)
{
    return __atomic_load_n(&c->last_pong, __ATOMIC_RELAXED);
}

/* ---- ending ------------------------------------------------------------------------------------- */

static void kill_locked(struct conn *c)
{
    c->refusing = true;
    c->kill_at = 0;
    shutdown(c->fd, SHUT_RDWR);
}

void conn_begin_end(struct conn *c)
{
    if (c->refusing)
        return;
    c->refusing = true;
    c->kill_at = clock_now() + c->net->config.close_wait;
}

void conn_write_close(struct conn *c, uint16_t code, const char *reason)
{
    size_t len = strlen(reason);
    REQUIRE(len <= 123); /* RFC 6455, 5.5: a control frame carries at most 125 bytes */
    unsigned char frame[127] = {0x88, (unsigned char)(2 + len), (unsigned char)(code >> 8),
                                (unsigned char)code};
    memcpy(frame + 4, reason, len);
    conn_begin_end(c);
    c->close_sent = true;
    if (lws_write(c->wsi, frame, 4 + len, LWS_WRITE_RAW) < 0)
        kill_locked(c);
}

/* ---- the reader ---------------------------------------------------------------------------------- */

/* Does the library hold input that it has read already? Of some connection of the shard: it tells no more. */
static bool holds_input(const struct conn *c)
{
    return lws_service_adjust_timeout(c->shard->context, 1, 0) == 0;
}

static void service_locked(struct conn *c, short revents)
{
    if (c->wsi == NULL)
        return;
    struct lws_pollfd p = {.fd = c->fd, .events = POLLIN | POLLOUT, .revents = revents};
    lws_service_fd(c->shard->context, &p);
}

/* The library has said its last word: the peer sees it, and the end of the stream, and hangs up. */
static void half_close_locked(struct conn *c)
{
    service_locked(c, POLLOUT); /* the first flushed what was before the close frame */
    if (c->wsi == NULL || c->half_closed || lws_partial_buffered(c->wsi))
        return;
    c->half_closed = true;
    shutdown(c->fd, SHUT_WR);
}

/* What came, then the pongs and close frames the library has to say to it, then what it already holds. */
void conn_service_locked(struct conn *c, short revents)
{
    c->held_over = c->answered && holds_input(c);
    service_locked(c, revents);
    c->held_over = c->answered;
    for (int i = 0; i < MAX_ROUNDS && c->wsi != NULL && !c->peer_closing; i++) {
        service_locked(c, POLLOUT);
        if (c->wsi == NULL || !holds_input(c))
            break;
        service_locked(c, POLLIN);
    }
    if (c->failing)
        half_close_locked(c);
}

void conn_go_on_locked(struct conn *c)
{
    c->answered = true;
    conn_service_locked(c, POLLOUT);
}

/* RFC 6455, 5.1: a client must mask. The library does not look, so this does, at the first frame: who
 * does not know of masks shows it there, and later there is no telling where a frame begins. */
static void check_mask_locked(struct conn *c)
{
    unsigned char head[2];
    if (c->wsi == NULL || !c->websocket || c->mask_checked)
        return;
    ssize_t n = recv(c->fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
    int enough = n == 1 ? 2 : 1; /* half a header: sleep until the other half is here */
    if (n == 1 || c->mask_waits)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof enough);
    c->mask_waits = n == 1;
    if (c->mask_waits)
        return;
    c->mask_checked = true;
    if (n < 2 || head[1] & 0x80)
        return;
    conn_write_close(c, LWS_CLOSE_STATUS_PROTOCOL_ERR, "frames of a client must be masked");
    shutdown(c->fd, SHUT_WR);
    c->half_closed = true;
}

/* Throws away what a peer says that has been told to go. */
static void discard_locked(struct conn *c)
{
    char trash[READ_BYTES];
    ssize_t n = recv(c->fd, trash, sizeof trash, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        conn_end_locked(c);
}

static void on_input_locked(struct conn *c, short revents)
{
    check_mask_locked(c);
    if (c->mask_waits && !(revents & (POLLHUP | POLLERR)))
        return;
    if (c->half_closed && !c->failing && c->wsi != NULL)
        discard_locked(c); /* not for the library: it would take it for frames */
    else
        conn_service_locked(c, revents);
}

/* The peer's close frame is answered now. */
static void answer_close_locked(struct conn *c)
{
    if (c->wsi == NULL || !c->peer_closing || c->refusing)
        return;
    conn_begin_end(c);
    service_locked(c, POLLOUT);
}

void conn_free(struct conn *c)
{
    REQUIRE(MAGIC_OK(c, CONN_MAGIC));
    pthread_mutex_lock(&c->shard->mu);
    answer_close_locked(c);
    conn_end_locked(c);
    pthread_mutex_unlock(&c->shard->mu);
    http_request_fini(&c->request);
    buf_fini(&c->partial);
    buf_fini(&c->arrived);
    c->magic = 0;
    free(c);
}

int conn_wait(struct conn *c, int64_t deadline)
{
    pthread_mutex_lock(&c->shard->mu);
    answer_close_locked(c);
    bool ended = c->wsi == NULL;
    bool ending = c->refusing;
    int64_t until = ending && c->kill_at < deadline ? c->kill_at : deadline;
    /* A WebSocket's output is its writer's business; an HTTP response is flushed from here, and until
     * it is out the library takes no further request. */
    bool output = !ended && (!c->websocket || ending) && lws_partial_buffered(c->wsi);
    short events = output && !c->websocket ? POLLOUT : output ? POLLIN | POLLOUT : POLLIN;
    unsigned before = c->got; /* answering a request may have let the next one in */
    c->got = 0;
    if (!(before & CONN_MESSAGES)) {
        buf_fini(&c->arrived);
        c->next = 0;
    }
    pthread_mutex_unlock(&c->shard->mu);
    if (before != 0)
        return (int)before;
    if (ended)
        return ERR_CLOSED;

    struct pollfd p = {.fd = c->fd, .events = events};
    int n = poll(&p, 1, clock_poll_ms(until));
    int64_t now = until == DEADLINE_NEVER ? 0 : clock_now();

    pthread_mutex_lock(&c->shard->mu);
    if (n > 0)
        on_input_locked(c, p.revents);
    if (ending && now >= c->kill_at) /* however much it goes on talking */
        conn_end_locked(c);
    int result = (int)c->got;
    c->got = 0;
    if (result == 0 && c->wsi == NULL)
        result = ERR_CLOSED;
    else if (result == 0 && now >= deadline)
        result = ERR_TIMEOUT;
    pthread_mutex_unlock(&c->shard->mu);
    return result;
}

bool conn_next_message(struct conn *c, struct conn_message *m)
{
    /* Only the reader's own servicing adds to `arrived`, so no lock. */
    if (c->next >= c->arrived.len)
        return false;
    struct arrived_head head;
    memcpy(&head, c->arrived.data + c->next, sizeof head);
    *m = (struct conn_message){
        .data = c->arrived.data + c->next + sizeof head,
        .len = head.len,
        .binary = head.binary != 0,
    };
    c->next += sizeof head + head.len;
    return true;
}

/* ---- any thread ---------------------------------------------------------------------------------- */

/* Puts the pieces together and writes as few times as the batch allows; large pieces go as they are. */
static int write_locked(struct conn *c, const struct iovec *iov, int n)
{
    size_t used = 0;
    unsigned char *batch = c->shard->batch;
    for (int i = 0; i < n; i++) {
        if (used > 0 && used + iov[i].iov_len > BATCH_BYTES) {
            if (lws_write(c->wsi, batch, used, LWS_WRITE_RAW) < 0)
                return ERR_CLOSED;
            used = 0;
        }
        if (n == 1 || iov[i].iov_len > BATCH_BYTES) {
            if (lws_write(c->wsi, iov[i].iov_base, iov[i].iov_len, LWS_WRITE_RAW) < 0)
                return ERR_CLOSED;
        } else {
            memcpy(batch + used, iov[i].iov_base, iov[i].iov_len);
            used += iov[i].iov_len;
        }
    }
    if (used > 0 && lws_write(c->wsi, batch, used, LWS_WRITE_RAW) < 0)
        return ERR_CLOSED;
    return 0;
}

int conn_write(struct conn *c, const struct iovec *iov, int n)
{
    pthread_mutex_lock(&c->shard->mu);
    int err = ERR_CLOSED;
    if (c->wsi != NULL && !c->refusing) {
        err = write_locked(c, iov, n);
        if (err != 0)
            kill_locked(c);
        else if (lws_partial_buffered(c->wsi))
            err = ERR_AGAIN;
    }
    pthread_mutex_unlock(&c->shard->mu);
    return err;
}

/* 0, ERR_AGAIN or ERR_CLOSED. */
static int flush_once(struct conn *c)
{
    pthread_mutex_lock(&c->shard->mu);
    int err = c->wsi == NULL || (c->refusing && !c->close_sent) ? ERR_CLOSED : 0;
    if (err == 0 && lws_partial_buffered(c->wsi)) {
        /* An empty write sends what is buffered and, unlike servicing, never frees the connection. */
        if (lws_write(c->wsi, NULL, 0, LWS_WRITE_RAW) < 0) {
            kill_locked(c);
            err = ERR_CLOSED;
        } else if (lws_partial_buffered(c->wsi)) {
            err = ERR_AGAIN;
        }
    }
    pthread_mutex_unlock(&c->shard->mu);
    return err;
}

int conn_flush_some(struct conn *c, int64_t wait)
{
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};
    if (poll(&p, 1, clock_poll_ms(clock_now() + wait)) == 0)
        return ERR_TIMEOUT;
    return flush_once(c);
}

int conn_flush(struct conn *c, int64_t wait)
{
    int err = flush_once(c);
    for (int64_t until = clock_now() + wait; err == ERR_AGAIN && clock_now() < until;)
        err = conn_flush_some(c, until - clock_now());
    return err == ERR_AGAIN ? ERR_TIMEOUT : err;
}

void conn_close(struct conn *c, uint16_t code, const char *reason)
{
    pthread_mutex_lock(&c->shard->mu);
    if (c->wsi != NULL && !c->refusing)
        conn_write_close(c, code, reason);
    pthread_mutex_unlock(&c->shard->mu);
}

void conn_kill(struct conn *c)
{
    pthread_mutex_lock(&c->shard->mu);
    if (c->wsi != NULL)
        kill_locked(c);
    pthread_mutex_unlock(&c->shard->mu);
}
