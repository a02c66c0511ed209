/* The growable byte buffer. One thread at a time, does not block.
 *
 * Invariant: data is NULL and space is 0, or len < space and data[len] is NUL. */
#include <hubbub/buf.h>

#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SPACE = 64 };

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = BUF_INIT;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

void buf_reserve(struct buf *b, size_t more)
{
    REQUIRE(more < SIZE_MAX / 4 && b->len < SIZE_MAX / 4);
    size_t want = b->len + more + 1;
    if (want <= b->space)
        return;

    size_t space = b->space ? 2 * b->space : FIRST_SPACE;
    if (space < want)
        space = want;
    b->data = xrealloc(b->data, space);
    b->space = space;
    b->data[b->len] = '\0';
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    buf_reserve(b, n);
    memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_add_int(struct buf *b, int64_t v)
{
    char digits[20]; // 19 digits and a sign
    char *end = digits + sizeof(digits), *p = end;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do
        *--p = (char)('0' + u % 10);
    while ((u /= 10) != 0);
    if (v < 0)
        *--p = '-';
    buf_add(b, p, (size_t)(end - p));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);

    size_t space = b->space > b->len ? b->space - b->len : 0;
    int n = vsnprintf(space ? b->data + b->len : NULL, space, fmt, args);
    INSIST(n >= 0);
    if ((size_t)n >= space) {
        buf_reserve(b, (size_t)n);
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    }
    b->len += (size_t)n;

    va_end(again);
    va_end(args);
}

char *buf_take(struct buf *b, size_t *len)
{
    buf_reserve(b, 0); // an empty buffer gives an empty string, not NULL
    char *data = b->data;
    if (len)
        *len = b->len;
    *b = BUF_INIT;
    return data;
}
