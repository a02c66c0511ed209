/* Every route, as a reader asks for it, with a hub that runs. */
#include <support/test_main.h>

#include "http/http_private.h"

#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>
#include <hubbub/room.h>
#include <hubbub/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a house with a hub, two people, and a web side ------------------------------------------------ */

struct person {
    struct outbox outbox;
    struct session *session;
    char id[SESSION_ID_MAX + 1];
};

static struct relay *relay;
static struct hub *hub;
static struct identities *identities;
static struct limits *limits;
static struct http *http;
static struct person alice, bob;
static struct http_response r; // to the latest request

static void post(struct event *e)
{
    assert_int_equal(hub_post(hub, &e, DEADLINE_NEVER), 0);
}

static void person_init(struct person *p, const char *name)
{
    outbox_init(&p->outbox, NULL, NULL, NULL, 1000, 0);
    p->session = session_new(DIALECT_FULL, name, name, &p->outbox); // the user id is the name
    strcpy(p->id, p->session->id);
    struct event *e = event_new(EVENT_REGISTER);
    e->session = p->session;
    post(e);
}

static void person_leaves(struct person *p)
{
    struct event *e = event_new(EVENT_UNREGISTER);
    e->session = p->session;
    post(e);
}

static int open_house(void **state)
{
    (void)state;
    char why[256];
    rcu_register_thread();
    relay = relay_new(1);
    const struct hub_config config = {.inbox = 64,
                                      .relay = relay,
                                      .settings = {.max_per_room = 2,
                                                   .max_rooms = 3,
                                                   .max_rooms_per_client = 2,
                                                   .notice_limit = 10,
                                                   .open_rooms = true},
                                      .node = "test",
                                      .version = "0",
                                      .max_message = 4096,
                                      .send_queue = 16,
                                      .ping_period = NS_PER_S};
    hub = hub_new(&config);
    assert_int_equal(hub_start(hub), 0);
    identities = identities_new(&(struct identity_config){.mode = AUTH_BOTH}, why, sizeof(why));
    assert_non_null(identities);
    limits = limits_new(&(struct limits_config){.enabled = false});
    http = http_new(hub, relay, identities, NULL, &(struct http_settings){0}, why, sizeof(why));
    assert_non_null(http);
    http_use_limits(http, limits);
    person_init(&alice, "alice");
    person_init(&bob, "bob");
    assert_int_equal(hub_fence(hub), 0);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    http_response_fini(&r);
    person_leaves(&alice);
    person_leaves(&bob);
    hub_stop(hub);
    rcu_barrier(); // the sessions are gone, and with them whoever looks at their outboxes
    outbox_fini(&alice.outbox);
    outbox_fini(&bob.outbox);
    http_free(http);
    limits_free(limits);
    identities_free(identities);
    hub_free(hub);
    relay_free(relay);
    thread_end_all();
    rcu_unregister_thread();
    return 0;
}

/* ---- asking --------------------------------------------------------------------------------------- */

struct ask {
    enum http_method method;
    const char *path, *arg, *arg2, *accept_encoding, *if_none_match, *body;
    const char *authorization, *cookie;
    bool too_large, malformed;
};

static char *copy(const char *s)
{
    return s == NULL ? NULL : xstrdup(s);
}

static int ask(struct ask a)
{
    struct http_request q = {.method = a.method,
                             .path = copy(a.path),
                             .args = {copy(a.arg), copy(a.arg2)},
                             .host = copy("chat.example"),
                             .accept_encoding = copy(a.accept_encoding),
                             .if_none_match = copy(a.if_none_match),
                             .authorization = copy(a.authorization),
                             .cookie = copy(a.cookie),
                             .body_too_large = a.too_large,
                             .malformed = a.malformed};
    if (a.body != NULL)
        buf_add_str(&q.body, a.body);
    http_response_fini(&r);
    http_serve(http, &q, &r);
    http_request_fini(&q); // nothing of the answer may point into it
    return r.status;
}

#define ASK(...) ask((struct ask){__VA_ARGS__})
#define GET(...) ASK(.method = HTTP_GET, .path = __VA_ARGS__)

static const char *header(const char *name)
{
    for (int i = 0; i < HTTP_MAX_HEADERS && r.headers[i].name != NULL; i++)
        if (strcmp(r.headers[i].name, name) == 0)
            return r.headers[i].value;
    return "";
}

static void assert_body(const char *expected)
{
    char *body = xmalloc(r.body_len + 1);
    memcpy(body, r.body, r.body_len);
    body[r.body_len] = '\0';
    assert_string_equal(body, expected);
    free(body);
}

