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
    LATEST = 20000, /* as in search.c */
    LATEST_BYTES = 8 << 20,
    PATIENCE_MS = 1000,
    FEW = 20000, /* as in search.c */
    SILENCE = 3000,
};

static const char LOG[] = "SELECT log FROM logs WHERE room = $1",
                  COUNT[] = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words @@ $1::tsquery"
                            " LIMIT $2) x",
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
    const struct search *x;
    struct phrases phrases;
    char log[24];       /* of the room, "0": all, "": there is none */
    struct buf without; /* an array */
    size_t bytes;
    struct found_page page; /* of twice as many as are looked for */
};

/* ---- the connection ------------------------------------------------------------------------------ */

/* There, or there again: it may have ended since. */
static int be_there(struct searcher *s)
{
    struct link *l = &s->link;
    if (link_still_there(l))
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
    static int64_t next;
    if (log_seldom(&next))
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

/* ---- the question -------------------------------------------------------------------------------- */

/* Few messages have the words: they are looked up and sorted. Many: the messages are gone through, from the newest on,
 * which the planner must be made to do. */
enum which { NEW, SOME, MANY };

/* $1: the words, of NEW how many are looked at; $2, $3, $4: only behind this place; $5: but for these logs; $6: how many,
 * $7: as have that many bytes, and one more. */
static void add_question(const struct looking *k, enum which which, struct buf *sql)
{
    bool in_room = k->x->room != NULL;
    const char *order = in_room ? "seq DESC" : "ts DESC, log DESC, seq DESC",
               *where = in_room ? "log = $3::bigint AND seq < $4::bigint AND $2::bigint > 0"
                                : "(m.ts, log, seq) < ($2::bigint, $3::bigint, $4::bigint)";
    if (which == SOME)
        buf_add_str(sql, "WITH w AS MATERIALIZED"
                         " (SELECT log, seq FROM words WHERE words @@ $1::tsquery) ");
    buf_printf(sql,
               "SELECT " PG_MESSAGE ", room, log FROM (SELECT f.*, sum(octet_length(content)) OVER"
               " (ORDER BY %s ROWS UNBOUNDED PRECEDING) - octet_length(content) AS before FROM"
               " (SELECT m.*, l.room FROM ",
               order);
    if (which == NEW)
        buf_printf(sql,
                   "(SELECT * FROM messages m WHERE ts >= (SELECT ts FROM words_mark) AND %s"
                   " ORDER BY %s LIMIT $1) m",
                   where, order);
    else
        buf_printf(sql, "%s JOIN messages m USING (log, seq)", which == SOME ? "w" : "words w");
    buf_printf(sql,
               " JOIN logs l USING (log) WHERE %s AND l.room IS NOT NULL"
               " AND log NOT IN (SELECT unnest($5::bigint[]))%s ORDER BY %s LIMIT $6) f) x"
               " WHERE before < $7::bigint ORDER BY %s",
               where, which == MANY ? " AND w.words @@ $1::tsquery" : "", order, order);
}

static void add_place(const struct looking *k, struct pg_values *v)
{
    const struct found_place *after = &k->x->after;
    bool all = after->ts == INT64_MAX;
    values_number(v, after->ts);
    if (k->x->room == NULL)
        values_number(v, (int64_t)after->log);
    else
        values_text(v, k->log);
    values_number(v, all ? INT64_MAX : (int64_t)after->seq);
    values_text(v, k->without.data);
}

static int ask_for(struct looking *k, enum which which, const char *first, int64_t bytes,
                   int64_t limit, PGresult **res)
{
    struct pg_values v = {.n = 0};
    struct buf sql = BUF_INIT;
    add_question(k, which, &sql);
    values_text(&v, first);
    add_place(k, &v);
    values_number(&v, limit);
    values_number(&v, bytes);
    int err = ask(k->s, sql.data, &v, res);
    buf_fini(&sql);
    return err;
}

/* ---- what is found ------------------------------------------------------------------------------- */

static void take_row(struct looking *k, const PGresult *res, int row)
{
    struct found_row *f = &k->page.rows[k->page.n++];
    *f = (struct found_row){.log = strtoull(PQgetvalue(res, row, OF_LOG), NULL, 10),
                            .row.message = postgres_message(res, row)};
    snprintf(f->room, sizeof f->room, "%s", PQgetvalue(res, row, ROOM));
    k->bytes += f->row.message->content_len;
}

static bool is_full(const struct looking *k)
{
    return k->page.n >= k->x->limit || k->bytes >= FOUND_BYTES;
}

/* What is behind the mark. */
static int find_new(struct looking *k)
{
    PGresult *res;
    struct term_list text = {.n = 0};
    char most[16];
    snprintf(most, sizeof most, "%d", LATEST);
    int err = ask_for(k, NEW, most, LATEST_BYTES, LATEST, &res), n = err == 0 ? PQntuples(res) : 0;
    size_t bytes = 0;
    for (int i = 0; err == 0 && i < n && !is_full(k); i++) {
        const char *content = PQgetvalue(res, i, PG_MESSAGE_CONTENT);
        bytes += strlen(content);
        err = terms_of_content(k->s->terms, content, strlen(content), &text);
        if (err == 0 && phrases_match(&k->phrases, &text))
            take_row(k, res, i);
    }
    k->page.partial = n == LATEST || bytes >= LATEST_BYTES;
    term_list_fini(&text);
    PQclear(res);
    return err;
}

static int choose(struct looking *k, const char *words, enum which *which)
{
    PGresult *res;
    struct pg_values v = {.n = 0};
    values_text(&v, words);
    values_number(&v, FEW + 1);
    int err = ask(k->s, COUNT, &v, &res);
    *which = err == 0 && strtoll(PQgetvalue(res, 0, 0), NULL, 10) > FEW ? MANY : SOME;
    PQclear(res);
    if (err == 0 && *which == MANY &&
        link_run(&k->s->link,
                 "SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off;"
                 " SET LOCAL enable_mergejoin = off; SET LOCAL enable_sort = off") != 0)
        err = failed(k->s);
    return err;
}

static int find_old(struct looking *k)
{
    PGresult *res = NULL;
    struct buf words = BUF_INIT;
    enum which which;
    if (k->x->room != NULL)
        buf_printf(&words, "'#%s' & ", k->log);
    phrases_add_query(&k->phrases, &words);
    int err = choose(k, words.data, &which);
    if (err == 0)
        err = ask_for(k, which, words.data, (int64_t)(FOUND_BYTES - k->bytes), k->x->limit, &res);
    for (int i = 0; err == 0 && i < PQntuples(res); i++)
        take_row(k, res, i);
    buf_fini(&words);
    PQclear(res);
    return err;
}

static int find_reactions(struct looking *k)
{
    PGresult *res;
    struct buf logs = BUF_INIT, seqs = BUF_INIT;
    struct pg_values v = {.n = 0};
    for (size_t i = 0; i < k->page.n; i++) {
        buf_printf(&logs, "%s%llu", i == 0 ? "{" : ",", (unsigned long long)k->page.rows[i].log);
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

static int find_log(struct looking *k)
{
    PGresult *res;
    struct pg_values v = {.n = 0};
    strcpy(k->log, "0");
    if (k->x->room == NULL)
        return 0;
    values_text(&v, k->x->room);
    int err = ask(k->s, LOG, &v, &res);
    if (err == 0)
        snprintf(k->log, sizeof k->log, "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return err;
}

static int latest_number_first(const void *a, const void *b)
{
    uint64_t x = ((const struct found_row *)a)->row.message->seq,
             y = ((const struct found_row *)b)->row.message->seq;
    return (x < y) - (x > y);
}

/* All of it as it was at one moment. */
static int look(struct looking *k)
{
    int err = begin(k->s);
    if (err == 0)
        err = find_log(k);
    if (err != 0 || k->log[0] == '\0')
        return err;
    err = find_new(k);
    if (err == 0 && !is_full(k))
        err = find_old(k);
    k->page.more = is_full(k);
    /* In a room the clock may have gone back. */
    if (k->x->room != NULL && k->page.n > 0)
        qsort(k->page.rows, k->page.n, sizeof k->page.rows[0], latest_number_first);
    found_page_cut(&k->page, k->page.n < k->x->limit ? k->page.n : k->x->limit);
    return err == 0 && k->page.n > 0 ? find_reactions(k) : err;
}

static void end(struct searcher *s)
{
    if (link_alive(&s->link) && PQtransactionStatus(s->link.conn) != PQTRANS_IDLE)
        link_run(&s->link, "ROLLBACK");
}

static int look_in_time(struct looking *k)
{
    struct searcher *s = k->s;
    s->until = clock_now() + PATIENCE_MS * NS_PER_MS;
    int err = look(k);
    end(s);
    if (err != ERR_TIMEOUT || k->page.n == 0)
        return err;
    k->page.more = k->page.late = true;
    s->until = clock_now() + PATIENCE_MS * NS_PER_MS;
    err = begin(s);
    if (err == 0)
        err = find_reactions(k);
    end(s);
    return err;
}

int postgres_search(struct searcher *s, const struct search *x, struct found_page *out)
{
    struct looking k = {.s = s, .x = x};
    k.page.rows = xmalloc((2 * x->limit + 1) * sizeof k.page.rows[0]);
    for (size_t i = 0; i < x->nwithout; i++)
        buf_printf(&k.without, "%c%llu", i == 0 ? '{' : ',', (unsigned long long)x->without[i]);
    buf_add_str(&k.without, x->nwithout == 0 ? "{}" : "}");
    pthread_mutex_lock(&s->mu);
    int err = phrases_of(s->terms, x->query, &k.phrases);
    if (err == 0 && k.phrases.n > 0)
        err = look_in_time(&k);
    phrases_fini(&k.phrases);
    pthread_mutex_unlock(&s->mu);
    buf_fini(&k.without);
    if (err == 0)
        *out = k.page;
    else
        found_page_fini(&k.page);
    return err;
}
