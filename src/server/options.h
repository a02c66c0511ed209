/*
 * The table of options: one row each, and what can be done with a row.
 *
 * Pure functions over constant data and the caller's struct config; any thread, never blocks.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hubbub/config.h>

enum option_type {
    OPTION_COUNT,  /* int */
    OPTION_SIZE,   /* size_t, bytes: 4096, 16K, 1M, 2G */
    OPTION_TIME,   /* int64_t, nanoseconds: 500ms, 54s, 2m, 1h, 30d; a bare number is seconds */
    OPTION_FLAG,   /* bool: --x, --no-x, or yes and no */
    OPTION_CHOICE, /* int, index into `choices` */
    OPTION_TEXT,   /* char *, NULL when empty */
    OPTION_LIST,   /* struct config_list, commas between */
    OPTION_ACTION  /* no value and no field: --help and its like, command line only */
};

/* What a row may refuse beyond its type: returns NULL, or why the value won't do. */
typedef const char *option_check(const char *value);

/* Writes what others may see of a value. Returns `to`. */
typedef char *option_show(const char *value, char *to, size_t space);

struct option_row {
    const char *name; /* "max-per-room" */
    enum option_type type;
    size_t field;        /* offset in struct config; for actions an enum config_outcome */
    const char *initial; /* default, as it would be typed; NULL = unset */
    int64_t min, max;    /* of COUNT, SIZE, TIME, in the field's unit */
    const char *choices; /* of CHOICE: "logfmt|json" */
    option_check *check; /* of TEXT and each item of LIST, or NULL */
    option_show *show;   /* of TEXT: what others may see of it; NULL: all */
    bool reloadable;
    bool for_disk;     /* of no use with --store memory */
    const char *group; /* heading in --help; rows of a group are adjacent */
    const char *value; /* placeholder in --help: "SECONDS" */
    const char *help;
};

/* Ends with a row whose name is NULL. */
extern const struct option_row options[];

/* The row called name[0..n), or NULL. */
const struct option_row *option_find(const char *name, size_t n);

/* The name most like name[0..n), or NULL when none is near. */
const char *option_suggest(const char *name, size_t n);

/*
 * Sets the row's field of *c from text. A list gets its items added, "" empties it.
 * Returns NULL, or what is wrong, written to why: "'x' is not a whole number". Then *c is unchanged.
 */
const char *option_set(const struct option_row *row, struct config *c, const char *text, char *why,
                       size_t whylen);

/* Writes the row's value as it could be typed; of a list only item i. Returns `to`. */
char *option_text(const struct option_row *row, const struct config *c, size_t i, char *to,
                  size_t space);

/* How many texts the row's value has: the length of a list, 0 for an unset text, 1 for all else. */
size_t option_texts(const struct option_row *row, const struct config *c);

/* Whether both have the same value. */
bool option_equal(const struct option_row *row, const struct config *a, const struct config *b);

/* Makes to's value a copy of from's. */
void option_copy(const struct option_row *row, struct config *to, const struct config *from);

/* Frees what the field owns and zeroes it. */
void option_clear(const struct option_row *row, struct config *c);

#endif
