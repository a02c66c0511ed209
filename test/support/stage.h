/*
 * A hub with members but without sockets: each is a session whose outbox the test itself empties.
 *
 *     struct stage s;
 *     stage_init(&s, NULL);
 *     struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
 *     EXPECT(alice, "{'type':'welcome',*}");
 *     stage_fini(&s);
 *
 * All of it runs on the test's own thread, which must be registered with RCU: use RUN_STAGED.
 */
#ifndef HUBBUB_TEST_STAGE_H
#define HUBBUB_TEST_STAGE_H

#include "support/test_main.h"

#include <hubbub/clock.h>
#include <hubbub/hub.h>
#include <hubbub/outbox.h>
#include <hubbub/store.h>
#include <stdbool.h>

enum { STAGE_SEND_QUEUE = 256, PROBE_LIMIT = 100000 };

/* For what takes a second at most, on a machine that is busy with something else. */
#define STAGE_PATIENCE (60 * NS_PER_S)

struct stage {
    struct hub *hub;
    struct relay *relay;
    struct settings *settings; /* as at the start */
    struct store *store;       /* NULL: nothing is kept */
    char directory[128];       /* of the store; "": none */
    struct probe **probes;
    size_t n;
};

struct probe {
    struct stage *stage;
    struct outbox outbox;
    struct session *session; /* NULL once it has left */
    struct frame *frame;     /* taken, and read as far as `at` */
    size_t at;
    struct buf text; /* the latest message */
    char id[SESSION_ID_MAX + 1], user_id[USER_ID_MAX + 1];
    uint32_t released; /* atomic: times that the session was freed */
};

/* settings NULL: generous ones. */
void stage_init(struct stage *s, const struct settings *settings);
/* Whoever is still there leaves; the hub must then be empty, and every session freed once. */
void stage_fini(struct stage *s);
/* The same with a store in a directory of its own, in which `before` (taken, may be NULL) is kept already. */
void stage_init_kept(struct stage *s, const struct settings *settings, struct change *before);
/* Everybody leaves; then another server's life begins, with what was kept. */
void stage_restart(struct stage *s);
/* Whether the disk takes what is written. */
void stage_disk(struct stage *s, bool well);
void stage_settings(struct stage *s, const struct settings *settings);
void stage_drain(struct stage *s, int64_t drain_ns);

/* Who comes; what is left out is as usual. */
struct visitor {
    enum dialect dialect;
    const char *user_id; /* NULL: somebody new */
    const char *username;
    const char *address; /* NULL: "" */
    bool local;
    struct grants *grants; /* taken */
    uint32_t limit;        /* of the outbox, and its patience */
    int64_t patience;
};
struct probe *stage_enter_with(struct stage *s, const struct visitor *v);
struct probe *stage_enter(struct stage *s, enum dialect dialect, const char *username);
/* The same with an outbox of its own size and patience. */
struct probe *stage_enter_slow(struct stage *s, enum dialect dialect, const char *username,
                               uint32_t limit, int64_t patience);
/* Another session of this user. */
struct probe *stage_enter_as(struct stage *s, enum dialect dialect, const char *user_id,
                             const char *username);
/* Somebody new, on the way into this room. */
struct probe *stage_member(struct stage *s, enum dialect dialect, const char *username,
                           const char *room);
void probe_leave(struct probe *p);             /* its connection ends */
const char *probe_name(const struct probe *p); /* as the hub made it unique */

/* To the hub; what a reader would wait for is waited for. Takes the event. */
void stage_post(struct stage *s, struct event *e);

/* What members ask for. room NULL: none given; id NULL: no reply wanted. */
void join(struct probe *p, const char *room, const char *id);
void join_too(struct probe *p, const char *room, const char *id); /* and stay in the others */
void part(struct probe *p, const char *room, const char *id);
/* Both join this room, too, and have read all that came of it. */
void meet(struct probe *a, struct probe *b, const char *room);
void say(struct probe *p, const char *room, const char *content, const char *id);
void type(struct probe *p, const char *room, bool paused, const char *id);

/* A request to be filled in and asked; about() has args and the id "1". */
struct event *request(struct probe *p, enum request_type type, const char *room, const char *id);
struct event *about(struct probe *p, enum request_type type, const char *room, const char *user);
void ask(struct probe *p, struct event *e);

/* The next message; valid until the next call. Waits for what was posted before, and then until the
 * deadline; NULL when there is none, or the outbox is closed. */
const char *probe_next(struct probe *p, int64_t deadline);
/* Takes all there is; returns how many messages. */
unsigned probe_skip(struct probe *p);

/* Patterns are JSON with ' for ", in which * stands for any text. */
bool text_matches(const char *pattern, const char *text);
void probe_expect(struct probe *p, const char *pattern, int64_t deadline, const char *file,
                  int line);
void probe_expect_nothing(struct probe *p, const char *file, int line);
void probe_expect_closed(struct probe *p, uint16_t code, const char *file, int line);

#define EXPECT(p, pattern) probe_expect(p, pattern, DEADLINE_NOW, __FILE__, __LINE__)
#define EXPECT_SOON(p, pattern) \
    probe_expect(p, pattern, clock_now() + STAGE_PATIENCE, __FILE__, __LINE__)
#define EXPECT_NOTHING(p) probe_expect_nothing(p, __FILE__, __LINE__)
#define EXPECT_CLOSED(p, code) probe_expect_closed(p, code, __FILE__, __LINE__) /* soon */
#define EXPECT_MATCH(pattern, t) assert_true(text_matches(pattern, t))

int stage_enter_group(void **state);
int stage_leave_group(void **state);

#define RUN_STAGED(argc, argv, name, tests)                                                 \
    run_tests(argc, argv, name, tests, sizeof(tests) / sizeof(tests)[0], stage_enter_group, \
              stage_leave_group)

#endif
