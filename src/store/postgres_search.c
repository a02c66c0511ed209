/* Looking for words in PostgreSQL: see search.c, which does it in SQLite. Any thread that may block; one at a time, the
 * others wait. A connection of its own.
 *
 * What the index lacks, the latest messages, is read and looked through here. */
#include "store/postgres.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LATEST = 1000, /* as in search.c */
    LATEST_BYTES = 8 << 20,
    PATIENCE_MS = 1000,
    SILENCE = 3000,
};

#define NEWEST_FIRST "ts DESC, log DESC, seq DESC"
/* Of a stretch, in this order, as many as have that many bytes, and one more. */
#define SUM_BEFORE(order)                                                           \
    "sum(octet_length(content)) OVER (ORDER BY " order " ROWS UNBOUNDED PRECEDING)" \
    " - octet_length(content) AS before"

static const char LOG[] = "SELECT log FROM logs WHERE room = $1",
                  /* $1: the log, 0: any; $2: bytes */
    NEW[] = "SELECT " PG_MESSAGE ", room, log FROM (SELECT m.*, l.room, " SUM_BEFORE(
        NEWEST_FIRST) " FROM (SELECT * FROM messages WHERE ts >= (SELECT ts FROM words_mark)"
                      " AND ($1::bigint = 0 OR log = $1::bigint) ORDER BY ts DESC LIMIT $3) m"
                      " JOIN logs l USING (log) WHERE l.room IS NOT NULL) x"
                      " WHERE before < $2::bigint ORDER BY " NEWEST_FIRST,
                  /* $1: the words, $2: the same of a room, $3: how many, $4: bytes. Best first. */
    OLD[] =
        "SELECT " PG_MESSAGE ", room, log FROM (SELECT m.*, l.room, score, said_at, " SUM_BEFORE(
            "score DESC, said_at DESC, log DESC, seq DESC") " FROM"
                                                            " (SELECT w.log, w.seq, w.ts AS "
                                                            "said_at, ts_rank(w.words, "
                                                            "$1::tsquery, 1) AS score"
                                                            "  FROM words w JOIN logs n USING "
                                                            "(log) WHERE w.words @@ $2::tsquery"
                                                            "  AND n.room IS NOT NULL"
                                                            "  ORDER BY score DESC, said_at DESC, "
                                                            "w.log DESC, w.seq DESC LIMIT $3) f"
                                                            " JOIN messages m USING (log, seq) "
                                                            "JOIN logs l USING (log)) x"
                                                            " WHERE before < $4::bigint ORDER BY "
                                                            "score DESC, said_at DESC, log DESC, "
                                                            "seq DESC",
                  REACTIONS[] =
                      "SELECT n, user_id, emoji FROM unnest($1::bigint[], $2::bigint[])"
                      " WITH ORDINALITY AS u (log, seq, n) JOIN reactions r USING (log, seq)"
                      " ORDER BY n, at";

enum { ROOM = PG_MESSAGE_COLUMNS, OF_LOG };

struct searcher {
    pthread_mutex_t mu;
    char *url; /* owned */
    struct link link;
    struct terms *terms;
    int64_t until; /* of the present search */
};

/* One search. */
struct looking {
    struct searcher *s;
    struct phrases phrases;
    unsigned limit;
    size_t bytes;
    struct found_page page;
    char (*logs)[24]; /* of each row, as text */
};

/* ---- the connection ------------------------------------------------------------------------------ */

/* There, or there again: it may have ended since. */
static int be_there(struct searcher *s)
{
    struct link *l = &s->link;
    if (link_alive(l) && PQconsumeInput(l->conn) == 1 && link_alive(l))
        return 0;
    int err = link_open(l, s->url);
    if (err == 0)
        err = link_run(
            l, "SET enable_seqscan = off; SET jit = off; SET default_transaction_read_only = on");
    if (err != 0)
        link_close(l);
    return err;
}

void postgres_searcher_close(struct searcher *s)
{
    if (s == NULL)
        return;
    link_close(&s->link);
    terms_close(s->terms);
    pthread_mutex_destroy(&s->mu);
    free(s->url);
    free(s);
}

