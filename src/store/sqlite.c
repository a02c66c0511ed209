/* The database: one connection, its prepared statements, and which record is which row. Used by the main
 * thread until the store's thread starts, then by that one; blocks for as long as the disk does.
 *
 * WAL and synchronous=FULL: a commit is one write and one fsync of the log, and lasts through a power cut. */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BUSY_MS = 2000, /* somebody looks at it with sqlite3(1), or takes a backup */
    MAX_COLUMNS = 16,
    RANK_GONE = RECORD_COUNT, /* RECORD_RANK with RANK_GUEST */
    NWRITES,
};

/* What a record does. An INSERT OR REPLACE of a room would take along what belongs to it. */
static const char *const WRITES[NWRITES] = {
    [RECORD_ROOM] =
        "INSERT INTO rooms (room, title, topic, password, visibility, max_users, slow_mode)"
        " VALUES (:room, :title, :topic, :password, :visibility, :max_users, :slow_mode)"
        " ON CONFLICT DO UPDATE SET title = :title, topic = :topic, password = :password,"
        " visibility = :visibility, max_users = :max_users, slow_mode = :slow_mode",
    [RECORD_ROOM_GONE] = "DELETE FROM rooms WHERE room = :room AND room <> ''",
    [RECORD_RANK] = "INSERT OR REPLACE INTO ranks (room, user_id, username, rank)"
                    " VALUES (:room, :user_id, :username, :rank)",
    [RANK_GONE] = "DELETE FROM ranks WHERE room = :room AND user_id = :user_id",
    [RECORD_SANCTION] =
        "INSERT OR REPLACE INTO sanctions (room, user_id, username, action, by_name, by_id,"
        " by_rank, reason, ts, until, entry)"
        " VALUES (:room, :user_id, :username, :action, :by_name, :by_id,"
        " :by_rank, :reason, :ts, :until, :entry)",
    [RECORD_SANCTION_GONE] = "DELETE FROM sanctions"
                             " WHERE room = :room AND user_id = :user_id AND action = :action",
    [RECORD_ADDRESS] = "INSERT OR REPLACE INTO addresses (user_id, address)"
                       " VALUES (:user_id, :address)",
    [RECORD_ADDRESS_GONE] = "DELETE FROM addresses WHERE user_id = :user_id",
    [RECORD_LEDGER] =
        "INSERT OR REPLACE INTO ledger (room, entry, action, user_id, username, by_name, by_id,"
        " by_rank, reason, ts, until, undone)"
        " VALUES (:room, :entry, :action, :user_id, :username, :by_name, :by_id,"
        " :by_rank, :reason, :ts, :until, :undone)",
    [RECORD_INVITE] = "INSERT OR REPLACE INTO invites (room, code, user_id, by_id, until)"
                      " VALUES (:room, :code, :user_id, :by_id, :until)",
    [RECORD_INVITE_GONE] = "DELETE FROM invites WHERE room = :room AND code = :code",
};

#define RUNS "(until = 0 OR until > :now)"
#define BANNED "(SELECT user_id FROM sanctions WHERE room = '' AND action = 'ban' AND " RUNS ")"

/* What is loaded, in this order. */
static const struct {
    enum record_type type;
    const char *query;
} READS[] = {
    {RECORD_ROOM, "SELECT * FROM rooms WHERE room <> '' ORDER BY room"},
    {RECORD_RANK, "SELECT * FROM ranks ORDER BY room, user_id"},
    {RECORD_SANCTION, "SELECT * FROM sanctions WHERE " RUNS " ORDER BY room, user_id, action"},
    {RECORD_ADDRESS,
     "SELECT * FROM addresses WHERE user_id IN " BANNED " ORDER BY user_id, address"},
    {RECORD_LEDGER, "WITH oldest (room, entry) AS MATERIALIZED"
                    " (SELECT room, (SELECT min(entry) FROM (SELECT entry FROM ledger l"
                    "  WHERE l.room = r.room ORDER BY entry DESC LIMIT :ledger)) FROM rooms r)"
                    "SELECT l.* FROM oldest o JOIN ledger l"
                    " ON l.room = o.room AND l.entry >= o.entry ORDER BY l.room, l.entry"},
    {RECORD_INVITE, "SELECT * FROM invites WHERE " RUNS " ORDER BY room, code"},
};

/* What is not loaded, and goes. */
static const char *const SWEEPS[] = {
    "DELETE FROM sanctions WHERE NOT " RUNS,
    "DELETE FROM addresses WHERE user_id NOT IN " BANNED,
    "DELETE FROM invites WHERE NOT " RUNS,
};

struct statement {
    sqlite3_stmt *st;
    int nparams;
    int field[MAX_COLUMNS]; /* of each parameter */
};

