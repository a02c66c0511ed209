/* What somebody looks for, as people write it: words, all of which must be there, and "phrases" in quotes. Nothing else
 * means anything special. */
#ifndef HUBBUB_QUERY_H
#define HUBBUB_QUERY_H

#include <stdbool.h>
#include <stddef.h>

enum { QUERY_MAX = 200, QUERY_WORDS = QUERY_MAX };

struct query_word {
    const char *text; /* borrowed; without quotes */
    size_t len;
    bool open; /* the last one, perhaps not written to its end */
};

/* Takes it apart; at most QUERY_WORDS. Returns how many. */
size_t query_words(const char *query, struct query_word out[QUERY_WORDS]);

#endif
