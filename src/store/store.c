/* The store's thread: takes what waits in its inbox, writes it in one transaction, tells whoever posted it. It
 * blocks on the disk and on nothing else; nobody waits for it.
 *
 * What cannot be written stays in `waiting`, in order and in front of what comes, until it can. When nothing
 * waits, it looks after the database (upkeep.c). */
#include "store/store_private.h"
#include "store/upkeep.h"
#include "store/vault.h"

#include <hubbub/channel.h>
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <hubbub/relay.h>
#include <hubbub/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STORE_STACK = 256 * 1024,
    STUCK_S = 10, /* a disk that takes longer for one commit is not well */
};

struct store {
    struct channel inbox;
    struct parker rest; /* WAKE_OWNER: it is time for a commit */
    size_t bytes;       /* atomic: what they take */
    uint32_t backlog;   /* atomic: changes posted and neither written nor refused */
    int64_t busy_since; /* atomic: when the present commit began; 0: none */
    uint64_t written;   /* atomic: see store_written() */

    pthread_mutex_t mu;
    /* under mu */
    bool unwell;
    char why[256];

    struct upkeep upkeep; /* the thread's, but for upkeep_set_retention() */

    /* set before the thread starts */
    int lock;
    int64_t commit_delay;
    struct thread *thread;
    store_done_fn *done;
    void *arg;
    struct vault *vault;  /* the thread's, but for reading; */
    pthread_mutex_t busy; /* while it uses it, for store_exec() */
    struct log_filter *filter;

    uint64_t posted; /* of the thread that posts: the number of the latest change */

    /* the thread's */
    int64_t retry_at, tend_at, write_at;
    const char *said; /* what was logged last of what is wrong */
    uint64_t latest;  /* number of the latest change that was received */
    size_t n;         /* in waiting */
    size_t told;      /* the first of them: copies of what was handed back as failed */
    struct change *waiting[STORE_BACKLOG + 1]; /* never full: there is always room to receive */
};

struct store *store_open(const char *directory, const char *url, char *why, size_t space)
{
    int lock = place_lock(directory, why, space);
    if (lock < 0)
        return NULL;
    struct vault *vault = vault_open(directory, url, why, space);
    struct log_filter *filter = filter_new();
    if (vault == NULL || vault_list_logs(vault, filter) != 0) {
        if (vault != NULL) {
            snprintf(why, space, "cannot read what is kept: %s", vault_error(vault));
            vault_close(vault);
        }
        filter_free(filter);
        close(lock);
        return NULL;
    }
    struct store *s = xcalloc(1, sizeof *s);
    s->lock = lock;
    s->vault = vault;
    s->filter = filter;
    pthread_mutex_init(&s->mu, NULL);
    pthread_mutex_init(&s->busy, NULL);
    upkeep_init(&s->upkeep, vault);
    channel_init(&s->inbox, STORE_BACKLOG);
    parker_init(&s->rest);
    return s;
}

void store_free(struct store *s)
{
    REQUIRE(s->n == 0);
    channel_fini(&s->inbox);
    pthread_mutex_destroy(&s->mu);
    pthread_mutex_destroy(&s->busy);
    upkeep_fini(&s->upkeep);
    vault_close(s->vault);
    filter_free(s->filter);
    close(s->lock); /* last: now another server may have the directory */
    free(s);
}

int store_load(struct store *s, uint32_t ledger, store_load_fn *fn, void *arg)
{
    REQUIRE(s->thread == NULL);
    int err = vault_load(s->vault, ledger, fn, arg);
    if (err != 0)
        log_error("store: cannot be read", LOG_STR("error", vault_error(s->vault)));
    return err;
}

void store_set_sync(struct store *s, bool full)
{
    REQUIRE(s->thread == NULL);
    if (vault_set_sync(s->vault, full) != 0)
        log_error("store: stays in step with the disk", LOG_STR("error", vault_error(s->vault)));
}

