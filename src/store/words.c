/* The index of the words of what was said. Used by whoever writes the database.
 *
 * New messages are added to it a few hundred at a time, by the store's thread when it has nothing else to do, so that
 * writing them costs nothing more. A mark in the database says how far that is, in the order of (ts, id): exactly the
 * messages up to the mark are in the index, tombstones with no words. So whatever becomes of those, or comes late, is
 * done to the index in the same transaction. */
#include "store/db.h"

#include <hubbub/err.h>
#include <hubbub/metrics.h>

enum { STEP = 400 /* messages */ };

/* Where the mark is, after the start and after a transaction that failed. */
static int know_mark(struct db *db)
{
    int64_t mark[2] = {0, 0};
    if (db->words_known)
        return 0;
    int err = ASK(db, WORDS_MARK, mark, 2, 0);
    db->words_ts = mark[0];
    db->words_id = mark[1];
    db->words_known = err == 0;
    db->wordless = true;
    return err;
}

void words_doubt(struct db *db)
{
    db->words_known = false;
    db->wordless = true;
}

static bool is_indexed(const struct db *db, int64_t key, int64_t ts)
{
    return ts < db->words_ts || (ts == db->words_ts && key <= db->words_id);
}

bool words_lack(const struct db *db, int64_t key, int64_t ts)
{
    return db->words_known && !is_indexed(db, key, ts);
}

/* In a damaged index nothing can be changed, and what is said must not wait for it: it is made anew. */
static int begin_anew(struct db *db)
{
    int err = db_run(db, "INSERT INTO words (words) VALUES ('delete-all')");
    if (err == 0)
        err = ASK(db, WORDS_UPTO, NULL, 0, 0, 0);
    words_doubt(db);
    return err != 0 ? err : know_mark(db);
}

static int unless_damaged(struct db *db, int err)
{
    return err != 0 && (sqlite3_errcode(db->sql) & 0xff) == SQLITE_CORRUPT ? begin_anew(db) : err;
}

int words_take(struct db *db, int64_t first, int64_t last)
{
    int err = know_mark(db);
    if (err != 0)
        return err;
    err = ASK(db, WORDS_TAKE, NULL, 0, first, last, db->words_ts, db->words_id);
    return unless_damaged(db, err);
}

int words_take_old(struct db *db, int64_t key, const struct message *m)
{
    int err = know_mark(db);
    bool is_new = m->edited_ts == 0 && !m->deleted && !is_indexed(db, key, m->ts);
    return err != 0 || is_new ? err : words_take(db, key, key);
}

int words_put(struct db *db, int64_t key, int64_t ts)
{
    if (is_indexed(db, key, ts))
        return unless_damaged(db, ASK(db, WORDS_PUT, NULL, 0, key));
    db->wordless = true;
    return 0;
}

/* ---- a step -------------------------------------------------------------------------------------- */

static int add_some(struct db *db, size_t *n)
{
    int err = know_mark(db);
    if (err != 0)
        return err;
    int64_t upto[2] = {db->words_ts, db->words_id};
    err = ASK(db, WORDS_NEXT, upto, 2, db->words_ts, db->words_id, STEP);
    if (err != 0 || (upto[0] == db->words_ts && upto[1] == db->words_id))
        return err;
    err = ASK(db, WORDS_ADD, NULL, 0, db->words_ts, db->words_id, upto[0], upto[1]);
    *n = err == 0 ? (size_t)sqlite3_changes(db->sql) : 0;
    if (err == 0)
        err = ASK(db, WORDS_UPTO, NULL, 0, upto[0], upto[1]);
    db->words_ts = upto[0];
    db->words_id = upto[1];
    return unless_damaged(db, err);
}

bool db_may_index(const struct db *db)
{
    return db->wordless;
}

/* It need not last: what is lost in a power cut is lost with its mark. */
int db_index(struct db *db, size_t *n, bool *more)
{
    *n = 0;
    int err = db_run(db, "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE");
    if (err == 0)
        err = add_some(db, n);
    if (err == 0)
        err = db_run(db, "COMMIT");
    *more = err == 0 && *n >= STEP;
    if (err != 0) {
        db_roll_back(db);
    } else {
        db->wordless = *more || !db->words_known;
        metric_add(METRIC_STORE_INDEXED, (int64_t)*n);
    }
    db_set_sync(db, db->full_sync);
    return err;
}
