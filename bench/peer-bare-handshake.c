/* The upgrade to WebSocket (RFC 6455, 4.2), and nothing of HTTP besides. */
#include "peer-bare.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

size_t take_handshake(struct client *c, char *buf, size_t len)
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
