/* A house with a hub that runs, two people and a web side, and how it is asked. All on the test's thread. */
#ifndef HUBBUB_UNIT_HTTP_HOUSE_H
#define HUBBUB_UNIT_HTTP_HOUSE_H

#include <support/test_main.h>

#include "http/http_private.h"

#include <hubbub/mem.h>
#include <hubbub/outbox.h>
#include <hubbub/room.h>
#include <hubbub/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static inline void post(struct event *e)
{
    assert_int_equal(hub_post(hub, &e, DEADLINE_NEVER), 0);
}

static inline void person_init(struct person *p, const char *name)
{
    outbox_init(&p->outbox, NULL, NULL, NULL, 1000, 0);
    p->session = session_new(DIALECT_FULL, name, name, &p->outbox); // the user id is the name
    strcpy(p->id, p->session->id);
    struct event *e = event_new(EVENT_REGISTER);
    e->session = p->session;
    post(e);
}

static inline void person_leaves(struct person *p)
{
    struct event *e = event_new(EVENT_UNREGISTER);
    e->session = p->session;
    post(e);
}

static inline int open_house(void **state)
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
                                                   .history_memory = 64,
                                                   .history_memory_bytes = 65536,
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

static inline int close_house(void **state)
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
    const char *authorization, *cookie, *address;
    bool too_large, malformed;
};

static inline char *copy(const char *s)
{
    return s == NULL ? NULL : xstrdup(s);
}

static inline int ask(struct ask a)
{
    struct http_request q = {.method = a.method,
                             .path = copy(a.path),
                             .args = {copy(a.arg), copy(a.arg2)},
                             .host = copy("chat.example"),
                             .accept_encoding = copy(a.accept_encoding),
                             .if_none_match = copy(a.if_none_match),
                             .authorization = copy(a.authorization),
                             .cookie = copy(a.cookie),
                             .address = a.address,
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

static inline const char *header(const char *name)
{
    for (int i = 0; i < HTTP_MAX_HEADERS && r.headers[i].name != NULL; i++)
        if (strcmp(r.headers[i].name, name) == 0)
            return r.headers[i].value;
    return "";
}

static inline void assert_body(const char *expected)
{
    char *body = xmalloc(r.body_len + 1);
    memcpy(body, r.body, r.body_len);
    body[r.body_len] = '\0';
    assert_string_equal(body, expected);
    free(body);
}

static inline bool body_has(const char *text)
{
    return memmem(r.body, r.body_len, text, strlen(text)) != NULL;
}

static inline void assert_problem(const char *code)
{
    char expected[128];
    snprintf(expected, sizeof(expected), "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
    if (!body_has(expected))
        fail_msg("'%.*s' is not the problem %s", (int)r.body_len, (const char *)r.body, code);
    assert_string_equal(r.type, "application/json");
    assert_string_equal(header("Cache-Control"), "no-store");
}

static inline int call(const char *path, const struct person *p, const char *room)
{
    char body[256];
    snprintf(body, sizeof(body), "{\"session\":\"%s\",\"room\":\"%s\"}", p->id, room);
    return ASK(.method = HTTP_POST, .path = path, .body = body);
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

#endif
