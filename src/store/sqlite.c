/* The database: the connection that writes, its prepared statements, and which record is which row. Used by the
 * main thread until the store's thread starts, then by that one; blocks for as long as the disk does.
 *
 * WAL and synchronous=FULL: a commit is one write and one fsync of the log, and lasts through a power cut. */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* SQLite's words and, where it says no more than "disk I/O error", the system's. */
int db_failed(struct db *db)
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

int db_run(struct db *db, const char *sql)
{
    return db_exec(db, sql) == SQLITE_OK ? 0 : db_failed(db);
}

/* ---- opening ------------------------------------------------------------------------------------- */

static int prepare(struct db *db, struct statement *s, const char *text)
{
    if (sqlite3_prepare_v3(db->sql, text, -1, SQLITE_PREPARE_PERSISTENT, &s->st, NULL) != SQLITE_OK)
        return db_failed(db);
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
        if (WRITES[i] != NULL)
            err = prepare(db, &db->writes[i], WRITES[i]);
    words_doubt(db);
    return err != 0 ? err : logs_open(db);
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
    if (sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return db_failed(db);
    sqlite3_extended_result_codes(db->sql, 1);
    sqlite3_busy_timeout(db->sql, BUSY_MS);
    if (sqlite3_db_readonly(db->sql, "main") == 1) {
        snprintf(db->error, sizeof db->error,
                 "it is read-only (give it to the user who runs this)");
        return ERR_SYSTEM;
    }
    return 0;
}

/* The schema comes first: nothing of a file that isn't ours is changed, not even its journal mode. What is removed is
 * written over: those who remove it expect that. */
static int set_up(struct db *db)
{
    int err = schema_migrate(db->sql, schema_latest(), db->error, sizeof db->error);
    db->full_sync = true;
    if (err == 0)
        err = db_run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                         "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216;"
                         "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;");
    return err != 0 ? err : prepare_all(db);
}

int db_set_sync(struct db *db, bool full)
{
    db->full_sync = full;
    return db_run(db, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
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
    logs_close(db);
    free(db->files);
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

int db_step(struct db *db, sqlite3_stmt *st)
{
    int code = sqlite3_step(st), err = 0;
    if (code != SQLITE_DONE) {
        db_failed(db);
        err = blames_record(code) ? ERR_INVALID : ERR_SYSTEM;
    }
    sqlite3_reset(st);
    return err;
}

int db_ask(struct db *db, int statement, const int64_t *params, int nparams, int64_t *out, int n)
{
    sqlite3_stmt *st = db->logs[statement];
    for (int i = 0; i < nparams; i++)
        sqlite3_bind_int64(st, i + 1, params[i]);
    int code = sqlite3_step(st);
    for (int i = 0; i < n && code == SQLITE_ROW; i++)
        out[i] = sqlite3_column_int64(st, i);
    int err = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : db_failed(db);
    sqlite3_reset(st);
    return err;
}

static int write_row(struct db *db, const struct record *r)
{
    const struct statement *s = &db->writes[statement_of(r)];
    for (int i = 0; i < s->nparams; i++)
        bind(s->st, i + 1, field_get(r, s->field[i]));
    int err = db_step(db, s->st);
    sqlite3_clear_bindings(s->st);
    return err;
}

static int write_record(struct db *db, const struct record *r, size_t *at)
{
    int err = r->type == RECORD_MESSAGE ? 0 : logs_flush(db, at);
    if (err != 0)
        return err;
    if (r->type >= RECORD_EPOCH)
        return logs_write(db, r, at);
    err = write_row(db, r);
    return err == 0 && r->type == RECORD_ROOM_GONE ? logs_forget(db, r->room) : err;
}

static int write_all(struct db *db, struct change *const *changes, size_t n, size_t *at)
{
    for (*at = 0; *at < n; (*at)++)
        for (const struct record *r = changes[*at]->first; r != NULL; r = r->next) {
            int err = write_record(db, r, at);
            if (err != 0)
                return err;
        }
    return logs_flush(db, at);
}

void db_roll_back(struct db *db)
{
    if (!sqlite3_get_autocommit(db->sql))
        db_exec(db, "ROLLBACK");
    db->nrows = 0;
    logs_doubt(db, NULL);
    words_doubt(db);
}

int db_write(struct db *db, struct change *const *changes, size_t n, size_t *at)
{
    int err = db_run(db, "BEGIN IMMEDIATE");
    if (err == 0)
        err = write_all(db, changes, n, at);
    if (err == 0)
        err = db_run(db, "COMMIT");
    if (err != 0)
        db_roll_back(db);
    return err;
}

const struct backend sqlite_backend = {
    .open = db_open,
    .close = db_close,
    .set_sync = db_set_sync,
    .load = db_load,
    .list_logs = db_list_logs,
    .write = db_write,
    .set_retention = db_set_retention,
    .may_remove = db_may_remove,
    .remove = db_remove,
    .error = db_error,
    .exec = db_exec,
    .readers_open = readers_open,
    .readers_close = readers_close,
    .head = readers_head,
    .know_position = readers_know_position,
    .read = readers_read,
    .marks = readers_marks,
    .mentions = readers_mentions,
    .may_index = db_may_index,
    .index = db_index,
    .searcher_open = searcher_open,
    .searcher_close = searcher_close,
    .search = searcher_find,
    .set_files = db_set_files,
    .file = readers_file,
    .files_of = readers_files_of,
};
