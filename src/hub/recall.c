/* What was said before: for those who join, as far as they missed it, and in pages for those who ask. From memory as far
 * as that reaches; the rest is fetched from the disk by whoever asks (errand.h). */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>
#include <string.h>

enum {
    ROW_BYTES = 256,     /* of a message beside its content */
    REACTION_BYTES = 80, /* of each kind of reaction */
    PAGE_USUAL = 50,
};

/* In memory, or in what was fetched; NULL: it is not here. Borrowed. */
static const struct history_row *row_of(const struct hub *h, const struct event *e,
                                        const struct room *r, uint64_t seq,
                                        struct history_row *space)
{
    const struct slot *s = history_find(&r->history, seq);
    if (s == NULL)
        return errand_row(h, e, r, seq);
    *space = (struct history_row){.message = s->message, .reactions = s->reactions};
    return space;
}

size_t row_weight(const struct history_row *row)
{
    return row->message->content_len + strlen(row->message->files) + ROW_BYTES +
           row->reactions.n * REACTION_BYTES;
}

/* Is it known of all from `from` to `to` what they are, or that they are not kept? */
static bool is_known(const struct hub *h, const struct event *e, const struct room *r,
                     uint64_t from, uint64_t to)
{
    uint64_t here = history_first(&r->history, r->seq);
    return from >= here || errand_covers(h, e, r, from, to < here ? to : here - 1);
}

/* What has to be there to send `from` to `to`: asked for when it isn't. True: something is being fetched. */
static bool must_fetch(struct hub *h, struct event *e, const struct room *r, uint64_t from,
                       uint64_t to)
{
    uint64_t here = history_first(&r->history, r->seq);
    return !is_known(h, e, r, from, to) &&
           errand_need(h, e, NEED_PAGE, from, to < here ? to : here - 1, r);
}

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* As the disk had it when the page was read; 0: it was not. */
static uint64_t first_kept(const struct hub *h, const struct event *e, const struct room *r)
{
    if (!errand_has_page(h, e, r))
        return 0;
    uint64_t first = e->errand->page.first_kept;
    return first > 0 ? first : history_first(&r->history, r->seq);
}

/* ---- for those who join -------------------------------------------------------------------------- */

/* Is it where the client was? 1, 0, or -1 when that is being found out. */
static int is_position(struct hub *h, struct event *e, const struct room *r)
{
    const struct request_args *a = e->request.args;
    if (a->since > r->seq)
        return 0;
    if (strcmp(a->epoch, r->epoch) == 0)
        return 1;
    if (r->begun_by > written(h)) /* the disk still has the log before this one */
        return 0;
    const struct errand *x = e->errand;
    if (x != NULL && x->have & NEED_POSITION && x->gone == rooms_gone(h, r->name))
        return x->position_good && x->err == 0;
    return errand_need(h, e, NEED_POSITION, 0, 0, r) ? -1 : 0;
}

/* No more than a page, by bytes too, and nothing that isn't here. */
static void shorten(const struct hub *h, const struct event *e, const struct room *r,
                    struct recall *plan)
{
    size_t bytes = 0;
    for (uint64_t seq = plan->to; seq >= plan->from && seq > 0; seq--) {
        struct history_row space;
        const struct history_row *row = row_of(h, e, r, seq, &space);
        if (row == NULL) {
            plan->from = seq + 1;
            if (is_known(h, e, r, seq, seq)) /* not kept any more */
                plan->gap = seq + 1;
            return;
        }
        bytes += row_weight(row);
        if (bytes > PAGE_BYTES) {
            plan->from = seq + 1;
            return;
        }
    }
}

bool plan_recall(struct hub *h, struct event *e, struct room *r, struct recall *plan)
{
    const struct request_args *a = e->request.args;
    const struct viewer v = viewer_of(e);
    uint64_t shown;
    *plan = (struct recall){.from = 1, .to = 0, .recovered = -1};
    trim_history(h, r);
    if (a == NULL)
        return true;
    if (!know_shown(h, e, r, &v, &shown))
        return false;
    if (a->since_given && (plan->recovered = is_position(h, e, r)) < 0)
        return false;
    uint64_t wanted = a->history < r->seq ? a->history : r->seq;
    uint64_t most = r->seq < HISTORY_MAX ? r->seq : HISTORY_MAX;
    plan->lost = max(shown, plan->recovered == 1 ? a->since + 1 : r->seq - wanted + 1);
    plan->gap = max(plan->lost, max(r->first, 1));
    plan->from = max(plan->gap, r->seq - most + 1);
    plan->to = r->seq;
    if (plan->from <= plan->to && must_fetch(h, e, r, plan->from, plan->to))
        return false;
    r->first = max(r->first, first_kept(h, e, r)); /* it shrinks */
    plan->gap = max(plan->gap, r->first);
    shorten(h, e, r, plan);
    if (h->config.store == NULL) /* what memory has let go of is nowhere */
        plan->gap = max(plan->gap, history_first(&r->history, r->seq));
    if (plan->from < plan->gap)
        plan->from = plan->gap;
    return true;
}

