/* Forgetting a user. The main thread of a command, alone with the database: it has the server's lock. */
#include "store/db.h"

#include <errno.h>
#include <hubbub/archive.h>
#include <hubbub/err.h>
#include <stdio.h>
#include <unistd.h>

#define INDEXED                                                    \
    "SELECT m.id FROM messages m, words_mark w WHERE user_id = ?1" \
    " AND (m.ts, m.id) <= (w.ts, w.id) ORDER BY m.id"

/* In this order; ?1 is the user's id. A count of rows goes to the member that is named, if any. */
static const struct {
    const char *text;
    size_t member; /* of struct erased; NONE */
} DEEDS[] = {
#define NONE ((size_t)-1)
#define COUNT(member) offsetof(struct erased, member)
    {"DELETE FROM reactions WHERE user_id = ?1", COUNT(reactions)},
    {"DELETE FROM reactions WHERE message IN (SELECT id FROM messages WHERE user_id = ?1)",
     COUNT(received)},
    {"UPDATE files SET message = -1 WHERE user_id = ?1", COUNT(files)},
    {"DELETE FROM words WHERE rowid IN (" INDEXED ")", NONE},
    {"INSERT INTO words (rowid, text) SELECT id, '' FROM (" INDEXED ")", NONE},
    {"DELETE FROM mentions WHERE message IN (SELECT id FROM messages WHERE user_id = ?1)", NONE},
    {"UPDATE messages SET user_id = '', username = '" ERASED_NAME "', request_id = '',"
     " content = '\"\"', files = '', mentions = '', edited = 0, deleted = 1 WHERE user_id = ?1",
     COUNT(messages)},
    /* The list without the user, or no list when that was all of it; the braces are not kept. */
    {"UPDATE messages SET mentions = (SELECT substr(o, 2, length(o) - 2) FROM (SELECT"
     " json_patch('{' || mentions || '}', json_object('mentions', (SELECT CASE WHEN count(*) > 0"
     " THEN json(json_group_array(value)) END FROM json_each('{' || mentions || '}', '$.mentions')"
     " WHERE value <> ?1))) AS o)) WHERE id IN (SELECT message FROM mentions WHERE user_id = ?1)",
     NONE},
    {"DELETE FROM mentions WHERE user_id = ?1", COUNT(mentions)},
    {"DELETE FROM marks WHERE user_id = ?1", COUNT(marks)},
    {"DELETE FROM ranks WHERE user_id = ?1", COUNT(ranks)},
    {"DELETE FROM invites WHERE user_id = ?1", COUNT(invites)},
    {"DELETE FROM blocks WHERE by_id = ?1 OR user_id = ?1", COUNT(blocks)},
    /* The other one keeps the conversation; nobody has the id of a room. */
    {"UPDATE pairs SET user_id = room, username = '" ERASED_NAME "' WHERE user_id = ?1",
     COUNT(pairs)},
    {"UPDATE pairs SET by_id = room, by_name = '" ERASED_NAME "' WHERE by_id = ?1", COUNT(pairs)},
    {"UPDATE invites SET by_id = '' WHERE by_id = ?1", COUNT(given)},
    {"UPDATE sanctions SET username = '" ERASED_NAME "', reason = '' WHERE user_id = ?1",
     COUNT(sanctions)},
    {"UPDATE sanctions SET by_id = '', by_name = '" ERASED_NAME "' WHERE by_id = ?1", COUNT(given)},
    {"UPDATE ledger SET user_id = '', username = '" ERASED_NAME "', reason = ''"
     " WHERE user_id = ?1",
     COUNT(ledger)},
    {"UPDATE ledger SET by_id = '', by_name = '" ERASED_NAME "' WHERE by_id = ?1", COUNT(ledger)},
};

