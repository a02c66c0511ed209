/*
 * The client side of WebSocket, and which line of a text message is what.
 *
 * A chat message is known by the marker with which its content begins: a tag, then sender, counter
 * and time in characters that carry four bits each ('`' to 'o', which no JSON escapes, and none of which mentions
 * anybody). The marker is looked for where it was last time, so a delivery costs two comparisons and no JSON parser.
 * Several objects in one WebSocket message, a line each, are understood too.
 */
#include "hubbub-bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char tag[4] = {'~', 'h', 'b', '~'};
static const char pad[] = "xxxxxxxxxxxxxxxx";

// RFC 6455, section 1.3: the example's key and its answer
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

uint64_t marker_encode(uint32_t v)
{
    uint64_t x = v;
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return x | UINT64_C(0x6060606060606060);
}

uint32_t marker_decode(uint64_t text)
{
    uint64_t x = text & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | x >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (uint32_t)(x | x >> 16);
}

/* ---- output ---- */

void ws_send_handshake(struct conn *c)
{
    char *to = conn_reserve(c, 512);
    c->out_len += (size_t)snprintf(
        to, 512,
        "GET /ws?username=u%06u HTTP/1.1\r\nHost: %s:%ld\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        c->index, opt.unix_path ? "localhost" : opt.host, opt.port,
        opt.full ? "Sec-WebSocket-Protocol: hubbub.v1\r\n" : "");
}

static uint32_t next_mask(void)
{
    static uint64_t x = UINT64_C(0x9e3779b97f4a7c15);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

/* Writes the header of a masked frame; returns where the payload goes. */
static char *frame_header(char *to, unsigned opcode, size_t len, uint32_t mask)
{
    *to++ = (char)(0x80 | opcode);
    if (len < 126) {
        *to++ = (char)(0x80 | len);
    } else {
        *to++ = (char)(0x80 | 126);
        *to++ = (char)(len >> 8);
        *to++ = (char)len;
    }
    memcpy(to, &mask, 4);
    return to + 4;
}

static void mask_payload(char *p, size_t len, uint32_t mask)
{
    uint64_t wide = mask | (uint64_t)mask << 32, word;
    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&word, p, 8);
        word ^= wide;
        memcpy(p, &word, 8);
    }
    const char *m = (const char *)&mask;
    for (size_t i = 0; i < len; i++)
        p[i] = (char)(p[i] ^ m[i & 3]);
}

void ws_send(struct conn *c, unsigned opcode, const char *payload, size_t len)
{
    uint32_t mask = next_mask();
    char *p = frame_header(conn_reserve(c, len + 8), opcode, len, mask);
    memcpy(p, payload, len);
    mask_payload(p, len, mask);
    c->out_len = (size_t)(p + len - c->out);
}

void ws_send_join(struct conn *c, unsigned long room)
{
    char text[160], since[80] = "";
    if (c->epoch[0])
        snprintf(since, sizeof since, ",\"since\":%" PRIu64 ",\"epoch\":\"%s\"",
                 c->base + c->accepted, c->epoch);
    int n = snprintf(text, sizeof text, "{\"type\":\"join\",\"room\":\"r%lu\",\"id\":\"j0\"%s}",
                     room, since);
    ws_send(c, 1, text, (size_t)n);
}

void ws_send_message(struct conn *c, uint64_t time)
{
    char head[64];
    int n = snprintf(head, sizeof head, "{\"type\":\"message\",\"room\":\"r%lu\",\"content\":\"",
                     (unsigned long)(c->room - rooms));
    size_t len = (size_t)n + (size_t)opt.size + 2;
    uint32_t mask = next_mask();
    char *start = frame_header(conn_reserve(c, len + 8), 1, len, mask), *p = start;
    uint64_t field[4] = {c->self, marker_encode(c->sent), marker_encode((uint32_t)(time >> 32)),
                         marker_encode((uint32_t)time)};
    memcpy(p, head, (size_t)n);
    memcpy(p += n, tag, sizeof tag);
    memcpy(p + sizeof tag, field, sizeof field);
    memset(p + MARKER_LEN, pad[0], (size_t)opt.size - MARKER_LEN);
    memcpy(p + opt.size, "\"}", 2);
    mask_payload(start, len, mask);
    c->out_len = (size_t)(start + len - c->out);
    order_sent(c);
}

