/* The plain side of HTTP messages: arguments, headers, status texts, what is freed. */
#include <support/test_main.h>

#include <hubbub/http_message.h>
#include <hubbub/mem.h>
#include <string.h>

static void an_argument_is_found_by_its_whole_name(void **state)
{
    (void)state;
    struct http_request r = {0};
    r.args[0] = xstrdup("roomy=no");
    r.args[1] = xstrdup("room=general");
    r.args[2] = xstrdup("room=second");
    r.args[3] = xstrdup("empty=");
    r.args[4] = xstrdup("bare");
    r.args[5] = xstrdup("sum=1=1");
    assert_string_equal(http_request_arg(&r, "room"), "general");
    assert_string_equal(http_request_arg(&r, "roomy"), "no");
    assert_string_equal(http_request_arg(&r, "empty"), "");
    assert_string_equal(http_request_arg(&r, "sum"), "1=1");
    assert_null(http_request_arg(&r, "roo"));
    assert_null(http_request_arg(&r, "bare"));
    assert_null(http_request_arg(&r, "other"));
    http_request_fini(&r);
}

static void all_arguments_are_searched(void **state)
{
    (void)state;
    struct http_request r = {0};
    for (int i = 0; i < HTTP_MAX_ARGS; i++) {
        char arg[] = "a=value";
        arg[0] = (char)('a' + i);
        r.args[i] = xstrdup(arg);
    }
    char last[] = {(char)('a' + HTTP_MAX_ARGS - 1), '\0'};
    assert_string_equal(http_request_arg(&r, last), "value");
    assert_null(http_request_arg(&r, "z"));
    http_request_fini(&r);
}

static void fini_frees_and_leaves_it_empty(void **state)
{
    (void)state;
    struct http_request r = {.method = HTTP_POST, .malformed = true, .body_too_large = true};
    static const struct http_request none;
    r.path = xstrdup("/join-room");
    r.host = xstrdup("example.org");
    r.origin = xstrdup("http://example.org");
    r.accept_encoding = xstrdup("gzip");
    r.if_none_match = xstrdup("\"1\"");
    r.connection = xstrdup("close");
    buf_add_str(&r.body, "{}");
    http_request_fini(&r);
    assert_memory_equal(&r, &none, sizeof(r));
    http_request_fini(&r);
}

static void headers_keep_their_order(void **state)
{
    (void)state;
    struct http_response r = {0};
    static const char *const names[HTTP_MAX_HEADERS] = {"A", "B", "C", "D", "E",
                                                        "F", "G", "H", "I", "J"};
    for (int i = 0; i < HTTP_MAX_HEADERS; i++)
        http_response_header(&r, names[i], "v");
    for (int i = 0; i < HTTP_MAX_HEADERS; i++)
        assert_string_equal(r.headers[i].name, names[i]);
    buf_add_str(&r.owned, "body");
    http_response_fini(&r);
    assert_null(r.headers[0].name);
    assert_null(r.owned.data);
}

static void every_status_in_use_has_its_text(void **state)
{
    (void)state;
    static const int in_use[] = {200, 204, 304, 400, 403, 404, 405, 409, 413, 426, 500, 503};
    for (size_t i = 0; i < sizeof(in_use) / sizeof(in_use)[0]; i++) {
        assert_string_not_equal(http_status_text(in_use[i]), "Unknown");
        assert_true(strlen(http_status_text(in_use[i])) > 0);
    }
    assert_string_equal(http_status_text(404), "Not Found");
    assert_string_equal(http_status_text(999), "Unknown");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_argument_is_found_by_its_whole_name),
        cmocka_unit_test(all_arguments_are_searched),
        cmocka_unit_test(fini_frees_and_leaves_it_empty),
        cmocka_unit_test(headers_keep_their_order),
        cmocka_unit_test(every_status_in_use_has_its_text),
    };
    return RUN_TESTS(argc, argv, "http_message", tests);
}
