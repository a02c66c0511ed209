/*
 * A bare chat server to compare with: what one core can do with epoll and nothing else.
 *
 * One thread. It speaks the classic dialect (join, leave, message), encodes each message once as a
 * ready WebSocket frame, appends it to the buffer of every member and sends each buffer once per
 * turn of the event loop. It has no deadlines, no pings, no limits but the size of a message and of
 * a room, and trusts its clients to send well-formed JSON: it is a yardstick, not a server to run.
 */
#include "peer-bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int epoll_fd;
static char recv_buf[RECV_MAX + MESSAGE_MAX + 64];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

void *need(void *p)
{
    if (!p)
        die("memory");
    return p;
}

/* ---- frames ---- */

static void on_frame(struct client *c, unsigned opcode, char *payload, size_t len)
{
    if (opcode == 1) {
        on_text(c, payload, len);
    } else if (opcode == 8 || opcode == 9) {
        char frame[4 + 125];
        size_t h = frame_header(frame, opcode == 8 ? 8 : 10, len);
        memcpy(frame + h, payload, len);
        out_append(c, frame, h + len);
        c->closing = opcode == 8;
    }
}

/* Handles the first frame in the buffer; returns its length, or 0 when it isn't complete. */
static size_t take_frame(struct client *c, char *buf, size_t len)
{
    unsigned char *b = (unsigned char *)buf;
    if (len < 6)
        return 0;
    size_t n = b[1] & 0x7f, head = 6;
    if (n == 126) {
        if (len < 8)
            return 0;
        n = (size_t)b[2] << 8 | b[3];
        head = 8;
    }
    if (!(b[1] & 0x80) || n == 127 || n > MESSAGE_MAX || ((b[0] & 8) && n > 125)) {
        c->dead = true;
        return 0;
    }
    if (len < head + n)
        return 0;
    uint32_t mask32;
    memcpy(&mask32, buf + head - 4, 4);
    uint64_t mask = mask32 | (uint64_t)mask32 << 32, word;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, buf + head + i, 8);
        word ^= mask;
        memcpy(buf + head + i, &word, 8);
    }
    for (; i < n; i++)
        buf[head + i] = (char)(b[head + i] ^ b[head - 4 + (i & 3)]);
    on_frame(c, b[0] & 0x0f, buf + head, n);
    return head + n;
}

/* ---- the loop ---- */

static void on_readable(struct client *c)
{
    size_t len = c->rest_len;
    if (len) {
        memcpy(recv_buf, c->rest, len);
        free(c->rest);
        c->rest = NULL;
        c->rest_len = 0;
    }
    ssize_t n = recv(c->fd, recv_buf + len, RECV_MAX, 0);
    if (n <= 0) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            n = 0;
        else
            c->dead = true;
    }
    if (c->dead) {
        mark_dirty(c);
        return;
    }
    len += (size_t)n;
    size_t at = 0, took;
    while (at < len && !c->dead && !c->closing) {
        took = c->open ? take_frame(c, recv_buf + at, len - at)
                       : take_handshake(c, recv_buf + at, len - at);
        if (!took)
            break;
        at += took;
    }
    if (c->dead) {
        mark_dirty(c);
    } else if (at < len && !c->closing) {
        c->rest_len = len - at;
        c->rest = need(malloc(c->rest_len));
        memcpy(c->rest, recv_buf + at, c->rest_len);
    }
}

static void on_acceptable(int listen_fd)
{
    for (int i = 0; i < 64; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct client *c = need(calloc(1, sizeof *c));
        c->fd = fd;
        strcpy(c->username, "anonymous");
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
            die("epoll_ctl");
        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): epoll has it from here on
    }
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, 4096) < 0)
        die("listen");
    return fd;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"max-per-room", required_argument, NULL, 'm'},
                                            {0}};
    int port = 8080, opt;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (opt == 'p') {
            port = atoi(optarg);
        } else if (opt == 'm') {
            max_per_room = strtoul(optarg, NULL, 10);
        } else {
            fprintf(stderr, "usage: peer-bare [--port N] [--max-per-room N]\n");
            return 2;
        }
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);

    int listen_fd = listen_on(port);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL}, events[1024];
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &ev) < 0)
        die("epoll");
    for (;;) {
        int n = epoll_wait(epoll_fd, events, sizeof events / sizeof *events, -1);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (!c) {
                on_acceptable(listen_fd);
                continue;
            }
            if (events[i].events & EPOLLOUT)
                mark_dirty(c);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                on_readable(c);
        }
        end_turn();
    }
}
