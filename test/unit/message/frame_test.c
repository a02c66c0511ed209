/* Frames: the header at every border of RFC 6455, 5.2, what is in a frame, references. */
#include <support/test_main.h>

#include <hubbub/frame.h>
#include <stdlib.h>
#include <string.h>

static void header_at_every_border(void **state)
{
    (void)state;
    static const struct {
        size_t payload, len;
        unsigned char bytes[FRAME_MAX_HEADER];
    } cases[] = {
        {0, 2, {0x81, 0}},
        {1, 2, {0x81, 1}},
        {125, 2, {0x81, 125}},
        {126, 4, {0x81, 126, 0x00, 0x7e}},
        {127, 4, {0x81, 126, 0x00, 0x7f}},
        {128, 4, {0x81, 126, 0x00, 0x80}},
        {255, 4, {0x81, 126, 0x00, 0xff}},
        {256, 4, {0x81, 126, 0x01, 0x00}},
        {65535, 4, {0x81, 126, 0xff, 0xff}},
        {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
        {65537, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 1}},
        {0x12345678, 10, {0x81, 127, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78}},
        {0x0123456789abcdef, 10, {0x81, 127, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases)[0]; i++) {
        unsigned char out[FRAME_MAX_HEADER + 1];
        memset(out, 0xee, sizeof(out));
        assert_int_equal(frame_header(out, FRAME_TEXT, cases[i].payload), cases[i].len);
        assert_memory_equal(out, cases[i].bytes, cases[i].len);
        assert_int_equal(out[cases[i].len], 0xee); // and not a byte more
    }
}

static void every_opcode_is_final_and_unmasked(void **state)
{
    (void)state;
    static const enum frame_opcode opcodes[] = {FRAME_TEXT, FRAME_BINARY, FRAME_CLOSE, FRAME_PING};
    for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes)[0]; i++) {
        unsigned char out[FRAME_MAX_HEADER];
        assert_int_equal(frame_header(out, opcodes[i], 5), 2);
        assert_int_equal(out[0], 0x80 | opcodes[i]);
        assert_int_equal(out[1], 5);
    }
}

static void a_frame_is_header_and_payload(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536, 100000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths)[0]; i++) {
        size_t len = lengths[i];
        char *payload = malloc(len + 1);
        for (size_t k = 0; k < len; k++)
            payload[k] = (char)(k * 31);
        struct frame *f = frame_new(FRAME_BINARY, len ? payload : NULL, len);
        unsigned char header[FRAME_MAX_HEADER];
        size_t n = frame_header(header, FRAME_BINARY, len);
        assert_int_equal(f->len, n + len);
        assert_int_equal(f->messages, 1);
        assert_memory_equal(f->bytes, header, n);
        if (len > 0)
            assert_memory_equal(f->bytes + n, payload, len);
        frame_unref(f, 1);
        free(payload);
    }
}

static void framed_bytes_stay_as_they_are(void **state)
{
    (void)state;
    static const char bytes[] = "\x81\x01"
                                "a\x81\x01"
                                "b";
    struct frame *f = frame_from_bytes(bytes, 6, 2);
    assert_int_equal(f->len, 6);
    assert_int_equal(f->messages, 2);
    assert_memory_equal(f->bytes, bytes, 6);
    frame_unref(f, 1);
}

// What is freed too early or never, AddressSanitizer and valgrind find; here the count alone.
static void references_are_counted(void **state)
{
    (void)state;
    struct frame *f = frame_new(FRAME_TEXT, "x", 1);
    assert_int_equal(f->refs, 1);
    frame_ref(f, 1000);
    assert_int_equal(f->refs, 1001);
    frame_unref(f, 1);
    frame_unref(f, 900);
    assert_int_equal(f->refs, 100);
    frame_unref(f, 100);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_at_every_border),
        cmocka_unit_test(every_opcode_is_final_and_unmasked),
        cmocka_unit_test(a_frame_is_header_and_payload),
        cmocka_unit_test(framed_bytes_stay_as_they_are),
        cmocka_unit_test(references_are_counted),
    };
    return RUN_TESTS(argc, argv, "frame", tests);
}
