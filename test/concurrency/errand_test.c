/* Many come and go at once, ask for pages and change old messages, in rooms that keep next to nothing in memory: what
 * each of them is sent of a room has no hole and nothing twice, wherever it came from. */
#include "helpers.h"

#include <support/stage.h>

#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 4, ROOMS = 3, ROUNDS = 3000 / SLOWER };

/* What a worker has of a room. */
struct view {
    bool in, known;
    uint64_t last;
    char epoch[EPOCH_MAX + 1];
};

struct worker {
    struct stage *stage;
    struct session *session;
    struct outbox *outbox;
    struct buf text;
    struct view views[ROOMS];
    uint32_t dice, round;
    /* tallied */
    unsigned messages, gaps, pages, amended, unread, forbidden, asked, errors;
    char first_error[512];
};

static void blame(struct worker *w, const char *what)
{
    if (w->errors++ == 0)
        snprintf(w->first_error, sizeof(w->first_error), "%s: %.400s", what, w->text.data);
}

/* ---- what it is sent ------------------------------------------------------------------------------- */

static uint64_t number(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static void on_join_reply(struct worker *w, struct view *v, const char *text)
{
    if (!v->known)
        v->last = number(text, "\"seq\":");
    else if (strstr(text, "\"recovered\":true") == NULL)
        blame(w, "not recovered");
    v->known = true;
    snprintf(v->epoch, sizeof(v->epoch), "%s", strstr(text, "\"epoch\":\"") + 9);
}

static void on_page(struct worker *w, const char *text)
{
    uint64_t first = number(text, "\"first\":"), last = number(text, "\"last\":"), n = 0;
    for (const char *at = text; (at = strstr(at, "\"seq\":")) != NULL; at++, n++)
        if (number(at, "\"seq\":") != first + n)
            blame(w, "a page with a hole");
    if (n != (n > 0 ? last + 1 - first : 0))
        blame(w, "a page that ends early");
    w->pages++;
}

static void on_text(struct worker *w, const char *text)
{
    const char *room = strstr(text, "\"room\":\"r");
    if (room == NULL)
        return;
    struct view *v = &w->views[room[9] - '0'];
    if (strstr(text, "{\"type\":\"message\"") == text) {
        if (number(text, "\"seq\":") != ++v->last)
            blame(w, "a hole or a repeat");
        w->messages++;
    } else if (strstr(text, "{\"type\":\"gap\"") == text) {
        if (number(text, "\"from\":") != v->last + 1 || strstr(text, "\"kept\":true") == NULL)
            blame(w, "a gap that isn't there");
        v->last = number(text, "\"to\":");
        w->gaps++;
    } else if (strstr(text, "{\"type\":\"ok\",\"id\":\"join\"") == text) {
        on_join_reply(w, v, text);
    } else if (strstr(text, "{\"type\":\"ok\",\"id\":\"page\"") == text) {
        on_page(w, text);
    } else if (strstr(text, "{\"type\":\"ok\"") == text) {
        w->amended++;
    } else if (strstr(text, "{\"type\":\"error\"") == text) {
        if (strstr(text, "\"id\":\"join\"") != NULL)
            v->in = false;
        if (strstr(text, "\"unavailable\"") != NULL)
            w->unread++; /* too much went on: it may ask again */
        else if (strstr(text, "\"forbidden\"") != NULL)
            w->forbidden++;
        else
            blame(w, "refused");
    }
}

static void read_frame(struct worker *w, const struct frame *f)
{
    for (size_t at = 0; at < f->len;) {
        const unsigned char *b = f->bytes + at;
        size_t len = b[1], header = 2;
        if (len >= 126) {
            size_t bytes = len == 126 ? 2 : 8;
            len = 0;
            for (size_t i = 0; i < bytes; i++)
                len = len << 8 | b[header++];
        }
        buf_clear(&w->text);
        buf_add(&w->text, b + header, len);
        on_text(w, w->text.data);
        at += header + len;
    }
}

/* All that came of what it asked for. */
static void catch_up(struct worker *w)
{
    struct frame *f;
    hub_fence(w->stage->hub);
    while (outbox_take(w->outbox, &f, 1, DEADLINE_NOW) == 1) {
        read_frame(w, f);
        frame_unref(f, 1);
    }
}

/* ---- what it asks for ------------------------------------------------------------------------------ */

static struct request about_room(int room, enum request_type type, const char *id)
{
    struct request q = {.type = type, .args = xcalloc(1, sizeof(struct request_args))};
    snprintf(q.room, sizeof(q.room), "r%d", room);
    snprintf(q.id, sizeof(q.id), "%s", id);
    return q;
}

static void wait_for(struct worker *w, struct request *q)
{
    hub_ask(w->stage->hub, w->session, q);
}

static void post_request(struct worker *w, const struct request *q)
{
    struct event *e = event_new(EVENT_REQUEST);
    e->session = w->session;
    e->request = *q;
    hub_post(w->stage->hub, &e, DEADLINE_NEVER);
}

static void come_or_go(struct worker *w, int room)
{
    struct view *v = &w->views[room];
    struct request q = about_room(room, v->in ? REQUEST_LEAVE : REQUEST_JOIN, v->in ? "" : "join");
    if (v->in) {
        post_request(w, &q);
    } else {
        q.stay = true;
        q.args->since_given = v->known;
        q.args->since = v->last;
        strcpy(q.args->epoch, v->epoch);
        wait_for(w, &q);
    }
    v->in = !v->in;
    catch_up(w);
}

static void talk(struct worker *w, int room)
{
    struct request q = about_room(room, REQUEST_MESSAGE, "");
    struct buf text = BUF_INIT;
    buf_printf(&text, "\"by %s, %u\"", w->session->user_id, w->round);
    q.text = buf_take(&text, &q.text_len);
    post_request(w, &q);
}

static void look(struct worker *w, int room)
{
    struct request q = about_room(room, REQUEST_HISTORY, "page");
    q.args->from = (enum history_from)(dice(&w->dice) % 4);
    q.args->at = 1 + dice(&w->dice) % (w->views[room].last + 1);
    q.args->limit = 1 + dice(&w->dice) % 60;
    wait_for(w, &q);
}

static void change(struct worker *w, int room)
{
    static const enum request_type types[] = {REQUEST_REACT, REQUEST_REACT, REQUEST_EDIT};
    struct request q = about_room(room, types[dice(&w->dice) % 3], "change");
    q.args->seq = 1 + dice(&w->dice) % w->views[room].last;
    q.args->remove = dice(&w->dice) % 2 == 0;
    strcpy(q.args->emoji, dice(&w->dice) % 2 == 0 ? "+" : "-");
    if (q.type == REQUEST_EDIT) {
        q.text = xstrdup("\"better\"");
        q.text_len = strlen(q.text);
    }
    wait_for(w, &q);
    w->asked++;
}

static void work(void *arg)
{
    struct worker *w = arg;
    for (w->round = 0; w->round < ROUNDS; w->round++) {
        int room = (int)(dice(&w->dice) % ROOMS);
        uint32_t what = dice(&w->dice) % 10;
        if (what < 2 || !w->views[room].in)
            come_or_go(w, room);
        else if (what < 7 || w->views[room].last == 0)
            talk(w, room);
        else if (what < 9)
            look(w, room);
        else
            change(w, room);
        if (w->round % 4 == 0)
            catch_up(w);
    }
    int64_t until = clock_now() + PATIENCE; /* replies to changes come from the disk */
    while (w->amended + w->forbidden + w->unread < w->asked && clock_now() < until)
        catch_up(w);
}

/* ---- the tests ------------------------------------------------------------------------------------- */

static void rooms_that_come_and_go_lose_nothing(void **state)
{
    (void)state;
    struct stage s;
    struct settings settings = {.max_rooms = 1000,
                                .max_rooms_per_client = 100,
                                .notice_limit = 1000,
                                .open_rooms = true,
                                .history_memory = 5,
                                .history_memory_bytes = 1 << 18,
                                .edit_window_ms = INT64_MAX,
                                .delete_window_ms = INT64_MAX};
    stage_init_kept(&s, &settings, NULL);
    struct worker workers[WORKERS] = {{.stage = NULL}};
    struct thread *threads[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        struct probe *p = stage_enter(&s, DIALECT_FULL, "somebody");
        workers[i] = (struct worker){.stage = &s,
                                     .session = p->session,
                                     .outbox = &p->outbox,
                                     .text = BUF_INIT,
                                     .dice = 77 + (uint32_t)i};
    }
    for (int i = 0; i < WORKERS; i++)
        threads[i] = start_thread(work, &workers[i]);
    unsigned messages = 0, pages = 0, amended = 0, unread = 0;
    for (int i = 0; i < WORKERS; i++) {
        struct worker *w = &workers[i];
        thread_join(threads[i]);
        if (w->errors > 0)
            fail_msg("%u errors, first: %s", w->errors, w->first_error);
        messages += w->messages;
        pages += w->pages;
        amended += w->amended;
        unread += w->unread;
        assert_true(w->amended + w->forbidden + w->unread >= w->asked);
        buf_fini(&w->text);
    }
    assert_true(messages > ROUNDS);
    assert_true(pages > ROUNDS / 4);
    assert_true(amended > ROUNDS / 16);
    assert_true(unread < pages / 10); /* or it would be no service */
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rooms_that_come_and_go_lose_nothing),
    };
    return RUN_STAGED(argc, argv, "errands at once", tests);
}
