/*
 * Sockets and the loop. Input goes through one large buffer that all connections share, frames are
 * read where they lie; only an incomplete one is kept with its connection. Output is gathered per
 * connection and sent once per turn.
 */
#include "hubbub-bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    RECV_MAX = 256 * 1024,
    REST_MAX = 128 * 1024, // largest incomplete frame
    EVENTS = 128,
    SOURCE_BITS = 12, // so many connections share one of 16 source addresses
    SPARE_FDS = 16,
    START_SECONDS = 2, // a server that was started just before may take this long to listen
};

struct hooks hooks;
struct conn *conns;
size_t conns_n;

static int epoll_fd;
static char recv_buf[REST_MAX + RECV_MAX];
static struct conn **touched;
static size_t touched_n;

static struct sockaddr_storage target;
static socklen_t target_len;

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "hubbub-bench: ");
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(1);
}

__attribute__((noreturn)) static void fail_to_connect(int error)
{
    if (opt.unix_path)
        fail("cannot connect to %s: %s", opt.unix_path, strerror(error));
    fail("cannot connect to %s port %ld: %s", opt.host, opt.port, strerror(error));
}

static void resolve_target(void)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&target;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&target;
    struct sockaddr_un *un = (struct sockaddr_un *)&target;
    bool loopback = true;
    if (opt.unix_path) {
        un->sun_family = AF_UNIX;
        if (strlen(opt.unix_path) >= sizeof un->sun_path)
            fail("path too long: %s", opt.unix_path);
        strcpy(un->sun_path, opt.unix_path);
        target_len = sizeof *un;
    } else if (inet_pton(AF_INET, opt.host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)opt.port);
        target_len = sizeof *in;
        loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
    } else if (inet_pton(AF_INET6, opt.host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)opt.port);
        target_len = sizeof *in6;
        loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    } else {
        fail("--host %s: not an IP address", opt.host);
    }
    if (!loopback && !opt.remote)
        fail("%s is not a loopback address; --remote allows it", opt.host);
}

/* Waits until somebody listens: here, so that memory is taken of a server that has started. */
static void await_server(void)
{
    const struct timespec pause = {.tv_nsec = SECOND / 50};
    uint64_t deadline = now_ns() + START_SECONDS * SECOND;
    for (;;) {
        int fd = socket(target.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            fail("socket: %s", strerror(errno));
        int error = connect(fd, (struct sockaddr *)&target, target_len) ? errno : 0;
        close(fd);
        if (!error)
            return;
        bool early = error == ECONNREFUSED || (opt.unix_path && error == ENOENT);
        if (!early || now_ns() > deadline)
            fail_to_connect(error);
        nanosleep(&pause, NULL);
    }
}

void loop_init(size_t connections)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (connections + SPARE_FDS > limit.rlim_cur)
        fail("%zu connections do not fit into %lu descriptors", connections,
             (unsigned long)limit.rlim_cur);
    prctl(PR_SET_TIMERSLACK, 1UL); // send when it is time, not 50 us later
    resolve_target();
    await_server();
    conns_n = connections;
    conns = malloc(connections * sizeof *conns);
    touched = malloc(connections * sizeof(struct conn *));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!conns || !touched || epoll_fd < 0)
        fail("cannot set up %zu connections: %s", connections, strerror(errno));
    memset(conns, 0, connections * sizeof *conns);
    memset(recv_buf, 0, sizeof recv_buf); // its pages shall not count as the server's memory
    for (size_t i = 0; i < connections; i++) {
        conns[i].index = (uint32_t)i;
        conns[i].self = marker_encode((uint32_t)i);
        conns[i].fd = -1;
    }
}

/* ---- opening and closing ---- */

/* One source address has 28 000 ports at most, also counting those in TIME_WAIT. */
static void bind_source(int fd, uint64_t number)
{
    uint32_t address = 1 + (uint32_t)(number >> SOURCE_BITS) % 16;
    const struct sockaddr_in *in = (const struct sockaddr_in *)&target;
    if (target.ss_family != AF_INET || ntohl(in->sin_addr.s_addr) >> 24 != 127 || address == 1)
        return;
    struct sockaddr_in source = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(0x7f000000 + address)};
    int one = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&source, sizeof source))
        fail("cannot use source address 127.0.0.%u: %s", address, strerror(errno));
}

