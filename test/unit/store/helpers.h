/*
 * What tests of the store share: a directory that goes away, a store whose answers are tallied, and all
 * that it has kept as text, one line a record. The store's thread only tallies; the test asserts.
 */
#ifndef HUBBUB_TEST_STORE_HELPERS_H
#define HUBBUB_TEST_STORE_HELPERS_H

#include <support/pg_stage.h>
#include <support/test_main.h>

#include "records.h"
#include "store/store_private.h"

#include <ftw.h>
#include <hubbub/buf.h>
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEST_ANSWERS = 3 * STORE_BACKLOG, TEST_SECONDS = 60 };

/* Tests of a suite run on each database in turn: see SHOP_TESTS. */
static struct pg_stage *shop_postgres; /* NULL: SQLite */

struct shop {
    char parent[64], directory[96], file[128];
    char *url; /* of a database of its own in shop_postgres */
    struct store *store;

    pthread_mutex_t mu;
    pthread_cond_t cond;
    /* under mu */
    bool held;    /* answers wait until it is false */
    bool waiting; /* an answer does */
    size_t n;
    int err[TEST_ANSWERS];
    uintptr_t note[TEST_ANSWERS];
};

static inline void shop_done(void *arg, struct change *c, int err)
{
    struct shop *s = arg;
    pthread_mutex_lock(&s->mu);
    while (s->held) {
        s->waiting = true;
        pthread_cond_broadcast(&s->cond);
        pthread_cond_wait(&s->cond, &s->mu);
    }
    s->waiting = false;
    INSIST(s->n < TEST_ANSWERS);
    s->err[s->n] = err;
    s->note[s->n++] = (uintptr_t)c->note;
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->mu);
    c->note = NULL;
    change_free(c);
}

/* A directory for the store that isn't there yet, in one that is. */
static inline struct shop *shop_new(void)
{
    struct shop *s = xcalloc(1, sizeof *s);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->mu, NULL);
    pthread_cond_init(&s->cond, &monotonic);
    pthread_condattr_destroy(&monotonic);

    const char *tmp = getenv("TMPDIR");
    snprintf(s->parent, sizeof s->parent, "%s/hubbub-store-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(s->parent));
    snprintf(s->directory, sizeof s->directory, "%s/data", s->parent);
    snprintf(s->file, sizeof s->file, "%s/hubbub.db", s->directory);
    if (shop_postgres != NULL)
        s->url = pg_stage_database(shop_postgres);
    return s;
}

static inline int shop_remove(const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void)st;
    (void)what;
    (void)at;
    return remove(path);
}

static inline void shop_close(struct shop *s)
{
    if (s->store != NULL) {
        store_stop(s->store);
        store_free(s->store);
        s->store = NULL;
    }
}

static inline void shop_free(struct shop *s)
{
    shop_close(s);
    nftw(s->parent, shop_remove, 8, FTW_DEPTH | FTW_PHYS);
    if (s->url != NULL)
        pg_stage_drop(shop_postgres, s->url);
    pthread_cond_destroy(&s->cond);
    pthread_mutex_destroy(&s->mu);
    free(s);
}

/* Opens it without its thread. */
static inline void shop_open(struct shop *s)
{
    char why[512] = "";
    s->store = store_open(s->directory, s->url, why, sizeof why);
    assert_string_equal(why, "");
    assert_non_null(s->store);
}

static inline void shop_start(struct shop *s)
{
    if (s->store == NULL)
        shop_open(s);
    s->n = 0;
    assert_int_equal(store_start(s->store, shop_done, s), 0);
}

static inline struct shop *shop_started(void)
{
    struct shop *s = shop_new();
    shop_start(s);
    return s;
}

/* It is refused; what the line says. */
static inline void shop_refused(struct shop *s, const char *words)
{
    char why[512] = "";
    assert_null(store_open(s->directory, s->url, why, sizeof why));
    if (strstr(why, words) == NULL)
        fail_msg("want '%s' in '%s'", words, why);
    assert_null(strchr(why, '\n'));
}

static inline void shop_exec(struct shop *s, const char *sql)
{
    assert_int_equal(store_exec(s->store, sql), 0);
}

/* The next answers wait, in the store's thread, until they are let go. */
static inline void shop_hold(struct shop *s, bool held)
{
    pthread_mutex_lock(&s->mu);
    s->held = held;
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->mu);
}

static inline struct timespec shop_deadline(void)
{
    return clock_timespec(clock_now() + TEST_SECONDS * NS_PER_S);
}

static inline void shop_wait_held(struct shop *s)
{
    struct timespec end = shop_deadline();
    int err = 0;
    pthread_mutex_lock(&s->mu);
    while (!s->waiting && err == 0)
        err = pthread_cond_timedwait(&s->cond, &s->mu, &end);
    pthread_mutex_unlock(&s->mu);
    assert_int_equal(err, 0);
}

