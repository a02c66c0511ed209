/* Members of a stage: what they ask for, and what they see. */
#include "support/stage.h"

#include <hubbub/frame.h>
#include <hubbub/mem.h>
#include <string.h>

/* ---- what they ask for ----------------------------------------------------------------------------- */

struct event *request(struct probe *p, enum request_type type, const char *room, const char *id)
{
    struct event *e = event_new(EVENT_REQUEST);
    e->session = p->session;
    e->request.type = type;
    if (room != NULL)
        strcpy(e->request.room, room);
    if (id != NULL)
        strcpy(e->request.id, id);
    return e;
}

void join(struct probe *p, const char *room, const char *id)
{
    stage_post(p->stage, request(p, REQUEST_JOIN, room, id));
}

void join_too(struct probe *p, const char *room, const char *id)
{
    struct event *e = request(p, REQUEST_JOIN, room, id);
    e->request.stay = true;
    stage_post(p->stage, e);
}

void part(struct probe *p, const char *room, const char *id)
{
    stage_post(p->stage, request(p, REQUEST_LEAVE, room, id));
}

void meet(struct probe *a, struct probe *b, const char *room)
{
    join_too(a, room, NULL);
    join_too(b, room, NULL);
    probe_skip(a);
    probe_skip(b);
}

void say(struct probe *p, const char *room, const char *content, const char *id)
{
    struct event *e = request(p, REQUEST_MESSAGE, room, id);
    struct buf text = BUF_INIT;
    buf_printf(&text, "\"%s\"", content);
    e->request.text = buf_take(&text, &e->request.text_len);
    stage_post(p->stage, e);
}

void type(struct probe *p, const char *room, bool paused, const char *id)
{
    struct event *e = request(p, REQUEST_TYPING, room, id);
    e->request.typing_paused = paused;
    stage_post(p->stage, e);
}

void ask(struct probe *p, struct event *e)
{
    stage_post(p->stage, e);
}

struct event *about(struct probe *p, enum request_type type, const char *room, const char *user)
{
    struct event *e = request(p, type, room, "1");
    e->request.args = xcalloc(1, sizeof(*e->request.args));
    if (user != NULL)
        strcpy(e->request.args->user, user);
    return e;
}

/* ---- what they see --------------------------------------------------------------------------------- */

/* The next message of the frame at hand: text, final and unmasked, as a server sends it. */
static const char *unpack(struct probe *p)
{
    const unsigned char *b = p->frame->bytes + p->at;
    size_t left = p->frame->len - p->at, header = 2;
    assert_true(left >= 2);
    assert_int_equal(b[0], 0x80 | FRAME_TEXT);
    uint64_t len = b[1];
    if (len >= 126) {
        size_t bytes = len == 126 ? 2 : 8;
        header += bytes;
        assert_true(left >= header);
        len = 0;
        for (size_t i = 0; i < bytes; i++)
            len = len << 8 | b[2 + i];
    }
    assert_true(len <= left - header);
    buf_clear(&p->text);
    buf_add(&p->text, b + header, (size_t)len);
    p->at += header + (size_t)len;
    if (p->at == p->frame->len) {
        frame_unref(p->frame, 1);
        p->frame = NULL;
    }
    return p->text.data;
}

const char *probe_next(struct probe *p, int64_t deadline)
{
    if (p->frame == NULL) {
        assert_int_equal(hub_fence(p->stage->hub), 0);
        if (outbox_take(&p->outbox, &p->frame, 1, deadline) != 1)
            return NULL;
        p->at = 0;
    }
    return unpack(p);
}

unsigned probe_skip(struct probe *p)
{
    unsigned n = 0;
    while (probe_next(p, DEADLINE_NOW) != NULL)
        n++;
    return n;
}

bool text_matches(const char *pattern, const char *text)
{
    if (*pattern == '*') {
        while (!text_matches(pattern + 1, text))
            if (*text++ == '\0')
                return false;
        return true;
    }
    if (*text != (*pattern == '\'' ? '"' : *pattern))
        return false;
    return *text == '\0' || text_matches(pattern + 1, text + 1);
}

void probe_expect(struct probe *p, const char *pattern, int64_t deadline, const char *file,
                  int line)
{
    const char *text = probe_next(p, deadline);
    if (text != NULL && text_matches(pattern, text))
        return;
    print_error("expected %s\ngot      %s\n", pattern, text != NULL ? text : "nothing");
    _fail(file, line);
}

void probe_expect_nothing(struct probe *p, const char *file, int line)
{
    const char *text = probe_next(p, DEADLINE_NOW);
    if (text == NULL)
        return;
    print_error("expected nothing\ngot      %s\n", text);
    _fail(file, line);
}

void probe_expect_closed(struct probe *p, uint16_t code, const char *file, int line)
{
    const char *text = probe_next(p, clock_now() + STAGE_PATIENCE);
    if (text == NULL && outbox_close_code(&p->outbox) == code)
        return;
    print_error("expected close %u\ngot      %s, code %u\n", code, text != NULL ? text : "nothing",
                outbox_close_code(&p->outbox));
    _fail(file, line);
}
