/* What commands do with a PostgreSQL: show a room, beside a server, and forget a user, without one. See export.c and
 * erase.c, which do it with SQLite. The main thread of a command; blocks for as long as the database takes. */
#include "store/backlog.h"
#include "store/export.h"
#include "store/kept.h"
#include "store/postgres.h"
#include "store/vault.h"

#include <errno.h>
#include <hubbub/buf.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the connection ------------------------------------------------------------------------------ */

static int check_version(struct link *l, char *why, size_t space)
{
    int version, latest = postgres_schema_latest();
    if (postgres_schema_version(l, &version) != 0)
        return ERR_SYSTEM;
    if (version == latest)
        return 0;
    if (version < 0) {
        snprintf(why, space, "there is nothing of a server in the database of --store");
        return ERR_NOTFOUND;
    }
    snprintf(why, space,
             version > latest
                 ? "the schema of the database has version %d, and this program (" HUBBUB_VERSION
                   ") knows versions up to %d: a newer one has written it"
                 : "the schema of the database has version %d, and this program (" HUBBUB_VERSION
                   ") wants version %d: start a server of this version once, which brings it up "
                   "to date",
             version, latest);
    return ERR_INVALID;
}

/* It takes as long as it takes: a whole table may be read, or written anew. */
static int open_link(struct link *l, const char *url, char *why, size_t space)
{
    *l = (struct link){.silence_ms = INT_MAX};
    int err = link_open(l, url);
    if (err == 0)
        err = link_run(l, "SET statement_timeout = 0; SET jit = off;"
                          "SET client_min_messages = warning");
    if (err == 0)
        err = check_version(l, why, space);
    if (err == ERR_SYSTEM)
        snprintf(why, space, "cannot use the database of --store: %s", l->error);
    if (err != 0)
        link_close(l);
    return err;
}

/* ---- showing ------------------------------------------------------------------------------------- */

static int ask(struct link *l, const char *sql, int n, const char *const *params, PGresult **res)
{
    *res = link_ask(l, sql, n, params);
    return *res != NULL ? 0 : ERR_SYSTEM;
}

static int find_log(struct link *l, const char *room, int64_t *log)
{
    PGresult *res;
    struct pg_values v = {.n = 0};
    values_text(&v, room);
    values_number(&v, *log);
    int err =
        ask(l, "SELECT log FROM logs WHERE room = $1 AND ($2::bigint = 0 OR log = $2::bigint)", v.n,
            v.value, &res);
    *log = err == 0 && PQntuples(res) > 0 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    PQclear(res);
    return err;
}

static int read_messages(struct link *l, int64_t log, uint64_t seq, struct page *p)
{
    PGresult *res;
    struct pg_values v = {.n = 0};
    values_number(&v, log);
    values_number(&v, (int64_t)seq);
    values_number(&v, EXPORT_PAGE);
    int err = ask(l,
                  "SELECT " PG_MESSAGE " FROM messages WHERE log = $1 AND seq > greatest("
                  "$2, (SELECT removed FROM logs l WHERE l.log = $1)) ORDER BY seq LIMIT $3",
                  v.n, v.value, &res);
    for (int i = 0; err == 0 && i < PQntuples(res); i++)
        page_add_message(p, postgres_message(res, i));
    PQclear(res);
    return err;
}

static int read_reactions(struct link *l, int64_t log, struct page *p)
{
    PGresult *res;
    struct pg_values v = {.n = 0};
    values_number(&v, log);
    values_number(&v, (int64_t)p->messages[0]->seq);
    values_number(&v, (int64_t)p->messages[p->n - 1]->seq);
    int err = ask(l,
                  "SELECT seq, emoji, user_id FROM reactions WHERE log = $1"
                  " AND seq BETWEEN $2 AND $3 ORDER BY seq, at",
                  v.n, v.value, &res);
    for (int i = 0; err == 0 && i < PQntuples(res); i++)
        page_add_reaction(p, strtoull(PQgetvalue(res, i, 0), NULL, 10), PQgetvalue(res, i, 1),
                          PQgetvalue(res, i, 2));
    PQclear(res);
    return err;
}