/* Until n answers have come since the start. */
static inline void shop_wait(struct shop *s, size_t n)
{
    struct timespec end = shop_deadline();
    int err = 0;
    pthread_mutex_lock(&s->mu);
    while (s->n < n && err == 0)
        err = pthread_cond_timedwait(&s->cond, &s->mu, &end);
    size_t got = s->n;
    pthread_mutex_unlock(&s->mu);
    assert_int_equal(got, n);
}

/* Answers from..to-1 were this, and came in the order their changes were posted in. */
static inline void shop_answers(struct shop *s, size_t from, size_t to, int err)
{
    pthread_mutex_lock(&s->mu);
    bool right = s->n >= to;
    for (size_t i = from; i < to && right; i++)
        right = s->err[i] == err && (i == from || s->note[i] == s->note[i - 1] + 1);
    pthread_mutex_unlock(&s->mu);
    assert_true(right);
}

static inline void shop_post(struct shop *s, struct change *c)
{
    assert_int_equal(store_post(s->store, &c), 0);
    assert_null(c);
}

/* Posts it and waits for its answer, which must be this. */
static inline void shop_put(struct shop *s, struct change *c, int err)
{
    size_t n = s->n;
    c->note = (void *)(n + 1);
    shop_post(s, c);
    shop_wait(s, n + 1);
    assert_int_equal(s->err[n], err);
    assert_int_equal(s->note[n], n + 1);
}

static inline bool shop_is_well(struct shop *s)
{
    char why[256];
    return store_healthy(s->store, why, sizeof why);
}

/* A condition that some other thread will make true. */
#define SHOP_UNTIL(condition)                                        \
    do {                                                             \
        int64_t end_ = clock_now() + TEST_SECONDS * NS_PER_S;        \
        while (!(condition)) {                                       \
            if (clock_now() > end_)                                  \
                fail_msg("not within a minute: %s", #condition);     \
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); \
        }                                                            \
    } while (0)

/* ---- what was said -------------------------------------------------------------------------------- */

/* "first 1: 1 u1 alice "hello" at 5, 👍 2; 2 …"; to be freed. */
static inline char *shop_history(struct shop *s, const char *room, uint64_t from, uint64_t to)
{
    struct buf b = BUF_INIT;
    struct history_page page;
    assert_int_equal(store_read(s->store, room, from, to, &page), 0);
    buf_printf(&b, "first %llu", (unsigned long long)page.first_kept);
    for (size_t i = 0; i < page.n; i++) {
        buf_add_str(&b, i == 0 ? ": " : "; ");
        show_message(&b, page.rows[i].message);
        for (uint32_t k = 0; k < page.rows[i].reactions.n; k++)
            buf_printf(&b, ", %s %u", page.rows[i].reactions.kinds[k].emoji,
                       page.rows[i].reactions.kinds[k].n);
    }
    history_page_fini(&page);
    return buf_take(&b, &(size_t){0});
}

static inline void shop_said(struct shop *s, const char *room, uint64_t from, uint64_t to,
                             const char *expected)
{
    char *text = shop_history(s, room, from, to);
    assert_string_equal(text, expected);
    free(text);
}

/* "den 1, pub 3": the best first. */
static inline int shop_search(struct shop *s, const char *room, const char *query,
                              struct found_page *out)
{
    return store_search(
        s->store,
        &(struct search){.room = room, .query = query, .limit = SEARCH_MAX, .after.ts = INT64_MAX},
        out);
}

static inline void shop_found(struct shop *s, const char *room, const char *query,
                              const char *expected)
{
    struct buf b = BUF_INIT;
    struct found_page page;
    assert_int_equal(shop_search(s, room, query, &page), 0);
    buf_add_str(&b, "");
    for (size_t i = 0; i < page.n; i++)
        buf_printf(&b, "%s%s %llu", i == 0 ? "" : ", ", page.rows[i].room,
                   (unsigned long long)page.rows[i].row.message->seq);
    found_page_fini(&page);
    assert_string_equal(b.data == NULL ? "" : b.data, expected);
    buf_fini(&b);
}

