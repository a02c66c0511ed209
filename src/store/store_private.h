/* Inside the store: the directory and its lock, the database, its schema, records. */
#ifndef HUBBUB_STORE_PRIVATE_H
#define HUBBUB_STORE_PRIVATE_H

#include <hubbub/store.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3;

/* ---- place.c: where it lives --------------------------------------------------------------------- */

/* Makes the directory if need be and locks it. Returns the descriptor that holds the lock until it is
 * closed, or -1 with `why`. */
int place_lock(const char *directory, char *why, size_t space);

/* ---- records.c ----------------------------------------------------------------------------------- */

/* A change with the same records and no note. */
struct change *change_copy(const struct change *c);
/* Bytes of one that change_add() makes. */
size_t record_size(enum record_type type);
/* Frees what a record that is all there owns, and empties it. */
void record_clear(struct record *r);

/* ---- fields.c: the members of a record by the names of their columns ----------------------------- */

/* The field of this column, or -1. */
int field_find(const char *column);
int field_count(void);
const char *field_column(int field);
/* Has a record of this type, which may be a short one, this field? */
bool field_fits(int field, enum record_type type);

enum field_kind { FIELD_TEXT, FIELD_NUMBER };

struct field_value {
    enum field_kind kind;
    const char *text; /* borrowed */
    int64_t number;
};

struct field_value field_get(const struct record *r, int field);
/* False when the record cannot hold it: a word that is none, a name that is too long. */
bool field_set(struct record *r, int field, const char *text, int64_t number);

/* ---- schema.c ------------------------------------------------------------------------------------ */

/* The version that this program reads and writes. */
int schema_latest(void);
/* Brings an open database to version `to`, a transaction a step. Refuses, having touched nothing, what is
 * no database of this program, and one that is newer. 0, or ERR_INVALID, ERR_SYSTEM with `why`. */
int schema_migrate(struct sqlite3 *sql, int to, char *why, size_t space);

/* Is it a database of this program, of version `least` or later, but none that it doesn't know? Nothing is touched.
 * 0, or ERR_INVALID, ERR_SYSTEM with `why`. */
int schema_check(struct sqlite3 *sql, int least, char *why, size_t space);

/* ---- filter.c ------------------------------------------------------------------------------------ */

struct log_filter;

struct log_filter *filter_new(void);
void filter_free(struct log_filter *f);
void filter_add(struct log_filter *f, const char *room);
bool filter_may_have(const struct log_filter *f, const char *room); /* false: certainly not */

/* ---- sqlite.c, load.c, retention.c --------------------------------------------------------------- */

struct db;

struct readers;
struct searcher;

enum {
    FOUND_BYTES = 2 << 20
}; /* of messages that are read at once, in all rooms; one may be more */

/* A kind of database: what the store wants of it. See below for what each does; `where` is a path, or an address. */
struct backend {
    struct db *(*open)(const char *where, char *why, size_t space);
    void (*close)(struct db *db);
    int (*set_sync)(struct db *db, bool full);
    int (*load)(struct db *db, uint32_t ledger, int64_t now, store_load_fn *fn, void *arg);
    int (*list_logs)(struct db *db, struct log_filter *to);
    int (*write)(struct db *db, struct change *const *changes, size_t n, size_t *at);
    void (*set_retention)(struct db *db, const struct retention *r);
    bool (*may_remove)(const struct db *db, const struct retention *r, int64_t now);
    int (*remove)(struct db *db, const struct retention *r, int64_t now, bool *more);
    const char *(*error)(const struct db *db);
    int (*exec)(struct db *db, const char *sql); /* for tests */

    struct readers *(*readers_open)(const char *where, char *why, size_t space);
    void (*readers_close)(struct readers *r);
    int (*head)(struct readers *r, const char *room, struct log_head *out);
    int (*know_position)(struct readers *r, const char *room, const char *epoch, uint64_t seq,
                         bool *out);
    int (*read)(struct readers *r, const char *room, uint64_t from, uint64_t to,
                struct history_page *out);

    int (*marks)(struct readers *r, const char *user_id, struct mark_page *out);
    int (*mentions)(struct readers *r, const char *user_id, const struct found_place *after,
                    unsigned limit, struct found_page *out);

    bool (*may_index)(const struct db *db);
    int (*index)(struct db *db, size_t *n, bool *more);
    struct searcher *(*searcher_open)(const char *where, char *why, size_t space);
    void (*searcher_close)(struct searcher *s);
    int (*search)(struct searcher *s, const struct search *x, struct found_page *out);

    void (*set_files)(struct db *db, const char *directory);
    int (*file)(struct readers *r, const char *id, struct file *out);
    int (*files_of)(struct readers *r, const char *user_id, uint64_t *bytes);

