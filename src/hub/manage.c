/* Kept rooms: create, update, destroy. */
#include "hub/hub_private.h"

#include <hubbub/metrics.h>
#include <stdio.h>
#include <stdlib.h>

/* What the request sets, over what is there. */
static void apply(struct room_info *info, const struct request_args *a)
{
    if (a->given & ROOM_TITLE)
        snprintf(info->title, sizeof info->title, "%s", a->title);
    if (a->given & ROOM_TOPIC)
        snprintf(info->topic, sizeof info->topic, "%s", a->topic);
    if (a->given & ROOM_VISIBILITY)
        info->visibility = a->visibility;
    if (a->given & ROOM_MAX_USERS)
        info->max_users = a->max_users;
    if (a->given & ROOM_SLOW_MODE)
        info->slow_mode = a->slow_mode;
    if (a->given & ROOM_HIDES_PAST)
        info->hides_past = a->hides_past;
    if (a->given & ROOM_PASSWORD)
        snprintf(info->password, sizeof info->password, "%s",
                 a->password_hash == NULL ? "" : a->password_hash);
}

static void change_info(struct hub *h, struct room *r, const struct request_args *a)
{
    struct room_info info = *room_info(r);
    bool hid = info.hides_past;
    apply(&info, a);
    room_set_info(r, &info);
    if (info.hides_past && !hid)
        note_witnesses(h, r);
}

/* True after the refusal: nobody would ever come in beyond what the server allows. */
static bool is_too_large(struct hub *h, const struct event *e)
{
    char detail[64];
    const struct request_args *a = e->request.args;
    uint32_t most = h->settings->max_per_room;
    if (!(a->given & ROOM_MAX_USERS) || most == 0 || a->max_users <= most)
        return false;
    snprintf(detail, sizeof detail, "maxUsers is more than this server allows: %u", most);
    refuse(h, e, PROBLEM_BAD_REQUEST, detail);
    return true;
}

/* Tells the room what is new, and whoever asked that it is done. */
static void conclude(struct hub *h, const struct event *e, struct room *r, struct change **c)
{
    const struct room_look look = look_of(h, r);
    encode_room(scratch(h), &look, e->request.args->given, e->session->user->username);
    say_to_all(h, r);
    encode_ok(scratch(h), e->request.id, r->name);
    confirm_change(h, e, c);
}

/* ---- create -------------------------------------------------------------------------------------- */

/* An open room of that name can only be kept by whoever runs it. */
static enum problem why_not_create(const struct hub *h, const struct event *e, const struct room *r)
{
    const struct session *s = e->session;
    if (s->grants != NULL && grants_find(s->grants, e->request.room) < 0)
        return PROBLEM_FORBIDDEN;
    if (r != NULL)
        return r->kept || rank_of_session(h, r, s) < RANK_OWNER ? PROBLEM_ROOM_EXISTS
                                                                : PROBLEM_NONE;
    return h->nrooms >= h->settings->max_rooms ? PROBLEM_ROOM_LIMIT : PROBLEM_NONE;
}

static void own(struct hub *h, struct room *r, const struct session *s)
{
    const struct user *ran = r->runner;
    room_set_kept(r, true);
    free(r->opened_by);
    r->opened_by = NULL;
    r->runner = NULL;
    room_set_rank(r, s->user_id, s->user->username, RANK_OWNER);
    refresh_ranks(h, r, s->user_id);
    if (ran != NULL && ran != s->user)
        tell_rank(h, r, ran);
    metric_add(METRIC_KEPT_ROOMS, 1);
}

/* Everything that was decided while it was open is kept from now on. */
static void keep_all(struct change *c, const struct room *r)
{
    keep_room(c, r);
    for (size_t i = 0; r->roster != NULL && i < r->roster->n; i++)
        keep_rank(c, r, r->roster->row[i]->user_id);
    const struct books *b = r->books;
    for (size_t i = 0; b != NULL && i < b->nledger; i++)
        keep_entry(c, r, b->ledger[i]);
    for (size_t i = 0; b != NULL && i < b->nsanctions; i++)
        keep_sanction(c, r, b->sanctions[i]);
    for (size_t i = 0; b != NULL && i < b->ninvites; i++)
        keep_invite(c, r, &b->invites[i]);
}

void on_create(struct hub *h, struct event *e)
{
    struct room *r = find_room(h, e->request.room);
    enum problem problem = why_not_create(h, e, r);
    if (problem != PROBLEM_NONE) {
        refuse(h, e, problem,
               problem == PROBLEM_ROOM_LIMIT  ? "the server has no room for more rooms"
               : problem == PROBLEM_FORBIDDEN ? "your token does not open this room"
                                              : NULL);
        return;
    }
    if (is_too_large(h, e))
        return;
    if (r == NULL) {
        r = open_room(h, e->request.room, NULL);
        begin_log(h, r);
        h->nrooms++;
    }
    change_info(h, r, e->request.args);
    own(h, r, e->session);
    struct change *c = change_begin(h);
    keep_all(c, r);
    conclude(h, e, r, &c);
}

/* ---- update -------------------------------------------------------------------------------------- */

/* An open room is everybody's: once it is empty whoever enters next finds what was said there. */
static bool would_close(const struct room *r, const struct request_args *a)
{
    return !r->kept && (((a->given & ROOM_VISIBILITY) && a->visibility != VISIBILITY_PUBLIC) ||
                        ((a->given & ROOM_PASSWORD) && a->password_hash != NULL) ||
                        ((a->given & ROOM_HIDES_PAST) && a->hides_past));
}

void on_update(struct hub *h, struct event *e)
{
    struct room *r = meant_room(h, e);
    if (r == NULL || !may(h, e, r) || is_too_large(h, e))
        return;
    if (would_close(r, e->request.args)) {
        refuse(h, e, PROBLEM_FORBIDDEN, "an open room is open to all: create it, then close it");
        return;
    }
    change_info(h, r, e->request.args);
    struct change *c = change_begin(h);
    keep_room(c, r);
    conclude(h, e, r, &c);
}

/* ---- destroy ------------------------------------------------------------------------------------- */

void on_destroy(struct hub *h, struct event *e)
{
    struct room *r = meant_room(h, e);
    if (r == NULL || !may(h, e, r))
        return;
    struct change *c = change_begin(h);
    if (r->kept) {
        keep_room_gone(c, r);
        metric_add(METRIC_KEPT_ROOMS, -1);
    }
    const char *reason = e->request.args->reason;
    encode_room_destroyed(scratch(h), r->name, e->session->user->username, reason);
    say_to_all(h, r);
    encode_error(scratch(h), DIALECT_CLASSIC, PROBLEM_NO_SUCH_ROOM, "the room was closed", NULL,
                 r->name, 0);
    say_scratch(h, r, TO_CLASSIC);
    encode_ok(scratch(h), e->request.id, r->name);
    confirm_change(h, e, &c);
    close_room(h, r);
}
