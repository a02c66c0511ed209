/* GET /rooms/ROOM/messages: what is asked, for whom, how often, and in which shape it comes. */
#include "house.h"

#include <hubbub/metrics.h>
#include <zlib.h>

static void say(struct person *p, const char *room, const char *content)
{
    struct event *e = event_new(EVENT_REQUEST);
    struct buf text = BUF_INIT;
    protocol_quote(&text, content, strlen(content));
    e->session = p->session;
    e->request = (struct request){.type = REQUEST_MESSAGE};
    strcpy(e->request.room, room);
    e->request.text = buf_take(&text, &e->request.text_len);
    post(e);
    assert_int_equal(hub_fence(hub), 0);
}

static void a_page_of_what_was_said(void **state)
{
    (void)state;
    assert_int_equal(call("/join-room", &alice, "a/b c"), 200);
    for (int i = 1; i <= 5; i++)
        say(&alice, "a/b c", (char[]){(char)('0' + i), '\0'});
    assert_int_equal(GET("/rooms/a/b c/messages", .arg = "before=5", .arg2 = "limit=2"), 200);
    assert_string_equal(r.type, "application/json");
    assert_string_equal(header("Cache-Control"), "private, no-cache");
    assert_string_equal(header("X-Content-Type-Options"), "nosniff");
    assert_true(body_has("{\"room\":\"a/b c\",\"epoch\":\""));
    assert_true(body_has("\"content\":\"3\"") && body_has("\"content\":\"4\""));
    assert_false(body_has("\"content\":\"2\"") || body_has("\"content\":\"5\""));
    assert_true(body_has("\"first\":3,\"last\":4,\"hasMoreBefore\":true,\"hasMoreAfter\":true}"));
    assert_int_equal(GET("/rooms/a/b c/messages", .arg = "after=0"), 200);
    assert_true(body_has("\"first\":1,\"last\":5,\"hasMoreBefore\":false,\"hasMoreAfter\":false}"));
    assert_int_equal(GET("/rooms/a/b c/messages", .arg = "around=2", .arg2 = "limit=1"), 200);
    assert_true(body_has("\"first\":2,\"last\":2"));
}

static void what_is_no_question(void **state)
{
    (void)state;
    static const struct {
        const char *path, *arg, *arg2, *code;
        int status;
    } cases[] = {
        {"/rooms/nowhere/messages", NULL, NULL, "no_such_room", 404},
        {"/rooms//messages", NULL, NULL, "invalid_room", 400},
        {"/rooms/ /messages", NULL, NULL, "invalid_room", 400},
        {"/rooms/a\xff/messages", NULL, NULL, "bad_json", 400},
        {"/rooms/a/messages", "before=1", "after=1", "bad_request", 400},
        {"/rooms/a/messages", "before=0", NULL, "bad_request", 400},
        {"/rooms/a/messages", "before=", NULL, "bad_request", 400},
        {"/rooms/a/messages", "before=-1", NULL, "bad_request", 400},
        {"/rooms/a/messages", "before=01", NULL, "bad_request", 400},
        {"/rooms/a/messages", "before=1,\"limit\":2", NULL, "bad_request", 400},
        {"/rooms/a/messages", "around=99999999999999999999", NULL, "bad_request", 400},
        {"/rooms/a/messages", "limit=301", NULL, "bad_request", 400},
        {"/rooms/a/messages", "limit=x", NULL, "bad_request", 400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = GET(cases[i].path, .arg = cases[i].arg, .arg2 = cases[i].arg2);
        if (status != cases[i].status)
            fail_msg("%s?%s: %d", cases[i].path, cases[i].arg ? cases[i].arg : "", status);
        assert_problem(cases[i].code);
    }
    assert_int_equal(GET("/rooms/messages"), 404);
    assert_int_equal(GET("/rooms/a/messages/"), 404);
    assert_int_equal(ASK(.method = HTTP_POST, .path = "/rooms/a/messages"), 405);
}

static void assert_unpacks_to(const void *packed, size_t n, const char *text, size_t len)
{
    z_stream z = {0};
    char *out = xmalloc(len + 1);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)packed;
    z.avail_in = (uInt)n;
    z.next_out = (unsigned char *)out;
    z.avail_out = (uInt)len + 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, len);
    assert_memory_equal(out, text, len);
    inflateEnd(&z);
    free(out);
}

