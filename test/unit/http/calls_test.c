/* What a web page may ask of the hub: who is in which room, and to join and leave; for whom, and how often. */
#include "house.h"

#include <hubbub/metrics.h>

/* ---- rooms and members ---------------------------------------------------------------------------- */

static void rooms_are_listed(void **state)
{
    (void)state;
    assert_int_equal(GET("/rooms"), 200);
    assert_string_equal(r.type, "application/json");
    assert_string_equal(header("Cache-Control"), "no-store");
    assert_string_equal(header("X-Content-Type-Options"), "nosniff");
    assert_false(body_has("lobby"));

    assert_int_equal(call("/join-room", &alice, "lobby"), 200);
    assert_int_equal(call("/join-room", &bob, "garden"), 200);
    assert_int_equal(GET("/rooms"), 200);
    assert_true(body_has("\"lobby\"") && body_has("\"garden\""));
    assert_int_equal(GET("/rooms", .arg = "query=gard"), 200);
    assert_true(body_has("\"garden\"") && !body_has("\"lobby\""));
    assert_int_equal(GET("/rooms", .arg = "query=", .arg2 = "cursor=garden"), 200);
    assert_true(!body_has("\"garden\"") && body_has("\"lobby\""));
}

static void members_of_a_room_are_listed(void **state)
{
    (void)state;
    assert_int_equal(call("/join-room", &alice, "caf\xc3\xa9"), 200);
    assert_int_equal(GET("/members", .arg = "room=caf\xc3\xa9"), 200);
    assert_true(body_has("\"alice\"") && !body_has("\"bob\""));
    assert_false(body_has(alice.id)); // that one is secret
    assert_true(body_has(alice.session->user_id));
}

static void members_of_what_is_no_room_are_not(void **state)
{
    (void)state;
    char overlong[80] = "room=";
    memset(overlong + 5, 'x', NAME_MAX_BYTES + 1);
    assert_int_equal(GET("/members", .arg = "room=nowhere"), 404);
    assert_problem("no_such_room");
    assert_int_equal(GET("/members"), 400);
    assert_problem("invalid_room");
    assert_int_equal(GET("/members", .arg = "room="), 400);
    assert_problem("invalid_room");
    assert_int_equal(GET("/members", .arg = "room=a\nb"), 400);
    assert_problem("invalid_room");
    assert_int_equal(GET("/members", .arg = overlong), 400);
    assert_problem("invalid_room");
    assert_int_equal(GET("/members", .arg = "roomy=lobby"), 400);
}

static void a_web_request_joins_and_leaves(void **state)
{
    (void)state;
    assert_int_equal(call("/join-room", &alice, "lobby"), 200);
    assert_true(body_has("\"lobby\""));
    assert_string_equal(r.type, "application/json");
    assert_int_equal(GET("/members", .arg = "room=lobby"), 200);
    assert_true(body_has("\"alice\""));
    assert_int_equal(call("/leave-room", &alice, "lobby"), 200);
    assert_int_equal(hub_fence(hub), 0); // an empty room ends with its batch
    assert_int_equal(GET("/members", .arg = "room=lobby"), 404);
    assert_int_equal(call("/leave-room", &alice, "lobby"), 409);
    assert_problem("not_in_room");
}

static void limits_are_those_of_the_hub(void **state)
{
    (void)state;
    struct person carol;
    person_init(&carol, "carol");
    assert_int_equal(call("/join-room", &alice, "lobby"), 200);
    assert_int_equal(call("/join-room", &bob, "lobby"), 200);
    assert_int_equal(call("/join-room", &carol, "lobby"), 409);
    assert_problem("room_full");
    person_leaves(&carol);
    assert_int_equal(hub_fence(hub), 0);
    rcu_barrier();
    outbox_fini(&carol.outbox);
}

static void sessions_that_are_not_there_cannot_join(void **state)
{
    (void)state;
    struct person nobody = {.id = "00000000000000000000000000000000"}, empty = {.id = ""};
    for (int i = 0; i < 2; i++) {
        const char *path = i == 0 ? "/join-room" : "/leave-room";
        assert_int_equal(call(path, &nobody, "lobby"), 404);
        assert_problem("unknown_session");
        assert_int_equal(call(path, &empty, "lobby"), 404);
        assert_problem("unknown_session");
        assert_int_equal(ASK(.method = HTTP_POST, .path = path,
                             .body = "{\"session\":\"0000000000000000000000000000000000000\","
                                     "\"room\":\"lobby\"}"),
                         404);
        assert_problem("unknown_session");
    }
    assert_int_equal(GET("/members", .arg = "room=lobby"), 404);
}

