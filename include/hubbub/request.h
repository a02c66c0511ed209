/* What a client asks for: plain data, decoded from the wire by protocol/, carried to the hub in an event. */
#ifndef HUBBUB_REQUEST_H
#define HUBBUB_REQUEST_H

#include <hubbub/text.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUEST_ID_MAX = 64 }; /* bytes of a request's id (PROTOCOL) */

/* The dialects of the wire: see src/protocol/PROTOCOL.md. */
enum dialect { DIALECT_CLASSIC, DIALECT_FULL, DIALECT_COUNT };

/* Wire name, enum, and whether the hub must serialise it (1) or the reader answers it alone (0). */
#define REQUEST_TABLE(X)     \
    X("join", JOIN, 1)       \
    X("leave", LEAVE, 1)     \
    X("message", MESSAGE, 1) \
    X("typing", TYPING, 1)   \
    X("members", MEMBERS, 0) \
    X("rooms", ROOMS, 0)     \
    X("ping", PING, 0)

enum request_type {
#define X(wire, name, hub) REQUEST_##name,
    REQUEST_TABLE(X)
#undef X
        REQUEST_COUNT
};

struct request {
    enum request_type type;
    char id[REQUEST_ID_MAX + 1];   /* "" when the client gave none */
    char room[NAME_MAX_BYTES + 1]; /* "" when the client gave none */
    bool stay;                     /* join: keep the other rooms */
    bool typing_paused;            /* typing: state is "paused", not "active" */
    /* Owned, may be NULL. message: the content, and ping: t, as JSON text, quoted and escaped, ready to
     * be put into a frame; rooms: the query as plain text. Ends with a NUL that text_len leaves out. */
    char *text;
    size_t text_len;
    char cursor[NAME_MAX_BYTES + 1]; /* rooms: continue after this room; "" from the start */
};

void request_fini(struct request *r); /* frees what it owns */

#endif
