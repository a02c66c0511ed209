/* What web requests ask of the rooms: the lists, as somebody who shows a token or as nobody in particular,
 * and joining and leaving on behalf of a live connection, whose id is the secret that allows it. */
#include "http/http_private.h"

#include <hubbub/client.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/listing.h>
#include <hubbub/metrics.h>
#include <stdlib.h>
#include <string.h>

/* ---- who asks ------------------------------------------------------------------------------------ */

static void refuse_token(struct http_response *r, enum problem problem, const char *detail)
{
    metric_add(METRIC_AUTH_FAILED, 1);
    respond_problem(r, problem, detail);
    http_response_header(r, "WWW-Authenticate", "Bearer");
}

bool identify(struct http *h, const struct http_request *q, struct http_response *r,
              struct identity *who)
{
    char *token = http_request_token(q);
    const char *detail = NULL;
    enum problem problem = PROBLEM_NONE;
    *who = (struct identity){.guest = true};
    if (token != NULL)
        problem = identities_check(h->identities, token, who, &detail);
    else if (identities_mode(h->identities) == AUTH_TOKEN)
        problem = PROBLEM_NOT_AUTHENTICATED;
    if (token != NULL)
        explicit_bzero(token, strlen(token));
    free(token);
    if (problem != PROBLEM_NONE) {
        refuse_token(r, problem, detail);
        return false;
    }
    if (who->user_id[0] == '\0' || !directory_is_barred(hub_directory(h->hub), who->user_id))
        return true;
    respond_problem(r, PROBLEM_BANNED, "you are banned from this server");
    free(who->grants);
    return false;
}

struct asker asker_of(const struct identity *who)
{
    return (struct asker){.user_id = who->user_id[0] == '\0' ? NULL : who->user_id,
                          .grants = who->grants};
}

/* ---- lists --------------------------------------------------------------------------------------- */

void get_rooms(struct http *h, const struct http_request *q, struct http_response *r)
{
    struct identity who;
    if (!identify(h, q, r, &who))
        return;
    const struct asker a = asker_of(&who);
    listing_rooms(hub_directory(h->hub), &r->owned, false, NULL, &a, http_request_arg(q, "query"),
                  http_request_arg(q, "cursor"), hub_max_per_room(h->hub));
    respond_json(r, 200);
    free(who.grants);
}

void get_members(struct http *h, const struct http_request *q, struct http_response *r)
{
    struct identity who;
    const char *room = http_request_arg(q, "room");
    if (room == NULL || !text_is_name(room, strlen(room))) {
        respond_problem(r, PROBLEM_INVALID_ROOM, NULL);
        return;
    }
    if (!identify(h, q, r, &who))
        return;
    const struct asker a = asker_of(&who);
    int err = listing_members(hub_directory(h->hub), &r->owned, false, NULL, &a, room);
    if (err == ERR_DENIED)
        respond_problem(r, PROBLEM_NOT_MEMBER, NULL);
    else if (err != 0)
        respond_problem(r, PROBLEM_NO_SUCH_ROOM, NULL);
    else
        respond_json(r, 200);
    free(who.grants);
}

/* ---- acting on a live connection ----------------------------------------------------------------- */

/* The user whose connection it is pays for it, as for what that connection asks itself. False: nobody does.
 * *there: whether there is such a connection at all. */
static bool find_payer(struct http *h, const char *session, struct visit *v, bool *there)
{
    char user_id[USER_ID_MAX + 1], address[PEER_ADDRESS_MAX + 1];
    bool local = true;
    rcu_read_lock();
    const struct session *s = directory_find_session(hub_directory(h->hub), session);
    if (s != NULL) {
        strcpy(user_id, s->user_id);
        strcpy(address, s->address);
        local = s->local;
    }
    rcu_read_unlock();
    *there = s != NULL;
    if (s == NULL || h->limits == NULL)
        return false;
    limits_let_in(h->limits, user_id, local ? NULL : address, clock_now(), v);
    return true;
}

/* PROBLEM_NONE when it was paid for, and a password is as the hub wants it. *detail: of PROBLEM_RATE_LIMITED. */
static enum problem prepare(struct http *h, const char *session, struct request *r, int64_t *wait,
                            const char **detail)
{
    struct visit v;
    bool there, pays = find_payer(h, session, &v, &there);
    *wait = 0;
    *detail = NULL;
    if (!there) /* which is for the hub to say; no password is tried for nobody */
        return PROBLEM_NONE;
    enum rate rate = r->type == REQUEST_JOIN ? RATE_JOINS : RATE_REQUESTS;
    enum problem problem = PROBLEM_RATE_LIMITED;
    *wait = pays ? limits_charge(h->limits, &v, rate, clock_now()) : 0;
    if (*wait > 0) {
        metric_add(rate == RATE_JOINS ? METRIC_LIMITED_JOINS : METRIC_LIMITED_REQUESTS, 1);
    } else {
        problem = clients_seal_password(h->hub, pays ? h->limits : NULL, &v, r, wait);
        *detail = TOO_MANY_PASSWORDS;
    }
    if (problem == PROBLEM_RATE_LIMITED)
        limits_strike(h->limits, &v, clock_now());
    if (pays)
        limits_leave(h->limits, &v);
    return problem;
}

static void call(struct http *h, enum request_type type, const struct http_request *q,
                 struct http_response *r)
{
    char session[SESSION_ID_MAX + 1];
    struct request request;
    struct request_error error;
    const char *detail;
    int64_t wait;
    if (q->body_too_large) {
        respond_problem(r, PROBLEM_TOO_LARGE, NULL);
        return;
    }
    if (protocol_decode_room_call(q->body.len > 0 ? q->body.data : "", q->body.len, session,
                                  sizeof session, &request, &error) != 0) {
        respond_problem(r, error.problem, error.detail);
        return;
    }
    request.type = type;
    enum problem problem = prepare(h, session, &request, &wait, &detail);
    if (problem == PROBLEM_RATE_LIMITED)
        respond_too_fast(r, detail, wait);
    else if (problem != PROBLEM_NONE)
        respond_problem(r, problem, NULL);
    else if (hub_call(h->hub, session, &request, &r->owned) != 0)
        respond_problem(r, PROBLEM_UNAVAILABLE, NULL);
    else
        respond_json(r, respond_status(&r->owned));
    request_fini(&request);
}

void post_join(struct http *h, const struct http_request *q, struct http_response *r)
{
    call(h, REQUEST_JOIN, q, r);
}

void post_leave(struct http *h, const struct http_request *q, struct http_response *r)
{
    call(h, REQUEST_LEAVE, q, r);
}
