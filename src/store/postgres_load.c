/* What PostgreSQL keeps, read back as records when the server starts: see load.c. Main thread. Rows come one at a time,
 * so that memory is not needed for all of them at once. */
#include "store/postgres.h"

#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was said, after READS. */
static const struct load_query SAID[] = {
    {RECORD_EPOCH, "SELECT room, " PG_EPOCH " AS epoch, " PG_LAST " AS seq, " PG_FIRST
                   " AS entry FROM rooms r JOIN logs l USING (room) ORDER BY room"},
    {RECORD_PAIR, "SELECT p.room, user_id, username, by_id, by_name, " PG_LAST " AS seq,"
                  " coalesce((SELECT m.ts FROM messages m WHERE m.log = l.log"
                  " ORDER BY m.seq DESC LIMIT 1), p.ts) AS ts"
                  " FROM pairs p JOIN logs l USING (room) ORDER BY room"},
    {RECORD_MESSAGE,
     "SELECT " PG_MESSAGE ", room FROM messages JOIN logs USING (log)"
     " WHERE ts > CAST(:now AS bigint) - 300000 AND request_id <> '' AND room IS NOT NULL"
     " ORDER BY ts, log, seq"},
    {RECORD_FILE, "SELECT " PG_FILE " FROM files WHERE log = 0 AND seq = 0 ORDER BY ts"},
    {RECORD_COUNT, NULL},
};
_Static_assert(DUPLICATE_MS == 300000, "as in SAID");

struct message *postgres_message(const PGresult *res, int row)
{
    struct message like = {
        .seq = strtoull(PQgetvalue(res, row, 0), NULL, 10),
        .ts = strtoll(PQgetvalue(res, row, 1), NULL, 10),
        .user_id = PQgetvalue(res, row, 2),
        .username = PQgetvalue(res, row, 3),
        .id = PQgetvalue(res, row, 4),
        .reply_to = strtoull(PQgetvalue(res, row, 5), NULL, 10),
        .edited_ts = strtoll(PQgetvalue(res, row, 6), NULL, 10),
        .deleted = PQgetvalue(res, row, 7)[0] != '0',
        .taken_back = PQgetvalue(res, row, 7)[0] == '2',
        .content = PQgetvalue(res, row, PG_MESSAGE_CONTENT),
        .files = PQgetvalue(res, row, 9),
        .mentions = PQgetvalue(res, row, 10),
    };
    like.content_len = strlen(like.content);
    return message_new(&like);
}

static int set_column(struct postgres *p, struct record *r, const PGresult *res, int i)
{
    const char *column = PQfname(res, i), *text = PQgetvalue(res, 0, i);
    int field = field_find(column);
    INSIST(field >= 0);
    if (field_set(r, field, text, strtoll(text, NULL, 10)))
        return 0;
    snprintf(p->error, sizeof p->error, "the %s of a %s is '%.64s'", column,
             record_type_name(r->type), text);
    return ERR_INVALID;
}

static int load_file(struct postgres *p, const PGresult *res, store_load_fn *fn, void *arg)
{
    struct file f;
    if (!postgres_file_of_row(res, 0, &f)) {
        snprintf(p->error, sizeof p->error, "a file is damaged");
        return ERR_INVALID;
    }
    struct record r = {.type = RECORD_FILE, .file = &f};
    snprintf(r.room, sizeof r.room, "%s", f.room);
    fn(arg, &r);
    return 0;
}

static int load_row(struct postgres *p, enum record_type type, const PGresult *res,
                    store_load_fn *fn, void *arg)
{
    struct record r = {.type = type};
    int i = 0, err = 0;
    if (type == RECORD_FILE)
        return load_file(p, res, fn, arg);
    if (type == RECORD_MESSAGE) {
        r.message = postgres_message(res, 0);
        i = PG_MESSAGE_COLUMNS;
    }
    for (; i < PQnfields(res) && err == 0; i++)
        err = set_column(p, &r, res, i);
    if (err == 0)
        fn(arg, &r);
    record_clear(&r);
    return err;
}

