/* Changes that wait on the local disk. A record is a row, whose columns are the members of a record (fields.c) and of
 * a message; what is as in an empty record is NULL. So a file that an older program left is read by the names of its
 * columns. Used by the store's thread; blocks for as long as the disk does. */
#include "store/backlog.h"

#include "store/statements.h"
#include "store/store_private.h"

#include <fcntl.h>
#include <hubbub/buf.h>
#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_BYTES = 1 << 30, /* of the file */
    PAGE = 4096,
    MOST_RECORDS = 8192, /* that backlog_oldest() gives at once, give or take a change */
};

static const char *const MESSAGE_COLUMNS[] = {
    "said_seq",    "said_ts",      "said_by",      "said_name",  "said_id",      "said_reply_to",
    "said_edited", "said_deleted", "said_content", "said_files", "said_mentions"};
static const char *const FILE_COLUMNS[] = {
    "file_id",   "file_room",  "file_user",   "file_name",      "file_type",
    "file_size", "file_width", "file_height", "file_thumbnail", "file_ts"};
enum {
    NMESSAGE = sizeof MESSAGE_COLUMNS / sizeof MESSAGE_COLUMNS[0],
    NFILE = sizeof FILE_COLUMNS / sizeof FILE_COLUMNS[0],
    BEFORE = 3
};

struct backlog {
    sqlite3 *sql;
    sqlite3_stmt *add, *oldest, *remove;
    uint64_t count;
    int64_t last; /* change */
    char origin[64];
    char error[256];
};

static int failed(struct backlog *b)
{
    snprintf(b->error, sizeof b->error, "%s", sqlite3_errmsg(b->sql));
    return ERR_SYSTEM;
}

