/* The schema, as the steps that led to it. A database remembers how many it has taken (PRAGMA user_version)
 * and takes the rest when it is opened, each in a transaction of its own. Steps that were ever released
 * are never changed: what shall be different is a new step at the end.
 *
 * All text is plain. A row of `rooms` with the empty name stands for the server itself, so that its sanctions
 * and its ledger are like a room's. */
#include "store/store_private.h"

#include <hubbub/check.h>
#include <hubbub/err.h>
#include <sqlite3.h>
#include <stdio.h>

enum { APPLICATION_ID = 0x68756262 }; /* "hubb": see file(1) and PRAGMA application_id */

#define OF_A_ROOM "room TEXT NOT NULL REFERENCES rooms (room) ON DELETE CASCADE, "

static const char *const STEPS[] = {
    /* 1 */
    "CREATE TABLE rooms (room TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, topic TEXT NOT NULL,"
    "  password TEXT NOT NULL, visibility TEXT NOT NULL, max_users INTEGER NOT NULL,"
    "  slow_mode INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO rooms VALUES ('', '', '', '', 'private', 0, 0);"
    "CREATE TABLE ranks (" OF_A_ROOM "user_id TEXT NOT NULL, username TEXT NOT NULL,"
    "  rank TEXT NOT NULL, PRIMARY KEY (room, user_id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sanctions (" OF_A_ROOM "user_id TEXT NOT NULL, username TEXT NOT NULL,"
    "  action TEXT NOT NULL, by_name TEXT NOT NULL, by_id TEXT NOT NULL, by_rank TEXT NOT NULL,"
    "  reason TEXT NOT NULL, ts INTEGER NOT NULL, until INTEGER NOT NULL, entry INTEGER NOT NULL,"
    "  PRIMARY KEY (room, user_id, action)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE ledger (" OF_A_ROOM "entry INTEGER NOT NULL, action TEXT NOT NULL,"
    "  user_id TEXT NOT NULL, username TEXT NOT NULL, by_name TEXT NOT NULL, by_id TEXT NOT NULL,"
    "  by_rank TEXT NOT NULL, reason TEXT NOT NULL, ts INTEGER NOT NULL, until INTEGER NOT NULL,"
    "  undone INTEGER NOT NULL, PRIMARY KEY (room, entry)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE invites (" OF_A_ROOM "code TEXT NOT NULL, user_id TEXT NOT NULL,"
    "  by_id TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (room, code))"
    "  STRICT, WITHOUT ROWID;",
    /* 2: bans by address */
    "CREATE TABLE addresses (user_id TEXT NOT NULL, address TEXT NOT NULL,"
    "  PRIMARY KEY (user_id, address)) STRICT, WITHOUT ROWID;",
    /* 3: which role was given; what was said. A log belongs to a name, whether there is a room of that name
     * or not; one without a name is gone, and its messages are being removed. The key of a message is its log
     * and its seq, so that a log is one stretch of the table, without an index of its own; they are removed
     * from the front, up to logs.removed. Epochs count up by n; reactions are in the order of their times,
     * in us. */
    "ALTER TABLE ledger ADD COLUMN rank TEXT NOT NULL DEFAULT 'guest';"
    "CREATE TABLE logs (log INTEGER PRIMARY KEY CHECK (log BETWEEN 1 AND 8388607),"
    "  room TEXT UNIQUE, removed INTEGER NOT NULL) STRICT;"
    "CREATE TABLE epochs (log INTEGER NOT NULL REFERENCES logs (log) ON DELETE CASCADE,"
    "  n INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (log, n))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE messages (id INTEGER PRIMARY KEY /* log << 40 | seq */, ts INTEGER NOT NULL,"
    "  user_id TEXT NOT NULL, username TEXT NOT NULL, request_id TEXT NOT NULL,"
    "  reply_to INTEGER NOT NULL, edited INTEGER NOT NULL, deleted INTEGER NOT NULL,"
    "  content TEXT NOT NULL) STRICT;"
    "CREATE INDEX messages_by_ts ON messages (ts);"
    "CREATE TABLE reactions (message INTEGER NOT NULL, user_id TEXT NOT NULL,"
    "  emoji TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (message, user_id, emoji))"
    "  STRICT, WITHOUT ROWID;",
    /* 4: the words of what was said (words.c). The index has the messages that come, in the order of (ts, id), up to the
     * mark, tombstones too, and takes their text from the view. */
    "CREATE VIEW said AS SELECT id, ts, CASE WHEN json_valid(content)"
    "  THEN json_extract(content, '$') ELSE '' END AS text FROM messages;"
    "CREATE VIRTUAL TABLE words USING fts5 (text, content = 'said', content_rowid = 'id',"
    "  tokenize = 'unicode61 remove_diacritics 2');"
    "CREATE TABLE words_mark (ts INTEGER NOT NULL, id INTEGER NOT NULL) STRICT;"
    "INSERT INTO words_mark VALUES (0, 0);",
    /* 5: files. `message` is the key of the one that a file is part of, 0 while it waits for one, -1 when it is
     * to be removed. */
    "ALTER TABLE messages ADD COLUMN files TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE files (id TEXT NOT NULL PRIMARY KEY, message INTEGER NOT NULL, room TEXT NOT "
    "NULL,"
    "  user_id TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL,"
    "  width INTEGER NOT NULL, height INTEGER NOT NULL, thumbnail INTEGER NOT NULL,"
    "  ts INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX files_by_message ON files (message, ts);"
    "CREATE INDEX files_by_user ON files (user_id, size);",
    /* 6: who is mentioned (the column is as in the event, the table finds them), and how far people have read. */
    "ALTER TABLE messages ADD COLUMN mentions TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE mentions (user_id TEXT NOT NULL, ts INTEGER NOT NULL, message INTEGER NOT NULL,"
    "  PRIMARY KEY (user_id, ts, message)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX mentions_by_message ON mentions (message);"
    "CREATE TABLE marks (user_id TEXT NOT NULL,"
    "  log INTEGER NOT NULL REFERENCES logs (log) ON DELETE CASCADE, seq INTEGER NOT NULL,"
    "  ts INTEGER NOT NULL, PRIMARY KEY (user_id, log)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX marks_by_log ON marks (log);"
    "CREATE INDEX marks_by_ts ON marks (ts);",
    /* 7: rooms that hide what was said before somebody came, and since when that is. */
    "ALTER TABLE rooms ADD COLUMN hides_past INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE marks ADD COLUMN since INTEGER NOT NULL DEFAULT 0;",
    /* 8: private conversations, and who wants to hear nothing of whom. */
    "CREATE TABLE pairs (room TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL,"
    "  username TEXT NOT NULL, by_id TEXT NOT NULL, by_name TEXT NOT NULL,"
    "  ts INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE blocks (by_id TEXT NOT NULL, user_id TEXT NOT NULL, username TEXT NOT NULL,"
    "  ts INTEGER NOT NULL, PRIMARY KEY (by_id, user_id)) STRICT, WITHOUT ROWID;",
};

