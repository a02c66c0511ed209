/* Clients: one connection each, with a reader and a writer thread.
 *
 * The reader owns the connection: it opens it, answers web requests on it, and after the upgrade decodes
 * what the client says and posts it to the hub. The writer sleeps until the relay or a deadline wakes it;
 * it sends pings, enforces the deadlines, and waits for its socket when that is full. */
#ifndef HUBBUB_CLIENT_H
#define HUBBUB_CLIENT_H

#include <hubbub/hub.h>
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

    /* Answers a web request; runs on a reader's thread and may take its time. */
    void (*serve)(void *arg, const struct http_request *request, struct http_response *response);
    /* May this page open a WebSocket? False with `refusal` filled in. Must not block. */
    bool (*admit)(void *arg, const struct http_request *request, bool peer_is_local,
                  struct http_response *refusal);
    void *arg; /* for both */
};

struct clients *clients_new(const struct clients_config *config);

/* A listener_accept_fn: takes over an accepted socket. */
void clients_accept(void *clients, int fd, const char *peer);

/* No more WebSockets from now on: they are refused with 503. Web requests are still answered. */
void clients_refuse(struct clients *cs);

/* How many there are now. */
uint32_t clients_sessions(struct clients *cs);
/* Waits until the last WebSocket is gone: true, or false at the deadline. */
bool clients_wait_sessions(struct clients *cs, int64_t deadline);

/* Ends every connection at once and waits for their threads. */
void clients_stop(struct clients *cs);
void clients_free(struct clients *cs);

/* The net_upgrade_fn to build the net with. */
bool clients_upgrade(void *client, const struct http_request *request,
                     struct http_response *refusal);

#endif