static bool body_has(const char *text)
{
    return memmem(r.body, r.body_len, text, strlen(text)) != NULL;
}

static void assert_problem(const char *code)
{
    char expected[128];
    snprintf(expected, sizeof(expected), "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
    if (!body_has(expected))
        fail_msg("'%.*s' is not the problem %s", (int)r.body_len, (const char *)r.body, code);
    assert_string_equal(r.type, "application/json");
    assert_string_equal(header("Cache-Control"), "no-store");
}

static int call(const char *path, const struct person *p, const char *room)
{
    char body[256];
    snprintf(body, sizeof(body), "{\"session\":\"%s\",\"room\":\"%s\"}", p->id, room);
    return ASK(.method = HTTP_POST, .path = path, .body = body);
}

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

/* ---- health and metrics --------------------------------------------------------------------------- */

static void health_is_ok_until_the_drain(void **state)
{
    (void)state;
    assert_int_equal(GET("/healthz"), 200);
    assert_body("ok\n");
    assert_int_equal(GET("/readyz"), 200);
    assert_body("ready\n");
    assert_string_equal(header("Retry-After"), "");
    http_drain(http);
    assert_int_equal(GET("/readyz"), 503);
    assert_body("stopping\n");
    assert_string_equal(header("Retry-After"), "5");
    assert_int_equal(GET("/healthz"), 200); // it lives, it only takes nobody new
    assert_int_equal(GET("/"), 200);
}

static void assert_metric(const char *name, const char *kind, const char *help, int64_t value)
{
    char text[512];
    snprintf(text, sizeof(text), "# HELP hubbub_%s %s\n# TYPE hubbub_%s %s\nhubbub_%s %lld\n", name,
             help, name, kind, name, (long long)value);
    if (!body_has(text))
        fail_msg("metrics without %s", text);
}

static void every_metric_is_shown(void **state)
{
    (void)state;
    assert_int_equal(call("/join-room", &alice, "lobby"), 200);
    assert_int_equal(hub_fence(hub), 0);
    metric_add(METRIC_REFUSED, 4321);
    assert_int_equal(GET("/metrics"), 200);
    metric_add(METRIC_REFUSED, -4321);
    assert_string_equal(r.type, "text/plain; version=0.0.4; charset=utf-8");
#define X(id, name, kind, help)                                        \
    if (METRIC_##id != METRIC_EVENTS && METRIC_##id != METRIC_BATCHES) \
        assert_metric(name, kind, help,                                \
                      metric_read(METRIC_##id) + (METRIC_##id == METRIC_REFUSED ? 4321 : 0));
    METRICS_TABLE(X) // the hub may still be counting its last batch
#undef X
    assert_true(body_has("\nhubbub_hub_events_total ") && body_has("\nhubbub_hub_batches_total "));
    assert_true(body_has("\nhubbub_sessions 2\n") && body_has("\nhubbub_members 1\n"));
    assert_true(body_has("\nhubbub_relay_turns_total "));
    assert_true(body_has("\nhubbub_threads ") && !body_has("\nhubbub_threads 0\n"));
    assert_true(body_has("\nhubbub_open_descriptors "));
    assert_true(body_has("\nhubbub_resident_kibibytes ") &&
                !body_has("\nhubbub_resident_kibibytes 0\n"));
    assert_int_equal(((const char *)r.body)[r.body_len - 1], '\n');
}

/* ---- methods -------------------------------------------------------------------------------------- */

static void a_websocket_wants_an_upgrade(void **state)
{
    (void)state;
    assert_int_equal(GET("/ws"), 426);
    assert_string_equal(header("Upgrade"), "websocket");
    assert_problem("bad_request");
}

static void each_route_has_its_method(void **state)
{
    (void)state;
    static const char *const get[] = {"/rooms", "/members", "/healthz",    "/readyz", "/metrics",
                                      "/ws",    "/",        "/index.html", "/nowhere"};
    static const char *const posted[] = {"/join-room", "/leave-room"};
    for (size_t i = 0; i < sizeof(get) / sizeof(get[0]); i++) {
        assert_int_not_equal(GET(get[i]), 405);
        assert_int_equal(ASK(.method = HTTP_POST, .path = get[i]), 405);
        assert_string_equal(header("Allow"), "GET, HEAD");
        assert_problem("bad_request");
        assert_int_equal(ASK(.method = HTTP_OTHER, .path = get[i]), 405);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(GET(posted[i]), 405);
        assert_string_equal(header("Allow"), "POST");
        assert_int_equal(ASK(.method = HTTP_HEAD, .path = posted[i]), 405);
        assert_int_equal(ASK(.method = HTTP_OTHER, .path = posted[i]), 405);
    }
}

/* The body is left out by whoever sends it; its length is said. */
static void head_is_answered_as_get(void **state)
{
    (void)state;
    static const char *const paths[] = {"/rooms", "/members", "/healthz", "/readyz",
                                        "/ws",    "/",        "/chat.js", "/nowhere"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int status = GET(paths[i]);
        size_t len = r.body_len;
        const char *type = r.type;
        assert_int_equal(ASK(.method = HTTP_HEAD, .path = paths[i]), status);
        assert_int_equal(r.body_len, len);
        assert_string_equal(r.type, type);
    }
}

static void malformed_requests_are_refused(void **state)
{
    (void)state;
    assert_int_equal(GET("/", .malformed = true), 400);
    assert_problem("bad_request");
    assert_int_equal(ASK(.method = HTTP_POST, .path = "/join-room", .malformed = true), 400);
}

/* ---- files ---------------------------------------------------------------------------------------- */

static void the_page_has_several_addresses(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/index.html", "/static/", "/static/index.html"};
    const struct asset *a = site_find(http->site, "index.html");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(GET(paths[i]), 200);
        assert_int_equal(r.body_len, a->len);
        assert_memory_equal(r.body, a->bytes, a->len);
        assert_string_equal(r.type, "text/html; charset=utf-8");
        assert_string_equal(header("ETag"), a->etag);
        assert_string_equal(header("Content-Encoding"), "");
        assert_string_equal(header("Vary"), "Accept-Encoding");
        assert_string_equal(header("Cache-Control"), "no-cache");
        assert_string_equal(header("X-Content-Type-Options"), "nosniff");
        assert_string_equal(header("Referrer-Policy"), "no-referrer");
        const char *policy = header("Content-Security-Policy");
        assert_non_null(strstr(policy, "default-src 'self'"));
        assert_non_null(strstr(policy, "script-src 'self';")); // and nothing inline
        assert_non_null(strstr(policy, "style-src 'self';"));
        assert_null(strstr(policy, "unsafe"));
        assert_non_null(strstr(header("Permissions-Policy"), "camera=()"));
    }
}

static void other_paths_have_nothing(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/nowhere", "/../etc/passwd", "//etc/passwd", "/static/../x",
        "/rooms/",  "/Index.html",    "/static",      "/static/static/index.html"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(GET(paths[i]), 404);
        assert_string_equal(r.type, "text/plain; charset=utf-8");
        assert_true(r.body_len > 0);
    }
}

static void gzip_is_for_who_accepts_it(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool zipped;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"identity", false},
        {"br, deflate", false},
        {"gzip", true},
        {"gzip, deflate, br", true},
        {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
        {"deflate, gzip ; q=0.001", true},
        {"gzip;q=1", true},
        {"gzip;q=0.5", true},
        {"gzip;q=0", false},
        {"gzip; q=0", false},
        {"gzip;q=0.0", false},
        {"gzip;q=0.000", false},
        {"gzip;q=0, deflate", false},
        {"gzip;q=0.0, deflate;q=1", false},
        {"gzip;q=0.10, deflate", true},
    };
    const struct asset *a = site_find(http->site, "index.html");
    assert_non_null(a->gzip);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(GET("/", .accept_encoding = cases[i].accept), 200);
        if ((strcmp(header("Content-Encoding"), "gzip") == 0) != cases[i].zipped)
            fail_msg("Accept-Encoding: %s", cases[i].accept);
        assert_int_equal(r.body_len, cases[i].zipped ? a->gzip_len : a->len);
        assert_memory_equal(r.body, cases[i].zipped ? a->gzip : a->bytes, r.body_len);
        assert_string_equal(header("ETag"), cases[i].zipped ? a->gzip_etag : a->etag);
        assert_string_equal(header("Vary"), "Accept-Encoding");
    }
}

