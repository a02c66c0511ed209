/*
 * What the log of messages is measured against, and with: no server, only the disk.
 *
 *   log-store sqlite DIR BATCH SECONDS full|normal   rows a second that SQLite alone takes, BATCH in a transaction
 *   log-store fill DIR ROOMS MESSAGES                a data directory with so many rooms of so many messages
 *
 * The first uses a table like the store's, with the same settings, and prepared statements.
 */
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/store.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "log-store: %s: %s\n", what, why);
    exit(1);
}

/* ---- SQLite alone -------------------------------------------------------------------------------- */

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(sql, sqlite3_errmsg(db));
}

static sqlite3 *open_like_store(const char *directory, const char *sync)
{
    char path[4096], pragma[64];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/alone.db", directory);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        fail(path, sqlite3_errmsg(db));
    snprintf(pragma, sizeof pragma, "PRAGMA synchronous = %s", sync);
    run(db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4000;"
            "PRAGMA journal_size_limit = 16777216");
    run(db, pragma);
    run(db, "CREATE TABLE messages (id INTEGER PRIMARY KEY, ts INTEGER NOT NULL,"
            "  user_id TEXT NOT NULL, username TEXT NOT NULL, request_id TEXT NOT NULL,"
            "  reply_to INTEGER NOT NULL, edited INTEGER NOT NULL, deleted INTEGER NOT NULL,"
            "  content TEXT NOT NULL) STRICT;"
            "CREATE INDEX messages_by_ts ON messages (ts)");
    return db;
}

static void insert(sqlite3 *db, sqlite3_stmt *st, sqlite3_int64 n, const char *content)
{
    char id[24];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)n);
    sqlite3_bind_int64(st, 1, n);
    sqlite3_bind_int64(st, 2, clock_wall_ms());
    sqlite3_bind_text(st, 3, "g0123456789abcdef", -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 4, "u000000", -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 5, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 6, content, -1, SQLITE_STATIC);
    if (sqlite3_step(st) != SQLITE_DONE)
        fail("insert", sqlite3_errmsg(db));
    sqlite3_reset(st);
}

static void measure_sqlite(const char *directory, long batch, double seconds, const char *sync)
{
    sqlite3 *db = open_like_store(directory, sync);
    sqlite3_stmt *st;
    char content[131];
    memset(content, 'x', sizeof content - 1);
    content[0] = content[129] = '"';
    content[130] = '\0';
    if (sqlite3_prepare_v2(db, "INSERT INTO messages VALUES (?,?,?,?,?,0,0,0,?)", -1, &st, NULL) !=
        SQLITE_OK)
        fail("insert", sqlite3_errmsg(db));
    int64_t start = clock_now(), end = start + (int64_t)(seconds * NS_PER_S), now;
    sqlite3_int64 n = 0;
    do {
        run(db, "BEGIN IMMEDIATE");
        for (long i = 0; i < batch; i++)
            insert(db, st, ++n, content);
        run(db, "COMMIT");
    } while ((now = clock_now()) < end);
    printf("{\"rows_per_s\":%.1f}\n", (double)n * NS_PER_S / (double)(now - start));
    sqlite3_finalize(st);
    sqlite3_close(db);
}

/* ---- a full data directory ----------------------------------------------------------------------- */

static void on_done(void *arg, struct change *c, int err)
{
    (void)arg;
    if (err != 0)
        fail("store", "cannot write");
    change_free(c);
}

static struct change *room_of(long number, long messages)
{
    struct change *c = change_new();
    struct record *r = change_add(c, RECORD_EPOCH);
    snprintf(r->room, sizeof r->room, "room %ld", number);
    strcpy(r->epoch, "0123456789abcdef");
    for (long seq = 1; seq <= messages; seq++) {
        struct record *m = change_add(c, RECORD_MESSAGE);
        char content[64];
        int n = snprintf(content, sizeof content, "\"message %ld of room %ld\"", seq, number);
        snprintf(m->room, sizeof m->room, "room %ld", number);
        m->message = message_new(&(struct message){.seq = (uint64_t)seq,
                                                   .ts = clock_wall_ms(),
                                                   .user_id = "g0123456789abcdef",
                                                   .username = "alice",
                                                   .id = "",
                                                   .content = content,
                                                   .content_len = (size_t)n});
    }
    return c;
}

static void fill(const char *directory, long rooms, long messages)
{
    char why[512];
    struct store *s = store_open(directory, NULL, why, sizeof why);
    if (s == NULL)
        fail(directory, why);
    if (store_start(s, on_done, NULL) != 0)
        fail(directory, "no thread");
    const struct timespec pause = {.tv_nsec = 1000000};
    for (long i = 0; i < rooms; i++) {
        struct change *c = room_of(i, messages);
        while (store_post(s, &c) == ERR_FULL)
            nanosleep(&pause, NULL);
    }
    store_stop(s);
    store_free(s);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "sqlite") == 0) {
        measure_sqlite(argv[2], atol(argv[3]), atof(argv[4]), argv[5]);
    } else if (argc == 5 && strcmp(argv[1], "fill") == 0) {
        fill(argv[2], atol(argv[3]), atol(argv[4]));
    } else {
        fputs("usage: log-store sqlite DIR BATCH SECONDS full|normal\n"
              "       log-store fill DIR ROOMS MESSAGES\n",
              stderr);
        return 2;
    }
    return 0;
}
