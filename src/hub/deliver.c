/* Frames for a room. Messages of one batch are put together in the room, framed and ready, and at the
 * end of the batch become one frame that all members share: a thousand members and thirty messages cost
 * a thousand posts, not thirty thousand. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>

enum {
    MAX_PENDING_BYTES = 65536, /* what a writer can hand over in one go */
    PAIR_BYTES = 32768,        /* of a conversation that is in memory only */
};

void mark_dirty(struct hub *h, struct room *r)
{
    if (r->dirty)
        return;
    r->dirty = true;
    r->dirty_next = h->dirty;
    h->dirty = r;
}

/* One framed message, given in pieces, for each dialect in mask that has members. */
static void add_pending(struct hub *h, struct room *r, unsigned mask,
                        const struct buf *const *pieces, int n)
{
    size_t len = 0;
    for (int i = 0; i < n; i++)
        len += pieces[i]->len;
    unsigned char header[FRAME_MAX_HEADER];
    size_t header_len = frame_header(header, FRAME_TEXT, len);

    bool full = false;
    for (int d = 0; d < DIALECT_COUNT; d++) {
        struct pending *p = &r->pending[d];
        if (!(mask & (1u << d)) || r->by_dialect[d] == 0)
            continue;
        buf_reserve(&p->bytes, header_len + len);
        buf_add(&p->bytes, header, header_len);
        for (int i = 0; i < n; i++)
            buf_add(&p->bytes, pieces[i]->data, pieces[i]->len);
        p->messages++;
        full |= p->bytes.len >= MAX_PENDING_BYTES || p->messages * 4 >= h->config.send_queue;
    }
    mark_dirty(h, r);
    if (full)
        flush_room(h, r);
}

void say_scratch(struct hub *h, struct room *r, unsigned mask)
{
    const struct buf *piece = &h->scratch;
    add_pending(h, r, mask, &piece, 1);
}

static void linger(struct hub *h, struct room *r)
{
    if (r->lingering)
        return;
    r->lingering = true;
    r->linger_next = h->lingering;
    h->lingering = r;
}

/* As many messages stay in memory as the settings say, and no older ones, none of a room where nobody is, and all that
 * the disk has not: of those the room lets go as soon as it has. */
void trim_history(struct hub *h, struct room *r)
{
    const struct settings *s = h->settings;
    struct history_limit limit = {.messages = s->history_memory, .bytes = s->history_memory_bytes};
    if (s->retain_messages > 0 && s->retain_messages < limit.messages)
        limit.messages = (uint32_t)s->retain_messages;
    if (s->retain_ms > 0)
        limit.since = clock_wall_ms() - s->retain_ms;
    if (r->nmembers == 0 && h->config.store != NULL)
        limit.messages = 0;
    else if (r->pair && h->config.store == NULL && limit.bytes > PAIR_BYTES)
        limit.bytes = PAIR_BYTES;
    uint32_t amended = r->history.amended;
    if (!history_trim(&r->history, &limit, written(h)))
        linger(h, r);
    r->amendments += r->history.amended - amended;
}

/* As it is kept. */
static void remember(struct hub *h, const struct member *from, const struct request *req,
                     const char *files, const char *mentions, int64_t ts_ms)
{
    struct room *r = from->room;
    struct message *m = message_new(&(struct message){.seq = r->seq,
                                                      .ts = ts_ms,
                                                      .reply_to = req->reply_to,
                                                      .user_id = from->session->user_id,
                                                      .username = from->session->user->username,
                                                      .id = req->id,
                                                      .content = req->text,
                                                      .files = files,
                                                      .mentions = mentions,
                                                      .content_len = req->text_len});
    history_add(&r->history, m, log_message(h, r, m));
    trim_history(h, r);
}

/* The message whose beginning and content are there. Classic clients know of no mentions. */
static void add_said(struct hub *h, struct member *from, const char *mentions, uint64_t seq,
                     int64_t ts_ms, uint64_t reply_to)
{
    const struct buf *pieces[] = {&from->open, &h->tail};
    size_t end = h->tail.len;
    bool plain = mentions[0] == '\0';
    encode_message_close(&h->tail, seq, ts_ms, reply_to);
    add_pending(h, from->room, plain ? TO_ALL : TO_CLASSIC, pieces, 2);
    if (plain)
        return;
    h->tail.len = end;
    encode_message_mentions(&h->tail, mentions);
    encode_message_close(&h->tail, seq, ts_ms, reply_to);
    add_pending(h, from->room, TO_FULL, pieces, 2);
}

