/* The members of a record under the names of their columns, so that statements can say :room and rows can
 * be read whatever their order. Ranks, actions and the like are kept as words: the numbers of their tables
 * may change. Pure. */
#include "store/store_private.h"

#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <string.h>

enum member {
    NAME,   /* char[] */
    TEXT,   /* char *, owned */
    NUMBER, /* bool, 32 or 64 bits */
    WORD,   /* an enum with a table of words */
};

typedef const char *word_fn(unsigned value); /* NULL: beyond the table */

static const char *rank_word(unsigned v)
{
    return v < RANK_COUNT ? rank_name((enum rank)v) : NULL;
}

static const char *visibility_word(unsigned v)
{
    return v < VISIBILITY_COUNT ? visibility_name((enum visibility)v) : NULL;
}

static const char *action_word(unsigned v)
{
    return v < ACTION_COUNT ? action_name((enum action)v) : NULL;
}

#define FIELD(column, kind, member, word) \
    column, word, kind, offsetof(struct record, member), sizeof(((struct record *)NULL)->member)

static const struct field {
    const char *column;
    word_fn *word;
    enum member member;
    size_t offset, size;
} FIELDS[] = {
    {FIELD("room", NAME, room, NULL)},
    {FIELD("user_id", NAME, user_id, NULL)},
    {FIELD("username", NAME, username, NULL)},
    {FIELD("rank", WORD, rank, rank_word)},
    {FIELD("title", TEXT, title, NULL)},
    {FIELD("topic", TEXT, topic, NULL)},
    {FIELD("password", TEXT, password, NULL)},
    {FIELD("visibility", WORD, visibility, visibility_word)},
    {FIELD("max_users", NUMBER, max_users, NULL)},
    {FIELD("slow_mode", NUMBER, slow_mode, NULL)},
    {FIELD("hides_past", NUMBER, hides_past, NULL)},
    {FIELD("action", WORD, action, action_word)},
    {FIELD("by_name", NAME, by, NULL)},
    {FIELD("by_id", NAME, by_id, NULL)},
    {FIELD("by_rank", WORD, by_rank, rank_word)},
    {FIELD("reason", TEXT, reason, NULL)},
    {FIELD("ts", NUMBER, ts, NULL)},
    {FIELD("until", NUMBER, until, NULL)},
    {FIELD("entry", NUMBER, entry, NULL)},
    {FIELD("undone", NUMBER, undone, NULL)},
    {FIELD("code", NAME, code, NULL)},
    {FIELD("address", NAME, address, NULL)},
    {FIELD("epoch", NAME, epoch, NULL)},
    {FIELD("emoji", NAME, emoji, NULL)},
    {FIELD("seq", NUMBER, seq, NULL)},
    {FIELD("since", NUMBER, since, NULL)},
};

enum { NFIELDS = sizeof FIELDS / sizeof FIELDS[0] };

int field_count(void)
{
    return NFIELDS;
}

const char *field_column(int field)
{
    return FIELDS[field].column;
}

bool field_fits(int field, enum record_type type)
{
    return FIELDS[field].offset + FIELDS[field].size <= record_size(type);
}

int field_find(const char *column)
{
    for (int i = 0; i < NFIELDS; i++)
        if (strcmp(FIELDS[i].column, column) == 0)
            return i;
    return -1;
}

static struct field_value text_value(const char *text)
{
    INSIST(text != NULL);
    return (struct field_value){.kind = FIELD_TEXT, .text = text};
}

static struct field_value number_value(const void *p, size_t size)
{
    struct field_value v = {.kind = FIELD_NUMBER};
    switch (size) {
    case sizeof(bool): v.number = *(const bool *)p; break;
    case sizeof(uint32_t): v.number = *(const uint32_t *)p; break;
    default: v.number = *(const int64_t *)p;
    }
    return v;
}

struct field_value field_get(const struct record *r, int field)
{
    const struct field *f = &FIELDS[field];
    const void *p = (const char *)r + f->offset;
    switch (f->member) {
    case NAME: return text_value(p);
    case TEXT: return text_value(*(char *const *)p != NULL ? *(char *const *)p : "");
    case WORD: return text_value(f->word(*(const unsigned *)p));
    default: return number_value(p, f->size);
    }
}

static bool set_name(char *to, size_t space, const char *text)
{
    size_t n = strlen(text);
    if (n < space)
        memcpy(to, text, n + 1);
    return n < space;
}

static bool set_word(unsigned *to, word_fn *word, const char *text)
{
    const char *w;
    for (unsigned v = 0; (w = word(v)) != NULL; v++)
        if (strcmp(w, text) == 0) {
            *to = v;
            return true;
        }
    return false;
}

static bool set_number(void *to, size_t size, int64_t number)
{
    switch (size) {
    case sizeof(bool): *(bool *)to = number != 0; return true;
    case sizeof(uint32_t): *(uint32_t *)to = (uint32_t)number; return number == (uint32_t)number;
    default: *(int64_t *)to = number; return true;
    }
}

bool field_set(struct record *r, int field, const char *text, int64_t number)
{
    const struct field *f = &FIELDS[field];
    void *p = (char *)r + f->offset;
    switch (f->member) {
    case NAME: return set_name(p, f->size, text);
    case TEXT: *(char **)p = xstrdup(text); return true;
    case WORD: return set_word(p, f->word, text);
    default: return set_number(p, f->size, number);
    }
}
