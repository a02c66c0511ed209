/* Reading back what was said: a few connections that only read, lent to whoever asks. Any thread; who comes when
 * all are lent waits. In WAL mode they hinder the one that writes in nothing, nor does it hinder them. */
#include "store/db.h"
#include "store/lender.h"

#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NREADERS = 2 };

#define READER_STATEMENTS(X)                                                                      \
    X(BEGIN, "BEGIN")                                                                             \
    X(END, "ROLLBACK")                                                                            \
    X(HEAD, "SELECT " SQL_EPOCH ", " SQL_LAST ", " SQL_FIRST " FROM logs l WHERE room = ?1")      \
    /* Where the numbering after that epoch begins, or the log ends. */                           \
    X(POSITION, "SELECT ifnull((SELECT n.seq FROM epochs n WHERE n.log = l.log AND n.n > e.n"     \
                " ORDER BY n.n LIMIT 1), " SQL_LAST ")"                                           \
                " FROM logs l JOIN epochs e ON e.log = l.log WHERE room = ?1 AND e.epoch = ?2")   \
    X(LOG, "SELECT log, " SQL_FIRST " FROM logs l WHERE room = ?1")                               \
    X(MESSAGES, "SELECT " SQL_MESSAGE " FROM messages WHERE id BETWEEN ?1 AND ?2 ORDER BY id")    \
    X(FILE, "SELECT " SQL_FILE " FROM files WHERE id = ?1 AND message >= 0")                      \
    X(FILES_OF, "SELECT ifnull(sum(size), 0) FROM files WHERE user_id = ?1 AND message >= 0")     \
    X(REACTIONS, "SELECT message, user_id, emoji FROM reactions WHERE message BETWEEN ?1 AND ?2"  \
                 " ORDER BY message, at")                                                         \
    X(MARKS, "SELECT room, seq, since FROM marks JOIN logs USING (log) WHERE user_id = ?1"        \
             " AND room IS NOT NULL ORDER BY ts DESC LIMIT ?2")                                   \
    X(MENTIONS, "SELECT " SQL_MESSAGE ", room FROM (SELECT message AS found, ts AS said_at, room" \
                " FROM mentions JOIN logs ON log = message >> 40 WHERE user_id = ?1"              \
                " AND (ts, message) < (?2, ?3) AND room IS NOT NULL"                              \
                " ORDER BY ts DESC, message DESC LIMIT ?4) JOIN messages ON id = found"           \
                " ORDER BY said_at DESC, found DESC")

enum {
#define X(name, text) READ_##name,
    READER_STATEMENTS(X)
#undef X
        NREADS
};

static const char *const TEXTS[NREADS] = {
#define X(name, text) text,
    READER_STATEMENTS(X)
#undef X
};

struct reader {
    struct lent lent; /* first */
    sqlite3 *sql;
    sqlite3_stmt *st[NREADS];
};

struct readers {
    struct lender lender;
    struct reader all[NREADERS];
};

/* ---- the connections ----------------------------------------------------------------------------- */

