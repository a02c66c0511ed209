/* All connections: how many there may be, and how they are ended together. */
#include "client/client_private.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <hubbub/protocol.h>
#include <hubbub/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READER_STACK = 128 * 1024, /* the library's handshake and the JSON parser run on it */
    /* Web requests that may be open beside the chat connections, also when those are at their limit. */
    WEB_SLACK = 64,
};

static const char REFUSAL_S[] = "10"; /* LIMITS_REFUSAL_S as a header's value */

struct clients *clients_new(const struct clients_config *config)
{
    struct clients *cs = xcalloc(1, sizeof *cs);
    cs->config = *config;
    cs->limits = limits_new(&config->limits);
    cs->trusted = xcalloc(config->ntrusted_proxies + 1, sizeof *cs->trusted);
    for (size_t i = 0; i < config->ntrusted_proxies; i++)
        if (network_parse(config->trusted_proxies[i], &cs->trusted[cs->ntrusted]))
            cs->ntrusted++;
        else
            log_error("not an address of a proxy",
                      LOG_STR("trusted_proxy", config->trusted_proxies[i]));
    pthread_mutex_init(&cs->mu, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&cs->changed, &attr);
    pthread_condattr_destroy(&attr);
    return cs;
}

void clients_free(struct clients *cs)
{
    REQUIRE(cs->count == 0);
    limits_free(cs->limits);
    free(cs->trusted);
    pthread_cond_destroy(&cs->changed);
    pthread_mutex_destroy(&cs->mu);
    free(cs);
}

void clients_reload_limits(struct clients *cs, const struct limits_config *limits)
{
    limits_configure(cs->limits, limits);
}

struct limits *clients_limits(struct clients *cs)
{
    return cs->limits;
}

/* ---- accepting ----------------------------------------------------------------------------------- */

static bool link_client(struct clients *cs, struct client *c)
{
    pthread_mutex_lock(&cs->mu);
    bool room = cs->count < cs->config.max_sessions + WEB_SLACK;
    if (room) {
        c->next = cs->first;
        if (cs->first != NULL)
            cs->first->prev = c;
        cs->first = c;
        cs->count++;
    }
    pthread_mutex_unlock(&cs->mu);
    if (room)
        metric_add(METRIC_CONNECTIONS, 1);
    return room;
}

void client_unref(void *client)
{
    struct client *c = client;
    if (__atomic_fetch_sub(&c->refs, 1, __ATOMIC_ACQ_REL) > 1)
        return;
    if (c->has_outbox)
        outbox_fini(&c->outbox);
    c->magic = 0;
    free(c->token); /* of an upgrade that was not finished */
    free(c);
}

static void unref_later(struct rcu_head *head)
{
    rcu_deferred();
    client_unref(caa_container_of(head, struct client, rcu));
}

static void unlink_client(struct clients *cs, struct client *c)
{
    pthread_mutex_lock(&cs->mu);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        cs->first = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    rcu_defer(&c->rcu, unref_later); /* a waker may still be looking at its parker */
    cs->count--;
    metric_add(METRIC_CONNECTIONS, -1);
    pthread_cond_broadcast(&cs->changed);
    pthread_mutex_unlock(&cs->mu);
}

/* There is no thread to answer with: say so in the little the socket's buffer holds. */
static void turn_away(int fd)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n";
    metric_add(METRIC_REFUSED, 1);
    ssize_t n = send(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n;
    shutdown(fd, SHUT_WR);
    close(fd);
}

static void client_main(void *arg)
{
    struct client *c = arg;
    reader_main(c);
    unlink_client(c->all, c);
}

void clients_accept(void *clients, int fd, const char *peer)
{
    struct clients *cs = clients;
    metric_add(METRIC_ACCEPTED, 1);
    struct client *c = xcalloc(1, sizeof *c);
    c->magic = CLIENT_MAGIC;
    c->refs = 1;
    c->all = cs;
    c->fd = fd;
    strncpy(c->peer, peer, sizeof c->peer - 1);
    if (!link_client(cs, c)) {
        free(c);
        turn_away(fd);
    } else if (thread_start(NULL, "reader", READER_STACK, client_main, c) != 0) {
        log_warn("no thread for a connection", LOG_STR("peer", peer));
        unlink_client(cs, c);
        turn_away(fd);
    }
}

/* ---- the upgrade --------------------------------------------------------------------------------- */

