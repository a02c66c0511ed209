/* The database between the files that share it: sqlite.c opens it and writes, logs.c writes what is said, load.c
 * reads it all at the start, retention.c removes, reading.c has connections of its own. */
#ifndef HUBBUB_STORE_DB_H
#define HUBBUB_STORE_DB_H

#include "store/statements.h"
#include "store/store_private.h"

#include <sqlite3.h>

enum {
    BUSY_MS = 2000, /* somebody looks at it with sqlite3(1), or takes a backup */
    MAX_COLUMNS = 16,
    CACHED_LOGS = 4096, /* a power of two */
    FULL_LOGS = 64,
    ROWS = 8, /* of new messages written by one statement: a quarter less time for each */
};

/* ---- keys of messages ---------------------------------------------------------------------------- */

#define SEQ_BITS 40
#define SEQ_MAX ((UINT64_C(1) << SEQ_BITS) - 1)

static inline int64_t message_key(int64_t log, uint64_t seq)
{
    return (int64_t)((uint64_t)log << SEQ_BITS | seq);
}

static inline uint64_t key_seq(int64_t key)
{
    return (uint64_t)key & SEQ_MAX;
}

static inline int64_t key_log(int64_t key)
{
    return key >> SEQ_BITS;
}

/* For queries in which l is a row of logs. */
#define SQL_SEQ "1099511627775" /* SEQ_MAX */
#define SQL_OF_LOG "id BETWEEN l.log << 40 AND (l.log << 40) + " SQL_SEQ
#define SQL_FIRST \
    "ifnull((SELECT id & " SQL_SEQ " FROM messages WHERE " SQL_OF_LOG " ORDER BY id LIMIT 1), 0)"
#define SQL_LAST                                                   \
    "max(l.removed, ifnull((SELECT id & " SQL_SEQ " FROM messages" \
    " WHERE " SQL_OF_LOG " ORDER BY id DESC LIMIT 1), 0))"
#define SQL_EPOCH \
    "ifnull((SELECT epoch FROM epochs e WHERE e.log = l.log ORDER BY n DESC LIMIT 1), '')"
/* What message_of_row() wants. */
enum { MESSAGE_COLUMNS = 11 };
#define SQL_MESSAGE \
    "id, ts, user_id, username, request_id, reply_to, edited, deleted, content, files, mentions"
/* What file_of_row() wants. */
#define SQL_FILE "id, message, room, user_id, name, type, size, width, height, thumbnail, ts"

/* A copy of the row that the statement is at, which begins with SQL_MESSAGE. NULL: it makes no sense. */
struct message *message_of_row(sqlite3_stmt *st);
bool file_of_row(sqlite3_stmt *st, struct file *out);

/* ---- the connection that writes ------------------------------------------------------------------ */

/* A statement whose parameters are members of a record. */
struct statement {
    sqlite3_stmt *st;
    int nparams;
    int field[MAX_COLUMNS]; /* of each parameter */
};

/* Not OR REPLACE, which costs a fifth more even where there is nothing to replace. */
#define SQL_PUT "INSERT INTO messages (" SQL_MESSAGE ") VALUES "
#define SQL_ROW "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define SQL_OR_UPDATE                                                               \
    " ON CONFLICT (id) DO UPDATE SET ts = excluded.ts, user_id = excluded.user_id," \
    " username = excluded.username, request_id = excluded.request_id,"              \
    " reply_to = excluded.reply_to, edited = excluded.edited,"                      \
    " deleted = excluded.deleted, content = excluded.content,"                      \
    " files = excluded.files, mentions = excluded.mentions"

