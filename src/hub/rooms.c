/* Rooms begin, are found, are left and end. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/hash.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- finding ------------------------------------------------------------------------------------- */

struct room *room_in_memory(struct hub *h, const char *name)
{
    rcu_read_lock();
    struct room *r = directory_find_room(h->directory, name);
    rcu_read_unlock(); /* the hub alone removes rooms */
    return r;
}

/* Without members, and not kept: it goes at the end of the batch. */
static bool is_over(const struct room *r)
{
    return r->nmembers == 0 && !r->kept && !r->pair;
}

/* Conversations are none of those that are counted: nobody is to see them come and go. */
void count_rooms(const struct room *r, int n)
{
    if (!r->pair)
        metric_add(METRIC_ROOMS, n);
}

struct room *find_room(struct hub *h, const char *name)
{
    struct room *r = room_in_memory(h, name);
    return r == NULL || is_over(r) ? NULL : r;
}

/* What was said under its name before was said elsewhere. */
static void begin_life(struct hub *h, struct room *r)
{
    r->life = ++h->lives;
    r->begun = clock_wall_ms();
}

/* Digits that are the same for all logs of a room in one run, or nearly. */
enum { EPOCH_OF_RUN = 12 };

/* In one run of the server a room's numbering keeps its name as long as its log is not begun anew, however often the
 * room goes out of memory and comes back. A log that was begun anew never gets back the name of the one before.
 * That of a conversation begins once, and the name must not tell whether the room was in memory all the time. */
static void name_numbering(struct hub *h, struct room *r, bool anew)
{
    if (anew) {
        h->logs_begun++;
        begin_life(h, r);
    }
    uint64_t begun = r->pair ? 0 : h->logs_begun;
    uint64_t run = hash_text(h->run + (begun >> 16), r->name);
    snprintf(r->epoch, sizeof r->epoch, "%012llx%04x", (unsigned long long)run >> 16,
             (unsigned)(begun & 0xffff));
    r->epoch_noted = false;
}

struct room *open_room(struct hub *h, const char *name, const struct log_head *head)
{
    struct room *r = room_in_memory(h, name);
    if (r == NULL) {
        r = room_new(name);
        directory_add_room(h->directory, r);
        count_rooms(r, 1);
        name_numbering(h, r, h->config.store == NULL);
        if (head != NULL && head->exists) {
            r->seq = head->last;
            r->first = head->first;
            r->epoch_noted = strncmp(r->epoch, head->epoch, EPOCH_OF_RUN) == 0;
            if (r->epoch_noted)
                strcpy(r->epoch, head->epoch);
        } else if (head != NULL) {
            begin_life(h, r);
        }
        return r;
    }
    notice_forget(h, r);
    room_reset(r);
    if (h->config.store == NULL) {
        room_clear_log(r);
        name_numbering(h, r, true);
    }
    return r;
}

void begin_log(struct hub *h, struct room *r)
{
    room_clear_log(r);
    name_numbering(h, r, true);
    count_gone(h, r->name);
    forget_marks(h, r->name);
    log_gone(h, r);
    r->begun_by = r->change;
}

/* Of the room at all. */
static bool may_know(const struct hub *h, const struct session *s, const struct room *r)
{
    return room_info(r)->visibility != VISIBILITY_PRIVATE || user_find(s->user, r, NULL) != NULL ||
           rank_of_session(h, r, s) == RANK_OPERATOR ||
           (rank_of_session(h, r, s) >= RANK_MEMBER &&
            books_sanction(r->books, ACTION_BAN, s->user_id, clock_wall_ms()) == NULL);
}

static struct member *only_member(struct hub *h, const struct event *e)
{
    const struct session *s = e->session;
    if (s->nmembers == 1)
        return s->members;
    if (s->nmembers == 0)
        refuse(h, e, PROBLEM_NOT_IN_ROOM, NULL);
    else
        refuse(h, e, PROBLEM_BAD_REQUEST, "you are in several rooms: say which one");
    return NULL;
}

struct room *meant_room(struct hub *h, const struct event *e)
{
    if (e->request.room[0] == '\0') {
        const struct member *m = only_member(h, e);
        return m == NULL ? NULL : m->room;
    }
    struct room *r = find_room(h, e->request.room);
    if (r != NULL && may_know(h, e->session, r))
        return r;
    refuse(h, e, PROBLEM_NO_SUCH_ROOM, NULL);
    return NULL;
}

struct member *meant_member(struct hub *h, const struct event *e)
{
    if (e->request.room[0] == '\0')
        return only_member(h, e);
    struct member *m = session_find(e->session, e->request.room);
    if (m == NULL)
        refuse(h, e, PROBLEM_NOT_IN_ROOM, NULL);
    return m;
}

struct room_look look_of(const struct hub *h, const struct room *r)
{
    const struct room_info *info = room_info(r);
    uint32_t most = info->max_users == 0 ? 0 : room_most(info, h->settings->max_per_room);
    return (struct room_look){.room = r->name,
                              .title = info->title,
                              .topic = info->topic,
                              .visibility = info->visibility,
                              .max_users = most,
                              .slow_mode = info->slow_mode,
                              .hides_past = info->hides_past,
                              .has_password = info->password[0] != '\0',
                              .kept = r->kept || r->pair};
}

/* ---- leaving ------------------------------------------------------------------------------------- */

/* Without a word to the others. */
static void part(struct hub *h, struct member *m)
{
    struct room *r = m->room;
    forget_pause(h, m);
    room_remove(m);
    if (is_over(r))
        h->nrooms--;
    mark_dirty(h, r); /* it may be empty now */
    if (!r->pair) {
        metric_add(METRIC_MEMBERS, -1);
        metric_add(METRIC_LEAVES, 1);
    }
}

void leave_room(struct hub *h, struct member *m, const char *did)
{
    struct room *r = m->room;
    struct session *s = m->session;
    bool last = user_find(s->user, r, m) == NULL; /* no other tab of the user stays */
    flush_room(h, r); /* what was said while it was in there is for it too */
    if (did != NULL) {
        encode_leave_how(scratch(h), r->name, s->user->username, s->user_id, did,
                         r->pair ? 2 : r->count - (last ? 1 : 0));
        send_scratch(h, s->outbox);
    }
    if (r->pair) {
        part(h, m);
        return;
    }
    bool later = last && notice_leave_later(h, m);
    part(h, m);
    if (r->nmembers == 0) {
        r->runner = NULL;
        return;
    }
    if (last && !later)
        notice_leave(h, r, s->user, did);
    if (last && !r->kept)
        settle_runner(h, r);
}

bool expel(struct hub *h, struct room *r, struct user *u, const char *did)
{
    struct member *m;
    bool any = false;
    for (; (m = user_find(u, r, NULL)) != NULL; any = true)
        leave_room(h, m, did);
    return any;
}

void close_room(struct hub *h, struct room *r)
{
    flush_room(h, r);
    notice_forget(h, r);
    bool was_empty = r->nmembers == 0;
    begin_log(h, r);
    r->runner = NULL;
    room_set_kept(r, false);
    while (r->nmembers > 0)
        part(h, r->members[r->nmembers - 1]);
    if (was_empty)
        h->nrooms--;
    mark_dirty(h, r);
}
