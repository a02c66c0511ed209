/* The pieces that encoders are made of. Private to protocol/. */
#ifndef PROTOCOL_WIRE_H
#define PROTOCOL_WIRE_H

#include <hubbub/protocol.h>
#include <string.h>

/* A literal: its length is known here already. */
#define LIT(to, s) buf_add(to, "" s, sizeof(s) - 1)

/* LIT, then a JSON string, a number, true or false. */
#define STR(to, key, s) (LIT(to, key), wire_str(to, s))
#define INT(to, key, n) (LIT(to, key), buf_add_int(to, (int64_t)(n)))
#define BOOL(to, key, b) (LIT(to, key), buf_add_str(to, (b) ? "true" : "false"))

/* Only when there is something to say: a text that is not "" or NULL, a number that is not 0. */
#define STR_IF(to, key, s) ((s) && *(s) ? (void)STR(to, key, s) : (void)0)
#define INT_IF(to, key, n) ((n) > 0 ? (void)INT(to, key, n) : (void)0)

/* Between the elements of a list. */
#define COMMA(to, i) ((i) > 0 ? (void)LIT(to, ",") : (void)0)

static inline void wire_str(struct buf *to, const char *s)
{
    protocol_quote(to, s, strlen(s));
}

static inline bool wire_given(const char *s)
{
    return s && *s;
}

/* {"type":"ok" with an id and a room, when there are any. Not closed. */
static inline void wire_open_ok(struct buf *to, const char *id, const char *room)
{
    LIT(to, "{\"type\":\"ok\"");
    STR_IF(to, ",\"id\":", id);
    STR_IF(to, ",\"room\":", room);
}

/* Begins what is a reply in one place and the body of an HTTP route in another; a key follows. */
static inline void wire_open_body(struct buf *to, bool reply, const char *id)
{
    if (reply) {
        wire_open_ok(to, id, NULL);
        LIT(to, ",");
    } else {
        LIT(to, "{");
    }
}

#endif
