/* Who belongs to a room: invitations, membership, ranks. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <string.h>

static const int64_t INVITE_MS = 24 * 60 * 60 * INT64_C(1000);

/* ---- invite -------------------------------------------------------------------------------------- */

/* Whom it is for; true also when it is for anybody. */
static bool find_invited(struct hub *h, const struct event *e, const struct room *r,
                         struct target *t)
{
    *t = (struct target){.online = NULL};
    if (e->request.args->user[0] == '\0')
        return true;
    if (!find_target(h, r, e->request.args->user, t)) {
        refuse(h, e, PROBLEM_UNKNOWN_USER, NULL);
        return false;
    }
    if (books_sanction(r->books, ACTION_BAN, t->user_id, clock_wall_ms()) == NULL)
        return true;
    refuse(h, e, PROBLEM_FORBIDDEN, "that user is banned from the room: lift the ban first");
    return false;
}

void on_invite(struct hub *h, struct event *e)
{
    struct target t;
    struct room *r = meant_room(h, e);
    if (r == NULL || !may(h, e, r) || !find_invited(h, e, r, &t))
        return;
    int64_t now = clock_wall_ms();
    books_expire(room_books(r), now);
    const struct invite *i =
        books_invite(r->books, t.user_id, e->session->user_id, now + INVITE_MS);
    if (i == NULL) {
        refuse(h, e, PROBLEM_UNAVAILABLE, "too many invitations to this room are outstanding");
        return;
    }
    struct change *c = change_begin(h);
    keep_invite(c, r, i);
    if (t.online != NULL && !pairs_blocks(h->pairs, t.user_id, e->session->user_id)) {
        encode_invite(scratch(h), r->name, e->session->user->username, i->code, i->until);
        send_scratch_to_user(h, t.online, TO_FULL);
    }
    encode_ok_invite(scratch(h), e->request.id, r->name, i->code, i->until);
    confirm_change(h, e, &c);
}

/* ---- add, remove, role --------------------------------------------------------------------------- */

/* Gives a rank, writes it down and tells. */
static struct entry *give(struct hub *h, const struct event *e, struct room *r,
                          const struct target *t, enum action action, enum rank rank,
                          struct change *c)
{
    room_set_rank(r, t->user_id, t->username, rank);
    refresh_ranks(h, r, t->user_id);
    keep_rank(c, r, t->user_id);
    const struct deed deed = {.action = action,
                              .target = t,
                              .reason = e->request.args->reason,
                              .rank = (int)rank,
                              .undid = -1};
    return record_deed(h, e, r, &deed, c);
}

/* Whom it is about. Of others by rank alone, of themselves whoever has a say: to lower the own rank takes none. */
static bool find_whom(struct hub *h, const struct event *e, const struct room *r, struct target *t,
                      bool *self)
{
    bool found = find_target(h, r, e->request.args->user, t);
    *self = found && strcmp(t->user_id, e->session->user_id) == 0;
    if (*self ? !has_say(h, e, r) : !may(h, e, r))
        return false;
    if (!found)
        refuse(h, e, PROBLEM_UNKNOWN_USER, NULL);
    return found;
}

/* The rank that is written down counts: what a token gives, or running an open room, stays as it is. Nobody
 * raises it, and the last owner may not lower it. */
static bool may_step_down(struct hub *h, const struct event *e, const struct room *r, enum rank to)
{
    enum rank own = roster_rank(r->roster, e->session->user_id);
    bool runs = !r->kept && rank_of_session(h, r, e->session) == RANK_OWNER;
    if (runs || (own == RANK_OWNER && to < own && roster_count(r->roster, RANK_OWNER) == 1)) {
        refuse(h, e, PROBLEM_FORBIDDEN, "the last owner stays: make another one first");
        return false;
    }
    if (to < own)
        return true;
    bool by_token = rank_of_session(h, r, e->session) > own;
    refuse(h, e, PROBLEM_FORBIDDEN,
           by_token ? "your rank comes with your token" : "nobody raises their own rank");
    return false;
}

void on_add(struct hub *h, struct event *e)
{
    struct target t;
    bool self;
    struct room *r = meant_room(h, e);
    if (r == NULL || !find_whom(h, e, r, &t, &self) || (self && !may(h, e, r)))
        return;
    struct change *c = change_begin(h);
    const struct entry *entry = NULL;
    if (roster_rank(r->roster, t.user_id) == RANK_GUEST)
        entry = give(h, e, r, &t, ACTION_ADD, RANK_MEMBER, c);
    confirm_deed(h, e, r, &t, entry, -1, &c);
}

/* Taking a rank away: the own one, or that of somebody lower. */
static bool may_remove(struct hub *h, const struct event *e, const struct room *r,
                       const struct target *t, bool self)
{
    enum rank own = rank_of_session(h, r, e->session);
    if (roster_rank(r->roster, t->user_id) == RANK_GUEST) {
        refuse(h, e, PROBLEM_UNKNOWN_USER, "that user is no member of the room");
        return false;
    }
    if (self && own != RANK_OPERATOR)
        return may_step_down(h, e, r, RANK_GUEST);
    if (self || rights_over(own, t->rank))
        return true;
    refuse(h, e, PROBLEM_FORBIDDEN, "nobody acts on an equal or higher rank");
    return false;
}

void on_remove(struct hub *h, struct event *e)
{
    struct target t;
    bool self;
    struct room *r = meant_room(h, e);
    if (r == NULL || !find_whom(h, e, r, &t, &self) || !may_remove(h, e, r, &t, self))
        return;
    struct change *c = change_begin(h);
    const struct entry *entry = give(h, e, r, &t, ACTION_REMOVE, RANK_GUEST, c);
    if (t.online != NULL && room_info(r)->visibility != VISIBILITY_PUBLIC)
        expel(h, r, t.online, " was removed from the room");
    confirm_deed(h, e, r, &t, entry, -1, &c);
}

static bool may_give(struct hub *h, const struct event *e, const struct room *r,
                     const struct target *t, bool self)
{
    enum rank own = rank_of_session(h, r, e->session), to = e->request.args->role;
    if (self)
        return own == RANK_OPERATOR || may_step_down(h, e, r, to);
    if (rights_give(own, t->rank, to))
        return true;
    refuse(h, e, PROBLEM_FORBIDDEN,
           rights_over(own, t->rank) ? "nobody gives a rank above their own"
                                     : "nobody acts on an equal or higher rank");
    return false;
}

void on_role(struct hub *h, struct event *e)
{
    struct target t;
    bool self;
    enum rank to = e->request.args->role;
    struct room *r = meant_room(h, e);
    if (r == NULL || !find_whom(h, e, r, &t, &self) || !may_give(h, e, r, &t, self))
        return;
    struct change *c = change_begin(h);
    const struct entry *entry = give(h, e, r, &t, ACTION_ROLE, to, c);
    confirm_deed(h, e, r, &t, entry, (int)to, &c);
}
