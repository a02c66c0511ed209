/* What a reader says to its own client, beside the hub. */
#include "client/client_private.h"

#include <hubbub/clock.h>
#include <hubbub/metrics.h>

void answer(struct client *c, struct buf *text)
{
    outbox_post(&c->outbox, frame_new(FRAME_TEXT, text->data, text->len));
    relay_kick(c->all->config.relay);
    buf_fini(text);
}

void answer_error(struct client *c, enum problem problem, const char *detail, const char *id,
                  const char *room, unsigned retry_after)
{
    struct buf text = BUF_INIT;
    encode_error(&text, c->dialect, problem, detail, id, room, retry_after);
    metric_add(METRIC_BAD_REQUESTS, 1);
    answer(c, &text);
}

void throw_out(struct client *c, enum problem problem, const char *detail, unsigned retry_after,
               uint16_t code, const char *reason)
{
    answer_error(c, problem, detail, NULL, NULL, retry_after);
    outbox_close(&c->outbox, code, reason);
    relay_kick(c->all->config.relay);
}

/* By this thread, by the writer when the token expired, by the hub when it was banned. Whoever is closed
 * for another reason is heard to the end. */
bool is_thrown_out(const struct client *c)
{
    if (!c->echo && c->session == NULL) /* it never came in, whatever closed it first */
        return true;
    switch (outbox_close_code(&c->outbox)) {
    case UNAUTHENTICATED:
    case BANNED_FROM_SERVER:
    case TOO_MANY_CONNECTIONS:
    case FLOODING: return true;
    default: return false;
    }
}

unsigned whole_seconds(int64_t ns)
{
    return (unsigned)((ns + NS_PER_S - 1) / NS_PER_S);
}
