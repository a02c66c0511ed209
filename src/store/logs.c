/* What is said, on its way to the disk: the log of each room, its messages and their reactions. Used by whoever
 * writes the database, inside its transaction.
 *
 * Messages are by far the most there is to write, so the log of a room is looked up once and then known. */
#include "store/db.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/hash.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const TEXTS[NLOGS] = {
#define X(name, text) text,
    LOG_STATEMENTS(X)
#undef X
};

int logs_open(struct db *db)
{
    db->hash_key = hash_key();
    db->nameless = true;
    for (int i = 0; i < NLOGS; i++)
        if (sqlite3_prepare_v3(db->sql, TEXTS[i], -1, SQLITE_PREPARE_PERSISTENT, &db->logs[i],
                               NULL) != SQLITE_OK)
            return db_failed(db);
    return 0;
}

void logs_close(struct db *db)
{
    for (int i = 0; i < NLOGS; i++)
        sqlite3_finalize(db->logs[i]);
}

/* ---- which log ----------------------------------------------------------------------------------- */

static struct known_log *known(struct db *db, const char *room)
{
    return &db->known[hash_text(db->hash_key, room) & (CACHED_LOGS - 1)];
}

void logs_doubt(struct db *db, const char *room)
{
    if (room == NULL)
        memset(db->known, 0, sizeof db->known);
    else if (strcmp(known(db, room)->room, room) == 0)
        known(db, room)->log = 0;
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
    INSIST(sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

static void bind_int(sqlite3_stmt *st, int at, int64_t number)
{
    INSIST(sqlite3_bind_int64(st, at, number) == SQLITE_OK);
}

static int look_up(struct db *db, const char *room, struct known_log *l)
{
    sqlite3_stmt *st = db->logs[LOGS_FIND];
    bind_text(st, 1, room);
    int err = 0, code = sqlite3_step(st);
    if (code == SQLITE_ROW) {
        snprintf(l->room, sizeof l->room, "%s", room);
        l->log = sqlite3_column_int64(st, 0);
        l->removed = (uint64_t)sqlite3_column_int64(st, 1);
    } else if (code == SQLITE_DONE) {
        snprintf(db->error, sizeof db->error, "the room has no log");
        err = ERR_INVALID;
    } else {
        err = db_failed(db);
    }
    sqlite3_reset(st);
    return err;
}

/* ERR_INVALID: it has none. Good until the next call. */
static int find_log(struct db *db, const char *room, const struct known_log **out)
{
    struct known_log *l = known(db, room);
    int err = 0;
    if (l->log == 0 || strcmp(l->room, room) != 0)
        err = look_up(db, room, l);
    *out = l;
    return err;
}

/* ---- records ------------------------------------------------------------------------------------- */

static int write_epoch(struct db *db, const struct record *r)
{
    const struct known_log *l;
    bind_text(db->logs[LOGS_MAKE], 1, r->room);
    int err = db_step(db, db->logs[LOGS_MAKE]);
    if (err == 0)
        err = find_log(db, r->room, &l);
    for (int i = LOGS_EPOCH_AGAIN; err == 0 && i <= LOGS_EPOCH; i++) {
        bind_int(db->logs[i], 1, l->log);
        bind_text(db->logs[i], 2, r->epoch);
        bind_int(db->logs[i], 3, (int64_t)r->seq);
        err = db_step(db, db->logs[i]);
        if (err == 0 && sqlite3_changes(db->sql) > 0)
            break;
    }
    if (err != 0)
        return err;
    bind_int(db->logs[LOGS_OLD_EPOCHS], 1, l->log);
    bind_int(db->logs[LOGS_OLD_EPOCHS], 2, EPOCHS_KEPT);
    return db_step(db, db->logs[LOGS_OLD_EPOCHS]);
}

/* For retention.c, which shortens it when there is time. */
static void note_full(struct db *db, int64_t log)
{
    for (size_t i = 0; i < db->nfull; i++)
        if (db->full[i] == log)
            return;
    if (db->nfull < FULL_LOGS) {
        db->full[db->nfull++] = log;
    } else if (!db->all) {
        db->all = true;
        db->seen = 0;
    }
}

static int write_mentions(struct db *db, int64_t key, const struct message *m)
{
    sqlite3_stmt *st = db->logs[LOGS_MENTION];
    bind_int(st, 1, key);
    bind_int(st, 2, m->ts);
    bind_text(st, 3, m->mentions);
    return db_step(db, st);
}

/* What belonged to it goes with what it said. */
static int leave_tombstone(struct db *db, int64_t key)
{
    bind_int(db->logs[LOGS_NO_REACTIONS], 1, key);
    int err = db_step(db, db->logs[LOGS_NO_REACTIONS]);
    if (err == 0)
        err = ASK(db, REMOVE_MENTIONS, NULL, 0, key, key);
    return err != 0 ? err : files_let_go(db, key, key);
}

/* To the parameters behind `at`. */
static void bind_message(sqlite3_stmt *st, int at, int64_t key, const struct message *m)
{
    bind_int(st, at + 1, key);
    bind_int(st, at + 2, m->ts);
    bind_text(st, at + 3, m->user_id);
    bind_text(st, at + 4, m->username);
    bind_text(st, at + 5, m->id);
    bind_int(st, at + 6, (int64_t)m->reply_to);
    bind_int(st, at + 7, m->edited_ts);
    bind_int(st, at + 8, m->deleted + m->taken_back);
    INSIST(sqlite3_bind_text64(st, at + 9, m->content, m->content_len, SQLITE_STATIC,
                               SQLITE_UTF8) == SQLITE_OK);
    bind_text(st, at + 10, m->files);
    bind_text(st, at + 11, m->mentions);
}

static int write_one(struct db *db, int64_t key, const struct message *m)
{
    bind_message(db->logs[LOGS_MESSAGE], 0, key, m);
    return db_step(db, db->logs[LOGS_MESSAGE]);
}

/* With all that belongs to it. */
static int write_whole(struct db *db, int64_t key, const struct message *m)
{
    int err = words_take_old(db, key, m);
    if (err == 0)
        err = write_one(db, key, m);
    if (err == 0 && m->mentions[0] != '\0')
        err = write_mentions(db, key, m);
    if (err == 0 && m->files[0] != '\0')
        err = files_say(db, key, m->files);
    if (err == 0)
        err = words_put(db, key, m->ts);
    return err != 0 || !m->deleted ? err : leave_tombstone(db, key);
}

/* ---- new messages, several at a time ------------------------------------------------------------------ */

/* Nothing belongs to it, and the index does not have it. */
static bool may_wait(const struct db *db, int64_t key, const struct message *m)
{
    return m->edited_ts == 0 && !m->deleted && !m->taken_back && m->files[0] == '\0' &&
           m->mentions[0] == '\0' && words_lack(db, key, m->ts);
}

static int write_rows(struct db *db)
{
    for (int i = 0; i < ROWS; i++)
        bind_message(db->logs[LOGS_MESSAGES], i * MESSAGE_COLUMNS, db->rows[i].key,
                     db->rows[i].message);
    return db_step(db, db->logs[LOGS_MESSAGES]);
}

static int write_singly(struct db *db, size_t *at)
{
    for (size_t i = 0; i < db->nrows; i++) {
        const struct waiting_row *row = &db->rows[i];
        int err = write_one(db, row->key, row->message);
        if (err != 0) {
            *at = row->at;
            return err;
        }
    }
    return 0;
}

int logs_flush(struct db *db, size_t *at)
{
    int err = db->nrows == ROWS ? write_rows(db) : write_singly(db, at);
    if (err == ERR_INVALID && db->nrows == ROWS)
        err = write_singly(db, at); /* to see which it is */
    db->nrows = 0;
    return err;
}

static int write_message(struct db *db, const struct record *r, size_t *at)
{
    const struct message *m = r->message;
    const struct known_log *l;
    int err = find_log(db, r->room, &l);
    if (err != 0 || m->seq <= l->removed)
        return err; /* a new version of what is too old to be kept */
    int64_t key = message_key(l->log, m->seq);
    if (db->per_room > 0 && m->seq - l->removed > db->per_room)
        note_full(db, l->log);
    if (!may_wait(db, key, m)) {
        err = logs_flush(db, at);
        return err != 0 ? err : write_whole(db, key, m);
    }
    db->wordless = true;
    db->rows[db->nrows++] = (struct waiting_row){.key = key, .message = m, .at = *at};
    return db->nrows == ROWS ? logs_flush(db, at) : 0;
}

/* Counts up, so that reactions come back in the order in which they came. */
static int64_t now_us(struct db *db)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t now = t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
    db->reacted_at = now > db->reacted_at ? now : db->reacted_at + 1;
    return db->reacted_at;
}

static int write_reaction(struct db *db, const struct record *r)
{
    const struct known_log *l;
    sqlite3_stmt *st = db->logs[r->type == RECORD_REACTION ? LOGS_REACTION : LOGS_REACTION_GONE];
    int err = find_log(db, r->room, &l);
    if (err != 0)
        return err;
    bind_int(st, 1, message_key(l->log, r->seq));
    bind_text(st, 2, r->user_id);
    bind_text(st, 3, r->emoji);
    if (r->type == RECORD_REACTION)
        bind_int(st, 4, now_us(db));
    return db_step(db, st);
}

int logs_forget(struct db *db, const char *room)
{
    logs_doubt(db, room);
    db->nameless = true;
    int err = files_forget(db, room);
    bind_text(db->logs[LOGS_FORGET], 1, room);
    return err != 0 ? err : db_step(db, db->logs[LOGS_FORGET]);
}

int logs_write(struct db *db, const struct record *r, size_t *at)
{
    uint64_t seq = r->type == RECORD_MESSAGE ? r->message->seq : r->seq;
    if (seq > SEQ_MAX) {
        snprintf(db->error, sizeof db->error, "a seq that is too large");
        return ERR_INVALID;
    }
    switch (r->type) {
    case RECORD_EPOCH: return write_epoch(db, r);
    case RECORD_MESSAGE: return write_message(db, r, at);
    case RECORD_FILE: return files_write(db, r);
    case RECORD_LOG_GONE: return logs_forget(db, r->room);
    default: return write_reaction(db, r);
    }
}

struct message *message_of_row(sqlite3_stmt *st)
{
    int64_t key = sqlite3_column_int64(st, 0);
    struct message like = {
        .seq = key_seq(key),
        .ts = sqlite3_column_int64(st, 1),
        .user_id = (const char *)sqlite3_column_text(st, 2),
        .username = (const char *)sqlite3_column_text(st, 3),
        .id = (const char *)sqlite3_column_text(st, 4),
        .reply_to = (uint64_t)sqlite3_column_int64(st, 5),
        .edited_ts = sqlite3_column_int64(st, 6),
        .deleted = sqlite3_column_int(st, 7) != 0,
        .taken_back = sqlite3_column_int(st, 7) == 2,
        .content = (const char *)sqlite3_column_text(st, 8),
        .files = (const char *)sqlite3_column_text(st, 9),
        .mentions = (const char *)sqlite3_column_text(st, 10),
    };
    like.content_len = (size_t)sqlite3_column_bytes(st, 8);
    bool whole = like.user_id != NULL && like.username != NULL && like.id != NULL &&
                 like.content != NULL && like.files != NULL && like.mentions != NULL;
    return whole ? message_new(&like) : NULL;
}
