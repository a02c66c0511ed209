/* The index of words in PostgreSQL: see words.c, which has the same in SQLite. Used by the store's thread.
 *
 * Which terms a text has is known here (terms.c), not by the database. A mark in the database says how far the index is:
 * exactly the messages that were said before it have a row in `words`, tombstones one without terms. So whatever becomes
 * of those, or comes late, is done to the index in the same transaction. Each row has what its message takes on the disk,
 * too, and the mark the sum of that, for retention. */
#include "store/postgres.h"

#include <hubbub/err.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP = 400,           /* messages, if they are not all of one moment */
    STEP_BYTES = 4 << 20, /* of their content */
};

void postgres_words_doubt(struct postgres *p)
{
    p->words_known = false;
    p->wordless = true;
}

bool postgres_is_indexed(const struct postgres *p, int64_t ts)
{
    return ts < p->words_ts;
}

static PGresult *ask(struct postgres *p, int statement, const struct pg_values *v)
{
    char name[16];
    snprintf(name, sizeof name, "l%d", statement);
    return link_ask_prepared(&p->link, name, v->n, v->value);
}

int postgres_words_know(struct postgres *p)
{
    struct pg_values none = {.n = 0};
    if (p->words_known)
        return 0;
    PGresult *res = ask(p, DO_WORDS_MARK, &none);
    if (res == NULL)
        return ERR_SYSTEM;
    p->words_ts = PQntuples(res) == 1 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    p->words_known = true;
    p->wordless = true;
    PQclear(res);
    return 0;
}

int postgres_words_of(struct postgres *p, const struct message *m, struct buf *to)
{
    struct term_list list = {.n = 0};
    int err = terms_of_content(p->terms, m->content, m->content_len, &list);
    terms_add_vector(&list, to);
    term_list_fini(&list);
    if (err != 0)
        snprintf(p->link.error, sizeof p->link.error, "words cannot be taken apart");
    return err;
}

/* ---- a step -------------------------------------------------------------------------------------- */

enum { UPTO, MORE, LOG, SEQ, CONTENT }; /* of WORDS_NEXT */

/* As an element of an array. */
static void add_quoted(struct buf *to, const char *text)
{
    buf_add_char(to, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_char(to, '\\');
        buf_add_char(to, *text);
    }
    buf_add_char(to, '"');
}

struct columns {
    struct buf log, seq, words; /* arrays */
};

static int fill(struct postgres *p, const PGresult *next, struct columns *to)
{
    struct term_list list = {.n = 0};
    struct buf vector = BUF_INIT;
    int err = 0;
    for (int i = 0; i < PQntuples(next) && err == 0; i++) {
        const char *separator = i == 0 ? "{" : ",";
        err = terms_of_content(p->terms, PQgetvalue(next, i, CONTENT),
                               (size_t)PQgetlength(next, i, CONTENT), &list);
        buf_clear(&vector);
        terms_add_vector(&list, &vector);
        buf_printf(&to->log, "%s%s", separator, PQgetvalue(next, i, LOG));
        buf_printf(&to->seq, "%s%s", separator, PQgetvalue(next, i, SEQ));
        buf_add_str(&to->words, separator);
        add_quoted(&to->words, vector.data);
    }
    buf_add_char(&to->log, '}');
    buf_add_char(&to->seq, '}');
    buf_add_char(&to->words, '}');
    term_list_fini(&list);
    buf_fini(&vector);
    return err;
}

/* It need not last: what is lost in a power cut is lost with its mark. */
static int add(struct postgres *p, const struct columns *c, const char *upto)
{
    struct pg_values v = {.n = 0};
    values_text(&v, c->log.data);
    values_text(&v, c->seq.data);
    values_text(&v, c->words.data);
    values_text(&v, upto);
    int err = link_run(&p->link, "BEGIN; SET LOCAL synchronous_commit = off");
    PGresult *res = err == 0 ? ask(p, DO_WORDS_ADD, &v) : NULL;
    PQclear(res);
    if (res != NULL)
        return link_run(&p->link, "COMMIT");
    struct link blamed = p->link; /* keeps the words */
    if (link_alive(&p->link))
        link_run(&p->link, "ROLLBACK");
    memcpy(p->link.error, blamed.error, sizeof blamed.error);
    return ERR_SYSTEM;
}

static int add_next(struct postgres *p, const PGresult *next)
{
    struct columns c = {BUF_INIT, BUF_INIT, BUF_INIT};
    int err = fill(p, next, &c);
    if (err == 0)
        err = add(p, &c, PQgetvalue(next, 0, UPTO));
    if (err == 0)
        p->words_ts = strtoll(PQgetvalue(next, 0, UPTO), NULL, 10);
    buf_fini(&c.log);
    buf_fini(&c.seq);
    buf_fini(&c.words);
    return err;
}

bool postgres_may_index(const struct db *db)
{
    const struct postgres *p = (const struct postgres *)db;
    return p->state == PG_READY && p->wordless;
}

int postgres_index(struct db *db, size_t *n, bool *more)
{
    struct postgres *p = postgres_of(db);
    struct pg_values v = {.n = 0};
    int err = postgres_words_know(p);
    values_number(&v, p->words_ts);
    values_number(&v, STEP);
    values_number(&v, STEP_BYTES);
    PGresult *next = err == 0 ? ask(p, DO_WORDS_NEXT, &v) : NULL;
    if (next == NULL)
        return postgres_failed(p);
    *n = (size_t)PQntuples(next);
    *more = *n > 0 && PQgetvalue(next, 0, MORE)[0] == 't';
    err = *n > 0 ? add_next(p, next) : 0;
    PQclear(next);
    if (err != 0)
        return postgres_failed(p);
    metric_add(METRIC_STORE_INDEXED, (int64_t)*n);
    p->wordless = *more;
    return 0;
}
