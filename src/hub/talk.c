/* What members say: messages and typing; and why somebody may not. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>
#include <string.h>

static const int64_t TYPING_EVERY = 3 * NS_PER_S;

/* ---- what keeps somebody from talking ------------------------------------------------------------ */

static unsigned seconds(int64_t ns)
{
    return (unsigned)((ns + NS_PER_S - 1) / NS_PER_S);
}

static const struct entry *mute_of(const struct member *m)
{
    return books_sanction(m->room->books, ACTION_MUTE, m->session->user_id, clock_wall_ms());
}

static int64_t slow_ns(const struct member *m)
{
    return m->rank >= RANK_MODERATOR ? 0 : room_info(m->room)->slow_mode * NS_PER_S;
}

bool is_muted(struct hub *h, const struct event *e, const struct member *m)
{
    const struct entry *mute = m->room->books == NULL ? NULL : mute_of(m);
    if (mute == NULL)
        return false;
    int64_t left = mute->until == 0 ? 0 : (mute->until - clock_wall_ms()) * NS_PER_MS;
    refuse_until(h, e, PROBLEM_MUTED, mute->reason[0] != '\0' ? mute->reason : NULL,
                 mute->until == 0 ? 0 : seconds(left));
    return true;
}

/* Speaking, in slow mode, begins the time until the next. */
static bool is_too_soon(struct hub *h, const struct event *e, const struct member *m)
{
    int64_t slow = m->room->info == NULL ? 0 : slow_ns(m);
    if (slow == 0)
        return false;
    int64_t wait = books_speak(room_books(m->room), m->session->user_id, slow, clock_now());
    if (wait == 0)
        return false;
    metric_add(METRIC_LIMITED_SLOW_MODE, 1);
    refuse_until(h, e, PROBLEM_SLOW_MODE, NULL, seconds(wait));
    return true;
}

/* ---- talking ------------------------------------------------------------------------------------- */

/* Puts the reply into scratch. */
static void encode_said(struct hub *h, const struct event *e, const struct member *m, uint64_t seq,
                        int64_t ts, bool dup)
{
    const char *id = e->request.id, *room = m->room->name;
    bool durable = h->config.store != NULL;
    if (e->request.type != REQUEST_DM) {
        encode_ok_message(scratch(h), id, room, seq, ts, durable, dup);
        return;
    }
    const struct pair *p = pairs_find(h->pairs, room);
    int other = !pair_side(p, e->session->user_id);
    encode_ok_dm(scratch(h), id, room, pair_id(p, other), p->username[other], seq, ts, durable,
                 dup);
}

/* The same user, room and id within five minutes: it is not said twice. True when that was so, and is answered. */
static bool is_repeated(struct hub *h, const struct event *e, const struct member *m,
                        const struct repeat *now)
{
    const struct repeat *before = repeats_find(&h->repeats, now->key, now->ts);
    if (before == NULL || before->life < m->room->life) /* in a log that is gone */
        return false;
    if (before->body != 0 && before->body != now->body) {
        refuse(h, e, PROBLEM_CONFLICT, NULL);
        return true;
    }
    metric_add(METRIC_DUPLICATES, 1);
    const struct slot *first = history_find(&m->room->history, before->seq);
    if (first != NULL && first->change > written(h))
        wait_for_log(h);
    encode_said(h, e, m, before->seq, before->ts, true);
    confirm_log(h, e);
    return true;
}

static struct repeat as_repeat(const struct hub *h, const struct event *e, const struct member *m,
                               int64_t ts)
{
    const struct request *q = &e->request;
    uint64_t body = repeats_body(&h->repeats, q->text, q->text_len, q->reply_to);
    for (uint32_t i = 0; q->args != NULL && i < q->args->nfiles; i++)
        body = repeats_file(body, q->args->files[i]);
    return (struct repeat){
        .key = repeats_key(&h->repeats, e->session->user_id, m->room->name, q->id),
        .body = body,
        .ts = ts,
        .life = h->lives,
    };
}

void speak(struct hub *h, struct event *e, struct member *m)
{
    bool named = e->request.id[0] != '\0';
    int64_t ts = clock_wall_ms();
    struct repeat now = named ? as_repeat(h, e, m, ts) : (struct repeat){0};
    if ((named && is_repeated(h, e, m, &now)) || is_muted(h, e, m) || !has_files(h, e, m) ||
        is_too_soon(h, e, m))
        return;
    if (e->request.reply_to > m->room->seq) {
        refuse(h, e, PROBLEM_UNKNOWN_MESSAGE, "there is no such message to reply to");
        return;
    }
    m->typing = false;
    say_message(h, m, e, ts);
    if (!named)
        return;
    now.seq = m->room->seq;
    repeats_add(&h->repeats, &now);
    encode_said(h, e, m, now.seq, ts, false);
    confirm_log(h, e);
}

