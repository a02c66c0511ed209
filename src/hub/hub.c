/* The hub thread: takes what waits in the inbox, does it event by event, then sends what came of it.
 * It is woken once per batch, and wakes the writers once per batch. */
#include "hub/hub_private.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/hash.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 256,
    GATHER_ROUNDS = 16,
};
/* How often it is looked whether the disk, or somebody who fell behind, has caught up. */
#define LOOK_EVERY (50 * NS_PER_MS)

struct hub *hub_new(const struct hub_config *config)
{
    struct hub *h = xcalloc(1, sizeof *h);
    h->config = *config;
    h->settings = settings_copy(&config->settings);
    h->max_per_room = config->settings.max_per_room;
    h->next_announce = DEADLINE_NEVER;
    lookalike_init();
    lookalike_key(SERVER_NAME, h->server_key);
    h->directory = directory_new();
    directory_set_operators(h->directory, h->settings->operators, h->settings->noperators);
    h->books = books_new();
    h->pairs = pairs_new();
    repeats_init(&h->repeats);
    channel_init(&h->inbox, config->inbox);
    turns_init(&h->searches);
    h->run = hash_key();
    CDS_INIT_LIST_HEAD(&h->away);
    return h;
}

void hub_free(struct hub *h)
{
    REQUIRE(h->sessions == NULL);
    channel_fini(&h->inbox);
    turns_fini(&h->searches);
    directory_free(h->directory);
    settings_free(h->settings);
    books_free(h->books);
    pairs_free(h->pairs);
    free(h->banned);
    free(h->seen);
    buf_fini(&h->scratch);
    buf_fini(&h->tail);
    buf_fini(&h->past);
    buf_fini(&h->files);
    buf_fini(&h->mentions);
    end_uploads(h);
    repeats_fini(&h->repeats);
    free(h);
}

const struct directory *hub_directory(const struct hub *h)
{
    return h->directory;
}

uint32_t hub_max_per_room(const struct hub *h)
{
    return __atomic_load_n(&h->max_per_room, __ATOMIC_RELAXED);
}

/* ---- other threads ------------------------------------------------------------------------------- */

int hub_post(struct hub *h, struct event **e, int64_t deadline)
{
    int err = channel_send(&h->inbox, *e, deadline);
    if (err != 0)
        event_free(*e);
    *e = NULL;
    return err;
}

/* ---- the thread ---------------------------------------------------------------------------------- */

/* Refused before anything is done when it could not be kept. */
static bool changes_what_is_kept(enum request_type type)
{
    static const bool does[REQUEST_COUNT] = {
        [REQUEST_CREATE] = true, [REQUEST_UPDATE] = true,  [REQUEST_DESTROY] = true,
        [REQUEST_INVITE] = true, [REQUEST_ADD] = true,     [REQUEST_REMOVE] = true,
        [REQUEST_KICK] = true,   [REQUEST_BAN] = true,     [REQUEST_UNBAN] = true,
        [REQUEST_MUTE] = true,   [REQUEST_UNMUTE] = true,  [REQUEST_ROLE] = true,
        [REQUEST_UNDO] = true,   [REQUEST_DELETE] = true,  [REQUEST_MESSAGE] = true,
        [REQUEST_EDIT] = true,   [REQUEST_REACT] = true,   [REQUEST_DM] = true,
        [REQUEST_BLOCK] = true,  [REQUEST_UNBLOCK] = true,
    };
    return does[type];
}

static void on_request(struct hub *h, struct event *e)
{
    static void (*const handlers[REQUEST_COUNT])(struct hub *, struct event *) = {
        [REQUEST_JOIN] = on_join,       [REQUEST_LEAVE] = on_leave,
        [REQUEST_MESSAGE] = on_message, [REQUEST_TYPING] = on_typing,
        [REQUEST_DELETE] = on_delete,   [REQUEST_CREATE] = on_create,
        [REQUEST_UPDATE] = on_update,   [REQUEST_SETTINGS] = on_settings_request,
        [REQUEST_DESTROY] = on_destroy, [REQUEST_INVITE] = on_invite,
        [REQUEST_ADD] = on_add,         [REQUEST_REMOVE] = on_remove,
        [REQUEST_KICK] = on_kick,       [REQUEST_BAN] = on_ban,
        [REQUEST_UNBAN] = on_unban,     [REQUEST_MUTE] = on_mute,
        [REQUEST_UNMUTE] = on_unmute,   [REQUEST_ROLE] = on_role,
        [REQUEST_LEDGER] = on_ledger,   [REQUEST_UNDO] = on_undo,
        [REQUEST_WHY] = on_why,         [REQUEST_NOTICE] = on_notice,
        [REQUEST_DM] = on_dm,           [REQUEST_EDIT] = on_edit,
        [REQUEST_REACT] = on_react,     [REQUEST_HISTORY] = on_history,
        [REQUEST_SEARCH] = on_search,   [REQUEST_MENTIONS] = on_mentions,
        [REQUEST_MARK] = on_mark,       [REQUEST_MEMBERS] = on_members,
        [REQUEST_BLOCK] = on_block,     [REQUEST_UNBLOCK] = on_unblock,
        [REQUEST_BLOCKS] = on_blocks,   [REQUEST_CONVERSATIONS] = on_conversations,
    };
    INSIST(handlers[e->request.type] != NULL); /* the others their reader answers */
    if (e->session->barred || !passes_pair(h, e))
        return;
    if (changes_what_is_kept(e->request.type) && h->config.store != NULL &&
        store_full(h->config.store))
        refuse(h, e, PROBLEM_UNAVAILABLE, "the disk is behind, try again");
    else
        handlers[e->request.type](h, e);
}