static int read_page(void *of, const char *room, int64_t *log, uint64_t seq, struct page *p)
{
    struct link *l = of;
    int err = link_run(l, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (err == 0)
        err = find_log(l, room, log);
    if (err == 0 && *log != 0)
        err = read_messages(l, *log, seq, p);
    if (err == 0 && p->n > 0)
        err = read_reactions(l, *log, p);
    return err != 0 ? err : link_run(l, "ROLLBACK");
}

static const char *error(void *of)
{
    return ((struct link *)of)->error;
}

int postgres_export(const char *url, const char *room, archive_fn *fn, void *arg, char *why,
                    size_t space)
{
    struct link l;
    int err = open_link(&l, url, why, space);
    if (err != 0)
        return err;
    err = export_all(&(struct export_source){&l, read_page, error}, room, fn, arg, why, space);
    link_close(&l);
    return err;
}

/* ---- asking -------------------------------------------------------------------------------------- */

#define OF_LOG "FROM messages WHERE log = l.log AND seq > l.removed ORDER BY seq"

static int ask_rows(void *of, const char *sql, const char *param, kept_row_fn *fn, void *arg)
{
    const char *column[KEPT_COLUMNS] = {NULL};
    PGresult *res;
    int err = ask(of, sql, param != NULL ? 1 : 0, &param, &res);
    for (int row = 0; err == 0 && row < PQntuples(res); row++) {
        for (int i = 0; i < KEPT_COLUMNS && i < PQnfields(res); i++)
            column[i] = PQgetisnull(res, row, i) ? NULL : PQgetvalue(res, row, i);
        err = fn(arg, column);
    }
    PQclear(res);
    return err;
}

static void close_kept(void *of)
{
    link_close(of);
    free(of);
}

int postgres_kept_open(const char *url, struct kept_source *out, char *why, size_t space)
{
    struct link *l = xcalloc(1, sizeof *l);
    int err = open_link(l, url, why, space);
    if (err == 0 && (err = link_run(l, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")) != 0) {
        snprintf(why, space, "cannot use the database of --store: %s", l->error);
        link_close(l);
    }
    if (err != 0) {
        free(l);
        return err;
    }
    *out = (struct kept_source){
        .of = l,
        .ask = ask_rows,
        .error = error,
        .close = close_kept,
        .received = "SELECT count(*) FROM reactions r JOIN messages m USING (log, seq)"
                    " WHERE m.user_id = $1 AND r.user_id <> $1",
        .mentioned = "SELECT count(*) FROM mentions n WHERE n.user_id = $1 AND NOT EXISTS (SELECT"
                     " FROM messages m WHERE m.user_id = $1 AND m.log = n.log AND m.seq = n.seq)",
        .logs = "SELECT l.room, f.seq, f.ts, t.seq, t.ts FROM logs l"
                " LEFT JOIN LATERAL (SELECT seq, ts " OF_LOG " LIMIT 1) f ON true"
                " LEFT JOIN LATERAL (SELECT seq, ts " OF_LOG " DESC LIMIT 1) t ON true"
                " WHERE l.room IS NOT NULL ORDER BY l.room",
    };
    return 0;
}

/* ---- forgetting ---------------------------------------------------------------------------------- */

#define MINE "USING mine WHERE mine.log = r.log AND mine.seq = r.seq"

/* In this order; $1 is the user's id. A count of rows goes to the member that is named, if any. */
static const struct {
    const char *text;
    size_t member; /* of struct erased; NONE */
} DEEDS[] = {
#define NONE ((size_t)-1)
#define COUNT(member) offsetof(struct erased, member)
    {"CREATE TEMP TABLE mine (log bigint, seq bigint) ON COMMIT DROP", NONE},
    {"INSERT INTO mine SELECT log, seq FROM messages WHERE user_id = $1", NONE},
    {"DELETE FROM reactions WHERE user_id = $1", COUNT(reactions)},
    {"DELETE FROM reactions r " MINE, COUNT(received)},
    {"UPDATE files SET log = -1, seq = 0 WHERE user_id = $1", COUNT(files)},
    {"DELETE FROM mentions r " MINE, NONE},
    {"UPDATE messages SET user_id = '', username = '" ERASED_NAME "', request_id = '',"
     " content = '\"\"', files = '', mentions = '', edited = 0, deleted = 1 WHERE user_id = $1",
     COUNT(messages)},
    /* The list without the user, or no list when that was all of it. */
    {"UPDATE messages m SET mentions = concat_ws(',', (SELECT '\"mentions\":[' ||"
     " string_agg(to_json(u)::text, ',') || ']' FROM jsonb_array_elements_text(('{' || m.mentions"
     " || '}')::jsonb -> 'mentions') u WHERE u <> $1), CASE WHEN ('{' || m.mentions || '}')::jsonb"
     " ? 'mentionsRoom' THEN '\"mentionsRoom\":true' END) FROM mentions n WHERE n.user_id = $1"
     " AND n.log = m.log AND n.seq = m.seq",
     NONE},
    {"DELETE FROM mentions WHERE user_id = $1", COUNT(mentions)},
    {"DELETE FROM marks WHERE user_id = $1", COUNT(marks)},
    {"UPDATE words w SET words = array_to_tsvector(ARRAY['#' || w.log]) FROM mine"
     " WHERE mine.log = w.log AND mine.seq = w.seq",
     NONE},
    {"UPDATE words w SET bytes = " PG_BYTES " + " PG_WORDS_BYTES(
         "w.words") " FROM mine"
                    " JOIN messages m USING (log, seq) WHERE mine.log = w.log AND mine.seq = w.seq",
     NONE},
    {"UPDATE words_mark SET bytes = (SELECT coalesce(sum(bytes), 0) FROM words)", NONE},
    {"DELETE FROM blocks WHERE by_id = $1 OR user_id = $1", COUNT(blocks)},
    /* The other one keeps the conversation. */
    {"UPDATE pairs SET user_id = room, username = '" ERASED_NAME "' WHERE user_id = $1",
     COUNT(pairs)},
    {"UPDATE pairs SET by_id = room, by_name = '" ERASED_NAME "' WHERE by_id = $1", COUNT(pairs)},
    {"DELETE FROM ranks WHERE user_id = $1", COUNT(ranks)},
    {"DELETE FROM invites WHERE user_id = $1", COUNT(invites)},
    {"UPDATE invites SET by_id = '' WHERE by_id = $1", COUNT(given)},
    {"UPDATE sanctions SET username = '" ERASED_NAME "', reason = '' WHERE user_id = $1",
     COUNT(sanctions)},
    {"UPDATE sanctions SET by_id = '', by_name = '" ERASED_NAME "' WHERE by_id = $1", COUNT(given)},
    {"UPDATE ledger SET user_id = '', username = '" ERASED_NAME "', reason = ''"
     " WHERE user_id = $1",
     COUNT(ledger)},
    {"UPDATE ledger SET by_id = '', by_name = '" ERASED_NAME "' WHERE by_id = $1", COUNT(ledger)},
};

/* What was removed before is still in the tables, until they are written anew, and in what the planner knows of them. */
static const char *const ANEW[] = {"messages",  "words",  "reactions", "files", "ranks", "invites",
                                   "sanctions", "ledger", "mentions",  "marks", "pairs", "blocks"};

static int do_deed(struct link *l, size_t i, const char *user_id, struct erased *out, uint64_t *all)
{
    PGresult *res;
    bool of_user = strstr(DEEDS[i].text, "$1") != NULL;
    int err = ask(l, DEEDS[i].text, of_user ? 1 : 0, &user_id, &res);
    uint64_t n = err == 0 ? strtoull(PQcmdTuples(res), NULL, 10) : 0;
    if (of_user)
        *all += n;
    if (DEEDS[i].member != NONE)
        *(uint64_t *)(void *)((char *)out + DEEDS[i].member) += n;
    PQclear(res);
    return err;
}

static int count_ownerless(struct link *l, uint64_t *n)
{
    PGresult *res;
    int err = ask(l,
                  "SELECT count(*) FROM rooms WHERE room <> '' AND room NOT IN"
                  " (SELECT room FROM ranks WHERE rank = 'owner')",
                  0, NULL, &res);
    *n = err == 0 ? strtoull(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    PQclear(res);
    return err;
}

static int erase(struct link *l, const char *user_id, struct erased *out)
{
    uint64_t before = 0, after = 0, all = 0;
    int err = link_run(l, "BEGIN");
    if (err == 0)
        err = count_ownerless(l, &before);
    for (size_t i = 0; i < sizeof DEEDS / sizeof DEEDS[0] && err == 0; i++)
        err = do_deed(l, i, user_id, out, &all);
    if (err == 0)
        err = count_ownerless(l, &after);
    out->ownerless = after - before;
    if (err == 0)
        err = link_run(l, "COMMIT");
    return err == 0 && all == 0 ? ERR_NOTFOUND : err;
}

static int leave_nothing(struct link *l)
{
    char text[64];
    int err = 0;
    for (size_t i = 0; i < sizeof ANEW / sizeof ANEW[0] && err == 0; i++) {
        snprintf(text, sizeof text, "VACUUM (FULL, ANALYZE) %s", ANEW[i]);
        err = link_run(l, text);
    }
    return err;
}

/* The bytes of the files that are to go. */
static int remove_files(struct vault *v)
{
    const struct retention none = {0};
    bool more = true;
    int err = 0;
    while (err == 0 && more)
        err = vault_remove(v, &none, 0, &more);
    return err;
}

static int erase_in(struct vault *v, struct link *l, const char *user_id, struct erased *out,
                    char *why, size_t space)
{
    int err = erase(l, user_id, out);
    if (err == ERR_NOTFOUND) {
        snprintf(why, space, "nothing is kept of a user with the id '%s'", user_id);
    } else if (err != 0) {
        snprintf(why, space, "nothing is erased: %s", l->error);
    } else if (remove_files(v) != 0) {
        snprintf(why, space, "erased, but not all files: the next start of a server removes them");
        err = ERR_SYSTEM;
    } else if ((err = leave_nothing(l)) != 0) {
        snprintf(why, space,
                 "erased, but what was there before may still be found in the tables: %s",
                 l->error);
    }
    return err;
}

/* As a server would: what waits in the directory goes into the database first, and no server comes meanwhile. */
static int erase_alone(const char *directory, const char *url, struct link *l, const char *user_id,
                       struct erased *out, char *why, size_t space)
{
    int lock = place_lock(directory, why, space);
    if (lock < 0)
        return ERR_SYSTEM;
    struct vault *v = vault_open(directory, url, why, space);
    int err = v != NULL ? erase_in(v, l, user_id, out, why, space) : ERR_SYSTEM;
    if (v != NULL)
        vault_close(v);
    close(lock);
    return err;
}

static int check_directory(const char *directory, char *why, size_t space)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/" BACKLOG_FILE, directory);
    int err = access(path.data, R_OK | W_OK) == 0 ? 0 : errno == ENOENT ? ERR_NOTFOUND : ERR_SYSTEM;
    if (err != 0)
        snprintf(why, space,
                 "cannot read %s: %s (give the server's --data: changes may wait there)", path.data,
                 strerror(errno));
    buf_fini(&path);
    return err;
}

int postgres_erase(const char *directory, const char *url, const char *user_id, struct erased *out,
                   char *why, size_t space)
{
    struct link l;
    int err = check_directory(directory, why, space);
    if (err == 0)
        err = store_try(directory, url, why, space);
    if (err == 0)
        err = open_link(&l, url, why, space);
    if (err != 0)
        return err;
    err = erase_alone(directory, url, &l, user_id, out, why, space);
    link_close(&l);
    return err;
}
