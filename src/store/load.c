/* What is kept, read back as records when the server starts, and what has ended, deleted. Main thread. */
#include "store/db.h"

#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <stdio.h>

/* And what was said, as this database keeps it. */
static const struct load_query SAID[] = {
    {RECORD_EPOCH, "SELECT room, " SQL_EPOCH " AS epoch, " SQL_LAST " AS seq, " SQL_FIRST
                   " AS entry FROM rooms r JOIN logs l USING (room) ORDER BY room"},
    {RECORD_PAIR,
     "SELECT p.room, user_id, username, by_id, by_name, " SQL_LAST " AS seq,"
     " ifnull((SELECT ts FROM messages WHERE " SQL_OF_LOG " ORDER BY id DESC LIMIT 1), p.ts)"
     " AS ts FROM pairs p JOIN logs l USING (room) ORDER BY room"},
    {RECORD_MESSAGE,
     "SELECT " SQL_MESSAGE ", room FROM messages JOIN logs ON log = id >> 40"
     " WHERE ts > :since AND request_id <> '' AND room IS NOT NULL ORDER BY ts, id"},
    {RECORD_FILE, "SELECT " SQL_FILE " FROM files WHERE message = 0 ORDER BY ts"},
    {RECORD_COUNT, NULL},
};

static void bind_named(sqlite3_stmt *st, const char *name, int64_t number)
{
    int at = sqlite3_bind_parameter_index(st, name);
    if (at > 0)
        sqlite3_bind_int64(st, at, number);
}

static int set_column(struct db *db, struct record *r, sqlite3_stmt *st, int i)
{
    const char *column = sqlite3_column_name(st, i);
    int field = field_find(column);
    INSIST(field >= 0);
    int64_t number = sqlite3_column_int64(st, i); /* before the text, which may convert it */
    const char *text = (const char *)sqlite3_column_text(st, i);
    if (text != NULL && field_set(r, field, text, number))
        return 0;
    snprintf(db->error, sizeof db->error, "the %s of a %s is '%.64s'", column,
             record_type_name(r->type), text != NULL ? text : "");
    return ERR_SYSTEM;
}

static int load_file(struct db *db, sqlite3_stmt *st, store_load_fn *fn, void *arg)
{
    struct file f;
    if (!file_of_row(st, &f)) {
        snprintf(db->error, sizeof db->error, "a file is damaged");
        return ERR_SYSTEM;
    }
    struct record r = {.type = RECORD_FILE, .file = &f};
    snprintf(r.room, sizeof r.room, "%s", f.room);
    fn(arg, &r);
    return 0;
}

static int load_row(struct db *db, enum record_type type, sqlite3_stmt *st, store_load_fn *fn,
                    void *arg)
{
    if (type == RECORD_FILE)
        return load_file(db, st, fn, arg);
    struct record r = {.type = type};
    int i = 0, err = 0;
    if (type == RECORD_MESSAGE) {
        r.message = message_of_row(st);
        i = MESSAGE_COLUMNS;
        if (r.message == NULL) {
            snprintf(db->error, sizeof db->error, "a message is damaged");
            return ERR_SYSTEM;
        }
    }
    for (; i < sqlite3_column_count(st) && err == 0; i++)
        err = set_column(db, &r, st, i);
    if (err == 0)
        fn(arg, &r);
    record_clear(&r);
    return err;
}

static int load_table(struct db *db, const struct load_query *q, uint32_t ledger, int64_t now,
                      store_load_fn *fn, void *arg)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db->sql, q->query, -1, &st, NULL) != SQLITE_OK)
        return db_failed(db);
    bind_named(st, ":now", now);
    bind_named(st, ":since", now - DUPLICATE_MS);
    bind_named(st, ":ledger", ledger);
    int err = 0, code = SQLITE_DONE;
    while (err == 0 && (code = sqlite3_step(st)) == SQLITE_ROW)
        err = load_row(db, q->type, st, fn, arg);
    if (err == 0 && code != SQLITE_DONE)
        err = db_failed(db);
    sqlite3_finalize(st);
    return err;
}

static int sweep(struct db *db, const char *text, int64_t now)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db->sql, text, -1, &st, NULL) != SQLITE_OK)
        return db_failed(db);
    bind_named(st, ":now", now);
    int err = sqlite3_step(st) == SQLITE_DONE ? 0 : db_failed(db);
    sqlite3_finalize(st);
    return err;
}

int db_load(struct db *db, uint32_t ledger, int64_t now, store_load_fn *fn, void *arg)
{
    int err = 0;
    for (const struct load_query *q = READS; q->query != NULL && err == 0; q++)
        err = load_table(db, q, ledger, now, fn, arg);
    for (const struct load_query *q = SAID; q->query != NULL && err == 0; q++)
        err = load_table(db, q, ledger, now, fn, arg);
    /* On a full disk it is only left out. */
    for (const char *const *text = SWEEPS; *text != NULL && err == 0; text++)
        if (sweep(db, *text, now) != 0)
            log_warn("store: what has ended is not deleted", LOG_STR("error", db->error));
    return err;
}

int db_list_logs(struct db *db, struct log_filter *to)
{
    sqlite3_stmt *st;
    int code =
        sqlite3_prepare_v2(db->sql, "SELECT room FROM logs WHERE room IS NOT NULL", -1, &st, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(st)) == SQLITE_ROW) {
        filter_add(to, (const char *)sqlite3_column_text(st, 0));
        code = SQLITE_OK;
    }
    int err = code == SQLITE_DONE ? 0 : db_failed(db);
    sqlite3_finalize(st);
    return err;
}