struct searcher *postgres_searcher_open(const char *url, char *why, size_t space)
{
    struct searcher *s = xcalloc(1, sizeof *s);
    pthread_mutex_init(&s->mu, NULL);
    s->url = xstrdup(url);
    s->link.silence_ms = SILENCE;
    s->terms = terms_open(why, space);
    if (s->terms != NULL && be_there(s) == 0)
        return s;
    if (s->terms != NULL)
        snprintf(why, space, "cannot use the database of --store: %s", s->link.error);
    postgres_searcher_close(s);
    return NULL;
}

/* ---- questions ----------------------------------------------------------------------------------- */

#define CANCELED "57014" /* SQLSTATE: it took too long */

static int failed(struct searcher *s)
{
    if (strcmp(s->link.state, CANCELED) == 0)
        return ERR_TIMEOUT;
    log_error("store: cannot be searched", LOG_STR("error", s->link.error));
    return ERR_SYSTEM;
}

#define MOMENT "BEGIN ISOLATION LEVEL REPEATABLE READ"

/* That the connection has ended may not be seen before it is used. */
static int begin(struct searcher *s)
{
    int err = be_there(s);
    if (err == 0 && (err = link_run(&s->link, MOMENT)) != 0 && !link_alive(&s->link) &&
        (err = be_there(s)) == 0)
        err = link_run(&s->link, MOMENT);
    return err == 0 ? 0 : failed(s);
}

/* The server gives it up when the time is over. */
static int limit_time(struct searcher *s)
{
    char text[64];
    int64_t ms = (s->until - clock_now()) / NS_PER_MS;
    if (ms <= 0)
        return ERR_TIMEOUT;
    snprintf(text, sizeof text, "SET LOCAL statement_timeout = %d", (int)ms);
    return link_run(&s->link, text) == 0 ? 0 : failed(s);
}

static int ask(struct searcher *s, const char *sql, const struct pg_values *v, PGresult **res)
{
    *res = NULL;
    int err = limit_time(s);
    if (err == 0 && (*res = link_ask(&s->link, sql, v->n, v->value)) == NULL)
        err = failed(s);
    return err;
}

/* ---- what is found ------------------------------------------------------------------------------- */

static void take_row(struct looking *k, const PGresult *res, int row)
{
    struct found_row *f = &k->page.rows[k->page.n];
    *f = (struct found_row){.row.message = postgres_message(res, row)};
    snprintf(f->room, sizeof f->room, "%s", PQgetvalue(res, row, ROOM));
    snprintf(k->logs[k->page.n], sizeof k->logs[0], "%s", PQgetvalue(res, row, OF_LOG));
    k->bytes += f->row.message->content_len;
    k->page.n++;
}

static bool is_full(const struct looking *k)
{
    return k->page.n == k->limit || k->bytes >= FOUND_BYTES;
}

/* What is behind the mark. */
static int find_new(struct looking *k, const char *log)
{
    PGresult *res;
    struct pg_values v = {.n = 0};
    struct term_list text = {.n = 0};
    values_text(&v, log);
    values_number(&v, LATEST_BYTES);
    values_number(&v, LATEST);
    int err = ask(k->s, NEW, &v, &res);
    for (int i = 0; err == 0 && i < PQntuples(res) && !is_full(k); i++) {
        const char *content = PQgetvalue(res, i, PG_MESSAGE_CONTENT);
        err = terms_of_content(k->s->terms, content, strlen(content), &text);
        if (err == 0 && phrases_match(&k->phrases, &text))
            take_row(k, res, i);
    }
    term_list_fini(&text);
    PQclear(res);
    return err;
}