static void what_the_browser_has_is_not_sent_again(void **state)
{
    (void)state;
    const struct asset *a = site_find(http->site, "index.html");
    char weak[64], several[128];
    snprintf(weak, sizeof(weak), "W/%s", a->etag);
    snprintf(several, sizeof(several), "\"0123\", %s", a->etag);
    const char *const known[] = {a->etag, weak, several, "*"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(GET("/", .if_none_match = known[i]), 304);
        assert_true(r.no_body);
        assert_string_equal(header("ETag"), a->etag);
        assert_string_equal(header("Vary"), "Accept-Encoding");
    }
    const char *const unknown[] = {"\"0123\"", "", a->gzip_etag};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(GET("/", .if_none_match = unknown[i]), 200);
        assert_false(r.no_body);
    }
    // each coding has a tag of its own
    assert_int_equal(GET("/", .if_none_match = a->gzip_etag, .accept_encoding = "gzip"), 304);
    assert_string_equal(header("ETag"), a->gzip_etag);
    assert_int_equal(GET("/", .if_none_match = a->etag, .accept_encoding = "gzip"), 200);
    assert_int_equal(ASK(.method = HTTP_HEAD, .path = "/", .if_none_match = a->etag), 304);
}

/* ---- reload --------------------------------------------------------------------------------------- */

