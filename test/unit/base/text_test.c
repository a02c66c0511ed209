/* UTF-8 against an encoder and at all borders, names, and cutting at characters.
 *
 * Texts are checked in allocations of their exact size, so that ASan and valgrind see a byte too
 * many. */
#include <support/test_main.h>

#include <hubbub/text.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_utf8(const void *bytes, size_t n)
{
    char *exact = malloc(n ? n : 1);
    memcpy(exact, bytes, n);
    bool yes = text_is_utf8(exact, n);
    free(exact);
    return yes;
}

/* Encodes what fits into `length` bytes, be it valid or not. */
static size_t encode(unsigned char *to, uint32_t c, size_t length)
{
    static const unsigned char lead[5] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; i-- > 1; c >>= 6)
        to[i] = (unsigned char)(0x80 | (c & 0x3F));
    to[0] = (unsigned char)(lead[length] | c);
    return length;
}

static size_t shortest(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void every_code_point(void **state)
{
    (void)state;
    unsigned char s[4];
    for (uint32_t c = 0; c < 0x120000; c++) {
        bool valid = c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
        if (text_is_utf8((char *)s, encode(s, c, shortest(c))) != valid)
            fail_msg("U+%04X", (unsigned)c);
    }
}

static void overlong_forms(void **state)
{
    (void)state;
    static const uint32_t borders[] = {0, 0x2F, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF};
    unsigned char s[4];
    for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++) {
        for (size_t length = shortest(borders[i]) + 1; length <= 4; length++)
            assert_false(is_utf8(s, encode(s, borders[i], length)));
    }
}

static void every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            unsigned char s[2] = {(unsigned char)a, (unsigned char)b};
            bool two = a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF;
            if (text_is_utf8((char *)s, 2) != (two || (a < 0x80 && b < 0x80)))
                fail_msg("%02x %02x", a, b);
        }
    }
}

static const char MIXED[] = "a\u00e9\u20ac\U0001F600zz\u07ff\u0800\uffff\U00010000\U0010ffff!";

/* Prefixes end in the middle of characters of every length, at every distance from the blocks of
 * eight bytes that ASCII is checked in. */
static void every_split_at_every_offset(void **state)
{
    (void)state;
    size_t n = sizeof(MIXED) - 1;
    char s[sizeof(MIXED) + 16];

    for (size_t offset = 0; offset < 16; offset++) {
        memset(s, 'x', sizeof(s));
        memcpy(s + offset, MIXED, n);
        for (size_t cut = 0; cut <= n; cut++) {
            bool border = cut == n || ((unsigned char)MIXED[cut] & 0xC0) != 0x80;
            assert_int_equal(is_utf8(s, offset + cut), border);
            assert_int_equal(is_utf8(s + offset + cut, n - cut), border);
        }
    }
}

static void a_bad_byte_anywhere(void **state)
{
    (void)state;
    static const unsigned char bad[] = {0x80, 0xBF, 0xC0, 0xC1, 0xE9, 0xF5, 0xF8, 0xFE, 0xFF};
    for (size_t i = 0; i < sizeof(bad); i++) {
        for (size_t n = 1; n < 30; n++) {
            for (size_t at = 0; at < n; at++) {
                char s[30];
                memset(s, 'x', sizeof(s));
                s[at] = (char)bad[i];
                assert_false(is_utf8(s, n));
            }
        }
    }
}

static void empty_and_zero_bytes_are_utf8(void **state)
{
    (void)state;
    assert_true(text_is_utf8(NULL, 0));
    assert_true(is_utf8("\0\0\0", 3));
}

#define TEN "0123456789"

