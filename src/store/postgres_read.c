/* Reading back what was said from PostgreSQL: a few connections that only read, lent to whoever asks. Any thread; who
 * comes when all are lent waits. A connection that has ended is made anew by whoever comes next; after that has failed
 * nobody tries for a moment, but is told so at once. */
#include "store/postgres.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NREADERS = 2, AGAIN_MS = 200 };

#define PG_FOUND                                                                 \
    "SELECT log, seq, ts AS said_at, room FROM mentions JOIN logs USING (log)"   \
    " WHERE user_id = $1 AND (ts, log, seq) < ($2, $3, $4) AND room IS NOT NULL" \
    " ORDER BY ts DESC, log DESC, seq DESC LIMIT $5"

/* $1 is the room. */
#define READER_STATEMENTS(X)                                                                     \
    X(HEAD, "SELECT " PG_EPOCH ", " PG_LAST ", " PG_FIRST " FROM logs l WHERE room = $1")        \
    /* Where the numbering after that epoch begins, or the log ends. */                          \
    X(POSITION, "SELECT coalesce((SELECT n.seq FROM epochs n WHERE n.log = l.log AND n.n > e.n"  \
                " ORDER BY n.n LIMIT 1), " PG_LAST ")"                                           \
                " FROM logs l JOIN epochs e ON e.log = l.log WHERE room = $1 AND e.epoch = $2")  \
    X(FIRST, "SELECT " PG_FIRST " FROM logs l WHERE room = $1")                                  \
    X(FILE, "SELECT " PG_FILE " FROM files WHERE id = $1 AND log >= 0")                          \
    X(FILES_OF, "SELECT coalesce(sum(size), 0) FROM files WHERE user_id = $1 AND log >= 0")      \
    X(MESSAGES, "SELECT " PG_MESSAGE " FROM messages"                                            \
                " WHERE log = (SELECT log FROM logs WHERE room = $1) AND seq BETWEEN $2 AND $3"  \
                " ORDER BY seq")                                                                 \
    X(REACTIONS, "SELECT seq, user_id, emoji FROM reactions"                                     \
                 " WHERE log = (SELECT log FROM logs WHERE room = $1) AND seq BETWEEN $2 AND $3" \
                 " ORDER BY seq, at")                                                            \
    /* $1 is the user. */                                                                        \
    X(MARKS, "SELECT room, m.seq, since FROM marks m JOIN logs USING (log) WHERE user_id = $1"   \
             " AND room IS NOT NULL ORDER BY ts DESC LIMIT $2")                                  \
    X(MENTIONS, "SELECT " PG_MESSAGE ", room, log FROM (" PG_FOUND ") n"                         \
                " JOIN messages m USING (log, seq) ORDER BY said_at DESC, log DESC, seq DESC")   \
    X(MENTION_REACTIONS, "SELECT log, seq, r.user_id, emoji FROM (" PG_FOUND ") n"               \
                         " JOIN reactions r USING (log, seq)"                                    \
                         " ORDER BY said_at DESC, log DESC, seq DESC, at")

enum {
#define X(name, text) READ_##name,
    READER_STATEMENTS(X)
#undef X
        NREADS
};

static const char *const TEXTS[NREADS] = {
#define X(name, text) text,
    READER_STATEMENTS(X)
#undef X
};

struct reader {
    struct link link;
    struct readers *of;
    bool in_page;        /* within a transaction */
    struct reader *next; /* idle, too */
};

struct readers {
    char *url; /* owned, set once */
    pthread_mutex_t mu;
    pthread_cond_t came_back;
    /* under mu */
    struct reader *idle;
    int64_t again; /* nobody tries to connect before */
    char error[256];

    struct reader all[NREADERS];
};

/* ---- the connections ----------------------------------------------------------------------------- */

static int settle(struct link *l)
{
    char text[160], name[16];
    snprintf(text, sizeof text,
             "SET statement_timeout = %d; SET enable_seqscan = off; SET jit = off;"
             "SET default_transaction_read_only = on",
             STATEMENT_MS / 2);
    int err = link_run(l, text);
    for (int i = 0; i < NREADS && err == 0; i++) {
        snprintf(name, sizeof name, "r%d", i);
        err = link_prepare(l, name, TEXTS[i]);
    }
    return err;
}

