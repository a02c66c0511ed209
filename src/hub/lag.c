/* Members that do not keep up. When so much waits for one that nine tenths of its outbox are full, and its socket takes
 * nothing, what is said in the room is no longer sent to it: it stays connected, and once half of the outbox is free
 * again it is told by a `gap` what it has missed, which it can ask for. What changes the room, or takes back a message that
 * it has heard, it hears meanwhile, as long as there is any room in its outbox. */
#include "hub/hub_private.h"

#include <hubbub/metrics.h>
#include <hubbub/outbox.h>

void pause_member(struct hub *h, struct member *m)
{
    m->paused = true;
    m->heard = m->room->flushed;
    m->heard_changes = m->room->changes_flushed;
    m->paused_next = h->paused;
    h->paused = m;
    metric_add(METRIC_PAUSES, 1);
}

void forget_pause(struct hub *h, struct member *m)
{
    if (!m->paused)
        return;
    struct member **link = &h->paused;
    while (*link != m)
        link = &(*link)->paused_next;
    *link = m->paused_next;
    m->paused = false;
}

void say_to_all(struct hub *h, struct room *r)
{
    flush_room(h, r); /* which may pause somebody */
    say_scratch(h, r, TO_FULL);
    for (const struct member *m = h->paused; m != NULL; m = m->paused_next)
        if (m->room == r)
            outbox_offer(m->session->outbox, frame_new(FRAME_TEXT, h->scratch.data, h->scratch.len),
                         OUTBOX_FOR_ALL);
}

void say_taken_back(struct hub *h, struct room *r, uint64_t seq)
{
    flush_room(h, r); /* which may pause somebody */
    say_about(h, r, seq);
    for (const struct member *m = h->paused; m != NULL; m = m->paused_next)
        if (m->room == r && seq <= m->heard && seq >= shown_to(r, m))
            outbox_offer(m->session->outbox, frame_new(FRAME_TEXT, h->scratch.data, h->scratch.len),
                         OUTBOX_FOR_ALL);
}

/* How many are there now is told as well: comings and goings were missed, too. */
static void tell_missed(struct hub *h, const struct member *m)
{
    const struct room *r = m->room;
    bool changed = m->heard_changes != r->changes;
    if (m->heard < r->seq || changed) {
        bool kept = h->config.store != NULL || history_first(&r->history, r->seq) <= m->heard + 1;
        encode_gap(scratch(h), r->name, m->heard + 1, r->seq, kept, changed);
        send_scratch(h, m->session->outbox);
        metric_add(METRIC_GAPS, 1);
    }
    if (r->pair)
        return;
    encode_presence(scratch(h), r->name, NULL, 0, NULL, 0, r->count);
    send_scratch(h, m->session->outbox);
}

void resume_members(struct hub *h)
{
    for (struct member **link = &h->paused, *m; (m = *link) != NULL;) {
        if (!outbox_is_free(m->session->outbox, 5)) {
            link = &m->paused_next;
            continue;
        }
        *link = m->paused_next;
        flush_room(h, m->room); /* the gap ends with what was said so far */
        m->paused = false;
        if (outbox_close_code(m->session->outbox) == 0)
            tell_missed(h, m);
    }
}
