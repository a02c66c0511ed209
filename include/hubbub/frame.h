/* A frame: bytes ready for the wire, made once, never changed, shared by everybody they go to.
 *
 * It holds one or more whole WebSocket frames one after the other (RFC 6455, 5.2; a server does not
 * mask), so a room's messages of one hub batch are one frame here. Freed with the last reference. */
#ifndef HUBBUB_FRAME_H
#define HUBBUB_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum frame_opcode { FRAME_TEXT = 1, FRAME_BINARY = 2, FRAME_CLOSE = 8, FRAME_PING = 9 };

struct frame {
    uint32_t refs;     /* atomic */
    uint32_t messages; /* WebSocket messages in it, at least 1; set once, like all below */
    size_t len;
    unsigned char bytes[];
};

enum { FRAME_MAX_HEADER = 10 };

/* Writes the header of an unmasked, final frame; returns its length, 2, 4 or 10. */
size_t frame_header(unsigned char out[FRAME_MAX_HEADER], enum frame_opcode opcode, size_t payload);

/* One message. The caller has the only reference. */
struct frame *frame_new(enum frame_opcode opcode, const void *payload, size_t len);
/* Bytes that are framed already. */
struct frame *frame_from_bytes(const void *bytes, size_t len, uint32_t messages);

void frame_ref(struct frame *f, uint32_t n); /* n more references */
void frame_unref(struct frame *f, uint32_t n);

#endif
