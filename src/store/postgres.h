/* PostgreSQL between the files that share it: postgres.c connects, postgres_write.c writes, postgres_load.c reads it
 * all at the start, postgres_remove.c removes, postgres_words.c has the index of words; postgres_read.c and
 * postgres_search.c have connections of their own. */
#ifndef HUBBUB_STORE_POSTGRES_H
#define HUBBUB_STORE_POSTGRES_H

#include "store/postgres_link.h"
#include "store/statements.h"
#include "store/store_private.h"
#include "store/terms.h"

enum {
    PG_PARAMS = 16,
    PG_TOUCHED = 64, /* rooms */
};

#define PG_SEQ_MAX ((UINT64_C(1) << 40) - 1) /* as in SQLite */

/* For queries in which l is a row of logs. What was removed is in the index until a VACUUM, so nothing looks for the
 * first message from the beginning. */
#define PG_FIRST                                                                   \
    "coalesce((SELECT seq FROM messages m WHERE m.log = l.log AND seq > l.removed" \
    " ORDER BY seq LIMIT 1), 0)"
#define PG_LAST                                                           \
    "greatest(l.removed, (SELECT seq FROM messages m WHERE m.log = l.log" \
    " ORDER BY seq DESC LIMIT 1), 0)"
#define PG_EPOCH \
    "coalesce((SELECT epoch FROM epochs e WHERE e.log = l.log ORDER BY n DESC LIMIT 1), '')"
/* What postgres_message() wants. */
enum { PG_MESSAGE_CONTENT = 8, PG_MESSAGE_COLUMNS = 11 };
#define PG_MESSAGE \
    "seq, ts, user_id, username, request_id, reply_to, edited, deleted, content, files, mentions"
/* What postgres_file_of_row() wants. */
#define PG_FILE "id, room, user_id, name, type, seq, size, width, height, thumbnail, ts"

/* The words of a message, and which log it is of: a term that no text has, so that one room can be searched. */
#define PG_WORDS(vector) "(" vector "::tsvector || array_to_tsvector(ARRAY['#' || log]))"
/* What they take on the disk, in their row and in the index by term. */
#define PG_WORDS_BYTES(vector) "pg_column_size(" vector ") * 3 / 2"
/* What a message m takes on the disk without its words: its texts, and what rows and indexes have besides. */
#define PG_BYTES                                                                        \
    "(pg_column_size(m.content) + octet_length(m.user_id) + octet_length(m.username) +" \
    " octet_length(m.request_id) + octet_length(m.files) + octet_length(m.mentions) + 264)"

/* A statement with the members of a record as its parameters, $1 and so on. */
struct pg_statement {
    int nparams;
    int field[PG_PARAMS]; /* of each parameter; negative: one of load's own, ~field */
};
enum { PG_NOW, PG_LEDGER, PG_OWN };

