/* What a database has of a user, of a name and of all rooms, asked beside a server: the questions are kept.c's, and the
 * same of both databases but for those that come with the source. The main thread of a command. */
#ifndef HUBBUB_STORE_KEPT_H
#define HUBBUB_STORE_KEPT_H

#include <hubbub/archive.h>

/* The columns of a row as text, NULL where there is nothing. 0 to go on. */
typedef int kept_row_fn(void *arg, const char *const *column);

struct kept_source {
    void *of;
    /* Calls fn for each row. Of one moment, from the first question to close(). 0, ERR_SYSTEM or what fn returned. */
    int (*ask)(void *of, const char *sql, const char *param, kept_row_fn *fn, void *arg);
    const char *(*error)(void *of); /* what went wrong last */
    void (*close)(void *of);

    const char *received;  /* how many reactions of others the messages of user $1 have */
    const char *mentioned; /* how often others mention user $1 */
    const char *logs;      /* room, first seq, its ts, last seq, its ts */
};

enum { KEPT_COLUMNS = 5 };

int postgres_kept_open(const char *url, struct kept_source *out, char *why, size_t space);

#endif
