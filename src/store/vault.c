/* The database and, when it is one that may be away, the backlog in front of it.
 *
 * What is in the backlog is older than what comes, so as long as something is in it all goes there; and a change goes
 * from it when the database has it. A process that dies in between leaves changes that the database has already, and
 * they are written once more by the next: that does no harm, in their order. */
#include "store/vault.h"

#include "store/backlog.h"

#include <hubbub/buf.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CARRY = 1024,    /* changes of one transaction */
    AGAIN_MS = 1000, /* after the database has refused it */
};

struct vault {
    /* set once */
    const struct backend *on;
    struct db *db;
    struct readers *readers;
    struct searcher *searcher;
    struct backlog *backlog; /* NULL: it is never away */

    bool behind;     /* atomic: something is in the backlog */
    bool away;       /* atomic: nobody needs to try whether it can be read */
    uint64_t parked; /* atomic: how often something was put there */

    /* the thread's */
    int64_t carry_at, behind_since;
    uint64_t carried;
    char error[320];
};

static bool is_behind(const struct vault *v)
{
    return __atomic_load_n(&v->behind, __ATOMIC_ACQUIRE);
}

/* ---- from the local disk ------------------------------------------------------------------------- */

/* It has been confirmed, and the database will never take it. */
static void leave_out(struct vault *v, struct change **changes, int *n, size_t at)
{
    log_error("store: a change makes no sense and is left out",
              LOG_STR("error", v->on->error(v->db)), LOG_STR("room", changes[at]->first->room));
    change_free(changes[at]);
    *n -= 1;
    memmove(&changes[at], &changes[at + 1], ((size_t)*n - at) * sizeof changes[0]);
}

static int carry_these(struct vault *v, struct change **changes, int *n, int64_t last)
{
    size_t at = 0, all = (size_t)*n;
    int err;
    while ((err = v->on->write(v->db, changes, (size_t)*n, &at)) == ERR_INVALID)
        leave_out(v, changes, n, at);
    if (err != 0) {
        snprintf(v->error, sizeof v->error, "%s", v->on->error(v->db));
        return err;
    }
    if (backlog_remove(v->backlog, last, all) != 0) {
        snprintf(v->error, sizeof v->error, "%s", backlog_error(v->backlog));
        return ERR_SYSTEM;
    }
    v->carried += all;
    return 0;
}

/* Some of what waits. */
static int carry(struct vault *v)
{
    struct change *changes[CARRY];
    int64_t last;
    int err = 0, n = backlog_oldest(v->backlog, changes, CARRY, &last);
    if (n < 0) {
        snprintf(v->error, sizeof v->error, "%s", backlog_error(v->backlog));
        return n;
    }
    if (n > 0)
        err = carry_these(v, changes, &n, last);
    while (n > 0)
        change_free(changes[--n]);
    return err;
}

static void set_behind(struct vault *v)
{
    if (!v->behind) {
        v->behind_since = clock_now();
        v->carried = 0;
    }
    __atomic_fetch_add(&v->parked, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&v->behind, true, __ATOMIC_RELEASE);
}

static void caught_up(struct vault *v)
{
    __atomic_store_n(&v->behind, false, __ATOMIC_RELEASE);
    log_info("store: what waited is in the database", LOG_INT("changes", v->carried),
             LOG_INT("ms", (clock_now() - v->behind_since) / NS_PER_MS));
}

int64_t vault_tend(struct vault *v)
{
    if (v->on->tend == NULL)
        return INT64_MAX;
    int64_t next = v->on->tend(v->db), now = clock_now();
    __atomic_store_n(&v->away, !v->on->ready(v->db), __ATOMIC_RELAXED);
    if (!is_behind(v) || !v->on->ready(v->db))
        return next;
    if (now < v->carry_at)
        return v->carry_at < next ? v->carry_at : next;
    if (carry(v) != 0)
        v->carry_at = clock_now() + AGAIN_MS * NS_PER_MS;
    else if (backlog_count(v->backlog) == 0)
        caught_up(v);
    return v->carry_at < next ? v->carry_at : next;
}

/* ---- opening ------------------------------------------------------------------------------------- */

