/* An export between the files that share it: export.c asks SQLite and shows what is found, postgres_archive.c asks
 * PostgreSQL. The main thread of a command. */
#ifndef HUBBUB_STORE_EXPORT_H
#define HUBBUB_STORE_EXPORT_H

#include <hubbub/archive.h>

enum { EXPORT_PAGE = 300 };

/* A stretch of a log. */
struct page {
    struct message *messages[EXPORT_PAGE];
    size_t n;
    struct noted {
        struct archived_reaction reaction; /* strings owned */
        uint64_t seq;
    } * reactions;
    size_t nreactions, space;
};

void page_add_message(struct page *p, struct message *m); /* takes it; NULL: nothing */
void page_add_reaction(struct page *p, uint64_t seq, const char *emoji, const char *user_id);

struct export_source {
    void *of;
    /* The next messages after seq, EXPORT_PAGE at most, with all their reactions, as they are at one moment. *log: the
     * room's, 0 when there is none; if it isn't 0 before, that one only. 0 or ERR_SYSTEM. */
    int (*read_page)(void *of, const char *room, int64_t *log, uint64_t seq, struct page *p);
    const char *(*error)(void *of); /* what went wrong last */
};

int export_all(const struct export_source *from, const char *room, archive_fn *fn, void *arg,
               char *why, size_t space);

#endif
