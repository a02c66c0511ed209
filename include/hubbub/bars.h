/* Who is banned, for threads other than the hub's. Immutable once published, by user id; made anew from the
 * books when a ban comes or goes. */
#ifndef HUBBUB_BARS_H
#define HUBBUB_BARS_H

#include <hubbub/books.h>
#include <hubbub/rcu.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bars {
    size_t n;
    struct rcu_head rcu;
    struct bar {
        int64_t until; /* ms since 1970; 0: without end */
        char user_id[NAME_MAX_BYTES + 1];
    } row[];
};

/* b may be NULL: nobody is. */
bool bars_has(const struct bars *b, const char *user_id, int64_t now_ms);
/* Replaces *b by what the books (may be NULL) say, and frees the old one after a grace period. */
void bars_refresh(struct bars **b, const struct books *books);
void bars_free_later(struct bars *b); /* may be NULL */

#endif