/* Before anything is loaded: what was confirmed is part of it. */
static bool carry_all(struct vault *v, const char *path, char *why, size_t space)
{
    uint64_t n = backlog_count(v->backlog);
    const char *of = backlog_origin(v->backlog), *id = v->on->id(v->db);
    if (n > 0 && strcmp(of, id) != 0) {
        snprintf(why, space,
                 "%s has %llu changes for another database than that of --store (use that once "
                 "more, or move the file away)",
                 path, (unsigned long long)n);
        return false;
    }
    if (n > 0)
        log_info("store: changes of a life before wait", LOG_INT("changes", n));
    while (backlog_count(v->backlog) > 0)
        if (carry(v) != 0) {
            snprintf(why, space, "cannot write what waits in %s: %s", path, v->error);
            return false;
        }
    if (backlog_set_origin(v->backlog, id) == 0)
        return true;
    snprintf(why, space, "cannot use %s: %s", path, backlog_error(v->backlog));
    return false;
}

static bool open_backlog(struct vault *v, const char *directory, char *why, size_t space)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/" BACKLOG_FILE, directory);
    v->backlog = backlog_open(path.data, why, space);
    bool good = v->backlog != NULL && carry_all(v, path.data, why, space);
    buf_fini(&path);
    return good;
}

static bool open_all(struct vault *v, const char *directory, const char *where, char *why,
                     size_t space)
{
    v->db = v->on->open(where, why, space);
    if (v->db == NULL)
        return false;
    if (v->on->tend != NULL && !open_backlog(v, directory, why, space))
        return false;
    v->readers = v->on->readers_open(where, why, space);
    if (v->readers != NULL)
        v->searcher = v->on->searcher_open(where, why, space);
    return v->searcher != NULL;
}

/* Before anything is loaded, too: what is in their directory and not known goes. */
static bool open_files(struct vault *v, const char *directory, char *why, size_t space)
{
    struct buf path = BUF_INIT;
    if (bytes_claim(directory, v->on->id != NULL ? v->on->id(v->db) : "", why, space) != 0)
        return false;
    buf_printf(&path, "%s/" FILES_DIRECTORY, directory);
    v->on->set_files(v->db, path.data);
    buf_fini(&path);
    return true;
}

struct vault *vault_open(const char *directory, const char *url, char *why, size_t space)
{
    struct vault *v = xcalloc(1, sizeof *v);
    struct buf file = BUF_INIT;
    buf_printf(&file, "%s/hubbub.db", directory);
    v->on = url != NULL ? &postgres_backend : &sqlite_backend;
    bool good = open_all(v, directory, url != NULL ? url : file.data, why, space);
    buf_fini(&file);
    if (good && open_files(v, directory, why, space))
        return v;
    vault_close(v);
    return NULL;
}

void vault_close(struct vault *v)
{
    if (v->searcher != NULL)
        v->on->searcher_close(v->searcher);
    if (v->readers != NULL)
        v->on->readers_close(v->readers);
    if (v->backlog != NULL) {
        if (is_behind(v))
            log_warn("store: changes wait on this disk for the next start",
                     LOG_INT("changes", backlog_count(v->backlog)));
        backlog_close(v->backlog);
    }
    if (v->db != NULL)
        v->on->close(v->db);
    free(v);
}

/* ---- the thread ---------------------------------------------------------------------------------- */

int vault_set_sync(struct vault *v, bool full)
{
    if (v->backlog != NULL)
        backlog_set_sync(v->backlog, full);
    return v->on->set_sync(v->db, full);
}

int vault_load(struct vault *v, uint32_t ledger, store_load_fn *fn, void *arg)
{
    return v->on->load(v->db, ledger, clock_wall_ms(), fn, arg);
}

int vault_list_logs(struct vault *v, struct log_filter *to)
{
    return v->on->list_logs(v->db, to);
}

int vault_write(struct vault *v, struct change *const *changes, size_t n, size_t *at)
{
    v->error[0] = '\0';
    int err = is_behind(v) ? ERR_SYSTEM : v->on->write(v->db, changes, n, at);
    if (err != ERR_SYSTEM || v->backlog == NULL)
        return err;
    snprintf(v->error, sizeof v->error, "%s", v->on->error(v->db));
    if ((err = backlog_add(v->backlog, changes, n)) == 0)
        set_behind(v);
    else
        snprintf(v->error, sizeof v->error, "%s, and the local disk: %s", v->on->error(v->db),
                 backlog_error(v->backlog));
    return err;
}

void vault_set_retention(struct vault *v, const struct retention *r)
{
    v->on->set_retention(v->db, r);
}

bool vault_may_remove(const struct vault *v, const struct retention *r, int64_t now)
{
    return !is_behind(v) && v->on->may_remove(v->db, r, now);
}

