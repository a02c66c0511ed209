/* Who may come in: join and leave. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <string.h>

/* Why not, and what else belongs to the answer. */
struct verdict {
    enum problem problem;
    const char *detail;
    unsigned retry_after_s;
    bool by_invite; /* it is to be used up */
};

static struct verdict no(enum problem problem, const char *detail)
{
    return (struct verdict){.problem = problem, .detail = detail};
}

/* Rooms that would be gone without this session. */
static uint32_t rooms_of_its_own(const struct session *s)
{
    uint32_t n = 0;
    for (const struct member *m = s->members; m != NULL; m = m->next)
        n += m->room->nmembers == 1 && !m->room->kept && !m->room->pair;
    return n;
}

/* ---- what the room asks for ---------------------------------------------------------------------- */

static bool is_invited(struct hub *h, const struct event *e, struct room *r)
{
    const struct request_args *a = e->request.args;
    return a != NULL && a->invite[0] != '\0' &&
           books_invited(books_of(h, r), a->invite, e->session->user_id, clock_wall_ms());
}

static struct verdict check_ban(struct room *r, const struct session *s)
{
    int64_t now = clock_wall_ms();
    const struct entry *ban = books_sanction(r->books, ACTION_BAN, s->user_id, now);
    if (ban == NULL)
        return no(PROBLEM_NONE, NULL);
    struct verdict v = no(PROBLEM_BANNED, ban->reason[0] != '\0' ? ban->reason : NULL);
    if (ban->until > 0)
        v.retry_after_s = (unsigned)((ban->until - now + 999) / 1000);
    return v;
}

/* Of those who are no members yet. */
static struct verdict check_key(struct hub *h, const struct event *e, struct room *r)
{
    const struct room_info *info = room_info(r);
    const struct request_args *a = e->request.args;
    if (is_invited(h, e, r))
        return (struct verdict){.problem = PROBLEM_NONE, .by_invite = true};
    if (info->password[0] != '\0' && a != NULL && a->password_hash != NULL &&
        strcmp(a->password_hash, info->password) == 0)
        return no(PROBLEM_NONE, NULL);
    if (info->visibility == VISIBILITY_PRIVATE)
        return no(PROBLEM_NO_SUCH_ROOM, NULL);
    if (info->password[0] != '\0')
        return no(PROBLEM_WRONG_PASSWORD, a != NULL && a->password != NULL
                                              ? "this is not the room's password"
                                              : "this room asks for a password");
    if (info->visibility == VISIBILITY_RESTRICTED)
        return no(PROBLEM_INVITE_REQUIRED, NULL);
    return no(PROBLEM_NONE, NULL);
}

static struct verdict check_door(struct hub *h, const struct event *e, struct room *r)
{
    struct verdict key = {.problem = PROBLEM_NONE};
    enum rank rank = rank_of_session(h, r, e->session);
    if (rank == RANK_OPERATOR || user_find(e->session->user, r, NULL) != NULL)
        return key;
    if (rank < RANK_MEMBER)
        key = check_key(h, e, r);
    if (key.problem == PROBLEM_NO_SUCH_ROOM)
        return key;
    struct verdict ban = check_ban(r, e->session);
    if (ban.problem != PROBLEM_NONE || key.problem != PROBLEM_NONE)
        return ban.problem != PROBLEM_NONE ? ban : key;
    uint32_t most = room_most(room_info(r), h->settings->max_per_room);
    return most > 0 && r->count >= most ? no(PROBLEM_ROOM_FULL, NULL) : key;
}

/* A room that the join would make. Rooms that the session would leave on the way do not count. */
static struct verdict check_new(const struct hub *h, const struct session *s, bool stay)
{
    uint32_t rooms = h->nrooms - (stay ? 0 : rooms_of_its_own(s));
    if (!h->settings->open_rooms)
        return no(PROBLEM_NO_SUCH_ROOM, NULL);
    if (rooms >= h->settings->max_rooms)
        return no(PROBLEM_ROOM_LIMIT, "the server has no room for more rooms");
    return no(PROBLEM_NONE, NULL);
}

static struct verdict check_join(struct hub *h, const struct event *e, struct room *r)
{
    const struct session *s = e->session;
    bool pair = text_is_pair_room(e->request.room);
    enum problem problem = pair ? why_not_pair(h, e->request.room, s->user_id) : PROBLEM_NONE;
    if (!pair && s->grants != NULL && grants_find(s->grants, e->request.room) < 0)
        return no(PROBLEM_FORBIDDEN, "your token does not open this room");
    if (problem == PROBLEM_NONE && e->request.stay &&
        s->nmembers >= h->settings->max_rooms_per_client)
        return no(PROBLEM_ROOM_LIMIT, NULL);
    if (pair)
        return no(problem, NULL);
    return r == NULL ? check_new(h, s, e->request.stay) : check_door(h, e, r);
}

/* ---- coming in ----------------------------------------------------------------------------------- */

/* Puts the reply into scratch. */
static void encode_reply(struct hub *h, const struct event *e, struct member *m, int recovered)
{
    struct room *r = m->room;
    const struct session *s = e->session;
    const struct entry *mute = books_sanction(r->books, ACTION_MUTE, s->user_id, clock_wall_ms());
    const struct room_look look = look_of(h, r);
    const struct joined j = {.seq = r->seq,
                             .read = mark_of(s->user, r),
                             .shown_from = shown_to(r, m),
                             .epoch = r->epoch,
                             .members = r->pair ? 2 : r->count,
                             .rank = (enum rank)m->rank,
                             .muted = mute != NULL,
                             .muted_until = mute == NULL ? 0 : mute->until,
                             .recovered = recovered};
    encode_ok_join(scratch(h), e->request.id, &look, &j);
}