void store_set_commit_delay(struct store *s, int64_t ns)
{
    REQUIRE(s->thread == NULL);
    s->commit_delay = ns;
}

int store_exec(struct store *s, const char *sql)
{
    pthread_mutex_lock(&s->busy);
    int err = vault_exec(s->vault, sql);
    pthread_mutex_unlock(&s->busy);
    return err;
}

/* ---- other threads ------------------------------------------------------------------------------- */

static void enter_backlog(struct store *s, struct change *c)
{
    c->bytes = sizeof *c;
    for (const struct record *r = c->first; r != NULL; r = r->next) {
        c->bytes += record_size(r->type) + (r->message != NULL ? message_size(r->message) : 0);
        if (r->type == RECORD_EPOCH)
            filter_add(s->filter, r->room);
    }
    __atomic_fetch_add(&s->backlog, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&s->bytes, c->bytes, __ATOMIC_RELAXED);
    metric_add(METRIC_STORE_BACKLOG, 1);
}

static void leave_backlog(struct store *s, const struct change *c)
{
    __atomic_fetch_sub(&s->backlog, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&s->bytes, c->bytes, __ATOMIC_RELAXED);
    metric_add(METRIC_STORE_BACKLOG, -1);
}

bool store_full(const struct store *s)
{
    return __atomic_load_n(&s->backlog, __ATOMIC_RELAXED) > STORE_BACKLOG - STORE_SPARE ||
           __atomic_load_n(&s->bytes, __ATOMIC_RELAXED) >= STORE_BACKLOG_BYTES;
}

/* So many that no more are waited for. */
static bool is_crowded(const struct store *s)
{
    return __atomic_load_n(&s->backlog, __ATOMIC_RELAXED) >= STORE_BACKLOG / 4 ||
           __atomic_load_n(&s->bytes, __ATOMIC_RELAXED) >= STORE_BACKLOG_BYTES / 4;
}

int store_post(struct store *s, struct change **c)
{
    REQUIRE(s->done != NULL);
    if (__atomic_load_n(&s->backlog, __ATOMIC_RELAXED) >= STORE_BACKLOG)
        return ERR_FULL;
    bool awaited = (*c)->note != NULL || (*c)->urgent;
    enter_backlog(s, *c); /* first: it may be written before channel_send() returns */
    (*c)->number = s->posted + 1;
    int err = channel_send(&s->inbox, *c, DEADLINE_NOW);
    if (err == 0) {
        s->posted++;
        *c = NULL;
        if (awaited || is_crowded(s))
            parker_wake(&s->rest, WAKE_OWNER);
    } else {
        leave_backlog(s, *c);
    }
    return err;
}

uint64_t store_written(const struct store *s)
{
    return __atomic_load_n(&s->written, __ATOMIC_ACQUIRE);
}

int store_head(struct store *s, const char *room, struct log_head *out)
{
    if (filter_may_have(s->filter, room))
        return vault_head(s->vault, room, out);
    *out = (struct log_head){.exists = false};
    return 0;
}

int store_knows_position(struct store *s, const char *room, const char *epoch, uint64_t seq,
                         bool *out)
{
    return vault_know_position(s->vault, room, epoch, seq, out);
}

int store_read(struct store *s, const char *room, uint64_t from, uint64_t to,
               struct history_page *out)
{
    return vault_read(s->vault, room, from, to, out);
}

int store_search(struct store *s, const struct search *x, struct found_page *out)
{
    REQUIRE(x->limit >= 1 && x->limit <= SEARCH_MAX);
    return vault_search(s->vault, x, out);
}

int store_marks(struct store *s, const char *user_id, struct mark_page *out)
{
    return vault_marks(s->vault, user_id, out);
}

int store_mentions(struct store *s, const char *user_id, const struct found_place *after,
                   unsigned limit, struct found_page *out)
{
    REQUIRE(limit >= 1 && limit <= SEARCH_MAX);
    return vault_mentions(s->vault, user_id, after, limit, out);
}

