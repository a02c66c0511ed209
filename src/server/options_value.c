/*
 * The values of options: from text, to text, compared, copied, freed. One switch over the type each.
 *
 * Pure functions over the caller's struct config; never blocks.
 */
#include "server/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <hubbub/check.h>
#include <hubbub/mem.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: printing takes the first that divides the value. */
static const struct unit time_units[] = {{"d", INT64_C(86400000000000)},
                                         {"h", INT64_C(3600000000000)},
                                         {"m", INT64_C(60000000000)},
                                         {"s", 1000000000},
                                         {"ms", 1000000},
                                         {"us", 1000},
                                         {"ns", 1},
                                         {NULL, 0}};
static const struct unit size_units[] = {
    {"G", 1073741824}, {"M", 1048576}, {"K", 1024}, {"", 1}, {NULL, 0}};
static const struct unit count_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(const struct option_row *row)
{
    return row->type == OPTION_TIME   ? time_units
           : row->type == OPTION_SIZE ? size_units
                                      : count_units;
}

/* ---- fields, by type ----------------------------------------------------------------------------- */

/* Table and struct config agree on the types: the unit test of options proves it by every row. */
#define FIELD(type, row, c) (*(type *)(void *)((char *)(c) + (row)->field))
#define CONST_FIELD(type, row, c) (*(type const *)(const void *)((const char *)(c) + (row)->field))

static int64_t get_number(const struct option_row *row, const struct config *c)
{
    switch (row->type) {
    case OPTION_TIME: return CONST_FIELD(int64_t, row, c);
    case OPTION_SIZE: return (int64_t)CONST_FIELD(size_t, row, c);
    case OPTION_FLAG: return CONST_FIELD(bool, row, c);
    default: return CONST_FIELD(int, row, c);
    }
}

static void set_number(const struct option_row *row, struct config *c, int64_t v)
{
    switch (row->type) {
    case OPTION_TIME: FIELD(int64_t, row, c) = v; break;
    case OPTION_SIZE: FIELD(size_t, row, c) = (size_t)v; break;
    case OPTION_FLAG: FIELD(bool, row, c) = v != 0; break;
    default: FIELD(int, row, c) = (int)v;
    }
}

/* ---- numbers ------------------------------------------------------------------------------------- */

static void print_number(const struct option_row *row, int64_t v, char *to, size_t space)
{
    const struct unit *u = units_of(row);
    if (v == 0) { // 0h would be silly
        snprintf(to, space, "0");
        return;
    }
    while (v % u->factor != 0)
        u++;
    snprintf(to, space, "%" PRId64 "%s", v / u->factor, u->name);
}

static const char *set_quantity(const struct option_row *row, struct config *c, const char *text,
                                char *why, size_t whylen)
{
    char *end;
    errno = 0;
    int64_t v = strtoll(text, &end, 10), factor = 0;
    bool number = end != text && text[0] != ' ' && text[0] != '+';
    const char *unit = *end == '\0' && row->type == OPTION_TIME ? "s" : end;
    for (const struct unit *u = units_of(row); u->name != NULL; u++)
        if (number && strcasecmp(unit, u->name) == 0)
            factor = u->factor;
    if (factor == 0) {
        snprintf(why, whylen, "'%s' is not %s", text,
                 row->type == OPTION_TIME   ? "a time, as in 500ms, 54s, 2m, 1h or 30d"
                 : row->type == OPTION_SIZE ? "a size, as in 4096, 16K or 1M"
                                            : "a whole number");
        return why;
    }
    if (errno == ERANGE || __builtin_mul_overflow(v, factor, &v) || v < row->min || v > row->max) {
        char lo[32], hi[32];
        print_number(row, row->min, lo, sizeof(lo));
        print_number(row, row->max, hi, sizeof(hi));
        snprintf(why, whylen, "%s is out of range, want %s to %s", text, lo, hi);
        return why;
    }
    set_number(row, c, v);
    return NULL;
}

static const char *set_flag(const struct option_row *row, struct config *c, const char *text,
                            char *why, size_t whylen)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            set_number(row, c, i % 2);
            return NULL;
        }
    }
    snprintf(why, whylen, "'%s' is neither yes nor no", text);
    return why;
}

/* Finds item i of "a|b|c"; returns its length, 0 past the end. */
static size_t choice_at(const char *choices, int64_t i, const char **start)
{
    while (i-- > 0) {
        choices = strchr(choices, '|');
        if (choices == NULL)
            return 0;
        choices++;
    }
    *start = choices;
    return strcspn(choices, "|");
}

static const char *set_choice(const struct option_row *row, struct config *c, const char *text,
                              char *why, size_t whylen)
{
    const char *word;
    size_t n;
    for (int64_t i = 0; (n = choice_at(row->choices, i, &word)) > 0; i++) {
        if (n == strlen(text) && strncasecmp(word, text, n) == 0) {
            set_number(row, c, i);
            return NULL;
        }
    }
    snprintf(why, whylen, "'%s' is not one of %s", text, row->choices);
    return why;
}

/* ---- texts and lists ----------------------------------------------------------------------------- */

/* Refuses what an ini file could not carry back, and what the row's own check refuses. */
static const char *check_text(const struct option_row *row, const char *text, char *why,
                              size_t whylen)
{
    const char *wrong = row->check != NULL ? row->check(text) : NULL;
    for (const char *p = text; *p != '\0' && wrong == NULL; p++) {
        if ((unsigned char)*p < ' ' || *p == 127)
            wrong = "control characters are not allowed";
        else if (p[0] == ' ' && (p == text || p[1] == '\0' || p[1] == ';'))
            wrong = "no spaces at the ends, and none before a ';'";
    }
    if (wrong == NULL)
        return NULL;
    char shown[256];
    snprintf(why, whylen, "'%s': %s",
             row->show != NULL ? row->show(text, shown, sizeof(shown)) : text, wrong);
    return why;
}

