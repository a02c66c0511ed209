/*
 * A bare chat server to compare with: what one core can do with epoll and nothing else.
 *
 * One thread. It speaks the classic dialect (join, leave, message), encodes each message once as a
 * ready WebSocket frame, appends it to the buffer of every member and sends each buffer once per
 * turn of the event loop. It has no deadlines, no pings, no limits but the size of a message and of
 * a room, and trusts its clients to send well-formed JSON: it is a yardstick, not a server to run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RECV_MAX = 256 * 1024,      // bytes taken from a socket at once
    MESSAGE_MAX = 16 * 1024,    // payload of a client's frame
    OUT_FIRST = 16 * 1024,      // size of a pooled output buffer
    OUT_MAX = 16 * 1024 * 1024, // a client further behind than this is dropped
    ROOM_BUCKETS = 4096,
    NAME_MAX_BYTES = 64,
};

struct slice {
    const char *at;
    size_t len;
};

struct room {
    struct room *next; // in its hash bucket
    struct client **members;
    size_t n, cap;
    char name[NAME_MAX_BYTES + 1];
};

struct client {
    int fd;
    bool open;    // the handshake is done
    bool dead;    // close at the end of the turn
    bool closing; // said goodbye: close once the output is out
    bool dirty;   // in the list of clients with fresh output
    bool waiting; // EPOLLOUT is asked for
    struct room *room;
    size_t slot; // index in room->members
    char *rest;  // an incomplete frame or request
    size_t rest_len;
    char *out;
    size_t out_len, out_cap, out_sent;
    char username[NAME_MAX_BYTES + 1];
};

static int epoll_fd;
static size_t max_per_room = 100;
static struct room *rooms[ROOM_BUCKETS];
static char recv_buf[RECV_MAX + MESSAGE_MAX + 64];

static struct client **dirty;
static size_t dirty_n, dirty_cap;

static char *pool[4096]; // output buffers of OUT_FIRST bytes not in use
static size_t pool_n;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void *need(void *p)
{
    if (!p)
        die("memory");
    return p;
}

/* ---- output ---- */

static void out_release(struct client *c)
{
    if (c->out_cap == OUT_FIRST && pool_n < sizeof pool / sizeof *pool)
        pool[pool_n++] = c->out;
    else
        free(c->out);
    c->out = NULL;
    c->out_len = c->out_cap = c->out_sent = 0;
}

static void mark_dirty(struct client *c)
{
    if (c->dirty)
        return;
    if (dirty_n == dirty_cap) {
        dirty_cap = dirty_cap ? dirty_cap * 2 : 1024;
        dirty = need(realloc(dirty, dirty_cap * sizeof *dirty));
    }
    c->dirty = true;
    dirty[dirty_n++] = c;
}

static void out_append(struct client *c, const char *bytes, size_t len)
{
    if (c->dead || c->closing)
        return;
    if (c->out_len + len > c->out_cap) {
        if (c->out_len + len > OUT_MAX) {
            c->dead = true;
            mark_dirty(c);
            return;
        }
        if (!c->out && len <= OUT_FIRST) {
            c->out = pool_n ? pool[--pool_n] : need(malloc(OUT_FIRST));
            c->out_cap = OUT_FIRST;
        } else {
            c->out_cap = 2 * (c->out_len + len);
            c->out = need(realloc(c->out, c->out_cap));
        }
    }
    memcpy(c->out + c->out_len, bytes, len);
    c->out_len += len;
    mark_dirty(c);
}

static void want_output(struct client *c, bool on)
{
    if (c->waiting == on)
        return;
    c->waiting = on;
    struct epoll_event ev = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

static void out_flush(struct client *c)
{
    while (!c->dead && c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
        if (n > 0) {
            c->out_sent += (size_t)n;
        } else if (errno == EAGAIN) {
            want_output(c, true);
            return;
        } else if (errno != EINTR) {
            c->dead = true;
        }
    }
    if (c->out)
        out_release(c);
    if (!c->dead)
        want_output(c, false);
    if (c->closing)
        c->dead = true;
}

/* Writes the header of an unmasked final frame; returns its length. */
static size_t frame_header(char *to, unsigned opcode, size_t len)
{
    to[0] = (char)(0x80 | opcode);
    if (len < 126) {
        to[1] = (char)len;
        return 2;
    }
    to[1] = 126; // MESSAGE_MAX keeps every payload below 64 KiB
    to[2] = (char)(len >> 8);
    to[3] = (char)len;
    return 4;
}

/* ---- rooms ---- */

static struct room **room_find(struct slice name)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.at[i]) * 16777619u;
    struct room **at = &rooms[h % ROOM_BUCKETS];
    while (*at && (strlen((*at)->name) != name.len || memcmp((*at)->name, name.at, name.len)))
        at = &(*at)->next;
    return at;
}

