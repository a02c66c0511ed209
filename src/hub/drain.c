/* The server stops: everybody is told when to come back, each with a slot of its own, and leaves in it,
 * so that a thousand clients do not knock at the next server in the same moment. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/outbox.h>

static void send_goaway(struct hub *h, const struct session *s, int64_t slot)
{
    if (s->dialect != DIALECT_FULL)
        return;
    encode_goaway(scratch(h), "the server is stopping", slot / NS_PER_MS);
    send_scratch(h, s->outbox);
}

void on_drain(struct hub *h, struct event *e)
{
    int64_t now = clock_now();
    int64_t slot = 0;
    for (struct session *s = h->sessions; s != NULL; s = s->next) {
        s->leave_at = now + slot;
        send_goaway(h, s, slot);
        slot += e->drain_ns / h->nsessions;
    }
    h->draining = true;
    h->leaving = h->sessions;
    drain_due(h, now);
}

void drain_due(struct hub *h, int64_t now)
{
    for (; h->leaving != NULL && h->leaving->leave_at <= now; h->leaving = h->leaving->next) {
        for (struct member *m = h->leaving->members; m != NULL; m = m->next)
            flush_room(h, m->room); /* what was said before it leaves is for it too */
        outbox_close(h->leaving->outbox, GOING_AWAY, "the server is stopping");
    }
}
