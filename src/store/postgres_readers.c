/* The connections that read PostgreSQL. One that has ended is made anew by whoever comes next. */
#include "store/postgres_readers.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { NREADERS = 2, AGAIN_MS = 200 };

static const char *const TEXTS[NREADS] = {
#define X(name, text) text,
    READER_STATEMENTS(X)
#undef X
};

struct readers {
    char *url; /* owned, set once */
    struct lender lender;
    pthread_mutex_t mu;
    /* under mu */
    int64_t again; /* nobody tries to connect before */
    char error[256];

    struct reader all[NREADERS];
};

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
    lender_fini(&p->lender);
    pthread_mutex_destroy(&p->mu);
    free(p->url);
    free(p);
}

struct readers *postgres_readers_open(const char *url, char *why, size_t space)
{
    struct readers *p = xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->mu, NULL);
    lender_init(&p->lender);
    p->url = xstrdup(url);
    for (int i = 0; i < NREADERS; i++) {
        struct reader *r = &p->all[i];
        r->of = p;
        if (open_one(&r->link, url) != 0) {
            snprintf(why, space, "cannot use the database of --store: %s", r->link.error);
            postgres_readers_close(p);
            return NULL;
        }
        reader_give_back(r);
    }
    return p;
}

void reader_give_back(struct reader *r)
{
    lender_give_back(&r->of->lender, &r->lent);
}

int reader_reconnect(struct reader *r)
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
        static int64_t next;
        if (log_seldom(&next))
            log_error("store: cannot be read", LOG_STR("error", r->link.error));
    }
    return err;
}

struct reader *reader_borrow(struct readers *p)
{
    struct reader *r = (struct reader *)lender_borrow(&p->lender);
    if (link_still_there(&r->link) || reader_reconnect(r) == 0)
        return r;
    reader_give_back(r);
    return NULL;
}

PGresult *reader_ask(struct reader *r, int statement, const struct pg_values *v)
{
    char name[16];
    snprintf(name, sizeof name, "r%d", statement);
    PGresult *res = link_ask_prepared(&r->link, name, v->n, v->value);
    if (res == NULL && !link_alive(&r->link) && !r->in_page && reader_reconnect(r) == 0)
        res = link_ask_prepared(&r->link, name, v->n, v->value);
    static int64_t next;
    if (res == NULL && log_seldom(&next))
        log_error("store: cannot be read", LOG_STR("error", r->link.error),
                  LOG_STR("room", v->value[0]));
    return res;
}