/* Encodes one event, the strings being JSON text already, and appends it to all members. */
static void room_say(struct room *r, const char *type, const char *username, struct slice content)
{
    static char frame[2 * MESSAGE_MAX];
    char *body = frame + 4;
    int n = snprintf(body, sizeof frame - 4,
                     "{\"type\":\"%s\",\"room\":\"%s\",\"username\":\"%s\",\"content\":\"%.*s\"}",
                     type, r->name, username, (int)content.len, content.at);
    char header[4];
    size_t h = frame_header(header, 1, (size_t)n);
    char *start = body - h;
    memcpy(start, header, h);
    for (size_t i = 0; i < r->n; i++)
        out_append(r->members[i], start, h + (size_t)n);
}

static void room_notice(struct room *r, const char *type, const char *username, const char *verb)
{
    char text[NAME_MAX_BYTES + 32];
    int n = snprintf(text, sizeof text, "%s %s the room", username, verb);
    room_say(r, type, username, (struct slice){text, (size_t)n});
}

static void client_leave(struct client *c)
{
    struct room *r = c->room;
    if (!r)
        return;
    c->room = NULL;
    r->members[c->slot] = r->members[--r->n];
    r->members[c->slot]->slot = c->slot;
    if (r->n) {
        room_notice(r, "leave", c->username, "left");
        return;
    }
    *room_find((struct slice){r->name, strlen(r->name)}) = r->next;
    free(r->members);
    free(r);
}

static void client_join(struct client *c, struct slice name)
{
    client_leave(c);
    if (!name.len || name.len > NAME_MAX_BYTES)
        return;
    struct room **at = room_find(name);
    if (!*at) {
        *at = need(calloc(1, sizeof **at));
        memcpy((*at)->name, name.at, name.len);
    }
    struct room *r = *at;
    if (r->n >= max_per_room) {
        static const char full[] = "{\"type\":\"error\",\"code\":\"room_full\",\"room\":\"\","
                                   "\"username\":\"server\",\"content\":\"the room is full\"}";
        char frame[sizeof full + 4];
        size_t h = frame_header(frame, 1, sizeof full - 1);
        memcpy(frame + h, full, sizeof full - 1);
        out_append(c, frame, h + sizeof full - 1);
        return;
    }
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->members = need(realloc(r->members, r->cap * sizeof(struct client *)));
    }
    c->room = r;
    c->slot = r->n;
    r->members[r->n++] = c;
    room_notice(r, "join", c->username, "joined");
}

/* ---- requests ---- */

