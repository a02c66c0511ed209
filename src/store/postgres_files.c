/* Files, as far as PostgreSQL knows of them, and the end of their bytes, which are on the local disk all the same: see
 * files.c. Used by the store's thread. `log` is that of the message that a file is part of, 0 while it waits for one, -1
 * when it is to be removed. */
#include "store/postgres.h"

#include <hubbub/buf.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 64, LOOK_MS = 60 * 1000, GRACE_MS = 60 * 1000 }; /* as in files.c */

static PGresult *ask(struct postgres *p, int statement, const struct pg_values *v)
{
    char name[16];
    snprintf(name, sizeof name, "l%d", statement);
    return link_ask_prepared(&p->link, name, v->n, v->value);
}

void postgres_file_values(const struct file *f, struct pg_values *v)
{
    values_text(v, f->id);
    values_text(v, f->room);
    values_text(v, f->user_id);
    values_text(v, f->name);
    values_text(v, f->type);
    values_number(v, (int64_t)f->size);
    values_number(v, f->width);
    values_number(v, f->height);
    values_number(v, f->thumbnail);
    values_number(v, f->ts);
}

/* ---- what is to go ------------------------------------------------------------------------------- */

bool postgres_may_remove_files(const struct postgres *p, int64_t now)
{
    return p->files != NULL &&
           (p->gone_files || p->gone_after[0] != '\0' || now >= p->next_overdue);
}

/* Those that waited too long, when it is time to look. The grace is for a message that is on its way. */
static int mark_overdue(struct postgres *p, int64_t now)
{
    struct pg_values v = {.n = 0};
    if (now < p->next_overdue)
        return 0;
    values_number(&v, now - FILE_WAIT_MS - GRACE_MS);
    PGresult *res = ask(p, DO_OVERDUE_FILES, &v);
    if (res == NULL)
        return ERR_SYSTEM;
    p->next_overdue = now + LOOK_MS;
    p->gone_files |= strcmp(PQcmdTuples(res), "0") != 0;
    PQclear(res);
    return 0;
}

/* The rows, whose bytes are gone. */
static int forget(struct postgres *p, const char *ids)
{
    struct pg_values v = {.n = 0};
    values_text(&v, ids);
    PGresult *res = ask(p, DO_FILES_GONE, &v);
    PQclear(res);
    return res != NULL ? 0 : ERR_SYSTEM;
}

/* In the order of their ids, so that those that cannot be removed hold up no others. */
int postgres_remove_files(struct postgres *p, int64_t now, size_t *n)
{
    struct pg_values v = {.n = 0};
    struct buf ids = BUF_INIT;
    size_t removed = 0;
    int err = mark_overdue(p, now);
    if (err != 0 || (!p->gone_files && p->gone_after[0] == '\0'))
        return err;
    if (p->gone_after[0] == '\0')
        p->gone_files = false; /* of those that go from now on, the next time */
    values_number(&v, STEP);
    values_text(&v, p->gone_after);
    PGresult *res = ask(p, DO_GONE_FILES, &v);
    if (res == NULL) {
        p->gone_files = true;
        return ERR_SYSTEM;
    }
    size_t found = (size_t)PQntuples(res);
    for (int i = 0; i < PQntuples(res); i++)
        if (bytes_remove(p->files, PQgetvalue(res, i, 0))) /* else it stays, for the next start */
            buf_printf(&ids, "%s%s", removed++ == 0 ? "{" : ",", PQgetvalue(res, i, 0));
    snprintf(p->gone_after, sizeof p->gone_after, "%s",
             found == STEP ? PQgetvalue(res, STEP - 1, 0) : "");
    PQclear(res);
    buf_add_char(&ids, '}');
    if (removed > 0)
        err = forget(p, ids.data);
    buf_fini(&ids);
    p->gone_files = p->gone_files || err != 0;
    if (err == 0) {
        metric_add(METRIC_FILES_REMOVED, (int64_t)removed);
        *n += found;
    }
    return err;
}

/* ---- at the start -------------------------------------------------------------------------------- */

static bool is_known(void *arg, const char *id)
{
    struct pg_values v = {.n = 0};
    values_text(&v, id);
    PGresult *res = ask(arg, DO_HAS_FILE, &v);
    bool known = res == NULL || PQntuples(res) > 0; /* an error is no reason to remove anything */
    PQclear(res);
    return known;
}

static uint64_t count_files(struct postgres *p)
{
    PGresult *res = ask(p, DO_COUNT_FILES, &(struct pg_values){.n = 0});
    uint64_t n = res != NULL ? strtoull(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    PQclear(res);
    return n;
}

void postgres_set_files(struct db *db, const char *directory)
{
    struct postgres *p = postgres_of(db);
    p->files = xstrdup(directory);
    p->gone_files = true; /* a look does no harm */
    bytes_sweep(directory, count_files(p), is_known, p);
}

/* ---- a row --------------------------------------------------------------------------------------- */

static bool set(char *to, size_t space, const PGresult *res, int row, int column)
{
    return (size_t)snprintf(to, space, "%s", PQgetvalue(res, row, column)) < space;
}

static uint64_t number(const PGresult *res, int row, int column)
{
    return strtoull(PQgetvalue(res, row, column), NULL, 10);
}

bool postgres_file_of_row(const PGresult *res, int row, struct file *f)
{
    *f = (struct file){
        .seq = number(res, row, 5),
        .size = number(res, row, 6),
        .width = (uint32_t)number(res, row, 7),
        .height = (uint32_t)number(res, row, 8),
        .thumbnail = number(res, row, 9) != 0,
        .ts = (int64_t)number(res, row, 10),
    };
    return set(f->id, sizeof f->id, res, row, 0) && set(f->room, sizeof f->room, res, row, 1) &&
           set(f->user_id, sizeof f->user_id, res, row, 2) &&
           set(f->name, sizeof f->name, res, row, 3) && set(f->type, sizeof f->type, res, row, 4);
}
