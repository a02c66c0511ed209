/* The plain side of HTTP messages: arguments, headers, status texts, what is freed. */
#include <support/test_main.h>

#include <hubbub/http_message.h>
#include <hubbub/mem.h>
#include <stdlib.h>
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
    r.authorization = xstrdup("Bearer x");
    r.cookie = xstrdup("hubbub_session=x");
    r.forwarded_for = xstrdup("192.0.2.1");
    r.args[0] = xstrdup("token=x");
    buf_add_str(&r.body, "{}");
    http_request_fini(&r);
    assert_memory_equal(&r, &none, sizeof(r));
    http_request_fini(&r);
}

/* ---- tokens ------------------------------------------------------------------------------------- */

static void assert_token(const char *authorization, const char *cookie, const char *arg,
                         const char *expected)
{
    struct http_request r = {0};
    if (authorization != NULL)
        r.authorization = xstrdup(authorization);
    if (cookie != NULL)
        r.cookie = xstrdup(cookie);
    if (arg != NULL)
        r.args[0] = xstrdup(arg);
    char *token = http_request_token(&r);
    http_request_fini(&r); // it is a copy
    if (expected == NULL)
        assert_null(token);
    else
        assert_string_equal(token, expected);
    free(token);
}

static void a_token_comes_in_three_ways(void **state)
{
    (void)state;
    assert_token(NULL, NULL, NULL, NULL);
    assert_token("Bearer aa.bb.cc", NULL, NULL, "aa.bb.cc");
    assert_token(NULL, "hubbub_session=aa.bb.cc", NULL, "aa.bb.cc");
    assert_token(NULL, NULL, "token=aa.bb.cc", "aa.bb.cc");
}

static void the_header_is_preferred_and_then_the_cookie(void **state)
{
    (void)state;
    assert_token("Bearer a", "hubbub_session=b", "token=c", "a");
    assert_token(NULL, "hubbub_session=b", "token=c", "b");
    assert_token("Basic YTpi", "hubbub_session=b", "token=c", "b");
    assert_token("Bearer ", "hubbub_session=", "token=c", "c");
    assert_token("Bearer", NULL, "token=", NULL);
}

static void the_scheme_has_no_case(void **state)
{
    (void)state;
    assert_token("bearer a", NULL, NULL, "a");
    assert_token("BEARER   a", NULL, NULL, "a");
    assert_token("Bearer a b", NULL, NULL, "a");
    assert_token("Bearera", NULL, NULL, NULL);
    assert_token(" Bearer a", NULL, NULL, NULL);
}

static void a_cookie_is_found_among_others(void **state)
{
    (void)state;
    assert_token(NULL, "a=1; hubbub_session=x; b=2", NULL, "x");
    assert_token(NULL, "a=1;hubbub_session=x;b=2", NULL, "x");
    assert_token(NULL, "hubbub_session=x; hubbub_session=y", NULL, "x");
    assert_token(NULL, "hubbub_session=\"x\"", NULL, "x");
    assert_token(NULL, "my_hubbub_session=x", NULL, NULL);
    assert_token(NULL, "hubbub_sessions=x", NULL, NULL);
    assert_token(NULL, "a=hubbub_session=x", NULL, NULL);
    assert_token(NULL, "hubbub_session", NULL, NULL);
    assert_token(NULL, "hubbub_session=\"\"", NULL, NULL);
    assert_token(NULL, "; ;;=; hubbub_session=x", NULL, "x");
    assert_token(NULL, "", NULL, NULL);
}

static void headers_keep_their_order(void **state)
{
    (void)state;
    struct http_response r = {0};
    static const char *const names[HTTP_MAX_HEADERS] = {"A", "B", "C", "D", "E", "F",
                                                        "G", "H", "I", "J", "K", "L"};
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
    static const int in_use[] = {200, 204, 206, 304, 400, 401, 403, 404, 405, 408,
                                 409, 413, 415, 416, 426, 429, 500, 503, 507};
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
        cmocka_unit_test(a_token_comes_in_three_ways),
        cmocka_unit_test(the_header_is_preferred_and_then_the_cookie),
        cmocka_unit_test(the_scheme_has_no_case),
        cmocka_unit_test(a_cookie_is_found_among_others),
        cmocka_unit_test(headers_keep_their_order),
        cmocka_unit_test(every_status_in_use_has_its_text),
    };
    return RUN_TESTS(argc, argv, "http_message", tests);
}