void say_message(struct hub *h, struct member *from, const struct event *e, int64_t ts_ms)
{
    struct room *r = from->room;
    const struct request *req = &e->request;
    log_epoch(h, r);
    if (from->open.len == 0)
        encode_message_open(&from->open, r->name, from->session->user->username,
                            from->session->user_id);
    buf_clear(&h->tail);
    buf_add(&h->tail, req->text, req->text_len);
    const char *files = take_files(h, req, from);
    encode_message_files(&h->tail, files);
    const char *mentions = find_mentions(h, req, from);
    add_said(h, from, mentions, ++r->seq, ts_ms, req->reply_to);
    if (r->first == 0)
        r->first = r->seq;
    metric_add(METRIC_MESSAGES, 1);
    remember(h, from, req, files, mentions, ts_ms);
    if (r->pair)
        tell_pair(h, e, r, ts_ms);
}

/* Full dialect: who falls behind is left out for a while, and then told so (lag.c). The others are closed. */
static bool post_talk(struct hub *h, struct member *m, struct frame *f)
{
    struct outbox *o = m->session->outbox;
    if (m->session->dialect != DIALECT_FULL) {
        outbox_post(o, f);
        return true;
    }
    if (m->paused)
        return false;
    if (outbox_post_talk(o, f) == ERR_FULL)
        pause_member(h, m);
    return true;
}

static void flush_dialect(struct hub *h, struct room *r, enum dialect d)
{
    struct pending *p = &r->pending[d];
    uint32_t members = r->by_dialect[d];
    if (p->messages == 0)
        return;
    if (members > 0) {
        struct frame *f = frame_from_bytes(p->bytes.data, p->bytes.len, p->messages);
        frame_ref(f, members);
        uint32_t left_out = 0;
        for (uint32_t i = 0; i < r->nmembers; i++)
            if (r->members[i]->session->dialect == d)
                left_out += !post_talk(h, r->members[i], f);
        frame_unref(f, 1 + left_out);
        if (!r->pair) /* of which nobody is to know how many are in */
            metric_add(METRIC_DELIVERIES, (int64_t)(members - left_out) * p->messages);
    }
    p->messages = 0;
    /* A buffer that grew large is not kept for a room that may never need it again. */
    if (p->bytes.space > 4096)
        buf_fini(&p->bytes);
    else
        buf_clear(&p->bytes);
}

void say_about(struct hub *h, struct room *r, uint64_t seq)
{
    if (!room_info(r)->hides_past || seq >= r->common) {
        say_scratch(h, r, TO_FULL);
        return;
    }
    uint32_t changes = r->changes_flushed;
    struct frame *f = frame_new(FRAME_TEXT, h->scratch.data, h->scratch.len);
    flush_room(h, r);
    r->changes_flushed = changes; /* it is not in the outboxes yet */
    for (uint32_t i = 0; i < r->nmembers; i++) {
        struct member *m = r->members[i];
        if (m->session->dialect != DIALECT_FULL || seq < shown_to(r, m))
            continue;
        frame_ref(f, 1);
        if (!post_talk(h, m, f))
            frame_unref(f, 1);
    }
    frame_unref(f, 1);
    r->changes_flushed = r->changes;
}

void tell_tabs(struct hub *h, const struct session *but)
{
    struct frame *f = frame_new(FRAME_TEXT, h->scratch.data, h->scratch.len);
    for (const struct session *s = but->user->sessions; s != NULL; s = s->next_of_user) {
        if (s == but || s->dialect != DIALECT_FULL)
            continue;
        frame_ref(f, 1);
        outbox_post(s->outbox, f);
    }
    frame_unref(f, 1);
}

void flush_room(struct hub *h, struct room *r)
{
    for (enum dialect d = 0; d < DIALECT_COUNT; d++)
        flush_dialect(h, r, d);
    r->flushed = r->seq;
    r->changes_flushed = r->changes;
}

/* Nobody is in it. An open room goes, but not before all that was said there is on the disk: so whoever reads the disk
 * because a room is not in memory finds all of it. */
static void put_away(struct hub *h, struct room *r)
{
    trim_history(h, r);
    bool stays = r->pair && h->config.store == NULL && pairs_find(h->pairs, r->name) != NULL;
    if (r->kept || r->lingering || stays)
        return;
    if (is_unwritten(h, r)) {
        linger(h, r);
        return;
    }
    notice_forget(h, r);
    count_gone(h, r->name);
    directory_remove_room(h->directory, r);
    count_rooms(r, -1);
    room_free_later(r);
}

void free_written(struct hub *h)
{
    for (struct room **link = &h->lingering, *r; (r = *link) != NULL;) {
        if (is_unwritten(h, r)) {
            link = &r->linger_next;
            continue;
        }
        *link = r->linger_next;
        r->lingering = false;
        if (r->nmembers == 0)
            put_away(h, r);
        else
            trim_history(h, r);
    }
}

void flush_rooms(struct hub *h)
{
    while (h->dirty != NULL) {
        struct room *r = h->dirty;
        h->dirty = r->dirty_next;
        r->dirty = false;
        flush_room(h, r);
        if (r->nmembers == 0)
            put_away(h, r);
    }
}
