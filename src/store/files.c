/* Files, as far as the database knows of them, and the end of their bytes. Used by whoever writes the database, inside
 * its transaction; blocks as the disk does.
 *
 * A file has come before its row, and its row goes after its bytes: what a crash leaves behind is a file without a row,
 * which the next start removes, or a row of which the bytes are removed again. */
#include "store/db.h"

#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <string.h>

enum { STEP = 64, LOOK_MS = 60 * 1000, GRACE_MS = 60 * 1000 };

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
    INSIST(sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

static void bind_int(sqlite3_stmt *st, int at, int64_t number)
{
    INSIST(sqlite3_bind_int64(st, at, number) == SQLITE_OK);
}

/* A change that may have let some go. */
static int let_go(struct db *db, sqlite3_stmt *st)
{
    int err = db_step(db, st);
    if (err == 0 && sqlite3_changes(db->sql) > 0)
        db->gone_files = true;
    return err;
}

int files_write(struct db *db, const struct record *r)
{
    const struct file *f = r->file;
    sqlite3_stmt *st = db->logs[LOGS_FILE];
    bind_text(st, 1, f->id);
    bind_text(st, 2, f->room);
    bind_text(st, 3, f->user_id);
    bind_text(st, 4, f->name);
    bind_text(st, 5, f->type);
    bind_int(st, 6, (int64_t)f->size);
    bind_int(st, 7, f->width);
    bind_int(st, 8, f->height);
    bind_int(st, 9, f->thumbnail);
    bind_int(st, 10, f->ts);
    return db_step(db, st);
}

int files_say(struct db *db, int64_t key, const char *files)
{
    bind_int(db->logs[LOGS_SAY_FILES], 1, key);
    bind_text(db->logs[LOGS_SAY_FILES], 2, files);
    return db_step(db, db->logs[LOGS_SAY_FILES]);
}

int files_let_go(struct db *db, int64_t first, int64_t last)
{
    bind_int(db->logs[LOGS_REMOVE_FILES], 1, first);
    bind_int(db->logs[LOGS_REMOVE_FILES], 2, last);
    return let_go(db, db->logs[LOGS_REMOVE_FILES]);
}

int files_forget(struct db *db, const char *room)
{
    bind_text(db->logs[LOGS_FORGET_FILES], 1, room);
    bind_text(db->logs[LOGS_FORGET_WAITING], 1, room);
    int err = let_go(db, db->logs[LOGS_FORGET_FILES]);
    return err != 0 ? err : let_go(db, db->logs[LOGS_FORGET_WAITING]);
}

/* The grace is for a message that is on its way when the time is over. */
int files_overdue(struct db *db, int64_t now)
{
    if (now < db->next_overdue)
        return 0;
    db->next_overdue = now + LOOK_MS;
    bind_int(db->logs[LOGS_OVERDUE_FILES], 1, now - FILE_WAIT_MS - GRACE_MS);
    return let_go(db, db->logs[LOGS_OVERDUE_FILES]);
}

/* ---- the bytes (bytes.c) ----------------------------------------------------------------------------------- */

/* In the order of their ids, so that those that cannot be removed hold up no others. */
int files_remove(struct db *db, size_t *n)
{
    char ids[STEP][FILE_ID_LEN + 1];
    size_t found = 0;
    int code, err;
    sqlite3_stmt *st = db->logs[LOGS_GONE_FILES];
    if (db->gone_after[0] == '\0')
        db->gone_files = false; /* of those that go from now on, the next time */
    bind_int(st, 1, STEP);
    bind_text(st, 2, db->gone_after);
    while (found < STEP && (code = sqlite3_step(st)) == SQLITE_ROW)
        snprintf(ids[found++], sizeof ids[0], "%s", (const char *)sqlite3_column_text(st, 0));
    err = code == SQLITE_DONE || code == SQLITE_ROW ? 0 : db_failed(db);
    sqlite3_reset(st);
    size_t removed = 0;
    for (size_t i = 0; i < found && err == 0; i++) {
        if (!bytes_remove(db->files, ids[i]))
            continue; /* its row stays, for the next start */
        bind_text(db->logs[LOGS_FILE_GONE], 1, ids[i]);
        err = db_step(db, db->logs[LOGS_FILE_GONE]);
        removed++;
    }
    db->gone_files = db->gone_files || err != 0;
    strcpy(db->gone_after, err == 0 && found == STEP ? ids[STEP - 1] : "");
    if (err == 0) {
        metric_add(METRIC_FILES_REMOVED, (int64_t)removed);
        *n += found;
    }
    return err;
}

static bool is_known(void *arg, const char *id)
{
    struct db *db = arg;
    sqlite3_stmt *st = db->logs[LOGS_HAS_FILE];
    bind_text(st, 1, id);
    int code = sqlite3_step(st);
    sqlite3_reset(st);
    return code != SQLITE_DONE; /* an error is no reason to remove anything */
}

static uint64_t count_files(struct db *db)
{
    sqlite3_stmt *st = db->logs[LOGS_COUNT_FILES];
    uint64_t n = sqlite3_step(st) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return n;
}

void db_set_files(struct db *db, const char *directory)
{
    db->files = xstrdup(directory);
    db->gone_files = true; /* a look does no harm */
    bytes_sweep(directory, count_files(db), is_known, db);
}

/* ---- a row --------------------------------------------------------------------------------------- */

static bool set(char *to, size_t space, sqlite3_stmt *st, int column)
{
    const char *text = (const char *)sqlite3_column_text(st, column);
    return text != NULL && (size_t)snprintf(to, space, "%s", text) < space;
}

bool file_of_row(sqlite3_stmt *st, struct file *f)
{
    int64_t key = sqlite3_column_int64(st, 1);
    *f = (struct file){
        .seq = key > 0 ? key_seq(key) : 0,
        .size = (uint64_t)sqlite3_column_int64(st, 6),
        .width = (uint32_t)sqlite3_column_int64(st, 7),
        .height = (uint32_t)sqlite3_column_int64(st, 8),
        .thumbnail = sqlite3_column_int(st, 9) != 0,
        .ts = sqlite3_column_int64(st, 10),
    };
    return set(f->id, sizeof f->id, st, 0) && set(f->room, sizeof f->room, st, 2) &&
           set(f->user_id, sizeof f->user_id, st, 3) && set(f->name, sizeof f->name, st, 4) &&
           set(f->type, sizeof f->type, st, 5);
}
