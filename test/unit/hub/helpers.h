/* What the tests of rooms that people run share: a kept room with somebody of each rank in it, an operator
 * outside, and short words for what they ask. */
#ifndef HUBBUB_HUB_HELPERS_H
#define HUBBUB_HUB_HELPERS_H

#include <support/stage.h>

#include <hubbub/mem.h>
#include <hubbub/room.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPERATOR_ID "u-op"

static char operator_id[] = OPERATOR_ID;
static char *operators[] = {operator_id};
static const struct settings usual = {.max_rooms = 1000,
                                      .max_rooms_per_client = 100,
                                      .notice_limit = 1000,
                                      .open_rooms = true,
                                      .history_memory = 256,
                                      .history_memory_bytes = 1 << 18,
                                      .edit_window_ms = INT64_MAX,
                                      .delete_window_ms = INT64_MAX,
                                      .operators = operators,
                                      .noperators = 1};

/* ---- asking ---------------------------------------------------------------------------------------- */

/* All of these have the id "1". */
static inline void act(struct probe *p, enum request_type type, const char *room, const char *user)
{
    ask(p, about(p, type, room, user));
}

static inline void act_why(struct probe *p, enum request_type type, const char *room,
                           const char *user, const char *reason, int64_t seconds)
{
    struct event *e = about(p, type, room, user);
    e->request.args->reason = xstrdup(reason);
    e->request.args->seconds = seconds;
    ask(p, e);
}

static inline void act_on_entry(struct probe *p, enum request_type type, const char *room,
                                uint64_t entry)
{
    struct event *e = about(p, type, room, NULL);
    e->request.args->entry = entry;
    ask(p, e);
}

static inline void make(struct probe *p, const char *room, const char *user, enum rank rank)
{
    struct event *e = about(p, REQUEST_ROLE, room, user);
    e->request.args->role = rank;
    ask(p, e);
}

static inline void take_back(struct probe *p, const char *room, uint64_t seq)
{
    struct event *e = about(p, REQUEST_DELETE, room, NULL);
    e->request.args->seq = seq;
    ask(p, e);
}

/* create or update with one setting; the hash is what a reader would have made of a password. */
static inline struct event *with(struct probe *p, enum request_type type, const char *room)
{
    struct event *e = about(p, type, room, NULL);
    e->request.args->title = xstrdup("");
    e->request.args->topic = xstrdup("");
    return e;
}

static inline void create(struct probe *p, const char *room, enum visibility visibility,
                          const char *hash)
{
    struct event *e = with(p, REQUEST_CREATE, room);
    e->request.args->given = ROOM_VISIBILITY;
    e->request.args->visibility = visibility;
    if (hash != NULL) {
        e->request.args->given |= ROOM_PASSWORD;
        e->request.args->password_hash = xstrdup(hash);
    }
    ask(p, e);
}

/* A join with what a reader has proved, or with a code; NULL: without. */
static inline void knock(struct probe *p, const char *room, const char *hash, const char *code)
{
    struct event *e = about(p, REQUEST_JOIN, room, NULL);
    e->request.stay = true;
    if (hash != NULL) {
        e->request.args->password = xstrdup("");
        e->request.args->password_hash = xstrdup(hash);
    }
    if (code != NULL)
        strcpy(e->request.args->invite, code);
    ask(p, e);
}

/* Asks for a code, and returns it; user NULL: for anybody. */
static inline const char *invite(struct probe *p, const char *room, const char *user)
{
    static char code[INVITE_MAX + 1];
    probe_skip(p);
    act(p, REQUEST_INVITE, room, user);
    const char *text = probe_next(p, clock_now() + STAGE_PATIENCE);
    assert_non_null(text);
    const char *at = strstr(text, "\"invite\":\"");
    if (at == NULL)
        fail_msg("no code in %s", text);
    snprintf(code, sizeof(code), "%s", at + 10);
    return code;
}

/* ---- seeing ---------------------------------------------------------------------------------------- */

#define EXPECT_OK(p) EXPECT(p, "{'type':'ok','id':'1',*}")
#define EXPECT_REFUSED(p, code) EXPECT(p, "{'type':'error','id':'1','code':'" code "','message':*}")

/* Passes over what comes before: a reply may be ahead of what the room is told, or behind it. */
static inline void find_answer(struct probe *p, const char *pattern, const char *file, int line)
{
    const char *text;
    char seen[1024] = "";
    while ((text = probe_next(p, DEADLINE_NOW)) != NULL) {
        if (text_matches(pattern, text))
            return;
        snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "\n  %.200s", text);
    }
    print_error("expected %s\namong %s\n", pattern, seen);
    _fail(file, line);
}
#define FIND(p, pattern) find_answer(p, pattern, __FILE__, __LINE__)
#define FIND_OK(p) FIND(p, "{'type':'ok','id':'1',*}")
#define FIND_REFUSED(p, code) FIND(p, "{'type':'error','id':'1','code':'" code "','message':*}")

/* What was asked first came first. */
static inline void hush(struct probe *const *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        probe_skip(p[i]);
}

/* ---- a house --------------------------------------------------------------------------------------- */

/* Somebody of each rank, the names of which are their names too: user ids "u-guest" to "u-op". */
struct house {
    struct stage stage;
    struct probe *of[RANK_COUNT]; /* all in the room "den", kept, but for the operator */
};

static inline struct probe *resident(struct stage *s, enum rank rank)
{
    char user_id[32];
    snprintf(user_id, sizeof(user_id), "u-%s", rank == RANK_OPERATOR ? "op" : rank_name(rank));
    return stage_enter_as(s, DIALECT_FULL, user_id, rank_name(rank));
}

static inline void quiet(struct house *h)
{
    hush(h->of, RANK_COUNT);
}

static inline void furnish(struct house *h)
{
    for (int rank = 0; rank < RANK_COUNT; rank++)
        h->of[rank] = resident(&h->stage, (enum rank)rank);
    create(h->of[RANK_OWNER], "den", VISIBILITY_PUBLIC, NULL);
    for (int rank = RANK_MEMBER; rank < RANK_OWNER; rank++)
        make(h->of[RANK_OWNER], "den", rank_name((enum rank)rank), (enum rank)rank);
    for (int rank = 0; rank < RANK_OPERATOR; rank++)
        join_too(h->of[rank], "den", NULL);
    quiet(h);
}

static inline void house_init(struct house *h)
{
    stage_init(&h->stage, &usual);
    furnish(h);
}

static inline void house_fini(struct house *h)
{
    stage_fini(&h->stage);
}

/* ---- a door ----------------------------------------------------------------------------------------- */

struct door {
    struct stage stage;
    struct probe *owner, *bob;
};

/* A room of alice's with this lock; bob outside. */
static inline void door_init(struct door *d, enum visibility visibility, const char *hash)
{
    stage_init(&d->stage, &usual);
    d->owner = stage_enter_as(&d->stage, DIALECT_FULL, "u-alice", "alice");
    d->bob = stage_enter_as(&d->stage, DIALECT_FULL, "u-bob", "bob");
    create(d->owner, "den", visibility, hash);
    probe_skip(d->owner);
    probe_skip(d->bob);
}

#endif
