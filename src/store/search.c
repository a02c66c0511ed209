/* Looking for words: any thread that may block; one at a time, the others wait. A connection of its own that only
 * reads.
 *
 * The index lags behind by a second or so (words.c). What it lacks, the latest messages, goes into a small index in
 * memory first, which belongs to the connection and is asked like the other one. */
#include "store/db.h"

#include <hubbub/buf.h>
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <hubbub/query.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LATEST = 1000, /* messages that the index may lack; of more, it is being made, the newest */
    PATIENCE_S =
        1, /* with the time that others take before it: whoever asks has other things to do */
    LOOK_STEPS = 10000, /* of SQLite's machine, between two looks at the clock */
};

/* ?2, ?3: only keys between. Of a page, best first and then newest. */
#define SQL_FOUND(score, table)                                                        \
    "SELECT " SQL_MESSAGE ", room FROM (SELECT m.id AS found, m.ts AS said_at, " score \
    " AS score FROM " table " w JOIN messages m ON m.id = w.rowid JOIN logs l"         \
    " ON l.log = m.id >> 40 WHERE " table " MATCH ?1 AND w.rowid BETWEEN ?2 AND ?3"    \
    " AND l.room IS NOT NULL ORDER BY score, said_at DESC, found DESC LIMIT ?4)"       \
    " JOIN messages ON id = found JOIN logs ON log = id >> 40"                         \
    " ORDER BY score, said_at DESC, found DESC"

#define SEARCH_STATEMENTS(X)                                                                \
    X(BEGIN, "BEGIN")                                                                       \
    X(END, "ROLLBACK")                                                                      \
    X(LOG, "SELECT log FROM logs WHERE room = ?1")                                          \
    X(CLEAR, "DELETE FROM latest")                                                          \
    X(MARK, "SELECT ts, id FROM words_mark")                                                \
    X(FILL, "INSERT INTO latest (rowid, text) SELECT id, text FROM said WHERE id IN"        \
            " (SELECT id FROM messages WHERE (ts, id) > (?5, ?6) AND +id BETWEEN ?2 AND ?3" \
            " ORDER BY ts DESC, id DESC LIMIT ?4) ORDER BY id")                             \
    X(LATEST, SQL_FOUND("0", "latest"))                                                     \
    X(WORDS, SQL_FOUND("bm25(words)", "words"))                                             \
    X(REACTIONS, "SELECT user_id, emoji FROM reactions WHERE message = ?1 ORDER BY at")

enum {
#define X(name, text) SEARCH_##name,
    SEARCH_STATEMENTS(X)
#undef X
        NSEARCHES
};

static const char *const TEXTS[NSEARCHES] = {
#define X(name, text) text,
    SEARCH_STATEMENTS(X)
#undef X
};

struct searcher {
    pthread_mutex_t mu;
    sqlite3 *sql;
    sqlite3_stmt *st[NSEARCHES];
    int64_t until; /* of the present search */
};

/* ---- the connection ------------------------------------------------------------------------------ */

static int is_late(void *arg)
{
    const struct searcher *s = arg;
    return clock_now() > s->until;
}

static int open_all(struct searcher *s, const char *path)
{
    int code = sqlite3_open_v2(path, &s->sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(s->sql, BUSY_MS);
    if (code == SQLITE_OK)
        code = sqlite3_exec(s->sql,
                            "PRAGMA temp_store = MEMORY; CREATE VIRTUAL TABLE temp.latest USING"
                            " fts5 (text, tokenize = 'unicode61 remove_diacritics 2')",
                            NULL, NULL, NULL);
    for (int i = 0; i < NSEARCHES && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v3(s->sql, TEXTS[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL);
    return code;
}

void searcher_close(struct searcher *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < NSEARCHES; i++)
        sqlite3_finalize(s->st[i]);
    INSIST(sqlite3_close(s->sql) == SQLITE_OK);
    pthread_mutex_destroy(&s->mu);
    free(s);
}

struct searcher *searcher_open(const char *path, char *why, size_t space)
{
    struct searcher *s = xcalloc(1, sizeof *s);
    pthread_mutex_init(&s->mu, NULL);
    if (open_all(s, path) == SQLITE_OK) {
        sqlite3_progress_handler(s->sql, LOOK_STEPS, is_late, s);
        return s;
    }
    snprintf(why, space, "cannot use %s: %s", path, sqlite3_errmsg(s->sql));
    searcher_close(s);
    return NULL;
}

/* ---- one search ---------------------------------------------------------------------------------- */

/* In FTS5's language, where a string in quotes is just that, and what stands side by side must all be there. */
static void add_expression(struct buf *to, const char *query)
{
    struct query_word words[QUERY_WORDS];
    size_t n = query_words(query, words);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(to, "\"");
        buf_add(to, words[i].text, words[i].len);
        buf_add_str(to, words[i].open ? "\" * " : "\" ");
    }
    buf_add(to, "", 1);
}

static int failed(struct searcher *s, int code)
{
    if ((code & 0xff) == SQLITE_INTERRUPT)
        return ERR_TIMEOUT;
    log_error("store: cannot be searched", LOG_STR("error", sqlite3_errmsg(s->sql)));
    return ERR_SYSTEM;
}

/* One that gives no row. */
static int run(struct searcher *s, int statement)
{
    int code = sqlite3_step(s->st[statement]);
    int err = code == SQLITE_DONE ? 0 : failed(s, code);
    sqlite3_reset(s->st[statement]);
    return err;
}

static int read_reactions(struct searcher *s, int64_t key, struct reactions *to)
{
    sqlite3_stmt *st = s->st[SEARCH_REACTIONS];
    sqlite3_bind_int64(st, 1, key);
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        const char *user_id = (const char *)sqlite3_column_text(st, 0),
                   *emoji = (const char *)sqlite3_column_text(st, 1);
        if (user_id != NULL && emoji != NULL)
            reactions_set(to, emoji, user_mark(user_id), true);
    }
    int err = code == SQLITE_DONE ? 0 : failed(s, code);
    sqlite3_reset(st);
    return err;
}