int store_file(struct store *s, const char *id, struct file *out)
{
    return vault_file(s->vault, id, out);
}

int store_files_of(struct store *s, const char *user_id, uint64_t *bytes)
{
    return vault_files_of(s->vault, user_id, bytes);
}

void store_set_retention(struct store *s, const struct retention *r)
{
    upkeep_set_retention(&s->upkeep, r);
}

bool store_healthy(struct store *s, char *why, size_t space)
{
    pthread_mutex_lock(&s->mu);
    bool well = !s->unwell;
    if (!well)
        snprintf(why, space, "%s", s->why);
    pthread_mutex_unlock(&s->mu);

    int64_t since = __atomic_load_n(&s->busy_since, __ATOMIC_RELAXED);
    int64_t busy = since != 0 ? (clock_now() - since) / NS_PER_S : 0;
    if (well && busy >= STUCK_S) {
        snprintf(why, space, "the disk has not answered for %d s", (int)busy);
        well = false;
    }
    return well;
}

/* ---- the thread ---------------------------------------------------------------------------------- */

static const char FAILING[] = "store: changes cannot be written, trying on",
                  AWAY[] = "store: the database is away, changes wait on this disk";

static void set_unwell(struct store *s, const char *what)
{
    pthread_mutex_lock(&s->mu);
    bool first = !s->unwell || s->said != what;
    s->unwell = true;
    s->said = what;
    snprintf(s->why, sizeof s->why, "%s", vault_error(s->vault));
    pthread_mutex_unlock(&s->mu);
    if (first)
        log_error(what, LOG_STR("error", vault_error(s->vault)), LOG_INT("waiting", s->n));
}

static void set_well(struct store *s)
{
    if (s->unwell) { /* only this thread writes it */
        pthread_mutex_lock(&s->mu);
        s->unwell = false;
        pthread_mutex_unlock(&s->mu);
        log_info("store: changes are written again", LOG_INT("waited", s->told));
    }
}

/* What is on the local disk is safe, and yet not where it belongs. */
static void tell_health(struct store *s)
{
    if (vault_is_well(s->vault))
        set_well(s);
    else
        set_unwell(s, AWAY);
}

/* The first `told` have been handed back before. */
static void on_written(struct store *s)
{
    size_t n = s->n, told = s->told;
    /* Whoever is told, or sees that it is well, may look at these, and post. */
    uint64_t records = 0;
    for (size_t i = 0; i < n; i++) {
        records += s->waiting[i]->records;
        leave_backlog(s, s->waiting[i]);
    }
    metric_add(METRIC_STORE_CHANGES, (int64_t)n);
    metric_add(METRIC_STORE_COMMITS, 1);
    __atomic_store_n(&s->written, s->latest, __ATOMIC_RELEASE);
    tell_health(s);
    pace_wrote(&s->upkeep.pace, records, clock_now());
    s->n = s->told = 0;
    for (size_t i = 0; i < told; i++)
        change_free(s->waiting[i]);
    for (size_t i = told; i < n; i++)
        s->done(s->arg, s->waiting[i], 0);
}

static void on_failed(struct store *s)
{
    metric_add(METRIC_STORE_FAILURES, 1);
    set_unwell(s, FAILING);
    s->retry_at = clock_now() + NS_PER_S;
    for (; s->told < s->n; s->told++) {
        struct change *c = s->waiting[s->told];
        s->waiting[s->told] = change_copy(c);
        s->done(s->arg, c, ERR_SYSTEM);
    }
}

/* The database will never take this one; it must not hold up the others. */
static void on_refused(struct store *s, size_t at)
{
    struct change *c = s->waiting[at];
    bool told = at < s->told;
    log_error("store: a change makes no sense and is left out",
              LOG_STR("error", vault_error(s->vault)), LOG_STR("room", c->first->room));
    metric_add(METRIC_STORE_FAILURES, 1);
    leave_backlog(s, c);
    memmove(&s->waiting[at], &s->waiting[at + 1], (s->n - at - 1) * sizeof s->waiting[0]);
    s->n--;
    if (told) {
        s->told--;
        change_free(c);
    } else {
        s->done(s->arg, c, ERR_SYSTEM);
    }
}

