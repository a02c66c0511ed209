/* Every route as a reader asks for it: health, metrics, methods, files; and what a reload changes. */
#include "house.h"

#include <hubbub/metrics.h>
#include <unistd.h>

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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
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
