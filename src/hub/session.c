/* Connections come and go. */
#include "hub/hub_private.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    TRIES_IN_ORDER = 8, /* alice-2, alice-3 … before it is left to chance */
    SUFFIX_RANGE = 1000000,
    SUFFIX_ROOM = 8, /* for "-" and the digits */
};

/* A free name like the wished one. The hub alone gives names, so what is free now stays free. */
static void make_name_unique(struct hub *h, struct session *s)
{
    rcu_read_lock();
    struct session *holder = directory_find_name(h->directory, s->username);
    char base[NAME_MAX_BYTES + 1 - SUFFIX_ROOM];
    text_copy(base, sizeof base, s->username, strlen(s->username));
    for (int tries = 0; holder != NULL; tries++) {
        uint32_t suffix = holder->next_suffix++;
        if (tries >= TRIES_IN_ORDER)
            INSIST(getrandom(&suffix, sizeof suffix, 0) == sizeof suffix);
        snprintf(s->username, sizeof s->username, "%s-%u", base, suffix % SUFFIX_RANGE);
        if (directory_find_name(h->directory, s->username) == NULL)
            break;
    }
    rcu_read_unlock();
}

static void send_welcome(struct hub *h, const struct session *s)
{
    const struct welcome w = {
        .session = s->id,
        .user_id = s->user_id,
        .username = s->username,
        .node = h->config.node,
        .version = h->config.version,
        .max_message = h->config.max_message,
        .max_rooms = h->settings.max_rooms_per_client,
        .max_per_room = h->settings.max_per_room,
        .send_queue = h->config.send_queue,
        .ping_interval_ms = h->config.ping_period / NS_PER_MS,
    };
    encode_welcome(scratch(h), &w);
    send_scratch(h, s->outbox);
}

void on_register(struct hub *h, struct event *e)
{
    struct session *s = e->session;
    REQUIRE(MAGIC_OK(s, SESSION_MAGIC));
    make_name_unique(h, s);
    directory_add_session(h->directory, s);
    s->next = h->sessions;
    if (h->sessions != NULL)
        h->sessions->prev = s;
    h->sessions = s;
    h->nsessions++;
    metric_add(METRIC_SESSIONS, 1);
    if (s->dialect == DIALECT_FULL)
        send_welcome(h, s);
    if (h->draining) /* it came in while the door was closing */
        outbox_close(s->outbox, GOING_AWAY, "the server is stopping");
}

void leave_room(struct hub *h, struct member *m)
{
    struct room *r = m->room;
    flush_room(h, r); /* what was said while it was in there is for it too */
    bool later = notice_leave_later(h, m);
    struct session *s = m->session;
    room_remove(m);
    if (r->count == 0)
        h->nrooms--;
    else if (!later)
        notice_leave(h, r, s);
    mark_dirty(h, r); /* it may be empty now */
    metric_add(METRIC_MEMBERS, -1);
    metric_add(METRIC_LEAVES, 1);
}

void on_unregister(struct hub *h, struct event *e)
{
    struct session *s = e->session;
    REQUIRE(MAGIC_OK(s, SESSION_MAGIC));
    while (s->members != NULL)
        leave_room(h, s->members);
    directory_remove_session(h->directory, s);
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        h->sessions = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    if (h->leaving == s)
        h->leaving = s->next;
    h->nsessions--;
    metric_add(METRIC_SESSIONS, -1);
    outbox_close(s->outbox, 1000, "bye");
    session_free_later(s); /* and with it, perhaps, the outbox */
}
