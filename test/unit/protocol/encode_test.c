/* Every encoder, byte for byte; those of rooms and of what is done to people are in
 * encode_room_test.c, those of messages in
 * said_test.c. */
#include <support/test_main.h>

#include "encoded.h"

static void appends(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_add_str(&b, "before ");
    encode_ok(&b, "1", NULL);
    assert_string_equal(b.data, "before {\"type\":\"ok\",\"id\":\"1\"}");
    buf_fini(&b);
}

static void welcome(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct welcome w = {.session = "s1",
                        .user_id = "g0123456789abcdef",
                        .username = NASTY,
                        .node = "n1",
                        .version = "0.1.0",
                        .max_message = 16384,
                        .max_rooms = 64,
                        .max_per_room = 100,
                        .send_queue = 256,
                        .ping_interval_ms = 54000,
                        .token = "h.p.s",
                        .guest = true};
    encode_welcome(&b, &w);
    assert_encoded(&b, "{\"type\":\"welcome\",\"session\":\"s1\",\"userId\":"
                       "\"g0123456789abcdef\",\"username\":\"" NASTY_JSON "\",\"node\":\"n1\","
                       "\"version\":\"0.1.0\",\"limits\":{"
                       "\"maxMessage\":16384,\"maxRooms\":64,\"maxPerRoom\":100,\"sendQueue\":256},"
                       "\"pingInterval\":54000,\"auth\":\"guest\",\"token\":\"h.p.s\"}");
    w.token = NULL;
    w.guest = false;
    w.is_operator = true;
    w.token_expires_ms = 1700000000123;
    encode_welcome(&b, &w);
    assert_non_null(strstr(b.data, "\"pingInterval\":54000,\"auth\":\"token\","
                                   "\"tokenExpires\":1700000000123,\"operator\":true}"));
    cJSON_Delete(parse_whole(&b));
    buf_fini(&b);
}

static void ok(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_ok(&b, "1", "a");
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"room\":\"a\"}");
    encode_ok(&b, "\"\n", NULL);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"\\\"\\n\"}");
    encode_ok_seq(&b, "1", "a", 9007199254740991);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"room\":\"a\",\"seq\":9007199254740991}");
    encode_ok_entry(&b, "1", "a", 4);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"room\":\"a\",\"entry\":4}");
    encode_ok_invite(&b, "1", "a", "x-1", 1700000000123);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"room\":\"a\",\"invite\":\"x-1\","
                       "\"expires\":1700000000123}");
    encode_ok_auth(&b, "1", "u1", 1700000000123);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"userId\":\"u1\","
                       "\"expires\":1700000000123}");
    encode_ok_auth(&b, "1", NASTY, 0);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"userId\":\"" NASTY_JSON "\"}");
    buf_fini(&b);
}

static void ok_with_a_user(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_ok_user(&b, "1", "a", "u2", NASTY, 0, 0, -1);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"room\":\"a\",\"userId\":\"u2\","
                       "\"username\":\"" NASTY_JSON "\"}");
    encode_ok_user(&b, "1", "a", "u2", "bob", 0, 0, RANK_GUEST);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"room\":\"a\",\"userId\":\"u2\","
                       "\"username\":\"bob\",\"role\":\"guest\"}");
    encode_ok_user(&b, "1", "", "u2", "bob", 7, 1700000000123, -1);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"userId\":\"u2\",\"username\":\"bob\","
                       "\"entry\":7,\"until\":1700000000123}");
    buf_fini(&b);
}

static void why(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    const struct reason_row rows[] = {
        {"banned", 1700000000123, 60}, {"muted", 0, 0}, {"rate_limited", 0, 3}};
    encode_ok_why(&b, "1", "a", rows, 3);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"room\":\"a\",\"reasons\":["
                       "{\"rule\":\"banned\",\"until\":1700000000123,\"retryAfter\":60},"
                       "{\"rule\":\"muted\"},{\"rule\":\"rate_limited\",\"retryAfter\":3}]}");
    encode_ok_why(&b, "1", "", NULL, 0);
    assert_encoded(&b, "{\"type\":\"ok\",\"id\":\"1\",\"reasons\":[]}");
    buf_fini(&b);
}

