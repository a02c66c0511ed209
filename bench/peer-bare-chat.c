/* Who is where, who is told what, and the bytes that wait for each client. */
#include "peer-bare.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

size_t max_per_room = 100;
static struct room *rooms[ROOM_BUCKETS];

static struct client **dirty;
static size_t dirty_n, dirty_cap;

static char *pool[4096]; // output buffers of OUT_FIRST bytes not in use
static size_t pool_n;

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

void mark_dirty(struct client *c)
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

void out_append(struct client *c, const char *bytes, size_t len)
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
size_t frame_header(char *to, unsigned opcode, size_t len)
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

void client_join(struct client *c, struct slice name)
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
void on_text(struct client *c, const char *p, size_t len)
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

/* ---- the end of a turn ---- */

/* Sends what was gathered. A member that is dropped makes output for others: the list grows. */
void end_turn(void)
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