static int send(struct postgres *p, const char *text, uint32_t ledger, int64_t now)
{
    char numbered[2048];
    struct pg_statement s;
    struct pg_values v = {.n = 0};
    postgres_number(text, &s, numbered, sizeof numbered);
    for (int i = 0; i < s.nparams; i++)
        values_number(&v, s.field[i] == ~PG_NOW ? now : (int64_t)ledger);
    return PQsendQueryParams(p->link.conn, numbered, v.n, NULL, v.value, NULL, NULL, 0) == 1
               ? 0
               : ERR_SYSTEM;
}

/* ERR_SYSTEM: the link says why; ERR_INVALID: p->error does. */
static int load_table(struct postgres *p, const struct load_query *q, uint32_t ledger, int64_t now,
                      store_load_fn *fn, void *arg)
{
    PGresult *res;
    int wrong = 0, err;
    if (send(p, q->query, ledger, now) != 0 || PQsetSingleRowMode(p->link.conn) != 1)
        return ERR_SYSTEM;
    while ((res = link_next(&p->link, &err)) != NULL) {
        ExecStatusType status = PQresultStatus(res);
        if (status == PGRES_SINGLE_TUPLE && wrong == 0)
            wrong = load_row(p, q->type, res, fn, arg);
        else if (status == PGRES_FATAL_ERROR)
            wrong = link_blame(&p->link, res);
        PQclear(res);
    }
    return err != 0 ? err : wrong;
}

static int sweep(struct postgres *p, const char *text, int64_t now)
{
    char numbered[2048];
    struct pg_statement s;
    struct pg_values v = {.n = 0};
    postgres_number(text, &s, numbered, sizeof numbered);
    values_number(&v, now);
    PGresult *res = link_ask(&p->link, numbered, v.n, v.value);
    PQclear(res);
    return res != NULL ? 0 : ERR_SYSTEM;
}

int postgres_load(struct db *db, uint32_t ledger, int64_t now, store_load_fn *fn, void *arg)
{
    struct postgres *p = postgres_of(db);
    int err = p->state == PG_READY ? link_run(&p->link, "SET statement_timeout = 0") : ERR_SYSTEM;
    for (const struct load_query *q = READS; q->query != NULL && err == 0; q++)
        err = load_table(p, q, ledger, now, fn, arg);
    for (const struct load_query *q = SAID; q->query != NULL && err == 0; q++)
        err = load_table(p, q, ledger, now, fn, arg);
    for (const char *const *text = SWEEPS; *text != NULL && err == 0; text++)
        if (sweep(p, *text, now) != 0)
            log_warn("store: what has ended is not deleted", LOG_STR("error", p->link.error));
    char limit[64];
    snprintf(limit, sizeof limit, "SET statement_timeout = %d", STATEMENT_MS);
    if (err == 0)
        err = link_run(&p->link, limit);
    if (err == ERR_SYSTEM)
        postgres_failed(p);
    return err == 0 ? 0 : ERR_SYSTEM;
}

int postgres_list_logs(struct db *db, struct log_filter *to)
{
    struct postgres *p = postgres_of(db);
    PGresult *res;
    int failed = 0, err = ERR_SYSTEM;
    if (p->state != PG_READY ||
        PQsendQuery(p->link.conn, "SELECT room FROM logs WHERE room IS NOT NULL") != 1 ||
        PQsetSingleRowMode(p->link.conn) != 1)
        return postgres_failed(p);
    while ((res = link_next(&p->link, &err)) != NULL) {
        if (PQresultStatus(res) == PGRES_SINGLE_TUPLE)
            filter_add(to, PQgetvalue(res, 0, 0));
        else if (PQresultStatus(res) == PGRES_FATAL_ERROR)
            failed = link_blame(&p->link, res);
        PQclear(res);
    }
    return failed != 0 || err != 0 ? postgres_failed(p) : 0;
}