static const char *set_text(const struct option_row *row, struct config *c, const char *text,
                            char *why, size_t whylen)
{
    if (check_text(row, text, why, whylen) != NULL)
        return why;
    char *copy = text[0] != '\0' ? xstrdup(text) : NULL; // before the clear: text may be the field
    option_clear(row, c);
    FIELD(char *, row, c) = copy;
    return NULL;
}

static void list_add(struct config_list *list, const char *item)
{
    list->item = xrealloc(list->item, (list->n + 1) * sizeof(*list->item));
    list->item[list->n++] = xstrdup(item);
}

static void list_clear(struct config_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->item[i]);
    free(list->item);
    *list = (struct config_list){0, NULL};
}

static const char *set_list(const struct option_row *row, struct config *c, const char *text,
                            char *why, size_t whylen)
{
    struct config_list added = {0, NULL};
    char *copy = xstrdup(text), *rest = copy, *item;

    why[0] = '\0';
    while ((item = strsep(&rest, ",")) != NULL && why[0] == '\0') {
        item += strspn(item, " ");
        for (size_t n = strlen(item); n > 0 && item[n - 1] == ' ';)
            item[--n] = '\0';
        if (item[0] != '\0' && check_text(row, item, why, whylen) == NULL)
            list_add(&added, item);
    }
    free(copy);
    if (why[0] == '\0') {
        struct config_list *list = &FIELD(struct config_list, row, c);
        if (added.n == 0)
            list_clear(list);
        for (size_t i = 0; i < added.n; i++)
            list_add(list, added.item[i]);
    }
    list_clear(&added);
    return why[0] == '\0' ? NULL : why;
}

/* ---- what the table's users call ----------------------------------------------------------------- */

const char *option_set(const struct option_row *row, struct config *c, const char *text, char *why,
                       size_t whylen)
{
    switch (row->type) {
    case OPTION_COUNT:
    case OPTION_SIZE:
    case OPTION_TIME: return set_quantity(row, c, text, why, whylen);
    case OPTION_FLAG: return set_flag(row, c, text, why, whylen);
    case OPTION_CHOICE: return set_choice(row, c, text, why, whylen);
    case OPTION_TEXT: return set_text(row, c, text, why, whylen);
    case OPTION_LIST: return set_list(row, c, text, why, whylen);
    case OPTION_ACTION: break;
    }
    REQUIRE(!"an action has no value");
    return NULL;
}

size_t option_texts(const struct option_row *row, const struct config *c)
{
    switch (row->type) {
    case OPTION_LIST: return CONST_FIELD(struct config_list, row, c).n;
    case OPTION_TEXT: return CONST_FIELD(char *, row, c) != NULL;
    case OPTION_ACTION: return 0;
    default: return 1;
    }
}

char *option_text(const struct option_row *row, const struct config *c, size_t i, char *to,
                  size_t space)
{
    REQUIRE(i < option_texts(row, c));
    const char *word = "";
    switch (row->type) {
    case OPTION_LIST:
        snprintf(to, space, "%s", CONST_FIELD(struct config_list, row, c).item[i]);
        break;
    case OPTION_TEXT:
        if (row->show != NULL)
            return row->show(CONST_FIELD(char *, row, c), to, space);
        snprintf(to, space, "%s", CONST_FIELD(char *, row, c));
        break;
    case OPTION_FLAG: snprintf(to, space, "%s", get_number(row, c) ? "yes" : "no"); break;
    case OPTION_CHOICE: {
        int n = (int)choice_at(row->choices, get_number(row, c), &word);
        snprintf(to, space, "%.*s", n, word);
        break;
    }
    default: print_number(row, get_number(row, c), to, space);
    }
    return to;
}

static bool list_equal(const struct config_list *a, const struct config_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->item[i], b->item[i]) != 0)
            return false;
    return true;
}

bool option_equal(const struct option_row *row, const struct config *a, const struct config *b)
{
    switch (row->type) {
    case OPTION_LIST:
        return list_equal(&CONST_FIELD(struct config_list, row, a),
                          &CONST_FIELD(struct config_list, row, b));
    case OPTION_TEXT: {
        const char *s = CONST_FIELD(char *, row, a), *t = CONST_FIELD(char *, row, b);
        return s == NULL || t == NULL ? s == t : strcmp(s, t) == 0;
    }
    case OPTION_ACTION: return true;
    default: return get_number(row, a) == get_number(row, b);
    }
}

void option_copy(const struct option_row *row, struct config *to, const struct config *from)
{
    if (row->type == OPTION_ACTION)
        return;
    option_clear(row, to);
    if (row->type == OPTION_LIST) {
        const struct config_list *list = &CONST_FIELD(struct config_list, row, from);
        for (size_t i = 0; i < list->n; i++)
            list_add(&FIELD(struct config_list, row, to), list->item[i]);
    } else if (row->type == OPTION_TEXT) {
        const char *text = CONST_FIELD(char *, row, from);
        FIELD(char *, row, to) = text != NULL ? xstrdup(text) : NULL;
    } else {
        set_number(row, to, get_number(row, from));
    }
}

void option_clear(const struct option_row *row, struct config *c)
{
    if (row->type == OPTION_LIST) {
        list_clear(&FIELD(struct config_list, row, c));
    } else if (row->type == OPTION_TEXT) {
        free(FIELD(char *, row, c));
        FIELD(char *, row, c) = NULL;
    } else if (row->type != OPTION_ACTION) {
        set_number(row, c, 0);
    }
}