/* One framed message. */
static void add_frame(struct hub *h)
{
    unsigned char header[FRAME_MAX_HEADER];
    buf_add(&h->past, header, frame_header(header, FRAME_TEXT, h->scratch.len));
    buf_add(&h->past, h->scratch.data, h->scratch.len);
}

static void add_gap(struct hub *h, const struct event *e, const struct room *r, uint64_t from,
                    uint64_t to, bool kept)
{
    if (from > to || e->session->dialect != DIALECT_FULL)
        return;
    encode_gap(scratch(h), r->name, from, to, kept, false);
    add_frame(h);
    metric_add(METRIC_GAPS, 1);
}

void send_recall(struct hub *h, const struct event *e, struct room *r, const struct recall *plan)
{
    buf_clear(&h->past);
    if (plan->recovered == 1) {
        add_gap(h, e, r, plan->lost, plan->gap - 1, false);
        add_gap(h, e, r, plan->gap, plan->from - 1, true);
    }
    uint64_t viewer = user_mark(e->session->user_id);
    for (uint64_t seq = plan->from; seq <= plan->to; seq++) {
        struct history_row space;
        const struct history_row *row = row_of(h, e, r, seq, &space);
        if (row == NULL || (row->message->deleted && e->session->dialect != DIALECT_FULL))
            continue;
        struct message m = message_draft(row->message);
        if (e->session->dialect != DIALECT_FULL)
            m.mentions = "";
        encode_message(scratch(h), r->name, &m, &row->reactions, viewer);
        add_frame(h);
        metric_add(METRIC_RECALLED, 1);
    }
    if (h->past.len > 0) /* as one: an outbox counts it by its bytes */
        outbox_post(e->session->outbox, frame_from_bytes(h->past.data, h->past.len, 1));
    if (h->past.space > 65536)
        buf_fini(&h->past);
}

/* ---- pages --------------------------------------------------------------------------------------- */

struct viewer viewer_of(const struct event *e)
{
    const struct session *s = e->session;
    if (e->type != EVENT_READ)
        return (struct viewer){s->user_id, s->grants, s->user};
    const struct asker *a = e->errand->asker;
    return a == NULL ? (struct viewer){NULL, NULL, NULL}
                     : (struct viewer){a->user_id, a->grants, NULL};
}

enum problem why_not_read(struct hub *h, const struct room *r, const struct viewer *v)
{
    if (r->pair)
        return why_not_pair(h, r->name, v->user_id);
    const struct room_info *info = room_info(r);
    enum rank rank = v->user_id == NULL ? RANK_GUEST : rank_of(h, r, v->user_id, v->grants);
    bool inside = v->user != NULL && user_find(v->user, r, NULL) != NULL;
    if (inside || rank == RANK_OPERATOR)
        return PROBLEM_NONE;
    bool banned = v->user_id != NULL &&
                  books_sanction(r->books, ACTION_BAN, v->user_id, clock_wall_ms()) != NULL;
    bool belongs = rank >= RANK_MEMBER && !banned;
    if (info->visibility == VISIBILITY_PRIVATE && !belongs)
        return PROBLEM_NO_SUCH_ROOM;
    if (v->grants != NULL && grants_find(v->grants, r->name) < 0)
        return PROBLEM_FORBIDDEN;
    if (banned)
        return PROBLEM_BANNED;
    bool open = info->visibility == VISIBILITY_PUBLIC && info->password[0] == '\0';
    return belongs || open ? PROBLEM_NONE : PROBLEM_NOT_MEMBER;
}

/* What is asked for: from > to, nothing. A page that grows too large loses what is farthest from `anchor`. */
struct window {
    uint64_t from, to, anchor;
};

static struct window window_of(const struct request_args *a, uint64_t oldest, uint64_t last)
{
    uint64_t limit = a->limit == 0 ? PAGE_USUAL : a->limit;
    uint64_t around = a->at < last ? a->at : last;
    struct window w = {.from = 1, .to = last};
    if (a->from == HISTORY_BEFORE && a->at <= last)
        w.to = a->at - 1;
    if (a->from == HISTORY_AFTER)
        w.from = a->at + 1;
    else if (a->from == HISTORY_AROUND)
        w.from = around > limit / 2 ? around - limit / 2 : 1;
    else
        w.from = w.to >= limit ? w.to - limit + 1 : 1;
    w.from = max(w.from, oldest);
    if (w.from <= w.to && w.to - w.from >= limit)
        w.to = w.from + limit - 1;
    w.anchor = a->from == HISTORY_AFTER ? w.from : a->from == HISTORY_AROUND ? around : w.to;
    if (w.anchor < w.from || w.anchor > w.to)
        w.anchor = w.anchor < w.from ? w.from : w.to;
    return w;
}