static void on_call(struct hub *h, struct event *e)
{
    rcu_read_lock();
    e->session = directory_find_session(h->directory, e->session_id);
    rcu_read_unlock();                            /* the hub alone removes sessions */
    if (e->session == NULL || e->session->barred) /* that one is on its way out */
        refuse(h, e, PROBLEM_UNKNOWN_SESSION, NULL);
    else
        on_request(h, e);
}

static void on_fence(struct hub *h, struct event *e)
{
    (void)e;
    flush_rooms(h);
}

static void on_settings(struct hub *h, struct event *e)
{
    struct settings *old = h->settings;
    h->settings = e->settings;
    e->settings = old;
    __atomic_store_n(&h->max_per_room, h->settings->max_per_room, __ATOMIC_RELAXED);
    directory_set_operators(h->directory, h->settings->operators, h->settings->noperators);
    for (const struct session *s = h->sessions; s != NULL; s = s->next)
        for (const struct member *m = s->members; m != NULL; m = m->next)
            refresh_ranks(h, m->room, s->user_id); /* operators may have come and gone */
}

static void handle(struct hub *h, struct event *e)
{
    static void (*const handlers[EVENT_COUNT])(struct hub *, struct event *) = {
        [EVENT_REGISTER] = on_register, [EVENT_UNREGISTER] = on_unregister,
        [EVENT_REQUEST] = on_request,   [EVENT_CALL] = on_call,
        [EVENT_FENCE] = on_fence,       [EVENT_SETTINGS] = on_settings,
        [EVENT_DRAIN] = on_drain,       [EVENT_STORED] = on_stored,
        [EVENT_READ] = on_read,         [EVENT_ADMIT] = on_admit,
        [EVENT_UPLOADED] = on_uploaded,
    };
    handlers[e->type](h, e);
    if (e->errand != NULL)
        errand_done(e->errand);
    event_free(e);
}

/* Does what waits in the inbox; how many events that was, or an error of channel_recv(). */
static int do_batch(struct hub *h, int64_t deadline)
{
    struct event *batch[BATCH];
    int n = channel_recv(&h->inbox, (void **)batch, BATCH, deadline);
    for (int i = 0; i < n; i++)
        handle(h, batch[i]);
    if (n > 0)
        metric_add(METRIC_EVENTS, n);
    return n;
}

/* Before it wakes writers, the hub lets readers that are ready go first, as long as that brings more: a
 * write then carries several messages instead of one. With many small rooms this halves the cost of a
 * delivery; on an idle machine the call returns at once and nobody waits. */
static void gather(struct hub *h)
{
    int n = 0;
    for (int i = 0; i < GATHER_ROUNDS && n >= 0; i++) {
        sched_yield();
        n = do_batch(h, DEADLINE_NOW);
    }
}

void hub_main(void *arg)
{
    struct hub *h = arg;
    int n = 0;
    while (n != ERR_CLOSED) {
        int64_t wake_at = h->next_announce < marks_due(h) ? h->next_announce : marks_due(h);
        if (h->leaving != NULL && h->leaving->leave_at < wake_at)
            wake_at = h->leaving->leave_at;
        if ((h->lingering != NULL || h->paused != NULL) && clock_now() + LOOK_EVERY < wake_at)
            wake_at = clock_now() + LOOK_EVERY;
        n = do_batch(h, wake_at);
        if (n > 0) {
            gather(h);
            metric_add(METRIC_BATCHES, 1);
        }
        if (wake_at != DEADLINE_NEVER) {
            int64_t now = clock_now();
            announce_due(h, now);
            drain_due(h, now);
            tend_marks(h, now);
        }
        flush_log(h);
        flush_rooms(h);
        free_written(h);
        resume_members(h);
        relay_kick(h->config.relay);
    }
}
