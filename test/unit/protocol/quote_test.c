/* Quoting is cJSON's printing, byte for byte, whichever of its two ways is taken. */
#include <support/test_main.h>

#include <cjson/cJSON.h>
#include <hubbub/protocol.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void assert_quoted_as_printed(const char *s)
{
    size_t n = strlen(s);
    char *exact = malloc(n ? n : 1); // not terminated: only n bytes may be looked at
    memcpy(exact, s, n);
    cJSON *item = cJSON_CreateString(s);
    char *printed = cJSON_PrintUnformatted(item);

    struct buf b = BUF_INIT;
    buf_add_str(&b, "before");
    protocol_quote(&b, exact, n);
    assert_int_equal(b.len, 6 + strlen(printed));
    assert_memory_equal(b.data, "before", 6);
    assert_string_equal(b.data + 6, printed);

    buf_fini(&b);
    free(printed);
    cJSON_Delete(item);
    free(exact);
}

static void every_byte_at_every_place(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        for (size_t n = 1; n < 20; n++) {
            for (size_t at = 0; at < n; at++) {
                char s[20] = "";
                memset(s, 'x', n);
                s[at] = (char)c;
                assert_quoted_as_printed(s);
            }
        }
    }
}

static void every_pair_of_ascii(void **state)
{
    (void)state;
    for (int a = 1; a < 128; a++) {
        for (int b = 1; b < 128; b++)
            assert_quoted_as_printed((char[]){(char)a, (char)b, 0});
    }
}

static void texts(void **state)
{
    (void)state;
    assert_quoted_as_printed("");
    assert_quoted_as_printed("hello, world");
    assert_quoted_as_printed("\u2028 \u2029 \u20ac \U0001F600 </script>");
    assert_quoted_as_printed("\"\\\b\f\n\r\t/\x1f\x7f");
}

/* The worst that can be said: every byte becomes six. */
static void a_long_text_of_control_characters(void **state)
{
    (void)state;
    enum { LONG = 70000 };
    char *s = malloc(LONG + 1);
    memset(s, '\x01', LONG);
    s[LONG] = '\0';
    assert_quoted_as_printed(s);

    struct buf b = BUF_INIT;
    protocol_quote(&b, s, LONG);
    assert_int_equal(b.len, 6 * LONG + 2);
    buf_fini(&b);
    free(s);
}

static void texts_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"\"\"", ""},
        {"\"a \\\"b\\\" \\\\n \\/\"", "a \"b\" \\n /"},
        {"\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u00E9\\u6771\\uFFFF\"", "Aéé東\xef\xbf\xbf"},
        {"\"\\ud83d\\ude00 \\uDBFF\\uDFFF\"", "😀 \xf4\x8f\xbf\xbf"},
        {"\"\\ud83d \\ude00\\ud83d\\u0041 \\ud83d\"", "\uFFFD \uFFFD\uFFFDA \uFFFD"},
        {"\"a\\u0000b\"", "a b"},
        {"[\"a\\n\"]", "[\"a\\n\"]"},
        {"12", "12"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases)[0]; i++) {
        struct buf b = BUF_INIT;
        protocol_unquote(&b, cases[i].json);
        buf_add_char(&b, '\0');
        assert_string_equal(b.data, cases[i].text);
        buf_fini(&b);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_at_every_place),
        cmocka_unit_test(every_pair_of_ascii),
        cmocka_unit_test(texts),
        cmocka_unit_test(a_long_text_of_control_characters),
        cmocka_unit_test(texts_come_back),
    };
    return RUN_TESTS(argc, argv, "quote", tests);
}