static int open_one(struct link *l, const char *url)
{
    int err = link_open(l, url);
    if (err == 0)
        err = settle(l);
    if (err != 0)
        link_close(l);
    return err;
}

void postgres_readers_close(struct readers *p)
{
    for (int i = 0; i < NREADERS; i++)
        link_close(&p->all[i].link);
    pthread_cond_destroy(&p->came_back);
    pthread_mutex_destroy(&p->mu);
    free(p->url);
    free(p);
}

struct readers *postgres_readers_open(const char *url, char *why, size_t space)
{
    struct readers *p = xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->mu, NULL);
    pthread_cond_init(&p->came_back, NULL);
    p->url = xstrdup(url);
    for (int i = 0; i < NREADERS; i++) {
        struct reader *r = &p->all[i];
        r->of = p;
        if (open_one(&r->link, url) != 0) {
            snprintf(why, space, "cannot use the database of --store: %s", r->link.error);
            postgres_readers_close(p);
            return NULL;
        }
        r->next = p->idle;
        p->idle = r;
    }
    return p;
}

static void give_back(struct readers *p, struct reader *r)
{
    pthread_mutex_lock(&p->mu);
    r->next = p->idle;
    p->idle = r;
    pthread_cond_signal(&p->came_back);
    pthread_mutex_unlock(&p->mu);
}

/* Has it ended while it was idle? That may not be seen before it is used. */
static bool is_good(struct link *l)
{
    return link_alive(l) && PQconsumeInput(l->conn) == 1 && link_alive(l);
}

static int connect_again(struct reader *r)
{
    struct readers *p = r->of;
    pthread_mutex_lock(&p->mu);
    bool soon = clock_now() < p->again;
    if (soon)
        snprintf(r->link.error, sizeof r->link.error, "%s", p->error);
    pthread_mutex_unlock(&p->mu);
    if (soon)
        return ERR_SYSTEM;
    int err = open_one(&r->link, p->url);
    if (err != 0) {
        pthread_mutex_lock(&p->mu);
        p->again = clock_now() + AGAIN_MS * NS_PER_MS;
        snprintf(p->error, sizeof p->error, "%s", r->link.error);
        pthread_mutex_unlock(&p->mu);
        log_error("store: cannot be read", LOG_STR("error", r->link.error));
    }
    return err;
}

/* NULL: there is no connection to be had. */
static struct reader *borrow(struct readers *p)
{
    pthread_mutex_lock(&p->mu);
    while (p->idle == NULL)
        pthread_cond_wait(&p->came_back, &p->mu);
    struct reader *r = p->idle;
    p->idle = r->next;
    pthread_mutex_unlock(&p->mu);
    if (is_good(&r->link) || connect_again(r) == 0)
        return r;
    give_back(p, r);
    return NULL;
}

/* ---- questions ----------------------------------------------------------------------------------- */

static PGresult *ask(struct reader *r, int statement, const struct pg_values *v)
{
    char name[16];
    snprintf(name, sizeof name, "r%d", statement);
    PGresult *res = link_ask_prepared(&r->link, name, v->n, v->value);
    if (res == NULL && !link_alive(&r->link) && !r->in_page && connect_again(r) == 0)
        res = link_ask_prepared(&r->link, name, v->n, v->value);
    if (res == NULL)
        log_error("store: cannot be read", LOG_STR("error", r->link.error),
                  LOG_STR("room", v->value[0]));
    return res;
}

static uint64_t number(const PGresult *res, int row, int column)
{
    return strtoull(PQgetvalue(res, row, column), NULL, 10);
}