int vault_remove(struct vault *v, const struct retention *r, int64_t now, bool *more)
{
    return v->on->remove(v->db, r, now, more);
}

int vault_index(struct vault *v, size_t *n, bool *more)
{
    return v->on->may_index(v->db) ? v->on->index(v->db, n, more) : 0;
}

int vault_exec(struct vault *v, const char *sql)
{
    return v->on->exec(v->db, sql);
}

bool vault_is_well(const struct vault *v)
{
    return !is_behind(v) && (v->on->ready == NULL || v->on->ready(v->db));
}

const char *vault_error(const struct vault *v)
{
    return v->error[0] != '\0' ? v->error : v->on->error(v->db);
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* What is asked for is whole when nothing was parked from before the question until after the answer. */
static int begin(const struct vault *v, uint64_t *parked)
{
    *parked = __atomic_load_n(&v->parked, __ATOMIC_ACQUIRE);
    return is_behind(v) || __atomic_load_n(&v->away, __ATOMIC_RELAXED) ? ERR_SYSTEM : 0;
}

static bool is_whole(const struct vault *v, uint64_t parked)
{
    return __atomic_load_n(&v->parked, __ATOMIC_ACQUIRE) == parked;
}

int vault_head(struct vault *v, const char *room, struct log_head *out)
{
    uint64_t parked;
    struct log_head head;
    int err = begin(v, &parked);
    if (err == 0)
        err = v->on->head(v->readers, room, &head);
    if (err == 0 && !is_whole(v, parked))
        err = ERR_SYSTEM;
    if (err == 0)
        *out = head;
    return err;
}

int vault_know_position(struct vault *v, const char *room, const char *epoch, uint64_t seq,
                        bool *out)
{
    uint64_t parked;
    bool known = false;
    int err = begin(v, &parked);
    if (err == 0)
        err = v->on->know_position(v->readers, room, epoch, seq, &known);
    if (err == 0 && !is_whole(v, parked))
        err = ERR_SYSTEM;
    if (err == 0)
        *out = known;
    return err;
}

int vault_search(struct vault *v, const struct search *x, struct found_page *out)
{
    uint64_t parked;
    struct found_page page = {.n = 0};
    int err = begin(v, &parked);
    if (err == 0)
        err = v->on->search(v->searcher, x, &page);
    if (err == 0 && !is_whole(v, parked)) {
        found_page_fini(&page);
        err = ERR_SYSTEM;
    }
    if (err == 0)
        *out = page;
    return err;
}

int vault_read(struct vault *v, const char *room, uint64_t from, uint64_t to,
               struct history_page *out)
{
    uint64_t parked;
    struct history_page page = {.n = 0};
    int err = begin(v, &parked);
    if (err == 0)
        err = v->on->read(v->readers, room, from, to, &page);
    if (err == 0 && !is_whole(v, parked)) {
        history_page_fini(&page);
        err = ERR_SYSTEM;
    }
    if (err == 0)
        *out = page;
    return err;
}

int vault_marks(struct vault *v, const char *user_id, struct mark_page *out)
{
    uint64_t parked;
    int err = begin(v, &parked);
    return err != 0 ? err : v->on->marks(v->readers, user_id, out);
}

int vault_mentions(struct vault *v, const char *user_id, const struct found_place *after,
                   unsigned limit, struct found_page *out)
{
    uint64_t parked;
    struct found_page page = {.n = 0};
    int err = begin(v, &parked);
    if (err == 0)
        err = v->on->mentions(v->readers, user_id, after, limit, &page);
    if (err == 0 && !is_whole(v, parked)) {
        found_page_fini(&page);
        err = ERR_SYSTEM;
    }
    if (err == 0)
        *out = page;
    return err;
}

/* ---- files --------------------------------------------------------------------------------------- */

int vault_file(struct vault *v, const char *id, struct file *out)
{
    uint64_t parked;
    struct file f;
    int err = begin(v, &parked);
    if (err == 0)
        err = v->on->file(v->readers, id, &f);
    if ((err == 0 || err == ERR_NOTFOUND) && !is_whole(v, parked))
        err = ERR_SYSTEM;
    if (err == 0)
        *out = f;
    return err;
}

int vault_files_of(struct vault *v, const char *user_id, uint64_t *bytes)
{
    uint64_t parked;
    *bytes = 0;
    int err = begin(v, &parked);
    if (err == 0)
        err = v->on->files_of(v->readers, user_id, bytes);
    return err == 0 && !is_whole(v, parked) ? ERR_SYSTEM : err;
}
