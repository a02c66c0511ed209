/* What is changed about a message after it was said: edits, removals, reactions. A new version takes the place of the
 * old one; a message that is not in memory is fetched first. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/metrics.h>
#include <string.h>

/* The message that is meant, not removed; NULL when that was answered, or it is being fetched. */
static struct slot *meant_slot(struct hub *h, struct event *e, struct room *r)
{
    const struct viewer v = viewer_of(e);
    uint64_t seq = e->request.args->seq, shown;
    if (!know_shown(h, e, r, &v, &shown))
        return NULL;
    if (seq < shown) {
        refuse(h, e, PROBLEM_UNKNOWN_MESSAGE, NULL);
        return NULL;
    }
    trim_history(h, r);
    struct slot *s = history_find(&r->history, seq);
    struct history_row *row = s == NULL ? errand_row(h, e, r, seq) : NULL;
    if (row != NULL)
        s = history_set_aside(&r->history, row);
    bool had = errand_has_page(h, e, r);
    bool kept = h->config.store != NULL && seq <= r->seq && seq >= r->first && r->first > 0;
    if (s == NULL && kept && !had && errand_need(h, e, NEED_PAGE, seq, seq, r))
        return NULL;
    if (s != NULL && !s->message->deleted)
        return s;
    bool unread = s == NULL && kept && !had && e->errand != NULL;
    refuse(h, e, unread ? PROBLEM_UNAVAILABLE : PROBLEM_UNKNOWN_MESSAGE,
           unread ? "the message cannot be read, try again" : NULL);
    return NULL;
}

static bool is_own(const struct event *e, const struct slot *s)
{
    return strcmp(s->message->user_id, e->session->user_id) == 0;
}

static bool is_too_late(struct hub *h, const struct event *e, const struct slot *s,
                        int64_t window_ms)
{
    if (clock_wall_ms() - s->message->ts <= window_ms)
        return false;
    refuse(h, e, PROBLEM_TOO_LATE, NULL);
    return true;
}

static void replace(struct hub *h, struct room *r, struct slot *s, const struct message *like)
{
    struct message *m = message_new(like);
    history_replace(&r->history, s, m, log_message(h, r, m));
    hurry_log(h); /* what was taken back should not come back after a crash */
    r->changes++;
    metric_add(METRIC_AMENDMENTS, 1);
}

/* ---- edit ---------------------------------------------------------------------------------------- */

static void edit(struct hub *h, struct event *e, struct member *m)
{
    struct slot *s = meant_slot(h, e, m->room);
    if (s == NULL || is_muted(h, e, m))
        return;
    if (!is_own(e, s)) {
        refuse(h, e, PROBLEM_FORBIDDEN, "nobody edits what others said");
        return;
    }
    if (is_too_late(h, e, s, h->settings->edit_window_ms))
        return;
    struct room *r = m->room;
    struct message like = message_draft(s->message);
    like.edited_ts = clock_wall_ms();
    like.content = e->request.text;
    like.content_len = e->request.text_len;
    replace(h, r, s, &like);
    encode_edit(scratch(h), r->name, like.seq, e->session->user_id, e->session->user->username,
                e->request.text, like.edited_ts);
    say_about(h, r, like.seq);
    encode_ok_edit(scratch(h), e->request.id, r->name, like.seq, like.edited_ts);
    confirm_log(h, e);
}

void on_edit(struct hub *h, struct event *e)
{
    struct member *m = meant_member(h, e);
    if (m == NULL)
        return;
    edit(h, e, m);
    trim_history(h, m->room); /* when it was refused, too: the message was perhaps set aside */
}

/* ---- delete -------------------------------------------------------------------------------------- */

static void write_down(struct hub *h, const struct event *e, struct room *r,
                       const struct message *m)
{
    const struct entry like = {
        .action = ACTION_DELETE,
        .by_rank = rank_of_session(h, r, e->session),
        .ts = clock_wall_ms(),
        .user_id = m->user_id,
        .username = m->username,
        .by = e->session->user->username,
        .by_id = e->session->user_id,
        .reason = e->request.args->reason,
    };
    log_entry(h, r, books_write(room_books(r), &like, 0));
}