static bool admits(const char *origin, struct http_response *refusal)
{
    struct http_request q = {.path = copy("/ws"), .host = copy("chat.example")};
    q.origin = copy(origin);
    bool ok = http_admit(http, &q, false, refusal);
    http_request_fini(&q);
    return ok;
}

static bool admitted(const char *origin)
{
    struct http_response refusal = {0};
    bool ok = admits(origin, &refusal);
    assert_int_equal(refusal.status, ok ? 0 : 403);
    http_response_fini(&refusal);
    return ok;
}

static void strange_pages_are_refused_with_a_reason(void **state)
{
    (void)state;
    assert_true(admitted(NULL));
    assert_true(admitted("https://chat.example"));
    assert_false(admits("https://evil.example", &r));
    assert_int_equal(r.status, 403);
    assert_problem("forbidden");
    assert_true(body_has("--origin"));
}

static void a_reload_swaps_files_and_origins(void **state)
{
    (void)state;
    char folder[] = "/tmp/hubbub-routes-XXXXXX", path[64], why[256],
         origin[] = "https://one.example";
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/index.html", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("<p>ours</p>", f);
    fclose(f);

    assert_int_equal(GET("/"), 200);
    struct http_response before = r; // still to be written when the reload comes
    r = (struct http_response){0};
    size_t len = before.body_len;
    char *origins[] = {origin};
    struct http_settings settings = {.web = folder, .origins = origins, .norigins = 1};
    assert_int_equal(http_reload(http, &settings, why, sizeof(why)), 0);
    rcu_barrier();
    memset(origin, 'x', strlen(origin)); // the settings were copied
    assert_int_equal(GET("/"), 200);
    assert_body("<p>ours</p>");
    assert_int_equal(GET("/chat.js"), 404);
    assert_true(admitted("https://one.example"));
    assert_false(admitted("https://chat.example"));
    assert_int_equal(before.body_len, len);
    assert_non_null(memmem(before.body, len, "<!", 2)); // ASan would know
    http_response_fini(&before);

    // one that fails changes nothing
    assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_not_equal(http_reload(http, &settings, why, sizeof(why)), 0);
    assert_non_null(strstr(why, folder));
    assert_int_equal(GET("/"), 200);
    assert_body("<p>ours</p>");
    assert_true(admitted("https://one.example"));
    assert_false(admitted("https://chat.example"));

    assert_int_equal(http_reload(http, &(struct http_settings){0}, why, sizeof(why)), 0);
    assert_int_equal(GET("/chat.js"), 200);
    assert_true(admitted("https://chat.example"));
}

static void without_its_files_it_does_not_begin(void **state)
{
    (void)state;
    char why[256] = "";
    struct http_settings settings = {.web = "/nonexistent"};
    assert_null(http_new(hub, relay, identities, NULL, &settings, why, sizeof(why)));
    assert_non_null(strstr(why, "/nonexistent"));
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

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
        IN_HOUSE(health_is_ok_until_the_drain),
        IN_HOUSE(every_metric_is_shown),
        IN_HOUSE(a_websocket_wants_an_upgrade),
        IN_HOUSE(each_route_has_its_method),
        IN_HOUSE(head_is_answered_as_get),
        IN_HOUSE(malformed_requests_are_refused),
        IN_HOUSE(the_page_has_several_addresses),
        IN_HOUSE(other_paths_have_nothing),
        IN_HOUSE(gzip_is_for_who_accepts_it),
        IN_HOUSE(what_the_browser_has_is_not_sent_again),
        IN_HOUSE(strange_pages_are_refused_with_a_reason),
        IN_HOUSE(a_reload_swaps_files_and_origins),
        IN_HOUSE(without_its_files_it_does_not_begin),
    };
    return RUN_TESTS(argc, argv, "routes", tests);
}
