/* What a client says: decoded here, on its own reader's thread, and charged against its limits. What changes
 * anything goes to the hub, the rest is answered on the spot. */
#include "client/client_private.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/hub.h>
#include <hubbub/listing.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct directory *directory(const struct client *c)
{
    return hub_directory(c->all->config.hub);
}

/* ---- limits -------------------------------------------------------------------------------------- */

#define X(wire, name, hub, rate) [REQUEST_##name] = RATE_##rate,
static const enum rate RATES[] = {REQUEST_TABLE(X)};
#undef X
#define X(name, text) [RATE_##name] = METRIC_LIMITED_##name,
static const enum metric METRICS[] = {RATE_TABLE(X)};
#undef X

/* Who moderates a kept room may talk as much as it takes, and operators may do anything. */
static bool is_exempt(const struct client *c, enum rate rate, const char *room)
{
    return directory_is_operator(directory(c), c->session->user_id) ||
           (rate == RATE_MESSAGES && directory_moderates(directory(c), c->session, room));
}

/* Says so; and after too many of these it is over. */
static void refuse_for_now(struct client *c, const char *detail, int64_t wait, const char *id,
                           const char *room)
{
    if (!limits_strike(c->all->limits, &c->visit, clock_now())) {
        metric_add(METRIC_FLOOD_CLOSED, 1);
        throw_out(c, PROBLEM_RATE_LIMITED, "turned away for flooding", LIMITS_REFUSAL_S, FLOODING,
                  "flooding");
        return;
    }
    answer_error(c, PROBLEM_RATE_LIMITED, detail, id, room, whole_seconds(wait));
}

static bool pay(struct client *c, enum rate rate, const char *id, const char *room)
{
    char detail[64];
    int64_t wait = limits_charge(c->all->limits, &c->visit, rate, clock_now());
    if (wait == 0 || is_exempt(c, rate, room))
        return true;
    metric_add(METRICS[rate], 1);
    snprintf(detail, sizeof detail, "too many %s, wait a moment", rate_name(rate));
    refuse_for_now(c, detail, wait, id, room);
    return false;
}

/* ---- for the hub --------------------------------------------------------------------------------- */

static void post_request(struct client *c, struct request *request)
{
    struct event *e = event_new(EVENT_REQUEST);
    e->session = c->session;
    e->request = *request;
    *request = (struct request){0};
    hub_post(c->all->config.hub, &e, DEADLINE_NEVER);
    c->unfenced = true;
}

/* What may have to be fetched from the disk for the hub: then it is waited for. */
static void ask_hub(struct client *c, struct request *r)
{
    if (!hub_may_lack(c->all->config.hub)) {
        post_request(c, r);
        return;
    }
    hub_ask(c->all->config.hub, c->session, r);
    c->unfenced = false;
}

/* create, update, join: with the password as the hub wants it. */
static void post_sealed(struct client *c, struct request *r)
{
    int64_t wait;
    enum problem problem =
        clients_seal_password(c->all->config.hub, c->all->limits, &c->visit, r, &wait);
    if (problem == PROBLEM_NONE && r->type == REQUEST_JOIN)
        ask_hub(c, r);
    else if (problem == PROBLEM_NONE)
        post_request(c, r);
    else if (problem == PROBLEM_RATE_LIMITED)
        refuse_for_now(c, TOO_MANY_PASSWORDS, wait, r->id, r->room);
    else
        answer_error(c, problem, NULL, r->id, r->room, 0);
}

/* Why may I not talk? The hub knows all the reasons but this one. */
static void post_why(struct client *c, struct request *r)
{
    if (r->args == NULL)
        r->args = xcalloc(1, sizeof *r->args);
    int64_t wait = limits_wait(c->all->limits, &c->visit, RATE_MESSAGES, clock_now());
    r->args->retry_after =
        wait == 0 || is_exempt(c, RATE_MESSAGES, r->room) ? 0 : whole_seconds(wait);
    post_request(c, r);
}

/* The room that is meant when none is named: the one the client is in. */
static bool only_room(const struct client *c, char *name)
{
    rcu_read_lock();
    const struct room *r = rcu_dereference(c->session->only);
    if (r != NULL)
        strcpy(name, r->name);
    rcu_read_unlock();
    return r != NULL;
}

/* Names take a moment to be understood: done here, so that the hub need not. */
static void post_message(struct client *c, struct request *r)
{
    char room[NAME_MAX_BYTES + 1];
    strcpy(room, r->room);
    if (memchr(r->text, '@', r->text_len) != NULL && (room[0] != '\0' || only_room(c, room)))
        mentions_guess(directory(c), room, r);
    post_request(c, r);
}

/* ---- answered here ------------------------------------------------------------------------------- */

/* Lists come from the directory, without asking the hub, but a client must find in them what it did
 * before: so what it posted is waited for. */
static void catch_up(struct client *c)
{
    if (c->unfenced)
        hub_fence(c->all->config.hub);
    c->unfenced = false;
}

static struct asker asker(const struct client *c)
{
    return (struct asker){.user_id = c->session->user_id, .grants = c->session->grants};
}

