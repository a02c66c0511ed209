/* Keeping less in PostgreSQL: see retention.c, which does the same in SQLite. Each step is one statement.
 *
 * What the tables have in use cannot be asked, as what is deleted gives nothing back until a VACUUM has passed. So what
 * rows take is added up with the index of words (postgres_words.c). */
#include "store/postgres.h"

#include <hubbub/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP = 400,  /* messages */
    LOOK = 1000, /* logs that are looked at */
};

void postgres_touch(struct postgres *p, const char *room)
{
    for (size_t i = p->ntouched; i > 0; i--)
        if (strcmp(p->touched[i - 1], room) == 0)
            return;
    if (p->ntouched < PG_TOUCHED) {
        strcpy(p->touched[p->ntouched++], room);
    } else if (!p->all) {
        p->all = true;
        p->seen = 0;
    }
}

/* One row of numbers at most, into out[]; those that were not found are as they were. */
static int ask(struct postgres *p, int statement, const struct pg_values *v, int64_t *out, int n)
{
    char name[16];
    snprintf(name, sizeof name, "l%d", statement);
    PGresult *res = link_ask_prepared(&p->link, name, v->n, v->value);
    for (int i = 0; res != NULL && PQntuples(res) > 0 && i < n; i++)
        out[i] = strtoll(PQgetvalue(res, 0, i), NULL, 10);
    PQclear(res);
    return res != NULL ? 0 : ERR_SYSTEM;
}

/* The messages of a log up to this one, but no more than a step. *n grows by their number. */
static int remove_front(struct postgres *p, int64_t log, int64_t upto, size_t *n)
{
    int64_t removed_files[2] = {0, 0};
    struct pg_values v = {.n = 0};
    values_number(&v, log);
    values_number(&v, upto);
    values_number(&v, STEP);
    int err = ask(p, DO_REMOVE, &v, removed_files, 2);
    *n += (size_t)removed_files[0];
    p->gone_files |= removed_files[1] > 0;
    return err;
}

static int remove_nameless(struct postgres *p, size_t *n)
{
    int64_t log = 0;
    struct pg_values v = {.n = 0};
    int err = ask(p, DO_NAMELESS, &v, &log, 1);
    if (err != 0 || log == 0) {
        p->nameless = err != 0;
        return err;
    }
    err = remove_front(p, log, (int64_t)PG_SEQ_MAX, n);
    if (err == 0 && *n == 0) {
        values_number(&v, log);
        err = ask(p, DO_END, &v, NULL, 0);
        *n = 1; /* there may be more */
    }
    return err;
}

/* The oldest of all logs, as far as they were said before that. */
static int remove_oldest(struct postgres *p, int64_t before, size_t *n)
{
    char name[16];
    struct pg_values v = {.n = 0};
    values_number(&v, before);
    values_number(&v, STEP);
    snprintf(name, sizeof name, "l%d", DO_OLDEST);
    PGresult *res = link_ask_prepared(&p->link, name, v.n, v.value);
    int err = res != NULL ? 0 : ERR_SYSTEM;
    for (int i = 0; err == 0 && i < PQntuples(res); i++)
        err = remove_front(p, strtoll(PQgetvalue(res, i, 0), NULL, 10),
                           strtoll(PQgetvalue(res, i, 1), NULL, 10), n);
    PQclear(res);
    return err;
}

static int remove_for_space(struct postgres *p, uint64_t bytes, size_t *n)
{
    int64_t used = 0;
    struct pg_values none = {.n = 0};
    int err = ask(p, DO_BYTES, &none, &used, 1);
    return err != 0 || used < 0 || (uint64_t)used <= bytes ? err : remove_oldest(p, INT64_MAX, n);
}

static int remove_touched(struct postgres *p, uint64_t per_room, size_t *n)
{
    int err = 0;
    while (err == 0 && p->ntouched > 0 && *n < STEP) {
        int64_t log_upto[2] = {0, 0};
        struct pg_values v = {.n = 0};
        values_text(&v, p->touched[p->ntouched - 1]);
        values_number(&v, (int64_t)per_room);
        err = ask(p, DO_SURPLUS, &v, log_upto, 2);
        if (err == 0 && log_upto[0] != 0)
            err = remove_front(p, log_upto[0], log_upto[1], n);
        if (err == 0 && *n < STEP)
            p->ntouched--;
    }
    return err;
}

static int remove_surplus(struct postgres *p, uint64_t per_room, size_t *n)
{
    int64_t log_upto[2] = {0, 0}, newest = 0;
    struct pg_values v = {.n = 0}, none = {.n = 0};
    int err = remove_touched(p, per_room, n);
    if (err != 0 || *n > 0 || !p->all)
        return err;
    values_number(&v, p->seen);
    values_number(&v, p->seen + LOOK);
    values_number(&v, (int64_t)per_room);
    err = ask(p, DO_LONG, &v, log_upto, 2);
    if (err == 0 && log_upto[0] != 0) {
        p->seen = log_upto[0] - 1; /* again, until it is short enough */
        return remove_front(p, log_upto[0], log_upto[1], n);
    }
    if (err == 0)
        err = ask(p, DO_NEWEST, &none, &newest, 1);
    p->seen += LOOK;
    p->all = err != 0 || p->seen < newest;
    return err;
}

bool postgres_may_remove(const struct db *db, const struct retention *r, int64_t now)
{
    const struct postgres *p = (const struct postgres *)db;
    return p->state == PG_READY && (p->nameless || r->age_ms > 0 || r->bytes > 0 ||
                                    p->ntouched > 0 || p->all || postgres_may_remove_files(p, now));
}

void postgres_set_retention(struct db *db, const struct retention *r)
{
    struct postgres *p = postgres_of(db);
    p->per_room = r->per_room;
    p->ntouched = 0;
    p->all = r->per_room > 0;
    p->seen = 0;
}

int postgres_remove(struct db *db, const struct retention *r, int64_t now, bool *more)
{
    struct postgres *p = postgres_of(db);
    size_t n = 0;
    int err = p->nameless ? remove_nameless(p, &n) : 0;
    if (err == 0 && postgres_may_remove_files(p, now))
        err = postgres_remove_files(p, now, &n);
    if (err == 0 && n == 0 && r->age_ms > 0)
        err = remove_oldest(p, now - r->age_ms, &n);
    if (err == 0 && n == 0 && r->bytes > 0)
        err = remove_for_space(p, r->bytes, &n);
    if (err == 0 && n == 0 && r->per_room > 0)
        err = remove_surplus(p, r->per_room, &n);
    *more = n > 0 || p->all;
    return err != 0 ? postgres_failed(p) : 0;
}
