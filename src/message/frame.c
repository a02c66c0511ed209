/* Frames: see <hubbub/frame.h>. */
#include <hubbub/check.h>
#include <hubbub/frame.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

/* RFC 6455, 5.2 */
size_t frame_header(unsigned char out[FRAME_MAX_HEADER], enum frame_opcode opcode, size_t payload)
{
    out[0] = (unsigned char)(0x80 | opcode);
    if (payload < 126) {
        out[1] = (unsigned char)payload;
        return 2;
    }
    size_t bytes = payload <= 0xffff ? 2 : 8;
    out[1] = bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++)
        out[2 + i] = (unsigned char)((uint64_t)payload >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

static struct frame *frame_alloc(size_t len, uint32_t messages)
{
    struct frame *f = xmalloc(sizeof *f + len);
    *f = (struct frame){.refs = 1, .messages = messages, .len = len};
    return f;
}

struct frame *frame_new(enum frame_opcode opcode, const void *payload, size_t len)
{
    unsigned char header[FRAME_MAX_HEADER];
    size_t n = frame_header(header, opcode, len);
    struct frame *f = frame_alloc(n + len, 1);
    memcpy(f->bytes, header, n);
    if (len > 0)
        memcpy(f->bytes + n, payload, len);
    return f;
}

struct frame *frame_from_bytes(const void *bytes, size_t len, uint32_t messages)
{
    REQUIRE(messages >= 1);
    struct frame *f = frame_alloc(len, messages);
    if (len > 0)
        memcpy(f->bytes, bytes, len);
    return f;
}

void frame_ref(struct frame *f, uint32_t n)
{
    __atomic_fetch_add(&f->refs, n, __ATOMIC_RELAXED);
}

void frame_unref(struct frame *f, uint32_t n)
{
    uint32_t before = __atomic_fetch_sub(&f->refs, n, __ATOMIC_ACQ_REL);
    INSIST(before >= n);
    if (before == n)
        free(f);
}