#define LOG_STATEMENTS(X)                                                                          \
    X(FIND, "SELECT log, removed FROM logs WHERE room = ?1")                                       \
    /* Of one that is there no number is looked for: there may be none left. */                    \
    X(MAKE, "INSERT INTO logs (room, removed) SELECT ?1, 0"                                        \
            " WHERE NOT EXISTS (SELECT 1 FROM logs WHERE room = ?1)")                              \
    X(FORGET, "UPDATE logs SET room = NULL WHERE room = ?1")                                       \
    X(EPOCH_AGAIN, "UPDATE epochs SET seq = ?3 WHERE log = ?1 AND epoch = ?2")                     \
    X(EPOCH, "INSERT INTO epochs (log, n, epoch, seq)"                                             \
             " SELECT ?1, ifnull(max(n), 0) + 1, ?2, ?3 FROM epochs WHERE log = ?1")               \
    X(OLD_EPOCHS, "DELETE FROM epochs WHERE log = ?1"                                              \
                  " AND n <= (SELECT max(n) FROM epochs WHERE log = ?1) - ?2")                     \
    X(MESSAGE, SQL_PUT SQL_ROW SQL_OR_UPDATE)                                                      \
    X(MESSAGES, SQL_PUT SQL_ROW "," SQL_ROW "," SQL_ROW "," SQL_ROW "," SQL_ROW "," SQL_ROW        \
                                "," SQL_ROW "," SQL_ROW SQL_OR_UPDATE)                             \
    X(MENTION, "INSERT OR IGNORE INTO mentions (user_id, ts, message) SELECT value, ?2, ?1 FROM"   \
               " json_each('{' || ?3 || '}', '$.mentions')")                                       \
    X(REMOVE_MENTIONS, "DELETE FROM mentions WHERE message BETWEEN ?1 AND ?2")                     \
    X(SAY_FILES, "UPDATE files SET message = ?1 WHERE message = 0 AND id IN"                       \
                 " (SELECT json_extract(value, '$.id') FROM json_each(?2))")                       \
    X(FILE, "INSERT INTO files (" SQL_FILE ") VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)" \
            " ON CONFLICT DO NOTHING")                                                             \
    X(FORGET_FILES, "UPDATE files SET message = -1 WHERE message BETWEEN"                          \
                    " (SELECT max(1, log << 40) FROM logs WHERE room = ?1) AND"                    \
                    " (SELECT (log << 40) + " SQL_SEQ " FROM logs WHERE room = ?1)")               \
    X(FORGET_WAITING, "UPDATE files SET message = -1 WHERE message = 0 AND room = ?1")             \
    X(REMOVE_FILES, "UPDATE files SET message = -1 WHERE message BETWEEN ?1 AND ?2")               \
    X(OVERDUE_FILES, "UPDATE files SET message = -1 WHERE message = 0 AND ts < ?1")                \
    X(GONE_FILES, "SELECT id FROM files WHERE message = -1 AND id > ?2 ORDER BY id LIMIT ?1")      \
    X(FILE_GONE, "DELETE FROM files WHERE id = ?1")                                                \
    X(HAS_FILE, "SELECT 1 FROM files WHERE id = ?1 AND message >= 0")                              \
    X(COUNT_FILES, "SELECT count(*) FROM files WHERE message >= 0")                                \
    X(NO_REACTIONS, "DELETE FROM reactions WHERE message = ?1")                                    \
    X(REACTION, "INSERT INTO reactions (message, user_id, emoji, at) SELECT ?1, ?2, ?3, ?4"        \
                " WHERE EXISTS (SELECT 1 FROM messages WHERE id = ?1 AND NOT deleted)"             \
                " ON CONFLICT DO NOTHING")                                                         \
    X(REACTION_GONE, "DELETE FROM reactions WHERE message = ?1 AND user_id = ?2 AND emoji = ?3")   \
    /* retention.c */                                                                              \
    X(NAMELESS, "SELECT log FROM logs WHERE room IS NULL LIMIT 1")                                 \
    X(END, "DELETE FROM logs WHERE log = ?1")                                                      \
    X(NTH, "SELECT id FROM messages WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1 OFFSET ?3")     \
    X(REMOVE, "DELETE FROM messages WHERE id BETWEEN ?1 AND ?2")                                   \
    X(REMOVE_REACTIONS, "DELETE FROM reactions WHERE message BETWEEN ?1 AND ?2")                   \
    X(REMOVED, "UPDATE logs SET removed = max(removed, ?2) WHERE log = ?1 RETURNING room")         \
    X(OLDEST, "SELECT id FROM messages WHERE ts < ?1 ORDER BY ts LIMIT ?2")                        \
    X(LENGTH, "SELECT " SQL_LAST " - l.removed, " SQL_LAST " FROM logs l WHERE log = ?1")          \
    X(LONG, "SELECT log FROM logs l WHERE log > ?1 AND log <= ?2"                                  \
            " AND " SQL_LAST " - l.removed > ?3 LIMIT 1")                                          \
    X(NEWEST, "SELECT ifnull(max(log), 0) FROM logs")                                              \
    /* words.c */                                                                                  \
    X(WORDS_MARK, "SELECT ts, id FROM words_mark LIMIT 1 OFFSET ?1")                               \
    X(WORDS_UPTO, "UPDATE words_mark SET ts = ?1, id = ?2")                                        \
    X(WORDS_NEXT, "SELECT ts, id FROM (SELECT ts, id FROM messages WHERE (ts, id) > (?1, ?2)"      \
                  " ORDER BY ts, id LIMIT ?3) ORDER BY ts DESC, id DESC LIMIT 1")                  \
    X(WORDS_ADD, "INSERT INTO words (rowid, text) SELECT id, text FROM said"                       \
                 " WHERE (ts, id) > (?1, ?2) AND (ts, id) <= (?3, ?4) ORDER BY id")                \
    X(WORDS_PUT, "INSERT INTO words (rowid, text) SELECT id, text FROM said WHERE id = ?1")        \
    X(WORDS_TAKE, "DELETE FROM words WHERE rowid IN (SELECT id FROM messages"                      \
                  " WHERE id BETWEEN ?1 AND ?2 AND (ts, id) <= (?3, ?4))")                         \
    X(PAGES, "PRAGMA page_count")                                                                  \
    X(FREE_PAGES, "PRAGMA freelist_count")                                                         \
    X(PAGE_SIZE, "PRAGMA page_size")