void on_message(struct hub *h, struct event *e)
{
    struct member *m = meant_member(h, e);
    if (m != NULL)
        speak(h, e, m);
}

/* That somebody types is told at most every three seconds, that it stopped only when that was told. */
static bool is_news(struct member *m, bool typing)
{
    int64_t now = clock_now();
    if (typing ? m->typing && now - m->typed_at < TYPING_EVERY : !m->typing)
        return false;
    m->typing = typing;
    m->typed_at = now;
    return true;
}

/* To the others, and only to those who can take it at once: it is worth nothing later. */
void on_typing(struct hub *h, struct event *e)
{
    struct member *from = meant_member(h, e);
    if (from == NULL || is_muted(h, e, from))
        return;
    struct room *r = from->room;
    const struct user *u = from->session->user;
    if (!is_news(from, !e->request.typing_paused)) {
        confirm(h, e, r->name);
        return;
    }
    flush_room(h, r); /* not ahead of what was said before it */
    encode_typing(scratch(h), r->name, u->id, u->username, e->request.typing_paused);
    struct frame *f = frame_new(FRAME_TEXT, h->scratch.data, h->scratch.len);
    for (uint32_t i = 0; i < r->nmembers; i++) {
        struct session *to = r->members[i]->session;
        if (to->user == u || to->dialect != DIALECT_FULL)
            continue;
        frame_ref(f, 1);
        if (outbox_offer(to->outbox, f, OUTBOX_FOR_TYPING) == ERR_FULL)
            metric_add(METRIC_TYPING_DROPPED, 1);
    }
    frame_unref(f, 1);
    confirm(h, e, r->name);
}

/* ---- why ----------------------------------------------------------------------------------------- */

static size_t add_reason(struct reason_row *rows, size_t n, const char *rule, int64_t until,
                         unsigned retry_after)
{
    rows[n] = (struct reason_row){.rule = rule, .until = until, .retry_after = retry_after};
    return n + 1;
}

static size_t add_sanction(struct reason_row *rows, size_t n, const char *rule,
                           const struct entry *e)
{
    if (e == NULL)
        return n;
    int64_t left = e->until == 0 ? 0 : (e->until - clock_wall_ms()) * NS_PER_MS;
    return add_reason(rows, n, rule, e->until, seconds(left));
}

static size_t reasons_in_room(const struct member *m, struct reason_row *rows, size_t n)
{
    n = add_sanction(rows, n, "muted", mute_of(m));
    int64_t wait = books_silent_for(m->room->books, m->session->user_id, slow_ns(m), clock_now());
    return wait > 0 ? add_reason(rows, n, "slow_mode", 0, seconds(wait)) : n;
}

/* Of one who is not in it. */
static size_t reasons_outside(struct hub *h, const struct session *s, const char *name,
                              struct reason_row *rows, size_t n)
{
    enum problem private = text_is_pair_room(name) ? why_not_pair(h, name, s->user_id) : 0;
    if (private == PROBLEM_BLOCKED)
        return add_reason(rows, n, "blocked", 0, 0);
    if (text_is_pair_room(name))
        return add_reason(rows, n, private == PROBLEM_NONE ? "not_in_room" : "no_such_room", 0, 0);
    const struct room *r = find_room(h, name);
    const struct entry *ban =
        r == NULL ? NULL : books_sanction(r->books, ACTION_BAN, s->user_id, clock_wall_ms());
    bool stranger = r != NULL && rank_of_session(h, r, s) < RANK_MEMBER;
    bool hidden = stranger && room_info(r)->visibility == VISIBILITY_PRIVATE;
    if (name[0] != '\0' && (r == NULL || hidden))
        return add_reason(rows, n, "no_such_room", 0, 0);
    if (ban != NULL)
        return add_sanction(rows, n, "banned", ban);
    bool closed = stranger && room_info(r)->visibility != VISIBILITY_PUBLIC;
    return add_reason(rows, n, closed ? "not_member" : "not_in_room", 0, 0);
}

void on_why(struct hub *h, struct event *e)
{
    enum { MOST = 8 };
    const struct session *s = e->session;
    const struct request_args *a = e->request.args;
    struct reason_row rows[MOST];
    size_t n = 0;
    const struct member *m = e->request.room[0] != '\0' ? session_find(s, e->request.room)
                             : s->nmembers == 1         ? s->members
                                                        : NULL;
    n = m != NULL ? reasons_in_room(m, rows, n) : reasons_outside(h, s, e->request.room, rows, n);
    if (a != NULL && a->retry_after > 0)
        n = add_reason(rows, n, "rate_limited", 0, a->retry_after);
    encode_ok_why(scratch(h), e->request.id, m == NULL ? e->request.room : m->room->name, rows, n);
    reply_scratch(h, e);
}