static const struct {
    const char *name;
    bool valid;
} NAMES[] = {
    {"a", true},
    {"general", true},
    {"alice \\\"the\\\" great", true},
    {"J\u00f6rg", true},
    {"\u6771\u4eac", true},
    {"\U0001F469\u200D\U0001F4BB", true}, // joined by an invisible character
    {"a b", true},
    {"a\u3000b", true},
    {"<script>", true},
    {TEN TEN TEN TEN TEN TEN "1234", true},
    {TEN TEN TEN TEN TEN TEN "12\u00e9", true},
    {TEN TEN TEN TEN TEN TEN "12345", false},
    {TEN TEN TEN TEN TEN TEN "123\u00e9", false},
    {"", false},
    {" ", false},
    {" a", false},
    {"a ", false},
    {"\u00a0a", false},
    {"a\u3000", false},
    {"\u2003", false},
    {"\u1680a", false},
    {"a\u202f", false},
    {"\u205fa", false},
    {"a\nb", false},
    {"a\tb", false},
    {"\x01", false},
    {"a\x1f", false},
    {"a\x7f", false},
    {"a\xc2\x80", false},
    {"a\xc2\x85z", false},
    {"a\xc2\x9f", false},
    {"a\u2028b", false},
    {"a\u2029b", false},
    {"a\u202ab", false},
    {"a\u202eb", false},
    {"a\u2066b", false},
    {"a\u2069b", false},
    {"\u200fa", true},
    {"\u200b", false},
    {"\u200b\u200d\ufeff", false},
    {"\u00ad", false},
    {"\u3164", false},
    {"\u2800", false},
    {"\ufe0f", false},
    {"\U000e0041", false},
    {"\u200b \u200b", false},
    {"a\xff", false},
    {"\xc3", false},
    {"\xed\xa0\x80", false},
};

static void names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        size_t n = strlen(NAMES[i].name);
        char *exact = malloc(n ? n : 1);
        memcpy(exact, NAMES[i].name, n);
        if (text_is_name(exact, n) != NAMES[i].valid)
            fail_msg("row %zu: \"%s\"", i, NAMES[i].name);
        bool spaced = strchr(NAMES[i].name, ' ') || strstr(NAMES[i].name, "\u3000");
        if (text_is_word(exact, n) != (NAMES[i].valid && !spaced))
            fail_msg("row %zu as a word: \"%s\"", i, NAMES[i].name);
        free(exact);
    }
    assert_false(text_is_word("a\0b", 3));
    assert_false(text_is_name("a\0b", 3));
    assert_false(text_is_name("\0", 1));
}

/* The longest prefix that fits and ends at a character. */
static void copy_cuts_at_characters(void **state)
{
    (void)state;
    size_t n = sizeof(MIXED) - 1;
    for (size_t space = 1; space <= n + 2; space++) {
        char *to = malloc(space);
        size_t got = text_copy(to, space, MIXED, n);
        size_t want = n < space - 1 ? n : space - 1;
        while (!text_is_utf8(MIXED, want))
            want--;
        assert_int_equal(got, want);
        assert_memory_equal(to, MIXED, want);
        assert_int_equal(to[want], 0);
        free(to);
    }
}

static void copy_of_nothing(void **state)
{
    (void)state;
    char to[4] = "xyz";
    assert_int_equal(text_copy(to, 1, "abc", 3), 0);
    assert_string_equal(to, "");
    assert_int_equal(text_copy(to, sizeof(to), NULL, 0), 0);
    assert_string_equal(to, "");
    assert_int_equal(text_copy(to, sizeof(to), "abc", 3), 3);
    assert_string_equal(to, "abc");
    assert_int_equal(text_copy(to, sizeof(to), "\x80\x80\x80\x80\x80", 5), 0);
}

static void names_of_conversations(void **state)
{
    (void)state;
    assert_true(text_is_pair_room("dm:0123456789abcdef0123456789abcdef"));
    static const char *const others[] = {"",
                                         "dm:",
                                         "dm:0123456789abcdef0123456789abcde",
                                         "dm:0123456789abcdef0123456789abcdeff",
                                         "dm:0123456789ABCDEF0123456789abcdef",
                                         "dm:0123456789abcdefg123456789abcdef",
                                         "DM:0123456789abcdef0123456789abcdef"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(text_is_pair_room(others[i]));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(overlong_forms),
        cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(every_split_at_every_offset),
        cmocka_unit_test(a_bad_byte_anywhere),
        cmocka_unit_test(empty_and_zero_bytes_are_utf8),
        cmocka_unit_test(names),
        cmocka_unit_test(names_of_conversations),
        cmocka_unit_test(copy_cuts_at_characters),
        cmocka_unit_test(copy_of_nothing),
    };
    return RUN_TESTS(argc, argv, "text", tests);
}