static void bodies_that_are_no_call_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *code;
        int status;
    } cases[] = {
        {NULL, "bad_json", 400},
        {"", "bad_json", 400},
        {"lobby", "bad_json", 400},
        {"[]", "bad_json", 400},
        {"{", "bad_json", 400},
        {"{\"session\":\"x\",\"room\":\"a\xff\"}", "bad_json", 400},
        {"{}", "", 400},
        {"{\"room\":\"lobby\"}", "bad_request", 400},
        {"{\"session\":7,\"room\":\"lobby\"}", "bad_request", 400},
        {"{\"session\":\"x\"}", "invalid_room", 400},
        {"{\"session\":\"x\",\"room\":\"\"}", "invalid_room", 400},
        {"{\"session\":\"x\",\"room\":\"a\\nb\"}", "invalid_room", 400},
        {"{\"session\":\"x\",\"session\":\"y\",\"room\":\"lobby\"}", "bad_request", 400},
    };
    for (int i = 0; i < 2; i++) {
        const char *path = i == 0 ? "/join-room" : "/leave-room";
        for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
            int status = ASK(.method = HTTP_POST, .path = path, .body = cases[c].body);
            if (status != cases[c].status)
                fail_msg("%s with %s: %d", path, cases[c].body, status);
            if (cases[c].code[0] != '\0')
                assert_problem(cases[c].code);
        }
        assert_int_equal(ASK(.method = HTTP_POST, .path = path, .too_large = true), 413);
        assert_problem("too_large");
    }
}

static void a_hub_that_has_stopped_is_unavailable(void **state)
{
    (void)state;
    struct hub *running = hub;
    const struct hub_config config = {.inbox = 4, .relay = relay, .node = "test", .version = "0"};
    struct hub *stopped = hub_new(&config);
    assert_int_equal(hub_start(stopped), 0);
    hub_stop(stopped);
    http->hub = stopped;
    int status = call("/join-room", &alice, "lobby");
    http->hub = running;
    hub_free(stopped);
    assert_int_equal(status, 503);
    assert_problem("unavailable");
}

/* ---- who asks ------------------------------------------------------------------------------------- */

/* A kept room of alice's, who is not in it. */
static void create(const char *room, enum visibility visibility, const char *password)
{
    struct request q = {.type = REQUEST_CREATE};
    struct buf answer = BUF_INIT;
    strcpy(q.room, room);
    q.args = xcalloc(1, sizeof(*q.args));
    q.args->given = ROOM_VISIBILITY | (password != NULL ? (unsigned)ROOM_PASSWORD : 0);
    q.args->visibility = visibility;
    if (password != NULL) {
        char hash[PASSWORD_HASH_MAX];
        assert_true(password_hash(password, hash));
        q.args->password_hash = xstrdup(hash);
    }
    assert_int_equal(hub_call(hub, alice.id, &q, &answer), 0);
    assert_non_null(strstr(answer.data, "\"ok\""));
    buf_fini(&answer);
}

static void lists_are_for_whoever_shows_a_token(void **state)
{
    (void)state;
    create("attic", VISIBILITY_PRIVATE, NULL);
    assert_int_equal(call("/join-room", &alice, "attic"), 200);
    char *token = identities_make_token(identities, "alice", "alice", NULL, 3600);
    char header_value[1024], cookie[1024], arg[1024];
    snprintf(header_value, sizeof(header_value), "Bearer %s", token);
    snprintf(cookie, sizeof(cookie), "a=1; hubbub_session=%s", token);
    snprintf(arg, sizeof(arg), "token=%s", token);
    free(token);

    assert_int_equal(GET("/rooms"), 200);
    assert_false(body_has("attic"));
    assert_int_equal(GET("/members", .arg = "room=attic"), 404);
    assert_int_equal(GET("/rooms", .authorization = header_value), 200);
    assert_true(body_has("\"attic\""));
    assert_int_equal(GET("/rooms", .cookie = cookie), 200);
    assert_true(body_has("\"attic\""));
    assert_int_equal(GET("/rooms", .arg = arg), 200);
    assert_true(body_has("\"attic\""));
    assert_int_equal(GET("/members", .arg = "room=attic", .authorization = header_value), 200);
    assert_true(body_has("\"alice\""));
}

static void a_guest_is_somebody_too(void **state)
{
    (void)state;
    struct identity guest;
    identity_new_guest(&guest);
    create("attic", VISIBILITY_PRIVATE, NULL);
    char *token = identities_guest_token(identities, guest.user_id, "carol");
    char header_value[1024];
    snprintf(header_value, sizeof(header_value), "Bearer %s", token);
    free(token);
    assert_int_equal(GET("/rooms", .authorization = header_value), 200);
    assert_false(body_has("attic"));
}

