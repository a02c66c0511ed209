/* Who came and who went, and who reacted to what. In small rooms one notice each; above the limit they are gathered
 * and told at most once a second, because single notices grow with the square of a room. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/outbox.h>

static const int64_t ANNOUNCE_EVERY = NS_PER_S;

static bool is_crowded(const struct hub *h, const struct room *r)
{
    return r->count > h->settings->notice_limit;
}

static void schedule(struct hub *h, struct room *r)
{
    if (r->announcing)
        return;
    r->announcing = true;
    r->announce_at = clock_now() + ANNOUNCE_EVERY;
    r->announce_next = h->announcing;
    h->announcing = r;
    if (r->announce_at < h->next_announce)
        h->next_announce = r->announce_at;
}

void notice_join(struct hub *h, struct member *m)
{
    struct session *s = m->session;
    encode_join(scratch(h), m->room->name, s->user->username, s->user_id, (enum rank)m->rank,
                m->room->count);
    if (m->shadow) { /* the others know that this user is here */
        send_scratch(h, s->outbox);
        return;
    }
    if (!is_crowded(h, m->room)) {
        say_scratch(h, m->room, TO_ALL);
        return;
    }
    send_scratch(h, s->outbox); /* the joiner is always told at once */
    room_note_join(m);
    schedule(h, m->room);
}

bool notice_leave_later(struct hub *h, struct member *m)
{
    if (!is_crowded(h, m->room) && m->joined_index < 0)
        return false;
    room_note_leave(m);
    schedule(h, m->room);
    return true;
}

void notice_leave(struct hub *h, struct room *r, const struct user *u, const char *did)
{
    if (did == NULL)
        encode_leave(scratch(h), r->name, u->username, u->id, r->count);
    else
        encode_leave_how(scratch(h), r->name, u->username, u->id, did, r->count);
    say_scratch(h, r, TO_ALL);
}

static void announce_reactions(struct hub *h, struct room *r)
{
    for (uint32_t i = 0; i < r->nreacted; i++) {
        const struct reaction_note *n = &r->reacted[i];
        encode_reaction(scratch(h), r->name, n->seq, NULL, NULL, n->emoji, true, n->count);
        r->changes++;
        say_about(h, r, n->seq);
    }
}

static void announce(struct hub *h, struct room *r)
{
    const char *joined[NOTICE_MAX_NAMES], *left[NOTICE_MAX_NAMES];
    for (uint32_t i = 0; i < r->njoined; i++)
        joined[i] = r->joined[i]->session->user->username;
    for (uint32_t i = 0; i < r->nleft; i++)
        left[i] = r->left[i];
    if (r->njoined + r->nleft > 0 && r->nmembers > 0) {
        encode_presence(scratch(h), r->name, joined, r->njoined, left, r->nleft, r->count);
        say_scratch(h, r, TO_FULL);
    }
    announce_reactions(h, r);
    room_notes_clear(r);
}

/* The user itself is told at once, wherever it is. */
void notice_reaction(struct hub *h, struct room *r, const struct session *by, uint64_t seq,
                     const char *emoji, bool on, uint32_t count)
{
    encode_reaction(scratch(h), r->name, seq, by->user_id, by->user->username, emoji, on, count);
    if (!is_crowded(h, r) && r->nreacted == 0) {
        r->changes++;
        say_about(h, r, seq);
        return;
    }
    for (const struct session *s = by->user->sessions; s != NULL; s = s->next_of_user)
        if (s->dialect == DIALECT_FULL && session_find(s, r->name) != NULL)
            send_scratch(h, s->outbox);
    if (!room_note_reaction(r, seq, emoji, count)) {
        announce(h, r);
        room_note_reaction(r, seq, emoji, count);
    }
    schedule(h, r);
}

void announce_due(struct hub *h, int64_t now)
{
    if (now < h->next_announce)
        return;
    h->next_announce = DEADLINE_NEVER;
    struct room **link = &h->announcing;
    while (*link != NULL) {
        struct room *r = *link;
        if (r->announce_at <= now) {
            *link = r->announce_next;
            r->announcing = false;
            announce(h, r);
        } else {
            if (r->announce_at < h->next_announce)
                h->next_announce = r->announce_at;
            link = &r->announce_next;
        }
    }
}

void notice_forget(struct hub *h, struct room *r)
{
    if (!r->announcing)
        return;
    struct room **link = &h->announcing;
    while (*link != r)
        link = &(*link)->announce_next;
    *link = r->announce_next;
    r->announcing = false;
    room_notes_clear(r);
}
