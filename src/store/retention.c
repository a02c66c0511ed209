/* Keeping less: messages that are too old or too many are removed a few hundred at a time, by the store's thread
 * when it has nothing else to do. So are those of logs that are gone.
 *
 * A log is shortened from the front, never in the middle, even where the clock went back: what is left of it is one
 * stretch. The file doesn't get smaller; its free pages are used again. */
#include "store/db.h"

#include <hubbub/err.h>
#include <stdlib.h>

enum {
    STEP = 400,  /* messages */
    LOOK = 1000, /* logs that are looked at */
};

/* Its front is there no more: tells the log, and forgets what is known of it. */
static int note_removed(struct db *db, int64_t log, uint64_t seq)
{
    sqlite3_stmt *st = db->logs[LOGS_REMOVED];
    sqlite3_bind_int64(st, 1, log);
    sqlite3_bind_int64(st, 2, (int64_t)seq);
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW)
        if (sqlite3_column_type(st, 0) == SQLITE_TEXT)
            logs_doubt(db, (const char *)sqlite3_column_text(st, 0));
    int err = code == SQLITE_DONE ? 0 : db_failed(db);
    sqlite3_reset(st);
    return err;
}

/* The messages of a log up to this key, but no more than a step. *n grows by their number. */
static int remove_front(struct db *db, int64_t upto, size_t *n)
{
    int64_t log = key_log(upto), first = message_key(log, 0), stop = upto;
    int err = ASK(db, NTH, &stop, 1, first, upto, STEP - 1);
    if (err == 0)
        err = words_take(db, first, stop);
    if (err == 0)
        err = ASK(db, REMOVE, NULL, 0, first, stop);
    if (err == 0)
        *n += (size_t)sqlite3_changes(db->sql);
    if (err == 0)
        err = ASK(db, REMOVE_REACTIONS, NULL, 0, first, stop);
    if (err == 0)
        err = ASK(db, REMOVE_MENTIONS, NULL, 0, first, stop);
    if (err == 0)
        err = files_let_go(db, first, stop);
    return err != 0 ? err : note_removed(db, log, key_seq(stop));
}

/* ---- what there is to remove --------------------------------------------------------------------- */

static int remove_nameless(struct db *db, size_t *n)
{
    int64_t log = 0;
    int err = ASK(db, NAMELESS, &log, 1);
    if (err != 0 || log == 0) {
        db->nameless = err != 0;
        return err;
    }
    err = remove_front(db, message_key(log, SEQ_MAX), n);
    if (err == 0 && *n == 0) {
        err = ASK(db, END, NULL, 0, log);
        *n = 1; /* there may be more */
    }
    return err;
}

static int by_key(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The oldest of all logs, as far as they were said before that. */
static int remove_oldest(struct db *db, int64_t before, size_t *n)
{
    int64_t keys[STEP];
    size_t found = 0;
    sqlite3_stmt *st = db->logs[LOGS_OLDEST];
    sqlite3_bind_int64(st, 1, before);
    sqlite3_bind_int64(st, 2, STEP);
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW && found < STEP)
        keys[found++] = sqlite3_column_int64(st, 0);
    int err = code == SQLITE_DONE ? 0 : db_failed(db);
    sqlite3_reset(st);
    qsort(keys, found, sizeof keys[0], by_key);
    for (size_t i = 0; i < found && err == 0; i++)
        if (i + 1 == found || key_log(keys[i + 1]) != key_log(keys[i]))
            err = remove_front(db, keys[i], n);
    return err;
}

/* What is in use, not what the file has: free pages are used before it grows. */
static int remove_for_space(struct db *db, uint64_t bytes, size_t *n)
{
    int64_t pages = 0, unused = 0, size = 0;
    int err = ASK(db, PAGES, &pages, 1);
    if (err == 0)
        err = ASK(db, FREE_PAGES, &unused, 1);
    if (err == 0)
        err = ASK(db, PAGE_SIZE, &size, 1);
    if (err != 0 || (uint64_t)((pages - unused) * size) <= bytes)
        return err;
    return remove_oldest(db, INT64_MAX, n);
}

static int shorten(struct db *db, int64_t log, uint64_t per_room, size_t *n)
{
    int64_t length_last[2] = {0, 0};
    int err = ASK(db, LENGTH, length_last, 2, log);
    if (err != 0 || (uint64_t)length_last[0] <= per_room)
        return err;
    return remove_front(db, message_key(log, (uint64_t)length_last[1] - per_room), n);
}

static int remove_surplus(struct db *db, uint64_t per_room, size_t *n)
{
    int err = 0;
    while (err == 0 && db->nfull > 0 && *n < STEP) {
        err = shorten(db, db->full[db->nfull - 1], per_room, n);
        if (err == 0 && *n < STEP)
            db->nfull--;
    }
    if (err != 0 || *n > 0 || !db->all)
        return err;
    int64_t log = 0, newest = 0;
    err = ASK(db, LONG, &log, 1, db->seen, db->seen + LOOK, (int64_t)per_room);
    if (err == 0 && log != 0) {
        db->seen = log - 1; /* again, until it is short enough */
        return shorten(db, log, per_room, n);
    }
    if (err == 0)
        err = ASK(db, NEWEST, &newest, 1);
    db->seen += LOOK;
    db->all = err != 0 || db->seen < newest;
    return err;
}

/* ---- a step -------------------------------------------------------------------------------------- */

static int remove_some(struct db *db, const struct retention *r, int64_t now, size_t *n)
{
    int err = db->nameless ? remove_nameless(db, n) : 0;
    if (err == 0)
        err = files_overdue(db, now);
    if (err == 0 && files_are_gone(db))
        err = files_remove(db, n);
    if (err == 0 && *n == 0 && r->age_ms > 0)
        err = remove_oldest(db, now - r->age_ms, n);
    if (err == 0 && *n == 0 && r->bytes > 0)
        err = remove_for_space(db, r->bytes, n);
    if (err == 0 && *n == 0 && r->per_room > 0)
        err = remove_surplus(db, r->per_room, n);
    return err;
}

bool db_may_remove(const struct db *db, const struct retention *r, int64_t now)
{
    return db->nameless || files_are_gone(db) || now >= db->next_overdue || r->age_ms > 0 ||
           r->bytes > 0 || db->nfull > 0 || db->all;
}

void db_set_retention(struct db *db, const struct retention *r)
{
    db->per_room = r->per_room;
    db->nfull = 0;
    db->all = r->per_room > 0;
    db->seen = 0;
}

/* It need not last: what comes back in a power cut is removed again. */
int db_remove(struct db *db, const struct retention *r, int64_t now, bool *more)
{
    size_t n = 0;
    int err = db_run(db, "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE");
    if (err == 0)
        err = remove_some(db, r, now, &n);
    if (err == 0)
        err = db_run(db, "COMMIT");
    if (err != 0)
        db_roll_back(db);
    db_set_sync(db, db->full_sync);
    *more = n > 0 || db->all;
    return err;
}