void conn_open(struct conn *c, uint64_t number)
{
    c->fd = socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("socket: %s", strerror(errno));
    int one = 1, small = 4096;
    if (target.ss_family != AF_UNIX)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (c->exempt) // a slow reader shall be seen to be slow soon
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    bind_source(c->fd, number);
    if (connect(c->fd, (struct sockaddr *)&target, target_len) && errno != EINPROGRESS)
        fail_to_connect(errno);
    c->state = CONN_HANDSHAKE;
    c->waiting = true;
    c->unwatched = false;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &ev))
        fail("epoll: %s", strerror(errno));
    ws_send_handshake(c);
}

static void release(struct conn *c)
{
    free(c->rest);
    free(c->out);
    c->rest = c->out = NULL;
    c->rest_len = c->out_len = c->out_cap = c->out_sent = 0;
}

void conn_close(struct conn *c)
{
    if (c->state == CONN_NONE || c->state == CONN_CLOSED)
        return;
    close(c->fd);
    c->fd = -1;
    release(c);
    if (hooks.closed)
        hooks.closed(c);
    c->state = CONN_CLOSED;
}

void conn_unwatch(struct conn *c)
{
    if (c->unwatched)
        return;
    c->unwatched = true;
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
}

/* ---- output ---- */

void conn_touch(struct conn *c)
{
    if (c->touched)
        return;
    c->touched = true;
    touched[touched_n++] = c;
}

char *conn_reserve(struct conn *c, size_t len)
{
    if (c->out_len + len > c->out_cap) {
        c->out_cap = 2 * (c->out_len + len);
        c->out = realloc(c->out, c->out_cap);
        if (!c->out)
            fail("out of memory");
    }
    conn_touch(c);
    return c->out + c->out_len;
}

static void watch_output(struct conn *c, bool on)
{
    if (c->waiting == on || c->unwatched)
        return;
    c->waiting = on;
    struct epoll_event ev = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

static void flush(struct conn *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
        if (n >= 0) {
            c->out_sent += (size_t)n;
        } else if (errno == EAGAIN) {
            watch_output(c, true);
            return;
        } else if (errno != EINTR) {
            if (c->state == CONN_HANDSHAKE)
                fail_to_connect(errno);
            return; // what the server still said is read first; then the end is seen
        }
    }
    free(c->out);
    c->out = NULL;
    c->out_len = c->out_cap = c->out_sent = 0;
    watch_output(c, false);
}

/* ---- input ---- */

void conn_read(struct conn *c, size_t max)
{
    char *start = recv_buf + REST_MAX - c->rest_len;
    ssize_t n = recv(c->fd, recv_buf + REST_MAX, max < RECV_MAX ? max : RECV_MAX, 0);
    if (n <= 0) {
        if (n < 0 && errno == ECONNREFUSED)
            fail_to_connect(errno);
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            conn_close(c);
        return;
    }
    stats.bytes += (uint64_t)n;
    size_t len = c->rest_len + (size_t)n;
    if (c->rest_len) {
        memcpy(start, c->rest, c->rest_len);
        free(c->rest);
        c->rest = NULL;
        c->rest_len = 0;
    }
    size_t used = ws_take(c, start, len, now_ns());
    if (c->state == CONN_CLOSED || used == len)
        return;
    c->rest_len = len - used;
    c->rest = c->rest_len <= REST_MAX ? malloc(c->rest_len) : NULL;
    if (!c->rest)
        fail("a frame of more than %d bytes", REST_MAX);
    memcpy(c->rest, start + used, c->rest_len);
}

/* Waits for input until the time given at the latest, handles what is there, sends what came up. */
void loop_turn(uint64_t until)
{
    struct epoll_event events[EVENTS];
    uint64_t now = until == NEVER || touched_n ? 0 : now_ns();
    uint64_t wait = touched_n || until <= now ? 0 : until - now;
    struct timespec t = {(time_t)(wait / SECOND), (long)(wait % SECOND)};
    int n = epoll_pwait2(epoll_fd, events, EVENTS, until == NEVER && !touched_n ? NULL : &t, NULL);
    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            conn_touch(c);
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            conn_read(c, RECV_MAX);
    }
    for (size_t i = 0; i < touched_n; i++) {
        struct conn *c = touched[i];
        if (c->state != CONN_CLOSED) {
            if (hooks.fill)
                hooks.fill(c);
            flush(c);
        }
        c->touched = false; // not before: what fill adds must not list it again
    }
    touched_n = 0;
}
