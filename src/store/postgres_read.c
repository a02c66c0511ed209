/* Reading back what was said from PostgreSQL, and what is known of files and of users. Any thread, over a connection
 * that it is lent. */
#include "store/postgres_readers.h"

#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t number(const PGresult *res, int row, int column)
{
    return strtoull(PQgetvalue(res, row, column), NULL, 10);
}

int postgres_head(struct readers *p, const char *room, struct log_head *out)
{
    struct reader *r = reader_borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, room);
    PGresult *res = reader_ask(r, READ_HEAD, &v);
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
    reader_give_back(r);
    return res != NULL ? 0 : ERR_SYSTEM;
}

int postgres_know_position(struct readers *p, const char *room, const char *epoch, uint64_t seq,
                           bool *out)
{
    struct reader *r = reader_borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, room);
    values_text(&v, epoch);
    PGresult *res = reader_ask(r, READ_POSITION, &v);
    if (res != NULL)
        *out = PQntuples(res) > 0 && seq <= number(res, 0, 0);
    PQclear(res);
    reader_give_back(r);
    return res != NULL ? 0 : ERR_SYSTEM;
}

int postgres_file(struct readers *p, const char *id, struct file *out)
{
    struct reader *r = reader_borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, id);
    PGresult *res = reader_ask(r, READ_FILE, &v);
    int err = res != NULL ? 0 : ERR_SYSTEM;
    if (err == 0 && (PQntuples(res) == 0 || !postgres_file_of_row(res, 0, out)))
        err = ERR_NOTFOUND;
    PQclear(res);
    reader_give_back(r);
    return err;
}

int postgres_files_of(struct readers *p, const char *user_id, uint64_t *bytes)
{
    struct reader *r = reader_borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, user_id);
    PGresult *res = reader_ask(r, READ_FILES_OF, &v);
    if (res != NULL)
        *bytes = number(res, 0, 0);
    PQclear(res);
    reader_give_back(r);
    return res != NULL ? 0 : ERR_SYSTEM;
}

/* ---- of one user --------------------------------------------------------------------------------- */

int postgres_marks(struct readers *p, const char *user_id, struct mark_page *out)
{
    struct reader *r = reader_borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    struct pg_values v = {.n = 0};
    values_text(&v, user_id);
    values_number(&v, MARKS_MAX);
    PGresult *res = reader_ask(r, READ_MARKS, &v);
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
    reader_give_back(r);
    return res != NULL ? 0 : ERR_SYSTEM;
}

static int read_mentions(struct reader *r, const struct pg_values *v, struct found_page *page)
{
    PGresult *res = reader_ask(r, READ_MENTIONS, v);
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
    PGresult *res = reader_ask(r, READ_MENTION_REACTIONS, v);
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
    struct reader *r = reader_borrow(p);
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
    reader_give_back(r);
    if (err == 0)
        *out = page;
    else
        found_page_fini(&page);
    return err;
}

/* ---- a page -------------------------------------------------------------------------------------- */

static int read_messages(struct reader *r, const struct pg_values *v, struct history_page *page)
{
    PGresult *res = reader_ask(r, READ_MESSAGES, v);
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
    PGresult *res = reader_ask(r, READ_REACTIONS, v);
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
    PGresult *res = reader_ask(r, READ_FIRST, &v);
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
    struct reader *r = reader_borrow(p);
    if (r == NULL)
        return ERR_SYSTEM;
    /* All of it as it was at one moment. */
    int err = link_run(&r->link, MOMENT);
    if (err != 0 && !link_alive(&r->link) && (err = reader_reconnect(r)) == 0)
        err = link_run(&r->link, MOMENT);
    r->in_page = true;
    if (err == 0)
        err = read_page(r, room, from, to, &page);
    r->in_page = false;
    if (link_alive(&r->link))
        link_run(&r->link, err == 0 ? "COMMIT" : "ROLLBACK");
    reader_give_back(r);
    if (err == 0)
        *out = page;
    else
        history_page_fini(&page);
    return err;
}
