/* The terms of a text, by the tokeniser of SQLite's FTS5 on a database in memory, which holds nothing. Any thread, one
 * at a time for each; never blocks. */
#include "store/terms.h"

#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/query.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Of a tsvector: where positions end, what one lexeme and all of them may take. */
    MOST_POSITIONS = 16383,
    MOST_LEXEME = 2000,
    MOST_BYTES = 700 * 1000,
};

struct terms {
    sqlite3 *sql;
    sqlite3_stmt *plain; /* of JSON */
    fts5_tokenizer module;
    Fts5Tokenizer *tokenizer;
};

/* ---- the tokeniser ------------------------------------------------------------------------------- */

static int find_module(struct terms *t)
{
    static const char *options[] = {"remove_diacritics", "2"}; /* as in schema.c */
    fts5_api *api = NULL;
    void *data = NULL;
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(t->sql, "SELECT fts5(?1)", -1, &st, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr", NULL);
    if (code == SQLITE_OK)
        sqlite3_step(st);
    sqlite3_finalize(st);
    if (code != SQLITE_OK || api == NULL)
        return SQLITE_ERROR;
    code = api->xFindTokenizer(api, "unicode61", &data, &t->module);
    return code != SQLITE_OK ? code : t->module.xCreate(data, options, 2, &t->tokenizer);
}

struct terms *terms_open(char *why, size_t space)
{
    struct terms *t = xcalloc(1, sizeof *t);
    int code =
        sqlite3_open_v2(":memory:", &t->sql,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(t->sql, "SELECT json_extract(?1, '$') WHERE json_valid(?1)", -1,
                                  &t->plain, NULL);
    if (code == SQLITE_OK)
        code = find_module(t);
    if (code == SQLITE_OK)
        return t;
    snprintf(why, space, "cannot take words apart: %s", sqlite3_errmsg(t->sql));
    terms_close(t);
    return NULL;
}

void terms_close(struct terms *t)
{
    if (t == NULL)
        return;
    if (t->tokenizer != NULL)
        t->module.xDelete(t->tokenizer);
    sqlite3_finalize(t->plain);
    INSIST(sqlite3_close(t->sql) == SQLITE_OK);
    free(t);
}

void term_list_fini(struct term_list *l)
{
    buf_fini(&l->text);
    free(l->terms);
    *l = (struct term_list){.n = 0};
}

static int add_term(void *arg, int flags, const char *text, int len, int start, int end)
{
    struct term_list *l = arg;
    (void)flags;
    (void)start;
    (void)end;
    if (l->n == l->space) {
        l->space = l->space == 0 ? 16 : 2 * l->space;
        l->terms = xrealloc(l->terms, l->space * sizeof l->terms[0]);
    }
    l->terms[l->n++] = (struct term){l->text.len, (size_t)len};
    buf_add(&l->text, text, (size_t)len);
    return SQLITE_OK;
}

static int terms_of_text(struct terms *t, const char *text, size_t len, struct term_list *out)
{
    out->n = 0;
    buf_clear(&out->text);
    int code =
        t->module.xTokenize(t->tokenizer, out, FTS5_TOKENIZE_DOCUMENT, text, (int)len, add_term);
    return code == SQLITE_OK ? 0 : ERR_SYSTEM;
}

int terms_of_content(struct terms *t, const char *content, size_t len, struct term_list *out)
{
    int err = 0;
    out->n = 0;
    buf_clear(&out->text);
    sqlite3_bind_text64(t->plain, 1, content, len, SQLITE_STATIC, SQLITE_UTF8);
    if (sqlite3_step(t->plain) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(t->plain, 0);
        if (text != NULL)
            err = terms_of_text(t, text, (size_t)sqlite3_column_bytes(t->plain, 0), out);
    }
    sqlite3_reset(t->plain);
    sqlite3_clear_bindings(t->plain);
    return err;
}

/* ---- a query ------------------------------------------------------------------------------------- */

void phrases_fini(struct phrases *p)
{
    for (size_t i = 0; i < p->n; i++)
        term_list_fini(&p->phrases[i].terms);
    free(p->phrases);
    *p = (struct phrases){.n = 0};
}

int phrases_of(struct terms *t, const char *query, struct phrases *out)
{
    struct query_word words[QUERY_WORDS];
    size_t n = query_words(query, words);
    int err = 0;
    *out = (struct phrases){.phrases = xcalloc(n + 1, sizeof out->phrases[0])};
    for (size_t i = 0; i < n && err == 0; i++) {
        struct phrase *p = &out->phrases[out->n];
        p->open = words[i].open;
        err = terms_of_text(t, words[i].text, words[i].len, &p->terms);
        if (p->terms.n > 0)
            out->n++;
        else
            term_list_fini(&p->terms); /* punctuation alone asks for nothing */
    }
    if (err != 0)
        phrases_fini(out);
    return err;
}

static bool is_at(const struct phrase *p, const struct term_list *text, size_t at)
{
    for (size_t i = 0; i < p->terms.n; i++) {
        const struct term *want = &p->terms.terms[i], *got = &text->terms[at + i];
        bool begun = p->open && i + 1 == p->terms.n;
        if ((begun ? got->len < want->len : got->len != want->len) ||
            memcmp(text->text.data + got->at, p->terms.text.data + want->at, want->len) != 0)
            return false;
    }
    return true;
}

bool phrases_match(const struct phrases *p, const struct term_list *text)
{
    for (size_t i = 0; i < p->n; i++) {
        bool found = false;
        for (size_t at = 0; !found && at + p->phrases[i].terms.n <= text->n; at++)
            found = is_at(&p->phrases[i], text, at);
        if (!found)
            return false;
    }
    return p->n > 0;
}

/* ---- in PostgreSQL's words ----------------------------------------------------------------------- */

/* In quotes, cut between two characters. */
static void add_lexeme(struct buf *to, const char *text, size_t len)
{
    if (len > MOST_LEXEME)
        for (len = MOST_LEXEME; len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80;)
            len--;
    buf_add_char(to, '\'');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'' || text[i] == '\\')
            buf_add_char(to, text[i]);
        buf_add_char(to, text[i]);
    }
    buf_add_char(to, '\'');
}

void terms_add_vector(const struct term_list *l, struct buf *to)
{
    size_t begun = to->len;
    buf_reserve(to, 0); /* none is "", too */
    for (size_t i = 0; i < l->n && i < MOST_POSITIONS && to->len - begun < MOST_BYTES; i++) {
        add_lexeme(to, l->text.data + l->terms[i].at, l->terms[i].len);
        buf_add_char(to, ':');
        buf_add_int(to, (int64_t)i + 1);
        buf_add_char(to, ' ');
    }
}

void phrases_add_query(const struct phrases *p, struct buf *to)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct term_list *l = &p->phrases[i].terms;
        buf_add_str(to, i == 0 ? "(" : " & (");
        for (size_t k = 0; k < l->n; k++) {
            buf_add_str(to, k == 0 ? "" : " <-> ");
            add_lexeme(to, l->text.data + l->terms[k].at, l->terms[k].len);
        }
        buf_add_str(to, p->phrases[i].open ? ":*)" : ")");
    }
}