/* As a moderator, that of a lower rank. */
static bool may_delete(struct hub *h, const struct event *e, const struct room *r,
                       const struct slot *s)
{
    struct target t;
    find_user(h, r, s->message->user_id, &t);
    if (rights_over(rank_of_session(h, r, e->session), t.rank))
        return true;
    refuse(h, e, PROBLEM_FORBIDDEN, "nobody acts on an equal or higher rank");
    return false;
}

/* Leaves a tombstone: a message without content or reactions. */
static void bury(struct hub *h, struct room *r, struct slot *s, bool own)
{
    struct message like = message_draft(s->message);
    like.deleted = true;
    like.taken_back = own;
    like.content = "\"\"";
    like.content_len = 2;
    like.files = "";
    like.mentions = "";
    size_t before = reactions_size(&s->reactions);
    reactions_fini(&s->reactions);
    room_forget_reactions(r, s->message->seq);
    history_touched(&r->history, s, before, s->change);
    replace(h, r, s, &like);
}

/* One's own message, for a while; moderators any time, of others, too. */
static void take_back(struct hub *h, struct event *e, struct room *r)
{
    bool moderates = rank_of_session(h, r, e->session) >= rights_needed(REQUEST_DELETE);
    bool inside = user_find(e->session->user, r, NULL) != NULL;
    if (!inside && !may(h, e, r))
        return;
    struct slot *s = meant_slot(h, e, r);
    if (s == NULL)
        return;
    bool own = is_own(e, s);
    if ((!own && (!may(h, e, r) || !may_delete(h, e, r, s))) ||
        (own && !moderates && is_too_late(h, e, s, h->settings->delete_window_ms)))
        return;
    struct message *m = message_ref(s->message);
    bury(h, r, s, own);
    if (!own)
        write_down(h, e, r, m);
    encode_delete(scratch(h), r->name, m->seq, e->session->user_id, e->session->user->username,
                  e->request.args->reason);
    say_taken_back(h, r, m->seq);
    encode_ok_seq(scratch(h), e->request.id, r->name, m->seq);
    confirm_log(h, e);
    message_unref(m);
}

void on_delete(struct hub *h, struct event *e)
{
    struct room *r = asked_room(h, e);
    if (r == NULL)
        return;
    take_back(h, e, r);
    trim_history(h, r);
}

/* ---- react --------------------------------------------------------------------------------------- */

static void react(struct hub *h, struct event *e, struct member *m)
{
    struct slot *s = meant_slot(h, e, m->room);
    if (s == NULL || is_muted(h, e, m))
        return;
    struct room *r = m->room;
    const struct request_args *a = e->request.args;
    const struct session *by = e->session;
    size_t before = reactions_size(&s->reactions);
    enum reaction_result done =
        reactions_set(&s->reactions, a->emoji, user_mark(by->user_id), !a->remove);
    if (done == REACTION_TOO_MANY) {
        refuse(h, e, PROBLEM_BAD_REQUEST, "a message takes 20 kinds of reactions");
        return;
    }
    uint32_t count = reactions_count(&s->reactions, a->emoji);
    if (done == REACTION_DONE) {
        history_touched(&r->history, s, before,
                        log_reaction(h, r, a->seq, by->user_id, a->emoji, !a->remove));
        metric_add(METRIC_AMENDMENTS, 1);
        notice_reaction(h, r, by, a->seq, a->emoji, !a->remove, count);
    } else if (s->change > written(h)) {
        wait_for_log(h); /* it may have been there for a moment only */
    }
    encode_ok_reaction(scratch(h), e->request.id, r->name, a->seq, a->emoji, count);
    confirm_log(h, e);
}

void on_react(struct hub *h, struct event *e)
{
    struct member *m = meant_member(h, e);
    if (m == NULL)
        return;
    react(h, e, m);
    trim_history(h, m->room);
}
