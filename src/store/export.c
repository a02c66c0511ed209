/* The messages of a room, for whoever wants them elsewhere. The main thread of a command, beside a server.
 *
 * Read a page at a time, and nothing is held while a page is shown: whoever shows it may take all day, and a long look
 * would keep the server from tidying up behind itself. */
#include "store/export.h"

#include "store/db.h"

#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>

static const char FIND[] = "SELECT log FROM logs WHERE room = ?1",
                  SAME[] = "SELECT log FROM logs WHERE room = ?1 AND log = ?2",
                  MESSAGES[] = "SELECT " SQL_MESSAGE
                               " FROM messages WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
                  REACTIONS[] = "SELECT emoji, user_id, message FROM reactions"
                                " WHERE message BETWEEN ?1 AND ?2 ORDER BY message, at";

/* ---- a page -------------------------------------------------------------------------------------- */

static void page_clear(struct page *p)
{
    for (size_t i = 0; i < p->n; i++)
        message_unref(p->messages[i]);
    for (size_t i = 0; i < p->nreactions; i++) {
        free((char *)(uintptr_t)p->reactions[i].reaction.emoji);
        free((char *)(uintptr_t)p->reactions[i].reaction.user_id);
    }
    p->n = p->nreactions = 0;
}

void page_add_message(struct page *p, struct message *m)
{
    if (m != NULL)
        p->messages[p->n++] = m;
}

void page_add_reaction(struct page *p, uint64_t seq, const char *emoji, const char *user_id)
{
    if (p->nreactions == p->space) {
        p->space = p->space == 0 ? 64 : 2 * p->space;
        p->reactions = xrealloc(p->reactions, p->space * sizeof p->reactions[0]);
    }
    p->reactions[p->nreactions++] = (struct noted){{xstrdup(emoji), xstrdup(user_id)}, seq};
}

/* ---- from SQLite --------------------------------------------------------------------------------- */

static sqlite3_stmt *prepare(sqlite3 *sql, const char *text, int64_t first, int64_t last)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(sql, text, -1, &st, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(st, 1, first);
        sqlite3_bind_int64(st, 2, last);
    }
    return st;
}

static int end(sqlite3_stmt *st, int code)
{
    sqlite3_finalize(st);
    return code == SQLITE_DONE ? 0 : ERR_SYSTEM;
}

static int read_messages(sqlite3 *sql, struct page *p, int64_t first, int64_t last)
{
    sqlite3_stmt *st = prepare(sql, MESSAGES, first, last);
    int code = SQLITE_ERROR;
    if (st != NULL)
        sqlite3_bind_int64(st, 3, EXPORT_PAGE);
    while (st != NULL && (code = sqlite3_step(st)) == SQLITE_ROW)
        page_add_message(p, message_of_row(st));
    return end(st, code);
}

static const char *text(sqlite3_stmt *st, int i)
{
    const char *s = (const char *)sqlite3_column_text(st, i);
    return s != NULL ? s : "";
}

static int read_reactions(sqlite3 *sql, struct page *p, int64_t first, int64_t last)
{
    sqlite3_stmt *st = prepare(sql, REACTIONS, first, last);
    int code = SQLITE_ERROR;
    while (st != NULL && (code = sqlite3_step(st)) == SQLITE_ROW)
        page_add_reaction(p, key_seq(sqlite3_column_int64(st, 2)), text(st, 0), text(st, 1));
    return end(st, code);
}

/* 0: there is none. With `log`: it is still that one. */
static int find_log(sqlite3 *sql, const char *room, int64_t *log)
{
    sqlite3_stmt *st = prepare(sql, *log != 0 ? SAME : FIND, 0, *log);
    int code = SQLITE_ERROR;
    *log = 0;
    if (st != NULL && sqlite3_bind_text(st, 1, room, -1, SQLITE_STATIC) == SQLITE_OK)
        while ((code = sqlite3_step(st)) == SQLITE_ROW)
            *log = sqlite3_column_int64(st, 0);
    return end(st, code);
}

static int read_page(void *of, const char *room, int64_t *log, uint64_t seq, struct page *p)
{
    sqlite3 *sql = of;
    if (sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return ERR_SYSTEM;
    int err = find_log(sql, room, log);
    if (err == 0 && *log != 0)
        err = read_messages(sql, p, message_key(*log, seq + 1), message_key(*log, SEQ_MAX));
    if (err == 0 && p->n > 0)
        err = read_reactions(sql, p, message_key(*log, p->messages[0]->seq),
                             message_key(*log, p->messages[p->n - 1]->seq));
    sqlite3_exec(sql, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static const char *error(void *of)
{
    return sqlite3_errmsg(of);
}

/* ---- from any ------------------------------------------------------------------------------------ */

static int show_page(const struct page *p, archive_fn *fn, void *arg)
{
    int err = 0;
    size_t at = 0;
    struct archived_reaction *own = xmalloc((p->nreactions + 1) * sizeof *own);
    for (size_t i = 0; i < p->n && err == 0; i++) {
        struct archived a = {.message = p->messages[i], .reactions = own};
        for (; at < p->nreactions && p->reactions[at].seq <= a.message->seq; at++)
            if (p->reactions[at].seq == a.message->seq)
                own[a.n++] = p->reactions[at].reaction;
        err = fn(arg, &a);
    }
    free(own);
    return err;
}

int export_all(const struct export_source *from, const char *room, archive_fn *fn, void *arg,
               char *why, size_t space)
{
    struct page *p = xcalloc(1, sizeof *p);
    int64_t log = 0;
    uint64_t seq = 0;
    int err;
    bool more = false;
    do {
        page_clear(p);
        err = from->read_page(from->of, room, &log, seq, p);
        if (err != 0) {
            snprintf(why, space, "cannot read the messages: %s", from->error(from->of));
        } else if (log == 0) {
            snprintf(why, space,
                     more ? "the room '%s' was destroyed meanwhile"
                          : "there is no log of a room '%s'",
                     room);
            err = ERR_NOTFOUND;
        } else {
            err = show_page(p, fn, arg);
        }
        more = err == 0 && p->n > 0;
        if (more)
            seq = p->messages[p->n - 1]->seq;
    } while (more);
    page_clear(p);
    free(p->reactions);
    free(p);
    return err;
}

int archive_export(const char *directory, const char *url, const char *room, archive_fn *fn,
                   void *arg, char *why, size_t space)
{
    sqlite3 *sql = NULL;
    if (url != NULL)
        return postgres_export(url, room, fn, arg, why, space);
    int err = archive_open(directory, schema_latest(), &sql, why, space);
    if (err != 0)
        return err;
    err = export_all(&(struct export_source){sql, read_page, error}, room, fn, arg, why, space);
    sqlite3_close(sql);
    return err;
}
