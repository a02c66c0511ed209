/* What is kept of a user, who was called what, and which rooms there are: see kept.h. The main thread of a command,
 * beside a server, which may be running. */
#include "store/kept.h"

#include "store/backlog.h"
#include "store/db.h"

#include <hubbub/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- SQLite -------------------------------------------------------------------------------------- */

#define OF_LOG \
    "FROM messages WHERE id BETWEEN l.log << 40 AND l.log << 40 | " SQL_SEQ " ORDER BY id"

static int ask_sqlite(void *of, const char *sql, const char *param, kept_row_fn *fn, void *arg)
{
    const char *column[KEPT_COLUMNS] = {NULL};
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(of, sql, -1, &st, NULL), err = 0;
    if (code == SQLITE_OK && param != NULL)
        code = sqlite3_bind_text(st, 1, param, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        while ((code = sqlite3_step(st)) == SQLITE_ROW && err == 0) {
            for (int i = 0; i < KEPT_COLUMNS && i < sqlite3_column_count(st); i++)
                column[i] = (const char *)sqlite3_column_text(st, i);
            err = fn(arg, column);
        }
    sqlite3_finalize(st);
    return err != 0 ? err : code == SQLITE_DONE ? 0 : ERR_SYSTEM;
}

static const char *sqlite_error(void *of)
{
    return sqlite3_errmsg(of);
}

static void close_sqlite(void *of)
{
    sqlite3_close(of);
}

static const struct kept_source sqlite = {
    .ask = ask_sqlite,
    .error = sqlite_error,
    .close = close_sqlite,
    .received = "SELECT count(*) FROM reactions WHERE user_id <> $1"
                " AND message IN (SELECT id FROM messages WHERE user_id = $1)",
    .mentioned = "SELECT count(*) FROM mentions WHERE user_id = $1"
                 " AND message NOT IN (SELECT id FROM messages WHERE user_id = $1)",
    .logs = "SELECT l.room, f.id & " SQL_SEQ ", f.ts, t.id & " SQL_SEQ ", t.ts FROM logs l"
            " LEFT JOIN messages f ON f.id = (SELECT id " OF_LOG " LIMIT 1)"
            " LEFT JOIN messages t ON t.id = (SELECT id " OF_LOG " DESC LIMIT 1)"
            " WHERE l.room IS NOT NULL ORDER BY l.room",
};

static int open_source(const char *directory, const char *url, struct kept_source *out, char *why,
                       size_t space)
{
    sqlite3 *sql = NULL;
    if (url != NULL)
        return postgres_kept_open(url, out, why, space);
    int err = archive_open(directory, schema_latest(), &sql, why, space);
    if (err == 0 && sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        snprintf(why, space, "cannot read the database: %s", sqlite3_errmsg(sql));
        sqlite3_close(sql);
        err = ERR_SYSTEM;
    }
    if (err != 0)
        return err;
    *out = sqlite;
    out->of = sql;
    return 0;
}

static int close_source(struct kept_source *from, int err, char *why, size_t space)
{
    if (err == ERR_SYSTEM)
        snprintf(why, space, "cannot read the database: %s", from->error(from->of));
    from->close(from->of);
    return err;
}

static int64_t number(const char *text)
{
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

/* ---- of a user ----------------------------------------------------------------------------------- */

/* What an erasure would count, without those that come with the source. */
static const struct {
    const char *text;
    size_t member; /* of struct erased */
} COUNTS[] = {
#define COUNT(member) offsetof(struct erased, member)
    {"SELECT count(*) FROM messages WHERE user_id = $1", COUNT(messages)},
    {"SELECT count(*) FROM reactions WHERE user_id = $1", COUNT(reactions)},
    {"SELECT count(*) FROM files WHERE user_id = $1", COUNT(files)},
    {"SELECT count(*) FROM marks WHERE user_id = $1", COUNT(marks)},
    {"SELECT count(*) FROM ranks WHERE user_id = $1", COUNT(ranks)},
    {"SELECT count(*) FROM invites WHERE user_id = $1", COUNT(invites)},
    {"SELECT count(*) FROM invites WHERE by_id = $1 AND user_id <> $1", COUNT(given)},
    {"SELECT count(*) FROM blocks WHERE by_id = $1 OR user_id = $1", COUNT(blocks)},
    {"SELECT count(*) FROM pairs WHERE user_id = $1", COUNT(pairs)},
    {"SELECT count(*) FROM pairs WHERE by_id = $1", COUNT(pairs)},
    {"SELECT count(*) FROM sanctions WHERE user_id = $1", COUNT(sanctions)},
    {"SELECT count(*) FROM sanctions WHERE by_id = $1", COUNT(given)},
    {"SELECT count(*) FROM ledger WHERE user_id = $1", COUNT(ledger)},
    {"SELECT count(*) FROM ledger WHERE by_id = $1", COUNT(ledger)},
    {"SELECT count(*) FROM rooms WHERE room <> ''"
     " AND room IN (SELECT room FROM ranks WHERE rank = 'owner' AND user_id = $1)"
     " AND room NOT IN (SELECT room FROM ranks WHERE rank = 'owner' AND user_id <> $1)",
     COUNT(ownerless)},
};

static int add_count(void *arg, const char *const *column)
{
    *(uint64_t *)arg += (uint64_t)number(column[0]);
    return 0;
}

static int count(const struct kept_source *from, const char *user_id, struct erased *out)
{
    int err = from->ask(from->of, from->received, user_id, add_count, &out->received);
    if (err == 0)
        err = from->ask(from->of, from->mentioned, user_id, add_count, &out->mentions);
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0] && err == 0; i++)
        err =
            from->ask(from->of, COUNTS[i].text, user_id, add_count, (char *)out + COUNTS[i].member);
    return err;
}

