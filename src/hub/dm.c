/* Private messages: from one user to another who is here, in all of their tabs. They are kept nowhere. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/outbox.h>
#include <string.h>

static void send(struct hub *h, const struct event *e, const struct session *to, const char *name,
                 int64_t ts)
{
    const struct session *from = e->session;
    if (to == from)
        return;
    encode_dm(scratch(h), to->dialect, from->user->username, from->user_id, name, e->request.text,
              ts);
    send_scratch(h, to->outbox);
}

void on_dm(struct hub *h, struct event *e)
{
    struct target t;
    int64_t ts = clock_wall_ms();
    if (!find_target(h, NULL, e->request.args->user, &t) || t.online == NULL) {
        refuse(h, e, PROBLEM_UNKNOWN_USER, "nobody of that name is here");
        return;
    }
    for (const struct session *s = t.online->sessions; s != NULL; s = s->next_of_user)
        send(h, e, s, t.username, ts);
    if (t.online != e->session->user)
        for (const struct session *s = e->session->user->sessions; s != NULL; s = s->next_of_user)
            send(h, e, s, t.username, ts);
    if (!wants_reply(e))
        return;
    encode_ok_user(scratch(h), e->request.id, "", t.user_id, t.username, 0, 0, -1);
    reply_scratch(h, e);
}