int postgres_head(struct readers *p, const char *room, struct log_head *out)
{
    struct reader *r = borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, room);
    PGresult *res = ask(r, READ_HEAD, &v);
    if (res != NULL) {
        struct log_head head = {.exists = PQntuples(res) > 0};
        if (head.exists) {
            snprintf(head.epoch, sizeof head.epoch, "%s", PQgetvalue(res, 0, 0));
            head.last = number(res, 0, 1);
            head.first = number(res, 0, 2);
        }
        *out = head;
    }
    PQclear(res);
    give_back(p, r);
    return res != NULL ? 0 : ERR_SYSTEM;
}

int postgres_know_position(struct readers *p, const char *room, const char *epoch, uint64_t seq,
                           bool *out)
{
    struct reader *r = borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, room);
    values_text(&v, epoch);
    PGresult *res = ask(r, READ_POSITION, &v);
    if (res != NULL)
        *out = PQntuples(res) > 0 && seq <= number(res, 0, 0);
    PQclear(res);
    give_back(p, r);
    return res != NULL ? 0 : ERR_SYSTEM;
}

int postgres_file(struct readers *p, const char *id, struct file *out)
{
    struct reader *r = borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, id);
    PGresult *res = ask(r, READ_FILE, &v);
    int err = res != NULL ? 0 : ERR_SYSTEM;
    if (err == 0 && (PQntuples(res) == 0 || !postgres_file_of_row(res, 0, out)))
        err = ERR_NOTFOUND;
    PQclear(res);
    give_back(p, r);
    return err;
}

int postgres_files_of(struct readers *p, const char *user_id, uint64_t *bytes)
{
    struct reader *r = borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, user_id);
    PGresult *res = ask(r, READ_FILES_OF, &v);
    if (res != NULL)
        *bytes = number(res, 0, 0);
    PQclear(res);
    give_back(p, r);
    return res != NULL ? 0 : ERR_SYSTEM;
}

/* ---- of one user --------------------------------------------------------------------------------- */

int postgres_marks(struct readers *p, const char *user_id, struct mark_page *out)
{
    struct reader *r = borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, user_id);
    values_number(&v, MARKS_MAX);
    PGresult *res = ask(r, READ_MARKS, &v);
    if (res != NULL) {
        size_t n = (size_t)PQntuples(res);
        struct mark_page page = {.rows = xcalloc(n + 1, sizeof page.rows[0])};
        for (; page.n < n; page.n++) {
            struct mark_row *mark = &page.rows[page.n];
            snprintf(mark->room, sizeof mark->room, "%s", PQgetvalue(res, (int)page.n, 0));
            mark->seq = number(res, (int)page.n, 1);
            mark->since = number(res, (int)page.n, 2);
        }
        *out = page;
    }
    PQclear(res);
    give_back(p, r);
    return res != NULL ? 0 : ERR_SYSTEM;
}

static int read_mentions(struct reader *r, const struct pg_values *v, struct found_page *page)
{
    PGresult *res = ask(r, READ_MENTIONS, v);
    if (res == NULL)
        return ERR_SYSTEM;
    int n = PQntuples(res);
    size_t bytes = 0;
    page->rows = xcalloc((size_t)n + 1, sizeof page->rows[0]);
    for (int i = 0; i < n && bytes < FOUND_BYTES; i++) {
        struct found_row *f = &page->rows[page->n++];
        f->row.message = postgres_message(res, i);
        snprintf(f->room, sizeof f->room, "%s", PQgetvalue(res, i, PG_MESSAGE_COLUMNS));
        f->log = number(res, i, PG_MESSAGE_COLUMNS + 1);
        bytes += message_size(f->row.message);
    }
    page->more = bytes >= FOUND_BYTES;
    PQclear(res);
    return 0;
}

/* In the order of the messages, as in a page. */
static int read_their_reactions(struct reader *r, const struct pg_values *v,
                                struct found_page *page)
{
    PGresult *res = ask(r, READ_MENTION_REACTIONS, v);
    if (res == NULL)
        return ERR_SYSTEM;
    size_t i = 0;
    for (int row = 0; row < PQntuples(res) && i < page->n;) {
        struct found_row *f = &page->rows[i];
        if (number(res, row, 0) != f->log || number(res, row, 1) != f->row.message->seq) {
            i++;
            continue;
        }
        reactions_set(&f->row.reactions, PQgetvalue(res, row, 3),
                      user_mark(PQgetvalue(res, row, 2)), true);
        row++;
    }
    PQclear(res);
    return 0;
}