static void a_bad_token_is_refused(void **state)
{
    (void)state;
    int64_t before = metric_read(METRIC_AUTH_FAILED);
    assert_int_equal(GET("/rooms", .authorization = "Bearer nonsense"), 401);
    assert_problem("not_authenticated");
    assert_string_equal(header("WWW-Authenticate"), "Bearer");
    assert_int_equal(GET("/members", .arg = "room=lobby", .cookie = "hubbub_session=x"), 401);
    assert_problem("not_authenticated");
    assert_int_equal(metric_read(METRIC_AUTH_FAILED), before + 2);
    assert_int_equal(GET("/rooms", .authorization = "Basic YTpi"), 200); // meant for a proxy
}

static void where_guests_may_not_in_they_may_not_look_either(void **state)
{
    (void)state;
    char why[256];
    struct identities *strict =
        identities_new(&(struct identity_config){.mode = AUTH_TOKEN}, why, sizeof(why));
    assert_non_null(strict);
    http->identities = strict;
    int rooms = GET("/rooms"), members = GET("/members", .arg = "room=lobby");
    char *token = identities_make_token(strict, "alice", "alice", NULL, 3600);
    char header_value[1024];
    snprintf(header_value, sizeof(header_value), "Bearer %s", token);
    free(token);
    int known = GET("/rooms", .authorization = header_value);
    http->identities = identities;
    identities_free(strict);
    assert_int_equal(rooms, 401);
    assert_int_equal(members, 401);
    assert_int_equal(known, 200);
}

/* ---- passwords and rates of calls ----------------------------------------------------------------- */

static int join_with(const struct person *p, const char *room, const char *password)
{
    char body[512];
    snprintf(body, sizeof(body), "{\"session\":\"%s\",\"room\":\"%s\",\"password\":\"%s\"}", p->id,
             room, password);
    return ASK(.method = HTTP_POST, .path = "/join-room", .body = body);
}

static void a_password_opens_a_room(void **state)
{
    (void)state;
    create("club", VISIBILITY_RESTRICTED, "open sesame");
    assert_int_equal(call("/join-room", &bob, "club"), 403);
    assert_problem("wrong_password");
    assert_int_equal(join_with(&bob, "club", "sesame"), 403);
    assert_problem("wrong_password");
    assert_int_equal(join_with(&bob, "club", "open sesame"), 200);
    assert_int_equal(join_with(&alice, "club", "never mind"), 200); // a member needs none
    assert_int_equal(join_with(&bob, "lobby", "never mind"), 200);  // and a room without one, too
}

static void calls_count_against_the_rates_of_the_user(void **state)
{
    (void)state;
    static const struct limits_config strict = {.enabled = true, .joins_per_minute = 2};
    int64_t before = metric_read(METRIC_LIMITED_JOINS);
    limits_configure(limits, &strict);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(call("/join-room", &alice, "lobby"), 200);
        assert_int_equal(call("/leave-room", &alice, "lobby"), 200);
    }
    assert_int_equal(call("/join-room", &alice, "lobby"), 429);
    assert_problem("rate_limited");
    assert_true(atoi(header("Retry-After")) >= 1 && atoi(header("Retry-After")) <= 30);
    assert_int_equal(metric_read(METRIC_LIMITED_JOINS), before + 1);
    assert_int_equal(call("/join-room", &bob, "lobby"), 200);
    assert_int_equal(call("/leave-room", &alice, "lobby"), 409); // another rate
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_HOUSE(rooms_are_listed),
        IN_HOUSE(members_of_a_room_are_listed),
        IN_HOUSE(members_of_what_is_no_room_are_not),
        IN_HOUSE(a_web_request_joins_and_leaves),
        IN_HOUSE(limits_are_those_of_the_hub),
        IN_HOUSE(sessions_that_are_not_there_cannot_join),
        IN_HOUSE(bodies_that_are_no_call_are_refused),
        IN_HOUSE(a_hub_that_has_stopped_is_unavailable),
        IN_HOUSE(lists_are_for_whoever_shows_a_token),
        IN_HOUSE(a_guest_is_somebody_too),
        IN_HOUSE(a_bad_token_is_refused),
        IN_HOUSE(where_guests_may_not_in_they_may_not_look_either),
        IN_HOUSE(a_password_opens_a_room),
        IN_HOUSE(calls_count_against_the_rates_of_the_user),
    };
    return RUN_TESTS(argc, argv, "calls", tests);
}