struct db {
    sqlite3 *sql;
    struct statement writes[NWRITES];
    char error[256];
};

const char *db_error(const struct db *db)
{
    return db->error;
}

/* Why reading or writing failed, of the log or else of the database itself. 0: unknown. */
static int system_errno(struct db *db)
{
    int code = 0;
    sqlite3_file *log = NULL;
    sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log != NULL && log->pMethods != NULL)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &code);
    if (code == 0)
        sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_LAST_ERRNO, &code);
    return code;
}

/* Keeps SQLite's words and, where it says no more than "disk I/O error", the system's. To be called before
 * anything else is done. Returns ERR_SYSTEM. */
static int failed(struct db *db)
{
    char reason[64];
    int code = (sqlite3_errcode(db->sql) & 0xff) == SQLITE_IOERR ? system_errno(db) : 0;
    snprintf(db->error, sizeof db->error, "%s%s%s", sqlite3_errmsg(db->sql), code != 0 ? ": " : "",
             code != 0 ? strerror_r(code, reason, sizeof reason) : "");
    return ERR_SYSTEM;
}

int db_exec(struct db *db, const char *sql)
{
    return sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
}

static int run(struct db *db, const char *sql)
{
    return db_exec(db, sql) == SQLITE_OK ? 0 : failed(db);
}

/* ---- opening ------------------------------------------------------------------------------------- */

static int prepare(struct db *db, struct statement *s, const char *text)
{
    if (sqlite3_prepare_v3(db->sql, text, -1, SQLITE_PREPARE_PERSISTENT, &s->st, NULL) != SQLITE_OK)
        return failed(db);
    s->nparams = sqlite3_bind_parameter_count(s->st);
    INSIST(s->nparams <= MAX_COLUMNS);
    for (int i = 0; i < s->nparams; i++) {
        s->field[i] = field_find(sqlite3_bind_parameter_name(s->st, i + 1) + 1);
        INSIST(s->field[i] >= 0);
    }
    return 0;
}

static int prepare_all(struct db *db)
{
    int err = 0;
    for (int i = 0; i < NWRITES && err == 0; i++)
        err = prepare(db, &db->writes[i], WRITES[i]);
    return err;
}

/* SQLite would make it readable by all; its log and its index get the same mode as the file. */
static int make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : ERR_SYSTEM;
    close(fd);
    return 0;
}

static int connect_file(struct db *db, const char *path)
{
    if (sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) !=
        SQLITE_OK)
        return failed(db);
    sqlite3_extended_result_codes(db->sql, 1);
    sqlite3_busy_timeout(db->sql, BUSY_MS);
    if (sqlite3_db_readonly(db->sql, "main") == 1) {
        snprintf(db->error, sizeof db->error,
                 "it is read-only (give it to the user who runs this)");
        return ERR_SYSTEM;
    }
    return 0;
}

/* The schema comes first: nothing of a file that isn't ours is changed, not even its journal mode. */
static int set_up(struct db *db)
{
    int err = schema_migrate(db->sql, schema_latest(), db->error, sizeof db->error);
    if (err == 0)
        err = run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                      "PRAGMA journal_size_limit = 4194304; PRAGMA foreign_keys = ON;");
    return err != 0 ? err : prepare_all(db);
}

/* What may be done about a file that SQLite cannot read. */
static const char *advice(const struct db *db)
{
    int code = sqlite3_errcode(db->sql) & 0xff;
    return code == SQLITE_NOTADB || code == SQLITE_CORRUPT
               ? " (put a backup in its place, or move it away to begin with nothing)"
               : "";
}

struct db *db_open(const char *path, char *why, size_t space)
{
    if (make_file(path) != 0) {
        snprintf(why, space, "cannot make %s: %s", path, strerror(errno));
        return NULL;
    }
    struct db *db = xcalloc(1, sizeof *db);
    if (connect_file(db, path) == 0 && set_up(db) == 0)
        return db;
    snprintf(why, space, "cannot use %s: %s%s", path, db->error, advice(db));
    db_close(db);
    return NULL;
}

