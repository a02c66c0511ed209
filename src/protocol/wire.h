/* The pieces that encoders are made of. Private to protocol/. */
#ifndef PROTOCOL_WIRE_H
#define PROTOCOL_WIRE_H

#include <hubbub/protocol.h>
#include <string.h>

/* A literal: its length is known here already. */
#define LIT(to, s) buf_add(to, "" s, sizeof(s) - 1)

/* LIT, then a JSON string or a number. */
#define STR(to, key, s) (LIT(to, key), wire_str(to, s))
#define INT(to, key, n) (LIT(to, key), buf_add_int(to, (int64_t)(n)))

static inline void wire_str(struct buf *to, const char *s)
{
    protocol_quote(to, s, strlen(s));
}

static inline bool wire_given(const char *s)
{
    return s && *s;
}

#endif
