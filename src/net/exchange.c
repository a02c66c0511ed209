/* Web requests and their answers, for the reader of the connection: bodies that come in pieces, and files that go in
 * pieces. The disk is read holding nothing. */
#include "net/net_private.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t LINGER = 2 * NS_PER_S;

const struct http_request *conn_request(const struct conn *c)
{
    return &c->request;
}

/* ERR_CLOSED: it is not whole, and will not be. */
static int take_arrived(struct conn *c, struct buf *piece)
{
    int got = ERR_AGAIN;
    pthread_mutex_lock(&c->shard->mu);
    if (c->request.body.len > 0) {
        struct buf empty = *piece;
        buf_clear(&empty);
        *piece = c->request.body;
        c->request.body = empty;
        got = (int)piece->len;
    } else if (c->body_whole) {
        got = 0;
    } else if (c->wsi == NULL || c->refusing) {
        got = ERR_CLOSED;
    }
    pthread_mutex_unlock(&c->shard->mu);
    return got;
}

/* To a sender that waits for it, when nothing of the body is here yet. */
static void tell_to_go_on(struct conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    unsigned char bytes[sizeof text];
    memcpy(bytes, text, sizeof text);
    pthread_mutex_lock(&c->shard->mu);
    if (c->wsi != NULL && c->request.hesitates && c->request.body.len == 0 && !c->body_whole)
        lws_write(c->wsi, bytes, sizeof text - 1, LWS_WRITE_HTTP_HEADERS);
    c->request.hesitates = false;
    pthread_mutex_unlock(&c->shard->mu);
}

int conn_take_body(struct conn *c, struct buf *piece, int64_t deadline)
{
    int got;
    if (c->request.hesitates) /* only this thread changes it */
        tell_to_go_on(c);
    while ((got = take_arrived(c, piece)) == ERR_AGAIN) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        int n = poll(&p, 1, clock_poll_ms(deadline));
        if (n == 0 || clock_now() >= deadline)
            return ERR_TIMEOUT;
        pthread_mutex_lock(&c->shard->mu);
        conn_service_locked(c, p.revents);
        pthread_mutex_unlock(&c->shard->mu);
    }
    return got;
}

/* The answer has gone before the body had come. Whoever goes on sending would have the answer torn away by a reset, so
 * it is listened to for a while. */
static void end_unheard(struct conn *c)
{
    enum { ENOUGH = 64 << 20 };
    char trash[READ_BYTES];
    size_t total = 0;
    int64_t until = clock_now() + LINGER;
    conn_flush(c, LINGER);
    shutdown(c->fd, SHUT_WR);
    while (total < ENOUGH && clock_now() < until) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        ssize_t n = poll(&p, 1, clock_poll_ms(until)) <= 0
                        ? 0
                        : recv(c->fd, trash, sizeof trash, MSG_DONTWAIT);
        if (n <= 0)
            break;
        total += (size_t)n;
    }
    pthread_mutex_lock(&c->shard->mu);
    conn_end_locked(c);
    pthread_mutex_unlock(&c->shard->mu);
}

static int write_some(struct conn *c, unsigned char *bytes, size_t n)
{
    pthread_mutex_lock(&c->shard->mu);
    int err = c->wsi == NULL || lws_write(c->wsi, bytes, n, LWS_WRITE_HTTP) < 0 ? ERR_CLOSED : 0;
    pthread_mutex_unlock(&c->shard->mu);
    return err != 0 ? err : conn_flush(c, c->net->config.write_wait);
}

/* A piece at a time, each when the one before is in the socket; the disk is read holding nothing. */
static int send_file(struct conn *c, const struct http_response *r)
{
    unsigned char *bytes = xmalloc(BATCH_BYTES);
    uint64_t at = r->offset, end = r->offset + r->body_len;
    int err = conn_flush(c, c->net->config.write_wait);
    while (err == 0 && at < end) {
        size_t want = end - at < BATCH_BYTES ? (size_t)(end - at) : BATCH_BYTES;
        ssize_t n = pread(r->fd, bytes, want, (off_t)at);
        err = n <= 0 ? ERR_SYSTEM : write_some(c, bytes, (size_t)n);
        at += n > 0 ? (uint64_t)n : 0;
    }
    free(bytes);
    return err;
}

/* Its head has been written. What was promised and cannot be sent ends the connection. */
static bool send_body(struct conn *c, const struct http_response *r)
{
    if (!r->from_file || r->no_body)
        return true;
    pthread_mutex_unlock(&c->shard->mu);
    int err = send_file(c, r);
    pthread_mutex_lock(&c->shard->mu);
    return err == 0 && c->wsi != NULL;
}

/* An answer to a request whose body is still on its way: the last of this connection. */
static void refuse_body(struct conn *c, const struct http_response *r)
{
    struct http_response last = *r;
    last.close = true;
    c->request_open = false;
    bool sent = http_response_write(c->wsi, &last) >= 0;
    http_request_fini(&c->request);
    if (!sent)
        conn_end_locked(c);
    pthread_mutex_unlock(&c->shard->mu);
    if (sent)
        end_unheard(c);
}

void conn_respond(struct conn *c, const struct http_response *r)
{
    pthread_mutex_lock(&c->shard->mu);
    if (c->wsi != NULL && c->request_open && c->request.streams && !c->body_whole) {
        refuse_body(c, r);
        return;
    }
    if (c->wsi != NULL && c->request_open) {
        c->request_open = false;
        bool failed = http_response_write(c->wsi, r) < 0 || !send_body(c, r);
        if (c->wsi == NULL) {
            pthread_mutex_unlock(&c->shard->mu);
            return;
        }
        /* What is still in the library's buffer defers the end of the transaction by itself. */
        if (failed || lws_http_transaction_completed(c->wsi) != 0)
            conn_end_locked(c);
        else if (r->close && !lws_partial_buffered(c->wsi))
            conn_end_locked(c);
        else
            conn_go_on_locked(c);
    }
    if (!c->request_open)
        http_request_fini(&c->request);
    pthread_mutex_unlock(&c->shard->mu);
}
