/* Looking for words: any thread that may block; one at a time, the others wait. A connection of its own that only
 * reads.
 *
 * The index lags behind by a second or so (words.c). What it lacks, the latest messages, goes into a small index in
 * memory first, which belongs to the connection and is asked like the other one.
 *
 * Newest first, and never by how often a word is said: that would tell about rooms that one may not read. The index has
 * its rows by room and number, so of one room they come as they are wanted. Of all rooms, those of words that few have
 * are sorted; else the messages are gone through, from the newest on, until there are enough. */
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

enum {
    LATEST = 20000, /* messages that the index may lack; of more, it is being made, the newest */
    FEW = 20000,
    PATIENCE_S = 1,
    LOOK_STEPS = 10000, /* of SQLite's machine, between two looks at the clock */
};

/* Of one room; ?2, ?3: only keys between. */
#define SQL_KEYS(table) \
    "SELECT rowid AS found FROM " table " WHERE " table " MATCH ?1 AND rowid BETWEEN ?2 AND ?3"
/* Of all rooms; ?2, ?3: only what is older, by time and key; ?5: but for these logs. */
#define SQL_READABLE                                                  \
    " IN (SELECT log FROM logs WHERE room IS NOT NULL AND log NOT IN" \
    " (SELECT value FROM json_each(?5)))"
#define SQL_SORTED(table)                                                           \
    "SELECT " SQL_MESSAGE ", room FROM (SELECT m.id AS found, m.ts AS said_at FROM" \
    " " table " w CROSS JOIN messages m ON m.id = w.rowid WHERE " table " MATCH ?1" \
    " AND (m.ts, m.id) < (?2, ?3) AND m.id >> 40" SQL_READABLE                      \
    " ORDER BY said_at DESC, found DESC LIMIT ?4)"                                  \
    " JOIN messages ON id = found JOIN logs ON log = id >> 40"                      \
    " ORDER BY said_at DESC, found DESC"

#define SEARCH_STATEMENTS(X)                                                                 \
    X(BEGIN, "BEGIN")                                                                        \
    X(END, "ROLLBACK")                                                                       \
    X(LOG, "SELECT log FROM logs WHERE room = ?1")                                           \
    X(CLEAR, "DELETE FROM latest")                                                           \
    X(MARK, "SELECT ts, id FROM words_mark")                                                 \
    X(FILL, "INSERT INTO latest (rowid, text) SELECT id, text FROM said WHERE id IN"         \
            " (SELECT id FROM messages WHERE (ts, id) > (?5, ?6) AND +id BETWEEN ?2 AND ?3"  \
            " ORDER BY ts DESC, id DESC LIMIT ?4) ORDER BY id")                              \
    X(ROOM, "SELECT " SQL_MESSAGE ", room FROM (" SQL_KEYS("latest") " UNION ALL " SQL_KEYS( \
                "words") " ORDER BY found DESC LIMIT ?4) JOIN messages ON id = found"        \
                         " JOIN logs ON log = id >> 40 ORDER BY found DESC")                 \
    X(LATEST, SQL_SORTED("latest"))                                                          \
    X(COUNT, "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ?1 LIMIT ?2)")     \
    X(SOME, SQL_SORTED("words"))                                                             \
    X(MANY, "SELECT " SQL_MESSAGE ", room FROM (SELECT m.id AS found, m.ts AS said_at"       \
            " FROM messages m INDEXED BY messages_by_ts WHERE (m.ts, m.id) < (?2, ?3)"       \
            " AND m.id >> 40" SQL_READABLE " AND EXISTS (SELECT 1 FROM words WHERE words"    \
            " MATCH ?1 AND rowid = m.id) ORDER BY m.ts DESC, m.id DESC LIMIT ?4)"            \
            " JOIN messages ON id = found JOIN logs ON log = id >> 40")                      \
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
    static int64_t next;
    if (log_seldom(&next))
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
    int64_t key = sqlite3_column_int64(st, 0);
    *f = (struct found_row){.log = (uint64_t)key_log(key), .row.message = message_of_row(st)};
    if (f->row.message == NULL || room == NULL)
        return failed(s, SQLITE_NOMEM);
    snprintf(f->room, sizeof f->room, "%s", room);
    int err = read_reactions(s, key, &f->row.reactions);
    page->n++;
    *bytes += message_size(f->row.message);
    if (err != 0)
        found_page_cut(page, page->n - 1);
    return err;
}

/* One search. */
struct looking {
    const struct search *x;
    const char *expression;
    struct buf without; /* JSON */
    size_t bytes;
    struct found_page page;
};

/* Those that the statement finds, behind those that are there. */
static int find(struct searcher *s, int statement, int64_t from, int64_t to, struct looking *k)
{
    sqlite3_stmt *st = s->st[statement];
    struct found_page *page = &k->page;
    int code = SQLITE_DONE, err = 0;
    sqlite3_bind_text(st, 1, k->expression, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, from);
    sqlite3_bind_int64(st, 3, to);
    sqlite3_bind_int64(st, 4, (int64_t)(k->x->limit - page->n));
    if (statement != SEARCH_ROOM)
        sqlite3_bind_text(st, 5, k->without.data, -1, SQLITE_STATIC);
    while (err == 0 && page->n < k->x->limit && k->bytes < FOUND_BYTES &&
           (code = sqlite3_step(st)) == SQLITE_ROW)
        err = take_row(s, st, page, &k->bytes);
    if (err == 0 && code != SQLITE_ROW && code != SQLITE_DONE)
        err = failed(s, code);
    page->more = page->n == k->x->limit || k->bytes >= FOUND_BYTES;
    sqlite3_reset(st);
    return err;
}