static void errors_in_both_dialects(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;

    encode_error(&b, DIALECT_FULL, PROBLEM_NOT_IN_ROOM, NULL, "1", "a", 0);
    assert_encoded(&b, "{\"type\":\"error\",\"id\":\"1\",\"code\":\"not_in_room\","
                       "\"message\":\"join the room first\",\"room\":\"a\"}");
    encode_error(&b, DIALECT_FULL, PROBLEM_UNAVAILABLE, "later", "", "", 5);
    assert_encoded(&b, "{\"type\":\"error\",\"code\":\"unavailable\",\"message\":\"later\","
                       "\"retryAfter\":5}");
    encode_error(&b, DIALECT_FULL, PROBLEM_BANNED, "spam", "1", "a", 60);
    assert_encoded(&b, "{\"type\":\"error\",\"id\":\"1\",\"code\":\"banned\","
                       "\"message\":\"spam\",\"reason\":\"spam\",\"room\":\"a\","
                       "\"retryAfter\":60}");
    encode_error(&b, DIALECT_FULL, PROBLEM_MUTED, NULL, NULL, NULL, 0);
    assert_encoded(&b, "{\"type\":\"error\",\"code\":\"muted\","
                       "\"message\":\"you are muted here\"}");
    encode_error(&b, DIALECT_FULL, PROBLEM_BAD_JSON, NULL, NULL, NULL, 0);
    assert_encoded(&b, "{\"type\":\"error\",\"code\":\"bad_json\","
                       "\"message\":\"this is not a JSON object\"}");

    encode_error(&b, DIALECT_CLASSIC, PROBLEM_NOT_IN_ROOM, NULL, "1", "a", 3);
    assert_encoded(&b, "{\"type\":\"error\",\"id\":\"1\",\"code\":\"not_in_room\","
                       "\"message\":\"join the room first\",\"room\":\"a\",\"username\":\"server\","
                       "\"content\":\"join the room first\",\"retryAfter\":3}");
    encode_error(&b, DIALECT_CLASSIC, PROBLEM_BAD_REQUEST, "type is missing", "", NULL, 0);
    assert_encoded(&b, "{\"type\":\"error\",\"code\":\"bad_request\","
                       "\"message\":\"type is missing\",\"room\":\"\",\"username\":\"server\","
                       "\"content\":\"type is missing\"}");
    encode_error(&b, DIALECT_CLASSIC, PROBLEM_BAD_REQUEST, "type is missing", NULL, "", 0);
    assert_non_null(strstr(b.data, "\"room\":\"\""));
    buf_fini(&b);
}

/* Each code of the table, with its own text, in both dialects and as an HTTP body. */
static void every_problem(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    for (int p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++) {
        for (int dialect = 0; dialect < DIALECT_COUNT; dialect++) {
            encode_error(&b, (enum dialect)dialect, (enum problem)p, NULL, NULL, NULL, 0);
            cJSON *json = parse_whole(&b);
            const char *code = cJSON_GetStringValue(cJSON_GetObjectItem(json, "code"));
            const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(json, "message"));
            assert_string_equal(code, problem_code((enum problem)p));
            assert_string_equal(text, problem_text((enum problem)p));
            cJSON_Delete(json);
            buf_clear(&b);
        }
        encode_http_error(&b, (enum problem)p, NULL);
        cJSON *json = parse_whole(&b), *error = cJSON_GetObjectItem(json, "error");
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(error, "code")),
                            problem_code((enum problem)p));
        cJSON_Delete(json);
        buf_clear(&b);
    }
    encode_http_error(&b, PROBLEM_NO_SUCH_ROOM, "no room \"a\"");
    assert_encoded(&b, "{\"error\":{\"code\":\"no_such_room\",\"message\":\"no room \\\"a\\\"\"}}");
    buf_fini(&b);
}

static void join_and_leave(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_join(&b, "a", "alice", "u1", RANK_OWNER, 3);
    assert_encoded(&b, "{\"type\":\"join\",\"room\":\"a\",\"username\":\"alice\","
                       "\"content\":\"alice joined the room\",\"userId\":\"u1\",\"count\":3,"
                       "\"role\":\"owner\"}");
    encode_leave(&b, "r\"m", NASTY, "u1", 0);
    assert_encoded(&b,
                   "{\"type\":\"leave\",\"room\":\"r\\\"m\",\"username\":\"" NASTY_JSON "\","
                   "\"content\":\"" NASTY_JSON " left the room\",\"userId\":\"u1\",\"count\":0}");
    encode_leave_how(&b, "a", "bob", "u2", " was banned", 2);
    assert_encoded(&b, "{\"type\":\"leave\",\"room\":\"a\",\"username\":\"bob\","
                       "\"content\":\"bob was banned\",\"userId\":\"u2\",\"count\":2}");
    buf_fini(&b);
}

