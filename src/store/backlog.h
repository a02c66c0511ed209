/* Changes that wait on the local disk until the database is there: a SQLite file, first in, first out. One thread. */
#ifndef HUBBUB_STORE_BACKLOG_H
#define HUBBUB_STORE_BACKLOG_H

#include <hubbub/store.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKLOG_FILE "backlog.db" /* in the data directory */

struct backlog;

/* Opens or makes the file. NULL with `why`. */
struct backlog *backlog_open(const char *path, char *why, size_t space);
void backlog_close(struct backlog *b);

/* False: what is added may be lost in a power cut. */
void backlog_set_sync(struct backlog *b, bool full);

/* Which database they wait for; "": none was named yet. Good until the next call of either. */
const char *backlog_origin(struct backlog *b);
int backlog_set_origin(struct backlog *b, const char *origin);

uint64_t backlog_count(const struct backlog *b); /* changes */

/* All or none, on the disk when this returns 0. Else ERR_SYSTEM. */
int backlog_add(struct backlog *b, struct change *const *changes, size_t n);

/* Copies of the oldest, at most `max` (>= 1) and about as many as one transaction should have; *last is for
 * backlog_remove(). Returns how many, 0: there are none, or ERR_SYSTEM. The caller frees them. */
int backlog_oldest(struct backlog *b, struct change **changes, size_t max, int64_t *last);
/* Those n, up to `last`. 0 or ERR_SYSTEM. */
int backlog_remove(struct backlog *b, int64_t last, size_t n);

const char *backlog_error(const struct backlog *b);

#endif