/* ---- input ---- */

static bool has(const char *line, size_t len, const char *what)
{
    return memmem(line, len, what, strlen(what)) != NULL;
}

/* The value of a field of a reply, in digits or letters; false when it isn't there. */
bool ws_field(const char *line, size_t len, const char *name, char *to, size_t space)
{
    char key[32];
    int n = snprintf(key, sizeof key, "\"%s\":", name);
    const char *p = memmem(line, len, key, (size_t)n), *end = line + len;
    if (!p)
        return false;
    p += n;
    p += p < end && *p == '"';
    size_t i = 0;
    for (; p < end && i + 1 < space && *p != '"' && *p != ',' && *p != '}'; p++)
        to[i++] = *p;
    to[i] = '\0';
    return true;
}

/* Where it begins, the first time; later whether it could go on there. */
static void note_position(struct conn *c, const char *line, size_t len)
{
    char seq[24] = "0";
    bool back = c->epoch[0];
    if (back && !has(line, len, "\"recovered\":true")) {
        stats.errors++;
        note_error("not recovered", line, len);
    }
    ws_field(line, len, "epoch", c->epoch, sizeof c->epoch);
    if (!back && ws_field(line, len, "seq", seq, sizeof seq))
        c->base = strtoull(seq, NULL, 10);
}

/* A joining connection is in when its own notice or the reply to its request comes. */
static void on_joined(struct conn *c, const char *line, size_t len)
{
    char name[16];
    snprintf(name, sizeof name, "\"u%06u\"", c->index);
    if ((has(line, len, "\"join\"") && has(line, len, name)) ||
        (has(line, len, "\"ok\"") && has(line, len, "\"j0\""))) {
        c->state = CONN_OPEN;
        if (has(line, len, "\"epoch\""))
            note_position(c, line, len);
        if (hooks.ready)
            hooks.ready(c);
    }
}

/* Anything that is no chat message: notices, replies, errors. */
static void on_other(struct conn *c, const char *line, size_t len)
{
    stats.notices++;
    if (has(line, len, "\"type\":\"error\"") || has(line, len, "\"type\":\"gap\"")) {
        stats.errors++;
        stats.limited |= has(line, len, "\"rate_limited\"");
        note_error("the server said", line, len);
    } else if (c->state == CONN_JOINING) {
        on_joined(c, line, len);
    }
}

static inline void on_line(struct conn *c, char *line, size_t len, uint64_t now)
{
    if (hooks.line && c->state == CONN_OPEN && !c->room) {
        hooks.line(c, line, len);
        return;
    }
    const char *marker = line + c->marker_at;
    if (c->marker_at + (size_t)opt.size >= len || memcmp(marker, tag, sizeof tag)) {
        marker = memmem(line, len, tag, sizeof tag);
        if (!marker) {
            on_other(c, line, len);
            return;
        }
        c->marker_at = (uint32_t)(marker - line);
    }
    if (c->marker_at + (size_t)opt.size >= len || marker[opt.size] != '"' ||
        (opt.size > MARKER_LEN && marker[opt.size - 1] != pad[0])) {
        stats.damaged++;
        note_error("damaged message", line, len);
        return;
    }
    order_take(c, marker, now);
}

static void on_text(struct conn *c, char *p, size_t len, uint64_t now)
{
    char *end = p + len;
    while (p < end && c->state != CONN_CLOSED) {
        char *newline = memchr(p, '\n', (size_t)(end - p));
        char *stop = newline ? newline : end;
        on_line(c, p, (size_t)(stop - p), now);
        p = stop + 1;
    }
}

static void count_close(unsigned code)
{
    for (int i = 0; i < 8; i++) {
        if (stats.close_count[i] && stats.close_code[i] != code)
            continue;
        stats.close_code[i] = code;
        stats.close_count[i]++;
        return;
    }
}