int schema_latest(void)
{
    return sizeof STEPS / sizeof STEPS[0];
}

/* The one number that a query gives; 0, or ERR_SYSTEM. */
static int ask(sqlite3 *sql, const char *query, int *number)
{
    sqlite3_stmt *st = NULL;
    int err = ERR_SYSTEM;
    if (sqlite3_prepare_v2(sql, query, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW) {
        *number = sqlite3_column_int(st, 0);
        err = 0;
    }
    sqlite3_finalize(st);
    return err;
}

static int run(sqlite3 *sql, const char *text)
{
    return sqlite3_exec(sql, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : ERR_SYSTEM;
}

/* Whose database it is, and of which version. empty: nobody's yet. */
static int look(sqlite3 *sql, int *version, bool *empty, char *why, size_t space)
{
    int application = 0, tables = 0, err;
    if ((err = ask(sql, "PRAGMA application_id", &application)) != 0 ||
        (err = ask(sql, "PRAGMA user_version", version)) != 0 ||
        (err = ask(sql, "SELECT count(*) FROM sqlite_schema", &tables)) != 0) {
        snprintf(why, space, "%s", sqlite3_errmsg(sql));
        return err;
    }
    *empty = application == 0 && *version == 0 && tables == 0;
    if (application != APPLICATION_ID && !*empty) {
        snprintf(why, space,
                 "it is the database of another program (choose another directory with --data)");
        return ERR_INVALID;
    }
    return 0;
}

static int refuse_newer(int version, int known, char *why, size_t space)
{
    snprintf(why, space,
             "its schema has version %d, and this program (" HUBBUB_VERSION
             ") knows versions up to %d: a newer one has written it (use that, or a backup)",
             version, known);
    return ERR_INVALID;
}

int schema_check(sqlite3 *sql, int least, char *why, size_t space)
{
    int version = 0;
    bool empty;
    int err = look(sql, &version, &empty, why, space);
    if (err != 0 || (version >= least && version <= schema_latest()))
        return err;
    if (version > schema_latest())
        return refuse_newer(version, schema_latest(), why, space);
    snprintf(why, space,
             "its schema has version %d, and this program (" HUBBUB_VERSION
             ") wants version %d: start a server of this version once, which brings it up to date",
             version, schema_latest());
    return ERR_INVALID;
}

static int take_step(sqlite3 *sql, int version)
{
    char mark[96];
    snprintf(mark, sizeof mark, "PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT",
             version, APPLICATION_ID);
    int err = run(sql, "BEGIN IMMEDIATE");
    if (err == 0)
        err = run(sql, STEPS[version - 1]);
    return err != 0 ? err : run(sql, mark);
}

int schema_migrate(sqlite3 *sql, int to, char *why, size_t space)
{
    int version = 0;
    bool empty;
    REQUIRE(to >= 0 && to <= schema_latest());
    int err = look(sql, &version, &empty, why, space);
    if (err == 0 && version > to)
        err = refuse_newer(version, to, why, space);
    if (err != 0)
        return err;
    while (err == 0 && version < to)
        err = take_step(sql, ++version);
    if (err == 0)
        return 0;
    snprintf(why, space, "%s", sqlite3_errmsg(sql));
    if (!sqlite3_get_autocommit(sql))
        run(sql, "ROLLBACK");
    return err;
}
