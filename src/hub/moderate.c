/* Kick, ban, mute, and taking back. In a room, or with none named, by operators, on the whole server.
 * Sanctions act on users: on all their sessions, also those to come. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/metrics.h>
#include <string.h>

/* The room of the request in *r, NULL for the server; false after the refusal was sent. */
static bool find_place(struct hub *h, const struct event *e, struct room **r)
{
    *r = NULL;
    return e->request.room[0] == '\0' || (*r = meant_room(h, e)) != NULL;
}

/* ---- kick ---------------------------------------------------------------------------------------- */

void on_kick(struct hub *h, struct event *e)
{
    struct target t;
    struct room *r = meant_room(h, e);
    if (r == NULL || !may_act(h, e, r, &t))
        return;
    if (t.online == NULL || user_find(t.online, r, NULL) == NULL) {
        refuse(h, e, PROBLEM_UNKNOWN_USER, "that user is not in the room");
        return;
    }
    struct change *c = change_begin(h);
    const struct deed deed = {.action = ACTION_KICK,
                              .target = &t,
                              .reason = e->request.args->reason,
                              .rank = -1,
                              .undid = -1};
    const struct entry *entry = record_deed(h, e, r, &deed, c);
    expel(h, r, t.online, " was removed from the room");
    metric_add(METRIC_SANCTIONS, 1);
    confirm_deed(h, e, r, &t, entry, -1, &c);
}

/* ---- ban and mute -------------------------------------------------------------------------------- */

static void impose(struct hub *h, struct event *e, enum action action)
{
    struct target t;
    struct room *r;
    const struct request_args *args = e->request.args;
    if (!find_place(h, e, &r) || !may_act(h, e, r, &t))
        return;
    struct books *b = books_of(h, r);
    books_expire(b, clock_wall_ms());
    const struct entry *before = books_sanction(b, action, t.user_id, clock_wall_ms());
    if (before == NULL && b->nsanctions == SANCTIONS_MAX) {
        refuse(h, e, PROBLEM_UNAVAILABLE, "there are too many bans and mutes in force");
        return;
    }
    if (before != NULL && before->by_rank > rank_of_session(h, r, e->session)) {
        refuse(h, e, PROBLEM_FORBIDDEN, "a higher rank has decided on this user");
        return;
    }
    struct change *c = change_begin(h);
    const struct deed deed = {
        .action = action,
        .target = &t,
        .reason = args->reason,
        .until = args->seconds > 0 ? clock_wall_ms() + 1000 * args->seconds : 0,
        .rank = -1,
        .undid = -1,
    };
    struct entry *entry = record_deed(h, e, r, &deed, c);
    books_impose(b, entry);
    keep_sanction(c, r, entry);
    if (action == ACTION_BAN)
        refresh_bars(h, r);
    if (action == ACTION_BAN && r != NULL) {
        for (size_t i = 0; i < b->ninvites; i++)
            if (strcmp(b->invites[i].user_id, t.user_id) == 0)
                keep_invite_gone(c, r, b->invites[i].code);
        books_drop_invites(b, t.user_id);
        if (t.online != NULL)
            expel(h, r, t.online, " was banned from the room");
    } else if (action == ACTION_BAN) {
        bar(h, &t, args->address, c);
    }
    metric_add(METRIC_SANCTIONS, 1);
    confirm_deed(h, e, r, &t, entry, -1, &c);
}

void on_ban(struct hub *h, struct event *e)
{
    impose(h, e, ACTION_BAN);
}

void on_mute(struct hub *h, struct event *e)
{
    impose(h, e, ACTION_MUTE);
}

/* ---- unban and unmute ---------------------------------------------------------------------------- */

static void lift(struct hub *h, struct room *r, enum action action, const char *user_id,
                 struct change *c)
{
    books_lift(books_of(h, r), action, user_id);
    keep_sanction_gone(c, r, action, user_id);
    if (action == ACTION_BAN)
        refresh_bars(h, r);
    if (action == ACTION_BAN && r == NULL)
        unbar(h, user_id, c);
}

static void pardon(struct hub *h, struct event *e, enum action action, enum action back)
{
    struct target t;
    struct room *r;
    if (!find_place(h, e, &r) || !may(h, e, r))
        return;
    if (!find_target(h, r, e->request.args->user, &t)) {
        refuse(h, e, PROBLEM_UNKNOWN_USER, NULL);
        return;
    }
    const struct entry *in_force =
        books_sanction(books_of(h, r), action, t.user_id, clock_wall_ms());
    if (in_force == NULL) {
        refuse(h, e, PROBLEM_UNKNOWN_USER,
               action == ACTION_BAN ? "that user is not banned" : "that user is not muted");
        return;
    }
    if (in_force->by_rank > rank_of_session(h, r, e->session) ||
        strcmp(t.user_id, e->session->user_id) == 0) {
        refuse(h, e, PROBLEM_FORBIDDEN, "a higher rank has decided on this user");
        return;
    }
    struct change *c = change_begin(h);
    lift(h, r, action, t.user_id, c);
    const struct deed deed = {
        .action = back, .target = &t, .reason = e->request.args->reason, .rank = -1, .undid = -1};
    const struct entry *entry = record_deed(h, e, r, &deed, c);
    confirm_deed(h, e, r, &t, entry, -1, &c);
}