/* The row that the statement is at. */
static int take_row(struct searcher *s, sqlite3_stmt *st, struct found_page *page, size_t *bytes)
{
    struct found_row *f = &page->rows[page->n];
    const char *room = (const char *)sqlite3_column_text(st, MESSAGE_COLUMNS);
    *f = (struct found_row){.row.message = message_of_row(st)};
    if (f->row.message == NULL || room == NULL)
        return failed(s, SQLITE_NOMEM);
    snprintf(f->room, sizeof f->room, "%s", room);
    page->n++;
    *bytes += message_size(f->row.message);
    return read_reactions(s, sqlite3_column_int64(st, 0), &f->row.reactions);
}

/* Those that one of the indexes has, behind those that are there. */
static int find(struct searcher *s, int statement, const char *expression, unsigned limit,
                struct found_page *page, size_t *bytes)
{
    sqlite3_stmt *st = s->st[statement];
    int code = SQLITE_DONE, err = 0;
    sqlite3_bind_text(st, 1, expression, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 4, (int64_t)(limit - page->n));
    while (err == 0 && page->n < limit && *bytes < FOUND_BYTES &&
           (code = sqlite3_step(st)) == SQLITE_ROW)
        err = take_row(s, st, page, bytes);
    if (err == 0 && code != SQLITE_ROW && code != SQLITE_DONE)
        err = failed(s, code);
    page->more = page->n == limit || *bytes >= FOUND_BYTES;
    sqlite3_reset(st);
    return err;
}

/* Which keys count; none when there is no such room. */
static int bind_range(struct searcher *s, const char *room)
{
    int64_t first = 0, last = INT64_MAX;
    if (room != NULL) {
        sqlite3_stmt *st = s->st[SEARCH_LOG];
        sqlite3_bind_text(st, 1, room, -1, SQLITE_STATIC);
        int code = sqlite3_step(st);
        int64_t log = code == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
        sqlite3_reset(st);
        if (code != SQLITE_ROW && code != SQLITE_DONE)
            return failed(s, code);
        first = message_key(log, 0);
        last = message_key(log, SEQ_MAX);
    }
    const int ranged[] = {SEARCH_FILL, SEARCH_LATEST, SEARCH_WORDS};
    for (size_t i = 0; i < sizeof ranged / sizeof ranged[0]; i++) {
        sqlite3_bind_int64(s->st[ranged[i]], 2, first);
        sqlite3_bind_int64(s->st[ranged[i]], 3, last);
    }
    return 0;
}

/* What is behind the mark, into the index in memory. */
static int fill(struct searcher *s)
{
    sqlite3_stmt *mark = s->st[SEARCH_MARK], *st = s->st[SEARCH_FILL];
    int code = sqlite3_step(mark);
    sqlite3_bind_int64(st, 4, LATEST);
    sqlite3_bind_int64(st, 5, code == SQLITE_ROW ? sqlite3_column_int64(mark, 0) : 0);
    sqlite3_bind_int64(st, 6, code == SQLITE_ROW ? sqlite3_column_int64(mark, 1) : 0);
    int err = code == SQLITE_ROW ? run(s, SEARCH_CLEAR) : failed(s, code);
    sqlite3_reset(mark);
    return err != 0 ? err : run(s, SEARCH_FILL);
}

/* All of it as it was at one moment. */
static int look(struct searcher *s, const char *room, const char *expression, unsigned limit,
                struct found_page *page)
{
    size_t bytes = 0;
    int err = bind_range(s, room);
    if (err == 0)
        err = fill(s);
    if (err == 0)
        err = find(s, SEARCH_LATEST, expression, limit, page, &bytes);
    if (err == 0)
        err = find(s, SEARCH_WORDS, expression, limit, page, &bytes);
    return err;
}

/* 0 or ERR_TIMEOUT. */
static int lock(struct searcher *s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    return pthread_mutex_timedlock(&s->mu, &until) == 0 ? 0 : ERR_TIMEOUT;
}

int searcher_find(struct searcher *s, const char *room, const char *query, unsigned limit,
                  struct found_page *out)
{
    struct found_page page = {.rows = xmalloc((limit + 1) * sizeof page.rows[0])};
    struct buf expression = BUF_INIT;
    add_expression(&expression, query);
    int64_t begun = clock_now();
    int err = 0;
    if (expression.data[0] != '\0' && (err = lock(s)) == 0) {
        int64_t until = begun + PATIENCE_S * NS_PER_S;
        s->until = until;
        err = run(s, SEARCH_BEGIN);
        if (err == 0)
            err = look(s, room, expression.data, limit, &page);
        s->until = INT64_MAX;
        if (!sqlite3_get_autocommit(s->sql))
            run(s, SEARCH_END);
        pthread_mutex_unlock(&s->mu);
    }
    buf_fini(&expression);
    if (err == 0)
        *out = page;
    else
        found_page_fini(&page);
    return err;
}