/* One transaction. */
static int try_to_write(struct store *s, size_t *at)
{
    pthread_mutex_lock(&s->busy);
    int err = vault_write(s->vault, s->waiting, s->n, at);
    pthread_mutex_unlock(&s->busy);
    return err;
}

static bool nobody_waits(const struct store *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->waiting[i]->note != NULL || s->waiting[i]->urgent)
            return false;
    return true;
}

static void write_waiting(struct store *s)
{
    size_t at = 0;
    int err;
    int64_t now = clock_now();
    s->write_at = nobody_waits(s) ? now + s->commit_delay : 0;
    __atomic_store_n(&s->busy_since, now, __ATOMIC_RELAXED);
    while ((err = try_to_write(s, &at)) == ERR_INVALID)
        on_refused(s, at);
    __atomic_store_n(&s->busy_since, 0, __ATOMIC_RELAXED);
    if (err == 0)
        on_written(s);
    else
        on_failed(s);
}

/* A database that was away may be back. */
static void tend(struct store *s)
{
    s->tend_at = vault_tend(s->vault);
    if (s->told == 0)
        tell_health(s);
}

/* ---- the thread itself --------------------------------------------------------------------------- */

/* At the end. All that is left has been handed back. */
static void give_up(struct store *s)
{
    if (s->n > 0)
        log_error("store: changes are lost", LOG_INT("changes", s->n),
                  LOG_STR("error", vault_error(s->vault)));
    while (s->n > 0) {
        leave_backlog(s, s->waiting[--s->n]);
        change_free(s->waiting[s->n]);
    }
    s->told = 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int take(struct store *s, int64_t deadline)
{
    int got = channel_recv(&s->inbox, (void **)&s->waiting[s->n],
                           (uint32_t)(STORE_BACKLOG + 1 - s->n), deadline);
    if (got > 0) {
        s->n += (size_t)got;
        s->latest = s->waiting[s->n - 1]->number;
    }
    return got;
}

/* What there is to do besides writing. */
static void look_after(struct store *s)
{
    pthread_mutex_lock(&s->busy);
    tend(s);
    if (s->told == 0) /* a disk that is not well has other worries */
        upkeep_run(&s->upkeep);
    pthread_mutex_unlock(&s->busy);
}

/* More may come together with what nobody waits for. */
static void gather(struct store *s)
{
    while (s->told == 0 && clock_now() < s->write_at && !is_crowded(s) && nobody_waits(s)) {
        int64_t wake = earlier(s->write_at, earlier(s->tend_at, upkeep_at(&s->upkeep)));
        if (parker_wait(&s->rest, wake) != 0)
            break;
        look_after(s);
    }
    take(s, DEADLINE_NOW);
}

static void store_main(void *arg)
{
    struct store *s = arg;
    int got;
    do {
        got = take(s, earlier(s->tend_at, s->n > 0 ? s->retry_at : upkeep_at(&s->upkeep)));
        if (got > 0)
            gather(s);
        if (s->n > 0 && (got != ERR_TIMEOUT || clock_now() >= s->retry_at))
            write_waiting(s);
        look_after(s);
    } while (got != ERR_CLOSED);
    give_up(s);
}

int store_start(struct store *s, store_done_fn *done, void *arg)
{
    s->done = done;
    s->arg = arg;
    return thread_start(&s->thread, "store", STORE_STACK, store_main, s);
}

void store_stop(struct store *s)
{
    channel_close(&s->inbox);
    parker_wake(&s->rest, WAKE_STOP);
    if (s->thread != NULL) /* it never started */
        thread_join(s->thread);
    else if (s->done != NULL)
        store_main(s);
}