static int find_old(struct looking *k, const char *log)
{
    PGresult *res;
    struct pg_values v = {.n = 0};
    struct buf all = BUF_INIT, one = BUF_INIT;
    phrases_add_query(&k->phrases, &all);
    if (strcmp(log, "0") != 0)
        buf_printf(&one, "'#%s' & ", log);
    buf_add_str(&one, all.data);
    values_text(&v, all.data);
    values_text(&v, one.data);
    values_number(&v, (int64_t)(k->limit - k->page.n));
    values_number(&v, (int64_t)(FOUND_BYTES - k->bytes));
    int err = ask(k->s, OLD, &v, &res);
    for (int i = 0; err == 0 && i < PQntuples(res); i++)
        take_row(k, res, i);
    buf_fini(&all);
    buf_fini(&one);
    PQclear(res);
    return err;
}

static int find_reactions(struct looking *k)
{
    PGresult *res;
    struct buf logs = BUF_INIT, seqs = BUF_INIT;
    struct pg_values v = {.n = 0};
    for (size_t i = 0; i < k->page.n; i++) {
        buf_printf(&logs, "%s%s", i == 0 ? "{" : ",", k->logs[i]);
        buf_printf(&seqs, "%s%llu", i == 0 ? "{" : ",",
                   (unsigned long long)k->page.rows[i].row.message->seq);
    }
    buf_add_char(&logs, '}');
    buf_add_char(&seqs, '}');
    values_text(&v, logs.data);
    values_text(&v, seqs.data);
    int err = ask(k->s, REACTIONS, &v, &res);
    for (int i = 0; err == 0 && i < PQntuples(res); i++) {
        size_t row = strtoull(PQgetvalue(res, i, 0), NULL, 10) - 1;
        reactions_set(&k->page.rows[row].row.reactions, PQgetvalue(res, i, 2),
                      user_mark(PQgetvalue(res, i, 1)), true);
    }
    buf_fini(&logs);
    buf_fini(&seqs);
    PQclear(res);
    return err;
}

/* Its number into `log`, "" when there is none; "0" for all. */
static int find_log(struct searcher *s, const char *room, char log[24])
{
    PGresult *res;
    struct pg_values v = {.n = 0};
    strcpy(log, "0");
    if (room == NULL)
        return 0;
    values_text(&v, room);
    int err = ask(s, LOG, &v, &res);
    if (err == 0)
        snprintf(log, 24, "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return err;
}

/* All of it as it was at one moment. */
static int look(struct looking *k, const char *room)
{
    char log[24];
    int err = begin(k->s);
    if (err == 0)
        err = find_log(k->s, room, log);
    if (err != 0 || log[0] == '\0')
        return err;
    err = find_new(k, log);
    if (err == 0 && !is_full(k))
        err = find_old(k, log);
    if (err == 0 && k->page.n > 0)
        err = find_reactions(k);
    k->page.more = is_full(k);
    return err;
}

static int look_in_time(struct looking *k, const char *room)
{
    struct searcher *s = k->s;
    int err = look(k, room);
    if (link_alive(&s->link) && PQtransactionStatus(s->link.conn) != PQTRANS_IDLE)
        link_run(&s->link, "ROLLBACK");
    return err;
}

/* 0 or ERR_TIMEOUT. */
static int lock(struct searcher *s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    return pthread_mutex_timedlock(&s->mu, &until) == 0 ? 0 : ERR_TIMEOUT;
}

int postgres_search(struct searcher *s, const char *room, const char *query, unsigned limit,
                    struct found_page *out)
{
    int64_t until = clock_now() + PATIENCE_MS * NS_PER_MS;
    struct looking k = {.s = s, .limit = limit};
    int err = lock(s);
    if (err != 0)
        return err;
    k.page.rows = xmalloc((limit + 1) * sizeof k.page.rows[0]);
    k.logs = xmalloc((limit + 1) * sizeof k.logs[0]);
    s->until = until;
    err = phrases_of(s->terms, query, &k.phrases);
    if (err == 0 && k.phrases.n > 0)
        err = look_in_time(&k, room);
    phrases_fini(&k.phrases);
    pthread_mutex_unlock(&s->mu);
    free(k.logs);
    if (err == 0)
        *out = k.page;
    else
        found_page_fini(&k.page);
    return err;
}