int archive_count(const char *directory, const char *url, const char *user_id, struct erased *out,
                  char *why, size_t space)
{
    static const struct erased nothing;
    struct kept_source from;
    *out = nothing;
    int err = open_source(directory, url, &from, why, space);
    if (err != 0)
        return err;
    err = close_source(&from, count(&from, user_id, out), why, space);
    if (err == 0 && memcmp(out, &nothing, sizeof nothing) == 0) {
        snprintf(why, space, "nothing is kept of a user with the id '%s'", user_id);
        err = ERR_NOTFOUND;
    }
    return err;
}

/* ---- of a name ----------------------------------------------------------------------------------- */

static const char NAMES[] =
    "SELECT id, sum(said), max(at) FROM ("
    "SELECT user_id AS id, username AS name, 1 AS said, ts AS at FROM messages"
    " UNION ALL SELECT user_id, username, 0, 0 FROM ranks"
    " UNION ALL SELECT user_id, username, 0, ts FROM ledger"
    " UNION ALL SELECT by_id, by_name, 0, ts FROM ledger"
    " UNION ALL SELECT user_id, username, 0, ts FROM sanctions"
    " UNION ALL SELECT user_id, username, 0, ts FROM pairs"
    " UNION ALL SELECT by_id, by_name, 0, ts FROM pairs"
    ") AS called WHERE lower(name) = lower(CAST($1 AS text)) AND id <> ''"
    " GROUP BY id ORDER BY max(at) DESC, id";

struct naming {
    archive_name_fn *fn;
    void *arg;
};

static int show_name(void *arg, const char *const *column)
{
    const struct naming *n = arg;
    return n->fn(n->arg, &(struct archived_name){.user_id = column[0] != NULL ? column[0] : "",
                                                 .messages = (uint64_t)number(column[1]),
                                                 .ts = number(column[2])});
}

int archive_names(const char *directory, const char *url, const char *username, archive_name_fn *fn,
                  void *arg, char *why, size_t space)
{
    struct kept_source from;
    struct naming n = {fn, arg};
    int err = open_source(directory, url, &from, why, space);
    return err != 0
               ? err
               : close_source(&from, from.ask(from.of, NAMES, username, show_name, &n), why, space);
}

/* ---- of all rooms -------------------------------------------------------------------------------- */

struct listing {
    archive_log_fn *fn;
    void *arg;
};

static int show_log(void *arg, const char *const *column)
{
    const struct listing *l = arg;
    return l->fn(l->arg, &(struct archived_log){.room = column[0] != NULL ? column[0] : "",
                                                .first = (uint64_t)number(column[1]),
                                                .first_ts = number(column[2]),
                                                .last = (uint64_t)number(column[3]),
                                                .last_ts = number(column[4])});
}

int archive_list(const char *directory, const char *url, archive_log_fn *fn, void *arg, char *why,
                 size_t space)
{
    struct kept_source from;
    struct listing l = {fn, arg};
    int err = open_source(directory, url, &from, why, space);
    return err != 0
               ? err
               : close_source(&from, from.ask(from.of, from.logs, NULL, show_log, &l), why, space);
}

/* ---- what is in the directory though the database is elsewhere ------------------------------------ */

/* 0 when the file is not there, or cannot be read. */
static uint64_t count_in_file(const char *directory, const char *file, const char *question)
{
    char path[4096];
    uint64_t n = 0;
    sqlite3 *sql = NULL;
    snprintf(path, sizeof path, "%s/%s", directory, file);
    if (sqlite3_open_v2(path, &sql, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(sql, 1000);
        if (ask_sqlite(sql, question, NULL, add_count, &n) != 0)
            n = 0;
    }
    sqlite3_close(sql);
    return n;
}

uint64_t archive_waiting(const char *directory)
{
    return count_in_file(directory, BACKLOG_FILE, "SELECT count(DISTINCT change) FROM records");
}

bool archive_has_former(const char *directory)
{
    return count_in_file(directory, "hubbub.db",
                         "SELECT EXISTS (SELECT 1 FROM messages)"
                         " OR EXISTS (SELECT 1 FROM rooms WHERE room <> '')") > 0;
}