/* Takes one JSON string, cursor behind its opening quote; the slice keeps its escapes. */
static const char *scan_string(const char *p, const char *end, struct slice *out)
{
    out->at = p;
    while (p < end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    out->len = p < end ? (size_t)(p - out->at) : 0;
    return p + 1;
}

/* Finds the string members "type", "room" and "content" (or "text") of a flat JSON object. */
static void on_text(struct client *c, const char *p, size_t len)
{
    const char *end = p + len;
    struct slice type = {0}, room = {0}, content = {0}, key = {0}, value;
    bool is_key = true;
    while (p < end) {
        char ch = *p++;
        if (ch == ':') {
            is_key = false;
        } else if (ch == ',') {
            is_key = true;
        } else if (ch == '"' && is_key) {
            p = scan_string(p, end, &key);
        } else if (ch == '"') {
            p = scan_string(p, end, &value);
            if (key.len == 4 && !memcmp(key.at, "type", 4))
                type = value;
            else if (key.len == 4 && !memcmp(key.at, "room", 4))
                room = value;
            else if (key.len == 7 && !memcmp(key.at, "content", 7))
                content = value;
        }
    }
    if (type.len == 7 && !memcmp(type.at, "message", 7)) {
        if (c->room)
            room_say(c->room, "message", c->username, content);
    } else if (type.len == 4 && !memcmp(type.at, "join", 4)) {
        client_join(c, room);
    } else if (type.len == 5 && !memcmp(type.at, "leave", 5)) {
        client_leave(c);
    }
}

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

/* ---- handshake ---- */

static uint32_t rol(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

/* SHA-1 (RFC 3174) of at most 119 bytes, all that a handshake needs. */
static void sha1(const char *in, size_t len, unsigned char out[20])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    unsigned char block[128] = {0};
    size_t total = len + 9 <= 64 ? 64 : 128;
    memcpy(block, in, len);
    block[len] = 0x80;
    block[total - 2] = (unsigned char)(len * 8 >> 8);
    block[total - 1] = (unsigned char)(len * 8);
    for (unsigned char *b = block; b < block + total; b += 64) {
        uint32_t w[80], v[5];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)b[4 * i] << 24 | b[4 * i + 1] << 16 | b[4 * i + 2] << 8 | b[4 * i + 3];
        for (int i = 16; i < 80; i++)
            w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        memcpy(v, h, sizeof v);
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20   ? ((v[1] & v[2]) | (~v[1] & v[3])) + 0x5a827999
                         : i < 40 ? (v[1] ^ v[2] ^ v[3]) + 0x6ed9eba1
                         : i < 60 ? ((v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])) + 0x8f1bbcdc
                                  : (v[1] ^ v[2] ^ v[3]) + 0xca62c1d6;
            uint32_t t = rol(v[0], 5) + f + v[4] + w[i];
            v[4] = v[3], v[3] = v[2], v[2] = rol(v[1], 30), v[1] = v[0], v[0] = t;
        }
        for (int i = 0; i < 5; i++)
            h[i] += v[i];
    }
    for (int i = 0; i < 20; i++)
        out[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const unsigned char *in, size_t len, char *out)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < len ? in[i + 1] << 8 : 0) |
                     (i + 2 < len ? in[i + 2] : 0);
        *out++ = set[v >> 18];
        *out++ = set[v >> 12 & 63];
        *out++ = i + 1 < len ? set[v >> 6 & 63] : '=';
        *out++ = i + 2 < len ? set[v & 63] : '=';
    }
    *out = '\0';
}

/* Copies a query parameter's value when it is there. */
static void query_value(const char *line, const char *name, char *to)
{
    const char *v = strstr(line, name);
    size_t n = v ? strcspn(v + strlen(name), "& \r\n\"\\") : 0;
    if (n && n <= NAME_MAX_BYTES) {
        memcpy(to, v + strlen(name), n);
        to[n] = '\0';
    }
}

static size_t take_handshake(struct client *c, char *buf, size_t len)
{
    char *end = memmem(buf, len, "\r\n\r\n", 4);
    if (!end) {
        c->dead = len > 8192;
        return 0;
    }
    end[2] = '\0';
    char *key = strcasestr(buf, "\r\nSec-WebSocket-Key:");
    if (!key || strncmp(buf, "GET /ws", 7)) {
        c->dead = true;
        return 0;
    }
    key += strlen("\r\nSec-WebSocket-Key:");
    key += strspn(key, " ");
    char text[128], accept[32], answer[256], room[NAME_MAX_BYTES + 1] = "";
    int n = snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
                     (int)(strcspn(key, " \r") > 32 ? 32 : strcspn(key, " \r")), key);
    unsigned char digest[20];
    sha1(text, (size_t)n, digest);
    base64(digest, sizeof digest, accept);
    n = snprintf(answer, sizeof answer,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    out_append(c, answer, (size_t)n);
    buf[strcspn(buf, "\r")] = '\0';
    query_value(buf, "username=", c->username);
    query_value(buf, "room=", room);
    c->open = true;
    if (room[0])
        client_join(c, (struct slice){room, strlen(room)});
    return (size_t)(end + 4 - buf);
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

/* Sends what the turn gathered. A member that is dropped makes output for others: the list grows.
 */
static void end_turn(void)
{
    for (size_t i = 0; i < dirty_n; i++) {
        struct client *c = dirty[i];
        c->dirty = false;
        out_flush(c);
        if (!c->dead)
            continue;
        client_leave(c);
        close(c->fd);
        out_release(c);
        free(c->rest);
        free(c);
    }
    dirty_n = 0;
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