/* 0: there is no such room. */
static int find_log(struct searcher *s, const char *room, int64_t *log)
{
    sqlite3_stmt *st = s->st[SEARCH_LOG];
    sqlite3_bind_text(st, 1, room, -1, SQLITE_STATIC);
    int code = sqlite3_step(st);
    *log = code == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failed(s, code);
}

/* What is behind the mark, into the index in memory: only keys between. */
static int fill(struct searcher *s, int64_t first, int64_t last, bool *partial)
{
    sqlite3_stmt *mark = s->st[SEARCH_MARK], *st = s->st[SEARCH_FILL];
    int code = sqlite3_step(mark);
    sqlite3_bind_int64(st, 2, first);
    sqlite3_bind_int64(st, 3, last);
    sqlite3_bind_int64(st, 4, LATEST);
    sqlite3_bind_int64(st, 5, code == SQLITE_ROW ? sqlite3_column_int64(mark, 0) : 0);
    sqlite3_bind_int64(st, 6, code == SQLITE_ROW ? sqlite3_column_int64(mark, 1) : 0);
    int err = code == SQLITE_ROW ? run(s, SEARCH_CLEAR) : failed(s, code);
    sqlite3_reset(mark);
    if (err == 0)
        err = run(s, SEARCH_FILL);
    *partial = err == 0 && sqlite3_changes(s->sql) >= LATEST;
    return err;
}

static int look_in_room(struct searcher *s, struct looking *k)
{
    int64_t log;
    int err = find_log(s, k->x->room, &log);
    if (err != 0 || log == 0)
        return err;
    bool all = k->x->after.ts == INT64_MAX;
    int64_t first = message_key(log, 0),
            last = message_key(log, all ? SEQ_MAX : k->x->after.seq) - (all ? 0 : 1);
    err = fill(s, first, last, &k->page.partial);
    return err != 0 ? err : find(s, SEARCH_ROOM, first, last, k);
}

/* The last statement to ask: have few messages these words? */
static int choose(struct searcher *s, const struct looking *k, int *statement)
{
    sqlite3_stmt *st = s->st[SEARCH_COUNT];
    sqlite3_bind_text(st, 1, k->expression, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, FEW + 1);
    int code = sqlite3_step(st);
    *statement =
        code == SQLITE_ROW && sqlite3_column_int64(st, 0) > FEW ? SEARCH_MANY : SEARCH_SOME;
    sqlite3_reset(st);
    return code == SQLITE_ROW ? 0 : failed(s, code);
}

/* Whatever the index lacks is newer than all it has. */
static int look_in_all(struct searcher *s, struct looking *k)
{
    const struct found_place *after = &k->x->after;
    int64_t key = message_key((int64_t)after->log, after->seq);
    int statement, err = fill(s, 0, INT64_MAX, &k->page.partial);
    if (err == 0)
        err = find(s, SEARCH_LATEST, after->ts, key, k);
    if (err == 0 && !k->page.more && (err = choose(s, k, &statement)) == 0)
        err = find(s, statement, after->ts, key, k);
    return err;
}

/* All of it as it was at one moment. */
static int look(struct searcher *s, struct looking *k)
{
    pthread_mutex_lock(&s->mu);
    s->until = clock_now() + PATIENCE_S * NS_PER_S;
    int err = run(s, SEARCH_BEGIN);
    if (err == 0)
        err = k->x->room != NULL ? look_in_room(s, k) : look_in_all(s, k);
    s->until = INT64_MAX;
    if (!sqlite3_get_autocommit(s->sql))
        run(s, SEARCH_END);
    pthread_mutex_unlock(&s->mu);
    return err;
}

int searcher_find(struct searcher *s, const struct search *x, struct found_page *out)
{
    struct looking k = {.x = x, .page.rows = xmalloc((x->limit + 1) * sizeof k.page.rows[0])};
    struct buf expression = BUF_INIT;
    add_expression(&expression, x->query);
    k.expression = expression.data;
    for (size_t i = 0; i < x->nwithout; i++)
        buf_printf(&k.without, "%c%llu", i == 0 ? '[' : ',', (unsigned long long)x->without[i]);
    buf_add_str(&k.without, x->nwithout == 0 ? "[]" : "]");
    int err = k.expression[0] != '\0' ? look(s, &k) : 0;
    if (err == ERR_TIMEOUT && k.page.n > 0) {
        k.page.more = k.page.late = true;
        err = 0;
    }
    buf_fini(&expression);
    buf_fini(&k.without);
    if (err == 0)
        *out = k.page;
    else
        found_page_fini(&k.page);
    return err;
}