static int run(struct backlog *b, const char *sql)
{
    return sqlite3_exec(b->sql, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(b);
}

static int step(struct backlog *b, sqlite3_stmt *st)
{
    int err = sqlite3_step(st) == SQLITE_DONE ? 0 : failed(b);
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return err;
}

/* ---- the file ------------------------------------------------------------------------------------ */

/* Of record, message and file, by number. */
static int column_count(void)
{
    return field_count() + NMESSAGE + NFILE;
}

static const char *column(int i)
{
    int of_message = i - field_count(), of_file = of_message - NMESSAGE;
    return of_message < 0 ? field_column(i)
           : of_file < 0  ? MESSAGE_COLUMNS[of_message]
                          : FILE_COLUMNS[of_file];
}

/* 0 or ERR_SYSTEM; the text of the first row, or "". */
static int ask(struct backlog *b, const char *sql, char *to, size_t space)
{
    sqlite3_stmt *st = NULL;
    to[0] = '\0';
    int code = sqlite3_prepare_v2(b->sql, sql, -1, &st, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(st);
    if (code == SQLITE_ROW && sqlite3_column_text(st, 0) != NULL)
        snprintf(to, space, "%s", (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failed(b);
}

static int add_columns(struct backlog *b)
{
    int err = 0;
    for (int i = 0; i < column_count() && err == 0; i++) {
        char text[160], there[8];
        snprintf(text, sizeof text,
                 "SELECT count(*) FROM pragma_table_info('records') WHERE name = '%s'", column(i));
        err = ask(b, text, there, sizeof there);
        snprintf(text, sizeof text, "ALTER TABLE records ADD COLUMN %s", column(i));
        if (err == 0 && there[0] == '0')
            err = run(b, text);
    }
    return err;
}

static int prepare(struct backlog *b)
{
    struct buf names = BUF_INIT, marks = BUF_INIT, text = BUF_INIT;
    for (int i = 0; i < column_count(); i++) {
        buf_printf(&names, ", %s", column(i));
        buf_add_str(&marks, ", ?");
    }
    buf_printf(&text, "INSERT INTO records (change, type%s) VALUES (?, ?%s)", names.data,
               marks.data);
    int code = sqlite3_prepare_v2(b->sql, text.data, -1, &b->add, NULL);
    buf_clear(&text);
    buf_printf(&text, "SELECT id, change, type%s FROM records ORDER BY id LIMIT ?", names.data);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(b->sql, text.data, -1, &b->oldest, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(b->sql, "DELETE FROM records WHERE change <= ?", -1, &b->remove,
                                  NULL);
    buf_fini(&names);
    buf_fini(&marks);
    buf_fini(&text);
    return code == SQLITE_OK ? 0 : failed(b);
}

static int set_up(struct backlog *b)
{
    char text[320], number[24];
    snprintf(text, sizeof text,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA max_page_count = %d;"
             "PRAGMA journal_size_limit = 16777216; PRAGMA secure_delete = ON;"
             "CREATE TABLE IF NOT EXISTS origin (database TEXT NOT NULL);"
             "CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY,"
             " change INTEGER NOT NULL, type TEXT NOT NULL)",
             MOST_BYTES / PAGE);
    int err = run(b, text);
    if (err == 0)
        err = run(b, "CREATE INDEX IF NOT EXISTS records_by_change ON records (change)");
    if (err == 0)
        err = add_columns(b);
    if (err == 0)
        err = prepare(b);
    if (err == 0)
        err = ask(b, "SELECT database FROM origin", b->origin, sizeof b->origin);
    if (err == 0)
        err = ask(b, "SELECT max(change) FROM records", number, sizeof number);
    b->last = strtoll(number, NULL, 10);
    if (err == 0)
        err = ask(b, "SELECT count(DISTINCT change) FROM records", number, sizeof number);
    b->count = strtoull(number, NULL, 10);
    return err;
}

struct backlog *backlog_open(const char *path, char *why, size_t space)
{
    struct backlog *b = xcalloc(1, sizeof *b);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* SQLite would let all read it */
    if (fd >= 0)
        close(fd);
    int err = sqlite3_open_v2(path, &b->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
                      SQLITE_OK
                  ? set_up(b)
                  : failed(b);
    if (err == 0) {
        metric_add(METRIC_STORE_PARKED, (int64_t)b->count);
        return b;
    }
    snprintf(why, space, "cannot use %s: %s", path, b->error);
    b->count = 0;
    backlog_close(b);
    return NULL;
}

void backlog_close(struct backlog *b)
{
    metric_add(METRIC_STORE_PARKED, -(int64_t)b->count);
    sqlite3_finalize(b->add);
    sqlite3_finalize(b->oldest);
    sqlite3_finalize(b->remove);
    INSIST(sqlite3_close(b->sql) == SQLITE_OK);
    free(b);
}

void backlog_set_sync(struct backlog *b, bool full)
{
    run(b, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

const char *backlog_origin(struct backlog *b)
{
    return b->origin;
}

int backlog_set_origin(struct backlog *b, const char *origin)
{
    char text[160];
    if (strcmp(b->origin, origin) == 0)
        return 0;
    snprintf(text, sizeof text, "DELETE FROM origin; INSERT INTO origin VALUES ('%.60s')", origin);
    int err = run(b, text);
    if (err == 0)
        snprintf(b->origin, sizeof b->origin, "%.60s", origin);
    return err;
}

uint64_t backlog_count(const struct backlog *b)
{
    return b->count;
}

const char *backlog_error(const struct backlog *b)
{
    return b->error;
}

/* ---- in ------------------------------------------------------------------------------------------ */

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
    INSIST(sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

static void bind_field(sqlite3_stmt *st, int at, const struct record *r, int field)
{
    static const struct record none = {.room = ""};
    struct field_value v = field_get(r, field), usual = field_get(&none, field);
    if (v.kind == FIELD_TEXT && strcmp(v.text, usual.text) != 0)
        bind_text(st, at, v.text);
    else if (v.kind == FIELD_NUMBER && v.number != usual.number)
        sqlite3_bind_int64(st, at, v.number);
}

static void bind_message(sqlite3_stmt *st, int at, const struct message *m)
{
    sqlite3_bind_int64(st, at, (int64_t)m->seq);
    sqlite3_bind_int64(st, at + 1, m->ts);
    bind_text(st, at + 2, m->user_id);
    bind_text(st, at + 3, m->username);
    bind_text(st, at + 4, m->id);
    sqlite3_bind_int64(st, at + 5, (int64_t)m->reply_to);
    sqlite3_bind_int64(st, at + 6, m->edited_ts);
    sqlite3_bind_int64(st, at + 7, m->deleted + m->taken_back);
    sqlite3_bind_text64(st, at + 8, m->content, m->content_len, SQLITE_STATIC, SQLITE_UTF8);
    bind_text(st, at + 9, m->files);
    bind_text(st, at + 10, m->mentions);
}

static void bind_file(sqlite3_stmt *st, int at, const struct file *f)
{
    bind_text(st, at, f->id);
    bind_text(st, at + 1, f->room);
    bind_text(st, at + 2, f->user_id);
    bind_text(st, at + 3, f->name);
    bind_text(st, at + 4, f->type);
    sqlite3_bind_int64(st, at + 5, (int64_t)f->size);
    sqlite3_bind_int64(st, at + 6, f->width);
    sqlite3_bind_int64(st, at + 7, f->height);
    sqlite3_bind_int64(st, at + 8, f->thumbnail);
    sqlite3_bind_int64(st, at + 9, f->ts);
}

static int add_record(struct backlog *b, int64_t change, const struct record *r)
{
    sqlite3_bind_int64(b->add, 1, change);
    bind_text(b->add, 2, record_type_name(r->type));
    for (int i = 0; i < field_count(); i++)
        if (field_fits(i, r->type))
            bind_field(b->add, BEFORE + i, r, i);
    if (r->message != NULL)
        bind_message(b->add, BEFORE + field_count(), r->message);
    if (r->type == RECORD_FILE)
        bind_file(b->add, BEFORE + field_count() + NMESSAGE, r->file);
    return step(b, b->add);
}

int backlog_add(struct backlog *b, struct change *const *changes, size_t n)
{
    int64_t last = b->last;
    uint64_t added = 0;
    int err = run(b, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < n && err == 0; i++) {
        last += changes[i]->first != NULL;
        added += changes[i]->first != NULL;
        for (const struct record *r = changes[i]->first; r != NULL && err == 0; r = r->next)
            err = add_record(b, last, r);
    }
    if (err == 0)
        err = run(b, "COMMIT");
    if (err != 0) {
        if (!sqlite3_get_autocommit(b->sql))
            sqlite3_exec(b->sql, "ROLLBACK", NULL, NULL, NULL);
        return err;
    }
    b->last = last;
    b->count += added;
    metric_add(METRIC_STORE_PARKED, (int64_t)added);
    return 0;
}

/* ---- out ----------------------------------------------------------------------------------------- */

static const char *text_at(sqlite3_stmt *st, int at)
{
    const char *text = (const char *)sqlite3_column_text(st, at);
    return text != NULL ? text : "";
}

static struct message *message_at(sqlite3_stmt *st, int at)
{
    struct message like = {
        .seq = (uint64_t)sqlite3_column_int64(st, at),
        .ts = sqlite3_column_int64(st, at + 1),
        .user_id = text_at(st, at + 2),
        .username = text_at(st, at + 3),
        .id = text_at(st, at + 4),
        .reply_to = (uint64_t)sqlite3_column_int64(st, at + 5),
        .edited_ts = sqlite3_column_int64(st, at + 6),
        .deleted = sqlite3_column_int(st, at + 7) != 0,
        .taken_back = sqlite3_column_int(st, at + 7) == 2,
        .content = text_at(st, at + 8),
        .files = text_at(st, at + 9),
        .mentions = text_at(st, at + 10),
    };
    like.content_len = strlen(like.content);
    return message_new(&like);
}

/* NULL: it makes no sense. */
static struct file *file_at(sqlite3_stmt *st, int at)
{
    struct file *f = xcalloc(1, sizeof *f);
    struct {
        char *to;
        size_t space;
    } texts[] = {{f->id, sizeof f->id},
                 {f->room, sizeof f->room},
                 {f->user_id, sizeof f->user_id},
                 {f->name, sizeof f->name},
                 {f->type, sizeof f->type}};
    for (int i = 0; i < 5; i++)
        if ((size_t)snprintf(texts[i].to, texts[i].space, "%s", text_at(st, at + i)) >=
            texts[i].space) {
            free(f);
            return NULL;
        }
    f->size = (uint64_t)sqlite3_column_int64(st, at + 5);
    f->width = (uint32_t)sqlite3_column_int64(st, at + 6);
    f->height = (uint32_t)sqlite3_column_int64(st, at + 7);
    f->thumbnail = sqlite3_column_int(st, at + 8) != 0;
    f->ts = sqlite3_column_int64(st, at + 9);
    return f;
}

static int type_at(sqlite3_stmt *st, int at)
{
    for (int type = 0; type < RECORD_COUNT; type++)
        if (strcmp(record_type_name(type), text_at(st, at)) == 0)
            return type;
    return -1;
}

/* A row that makes no sense is told and left out: the others shall not wait for it. */
static void add_row(sqlite3_stmt *st, struct change *c)
{
    int type = type_at(st, 2), at = BEFORE + field_count();
    struct record r = {.type = RECORD_ROOM};
    bool good = type >= 0;
    for (int i = 0; i < field_count() && good; i++) {
        int64_t number = sqlite3_column_int64(st, BEFORE + i); /* before the text: it may convert */
        const char *text = (const char *)sqlite3_column_text(st, BEFORE + i);
        if (text != NULL)
            good = field_set(&r, i, text, number);
    }
    if (good && sqlite3_column_type(st, at) != SQLITE_NULL)
        r.message = message_at(st, at);
    if (good && sqlite3_column_type(st, at + NMESSAGE) != SQLITE_NULL)
        r.file = file_at(st, at + NMESSAGE);
    if (good && (type == RECORD_MESSAGE) == (r.message != NULL) &&
        (type == RECORD_FILE) == (r.file != NULL)) {
        r.type = (enum record_type)type;
        memcpy(change_add(c, r.type), &r, record_size(r.type));
    } else {
        log_error("store: a record that waited makes no sense and is left out",
                  LOG_INT("change", sqlite3_column_int64(st, 1)));
        record_clear(&r);
    }
}

int backlog_oldest(struct backlog *b, struct change **changes, size_t max, int64_t *last)
{
    int n = 0, code;
    size_t records = 0;
    int64_t change = 0;
    sqlite3_bind_int64(b->oldest, 1, INT64_MAX);
    while ((code = sqlite3_step(b->oldest)) == SQLITE_ROW) {
        if (n == 0 || sqlite3_column_int64(b->oldest, 1) != change) {
            if ((size_t)n == max || records >= MOST_RECORDS)
                break;
            change = sqlite3_column_int64(b->oldest, 1);
            changes[n++] = change_new();
        }
        add_row(b->oldest, changes[n - 1]);
        records++;
    }
    *last = change;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        failed(b);
        while (n > 0)
            change_free(changes[--n]);
        n = ERR_SYSTEM;
    }
    sqlite3_reset(b->oldest);
    return n;
}

int backlog_remove(struct backlog *b, int64_t last, size_t n)
{
    sqlite3_bind_int64(b->remove, 1, last);
    int err = step(b, b->remove);
    if (err == 0) {
        b->count -= n;
        metric_add(METRIC_STORE_PARKED, -(int64_t)n);
    }
    return err;
}