static void leave_others(struct hub *h, struct session *s, const struct member *keep)
{
    struct member *m = s->members;
    while (m != NULL) {
        struct member *next = m->next;
        if (m != keep)
            leave_room(h, m, NULL);
        m = next;
    }
}

/* Using an invitation makes a member of the room. */
static void use_invite(struct hub *h, const struct event *e, struct room *r, struct change *c)
{
    const struct session *s = e->session;
    const char *code = e->request.args->invite;
    books_redeem(books_of(h, r), code, s->user_id, clock_wall_ms());
    keep_invite_gone(c, r, code);
    if (roster_rank(r->roster, s->user_id) == RANK_GUEST)
        room_set_rank(r, s->user_id, s->user->username, RANK_MEMBER);
    keep_rank(c, r, s->user_id);
}

/* The roster knows people by the name they had last. */
static void note_name(struct hub *h, struct room *r, const struct session *s)
{
    const struct affiliation *a = roster_find(r->roster, s->user_id);
    if (a == NULL || strcmp(a->username, s->user->username) == 0)
        return;
    struct change *c = change_begin(h);
    room_set_rank(r, s->user_id, s->user->username, a->rank);
    keep_rank(c, r, s->user_id);
    keep_quietly(h, &c);
}

static void enter(struct hub *h, struct event *e, struct room *r, bool by_invite,
                  const struct recall *recall)
{
    struct session *s = e->session;
    struct change *c = by_invite ? change_begin(h) : NULL;
    if (by_invite)
        use_invite(h, e, r, c);
    else
        note_name(h, r, s);
    flush_room(h, r); /* what was said before is not for the newcomer, unless it is asked for */
    if (r->seq > 0)
        log_epoch(h, r);
    note_arrival(h, s->user, r);
    struct member *m = room_add(r, s);
    if (!r->kept && !r->pair && r->opened_by == NULL)
        r->opened_by = xstrdup(s->user_id);
    __atomic_store_n(&m->rank, (uint8_t)rank_of_session(h, r, s),
                     __ATOMIC_RELAXED); /* it is seen already */
    if (!r->kept)
        settle_runner(h, r);
    if (!r->pair) {
        metric_add(METRIC_MEMBERS, 1);
        metric_add(METRIC_JOINS, 1);
    }
    if (wants_reply(e))
        encode_reply(h, e, m, recall->recovered);
    if (wants_reply(e))
        reply_scratch(h, e);
    keep_quietly(h, &c);
    send_recall(h, e, r, recall);
    if (!r->pair)
        notice_join(h, m);
}

/* A room that is not in memory goes on where its log ends, which is on the disk. NULL when that is being found out,
 * or cannot be. */
struct room *reopen(struct hub *h, struct event *e)
{
    const char *name = e->request.room;
    const struct errand *x = e->errand;
    if (h->config.store == NULL || room_in_memory(h, name) != NULL)
        return open_room(h, name, NULL);
    if (x != NULL && x->have & NEED_HEAD && x->err == 0 && x->gone == rooms_gone(h, name))
        return open_room(h, name, &x->head);
    if (!errand_need(h, e, NEED_HEAD, 0, 0, NULL))
        refuse(h, e, PROBLEM_UNAVAILABLE, "what is kept cannot be read, try again");
    return NULL;
}

void on_join(struct hub *h, struct event *e)
{
    struct session *s = e->session;
    const struct request *req = &e->request;
    struct member *already = session_find(s, req->room);
    if (already != NULL) { /* entering twice changes nothing, but which rooms are left */
        if (!req->stay)
            leave_others(h, s, already);
        if (wants_reply(e)) {
            encode_reply(h, e, already, -1);
            reply_scratch(h, e);
        }
        return;
    }
    struct room *r = find_room(h, req->room);
    struct verdict v = check_join(h, e, r);
    if (v.problem != PROBLEM_NONE) {
        refuse_until(h, e, v.problem, v.detail, v.retry_after_s);
        return;
    }
    const struct viewer viewer = viewer_of(e);
    if (!has_marks(h, e, &viewer) || (r == NULL && (r = reopen(h, e)) == NULL))
        return;
    struct recall recall;
    if (!plan_recall(h, e, r, &recall)) {
        mark_dirty(h, r); /* nobody is in it yet, perhaps */
        return;
    }
    bool opens = r->nmembers == 0 && !r->kept && !r->pair;
    bool begins = opens && r->seq == 0 && h->config.store != NULL;
    unsigned wait = begins ? wait_to_begin(h, s) : 0;
    if (wait > 0) {
        mark_dirty(h, r);
        refuse_until(h, e, PROBLEM_RATE_LIMITED, "too many new rooms, wait a moment", wait);
        return;
    }
    if (!req->stay)
        leave_others(h, s, NULL);
    h->nrooms += opens;
    enter(h, e, r, v.by_invite, &recall);
}

void on_leave(struct hub *h, struct event *e)
{
    struct member *m = meant_member(h, e);
    if (m == NULL)
        return;
    char name[NAME_MAX_BYTES + 1];
    strcpy(name, m->room->name);
    leave_room(h, m, NULL);
    confirm(h, e, name);
}