void db_close(struct db *db)
{
    for (int i = 0; i < NWRITES; i++)
        sqlite3_finalize(db->writes[i].st);
    INSIST(sqlite3_close(db->sql) == SQLITE_OK);
    free(db);
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* Text is borrowed until the statement has run. */
static void bind(sqlite3_stmt *st, int at, struct field_value v)
{
    int code = v.kind == FIELD_TEXT ? sqlite3_bind_text(st, at, v.text, -1, SQLITE_STATIC)
                                    : sqlite3_bind_int64(st, at, v.number);
    INSIST(code == SQLITE_OK);
}

/* Is it the record that is wrong, and not the disk? */
static bool blames_record(int code)
{
    int primary = code & 0xff;
    return primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH || primary == SQLITE_TOOBIG;
}

static int write_record(struct db *db, const struct record *r)
{
    bool no_rank = r->type == RECORD_RANK && r->rank == RANK_GUEST;
    const struct statement *s = &db->writes[no_rank ? RANK_GONE : (int)r->type];
    for (int i = 0; i < s->nparams; i++)
        bind(s->st, i + 1, field_get(r, s->field[i]));
    int code = sqlite3_step(s->st), err = 0;
    if (code != SQLITE_DONE) {
        failed(db);
        err = blames_record(code) ? ERR_INVALID : ERR_SYSTEM;
    }
    sqlite3_reset(s->st);
    sqlite3_clear_bindings(s->st);
    return err;
}

static int write_all(struct db *db, struct change *const *changes, size_t n, size_t *at)
{
    for (size_t i = 0; i < n; i++)
        for (const struct record *r = changes[i]->first; r != NULL; r = r->next) {
            int err = write_record(db, r);
            if (err != 0) {
                *at = i;
                return err;
            }
        }
    return 0;
}

/* Some failures have ended the transaction already. */
static void roll_back(struct db *db)
{
    if (!sqlite3_get_autocommit(db->sql))
        db_exec(db, "ROLLBACK");
}

int db_write(struct db *db, struct change *const *changes, size_t n, size_t *at)
{
    int err = run(db, "BEGIN IMMEDIATE");
    if (err == 0)
        err = write_all(db, changes, n, at);
    if (err == 0)
        err = run(db, "COMMIT");
    if (err != 0)
        roll_back(db);
    return err;
}

/* ---- loading ------------------------------------------------------------------------------------- */

static void bind_named(sqlite3_stmt *st, const char *name, int64_t number)
{
    int at = sqlite3_bind_parameter_index(st, name);
    if (at > 0)
        sqlite3_bind_int64(st, at, number);
}

static const char *const TYPES[] = {
#define X(name) #name,
    RECORD_TABLE(X)
#undef X
};

static int set_column(struct db *db, struct record *r, sqlite3_stmt *st, int i)
{
    const char *column = sqlite3_column_name(st, i);
    int field = field_find(column);
    INSIST(field >= 0);
    int64_t number = sqlite3_column_int64(st, i); /* before the text, which may convert it */
    const char *text = (const char *)sqlite3_column_text(st, i);
    if (text != NULL && field_set(r, field, text, number))
        return 0;
    snprintf(db->error, sizeof db->error, "the %s of a %s is '%.64s'", column, TYPES[r->type],
             text != NULL ? text : "");
    return ERR_SYSTEM;
}

static int load_row(struct db *db, enum record_type type, sqlite3_stmt *st, store_load_fn *fn,
                    void *arg)
{
    struct record r = {.type = type};
    int err = 0;
    for (int i = 0; i < sqlite3_column_count(st) && err == 0; i++)
        err = set_column(db, &r, st, i);
    if (err == 0)
        fn(arg, &r);
    record_clear(&r);
    return err;
}

static int load_table(struct db *db, size_t i, uint32_t ledger, int64_t now, store_load_fn *fn,
                      void *arg)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db->sql, READS[i].query, -1, &st, NULL) != SQLITE_OK)
        return failed(db);
    bind_named(st, ":now", now);
    bind_named(st, ":ledger", ledger);
    int err = 0, code = SQLITE_DONE;
    while (err == 0 && (code = sqlite3_step(st)) == SQLITE_ROW)
        err = load_row(db, READS[i].type, st, fn, arg);
    if (err == 0 && code != SQLITE_DONE)
        err = failed(db);
    sqlite3_finalize(st);
    return err;
}

static int sweep(struct db *db, const char *text, int64_t now)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db->sql, text, -1, &st, NULL) != SQLITE_OK)
        return failed(db);
    bind_named(st, ":now", now);
    int err = sqlite3_step(st) == SQLITE_DONE ? 0 : failed(db);
    sqlite3_finalize(st);
    return err;
}

int db_load(struct db *db, uint32_t ledger, int64_t now, store_load_fn *fn, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < sizeof READS / sizeof READS[0] && err == 0; i++)
        err = load_table(db, i, ledger, now, fn, arg);
    /* On a full disk it is only left out. */
    for (size_t i = 0; i < sizeof SWEEPS / sizeof SWEEPS[0] && err == 0; i++)
        if (sweep(db, SWEEPS[i], now) != 0)
            log_warn("store: what has ended is not deleted", LOG_STR("error", db->error));
    return err;
}