/* What is sent of what is said: after `wN`, the WRITES, there is `lN`. */
#define PG_STATEMENTS(X)                                                                           \
    X(BEGIN, "BEGIN")                                                                              \
    X(COMMIT, "COMMIT")                                                                            \
    X(MAKE, "INSERT INTO logs (room, removed) SELECT $1, 0"                                        \
            " WHERE NOT EXISTS (SELECT 1 FROM logs WHERE room = $1)")                              \
    X(FORGET, "UPDATE logs SET room = NULL WHERE room = $1")                                       \
    X(EPOCH, "WITH l AS (SELECT log FROM logs WHERE room = $1), again AS (UPDATE epochs e"         \
             " SET seq = $3 FROM l WHERE e.log = l.log AND e.epoch = $2 RETURNING 1)"              \
             " INSERT INTO epochs (log, n, epoch, seq) SELECT l.log, coalesce((SELECT max(n)"      \
             " FROM epochs e WHERE e.log = l.log), 0) + 1, $2, $3 FROM l"                          \
             " WHERE NOT EXISTS (SELECT 1 FROM again)")                                            \
    X(OLD_EPOCHS, "DELETE FROM epochs e USING logs l WHERE l.room = $1 AND e.log = l.log AND n <=" \
                  " (SELECT max(n) FROM epochs f WHERE f.log = l.log) - $2")                       \
    /* A log that isn't there is NULL, which the table refuses. */                                 \
    X(MESSAGE,                                                                                     \
      "INSERT INTO messages (log, " PG_MESSAGE ") SELECT l.log, $2::bigint, $3::bigint,"           \
      " $4, $5, $6, $7::bigint, $8::bigint, $9::bigint, $10, $11, $12"                             \
      " FROM (VALUES (1)) one LEFT JOIN logs l ON l.room = $1"                                     \
      " WHERE l.log IS NULL OR l.removed < $2::bigint"                                             \
      " ON CONFLICT (log, seq) DO UPDATE SET ts = excluded.ts,"                                    \
      " user_id = excluded.user_id, username = excluded.username,"                                 \
      " request_id = excluded.request_id, reply_to = excluded.reply_to,"                           \
      " edited = excluded.edited, deleted = excluded.deleted,"                                     \
      " content = excluded.content, files = excluded.files, mentions = excluded.mentions")         \
    X(MENTION,                                                                                     \
      "INSERT INTO mentions (log, seq, ts, user_id) SELECT l.log, $2::bigint, $3::bigint,"         \
      " value FROM logs l, jsonb_array_elements_text(('{' || $4 || '}')::jsonb"                    \
      " -> 'mentions') WHERE l.room = $1 AND l.removed < $2::bigint"                               \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(NO_MENTIONS, "DELETE FROM mentions n USING logs l"                                           \
                   " WHERE l.room = $1 AND n.log = l.log AND n.seq = $2")                          \
    X(SAY_FILES, "UPDATE files f SET log = l.log, seq = $2 FROM logs l WHERE l.room = $1"          \
                 " AND l.removed < $2 AND f.log = 0 AND f.id IN"                                   \
                 " (SELECT x ->> 'id' FROM json_array_elements($3::json) x)")                      \
    X(FILE,                                                                                        \
      "INSERT INTO files (id, room, user_id, name, type, size, width, height, thumbnail, ts,"      \
      " log, seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0)"                          \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(LET_GO_FILES, "UPDATE files f SET log = -1, seq = 0 FROM logs l"                             \
                    " WHERE l.room = $1 AND f.log = l.log AND f.seq = $2")                         \
    X(FORGET_FILES, "UPDATE files SET log = -1, seq = 0 WHERE (log = 0 AND room = $1)"             \
                    " OR log = (SELECT log FROM logs l WHERE l.room = $1)")                        \
    X(NO_REACTIONS, "DELETE FROM reactions r USING logs l"                                         \
                    " WHERE l.room = $1 AND r.log = l.log AND r.seq = $2")                         \
    X(REACTION, "INSERT INTO reactions (log, seq, user_id, emoji)"                                 \
                " SELECT l.log, $2::bigint, $3, $4"                                                \
                " FROM (VALUES (1)) one LEFT JOIN logs l ON l.room = $1"                           \
                " WHERE l.log IS NULL OR EXISTS (SELECT 1 FROM messages m"                         \
                " WHERE m.log = l.log AND m.seq = $2::bigint AND deleted = 0)"                     \
                " ON CONFLICT DO NOTHING")                                                         \
    X(REACTION_GONE, "DELETE FROM reactions r USING logs l WHERE l.room = $1 AND r.log = l.log"    \
                     " AND r.seq = $2 AND r.user_id = $3 AND r.emoji = $4")                        \
    /* postgres_words.c */                                                                         \
    X(WORDS_MARK, "SELECT ts FROM words_mark")                                                     \
    X(WORDS_NEXT, "WITH next AS (SELECT ts, octet_length(content) AS bytes FROM messages"          \
                  "  WHERE ts >= $1 ORDER BY ts LIMIT $2::bigint + 1),"                            \
                  " sums AS (SELECT ts, row_number() OVER (ORDER BY ts) AS n,"                     \
                  "  sum(bytes) OVER (ORDER BY ts) AS bytes, min(ts) OVER () AS first FROM next)," \
                  " upto AS (SELECT coalesce(min(ts) FILTER (WHERE ts > first AND"                 \
                  "  (n > $2::bigint OR bytes > $3::bigint)), max(ts) + 1) AS ts,"                 \
                  "  count(*) > $2::bigint OR max(bytes) > $3::bigint AS more FROM sums)"          \
                  " SELECT upto.ts, upto.more, log, seq, content FROM upto JOIN messages m"        \
                  " ON m.ts >= $1 AND m.ts < upto.ts")                                             \
    X(WORDS_ADD,                                                                                   \
      "WITH put AS (INSERT INTO words (log, seq, ts, bytes, words)"                                \
      " SELECT m.log, m.seq, m.ts, " PG_BYTES " + " PG_WORDS_BYTES(                                \
          "w.words") ", w.words FROM"                                                              \
                     " (SELECT log, seq, " PG_WORDS(                                               \
                         "u.words") " AS words FROM"                                               \
                                    "  unnest($1::bigint[], $2::bigint[], $3::text[]) AS u (log, " \
                                    "seq, words)) w"                                               \
                                    " JOIN messages m USING (log, seq) ON CONFLICT DO NOTHING "    \
                                    "RETURNING bytes)"                                             \
                                    " UPDATE words_mark SET ts = $4,"                              \
                                    " bytes = bytes + coalesce((SELECT sum(bytes) FROM put), 0)")  \
    X(WORDS_TAKE, "WITH gone AS (DELETE FROM words w USING logs l"                                 \
                  " WHERE l.room = $1 AND w.log = l.log AND w.seq = $2 RETURNING bytes)"           \
                  " UPDATE words_mark SET bytes = words_mark.bytes - gone.bytes FROM gone")        \
    X(WORDS_PUT,                                                                                   \
      "WITH put AS (INSERT INTO words (log, seq, ts, bytes, words)"                                \
      " SELECT log, seq, ts, own + " PG_WORDS_BYTES(                                               \
          "words") ", words FROM"                                                                  \
                   " (SELECT m.log, m.seq, m.ts, " PG_BYTES                                        \
                   " AS own, " PG_WORDS("$3") "  AS words FROM messages m JOIN logs l USING (log)" \
                                              "  WHERE l.room = $1 AND m.seq = $2) w ON CONFLICT " \
                                              "DO NOTHING RETURNING bytes)"                        \
                                              " UPDATE words_mark SET bytes = words_mark.bytes + " \
                                              "put.bytes FROM put")                                \
    /* postgres_files.c */                                                                         \
    X(OVERDUE_FILES, "UPDATE files SET log = -1 WHERE log = 0 AND seq = 0 AND ts < $1")            \
    X(GONE_FILES,                                                                                  \
      "SELECT id FROM files WHERE log = -1 AND seq = 0 AND id > $2 ORDER BY id LIMIT $1")          \
    X(FILES_GONE, "DELETE FROM files WHERE id = ANY ($1::text[])")                                 \
    X(HAS_FILE, "SELECT 1 FROM files WHERE id = $1 AND log >= 0")                                  \
    X(COUNT_FILES, "SELECT count(*) FROM files WHERE log >= 0")                                    \
    /* postgres_remove.c */                                                                        \
    X(BYTES, "SELECT bytes FROM words_mark")                                                       \
    X(NAMELESS, "SELECT log FROM logs WHERE room IS NULL ORDER BY log LIMIT 1")                    \
    X(END, "DELETE FROM logs WHERE log = $1")                                                      \
    X(REMOVE, "WITH l AS (SELECT removed FROM logs WHERE log = $1),"                               \
              " gone AS (DELETE FROM messages WHERE log = $1 AND seq IN (SELECT seq"               \
              "  FROM messages WHERE log = $1 AND seq <= $2 AND seq > (SELECT removed FROM l)"     \
              "  ORDER BY seq LIMIT $3) RETURNING seq),"                                           \
              " top AS (SELECT max(seq) AS seq, count(*) AS n FROM gone),"                         \
              " bare AS (DELETE FROM reactions r USING top WHERE r.log = $1"                       \
              "  AND r.seq <= top.seq AND r.seq > (SELECT removed FROM l)),"                       \
              " unnamed AS (DELETE FROM mentions n USING top WHERE n.log = $1"                     \
              "  AND n.seq <= top.seq AND n.seq > (SELECT removed FROM l)),"                       \
              " mute AS (DELETE FROM "                                                             \
              "words w USING top WHERE w.log = $1"                                                 \
              "  AND w.seq <= top.seq AND w.seq > (SELECT removed FROM l) RETURNING bytes),"       \
              " lighter AS (UPDATE words_mark SET bytes = bytes - (SELECT sum(bytes) FROM mute)"   \
              "  WHERE EXISTS (SELECT 1 FROM mute)), bare_of AS (UPDATE files f SET log = -1, "    \
              "seq = 0 FROM top WHERE f.log = $1"                                                  \
              "  AND f.seq <= top.seq AND f.seq > (SELECT removed FROM l) RETURNING 1),"           \
              " shorter AS (UPDATE logs SET removed = greatest(removed, top.seq) FROM top"         \
              "  WHERE log = $1) SELECT n, (SELECT count(*) FROM bare_of) FROM top")               \
    X(OLDEST, "SELECT log, max(seq) FROM (SELECT log, seq FROM messages WHERE ts < $1"             \
              " ORDER BY ts LIMIT $2) o GROUP BY log")                                             \
    X(SURPLUS, "SELECT log, last - $2::bigint FROM (SELECT log, removed, " PG_LAST " AS last"      \
               " FROM logs l WHERE room = $1) x WHERE last - removed > $2::bigint")                \
    X(LONG, "SELECT log, last - $3::bigint FROM (SELECT log, removed, " PG_LAST " AS last"         \
            " FROM logs l WHERE log > $1 AND log <= $2) x WHERE last - removed > $3::bigint"       \
            " ORDER BY log LIMIT 1")                                                               \
    X(NEWEST, "SELECT coalesce(max(log), 0) FROM logs")

enum {
#define X(name, text) DO_##name,
    PG_STATEMENTS(X)
#undef X
        NPG
};

struct postgres {
    char *url; /* owned */
    struct link link;
    enum { PG_AWAY, PG_CONNECTING, PG_READY } state;
    int64_t next;      /* when to look again, or to give up */
    int64_t give_up;   /* connecting */
    unsigned failures; /* in a row */
    int pid;           /* of the server's process for the connection before this; 0: none */
    char id[64];       /* of the database */
    bool full_sync;
    struct pg_statement writes[NWRITES];
    char error[288];

    /* postgres_words.c */
    struct terms *terms;
    int64_t words_ts; /* the mark: messages said before that are in the index */
    bool words_known;
    bool wordless; /* there may be messages behind the mark */

    /* postgres_files.c; written by postgres_write.c and postgres_remove.c, too */
    char *files;                      /* owned: the directory of their bytes; NULL: not known */
    bool gone_files;                  /* there may be some, */
    char gone_after[FILE_ID_LEN + 1]; /* and behind this one, "": they are not being gone through */
    int64_t next_overdue; /* ms since 1970: when those that nobody said are looked for */

    /* postgres_remove.c; written by postgres_write.c, too */
    bool nameless;     /* there may be logs without a name */
    uint64_t per_room; /* 0: any number */
    bool all;          /* all logs are to be looked at: those after `seen` */
    int64_t seen;
    size_t ntouched; /* rooms that may have more than per_room */
    char touched[PG_TOUCHED][NAME_MAX_BYTES + 1];
};

/* What the store has is a struct db. */
static inline struct postgres *postgres_of(struct db *db)
{
    return (struct postgres *)db;
}

/* Keeps what the link says; a connection that is gone is looked for again. Returns ERR_SYSTEM. */
int postgres_failed(struct postgres *p);

/* "… :room …" with the numbers of its parameters: "… $1 …". At most `space`. */
void postgres_number(const char *text, struct pg_statement *s, char *to, size_t space);

/* A copy of a row that begins with PG_MESSAGE at that column. */
struct message *postgres_message(const PGresult *res, int row);

/* The values of a statement's parameters, as text. */
struct pg_values {
    const char *value[PG_PARAMS];
    char digits[PG_PARAMS][24];
    int n;
};
void values_text(struct pg_values *v, const char *text);
void values_number(struct pg_values *v, int64_t number);

/* ---- postgres_schema.c --------------------------------------------------------------------------- */

int postgres_schema_latest(void);
int postgres_schema_version(struct link *l, int *version); /* -1: there is none */
/* See schema_migrate(). */
int postgres_schema_migrate(struct link *l, int to, char *why, size_t space);

/* ---- postgres_words.c ---------------------------------------------------------------------------- */

void postgres_words_doubt(
    struct postgres *p); /* a transaction has failed, or it is another connection */
int postgres_words_know(struct postgres *p); /* where the mark is: 0 or ERR_SYSTEM */
/* Is a message of that moment in the index, or to be put there at once? */
bool postgres_is_indexed(const struct postgres *p, int64_t ts);
/* The words of a message, as the parameter of WORDS_PUT. */
int postgres_words_of(struct postgres *p, const struct message *m, struct buf *to);

/* ---- postgres_files.c ---------------------------------------------------------------------------- */

void postgres_file_values(const struct file *f, struct pg_values *v); /* the parameters of FILE */
bool postgres_file_of_row(const PGresult *res, int row, struct file *out); /* of PG_FILE */
bool postgres_may_remove_files(const struct postgres *p, int64_t now);
/* Removes the bytes, then the rows, of some that are gone. *n grows by their number. 0 or ERR_SYSTEM. */
int postgres_remove_files(struct postgres *p, int64_t now, size_t *n);

/* ---- the others, see store_private.h ------------------------------------------------------------- */

int postgres_write(struct db *db, struct change *const *changes, size_t n, size_t *at);
int postgres_load(struct db *db, uint32_t ledger, int64_t now, store_load_fn *fn, void *arg);
int postgres_list_logs(struct db *db, struct log_filter *to);
bool postgres_may_remove(const struct db *db, const struct retention *r, int64_t now);
int postgres_remove(struct db *db, const struct retention *r, int64_t now, bool *more);
void postgres_set_retention(struct db *db, const struct retention *r);
/* A room has one more: perhaps one too many. */
void postgres_touch(struct postgres *p, const char *room);

bool postgres_may_index(const struct db *db);
int postgres_index(struct db *db, size_t *n, bool *more);

struct searcher *postgres_searcher_open(const char *url, char *why, size_t space);
void postgres_searcher_close(struct searcher *s);
int postgres_search(struct searcher *s, const struct search *x, struct found_page *out);

struct readers *postgres_readers_open(const char *url, char *why, size_t space);
void postgres_readers_close(struct readers *r);
int postgres_head(struct readers *r, const char *room, struct log_head *out);
int postgres_know_position(struct readers *r, const char *room, const char *epoch, uint64_t seq,
                           bool *out);
int postgres_read(struct readers *r, const char *room, uint64_t from, uint64_t to,
                  struct history_page *out);
int postgres_marks(struct readers *r, const char *user_id, struct mark_page *out);
int postgres_mentions(struct readers *r, const char *user_id, const struct found_place *after,
                      unsigned limit, struct found_page *out);
int postgres_file(struct readers *r, const char *id, struct file *out);
int postgres_files_of(struct readers *r, const char *user_id, uint64_t *bytes);
void postgres_set_files(struct db *db, const char *directory);

#endif