void history_window(const struct request_args *a, uint64_t oldest, uint64_t last, uint64_t *from,
                    uint64_t *to)
{
    struct window w = window_of(a, oldest, last);
    *from = w.from;
    *to = w.to;
}

/* Bytes of one in a page; 0: it is not here. */
static size_t weight_of(const struct hub *h, const struct event *e, const struct room *r,
                        uint64_t seq)
{
    struct history_row space;
    const struct history_row *row = row_of(h, e, r, seq, &space);
    return row == NULL ? 0 : row_weight(row);
}

/* Grows from the anchor to both sides, as far as the bytes and the window go. */
static void fit(const struct hub *h, const struct event *e, const struct room *r, struct window *w)
{
    uint64_t low = w->anchor;
    uint64_t high = low;
    size_t bytes = weight_of(h, e, r, w->anchor), n = 0;
    bool down = true, up = true;
    while (down || up) {
        down = down && low > w->from && (n = weight_of(h, e, r, low - 1)) > 0 &&
               bytes + n <= PAGE_BYTES;
        if (down) {
            low--;
            bytes += n;
        }
        up =
            up && high < w->to && (n = weight_of(h, e, r, high + 1)) > 0 && bytes + n <= PAGE_BYTES;
        if (up) {
            high++;
            bytes += n;
        }
    }
    w->from = low;
    w->to = high;
}

static size_t gather_rows(const struct hub *h, const struct event *e, const struct room *r,
                          const struct window *w, struct history_row rows[HISTORY_MAX])
{
    size_t n = 0;
    for (uint64_t seq = w->from; seq <= w->to; seq++) {
        struct history_row space;
        const struct history_row *row = row_of(h, e, r, seq, &space);
        if (row != NULL)
            rows[n++] = *row;
    }
    return n;
}

static void answer_page(struct hub *h, struct event *e, struct room *r, const struct viewer *v)
{
    struct history_row rows[HISTORY_MAX];
    const struct request_args *a = e->request.args;
    uint64_t shown;
    trim_history(h, r);
    if (!know_shown(h, e, r, v, &shown))
        return;
    uint64_t oldest =
        max(shown, h->config.store != NULL ? max(r->first, 1) : history_first(&r->history, r->seq));
    struct window w = window_of(a, oldest, r->seq);
    if (w.from <= w.to && must_fetch(h, e, r, w.from, w.to))
        return;
    if (first_kept(h, e, r) > oldest) { /* it shrinks */
        oldest = r->first = first_kept(h, e, r);
        w = window_of(a, oldest, r->seq);
        if (w.from <= w.to && must_fetch(h, e, r, w.from, w.to))
            return;
    }
    if (w.from <= w.to && !is_known(h, e, r, w.from, w.to)) {
        refuse(h, e, PROBLEM_UNAVAILABLE, "what is kept cannot be read, try again");
        return;
    }
    if (w.from <= w.to)
        fit(h, e, r, &w);
    size_t n = gather_rows(h, e, r, &w, rows);
    uint64_t first = n > 0 ? rows[0].message->seq : w.from;
    uint64_t last = n > 0                       ? rows[n - 1].message->seq
                    : a->from == HISTORY_BEFORE ? a->at - 1
                                                : r->seq;
    bool before = first > oldest && r->seq >= oldest, after = last < r->seq && r->seq >= oldest;
    encode_history(scratch(h), e->type != EVENT_READ, e->request.id, r->name, r->epoch, rows, n,
                   before, after, v->user_id == NULL ? 0 : user_mark(v->user_id));
    reply_scratch(h, e);
}

void on_history(struct hub *h, struct event *e)
{
    struct room *r = asked_room(h, e);
    if (r == NULL)
        return;
    const struct viewer v = viewer_of(e);
    enum problem problem = why_not_read(h, r, &v);
    if (problem != PROBLEM_NONE)
        refuse(h, e, problem, NULL);
    else
        answer_page(h, e, r, &v);
}

void on_read(struct hub *h, struct event *e)
{
    const struct viewer v = viewer_of(e);
    if (e->request.type == REQUEST_SEARCH) {
        answer_search(h, e, &v);
        return;
    }
    bool pair = text_is_pair_room(e->request.room) &&
                why_not_pair(h, e->request.room, v.user_id) == PROBLEM_NONE;
    struct room *r = pair ? pair_room(h, e) : find_room(h, e->request.room);
    if (pair && r == NULL)
        return;
    enum problem problem = r == NULL ? PROBLEM_NO_SUCH_ROOM : why_not_read(h, r, &v);
    if (problem != PROBLEM_NONE)
        refuse(h, e, problem, NULL);
    else
        answer_page(h, e, r, &v);
}
