/* Who is what where, and whom a request means. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <string.h>

/* ---- ranks --------------------------------------------------------------------------------------- */

enum rank rank_of(const struct hub *h, const struct room *r, const char *user_id,
                  const struct grants *grants)
{
    if (r != NULL && r->pair)
        return why_not_pair(h, r->name, user_id) == PROBLEM_NONE ? RANK_MEMBER : RANK_GUEST;
    if (directory_is_operator(h->directory, user_id))
        return RANK_OPERATOR;
    if (r == NULL)
        return RANK_GUEST;
    if (!r->kept && r->runner != NULL && strcmp(r->runner->id, user_id) == 0)
        return RANK_OWNER;
    enum rank rank = roster_rank(r->roster, user_id);
    int granted = grants == NULL ? -1 : grants_find(grants, r->name);
    return granted > (int)rank ? (enum rank)granted : rank;
}

enum rank rank_of_session(const struct hub *h, const struct room *r, const struct session *s)
{
    return rank_of(h, r, s->user_id, s->grants);
}

/* The highest of a user's sessions: a moderator by token is one in every tab that others look at. */
static enum rank rank_of_user(const struct hub *h, const struct room *r, const char *user_id,
                              const struct user *online)
{
    enum rank rank = rank_of(h, r, user_id, NULL);
    for (const struct session *s = online == NULL ? NULL : online->sessions; s != NULL;
         s = s->next_of_user) {
        enum rank by_token = rank_of_session(h, r, s);
        rank = by_token > rank ? by_token : rank;
    }
    return rank;
}

void refresh_ranks(struct hub *h, struct room *r, const char *user_id)
{
    rcu_read_lock();
    const struct user *u = directory_find_user(h->directory, user_id);
    rcu_read_unlock(); /* the hub alone removes users */
    if (u == NULL)
        return;
    for (const struct session *s = u->sessions; s != NULL; s = s->next_of_user)
        for (struct member *m = s->members; m != NULL; m = m->next)
            if (m->room == r)
                __atomic_store_n(&m->rank, (uint8_t)rank_of_session(h, r, s), __ATOMIC_RELAXED);
}

void refresh_bars(struct hub *h, struct room *r)
{
    if (r == NULL)
        directory_set_bars(h->directory, h->books);
    else
        bars_refresh(&r->bars, r->books);
}

/* ---- who runs an open room ----------------------------------------------------------------------- */

void tell_rank(struct hub *h, struct room *r, const struct user *u)
{
    refresh_ranks(h, r, u->id);
    const struct moderation m = {.room = r->name,
                                 .action = ACTION_ROLE,
                                 .user_id = u->id,
                                 .username = u->username,
                                 .by = SERVER_NAME,
                                 .rank = (int)rank_of_user(h, r, u->id, u),
                                 .undone = -1};
    encode_moderation(scratch(h), &m);
    say_scratch(h, r, TO_FULL);
}

/* Whoever opened it, while in it; else who has been in longest. */
static struct user *who_runs(const struct hub *h, const struct room *r)
{
    if (r->kept || r->pair || r->nmembers == 0)
        return NULL;
    rcu_read_lock();
    struct user *opener = directory_find_user(h->directory, r->opened_by);
    rcu_read_unlock(); /* the hub alone removes users */
    if (opener != NULL && user_find(opener, r, NULL) != NULL)
        return opener;
    return cds_list_first_entry(&r->list, struct member, node)->session->user;
}

void settle_runner(struct hub *h, struct room *r)
{
    struct user *before = r->runner, *now = who_runs(h, r);
    if (before == now)
        return;
    r->runner = now;
    bool news = before != NULL && now != NULL;
    if (news && user_find(before, r, NULL) != NULL)
        tell_rank(h, r, before);
    if (news)
        tell_rank(h, r, now);
    else if (now != NULL)
        refresh_ranks(h, r, now->id);
}

/* ---- whom a request means ------------------------------------------------------------------------ */

void note_seen(struct hub *h, const struct session *s)
{
    if (h->seen == NULL)
        h->seen = xmalloc(SEEN_MAX * sizeof *h->seen);
    struct seen *seen = &h->seen[h->nseen++ % SEEN_MAX];
    strcpy(seen->user_id, s->user_id);
    strcpy(seen->username, s->user->username);
    strcpy(seen->address, s->local ? "" : s->address); /* the own machine is never banned */
}

static void set_target(struct target *t, const char *user_id, const char *username)
{
    text_copy(t->user_id, sizeof t->user_id, user_id, strlen(user_id));
    text_copy(t->username, sizeof t->username, username, strlen(username));
}

static const struct seen *find_seen(const struct hub *h, const char *user_id, const char *username)
{
    size_t n = h->nseen < SEEN_MAX ? h->nseen : SEEN_MAX;
    for (size_t i = 1; i <= n; i++) {
        const struct seen *s = &h->seen[(h->nseen - i) % SEEN_MAX];
        if ((user_id != NULL && strcmp(s->user_id, user_id) == 0) ||
            (username != NULL && strcmp(s->username, username) == 0))
            return s;
    }
    return NULL;
}

