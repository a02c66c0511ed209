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
    LOW_TRIES = 3,      /* alice-2, -3, -4 if they are free; */
    TRIES_IN_ORDER = 8, /* then what comes after the latest; then it is left to chance */
    SUFFIX_RANGE = 1000000,
    SUFFIX_ROOM = 8, /* for "-" and the digits */
};

/* The server speaks under this name, and a guest's id in place of a name would mean somebody else. */
static bool is_reserved(const struct hub *h, const char *name, const char *key)
{
    return text_is_guest_id(name) || strcmp(key, h->server_key) == 0;
}

/* Who has a name that a person would take for this one, folded or as it is written. */
static struct user *find_alike(const struct hub *h, const char *name, char *key, uint64_t *glance)
{
    lookalike_key(name, key);
    *glance = lookalike_glance(name);
    struct user *u = directory_find_key(h->directory, key);
    return u != NULL ? u : directory_find_glance(h->directory, *glance);
}

/* A free name like the wished one, its key and its glance. The hub alone gives names, so what is free now
 * stays free. */
static void find_name(struct hub *h, const char *wish, char *name, char *key, uint64_t *glance)
{
    text_copy(name, NAME_MAX_BYTES + 1, wish, strlen(wish));
    if (strncmp(name, ID_MARK, strlen(ID_MARK)) == 0)
        name[strlen(ID_MARK) - 1] = '-'; /* as it is, it would be read as an id */
    rcu_read_lock();
    struct user *holder = find_alike(h, name, key, glance);
    char base[NAME_MAX_BYTES + 1 - SUFFIX_ROOM];
    text_copy(base, sizeof base, name, strlen(name));
    bool taken = holder != NULL || is_reserved(h, name, key);
    for (uint32_t tries = 0; taken; tries++) {
        uint32_t suffix = 2 + tries;
        if (tries >= LOW_TRIES + (holder == NULL ? 0 : TRIES_IN_ORDER))
            INSIST(getrandom(&suffix, sizeof suffix, 0) == sizeof suffix);
        else if (tries >= LOW_TRIES)
            suffix = holder->next_suffix++;
        snprintf(name, NAME_MAX_BYTES + 1, "%s-%u", base, suffix % SUFFIX_RANGE);
        taken = find_alike(h, name, key, glance) != NULL;
    }
    rcu_read_unlock();
}

/* The user that the session is one of, made when it is the first. */
static void join_user(struct hub *h, struct session *s)
{
    rcu_read_lock();
    struct user *u = directory_find_user(h->directory, s->user_id);
    rcu_read_unlock(); /* the hub alone removes users */
    if (u == NULL) {
        char name[NAME_MAX_BYTES + 1], key[LOOKALIKE_MAX + 1];
        uint64_t glance;
        find_name(h, s->username, name, key, &glance);
        u = user_new(s->user_id, name, key);
        u->glance = glance;
        u->marks_known = s->stranger;
        user_add(u, s);
        directory_add_user(h->directory, u);
        metric_add(METRIC_USERS, 1);
    } else {
        user_add(u, s);
    }
}

static void leave_user(struct hub *h, struct session *s)
{
    note_seen(h, s);
    if (s->user->nsessions == 1) {
        leave_marks(h, s->user);
        directory_remove_user(h->directory, s->user);
        metric_add(METRIC_USERS, -1);
    }
    user_remove(s->user, s);
}

static void send_welcome(struct hub *h, const struct session *s)
{
    const struct welcome w = {
        .session = s->id,
        .user_id = s->user_id,
        .username = s->user->username,
        .node = h->config.node,
        .version = h->config.version,
        .max_message = h->config.max_message,
        .max_file = h->config.max_file,
        .max_rooms = h->settings->max_rooms_per_client,
        .max_per_room = h->settings->max_per_room,
        .send_queue = h->config.send_queue,
        .ping_interval_ms = h->config.ping_period / NS_PER_MS,
        .token = s->token,
        .guest = s->guest,
        .is_operator = directory_is_operator(h->directory, s->user_id),
        .token_expires_ms = s->expires_ms,
    };
    encode_welcome(scratch(h), &w);
    send_scratch(h, s->outbox);
}

void on_register(struct hub *h, struct event *e)
{
    struct session *s = e->session;
    REQUIRE(MAGIC_OK(s, SESSION_MAGIC));
    join_user(h, s);
    directory_add_session(h->directory, s);
    s->next = h->sessions;
    if (h->sessions != NULL)
        h->sessions->prev = s;
    h->sessions = s;
    h->nsessions++;
    metric_add(METRIC_SESSIONS, 1);
    if (is_barred(h, s))
        return;
    if (s->dialect == DIALECT_FULL)
        send_welcome(h, s);
    if (h->draining) /* it came in while the door was closing */
        outbox_close(s->outbox, GOING_AWAY, "the server is stopping");
}

void on_unregister(struct hub *h, struct event *e)
{
    struct session *s = e->session;
    REQUIRE(MAGIC_OK(s, SESSION_MAGIC));
    while (s->members != NULL)
        leave_room(h, s->members, NULL);
    directory_remove_session(h->directory, s);
    leave_user(h, s);
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
