/* Frames for one session: replies, errors, its welcome. */
#include "hub/hub_private.h"

#include <hubbub/outbox.h>

struct buf *scratch(struct hub *h)
{
    buf_clear(&h->scratch);
    return &h->scratch;
}

void send_scratch(struct hub *h, struct outbox *to)
{
    outbox_post(to, frame_new(FRAME_TEXT, h->scratch.data, h->scratch.len));
}

bool is_for_web(const struct event *e)
{
    return e->type == EVENT_CALL || e->type == EVENT_READ;
}

void reply_scratch(struct hub *h, const struct event *e)
{
    if (is_for_web(e))
        buf_add(&e->errand->text, h->scratch.data, h->scratch.len);
    else
        send_scratch(h, e->session->outbox);
}

void send_scratch_to_user(struct hub *h, const struct user *u, unsigned mask)
{
    for (const struct session *s = u->sessions; s != NULL; s = s->next_of_user)
        if (mask & (1u << s->dialect))
            send_scratch(h, s->outbox);
}

void refuse_until(struct hub *h, const struct event *e, enum problem problem, const char *detail,
                  unsigned retry_after_s)
{
    if (is_for_web(e))
        encode_http_error(scratch(h), problem, detail);
    else
        encode_error(scratch(h), e->session->dialect, problem, detail, e->request.id,
                     e->request.room, retry_after_s);
    reply_scratch(h, e);
}

void refuse(struct hub *h, const struct event *e, enum problem problem, const char *detail)
{
    refuse_until(h, e, problem, detail, 0);
}

bool wants_reply(const struct event *e)
{
    return e->request.id[0] != '\0' || is_for_web(e);
}

void confirm(struct hub *h, const struct event *e, const char *room)
{
    if (!wants_reply(e))
        return;
    encode_ok(scratch(h), e->request.id, room);
    reply_scratch(h, e);
}