static void on_control(struct conn *c, unsigned opcode, const char *payload, size_t len)
{
    const unsigned char *b = (const unsigned char *)payload;
    if (opcode == 9) {
        stats.pings++;
        ws_send(c, 10, payload, len < 125 ? len : 125);
    } else if (opcode == 8) {
        c->close_code = len >= 2 ? (uint16_t)(b[0] << 8 | b[1]) : 1005;
        if (c->state != CONN_CLOSING) {
            count_close(c->close_code);
            ws_send(c, 8, payload, len < 125 ? len : 125);
        }
    } else if (opcode != 10) {
        stats.damaged++;
        note_error("unexpected frame", "not text, ping, pong or close", 29);
    }
}

/* The server's answer to the upgrade; returns its length, or 0 when it isn't complete. */
static size_t take_answer(struct conn *c, char *buf, size_t len)
{
    char *end = memmem(buf, len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t used = (size_t)(end + 4 - buf);
    if (!has(buf, used, " 101 ") || !has(buf, used, ACCEPT)) {
        stats.refused++;
        stats.limited |= has(buf, used, " 429 ");
        note_error("the upgrade was refused", buf, strcspn(buf, "\r"));
        conn_close(c);
        return used;
    }
    stats.connected++;
    if (c->room) {
        c->state = CONN_JOINING;
        ws_send_join(c, (unsigned long)(c->room - rooms));
    } else {
        c->state = CONN_OPEN;
        if (hooks.ready)
            hooks.ready(c);
    }
    return used;
}

struct frame {
    bool final;
    unsigned opcode;
    size_t head, len; // bytes of header and payload
};

/* Reads a frame's header; false when the frame isn't complete. */
static bool read_frame(const char *buf, size_t len, struct frame *f)
{
    const unsigned char *b = (const unsigned char *)buf;
    if (len < 2)
        return false;
    *f = (struct frame){b[0] & 0x80, b[0] & 0x0f, 2, b[1]};
    if (f->len == 126) {
        f->head = 4;
        f->len = len < 4 ? SIZE_MAX / 2 : (size_t)b[2] << 8 | b[3];
    } else if (f->len >= 127) {
        f->head = 10;
        f->len = len < 10 ? SIZE_MAX / 2
                          : (size_t)b[6] << 24 | (size_t)b[7] << 16 | (size_t)b[8] << 8 | b[9];
    }
    return len >= f->head + f->len;
}

/*
 * A message in fragments is put together where it lies once all of it is there; until then it stays
 * in the buffer as it came. Returns the bytes used.
 */
static size_t take_fragments(struct conn *c, char *buf, size_t len, uint64_t now)
{
    struct frame f, first;
    size_t at = 0;
    for (bool last = false; !last; at += f.head + f.len) {
        if (!read_frame(buf + at, len - at, &f))
            return 0;
        last = f.final && f.opcode < 8;
    }
    size_t used = at, n = 0;
    read_frame(buf, len, &first);
    for (at = 0; at < used; at += f.head + f.len) {
        char *payload = buf + at;
        read_frame(buf + at, len - at, &f);
        payload += f.head;
        if (f.opcode >= 8) {
            on_control(c, f.opcode, payload, f.len);
            continue;
        }
        memmove(buf + first.head + n, payload, f.len);
        n += f.len;
    }
    on_text(c, buf + first.head, n, now);
    return used;
}

size_t ws_take(struct conn *c, char *buf, size_t len, uint64_t now)
{
    struct frame f;
    size_t at = c->state == CONN_HANDSHAKE ? take_answer(c, buf, len) : 0;
    while (c->state > CONN_HANDSHAKE && c->state < CONN_CLOSED &&
           read_frame(buf + at, len - at, &f)) {
        size_t used = f.head + f.len;
        if (f.opcode == 1 && f.final)
            on_text(c, buf + at + f.head, f.len, now);
        else if (f.opcode == 1)
            used = take_fragments(c, buf + at, len - at, now);
        else
            on_control(c, f.opcode, buf + at + f.head, f.len);
        if (!used)
            break;
        at += used;
    }
    return at;
}
