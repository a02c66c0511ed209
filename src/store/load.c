/* What is kept, read back as records when the server starts, and what has ended, deleted. Main thread. */
#include "store/db.h"

#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <stdio.h>

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
    {RECORD_EPOCH, "SELECT room, " SQL_EPOCH " AS epoch, " SQL_LAST " AS seq, " SQL_FIRST
                   " AS entry FROM rooms r JOIN logs l USING (room) ORDER BY room"},
    {RECORD_MESSAGE,
     "SELECT " SQL_MESSAGE ", room FROM messages JOIN logs ON log = id >> 40"
     " WHERE ts > :since AND request_id <> '' AND room IS NOT NULL ORDER BY ts, id"},
};

/* What is not loaded, and goes. */
static const char *const SWEEPS[] = {
    "DELETE FROM sanctions WHERE NOT " RUNS,
    "DELETE FROM addresses WHERE user_id NOT IN " BANNED,
    "DELETE FROM invites WHERE NOT " RUNS,
};

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

static int load_table(struct db *db, size_t i, uint32_t ledger, int64_t now, store_load_fn *fn,
                      void *arg)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db->sql, READS[i].query, -1, &st, NULL) != SQLITE_OK)
        return db_failed(db);
    bind_named(st, ":now", now);
    bind_named(st, ":since", now - DUPLICATE_MS);
    bind_named(st, ":ledger", ledger);
    int err = 0, code = SQLITE_DONE;
    while (err == 0 && (code = sqlite3_step(st)) == SQLITE_ROW)
        err = load_row(db, READS[i].type, st, fn, arg);
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
    for (size_t i = 0; i < sizeof READS / sizeof READS[0] && err == 0; i++)
        err = load_table(db, i, ledger, now, fn, arg);
    /* On a full disk it is only left out. */
    for (size_t i = 0; i < sizeof SWEEPS / sizeof SWEEPS[0] && err == 0; i++)
        if (sweep(db, SWEEPS[i], now) != 0)
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
