/* The connection to PostgreSQL that writes: made, lost, looked for again. Used by the main thread until the store's
 * thread starts, then by that one. No call takes longer than the deadlines of postgres_link.h.
 *
 * One server at a time: the connection holds an advisory lock. It ends with the connection, so when the old one is
 * found to hold it still (its network is dead, or its server is slow to notice) it is ended first: what it had been
 * sent must not be written after what the new one sends. */
#include "store/postgres.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AGAIN_MS = 100, /* after a failure; doubles up to: */
    AGAIN_MAX_MS = 5000,
    STEP_MS = 10,   /* while connecting */
    LOOK_MS = 500,  /* is it still there? */
    LOCK_MS = 3000, /* at the start: a connection takes a moment to end, its server being gone */
    TRY_MS = 1000,  /* the same where nothing is begun */
};

/* Of every server on this schema: two numbers. 'hubb' */
#define LOCK                                                                           \
    "1752523362, (SELECT oid::bigint::bit(32)::int FROM pg_namespace WHERE nspname = " \
    "current_schema())"
#define HOLDER                                                                              \
    "SELECT l.pid, host(a.client_addr) FROM pg_locks l JOIN pg_stat_activity a USING (pid)" \
    " WHERE locktype = 'advisory' AND classid = 1752523362 AND granted AND l.database ="    \
    " (SELECT oid FROM pg_database WHERE datname = current_database()) AND objid ="         \
    " (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"

static const char *const TEXTS[NPG] = {
#define X(name, text) text,
    PG_STATEMENTS(X)
#undef X
};

/* ---- values -------------------------------------------------------------------------------------- */

void values_text(struct pg_values *v, const char *text)
{
    INSIST(v->n < PG_PARAMS);
    v->value[v->n++] = text;
}

void values_number(struct pg_values *v, int64_t number)
{
    INSIST(v->n < PG_PARAMS);
    snprintf(v->digits[v->n], sizeof v->digits[0], "%lld", (long long)number);
    v->value[v->n] = v->digits[v->n];
    v->n++;
}

static int field_of(const char *name, size_t n)
{
    char column[32];
    snprintf(column, sizeof column, "%.*s", (int)n, name);
    if (strcmp(column, "now") == 0)
        return ~PG_NOW;
    return strcmp(column, "ledger") == 0 ? ~PG_LEDGER : field_find(column);
}

void postgres_number(const char *text, struct pg_statement *s, char *to, size_t space)
{
    size_t len = 0;
    *s = (struct pg_statement){0};
    for (const char *p = text; *p != '\0';) {
        if (*p != ':') {
            to[len++] = *p++;
        } else {
            size_t n = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_");
            int field = field_of(p + 1, n), at = 0;
            while (at < s->nparams && s->field[at] != field)
                at++;
            INSIST(at < PG_PARAMS);
            if (at == s->nparams)
                s->field[s->nparams++] = field;
            len += (size_t)snprintf(to + len, space - len, "$%d", at + 1);
            p += 1 + n;
        }
        INSIST(len + 8 < space);
    }
    to[len] = '\0';
}

/* ---- set up -------------------------------------------------------------------------------------- */

static int prepare_all(struct postgres *p)
{
    char name[16], text[2048];
    int err = 0;
    for (int i = 0; i < NWRITES && err == 0; i++) {
        if (WRITES[i] == NULL)
            continue;
        snprintf(name, sizeof name, "w%d", i);
        postgres_number(WRITES[i], &p->writes[i], text, sizeof text);
        err = link_prepare(&p->link, name, text);
    }
    for (int i = 0; i < NPG && err == 0; i++) {
        snprintf(name, sizeof name, "l%d", i);
        err = link_prepare(&p->link, name, TEXTS[i]);
    }
    return err;
}

static int tell_sync(struct postgres *p)
{
    return link_run(&p->link,
                    p->full_sync ? "SET synchronous_commit = on" : "SET synchronous_commit = off");
}

/* A plan is made when a table is nearly empty and kept when it is large: none may read all of it, even if that is all
 * there is; and what that is taken to cost is no reason to compile it. */
static int settle(struct postgres *p)
{
    char text[256];
    snprintf(text, sizeof text,
             "SET statement_timeout = %d; SET lock_timeout = %d; SET enable_seqscan = off; SET jit "
             "= off;"
             "SET client_min_messages = warning; SET default_transaction_read_only = off;"
             "SET idle_in_transaction_session_timeout = %d",
             STATEMENT_MS, STATEMENT_MS / 2, 2 * SILENCE_MS);
    int err = link_run(&p->link, text);
    if (err == 0 && PQserverVersion(p->link.conn) >= 140000) /* or it notices at the end of it */
        link_run(&p->link, "SET client_connection_check_interval = 1000");
    return err != 0 ? err : tell_sync(p);
}

static int refuse(struct postgres *p, const char *what)
{
    snprintf(p->link.error, sizeof p->link.error, "%s", what);
    return ERR_INVALID;
}

