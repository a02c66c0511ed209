/* What a client says: decoded here, on its own reader's thread. What changes anything goes to the hub,
 * the rest is answered on the spot. */
#include "client/client_private.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/listing.h>
#include <hubbub/metrics.h>
#include <hubbub/protocol.h>
#include <stdlib.h>
#include <string.h>

static void reply(struct client *c, struct buf *text)
{
    outbox_post(&c->outbox, frame_new(FRAME_TEXT, text->data, text->len));
    relay_kick(c->all->config.relay);
    buf_fini(text);
}

static void reply_error(struct client *c, enum problem problem, const char *detail, const char *id,
                        const char *room)
{
    struct buf text = BUF_INIT;
    encode_error(&text, c->session->dialect, problem, detail, id, room, 0);
    metric_add(METRIC_BAD_REQUESTS, 1);
    reply(c, &text);
}

static void post_request(struct client *c, struct request *request)
{
    struct event *e = event_new(EVENT_REQUEST);
    e->session = c->session;
    e->request = *request;
    *request = (struct request){0};
    hub_post(c->all->config.hub, &e, DEADLINE_NEVER);
    c->unfenced = true;
}

/* The room of the upgrade request. */
void enter_first_room(struct client *c)
{
    if (c->bad_room)
        reply_error(c, PROBLEM_INVALID_ROOM, NULL, NULL, NULL);
    if (c->room[0] == '\0')
        return;
    struct request r = {.type = REQUEST_JOIN};
    strcpy(r.room, c->room);
    post_request(c, &r);
}

/* Lists come from the directory, without asking the hub, but a client must find in them what it did
 * before: so what it posted is waited for. */
static void catch_up(struct client *c)
{
    if (c->unfenced)
        hub_fence(c->all->config.hub);
    c->unfenced = false;
}

/* The room that `members` means when it names none: the one the client is in. */
static bool only_room(const struct client *c, char *name)
{
    rcu_read_lock();
    const struct room *r = rcu_dereference(c->session->only);
    if (r != NULL)
        strcpy(name, r->name);
    rcu_read_unlock();
    return r != NULL;
}

static void answer_members(struct client *c, struct request *r)
{
    catch_up(c);
    if (r->room[0] == '\0' && !only_room(c, r->room)) {
        reply_error(c, PROBLEM_BAD_REQUEST, "say which room", r->id, NULL);
        return;
    }
    struct buf text = BUF_INIT;
    const struct directory *d = hub_directory(c->all->config.hub);
    if (listing_members(d, &text, true, r->id, r->room) != 0)
        reply_error(c, PROBLEM_NO_SUCH_ROOM, NULL, r->id, r->room);
    else
        reply(c, &text);
}

static void answer_rooms(struct client *c, struct request *r)
{
    catch_up(c);
    struct buf text = BUF_INIT;
    listing_rooms(hub_directory(c->all->config.hub), &text, true, r->id, r->text, r->cursor,
                  hub_max_per_room(c->all->config.hub));
    reply(c, &text);
}

static void answer_ping(struct client *c, struct request *r)
{
    struct buf text = BUF_INIT;
    encode_pong(&text, r->id, r->text);
    reply(c, &text);
}

static void handle_request(struct client *c, struct request *r)
{
    switch (r->type) {
    case REQUEST_MEMBERS: answer_members(c, r); break;
    case REQUEST_ROOMS: answer_rooms(c, r); break;
    case REQUEST_PING: answer_ping(c, r); break;
    default: post_request(c, r); break;
    }
    request_fini(r);
}

/* Straight back, waiting for the socket: there is nobody else to keep waiting. */
static void echo(struct client *c, const struct conn_message *m)
{
    struct frame *f = frame_new(m->binary ? FRAME_BINARY : FRAME_TEXT, m->data, m->len);
    struct iovec iov = {f->bytes, f->len};
    if (conn_write(c->conn, &iov, 1) == ERR_AGAIN)
        conn_flush(c->conn, c->all->config.write_wait);
    frame_unref(f, 1);
}

void handle_message(struct client *c, const struct conn_message *m)
{
    struct request request;
    struct request_error error;
    if (c->echo)
        echo(c, m);
    else if (m->binary)
        reply_error(c, PROBLEM_BINARY_UNSUPPORTED, NULL, NULL, NULL);
    else if (protocol_decode(m->data, m->len, &request, &error) != 0)
        reply_error(c, error.problem, error.detail, error.id, error.room);
    else
        handle_request(c, &request);
}
