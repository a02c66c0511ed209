/* What members ask for: join, leave, message, typing. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>
#include <stdio.h>
#include <string.h>

/* ---- join and leave ------------------------------------------------------------------------------ */

static struct room *find_room(struct hub *h, const char *name)
{
    rcu_read_lock();
    struct room *r = directory_find_room(h->directory, name);
    rcu_read_unlock(); /* the hub alone removes rooms */
    return r;
}

static struct room *open_room(struct hub *h, const char *name)
{
    struct room *r = room_new(name);
    snprintf(r->epoch, sizeof r->epoch, "%016llx", (unsigned long long)h->next_epoch++);
    directory_add_room(h->directory, r);
    metric_add(METRIC_ROOMS, 1);
    return r;
}

/* Rooms that would be empty without this session. */
static uint32_t rooms_of_its_own(const struct session *s)
{
    uint32_t n = 0;
    for (const struct member *m = s->members; m != NULL; m = m->next)
        n += m->room->count == 1;
    return n;
}

/* May this session enter? Rooms that it would leave on the way do not count. */
static enum problem why_not_join(const struct hub *h, const struct session *s, const struct room *r,
                                 bool stay)
{
    uint32_t rooms = h->nrooms - (stay ? 0 : rooms_of_its_own(s));
    if ((r == NULL || r->count == 0) && rooms >= h->settings.max_rooms)
        return PROBLEM_ROOM_LIMIT;
    if (stay && s->nmembers >= h->settings.max_rooms_per_client)
        return PROBLEM_ROOM_LIMIT;
    if (r != NULL && h->settings.max_per_room > 0 && r->count >= h->settings.max_per_room)
        return PROBLEM_ROOM_FULL;
    return PROBLEM_NONE;
}

static void confirm_join(struct hub *h, const struct event *e, const struct room *r)
{
    if (e->reply_to == NULL && e->request.id[0] == '\0')
        return;
    encode_ok_join(scratch(h), e->request.id, r->name, r->seq, r->epoch, r->count);
    reply_scratch(h, e);
}

static void leave_others(struct hub *h, struct session *s, const struct member *keep)
{
    struct member *m = s->members;
    while (m != NULL) {
        struct member *next = m->next;
        if (m != keep)
            leave_room(h, m);
        m = next;
    }
}

void on_join(struct hub *h, struct event *e)
{
    struct session *s = e->session;
    const struct request *req = &e->request;
    struct member *already = session_find(s, req->room);
    if (already != NULL) { /* entering twice changes nothing, but which rooms are left */
        if (!req->stay)
            leave_others(h, s, already);
        confirm_join(h, e, already->room);
        return;
    }
    struct room *r = find_room(h, req->room);
    enum problem problem = why_not_join(h, s, r, req->stay);
    if (problem != PROBLEM_NONE) {
        bool server_is_full = problem == PROBLEM_ROOM_LIMIT &&
                              !(req->stay && s->nmembers >= h->settings.max_rooms_per_client);
        refuse(h, e, problem, server_is_full ? "the server has no room for more rooms" : NULL);
        return;
    }
    if (!req->stay)
        leave_others(h, s, NULL);
    if (r == NULL)
        r = open_room(h, req->room);
    flush_room(h, r); /* what was said before is not for the newcomer */
    if (r->count == 0)
        h->nrooms++;
    struct member *m = room_add(r, s);
    metric_add(METRIC_MEMBERS, 1);
    metric_add(METRIC_JOINS, 1);
    confirm_join(h, e, r);
    notice_join(h, m);
}

/* The room a request means: the named one, or the only one. NULL after the refusal was sent. */
static struct member *meant_room(struct hub *h, const struct event *e)
{
    const struct session *s = e->session;
    if (e->request.room[0] != '\0') {
        struct member *m = session_find(s, e->request.room);
        if (m == NULL)
            refuse(h, e, PROBLEM_NOT_IN_ROOM, NULL);
        return m;
    }
    if (s->nmembers == 1)
        return s->members;
    if (s->nmembers == 0)
        refuse(h, e, PROBLEM_NOT_IN_ROOM, NULL);
    else
        refuse(h, e, PROBLEM_BAD_REQUEST, "you are in several rooms: say which one");
    return NULL;
}

void on_leave(struct hub *h, struct event *e)
{
    struct member *m = meant_room(h, e);
    if (m == NULL)
        return;
    char name[NAME_MAX_BYTES + 1];
    strcpy(name, m->room->name);
    leave_room(h, m);
    confirm(h, e, name);
}

/* ---- talking ------------------------------------------------------------------------------------- */

void on_message(struct hub *h, struct event *e)
{
    struct member *m = meant_room(h, e);
    if (m == NULL)
        return;
    int64_t ts = clock_wall_ms();
    say_message(h, m, &e->request, ts);
    if (e->request.id[0] != '\0') {
        encode_ok_message(scratch(h), e->request.id, m->room->name, m->room->seq, ts);
        send_scratch(h, e->session->outbox);
    }
}

/* To the others, and only to those who can take it at once: it is worth nothing later. */
void on_typing(struct hub *h, struct event *e)
{
    struct member *from = meant_room(h, e);
    if (from == NULL)
        return;
    struct room *r = from->room;
    const struct session *s = from->session;
    flush_room(h, r); /* not ahead of what was said before it */
    encode_typing(scratch(h), r->name, s->user_id, s->username, e->request.typing_paused);
    struct frame *f = frame_new(FRAME_TEXT, h->scratch.data, h->scratch.len);
    for (uint32_t i = 0; i < r->count; i++) {
        struct session *to = r->members[i]->session;
        if (to == s || to->dialect != DIALECT_FULL)
            continue;
        frame_ref(f, 1);
        outbox_offer(to->outbox, f);
    }
    frame_unref(f, 1);
    confirm(h, e, r->name);
}
