/* See upkeep.h. */
#include "store/upkeep.h"

#include "store/vault.h"

#include <hubbub/clock.h>
#include <hubbub/log.h>

enum {
    /* Between two looks at what there is to do, and between two steps of doing it. */
    LOOK_MS = 1000,
    STEP_MS = 2,
};

void upkeep_init(struct upkeep *u, struct vault *vault)
{
    *u = (struct upkeep){.vault = vault};
    pthread_mutex_init(&u->mu, NULL);
}

void upkeep_fini(struct upkeep *u)
{
    pthread_mutex_destroy(&u->mu);
}

void upkeep_set_retention(struct upkeep *u, const struct retention *r)
{
    pthread_mutex_lock(&u->mu);
    u->retention = *r;
    u->is_new = true;
    pthread_mutex_unlock(&u->mu);
}

static void look_at_retention(struct upkeep *u)
{
    pthread_mutex_lock(&u->mu);
    bool is_new = u->is_new;
    u->is_new = false;
    u->keep = u->retention;
    pthread_mutex_unlock(&u->mu);
    if (is_new)
        vault_set_retention(u->vault, &u->keep);
}

static void remove_some(struct upkeep *u, int64_t now)
{
    bool more = false;
    look_at_retention(u);
    int err = 0;
    if (vault_may_remove(u->vault, &u->keep, clock_wall_ms()))
        err = vault_remove(u->vault, &u->keep, clock_wall_ms(), &more);
    if (err != 0 && !u->cannot_remove)
        log_warn("store: what is too old or too much is not removed",
                 LOG_STR("error", vault_error(u->vault)));
    u->cannot_remove = err != 0;
    u->remove_at = now + (err == 0 && more ? STEP_MS : LOOK_MS) * NS_PER_MS;
}

/* What comes slowly makes few steps. */
static void index_some(struct upkeep *u, int64_t now)
{
    bool more = false;
    size_t n = 0;
    int64_t pause = LOOK_MS * NS_PER_MS;
    int err = vault_index(u->vault, &n, &more);
    if (err != 0 && !u->cannot_index)
        log_warn("store: what was said lately is not added to the index",
                 LOG_STR("error", vault_error(u->vault)));
    u->cannot_index = err != 0;
    if (err == 0 && more)
        pause = pace_pause(&u->pace, clock_now() - now, n, clock_now());
    u->index_at = clock_now() + pause;
}

int64_t upkeep_at(const struct upkeep *u)
{
    return u->remove_at < u->index_at ? u->remove_at : u->index_at;
}

void upkeep_run(struct upkeep *u)
{
    int64_t now = clock_now();
    if (now >= u->remove_at)
        remove_some(u, now);
    now = clock_now();
    if (now >= u->index_at)
        index_some(u, now);
}