static void answer_members(struct client *c, struct request *r)
{
    catch_up(c);
    if (r->room[0] == '\0' && !only_room(c, r->room)) {
        answer_error(c, PROBLEM_BAD_REQUEST, "say which room", r->id, NULL, 0);
        return;
    }
    if (text_is_pair_room(r->room)) { /* the hub alone knows whose it is */
        post_request(c, r);
        return;
    }
    struct buf text = BUF_INIT;
    const struct asker who = asker(c);
    int err = listing_members(directory(c), &text, true, r->id, &who, r->room);
    if (err == ERR_DENIED)
        answer_error(c, PROBLEM_NOT_MEMBER, NULL, r->id, r->room, 0);
    else if (err != 0)
        answer_error(c, PROBLEM_NO_SUCH_ROOM, NULL, r->id, r->room, 0);
    else
        answer(c, &text);
}

static void answer_rooms(struct client *c, struct request *r)
{
    catch_up(c);
    struct buf text = BUF_INIT;
    const struct asker who = asker(c);
    listing_rooms(directory(c), &text, true, r->id, &who, r->text, r->cursor,
                  hub_max_per_room(c->all->config.hub));
    answer(c, &text);
}

static void answer_ping(struct client *c, struct request *r)
{
    struct buf text = BUF_INIT;
    encode_pong(&text, r->id, r->text);
    answer(c, &text);
}

/* A new token instead of one that ends: the same user stays. */
static void answer_auth(struct client *c, struct request *r)
{
    struct identity who = {.grants = NULL};
    const char *detail = NULL;
    enum problem problem =
        identities_check(c->all->config.identities, r->args->token, &who, &detail);
    free(who.grants); /* which rooms are open to a connection is settled when it comes in */
    if (problem != PROBLEM_NONE) {
        metric_add(METRIC_AUTH_FAILED, 1);
    } else if (strcmp(who.user_id, c->session->user_id) != 0) {
        problem = PROBLEM_FORBIDDEN;
        detail = "the token is another user's";
    }
    if (problem != PROBLEM_NONE) {
        answer_error(c, problem, detail, r->id, NULL, 0);
        return;
    }
    __atomic_store_n(&c->expires_ms, who.expires_ms, __ATOMIC_RELEASE);
    parker_wake(&c->parker, WAKE_STOP); /* the writer keeps that deadline */
    struct buf text = BUF_INIT;
    encode_ok_auth(&text, r->id, who.user_id, who.expires_ms);
    if (r->id[0] != '\0')
        answer(c, &text);
    buf_fini(&text);
}

/* ---- all ----------------------------------------------------------------------------------------- */

static void handle_request(struct client *c, struct request *r)
{
    /* What is said to one person is said in no room that one may run. */
    if (pay(c, RATES[r->type], r->id, r->type == REQUEST_DM ? "" : r->room)) {
        switch (r->type) {
        case REQUEST_MEMBERS: answer_members(c, r); break;
        case REQUEST_ROOMS: answer_rooms(c, r); break;
        case REQUEST_PING: answer_ping(c, r); break;
        case REQUEST_AUTH: answer_auth(c, r); break;
        case REQUEST_WHY: post_why(c, r); break;
        case REQUEST_CREATE:
        case REQUEST_UPDATE:
        case REQUEST_JOIN: post_sealed(c, r); break;
        case REQUEST_MESSAGE: post_message(c, r); break;
        case REQUEST_HISTORY:
        case REQUEST_SEARCH:
        case REQUEST_MENTIONS:
        case REQUEST_DM:
        case REQUEST_EDIT:
        case REQUEST_DELETE:
        case REQUEST_REACT: ask_hub(c, r); break;
        default: post_request(c, r); break;
        }
    }
    request_fini(r);
}

/* What cannot be understood costs as much as any request. */
static void handle_fault(struct client *c, const struct request_error *e)
{
    if (pay(c, RATE_REQUESTS, e->id, e->room))
        answer_error(c, e->problem, e->detail, e->id, e->room, 0);
}

/* The room of the upgrade request. */
void enter_first_room(struct client *c)
{
    if (c->bad_room)
        answer_error(c, PROBLEM_INVALID_ROOM, NULL, NULL, NULL, 0);
    if (c->room[0] == '\0')
        return;
    struct request r = {.type = REQUEST_JOIN};
    strcpy(r.room, c->room);
    handle_request(c, &r);
}

/* Straight back, waiting for the socket: there is nobody else to keep waiting. */
static void echo(struct client *c, const struct conn_message *m)
{
    struct frame *f = frame_new(m->binary ? FRAME_BINARY : FRAME_TEXT, m->data, m->len);
    struct iovec iov = {f->bytes, f->len};
    if (conn_write(c->conn, &iov, 1) == ERR_AGAIN)
        conn_flush(c->conn, c->all->config.write_wait);
    frame_unref(f, 1);
}

void handle_message(struct client *c, const struct conn_message *m)
{
    static const struct request_error binary = {.problem = PROBLEM_BINARY_UNSUPPORTED};
    struct request request;
    struct request_error error;
    if (c->echo)
        echo(c, m);
    else if (m->binary)
        handle_fault(c, &binary);
    else if (protocol_decode(m->data, m->len, &request, &error) != 0)
        handle_fault(c, &error);
    else
        handle_request(c, &request);
}
