/* All parts of the server put together in this process, with real sockets, and peers for them that are rude.
 * Everything is the test's own thread's, but for the peers: any thread may be one, and only tallies. */
#ifndef HUBBUB_CONCURRENCY_WHOLE_H
#define HUBBUB_CONCURRENCY_WHOLE_H

#include "helpers.h"

#include <hubbub/client.h>
#include <hubbub/http.h>
#include <hubbub/metrics.h>
#include <hubbub/net.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_SESSIONS = 2000, CROWD = SLOWER > 1 ? 160 : 400 };

/* ---- the server's parts, put together as src/server/server.c does ---------------------------------- */

static struct relay *relay;
static struct hub *hub;
static struct net *net;
static struct http *http;
static struct identities *identities;
static struct clients *clients;
static struct listener *listener;
static int port;

static inline void put_together(uint32_t send_queue, size_t socket_buffer)
{
    char why[256] = "";
    char address[] = "127.0.0.1:0";
    char *const addresses[] = {address};
    if (listener_new(&listener, addresses, 1, why, sizeof(why)) != 0)
        fail_msg("%s", why);
    port = listener_port(listener);
    relay = relay_new(2);
    identities = identities_new(&(struct identity_config){.mode = AUTH_GUEST}, why, sizeof(why));
    assert_non_null(identities);
    hub = hub_new(&(struct hub_config){
        .inbox = 512,
        .relay = relay,
        .settings =
            {.max_rooms = 1000, .max_rooms_per_client = 10, .notice_limit = 50, .open_rooms = true},
        .node = "here",
        .version = "0",
        .max_message = 4096,
        .send_queue = send_queue,
        .ping_period = 10 * NS_PER_S,
    });
    assert_int_equal(hub_start(hub), 0);
    net = net_new(&(struct net_config){
        .shards = 4, .max_message = 4096, .close_wait = NS_PER_S, .upgrade = clients_upgrade});
    assert_non_null(net);
    http = http_new(hub, relay, identities, NULL, &(struct http_settings){0}, why, sizeof(why));
    assert_non_null(http);
    clients = clients_new(&(struct clients_config){
        .net = net,
        .hub = hub,
        .relay = relay,
        .max_sessions = MAX_SESSIONS,
        .echo = true,
        .send_queue = send_queue,
        .socket_buffer = socket_buffer,
        .ping_period = 10 * NS_PER_S,
        .pong_wait = 60 * NS_PER_S,
        .write_wait = 10 * NS_PER_S,
        .handshake_wait = 20 * NS_PER_S,
        .idle_wait = 20 * NS_PER_S,
        .close_wait = NS_PER_S,
        .identities = identities,
        .serve = http_serve,
        .admit = http_admit,
        .arg = http,
    });
    http_use_limits(http, clients_limits(clients));
    assert_int_equal(listener_start(listener, clients_accept, clients), 0);
}

/* Every _free insists that it is empty. */
static inline void take_apart(void)
{
    listener_stop(listener);
    listener_free(listener);
    clients_stop(clients);
    assert_int_equal(clients_sessions(clients), 0);
    clients_free(clients);
    hub_stop(hub);
    net_free(net);
    http_free(http);
    thread_end_all();
    rcu_barrier();
    hub_free(hub);
    identities_free(identities);
    relay_free(relay);
    assert_int_equal(metric_read(METRIC_CONNECTIONS), 0);
    assert_int_equal(metric_read(METRIC_SESSIONS), 0);
    assert_int_equal(metric_read(METRIC_USERS), 0);
    assert_int_equal(metric_read(METRIC_ROOMS), 0);
    assert_int_equal(metric_read(METRIC_MEMBERS), 0);
}

/* ---- a peer ---------------------------------------------------------------------------------------- */

/* A helper thread tallies a peer that could not even connect. */
static uint32_t failures;

static inline int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        ADD(failures, 1);
    return fd;
}

/* False when the other end has gone. */
static inline bool put(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

static inline const char *upgrade(char *text, size_t space, const char *path, bool full)
{
    snprintf(text, space,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
             path, full ? "Sec-WebSocket-Protocol: hubbub.v1\r\n" : "");
    return text;
}

/* Waits for the answer; false when it is none, or not 101. */
static inline bool shake_hands(int fd, const char *path, bool full)
{
    char text[512], head[1024];
    size_t n = 0;
    upgrade(text, sizeof(text), path, full);
    if (!put(fd, text, strlen(text)))
        return false;
    while (n < sizeof(head) - 1) { /* byte by byte: what follows is for somebody else */
        if (recv(fd, head + n, 1, 0) != 1)
            return false;
        head[++n] = '\0';
        if (n >= 4 && strcmp(head + n - 4, "\r\n\r\n") == 0)
            return strncmp(head, "HTTP/1.1 101", 12) == 0;
    }
    return false;
}

/* One frame as a client sends it: masked, with a mask of zeros. At most 125 bytes. */
static inline size_t client_frame(unsigned char *to, unsigned char opcode, const void *payload,
                                  size_t n)
{
    to[0] = 0x80 | opcode;
    to[1] = (unsigned char)(0x80 | n);
    memset(to + 2, 0, 4);
    memcpy(to + 6, payload, n);
    return 6 + n;
}

static inline bool say(int fd, const char *text)
{
    unsigned char frame[140];
    return put(fd, frame, client_frame(frame, 1, text, strlen(text)));
}

static inline bool say_goodbye(int fd)
{
    unsigned char frame[16];
    return put(fd, frame, client_frame(frame, 8, "\x03\xe8", 2));
}

/* Reads and forgets until the other end closes; true when it did so with a FIN. */
static inline bool read_to_the_end(int fd)
{
    char bytes[4096];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        ;
    return n == 0;
}

static inline void reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

static inline bool all_gone(void)
{
    return metric_read(METRIC_CONNECTIONS) == 0 && metric_read(METRIC_SESSIONS) == 0 &&
           metric_read(METRIC_ROOMS) == 0;
}

static inline void end_somehow(int fd, uint32_t how)
{
    if (how % 3 == 0) {
        reset(fd);
        return;
    }
    if (how % 3 == 1)
        shutdown(fd, SHUT_WR);
    close(fd);
}

/* Before the first test; leave_group is for after the last. */
static inline int enter_sockets(void **state)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < 4096) {
        r.rlim_cur = r.rlim_max < 4096 ? r.rlim_max : 4096;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    return enter_group(state);
}

#define RUN_WHOLE(argc, argv, name, tests) \
    run_tests(argc, argv, name, tests, sizeof(tests) / sizeof(tests)[0], enter_sockets, leave_group)

#endif