static bool find_by_id(struct hub *h, const struct room *r, const char *id, struct target *t)
{
    rcu_read_lock();
    t->online = directory_find_user(h->directory, id);
    rcu_read_unlock(); /* the hub alone removes users */
    const struct affiliation *a = r == NULL ? NULL : roster_find(r->roster, id);
    const struct entry *e = books_named(r == NULL ? h->books : r->books, id, NULL);
    const struct seen *s = find_seen(h, id, NULL);
    if (t->online == NULL && a == NULL && e == NULL && s == NULL)
        return false;
    set_target(t, id,
               t->online != NULL ? t->online->username
               : a != NULL       ? a->username
               : e != NULL       ? e->username
                                 : s->username);
    return true;
}

static bool find_by_name(struct hub *h, const struct room *r, const char *name, struct target *t)
{
    char key[LOOKALIKE_MAX + 1];
    lookalike_key(name, key);
    rcu_read_lock();
    t->online = directory_find_key(h->directory, key);
    rcu_read_unlock(); /* the hub alone removes users */
    const struct affiliation *a = r == NULL ? NULL : roster_find_name(r->roster, name);
    const struct entry *e = books_named(r == NULL ? h->books : r->books, NULL, name);
    const struct seen *s = find_seen(h, NULL, name);
    if (t->online == NULL && a == NULL && e == NULL && s == NULL)
        return false;
    set_target(t,
               t->online != NULL ? t->online->id
               : a != NULL       ? a->user_id
               : e != NULL       ? e->user_id
                                 : s->user_id,
               t->online != NULL ? t->online->username : name);
    return true;
}

/* The id in it when it can be nothing else: guests' have a form of their own, others are marked as ids.
 * So also somebody who was never here can be named, and a slip of the pen bans nobody. */
static const char *certain_id(const char *user)
{
    static const size_t mark = sizeof ID_MARK - 1;
    if (strncmp(user, ID_MARK, mark) == 0 && user[mark] != '\0')
        return user + mark;
    return text_is_guest_id(user) ? user : NULL;
}

void find_user(struct hub *h, const struct room *r, const char *user_id, struct target *t)
{
    *t = (struct target){.online = NULL};
    if (!find_by_id(h, r, user_id, t))
        set_target(t, user_id, user_id);
    t->rank = rank_of_user(h, r, t->user_id, t->online);
}

bool find_target(struct hub *h, const struct room *r, const char *user, struct target *t)
{
    const char *id = certain_id(user);
    if (id != NULL) {
        find_user(h, r, id, t);
        return true;
    }
    *t = (struct target){.online = NULL};
    if (!find_by_id(h, r, user, t) && !find_by_name(h, r, user, t))
        return false;
    t->rank = rank_of_user(h, r, t->user_id, t->online);
    return true;
}

/* ---- permission ---------------------------------------------------------------------------------- */

/* Who is banned, or whose token does not open the room, has no say in it. */
static enum problem why_no_say(const struct hub *h, const struct session *s, const struct room *r)
{
    if (r == NULL || r->pair || directory_is_operator(h->directory, s->user_id))
        return PROBLEM_NONE;
    if (s->grants != NULL && grants_find(s->grants, r->name) < 0)
        return PROBLEM_FORBIDDEN;
    return books_sanction(r->books, ACTION_BAN, s->user_id, clock_wall_ms()) != NULL
               ? PROBLEM_BANNED
               : PROBLEM_NONE;
}

bool has_say(struct hub *h, const struct event *e, const struct room *r)
{
    enum problem problem = why_no_say(h, e->session, r);
    if (problem != PROBLEM_NONE)
        refuse(h, e, problem,
               problem == PROBLEM_FORBIDDEN ? "your token does not open this room" : NULL);
    return problem == PROBLEM_NONE;
}

bool may(struct hub *h, const struct event *e, const struct room *r)
{
    if (!has_say(h, e, r))
        return false;
    enum rank needed = r == NULL ? RANK_OPERATOR : rights_needed(e->request.type);
    enum rank own = rank_of_session(h, r, e->session);
    if (own >= needed)
        return true;
    char why[96];
    if (needed == RANK_OPERATOR)
        snprintf(why, sizeof why, "only operators of the server may do that");
    else
        snprintf(why, sizeof why, "this takes the rank of %s, yours is %s", rank_name(needed),
                 rank_name(own));
    refuse(h, e, PROBLEM_FORBIDDEN, why);
    return false;
}

bool may_act(struct hub *h, const struct event *e, const struct room *r, struct target *t)
{
    if (!may(h, e, r))
        return false;
    if (!find_target(h, r, e->request.args->user, t)) {
        refuse(h, e, PROBLEM_UNKNOWN_USER, NULL);
        return false;
    }
    if (strcmp(t->user_id, e->session->user_id) == 0) {
        refuse(h, e, PROBLEM_FORBIDDEN, "not to yourself");
        return false;
    }
    if (!rights_over(rank_of_session(h, r, e->session), t->rank)) {
        refuse(h, e, PROBLEM_FORBIDDEN, "nobody acts on an equal or higher rank");
        return false;
    }
    return true;
}