int postgres_mentions(struct readers *p, const char *user_id, const struct found_place *after,
                      unsigned limit, struct found_page *out)
{
    struct found_page page = {.n = 0};
    struct reader *r = borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, user_id);
    values_number(&v, after->ts);
    values_number(&v, (int64_t)after->log);
    values_number(&v, (int64_t)after->seq);
    values_number(&v, limit);
    int err = read_mentions(r, &v, &page);
    if (err == 0 && page.n > 0)
        err = read_their_reactions(r, &v, &page);
    page.more = page.more || page.n == limit;
    give_back(p, r);
    if (err == 0)
        *out = page;
    else
        found_page_fini(&page);
    return err;
}

/* ---- a page -------------------------------------------------------------------------------------- */

static int read_messages(struct reader *r, const struct pg_values *v, struct history_page *page)
{
    PGresult *res = ask(r, READ_MESSAGES, v);
    if (res == NULL)
        return ERR_SYSTEM;
    size_t n = (size_t)PQntuples(res);
    page->rows = n > 0 ? xcalloc(n, sizeof page->rows[0]) : NULL;
    for (; page->n < n; page->n++)
        page->rows[page->n].message = postgres_message(res, (int)page->n);
    PQclear(res);
    return 0;
}

/* Their rows come in the order of the messages, so one walk along the page finds them all. */
static int read_reactions(struct reader *r, const struct pg_values *v, struct history_page *page)
{
    PGresult *res = ask(r, READ_REACTIONS, v);
    if (res == NULL)
        return ERR_SYSTEM;
    size_t i = 0;
    for (int row = 0; row < PQntuples(res); row++) {
        uint64_t seq = number(res, row, 0);
        while (i < page->n && page->rows[i].message->seq < seq)
            i++;
        if (i < page->n && page->rows[i].message->seq == seq)
            reactions_set(&page->rows[i].reactions, PQgetvalue(res, row, 2),
                          user_mark(PQgetvalue(res, row, 1)), true);
    }
    PQclear(res);
    return 0;
}

static int read_page(struct reader *r, const char *room, uint64_t from, uint64_t to,
                     struct history_page *page)
{
    struct pg_values v = {.n = 0};
    values_text(&v, room);
    PGresult *res = ask(r, READ_FIRST, &v);
    bool exists = res != NULL && PQntuples(res) > 0;
    if (exists)
        page->first_kept = number(res, 0, 0);
    PQclear(res);
    if (res == NULL || !exists || from > to)
        return res != NULL ? 0 : ERR_SYSTEM;
    values_number(&v, (int64_t)from);
    values_number(&v, (int64_t)to);
    int err = read_messages(r, &v, page);
    return err != 0 || page->n == 0 ? err : read_reactions(r, &v, page);
}

#define MOMENT "BEGIN ISOLATION LEVEL REPEATABLE READ"

int postgres_read(struct readers *p, const char *room, uint64_t from, uint64_t to,
                  struct history_page *out)
{
    struct history_page page = {.n = 0};
    to = to < PG_SEQ_MAX ? to : PG_SEQ_MAX;
    REQUIRE(from > to || to - from < HISTORY_MAX);
    struct reader *r = borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    /* All of it as it was at one moment. */
    int err = link_run(&r->link, MOMENT);
    if (err != 0 && !link_alive(&r->link) && (err = connect_again(r)) == 0)
        err = link_run(&r->link, MOMENT);
    r->in_page = true;
    if (err == 0)
        err = read_page(r, room, from, to, &page);
    r->in_page = false;
    if (link_alive(&r->link))
        link_run(&r->link, err == 0 ? "COMMIT" : "ROLLBACK");
    give_back(p, r);
    if (err == 0)
        *out = page;
    else
        history_page_fini(&page);
    return err;
}