void on_unban(struct hub *h, struct event *e)
{
    pardon(h, e, ACTION_BAN, ACTION_UNBAN);
}

void on_unmute(struct hub *h, struct event *e)
{
    pardon(h, e, ACTION_MUTE, ACTION_UNMUTE);
}

/* ---- undo ---------------------------------------------------------------------------------------- */

/* The entry that imposed what `lifted` took away, if it would still be in force. */
static struct entry *find_lifted(const struct books *b, const struct entry *lifted, int64_t now_ms)
{
    enum action action = lifted->action == ACTION_UNBAN ? ACTION_BAN : ACTION_MUTE;
    for (size_t i = b->nledger; i > 0; i--) {
        struct entry *e = b->ledger[i - 1];
        if (e->entry < lifted->entry && e->action == action && !e->undone &&
            strcmp(e->user_id, lifted->user_id) == 0)
            return e->until == 0 || e->until > now_ms ? e : NULL;
    }
    return NULL;
}

static void restore(struct hub *h, struct room *r, const struct entry *lifted,
                    const struct target *t, struct change *c)
{
    struct books *b = books_of(h, r);
    struct entry *e = find_lifted(b, lifted, clock_wall_ms());
    if (e == NULL || books_sanction(b, e->action, e->user_id, clock_wall_ms()) != NULL ||
        !books_impose(b, e))
        return;
    keep_sanction(c, r, e);
    if (e->action != ACTION_BAN)
        return;
    refresh_bars(h, r);
    if (r == NULL)
        bar(h, t, false, c);
    else if (t->online != NULL)
        expel(h, r, t->online, " was banned from the room");
}

/* Why this entry cannot be taken back by whoever asks. */
static enum problem why_not_undo(struct hub *h, const struct event *e, const struct room *r,
                                 const struct entry *entry, const struct target *t,
                                 const char **detail)
{
    *detail = NULL;
    switch (entry->action) {
    case ACTION_BAN:
    case ACTION_UNBAN:
    case ACTION_MUTE:
    case ACTION_UNMUTE: break;
    default:
        *detail = "only bans and mutes, and their lifting, can be taken back";
        return PROBLEM_BAD_REQUEST;
    }
    if (entry->undone || entry->ts + UNDO_MS < clock_wall_ms()) {
        *detail = entry->undone ? "it was taken back already" : "it is more than 10 minutes ago";
        return PROBLEM_TOO_LATE;
    }
    enum rank own = rank_of_session(h, r, e->session);
    if (entry->by_rank > own || !rights_over(own, t->rank) ||
        strcmp(t->user_id, e->session->user_id) == 0) {
        *detail = "nobody acts on an equal or higher rank";
        return PROBLEM_FORBIDDEN;
    }
    return PROBLEM_NONE;
}

/* And not another that came instead of it. */
static bool is_in_force(struct books *b, const struct entry *entry)
{
    const struct entry *now = books_sanction(b, entry->action, entry->user_id, clock_wall_ms());
    return now != NULL && now->entry == entry->entry;
}

void on_undo(struct hub *h, struct event *e)
{
    struct target t;
    struct room *r;
    const char *detail;
    if (!find_place(h, e, &r) || !may(h, e, r))
        return;
    struct entry *entry = books_entry(books_of(h, r), e->request.args->entry);
    if (entry == NULL) {
        refuse(h, e, PROBLEM_UNKNOWN_MESSAGE, "there is no such entry in the ledger");
        return;
    }
    find_user(h, r, entry->user_id, &t);
    strcpy(t.username, entry->username);
    enum problem problem = why_not_undo(h, e, r, entry, &t, &detail);
    if (problem != PROBLEM_NONE) {
        refuse(h, e, problem, detail);
        return;
    }
    struct change *c = change_begin(h);
    entry->undone = true;
    keep_entry(c, r, entry);
    bool lifting = entry->action == ACTION_UNBAN || entry->action == ACTION_UNMUTE;
    const struct entry *back = lifting ? find_lifted(books_of(h, r), entry, clock_wall_ms()) : NULL;
    const struct deed deed = {.action = ACTION_UNDO,
                              .target = &t,
                              .until = back == NULL ? 0 : back->until,
                              .rank = -1,
                              .undid = (int)entry->action};
    if (is_in_force(books_of(h, r), entry))
        lift(h, r, entry->action, t.user_id, c);
    uint64_t number = entry->entry;
    struct entry lifted = *entry;
    char user_id[USER_ID_MAX + 1];
    strcpy(user_id, entry->user_id);
    lifted.user_id = user_id;
    record_deed(h, e, r, &deed, c); /* the entry may be dropped by it: the ledger is bounded */
    if (lifting)
        restore(h, r, &lifted, &t, c);
    encode_ok_entry(scratch(h), e->request.id, r == NULL ? "" : r->name, number);
    confirm_change(h, e, &c);
}