static int check_server(struct postgres *p)
{
    if (PQserverVersion(p->link.conn) < 120000)
        return refuse(p, "PostgreSQL 12 or later is wanted");
    PGresult *res = link_ask(&p->link,
                             "SELECT current_setting('server_encoding'), current_schema()"
                             ", pg_is_in_recovery()",
                             0, NULL);
    if (res == NULL)
        return ERR_SYSTEM;
    int err = 0;
    if (strcmp(PQgetvalue(res, 0, 0), "UTF8") != 0)
        err = refuse(p, "the database's encoding must be UTF8");
    else if (PQgetisnull(res, 0, 1))
        err = refuse(p, "there is no schema to make tables in (see its search_path)");
    else if (PQgetvalue(res, 0, 2)[0] == 't')
        err = refuse(p, "it is a standby, which is read-only");
    PQclear(res);
    return err;
}

/* Who has the lock: for people, and to end a connection of ours that is dead. */
static void look_at_holder(struct postgres *p)
{
    PGresult *res = link_ask(&p->link, HOLDER, 0, NULL);
    int pid = res != NULL && PQntuples(res) > 0 ? atoi(PQgetvalue(res, 0, 0)) : 0;
    const char *address = pid != 0 && !PQgetisnull(res, 0, 1) ? PQgetvalue(res, 0, 1) : "";
    snprintf(p->link.error, sizeof p->link.error, "it is in use by another server%s%s",
             address[0] != '\0' ? ", from " : "", address);
    if (pid != 0 && pid == p->pid) {
        char text[64];
        snprintf(text, sizeof text, "SELECT pg_terminate_backend(%d)", pid);
        link_run(&p->link, text);
        snprintf(p->link.error, sizeof p->link.error, "the connection before it is still there");
    }
    PQclear(res);
}

static int lock(struct postgres *p)
{
    PGresult *res = link_ask(&p->link, "SELECT pg_try_advisory_lock(" LOCK ")", 0, NULL);
    if (res == NULL)
        return ERR_SYSTEM;
    bool got = PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    if (got)
        return 0;
    look_at_holder(p);
    return ERR_AGAIN;
}

static int lock_at_last(struct postgres *p, int64_t ms)
{
    int64_t deadline = clock_now() + ms * NS_PER_MS;
    int err;
    while ((err = lock(p)) == ERR_AGAIN && clock_now() < deadline)
        nanosleep(&(struct timespec){.tv_nsec = 50 * NS_PER_MS}, NULL);
    return err;
}

