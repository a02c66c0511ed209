/* Sockets: listener, shards, connections. The only room that knows libwebsockets.
 *
 * libwebsockets is not thread-safe, and does not care which thread calls it. So connections are spread
 * over shards, each one context of the library and one mutex, and every call for a connection is made
 * holding its shard. Nothing blocks while holding one.
 *
 * A connection has two threads. Its reader opens it, waits for input and is the only one who lets the
 * library service it, so the only one who can see it end and who closes the descriptor. Any thread may
 * write to it, close it and kill it until conn_free().
 */
#ifndef HUBBUB_NET_H
#define HUBBUB_NET_H

#include <hubbub/http_message.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct net;
struct conn;

/* Decides on an upgrade to WebSocket: true to accept, or false with `refusal` filled in. `user` is what
 * conn_open() was given. Called on the reader's thread while it holds a shard: it must not block. */
typedef bool net_upgrade_fn(void *user, const struct http_request *request,
                            struct http_response *refusal);

enum { NET_MAX_SHARDS = 1024 };

struct net_config {
    unsigned shards;    /* 1 to NET_MAX_SHARDS */
    size_t max_message; /* bytes of one WebSocket message; more is closed with 1009 */
    int64_t close_wait; /* ns a peer has to answer a close frame */
    net_upgrade_fn *upgrade;
    /* Does the body of this request come in pieces? Else it is waited for, up to HTTP_MAX_BODY. NULL: no. Called as
     * upgrade is. */
    bool (*streams)(const struct http_request *request);
    int64_t write_wait; /* ns a socket may take nothing of a file */
};

/* RLIMIT_NOFILE must be final: the library sizes its tables by it. NULL when a context can't be made. */
struct net *net_new(const struct net_config *config);
/* All connections must be freed. */
void net_free(struct net *n);

/* Takes fd, closing it when it fails. peer: the address as text, "unix" for a Unix socket; copied.
 * NULL on failure. The calling thread is the reader from now on. */
struct conn *conn_open(struct net *n, int fd, const char *peer, void *user);
/* Reader: ends what is left of it and frees it. No other thread may use it any more. */
void conn_free(struct conn *c);

bool conn_peer_is_local(const struct conn *c); /* loopback or Unix socket */

enum conn_event {
    CONN_REQUEST = 1,  /* conn_request() is there, answer with conn_respond() */
    CONN_UPGRADED = 2, /* it speaks WebSocket now; conn_subprotocol() is known */
    CONN_MESSAGES = 4, /* conn_next_message() has some */
    CONN_CLOSING = 8,  /* the peer said goodbye; the next conn_wait() or conn_free() answers */
};

/* Reader: waits for input and lets it be processed. Returns enum conn_event bits (0: nothing to see),
 * ERR_TIMEOUT at the deadline, ERR_CLOSED when the connection has ended. */
int conn_wait(struct conn *c, int64_t deadline);

/* Reader: the request that waits for an answer. Borrowed until conn_respond(). */
const struct http_request *conn_request(const struct conn *c);
void conn_respond(struct conn *c, const struct http_response *r);

/* Reader: the body of a request that streams, as http_request.take_body. */
int conn_take_body(struct conn *c, struct buf *piece, int64_t deadline);

/* The subprotocol that was agreed on, "" when the client asked for none; the path of the upgrade. */
const char *conn_subprotocol(const struct conn *c);

struct conn_message {
    const char *data;
    size_t len;
    bool binary;
};
/* Reader: the next complete message, valid until the next conn_wait(); false when there is none. */
bool conn_next_message(struct conn *c, struct conn_message *m);

/* When the last pong came (or the upgrade, before the first), clock_now(). Any thread. */
int64_t conn_last_pong(const struct conn *c);

/* Any thread: hands over bytes that are already framed; all of them are taken, and what the socket
 * does not take at once is copied. 0: all is in the socket. ERR_AGAIN: taken, but the socket is full:
 * use conn_flush(). ERR_CLOSED: the connection is ending, nothing was taken. Never blocks on the socket. */
int conn_write(struct conn *c, const struct iovec *iov, int n);

/* Any thread, holding nothing: waits until the socket takes some of what it refused. 0: all of it;
 * ERR_AGAIN: there is more; ERR_TIMEOUT: it took nothing for `wait` ns; ERR_CLOSED. */
int conn_flush_some(struct conn *c, int64_t wait);

/* The same until it is all gone: 0, ERR_TIMEOUT after `wait` ns, or ERR_CLOSED. */
int conn_flush(struct conn *c, int64_t wait);

/* Any thread: sends a close frame and nothing after it. The reader still has to see the peer's answer:
 * whoever closes must see to it that conn_kill() follows when none comes. */
void conn_close(struct conn *c, uint16_t code, const char *reason);

/* Any thread: ends it now; the reader wakes with ERR_CLOSED. */
void conn_kill(struct conn *c);

/* ---- the listener: one thread that accepts ------------------------------------------------------ */

struct listener;

/* Owns fd from now on; peer is borrowed for the call. Called on the listener's thread. */
typedef void listener_accept_fn(void *arg, int fd, const char *peer);

/* addresses: "host:port", "[v6]:port", "unix:/path". 0; or ERR_SYSTEM, and `why` says which address and why.
 * Descriptors are bound when it returns; accepting begins with listener_start(). */
int listener_new(struct listener **out, char *const *addresses, size_t n, char *why, size_t space);
/* The TCP port of the first address, as the system chose it for port 0; 0 for a Unix socket. */
int listener_port(const struct listener *l);
/* 0, or ERR_LIMIT: no room for a thread. */
int listener_start(struct listener *l, listener_accept_fn *accept, void *arg);
/* Stops accepting; the thread is gone when it returns. */
void listener_stop(struct listener *l);
void listener_free(struct listener *l); /* its Unix sockets are gone from the disk, too */

#endif
