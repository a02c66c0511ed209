/* The way in and out: from an upgraded connection to a session of the hub's. The token is checked here, on
 * the reader's thread, because that takes a while; and whoever may not come in is told so in a frame, which
 * a page can read, before the connection is closed. */
#include "client/client_private.h"

#include <hubbub/clock.h>
#include <hubbub/directory.h>
#include <hubbub/metrics.h>
#include <stdlib.h>
#include <string.h>

static void forget_token(struct client *c)
{
    if (c->token != NULL)
        explicit_bzero(c->token, strlen(c->token));
    free(c->token);
    c->token = NULL;
}

static enum problem identify(struct client *c, struct identity *who, const char **detail)
{
    struct identities *identities = c->all->config.identities;
    enum problem problem = PROBLEM_NONE;
    *detail = NULL;
    *who = (struct identity){.guest = true};
    if (c->token != NULL)
        problem = identities_check(identities, c->token, who, detail);
    else if (identities_mode(identities) == AUTH_TOKEN)
        problem = PROBLEM_NOT_AUTHENTICATED;
    else
        identity_new_guest(who);
    forget_token(c);
    return problem;
}

static const char *wished_name(const struct client *c, const struct identity *who)
{
    if (who->guest && c->username[0] != '\0')
        return c->username;
    if (who->username[0] != '\0')
        return who->username;
    return who->guest ? "anonymous" : who->user_id;
}

/* Counts it among the connections of its user and address. False: it was thrown out. */
static bool take_place(struct client *c, const struct identity *who, bool is_new)
{
    struct limits *l = c->all->limits;
    const char *address = c->local ? NULL : c->address;
    enum admission verdict = limits_enter(l, who->user_id, address, is_new, clock_now(), &c->visit);
    if (verdict != ADMITTED &&
        directory_is_operator(hub_directory(c->all->config.hub), who->user_id)) {
        limits_let_in(l, who->user_id, address, clock_now(), &c->visit);
        verdict = ADMITTED;
    }
    switch (verdict) {
    case ADMITTED: return true;
    case TURNED_AWAY:
        metric_add(METRIC_FLOOD_CLOSED, 1);
        throw_out(c, PROBLEM_RATE_LIMITED, "turned away for flooding", LIMITS_REFUSAL_S, FLOODING,
                  "flooding");
        return false;
    case TOO_MANY_OF_ADDRESS:
        metric_add(METRIC_LIMITED_ADDRESS, 1);
        throw_out(c, PROBLEM_RATE_LIMITED, "too many connections of this address", 0,
                  TOO_MANY_CONNECTIONS, "too many connections of this address");
        return false;
    case TOO_MANY_OF_USER:
        metric_add(METRIC_LIMITED_USER, 1);
        throw_out(c, PROBLEM_RATE_LIMITED, "too many connections of this user", 0,
                  TOO_MANY_CONNECTIONS, "too many connections of this user");
        return false;
    }
    return false;
}

/* Takes who->grants. */
static void make_session(struct client *c, struct identity *who, bool is_new)
{
    struct session *s = session_new(c->dialect, who->user_id, wished_name(c, who), &c->outbox);
    strcpy(s->address, c->address);
    s->local = c->local;
    s->guest = who->guest;
    s->stranger = is_new;
    s->expires_ms = who->expires_ms;
    s->grants = who->grants;
    if (who->guest && c->dialect == DIALECT_FULL)
        s->token = identities_guest_token(c->all->config.identities, s->user_id, s->username);
    s->released = client_unref;
    s->owner = c;
    __atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
    c->session = s;
}

/* The writer warns of the end, and the welcome comes before that. */
static void watch_expiry(struct client *c, int64_t expires_ms)
{
    if (expires_ms == 0)
        return;
    hub_fence(c->all->config.hub);
    __atomic_store_n(&c->expires_ms, expires_ms, __ATOMIC_RELEASE); /* the dialect, too */
    parker_wake(&c->parker, WAKE_STOP);
}

void client_enter(struct client *c)
{
    struct identity who;
    const char *detail;
    c->dialect =
        strcmp(conn_subprotocol(c->conn), "hubbub.v1") == 0 ? DIALECT_FULL : DIALECT_CLASSIC;
    bool is_new = c->token == NULL;
    enum problem problem = identify(c, &who, &detail);
    if (problem != PROBLEM_NONE) {
        metric_add(METRIC_AUTH_FAILED, 1);
        throw_out(c, problem, detail, 0, UNAUTHENTICATED, problem_code(problem));
        return;
    }
    if (!take_place(c, &who, is_new)) {
        free(who.grants);
        return;
    }
    make_session(c, &who, is_new);
    struct event *e = event_new(EVENT_REGISTER);
    e->session = c->session;
    hub_post(c->all->config.hub, &e, DEADLINE_NEVER);
    watch_expiry(c, who.expires_ms);
    enter_first_room(c);
}

/* The hub lets go of the session and closes the outbox, if nobody has yet, and with that the writer ends. */
void client_leave(struct client *c)
{
    if (c->session == NULL) /* it was not let in */
        return;
    struct event *e = event_new(EVENT_UNREGISTER);
    e->session = c->session;
    c->session = NULL;
    hub_post(c->all->config.hub, &e, DEADLINE_NEVER);
    limits_leave(c->all->limits, &c->visit);
}