static int read_id(struct postgres *p, char id[static 64])
{
    PGresult *res = link_ask(&p->link, "SELECT id FROM hubbub", 0, NULL);
    if (res != NULL)
        snprintf(id, 64, "%.60s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return res != NULL ? 0 : ERR_SYSTEM;
}

/* ---- there and away ------------------------------------------------------------------------------ */

int postgres_failed(struct postgres *p)
{
    snprintf(p->error, sizeof p->error, "PostgreSQL: %s", p->link.error);
    postgres_words_doubt(p);
    if (p->state == PG_READY && link_alive(&p->link))
        return ERR_SYSTEM;
    if (p->state == PG_READY)
        p->failures = 0;
    link_close(&p->link);
    int64_t ms = p->failures < 6 ? AGAIN_MS << p->failures : AGAIN_MAX_MS;
    p->failures++;
    p->state = PG_AWAY;
    p->next = clock_now() + ms * NS_PER_MS;
    return ERR_SYSTEM;
}

/* It may be another database than before, or one that a newer program has changed meanwhile. */
static int check_version(struct postgres *p)
{
    int version;
    char id[sizeof p->id];
    int err = postgres_schema_version(&p->link, &version);
    if (err == 0 && version != postgres_schema_latest())
        return refuse(p, "its schema is not the one it had before");
    if (err == 0)
        err = read_id(p, id);
    if (err == 0 && strcmp(id, p->id) != 0)
        err = refuse(p, "it is another database than before");
    return err;
}

static void come_back(struct postgres *p)
{
    int err = settle(p);
    if (err == 0)
        err = check_server(p);
    if (err == 0)
        err = lock(p);
    if (err == 0)
        err = check_version(p);
    if (err == 0)
        err = prepare_all(p);
    if (err != 0) {
        postgres_failed(p);
        return;
    }
    p->state = PG_READY;
    p->failures = 0;
    p->pid = PQbackendPID(p->link.conn);
    p->nameless = true;
    log_info("store: the database is there again");
}

/* Somebody has ended it while nothing was to be written. */
static void look(struct postgres *p)
{
    if (PQconsumeInput(p->link.conn) == 0 || !link_alive(&p->link)) {
        snprintf(p->link.error, sizeof p->link.error, "the connection has ended");
        link_close(&p->link);
        postgres_failed(p);
        log_warn("store: the database is not there", LOG_STR("error", p->error));
    }
}

static void go_on_connecting(struct postgres *p)
{
    int err = link_poll(&p->link);
    if (err == 0) {
        come_back(p);
    } else if (err != ERR_AGAIN || clock_now() > p->give_up) {
        if (err == ERR_AGAIN)
            snprintf(p->link.error, sizeof p->link.error, "the database does not answer");
        postgres_failed(p);
    }
}

static int64_t postgres_tend(struct db *db)
{
    struct postgres *p = postgres_of(db);
    int64_t now = clock_now();
    if (now < p->next)
        return p->next;
    switch (p->state) {
    case PG_READY: look(p); break;
    case PG_AWAY:
        link_begin(&p->link, p->url);
        p->state = PG_CONNECTING;
        p->give_up = now + CONNECT_MS * NS_PER_MS;
        break;
    case PG_CONNECTING: go_on_connecting(p); break;
    }
    if (p->state != PG_AWAY)
        p->next = clock_now() + (p->state == PG_READY ? LOOK_MS : STEP_MS) * NS_PER_MS;
    return p->next;
}

static const char *postgres_id(const struct db *db)
{
    return ((const struct postgres *)db)->id;
}

static bool postgres_ready(const struct db *db)
{
    return ((const struct postgres *)db)->state == PG_READY;
}

/* ---- opening ------------------------------------------------------------------------------------- */

static void postgres_close(struct db *db)
{
    struct postgres *p = postgres_of(db);
    link_close(&p->link);
    terms_close(p->terms);
    free(p->files);
    free(p->url);
    free(p);
}

/* All in its place, and none but this server here. */
static int take(struct postgres *p)
{
    int err = link_open(&p->link, p->url);
    if (err == 0)
        err = settle(p);
    if (err == 0)
        err = check_server(p);
    if (err == 0)
        err = lock_at_last(p, LOCK_MS);
    if (err == 0)
        err = postgres_schema_migrate(&p->link, postgres_schema_latest(), p->link.error,
                                      sizeof p->link.error);
    if (err == 0)
        err = read_id(p, p->id);
    return err != 0 ? err : prepare_all(p);
}

static struct db *postgres_open(const char *url, char *why, size_t space)
{
    struct postgres *p = xcalloc(1, sizeof *p);
    p->url = xstrdup(url);
    p->full_sync = true;
    p->nameless = true;
    postgres_words_doubt(p);
    p->terms = terms_open(p->link.error, sizeof p->link.error);
    if (p->terms == NULL || take(p) != 0) {
        snprintf(why, space, "cannot use the database of --store: %s", p->link.error);
        postgres_close((struct db *)p);
        return NULL;
    }
    char where[256];
    link_describe(&p->link, where, sizeof where);
    log_info("connected to PostgreSQL", LOG_STR("database", where),
             LOG_INT("version", PQserverVersion(p->link.conn) / 10000));
    p->state = PG_READY;
    p->pid = PQbackendPID(p->link.conn);
    return (struct db *)p;
}

/* 0, ERR_AGAIN when another server has it, ERR_SYSTEM; why for both. Changes nothing. */
static int postgres_try(const char *url, char *why, size_t space)
{
    struct postgres p = {.full_sync = true};
    int version = -1;
    int err = link_open(&p.link, url);
    if (err == 0)
        err = check_server(&p);
    if (err == 0)
        err = postgres_schema_version(&p.link, &version);
    if (err == 0 && version > postgres_schema_latest())
        err = refuse(&p, "a newer program has written it");
    if (err == 0)
        err = lock_at_last(&p, TRY_MS);
    if (err != 0)
        snprintf(why, space, "cannot use the database of --store: %s", p.link.error);
    link_close(&p.link);
    return err == 0 || err == ERR_AGAIN ? err : ERR_SYSTEM;
}

static int postgres_set_sync(struct db *db, bool full)
{
    struct postgres *p = postgres_of(db);
    p->full_sync = full;
    return p->state != PG_READY || tell_sync(p) == 0 ? 0 : postgres_failed(p);
}

static const char *postgres_error(const struct db *db)
{
    return ((const struct postgres *)db)->error;
}

/* On a connection of its own, as any thread may ask. */
static int postgres_exec(struct db *db, const char *sql)
{
    struct link l = {0};
    int err = link_open(&l, postgres_of(db)->url);
    if (err == 0)
        err = link_run(&l, sql);
    if (err != 0)
        log_debug("store: refused", LOG_STR("error", l.error));
    link_close(&l);
    return err;
}

const struct backend postgres_backend = {
    .open = postgres_open,
    .close = postgres_close,
    .try = postgres_try,
    .set_sync = postgres_set_sync,
    .load = postgres_load,
    .list_logs = postgres_list_logs,
    .write = postgres_write,
    .set_retention = postgres_set_retention,
    .may_remove = postgres_may_remove,
    .remove = postgres_remove,
    .may_index = postgres_may_index,
    .index = postgres_index,
    .searcher_open = postgres_searcher_open,
    .searcher_close = postgres_searcher_close,
    .search = postgres_search,
    .error = postgres_error,
    .exec = postgres_exec,
    .tend = postgres_tend,
    .ready = postgres_ready,
    .id = postgres_id,
    .readers_open = postgres_readers_open,
    .readers_close = postgres_readers_close,
    .head = postgres_head,
    .know_position = postgres_know_position,
    .read = postgres_read,
    .marks = postgres_marks,
    .mentions = postgres_mentions,
    .set_files = postgres_set_files,
    .file = postgres_file,
    .files_of = postgres_files_of,
};
