/* What all databases are told in the same words. */
#ifndef HUBBUB_STORE_STATEMENTS_H
#define HUBBUB_STORE_STATEMENTS_H

#include <hubbub/store.h>

enum {
    RANK_GONE = RECORD_COUNT, /* RECORD_RANK with RANK_GUEST */
    MARK_GONE,                /* RECORD_MARK with seq 0 and since 0 */
    NWRITES,
};

/* What a record does, by its statement; NULL for those of what is said. */
extern const char *const WRITES[NWRITES];
int statement_of(const struct record *r); /* its number in WRITES */

struct load_query {
    enum record_type type;
    const char *query;
};
/* What is loaded, in this order, before what was said. Ends with a query of NULL. */
extern const struct load_query READS[];

/* What is not loaded, and goes. Ends with NULL. */
extern const char *const SWEEPS[];

const char *record_type_name(enum record_type type); /* "ROOM" */

#endif
