/* Clients: one connection each, with a reader and a writer thread.
 *
 * The reader owns the connection: it opens it, answers web requests on it, and after the upgrade decodes
 * what the client says and posts it to the hub. The writer sleeps until the relay or a deadline wakes it;
 * it sends pings, enforces the deadlines, and waits for its socket when that is full. */
#ifndef HUBBUB_CLIENT_H
#define HUBBUB_CLIENT_H

#include <hubbub/hub.h>
#include <hubbub/identity.h>
#include <hubbub/limits.h>
#include <hubbub/net.h>
#include <hubbub/relay.h>
#include <stdbool.h>
#include <stdint.h>

struct clients;

struct clients_config {
    struct net *net;
    struct hub *hub;
    struct relay *relay;
    uint32_t max_sessions; /* WebSocket connections at once; more are refused with 503 */
    bool echo;             /* serve /echo */
    uint32_t send_queue;   /* messages */
    size_t socket_buffer;  /* bytes, 0: the system's choice */
    int64_t ping_period, pong_wait, write_wait, handshake_wait, idle_wait, close_wait; /* ns */

    struct identities *identities;
    struct limits_config limits;
    /* Whose X-Forwarded-For is believed: addresses with an optional "/bits", or "unix" (network_parse()).
     * Only used by clients_new(). */
    char *const *trusted_proxies;
    size_t ntrusted_proxies;

    /* Answers a web request; runs on a reader's thread and may take its time. */
    void (*serve)(void *arg, const struct http_request *request, struct http_response *response);
    /* May this page open a WebSocket? False with `refusal` filled in. Must not block. */
    bool (*admit)(void *arg, const struct http_request *request, bool peer_is_local,
                  struct http_response *refusal);
    void *arg; /* for both */
};

struct clients *clients_new(const struct clients_config *config);

/* New limits, for all that is asked from now on. */
void clients_reload_limits(struct clients *cs, const struct limits_config *limits);
/* For web requests, which are charged like any other. */
struct limits *clients_limits(struct clients *cs);

/* On the way to the hub, on the thread of whoever asks: hashes the password that `create` and `update`
 * set, and lets `join` prove that it knows the room's. A wrong one proves nothing, and the hub says what
 * that means. Plain ones are wiped. A tenth of a second when there is one.
 * PROBLEM_NONE; PROBLEM_RATE_LIMITED, with *wait ns until another may be tried; PROBLEM_UNAVAILABLE: no
 * memory for it. */
#define TOO_MANY_PASSWORDS "too many passwords, wait a moment" /* says the former to people */
enum problem clients_seal_password(struct hub *hub, struct limits *limits, const struct visit *v,
                                   struct request *r, int64_t *wait);

/* A listener_accept_fn: takes over an accepted socket. */
void clients_accept(void *clients, int fd, const char *peer);

/* No more WebSockets from now on: they are refused with 503. Web requests are still answered. */
void clients_refuse(struct clients *cs);

/* How many there are now. */
uint32_t clients_sessions(struct clients *cs);
/* Waits until the last WebSocket is gone: true, or false at the deadline. For tests. */
bool clients_wait_sessions(struct clients *cs, int64_t deadline);

/* Ends every connection at once and waits for their threads. */
void clients_stop(struct clients *cs);
void clients_free(struct clients *cs);

/* The net_upgrade_fn to build the net with. */
bool clients_upgrade(void *client, const struct http_request *request,
                     struct http_response *refusal);

#endif
