/* Where changes go: into the database or, while that is away, onto the local disk, and from there into the database in
 * their order when it is back. One thread, but for what reads. */
#ifndef HUBBUB_STORE_VAULT_H
#define HUBBUB_STORE_VAULT_H

#include "store/store_private.h"

struct vault;

/* url NULL: SQLite in the directory. NULL with `why`. What a life before this left on the local disk is in the database
 * when it returns. */
struct vault *vault_open(const char *directory, const char *url, char *why, size_t space);
void vault_close(struct vault *v);

int vault_set_sync(struct vault *v, bool full);
int vault_load(struct vault *v, uint32_t ledger, store_load_fn *fn, void *arg);
int vault_list_logs(struct vault *v, struct log_filter *to);
/* All n changes are safe when it returns 0. As db_write() else. */
int vault_write(struct vault *v, struct change *const *changes, size_t n, size_t *at);
void vault_set_retention(struct vault *v, const struct retention *r);
bool vault_may_remove(const struct vault *v, const struct retention *r, int64_t now);
int vault_remove(struct vault *v, const struct retention *r, int64_t now, bool *more);
/* Adds some of what was said lately to the index of words. As db_index(). */
int vault_index(struct vault *v, size_t *n, bool *more);
int vault_exec(struct vault *v, const char *sql); /* for tests */

/* Looks whether the database is back, and carries over some of what waits. Returns when to call it again. */
int64_t vault_tend(struct vault *v);
/* The database is there and has everything. */
bool vault_is_well(const struct vault *v);
const char *vault_error(const struct vault *v);

/* Any thread. While something waits on the local disk reading fails: what is there is not the whole. */
int vault_head(struct vault *v, const char *room, struct log_head *out);
int vault_know_position(struct vault *v, const char *room, const char *epoch, uint64_t seq,
                        bool *out);
int vault_search(struct vault *v, const struct search *x, struct found_page *out);
int vault_read(struct vault *v, const char *room, uint64_t from, uint64_t to,
               struct history_page *out);

int vault_marks(struct vault *v, const char *user_id, struct mark_page *out);
int vault_mentions(struct vault *v, const char *user_id, const struct found_place *after,
                   unsigned limit, struct found_page *out);

/* See store_file() and what follows it. */
int vault_file(struct vault *v, const char *id, struct file *out);
int vault_files_of(struct vault *v, const char *user_id, uint64_t *bytes);

#endif
