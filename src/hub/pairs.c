/* Private conversations as rooms: who may do what in them, how they come into memory, and who is told. Of one of the
 * two nothing is to be learnt there about the other but what that one has said: neither presence nor, while blocked,
 * anything at all. So nothing here may depend on who else is in it. */
#include "hub/hub_private.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/outbox.h>
#include <string.h>
#include <sys/random.h>

enum { IN_MEMORY = 2000 }; /* that a server without a store keeps */

/* ---- who may ------------------------------------------------------------------------------------- */

enum problem why_not_pair(const struct hub *h, const char *room, const char *user_id)
{
    const struct pair *p = user_id == NULL ? NULL : pairs_find(h->pairs, room);
    int own = p == NULL ? -1 : pair_side(p, user_id);
    if (own < 0)
        return PROBLEM_NO_SUCH_ROOM;
    return p->blocks[own] ? PROBLEM_BLOCKED : PROBLEM_NONE;
}

/* What the two may ask about it. The rest is for rooms with somebody who runs them. */
static bool is_for_pairs(enum request_type type)
{
    static const bool is[REQUEST_COUNT] = {
        [REQUEST_JOIN] = true,   [REQUEST_LEAVE] = true,   [REQUEST_MESSAGE] = true,
        [REQUEST_EDIT] = true,   [REQUEST_DELETE] = true,  [REQUEST_REACT] = true,
        [REQUEST_WHY] = true,    [REQUEST_HISTORY] = true, [REQUEST_SEARCH] = true,
        [REQUEST_TYPING] = true, [REQUEST_MEMBERS] = true, [REQUEST_MARK] = true,
    };
    return is[type];
}

bool passes_pair(struct hub *h, const struct event *e)
{
    enum request_type type = e->request.type;
    if (!text_is_pair_room(e->request.room) || type == REQUEST_DM)
        return true;
    enum problem problem = why_not_pair(h, e->request.room, e->session->user_id);
    if (type == REQUEST_CREATE)
        refuse(h, e, PROBLEM_INVALID_ROOM, "such names are for the server to give");
    else if (problem == PROBLEM_NO_SUCH_ROOM)
        return true; /* as with any room that isn't there */
    else if (!is_for_pairs(type))
        refuse(h, e, PROBLEM_FORBIDDEN, "nobody runs a private conversation");
    else if (problem != PROBLEM_NONE && type != REQUEST_WHY && type != REQUEST_LEAVE)
        refuse(h, e, problem, NULL);
    else
        return true;
    return false;
}

/* ---- the room ------------------------------------------------------------------------------------ */

struct room *pair_room(struct hub *h, struct event *e)
{
    struct room *r = room_in_memory(h, e->request.room);
    if (r == NULL && (r = reopen(h, e)) == NULL)
        return NULL;
    mark_dirty(h, r); /* nobody is in it, perhaps */
    return r;
}

struct room *asked_room(struct hub *h, struct event *e)
{
    const char *name = e->request.room;
    return text_is_pair_room(name) && why_not_pair(h, name, viewer_of(e).user_id) == PROBLEM_NONE
               ? pair_room(h, e)
               : meant_room(h, e);
}

static bool is_idle(void *arg, const struct pair *p)
{
    const struct room *r = room_in_memory(arg, p->room);
    return r == NULL || r->nmembers == 0;
}

/* Without a store there are no more than so many. */
static void make_space(struct hub *h)
{
    struct pair *oldest = NULL;
    if (h->config.store != NULL || pairs_count(h->pairs) < IN_MEMORY ||
        (oldest = pairs_oldest(h->pairs, is_idle, h)) == NULL)
        return;
    struct room *r = room_in_memory(h, oldest->room);
    pairs_end(h->pairs, oldest);
    if (r != NULL)
        mark_dirty(h, r); /* which ends it: see put_away() */
}

struct pair *begin_pair(struct hub *h, const struct session *by, const struct target *other)
{
    unsigned char random[(PAIR_ROOM_LEN - 3) / 2];
    char room[PAIR_ROOM_LEN + 1] = "dm:";
    make_space(h);
    INSIST(getrandom(random, sizeof random, 0) == sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        for (int half = 0; half < 2; half++)
            room[3 + 2 * i + half] = "0123456789abcdef"[half ? random[i] & 15 : random[i] >> 4];
    struct pair *p = pairs_begin(h->pairs, room, by->user_id, by->user->username, other->user_id,
                                 other->username);
    p->ts = clock_wall_ms();
    open_room(h, room, &(struct log_head){.exists = false});
    log_pair(h, p);
    return p;
}

void name_in_pair(struct hub *h, struct pair *p, int side, const char *username)
{
    if (pairs_rename(h->pairs, p, side, username))
        log_pair(h, p);
}

/* ---- telling ------------------------------------------------------------------------------------- */

/* Those of a user's connections that are not in the room. */
static void tell_user(struct hub *h, const struct event *e, const char *user_id,
                      const struct private_message *m)
{
    rcu_read_lock();
    const struct user *u = directory_find_user(h->directory, user_id);
    rcu_read_unlock(); /* the hub alone removes users */
    for (const struct session *s = u == NULL ? NULL : u->sessions; s != NULL; s = s->next_of_user) {
        if (s == e->session || session_find(s, m->room) != NULL)
            continue;
        encode_dm(scratch(h), s->dialect, m);
        send_scratch(h, s->outbox);
    }
}

void tell_pair(struct hub *h, const struct event *e, const struct room *r, int64_t ts)
{
    struct pair *p = pairs_find(h->pairs, r->name);
    int own = pair_side(p, e->session->user_id);
    name_in_pair(h, p, own, e->session->user->username);
    p->seq = r->seq;
    p->ts = ts;
    const struct private_message m = {.room = r->name,
                                      .from = p->username[own],
                                      .from_id = pair_id(p, own),
                                      .to = p->username[!own],
                                      .to_id = pair_id(p, !own),
                                      .content_json = e->request.text,
                                      .seq = r->seq,
                                      .ts = ts};
    tell_user(h, e, m.from_id, &m);
    if (!p->blocks[!own])
        tell_user(h, e, m.to_id, &m);
}

/* ---- asking -------------------------------------------------------------------------------------- */

/* Both, whoever is here. */
void on_members(struct hub *h, struct event *e)
{
    const struct pair *p = pairs_find(h->pairs, e->request.room);
    if (p == NULL || pair_side(p, e->session->user_id) < 0) {
        refuse(h, e, PROBLEM_NO_SUCH_ROOM, NULL);
        return;
    }
    struct member_row rows[2];
    for (int i = 0; i < 2; i++)
        rows[i] = (struct member_row){.user_id = pair_id(p, i),
                                      .username = p->username[i],
                                      .rank = RANK_MEMBER,
                                      .secret = true};
    encode_members(scratch(h), true, e->request.id, p->room, rows, 2);
    reply_scratch(h, e);
}