enum {
#define X(name, text) LOGS_##name,
    LOG_STATEMENTS(X)
#undef X
        NLOGS
};

/* The log of a room, as the table has it within the present transaction. */
struct known_log {
    char room[NAME_MAX_BYTES + 1];
    int64_t log; /* 0: not known */
    uint64_t removed;
};

/* A message that was seen to be in order and waits for others like it. */
struct waiting_row {
    int64_t key;
    const struct message *message; /* borrowed */
    size_t at;                     /* the change that it came with */
};

struct db {
    sqlite3 *sql;
    bool full_sync;
    struct statement writes[NWRITES];
    sqlite3_stmt *logs[NLOGS];
    struct known_log known[CACHED_LOGS]; /* by hash of the room */
    uint64_t hash_key;
    int64_t reacted_at; /* of the latest reaction, us */
    size_t nrows;       /* of the present transaction, in the order in which they came */
    struct waiting_row rows[ROWS];

    char *files;                      /* the directory of their bytes; NULL: not known */
    bool gone_files;                  /* there may be some, */
    char gone_after[FILE_ID_LEN + 1]; /* and behind this one, "": they are not being gone through */
    int64_t next_overdue; /* ms since 1970: when those that nobody said are looked for */
    /* words.c */
    int64_t words_ts, words_id; /* the mark, in the present transaction */
    bool words_known;
    bool wordless; /* there may be messages behind the mark */

    /* retention.c; written by logs.c, too */
    bool nameless;     /* there may be logs without a name */
    uint64_t per_room; /* 0: any number */
    bool all;          /* all logs are to be looked at: those after `seen` */
    int64_t seen;
    size_t nfull; /* logs that may have more than per_room */
    int64_t full[FULL_LOGS];

    char error[256];
};

/* Keeps what SQLite says about the last call. To be called before anything else is done. Returns ERR_SYSTEM. */
int db_failed(struct db *db);
int db_run(struct db *db, const char *sql); /* 0 or ERR_SYSTEM */
/* Some failures have ended the transaction already. */
void db_roll_back(struct db *db);

/* Runs a statement that gives no row, and makes it ready for the next time. 0, ERR_SYSTEM or ERR_INVALID. */
int db_step(struct db *db, sqlite3_stmt *st);

/* ---- logs.c -------------------------------------------------------------------------------------- */

int logs_open(struct db *db); /* 0 or ERR_SYSTEM */
void logs_close(struct db *db);
/* EPOCH, MESSAGE, FILE, REACTION, REACTION_GONE, LOG_GONE, of the change *at. 0, ERR_SYSTEM, or ERR_INVALID: the change
 * *at, this or one before it, has no log or makes no sense. Messages may wait, as they are, for logs_flush(). */
int logs_write(struct db *db, const struct record *r, size_t *at);
/* Writes those that wait, before anything else is written. As logs_write(); 0: *at is as it was. */
int logs_flush(struct db *db, size_t *at);
/* The name is free for another log; the messages are removed later. */
int logs_forget(struct db *db, const char *room);
/* What is known of one room, or of all (NULL), is not so any more. */
void logs_doubt(struct db *db, const char *room);

/* One row of numbers at most, into out[]; those that were not found are as they were. */
int db_ask(struct db *db, int statement, const int64_t *params, int nparams, int64_t *out, int n);

#define ASK(db, statement, out, n, ...)                          \
    db_ask(db, LOGS_##statement, (const int64_t[]){__VA_ARGS__}, \
           sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), out, n)

/* ---- words.c ------------------------------------------------------------------------------------- */

void words_doubt(struct db *db); /* a transaction has failed */
/* The messages of these keys are about to be removed or to get another text: they leave the index. */
int words_take(struct db *db, int64_t first, int64_t last);
/* The same before a message is written, in case it is there already. */
int words_take_old(struct db *db, int64_t key, const struct message *m);
/* Is it, for certain, not in the index? */
bool words_lack(const struct db *db, int64_t key, int64_t ts);
/* It was written. */
int words_put(struct db *db, int64_t key, int64_t ts);

/* ---- files.c ------------------------------------------------------------------------------------- */

int files_write(struct db *db, const struct record *r); /* FILE: 0 or ERR_SYSTEM */
/* Those of a message are said; those of the messages between two keys, or of a room, are to be removed. */
int files_say(struct db *db, int64_t key, const char *files);
int files_let_go(struct db *db, int64_t first, int64_t last);
int files_forget(struct db *db, const char *room);
/* Marks those that waited too long, when it is time to look. */
int files_overdue(struct db *db, int64_t now);
/* Removes the bytes, then the rows, of some that are gone. *n grows by their number. */
int files_remove(struct db *db, size_t *n);
static inline bool files_are_gone(const struct db *db)
{
    return db->gone_files || db->gone_after[0] != '\0';
}

/* ---- archive.c ----------------------------------------------------------------------------------- */

/* A connection of a command, beside a server that may be running. The schema has version `least` or later. */
int archive_open(const char *directory, int least, sqlite3 **out, char *why, size_t space);

#endif