static bool refuse(struct http_response *r, int status, enum problem problem, const char *detail)
{
    metric_add(METRIC_REFUSED, 1);
    encode_http_error(&r->owned, problem, detail);
    r->status = status;
    r->type = "application/json";
    r->body = r->owned.data;
    r->body_len = r->owned.len;
    if (status == 503)
        http_response_header(r, "Retry-After", "5");
    if (status == 429)
        http_response_header(r, "Retry-After", REFUSAL_S);
    return false;
}

/* Takes one of the places for WebSockets; reader_main() gives it back. */
static bool take_session(struct clients *cs)
{
    uint32_t n = __atomic_load_n(&cs->sessions, __ATOMIC_RELAXED);
    while (n < cs->config.max_sessions)
        if (__atomic_compare_exchange_n(&cs->sessions, &n, n + 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

static const char *arg_or(const struct http_request *request, const char *name,
                          const char *otherwise)
{
    const char *value = http_request_arg(request, name);
    return value == NULL || value[0] == '\0' ? otherwise : value;
}

void find_address(struct client *c, const struct http_request *request)
{
    const struct clients *cs = c->all;
    struct address a;
    address_of_client(c->peer, request->forwarded_for, cs->trusted, cs->ntrusted, c->address);
    c->local = !address_parse(c->address, &a) || address_is_loopback(&a);
}

bool clients_upgrade(void *client, const struct http_request *request,
                     struct http_response *refusal)
{
    struct client *c = client;
    REQUIRE(MAGIC_OK(c, CLIENT_MAGIC));
    struct clients *cs = c->all;
    const struct clients_config *config = &cs->config;

    c->echo = config->echo && strcmp(request->path, "/echo") == 0;
    if (!c->echo && strcmp(request->path, "/ws") != 0)
        return refuse(refusal, 404, PROBLEM_BAD_REQUEST, "there is no WebSocket here, use /ws");
    find_address(c, request);
    if (!c->local && limits_refuses(cs->limits, c->address, clock_now()))
        return refuse(refusal, 429, PROBLEM_RATE_LIMITED, "turned away for flooding");
    if (!config->admit(config->arg, request, c->local, refusal)) {
        metric_add(METRIC_REFUSED, 1);
        return false;
    }
    if (request->foreign)
        return refuse(refusal, 400, PROBLEM_BAD_REQUEST,
                      "no subprotocol offered is spoken here: offer hubbub.v1 alone, or none");
    const char *username = arg_or(request, "username", NULL);
    const char *room = arg_or(request, "room", NULL);
    if (request->malformed || (username != NULL && !text_is_name(username, strlen(username))))
        return refuse(refusal, 400, PROBLEM_INVALID_USERNAME, NULL);
    if (__atomic_load_n(&cs->refusing, __ATOMIC_RELAXED))
        return refuse(refusal, 503, PROBLEM_UNAVAILABLE, "the server is stopping");
    if (!c->admitted && !take_session(cs))
        return refuse(refusal, 503, PROBLEM_UNAVAILABLE, "the server is full");
    c->admitted = true;
    strcpy(c->username, username == NULL ? "" : username);
    free(c->token);
    c->token = c->echo ? NULL : http_request_token(request);
    c->bad_room = room != NULL && !text_is_name(room, strlen(room));
    if (room != NULL && !c->bad_room)
        strcpy(c->room, room);
    return true;
}

/* ---- ending -------------------------------------------------------------------------------------- */

void clients_refuse(struct clients *cs)
{
    __atomic_store_n(&cs->refusing, true, __ATOMIC_RELAXED);
}

uint32_t clients_sessions(struct clients *cs)
{
    return __atomic_load_n(&cs->sessions, __ATOMIC_RELAXED);
}

bool clients_wait_sessions(struct clients *cs, int64_t deadline)
{
    struct timespec ts = clock_timespec(deadline);
    pthread_mutex_lock(&cs->mu);
    int err = 0;
    while (clients_sessions(cs) > 0 && err == 0)
        err = pthread_cond_timedwait(&cs->changed, &cs->mu, &ts);
    pthread_mutex_unlock(&cs->mu);
    return clients_sessions(cs) == 0;
}

void clients_stop(struct clients *cs)
{
    clients_refuse(cs);
    pthread_mutex_lock(&cs->mu);
    while (cs->count > 0) {
        for (struct client *c = cs->first; c != NULL; c = c->next)
            if (c->conn != NULL)
                conn_kill(c->conn);
        /* Again after a moment: a connection may just have been accepted and not be open yet. */
        struct timespec ts = clock_timespec(clock_now() + 100 * NS_PER_MS);
        while (cs->count > 0 && pthread_cond_timedwait(&cs->changed, &cs->mu, &ts) == 0)
            continue;
    }
    pthread_mutex_unlock(&cs->mu);
}