/* "den 3, pub 1": the newest first. after: what went before it, or NULL. The place of the last. */
static inline struct found_place shop_mentioned_after(struct shop *s, const char *user_id,
                                                      const struct found_place *after,
                                                      unsigned limit, const char *expected)
{
    static const struct found_place newest = {.ts = INT64_MAX};
    struct buf b = BUF_INIT;
    struct found_page page;
    struct found_place last = newest;
    after = after == NULL ? &newest : after;
    assert_int_equal(store_mentions(s->store, user_id, after, limit, &page), 0);
    buf_add_str(&b, "");
    for (size_t i = 0; i < page.n; i++) {
        const struct history_row *row = &page.rows[i].row;
        buf_printf(&b, "%s%s %llu", i == 0 ? "" : ", ", page.rows[i].room,
                   (unsigned long long)row->message->seq);
        for (uint32_t k = 0; k < row->reactions.n; k++)
            buf_printf(&b, " %s %u", row->reactions.kinds[k].emoji, row->reactions.kinds[k].n);
        last = (struct found_place){row->message->ts, page.rows[i].log, row->message->seq};
    }
    assert_true(page.more || page.n < limit);
    found_page_fini(&page);
    assert_string_equal(b.data == NULL ? "" : b.data, expected);
    buf_fini(&b);
    return last;
}

static inline void shop_mentioned(struct shop *s, const char *user_id, unsigned limit,
                                  const char *expected)
{
    shop_mentioned_after(s, user_id, NULL, limit, expected);
}

/* "den 3, pub 1 since 2": the latest change first. */
static inline void shop_marked(struct shop *s, const char *user_id, const char *expected)
{
    struct buf b = BUF_INIT;
    struct mark_page page;
    assert_int_equal(store_marks(s->store, user_id, &page), 0);
    buf_add_str(&b, "");
    for (size_t i = 0; i < page.n; i++) {
        buf_printf(&b, "%s%s %llu", i == 0 ? "" : ", ", page.rows[i].room,
                   (unsigned long long)page.rows[i].seq);
        if (page.rows[i].since > 0)
            buf_printf(&b, " since %llu", (unsigned long long)page.rows[i].since);
    }
    free(page.rows);
    assert_string_equal(b.data == NULL ? "" : b.data, expected);
    buf_fini(&b);
}

static inline void shop_head(struct shop *s, const char *room, const char *epoch, uint64_t first,
                             uint64_t last)
{
    struct log_head h;
    assert_int_equal(store_head(s->store, room, &h), 0);
    assert_true(h.exists);
    assert_string_equal(h.epoch, epoch);
    assert_int_equal(h.first, first);
    assert_int_equal(h.last, last);
}

static inline void shop_no_log(struct shop *s, const char *room)
{
    struct log_head h;
    assert_int_equal(store_head(s->store, room, &h), 0);
    assert_false(h.exists);
    assert_string_equal(h.epoch, "");
    assert_int_equal(h.first + h.last, 0);
    shop_said(s, room, 1, 10, "first 0");
}

/* The first value of a query, asked by another connection. */
static inline int64_t shop_count(struct shop *s, const char *query)
{
    sqlite3 *other;
    sqlite3_stmt *st;
    if (s->url != NULL)
        return pg_stage_number(s->url, query);
    assert_int_equal(sqlite3_open(s->file, &other), SQLITE_OK);
    sqlite3_busy_timeout(other, TEST_SECONDS * 1000);
    assert_int_equal(sqlite3_prepare_v2(other, query, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(other);
    return n;
}

/* Ends the store's thread, if it has one, and opens it again: what another life of the server would see. */
static inline void shop_kept_newest(struct shop *s, uint32_t ledger, const char *expected)
{
    struct buf b = BUF_INIT;
    shop_close(s);
    shop_open(s);
    buf_add_str(&b, "");
    assert_int_equal(store_load(s->store, ledger, show, &b), 0);
    char *text = buf_take(&b, &(size_t){0});
    assert_string_equal(text, expected);
    free(text);
}

static inline void shop_kept(struct shop *s, const char *expected)
{
    shop_kept_newest(s, 1000, expected);
}

/* ---- on both databases ---------------------------------------------------------------------------- */

/* Runs a suite with SQLite, then with a PostgreSQL of its own. -d sqlite or -d postgres: with that alone. */
static inline int shop_run(int argc, char **argv, const char *suite, const struct CMUnitTest *tests,
                           size_t n)
{
    const char *only = argc > 2 && strcmp(argv[1], "-d") == 0 ? argv[2] : NULL;
    int failed = 0;
    char title[64];
    if (only != NULL) {
        argv[2] = argv[0];
        argc -= 2;
        argv += 2;
    }
    if (only == NULL || strcmp(only, "sqlite") == 0)
        failed = run_tests(argc, argv, suite, tests, n, NULL, NULL);
    if (only != NULL && strcmp(only, "postgres") != 0)
        return failed;
    snprintf(title, sizeof title, "%s in PostgreSQL", suite);
    shop_postgres = pg_stage_start();
    optind = 1;
    failed += run_tests(argc, argv, title, tests, n, NULL, NULL);
    pg_stage_stop(shop_postgres);
    shop_postgres = NULL;
    return failed;
}

#define SHOP_TESTS(argc, argv, suite, tests) \
    shop_run(argc, argv, suite, tests, sizeof(tests) / sizeof(tests)[0])

#endif