    /* Of those that may be away; else NULL. */
    bool (*ready)(const struct db *db);     /* it is there */
    int64_t (*tend)(struct db *db);         /* looks for it; when to call this again, never long */
    const char *(*id)(const struct db *db); /* of the database, the same wherever it is */
    /* Could a server use it? Changes nothing. As store_try(). */
    int (*try)(const char *where, char *why, size_t space);
};

extern const struct backend sqlite_backend, postgres_backend;

/* Opens or makes the file, and brings its schema up to date. NULL with `why`. */
struct db *db_open(const char *path, char *why, size_t space);
/* Where the bytes of files are, if there are any. Removes what is there and not known. */
void db_set_files(struct db *db, const char *directory);
void db_close(struct db *db);

/* All n changes in one transaction, which is on the disk when this returns 0. Else nothing is written:
 * ERR_SYSTEM, which may pass, or ERR_INVALID: it refuses the change *at for what it says. */
int db_write(struct db *db, struct change *const *changes, size_t n, size_t *at);

/* See store_load(). Sanctions and invitations that ended before `now` do not count. */
int db_load(struct db *db, uint32_t ledger, int64_t now, store_load_fn *fn, void *arg);

/* Adds all rooms that have a log. 0 or ERR_SYSTEM. */
int db_list_logs(struct db *db, struct log_filter *to);

/* False: a commit may be lost in a power cut. 0 or ERR_SYSTEM. */
int db_set_sync(struct db *db, bool full);

/* Whether db_remove() is worth calling. */
bool db_may_remove(const struct db *db, const struct retention *r, int64_t now);
/* Removes a few hundred messages of those that should not be there any more, or of logs that are gone; more:
 * there may be others. r is what db_set_retention() was told. 0 or ERR_SYSTEM. */
int db_remove(struct db *db, const struct retention *r, int64_t now, bool *more);
void db_set_retention(struct db *db, const struct retention *r);

/* Whether db_index() is worth calling. */
bool db_may_index(const struct db *db);
/* Adds the words of a few hundred messages to the index, n of them; more: there are others. 0 or ERR_SYSTEM. */
int db_index(struct db *db, size_t *n, bool *more);

/* What went wrong last. */
const char *db_error(const struct db *db);

/* ---- reading.c ----------------------------------------------------------------------------------- */

/* A few connections to the same file that only read. NULL with `why`. */
struct readers *readers_open(const char *path, char *why, size_t space);
/* Nobody reads any more. Before db_close(), which tidies up after the last connection. */
void readers_close(struct readers *r);

/* See store.h. */
int readers_head(struct readers *r, const char *room, struct log_head *out);
int readers_know_position(struct readers *r, const char *room, const char *epoch, uint64_t seq,
                          bool *out);
int readers_file(struct readers *r, const char *id, struct file *out);
int readers_files_of(struct readers *r, const char *user_id, uint64_t *bytes);
int readers_read(struct readers *r, const char *room, uint64_t from, uint64_t to,
                 struct history_page *out);
int readers_marks(struct readers *r, const char *user_id, struct mark_page *out);
int readers_mentions(struct readers *r, const char *user_id, const struct found_place *after,
                     unsigned limit, struct found_page *out);

/* ---- search.c ------------------------------------------------------------------------------------ */

/* A connection of its own, so that history doesn't wait for what takes longer. NULL with `why`. */
struct searcher *searcher_open(const char *path, char *why, size_t space);
void searcher_close(struct searcher *s); /* NULL: nothing. As readers_close() */
/* See store_search(). */
int searcher_find(struct searcher *s, const struct search *x, struct found_page *out);

/* ---- bytes.c ------------------------------------------------------------------------------------- */

/* Those of one file. False: they are still there. directory NULL: nothing. */
bool bytes_remove(const char *directory, const char *id);
typedef bool bytes_known_fn(void *arg, const char *id);
/* Removes what is in the directory and not known. Tells of it when there are fewer than expected, as after a backup was
 * restored in part. */
void bytes_sweep(const char *directory, uint64_t expected, bytes_known_fn *known, void *arg);
/* Are the files of this data directory those of the database with that id ("": the one in the directory), or nobody's?
 * Then they are from now on: 0; else ERR_INVALID or ERR_SYSTEM with `why`. */
int bytes_claim(const char *data, const char *id, char *why, size_t space);

/* ---- postgres_archive.c -------------------------------------------------------------------------- */

struct erased;
struct archived;

/* See <hubbub/archive.h>. */
int postgres_export(const char *url, const char *room, int (*fn)(void *, const struct archived *),
                    void *arg, char *why, size_t space);
int postgres_erase(const char *directory, const char *url, const char *user_id, struct erased *out,
                   char *why, size_t space);

/* ---- store.c, for tests -------------------------------------------------------------------------- */

/* Runs SQL on the store's own connection, which is safe at any time. Returns SQLite's code. */
int store_exec(struct store *s, const char *sql);
int db_exec(struct db *db, const char *sql);

#endif