static int open_one(struct reader *r, const char *path)
{
    int code = sqlite3_open_v2(path, &r->sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(r->sql, BUSY_MS);
    for (int i = 0; i < NREADS && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v3(r->sql, TEXTS[i], -1, SQLITE_PREPARE_PERSISTENT, &r->st[i], NULL);
    return code;
}

void readers_close(struct readers *p)
{
    for (int i = 0; i < NREADERS; i++) {
        for (int k = 0; k < NREADS; k++)
            sqlite3_finalize(p->all[i].st[k]);
        INSIST(sqlite3_close(p->all[i].sql) == SQLITE_OK);
    }
    lender_fini(&p->lender);
    free(p);
}

struct readers *readers_open(const char *path, char *why, size_t space)
{
    struct readers *p = xcalloc(1, sizeof *p);
    lender_init(&p->lender);
    for (int i = 0; i < NREADERS; i++) {
        struct reader *r = &p->all[i];
        if (open_one(r, path) != SQLITE_OK) {
            snprintf(why, space, "cannot use %s: %s", path, sqlite3_errmsg(r->sql));
            readers_close(p);
            return NULL;
        }
        lender_give_back(&p->lender, &r->lent);
    }
    return p;
}

static struct reader *borrow(struct readers *p)
{
    return (struct reader *)lender_borrow(&p->lender);
}

static void give_back(struct readers *p, struct reader *r)
{
    lender_give_back(&p->lender, &r->lent);
}

/* ---- one row ------------------------------------------------------------------------------------- */

static int failed(struct reader *r, const char *room)
{
    static int64_t next;
    if (log_seldom(&next))
        log_error("store: cannot be read", LOG_STR("error", sqlite3_errmsg(r->sql)),
                  LOG_STR("room", room));
    return ERR_SYSTEM;
}

/* Takes a step; *row: it gave a row. */
static int step(struct reader *r, sqlite3_stmt *st, const char *room, bool *row)
{
    int code = sqlite3_step(st);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failed(r, room);
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
    INSIST(sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

int readers_head(struct readers *p, const char *room, struct log_head *out)
{
    struct reader *r = borrow(p);
    sqlite3_stmt *st = r->st[READ_HEAD];
    struct log_head head = {.exists = false};
    bind_text(st, 1, room);
    int err = step(r, st, room, &head.exists);
    if (err == 0 && head.exists) {
        snprintf(head.epoch, sizeof head.epoch, "%s", (const char *)sqlite3_column_text(st, 0));
        head.last = (uint64_t)sqlite3_column_int64(st, 1);
        head.first = (uint64_t)sqlite3_column_int64(st, 2);
    }
    sqlite3_reset(st);
    give_back(p, r);
    if (err == 0)
        *out = head;
    return err;
}

int readers_know_position(struct readers *p, const char *room, const char *epoch, uint64_t seq,
                          bool *out)
{
    struct reader *r = borrow(p);
    sqlite3_stmt *st = r->st[READ_POSITION];
    bool known;
    bind_text(st, 1, room);
    bind_text(st, 2, epoch);
    int err = step(r, st, room, &known);
    if (err == 0)
        *out = known && seq <= (uint64_t)sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    give_back(p, r);
    return err;
}

int readers_file(struct readers *p, const char *id, struct file *out)
{
    struct reader *r = borrow(p);
    sqlite3_stmt *st = r->st[READ_FILE];
    bool there;
    bind_text(st, 1, id);
    int err = step(r, st, "", &there);
    if (err == 0 && (!there || !file_of_row(st, out)))
        err = ERR_NOTFOUND;
    sqlite3_reset(st);
    give_back(p, r);
    return err;
}

int readers_files_of(struct readers *p, const char *user_id, uint64_t *bytes)
{
    struct reader *r = borrow(p);
    sqlite3_stmt *st = r->st[READ_FILES_OF];
    bool row;
    bind_text(st, 1, user_id);
    int err = step(r, st, "", &row);
    if (err == 0)
        *bytes = row ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    give_back(p, r);
    return err;
}

/* ---- many rows ----------------------------------------------------------------------------------- */

static sqlite3_stmt *in_range(struct reader *r, int statement, int64_t first, int64_t last)
{
    sqlite3_bind_int64(r->st[statement], 1, first);
    sqlite3_bind_int64(r->st[statement], 2, last);
    return r->st[statement];
}

static int read_messages(struct reader *r, const char *room, int64_t first, int64_t last,
                         struct history_page *page)
{
    sqlite3_stmt *st = in_range(r, READ_MESSAGES, first, last);
    bool row;
    int err;
    while ((err = step(r, st, room, &row)) == 0 && row) {
        struct message *m = message_of_row(st);
        if (m == NULL) {
            err = failed(r, room);
            break;
        }
        page->rows[page->n++] = (struct history_row){.message = m};
    }
    sqlite3_reset(st);
    return err;
}

/* Their rows come in the order of the messages, so one walk along the page finds them all. */
static int read_reactions(struct reader *r, const char *room, int64_t first, int64_t last,
                          struct history_page *page)
{
    sqlite3_stmt *st = in_range(r, READ_REACTIONS, first, last);
    size_t i = 0;
    bool row;
    int err;
    while ((err = step(r, st, room, &row)) == 0 && row) {
        uint64_t seq = key_seq(sqlite3_column_int64(st, 0));
        const char *user_id = (const char *)sqlite3_column_text(st, 1),
                   *emoji = (const char *)sqlite3_column_text(st, 2);
        while (i < page->n && page->rows[i].message->seq < seq)
            i++;
        if (i < page->n && page->rows[i].message->seq == seq && user_id != NULL && emoji != NULL)
            reactions_set(&page->rows[i].reactions, emoji, user_mark(user_id), true);
    }
    sqlite3_reset(st);
    return err;
}

/* ---- of one user --------------------------------------------------------------------------------- */

int readers_marks(struct readers *p, const char *user_id, struct mark_page *out)
{
    struct reader *r = borrow(p);
    sqlite3_stmt *st = r->st[READ_MARKS];
    struct mark_page page = {.n = 0};
    bool row;
    int err;
    bind_text(st, 1, user_id);
    sqlite3_bind_int64(st, 2, MARKS_MAX);
    while ((err = step(r, st, "", &row)) == 0 && row) {
        if ((page.n & (page.n - 1)) == 0) /* all there is room for */
            page.rows = xrealloc(page.rows, (page.n == 0 ? 1 : 2 * page.n) * sizeof page.rows[0]);
        struct mark_row *mark = &page.rows[page.n++];
        snprintf(mark->room, sizeof mark->room, "%s", (const char *)sqlite3_column_text(st, 0));
        mark->seq = (uint64_t)sqlite3_column_int64(st, 1);
        mark->since = (uint64_t)sqlite3_column_int64(st, 2);
    }
    sqlite3_reset(st);
    give_back(p, r);
    if (err == 0)
        *out = page;
    else
        free(page.rows);
    return err;
}

/* The row that the statement is at. */
static int take_mention(struct reader *r, sqlite3_stmt *st, struct found_page *page)
{
    const char *room = (const char *)sqlite3_column_text(st, MESSAGE_COLUMNS);
    int64_t key = sqlite3_column_int64(st, 0);
    struct found_row *f = &page->rows[page->n];
    *f = (struct found_row){.log = (uint64_t)key_log(key), .row.message = message_of_row(st)};
    if (f->row.message == NULL)
        return failed(r, "");
    snprintf(f->room, sizeof f->room, "%s", room);
    page->n++;
    struct history_page one = {.rows = &f->row, .n = 1};
    return read_reactions(r, f->room, key, key, &one);
}

static int read_mentions(struct reader *r, const char *user_id, const struct found_place *after,
                         unsigned limit, struct found_page *page)
{
    sqlite3_stmt *st = r->st[READ_MENTIONS];
    size_t bytes = 0;
    bool row = true;
    int err = 0;
    bind_text(st, 1, user_id);
    sqlite3_bind_int64(st, 2, after->ts);
    sqlite3_bind_int64(st, 3, message_key((int64_t)after->log, after->seq));
    sqlite3_bind_int64(st, 4, limit);
    page->rows = xmalloc((limit + 1) * sizeof page->rows[0]);
    while (page->n < limit && bytes < FOUND_BYTES && (err = step(r, st, "", &row)) == 0 && row &&
           (err = take_mention(r, st, page)) == 0)
        bytes += message_size(page->rows[page->n - 1].row.message);
    page->more = row;
    sqlite3_reset(st);
    return err;
}

int readers_mentions(struct readers *p, const char *user_id, const struct found_place *after,
                     unsigned limit, struct found_page *out)
{
    struct found_page page = {.n = 0};
    struct reader *r = borrow(p);
    int err = read_mentions(r, user_id, after, limit, &page);
    give_back(p, r);
    if (err == 0)
        *out = page;
    else
        found_page_fini(&page);
    return err;
}

/* ---- a page -------------------------------------------------------------------------------------- */

static int read_page(struct reader *r, const char *room, uint64_t from, uint64_t to,
                     struct history_page *page)
{
    bool exists;
    bind_text(r->st[READ_LOG], 1, room);
    int err = step(r, r->st[READ_LOG], room, &exists);
    int64_t log = exists ? sqlite3_column_int64(r->st[READ_LOG], 0) : 0;
    if (exists)
        page->first_kept = (uint64_t)sqlite3_column_int64(r->st[READ_LOG], 1);
    sqlite3_reset(r->st[READ_LOG]);
    if (err != 0 || !exists || from > to)
        return err;
    int64_t first = message_key(log, from), last = message_key(log, to);
    page->rows = xmalloc((to - from + 1) * sizeof page->rows[0]);
    err = read_messages(r, room, first, last, page);
    return err != 0 || page->n == 0 ? err : read_reactions(r, room, first, last, page);
}

int readers_read(struct readers *p, const char *room, uint64_t from, uint64_t to,
                 struct history_page *out)
{
    struct history_page page = {.n = 0};
    to = to < SEQ_MAX ? to : SEQ_MAX;
    REQUIRE(from > to || to - from < HISTORY_MAX);
    struct reader *r = borrow(p);
    bool row;
    /* All of it as it was at one moment. */
    int err = step(r, r->st[READ_BEGIN], room, &row);
    sqlite3_reset(r->st[READ_BEGIN]);
    if (err == 0) {
        err = read_page(r, room, from, to, &page);
        sqlite3_step(r->st[READ_END]);
        sqlite3_reset(r->st[READ_END]);
    }
    give_back(p, r);
    if (err == 0)
        *out = page;
    else
        history_page_fini(&page);
    return err;
}