static int run(sqlite3 *sql, const char *text)
{
    return sqlite3_exec(sql, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : ERR_SYSTEM;
}

static int do_deed(sqlite3 *sql, size_t i, const char *user_id, struct erased *out)
{
    sqlite3_stmt *st = NULL;
    int err = ERR_SYSTEM;
    if (sqlite3_prepare_v2(sql, DEEDS[i].text, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_bind_text(st, 1, user_id, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_DONE) {
        err = 0;
        if (DEEDS[i].member != NONE)
            *(uint64_t *)(void *)((char *)out + DEEDS[i].member) += (uint64_t)sqlite3_changes(sql);
    }
    sqlite3_finalize(st);
    return err;
}

static int count_ownerless(sqlite3 *sql, uint64_t *n)
{
    sqlite3_stmt *st = NULL;
    int err = ERR_SYSTEM;
    if (sqlite3_prepare_v2(sql,
                           "SELECT count(*) FROM rooms WHERE room <> '' AND room NOT IN"
                           " (SELECT room FROM ranks WHERE rank = 'owner')",
                           -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW) {
        err = 0;
        *n = (uint64_t)sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return err;
}

static int erase(sqlite3 *sql, const char *user_id, struct erased *out)
{
    uint64_t before = 0, after = 0;
    int changes = sqlite3_total_changes(sql);
    int err = run(sql, "PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; BEGIN IMMEDIATE");
    if (err == 0)
        err = count_ownerless(sql, &before);
    for (size_t i = 0; i < sizeof DEEDS / sizeof DEEDS[0] && err == 0; i++)
        err = do_deed(sql, i, user_id, out);
    if (err == 0)
        err = count_ownerless(sql, &after);
    out->ownerless = after - before;
    if (err == 0)
        err = run(sql, "COMMIT");
    return err == 0 && sqlite3_total_changes(sql) == changes ? ERR_NOTFOUND : err;
}

/* The bytes of the files that are to go, then what the database knows of them. */
static int remove_files(sqlite3 *sql, const char *directory)
{
    sqlite3_stmt *st = NULL;
    int code = SQLITE_ERROR;
    bool all = true;
    if (sqlite3_prepare_v2(sql, "SELECT id FROM files WHERE message = -1", -1, &st, NULL) ==
        SQLITE_OK)
        while ((code = sqlite3_step(st)) == SQLITE_ROW)
            for (int i = 0; i < 2; i++) {
                char path[4096];
                snprintf(path, sizeof path, "%s/" FILES_DIRECTORY "/%s%s", directory,
                         (const char *)sqlite3_column_text(st, 0), i == 0 ? "" : FILE_THUMBNAIL);
                all = (unlink(path) == 0 || errno == ENOENT) && all;
            }
    sqlite3_finalize(st);
    return code == SQLITE_DONE && all ? run(sql, "DELETE FROM files WHERE message = -1")
                                      : ERR_SYSTEM;
}

/* What was removed before may still be in the file, in older parts of the index and in pages that are free, and in
 * the log of what was written. */
static int leave_nothing(sqlite3 *sql)
{
    int err = run(sql, "INSERT INTO words (words) VALUES ('optimize')");
    if (err == 0)
        err = run(sql, "VACUUM");
    return err != 0 ? err : run(sql, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static int erase_in(const char *directory, const char *user_id, struct erased *out, char *why,
                    size_t space)
{
    sqlite3 *sql = NULL;
    int err = archive_open(directory, schema_latest(), &sql, why, space);
    if (err != 0)
        return err;
    err = erase(sql, user_id, out);
    if (err == ERR_NOTFOUND) {
        snprintf(why, space, "nothing is kept of a user with the id '%s'", user_id);
    } else if (err != 0) {
        snprintf(why, space, "nothing is erased: %s", sqlite3_errmsg(sql));
    } else if ((err = remove_files(sql, directory)) != 0) {
        snprintf(why, space, "erased, but not all files: the next start of a server removes them");
    } else if ((err = leave_nothing(sql)) != 0) {
        snprintf(why, space, "erased, but what was there before may still be found in the file: %s",
                 sqlite3_errmsg(sql));
    }
    sqlite3_close(sql);
    return err;
}

int archive_erase(const char *directory, const char *url, const char *user_id, struct erased *out,
                  char *why, size_t space)
{
    *out = (struct erased){0};
    if (url != NULL)
        return postgres_erase(directory, url, user_id, out, why, space);
    /* First: a directory without a database is left alone. */
    sqlite3 *sql = NULL;
    int err = archive_open(directory, schema_latest(), &sql, why, space);
    if (err != 0)
        return err;
    sqlite3_close(sql);
    if ((err = store_try(directory, NULL, why, space)) != 0)
        return err;
    int lock = place_lock(directory, why, space);
    if (lock < 0)
        return ERR_SYSTEM;
    err = erase_in(directory, user_id, out, why, space);
    close(lock);
    return err;
}