static void presence(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    const char *joined[] = {"alice", NASTY}, *left[] = {"bob"};
    encode_presence(&b, "a", joined, 2, left, 1, 12);
    assert_encoded(&b, "{\"type\":\"presence\",\"room\":\"a\",\"joined\":[\"alice\",\"" NASTY_JSON
                       "\"],\"left\":[\"bob\"],\"count\":12}");
    encode_presence(&b, "a", NULL, 0, NULL, 0, 0);
    assert_encoded(&b,
                   "{\"type\":\"presence\",\"room\":\"a\",\"joined\":[],\"left\":[],\"count\":0}");
    buf_fini(&b);
}

static void typing(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_typing(&b, "a", "u1", "alice", false);
    assert_encoded(&b, "{\"type\":\"typing\",\"room\":\"a\",\"userId\":\"u1\","
                       "\"username\":\"alice\",\"state\":\"active\"}");
    encode_typing(&b, "a", "u1", NASTY, true);
    assert_encoded(&b, "{\"type\":\"typing\",\"room\":\"a\",\"userId\":\"u1\","
                       "\"username\":\"" NASTY_JSON "\",\"state\":\"paused\"}");
    buf_fini(&b);
}

static void pong_and_goaway(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_pong(&b, NULL, NULL);
    assert_encoded(&b, "{\"type\":\"pong\"}");
    encode_pong(&b, "", "");
    assert_encoded(&b, "{\"type\":\"pong\"}");
    encode_pong(&b, "1", "1700000000123");
    assert_encoded(&b, "{\"type\":\"pong\",\"id\":\"1\",\"t\":1700000000123}");
    encode_pong(&b, NULL, "\"x\"");
    assert_encoded(&b, "{\"type\":\"pong\",\"t\":\"x\"}");
    encode_goaway(&b, "the server is stopping", 2500);
    assert_encoded(&b, "{\"type\":\"goaway\",\"reason\":\"the server is stopping\","
                       "\"retryAfterMs\":2500}");
    buf_fini(&b);
}

static void notice_and_auth(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_notice(&b, DIALECT_FULL, "", NASTY, "\"at \\\"six\\\"\"");
    assert_encoded(&b, "{\"type\":\"notice\",\"by\":\"" NASTY_JSON "\","
                       "\"content\":\"at \\\"six\\\"\"}");
    encode_notice(&b, DIALECT_FULL, "a", "alice", "\"x\"");
    assert_encoded(&b, "{\"type\":\"notice\",\"room\":\"a\",\"by\":\"alice\",\"content\":\"x\"}");
    encode_notice(&b, DIALECT_CLASSIC, "a", "alice", "\"x\"");
    assert_encoded(&b, "{\"type\":\"message\",\"room\":\"a\",\"username\":\"server\","
                       "\"content\":\"x\"}");
    encode_notice(&b, DIALECT_CLASSIC, NULL, "alice", "\"x\"");
    assert_encoded(&b, "{\"type\":\"message\",\"room\":\"\",\"username\":\"server\","
                       "\"content\":\"x\"}");
    encode_auth(&b, 1700000000123, 30);
    assert_encoded(&b, "{\"type\":\"auth\",\"expires\":1700000000123,\"in\":30}");
    buf_fini(&b);
}

/* What the tutorials' pages read is in every event that the classic dialect gets. */
static void classic_events_have_room_username_content(void **state)
{
    (void)state;
    struct buf b[5] = {BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT};
    encode_join(&b[0], "a", "alice", "u1", RANK_GUEST, 1);
    encode_leave(&b[1], "a", "alice", "u1", 0);
    encode_message_open(&b[2], "a", "alice", "u1");
    protocol_quote(&b[2], "hi", 2);
    encode_message_close(&b[2], 1, 2, 0);
    encode_error(&b[3], DIALECT_CLASSIC, PROBLEM_INTERNAL, NULL, NULL, NULL, 0);
    encode_notice(&b[4], DIALECT_CLASSIC, "", "alice", "\"bye\"");

    for (size_t i = 0; i < 5; i++) {
        cJSON *json = parse_whole(&b[i]);
        assert_true(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "type")));
        assert_true(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "room")));
        assert_true(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "username")));
        assert_true(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "content")));
        cJSON_Delete(json);
        buf_fini(&b[i]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends),
        cmocka_unit_test(welcome),
        cmocka_unit_test(ok),
        cmocka_unit_test(ok_with_a_user),
        cmocka_unit_test(why),
        cmocka_unit_test(errors_in_both_dialects),
        cmocka_unit_test(every_problem),
        cmocka_unit_test(join_and_leave),
        cmocka_unit_test(presence),
        cmocka_unit_test(typing),
        cmocka_unit_test(pong_and_goaway),
        cmocka_unit_test(notice_and_auth),
        cmocka_unit_test(classic_events_have_room_username_content),
    };
    return RUN_TESTS(argc, argv, "encode", tests);
}
