/* The terms of a text: those that SQLite's index has, so that words are the same in every database. */
#ifndef HUBBUB_STORE_TERMS_H
#define HUBBUB_STORE_TERMS_H

#include <hubbub/buf.h>
#include <stdbool.h>
#include <stddef.h>

/* A tokeniser; one thread at a time. */
struct terms;

struct terms *terms_open(char *why, size_t space); /* NULL with `why` */
void terms_close(struct terms *t);                 /* NULL: nothing */

/* All zero: none. */
struct term_list {
    struct buf text;
    struct term {
        size_t at, len; /* in text */
    } * terms;
    size_t n, space;
};

void term_list_fini(struct term_list *l);

/* Of a message's content, which is JSON. What was in the list goes. 0 or ERR_SYSTEM. */
int terms_of_content(struct terms *t, const char *content, size_t len, struct term_list *out);

/* ---- a query ------------------------------------------------------------------------------------- */

/* Of <hubbub/query.h>: all phrases must be there, one term after the other, the last of it perhaps only begun. */
struct phrases {
    struct phrase {
        struct term_list terms; /* at least one */
        bool open;
    } * phrases;
    size_t n;
};

int phrases_of(struct terms *t, const char *query, struct phrases *out); /* 0 or ERR_SYSTEM */
void phrases_fini(struct phrases *p);
bool phrases_match(const struct phrases *p, const struct term_list *text);

/* ---- in PostgreSQL's words ----------------------------------------------------------------------- */

/* A tsvector and a tsquery, as text. A message of very many words is known by the first 16383 of them. */
void terms_add_vector(const struct term_list *l, struct buf *to);
void phrases_add_query(const struct phrases *p, struct buf *to);

#endif