static void packed_and_known_already(void **state)
{
    (void)state;
    assert_int_equal(call("/join-room", &alice, "a"), 200);
    say(&alice, "a", "short");
    assert_int_equal(GET("/rooms/a/messages", .accept_encoding = "gzip"), 200);
    assert_string_equal(header("Content-Encoding"), ""); // not worth it
    for (int i = 0; i < 20; i++)
        say(&alice, "a", "the same again, and again, and again");

    assert_int_equal(GET("/rooms/a/messages"), 200);
    assert_string_equal(header("Vary"), "Accept-Encoding");
    char etag[40], condition[80];
    snprintf(etag, sizeof(etag), "%s", header("ETag"));
    char *text = xmalloc(r.body_len);
    size_t len = r.body_len;
    memcpy(text, r.body, len);

    assert_int_equal(GET("/rooms/a/messages", .accept_encoding = "br, gzip"), 200);
    assert_string_equal(header("Content-Encoding"), "gzip");
    assert_string_not_equal(header("ETag"), etag);
    assert_true(r.body_len < len / 2);
    assert_unpacks_to(r.body, r.body_len, text, len);
    free(text);

    snprintf(condition, sizeof(condition), "\"x\", %s", etag);
    assert_int_equal(GET("/rooms/a/messages", .if_none_match = condition), 304);
    assert_true(r.no_body);
    assert_string_equal(header("ETag"), etag);
    say(&alice, "a", "something new");
    assert_int_equal(GET("/rooms/a/messages", .if_none_match = condition), 200);
    assert_false(r.no_body);
}

/* A kept room of alice's, who is in it. */
static void create(const char *room, enum visibility visibility)
{
    struct request q = {.type = REQUEST_CREATE};
    struct buf answer = BUF_INIT;
    strcpy(q.room, room);
    q.args = xcalloc(1, sizeof(*q.args));
    q.args->given = ROOM_VISIBILITY;
    q.args->visibility = visibility;
    assert_int_equal(hub_call(hub, alice.id, &q, &answer), 0);
    buf_fini(&answer);
    assert_int_equal(call("/join-room", &alice, room), 200);
}

static void for_those_who_may_read(void **state)
{
    (void)state;
    create("attic", VISIBILITY_PRIVATE);
    say(&alice, "attic", "psst");
    char *token = identities_make_token(identities, "alice", "alice", NULL, 3600);
    char bearer[1024];
    snprintf(bearer, sizeof(bearer), "Bearer %s", token);
    free(token);
    assert_int_equal(GET("/rooms/attic/messages"), 404);
    assert_problem("no_such_room");
    assert_int_equal(GET("/rooms/attic/messages", .authorization = "Bearer nonsense"), 401);
    assert_int_equal(GET("/rooms/attic/messages", .authorization = bearer), 200);
    assert_true(body_has("psst"));
}

/* Without a token an address pays, with one the user; this machine's own do not. */
static void too_often(void **state)
{
    (void)state;
    assert_int_equal(call("/join-room", &alice, "a"), 200);
    limits_configure(limits, &(struct limits_config){.enabled = true, .history_per_minute = 2});
    int64_t before = metric_read(METRIC_LIMITED_HISTORY);
    for (int i = 0; i < 5; i++)
        assert_int_equal(GET("/rooms/a/messages"), 200);
    assert_int_equal(GET("/rooms/a/messages", .address = "203.0.113.9"), 200);
    assert_int_equal(GET("/rooms/a/messages", .address = "203.0.113.9"), 200);
    assert_int_equal(GET("/rooms/a/messages", .address = "203.0.113.9"), 429);
    assert_problem("rate_limited");
    assert_true(atoi(header("Retry-After")) > 0);
    assert_int_equal(metric_read(METRIC_LIMITED_HISTORY), before + 1);
    assert_int_equal(GET("/rooms/a/messages", .address = "203.0.113.10"), 200);

    char *token = identities_make_token(identities, "alice", "alice", NULL, 3600);
    char bearer[1024];
    snprintf(bearer, sizeof(bearer), "Bearer %s", token);
    free(token);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            GET("/rooms/a/messages", .authorization = bearer, .address = "203.0.113.9"),
            i < 2 ? 200 : 429);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_HOUSE(a_page_of_what_was_said),
        IN_HOUSE(what_is_no_question),
        IN_HOUSE(packed_and_known_already),
        IN_HOUSE(for_those_who_may_read),
        IN_HOUSE(too_often),
    };
    return RUN_TESTS(argc, argv, "messages", tests);
}
