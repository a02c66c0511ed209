/* A growable byte buffer.
 *
 * Owned by one thread at a time. Running out of memory aborts (see xmalloc in mem.h): no caller can
 * do anything useful about a missing kilobyte, and everything a client sends is bounded before it
 * reaches a buffer. */
#ifndef HUBBUB_BUF_H
#define HUBBUB_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;   /* NUL-terminated when data is not NULL, the NUL is not counted in len */
    size_t len;   /* bytes in use */
    size_t space; /* bytes allocated */
};

#define BUF_INIT ((struct buf){NULL, 0, 0})

void buf_fini(struct buf *b);                 /* frees, leaves it as BUF_INIT */
void buf_clear(struct buf *b);                /* len = 0, keeps the memory */
void buf_reserve(struct buf *b, size_t more); /* room for `more` bytes after len */
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_int(struct buf *b, int64_t v); /* decimal, no locale, no printf */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Returns the bytes with a NUL behind them, never NULL; the caller frees. b is empty afterwards. */
char *buf_take(struct buf *b, size_t *len);

#endif
