/* Questions that are waited for: see errand.h. Above, what runs on the hub; below, on the threads that ask, which read
 * from the disk here and nowhere else. */
#include "hub/errand.h"

#include "hub/hub_private.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/hash.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

/* ---- the hub ------------------------------------------------------------------------------------- */

static size_t bucket(const struct hub *h, const char *name)
{
    return hash_text(h->repeats.hash_key, name) % GONE_BUCKETS;
}

bool errand_need(struct hub *h, struct event *e, unsigned need, uint64_t from, uint64_t to,
                 const struct room *r)
{
    struct errand *x = e->errand;
    if (h->config.store == NULL || x == NULL || x->err != 0 || x->tries == ERRAND_TRIES)
        return false;
    x->need = need;
    x->goes_on = false;
    x->from = from;
    x->to = to;
    x->amendments = r == NULL ? 0 : r->amendments;
    strcpy(x->room, r == NULL ? e->request.room : r->name);
    uint32_t gone = rooms_gone(h, x->room);
    if (gone != x->gone)
        x->have = 0; /* it is about an earlier life of the room */
    x->gone = gone;
    if (e->session != NULL)
        strcpy(x->user_id, e->session->user_id);
    x->request = e->request;
    e->request = (struct request){0};
    return true;
}

bool errand_has_page(const struct hub *h, const struct event *e, const struct room *r)
{
    const struct errand *x = e->errand;
    return x != NULL && x->have & NEED_PAGE && x->err == 0 && x->amendments == r->amendments &&
           x->gone == rooms_gone(h, r->name);
}

bool errand_covers(const struct hub *h, const struct event *e, const struct room *r, uint64_t from,
                   uint64_t to)
{
    return errand_has_page(h, e, r) && e->errand->from <= from && e->errand->to >= to;
}

struct history_row *errand_row(const struct hub *h, const struct event *e, const struct room *r,
                               uint64_t seq)
{
    struct errand *x = e->errand;
    if (!errand_has_page(h, e, r))
        return NULL;
    for (size_t low = 0, high = x->page.n; low < high;) {
        size_t middle = low + (high - low) / 2;
        struct history_row *row = &x->page.rows[middle];
        if (row->message == NULL)
            return NULL; /* it was taken */
        if (row->message->seq == seq)
            return row;
        if (row->message->seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool errand_is_recent(const struct hub *h, const struct event *e, const char *room)
{
    return e->errand->before->gone[bucket(h, room)] == rooms_gone(h, room);
}

void errand_done(struct errand *x)
{
    rcu_read_lock(); /* who asked may be gone as soon as the frame is there */
    outbox_post(&x->done, frame_from_bytes("", 0, 1));
    rcu_read_unlock();
}

uint32_t rooms_gone(const struct hub *h, const char *name)
{
    return __atomic_load_n(&h->gone[bucket(h, name)], __ATOMIC_ACQUIRE);
}

void count_gone(struct hub *h, const char *name)
{
    __atomic_fetch_add(&h->gone[bucket(h, name)], 1, __ATOMIC_RELEASE);
}

/* ---- whoever asks -------------------------------------------------------------------------------- */

static const int64_t SEARCH_PATIENCE = 1 * NS_PER_S, /* after something was found at all */
    TURN_PATIENCE = 5 * NS_PER_S;

static struct errand *errand_new(void)
{
    struct errand *x = xcalloc(1, sizeof *x);
    outbox_init(&x->done, NULL, NULL, NULL, 1, 0);
    return x;
}

static void free_errand(struct rcu_head *head)
{
    rcu_deferred();
    struct errand *x = caa_container_of(head, struct errand, rcu);
    outbox_fini(&x->done);
    free(x);
}

/* The hub may still be inside outbox_post() when the frame is already taken: freed after a grace period. */
static void errand_end(struct errand *x)
{
    history_page_fini(&x->page);
    found_page_fini(&x->found);
    free(x->before);
    free(x->without);
    free(x->marks.rows);
    request_fini(&x->request);
    buf_fini(&x->text);
    rcu_defer(&x->rcu, free_errand);
}

/* Waits as long as it takes: the hub always answers what it has accepted. */
static int ask_once(struct hub *h, struct errand *x, struct event *e)
{
    struct frame *f;
    e->errand = x;
    x->need = 0;
    int err = hub_post(h, &e, DEADLINE_NEVER);
    if (err != 0)
        return err;
    INSIST(outbox_take(&x->done, &f, 1, DEADLINE_NEVER) == 1);
    frame_unref(f, 1);
    return 0;
}

static void fetch_position(const struct hub *h, struct errand *x, const struct request *q)
{
    x->err = store_knows_position(h->config.store, q->room, q->args->epoch, q->args->since,
                                  &x->position_good);
    x->have |= NEED_POSITION;
}

static void fetch_page(const struct hub *h, struct errand *x, const char *room)
{
    history_page_fini(&x->page);
    x->err = store_read(h->config.store, room, x->from, x->to, &x->page);
    x->have |= NEED_PAGE;
}

/* Of a room that is not in memory: where its log ends, and what will be wanted of it: by the time that it was asked for
 * the room would be gone again when nobody is in it. */
static void fetch_head(const struct hub *h, struct errand *x, const struct request *q)
{
    const struct request_args *a = q->args;
    x->err = store_head(h->config.store, q->room, &x->head);
    x->have |= NEED_HEAD;
    uint64_t last = x->err == 0 && x->head.exists ? x->head.last : 0;
    if (a == NULL || last == 0)
        return;
    uint64_t most = a->since_given ? HISTORY_MAX : a->history;
    x->from = most < last ? last - most + 1 : 1;
    x->to = last;
    if (q->type == REQUEST_HISTORY)
        history_window(a, x->head.first > 0 ? x->head.first : 1, last, &x->from, &x->to);
    if (a->since_given)
        fetch_position(h, x, q);
    if (a->since_given && x->position_good && a->since >= x->from)
        x->from = a->since + 1;
    if (x->from <= x->to && x->err == 0)
        fetch_page(h, x, q->room);
}

/* Before anything is found: from where on, and what is so. */
static void begin_search(const struct hub *h, struct errand *x, const struct request *q)
{
    if (x->before == NULL)
        x->before = xmalloc(sizeof *x->before);
    x->before->written = store_written(h->config.store);
    for (size_t i = 0; i < GONE_BUCKETS; i++)
        x->before->gone[i] = __atomic_load_n(&h->gone[i], __ATOMIC_ACQUIRE);
    found_page_fini(&x->found);
    x->last = (struct found_place){.ts = INT64_MAX};
    if (x->need & NEED_MENTIONS)
        place_of(q->cursor, &x->last);
}

/* Behind what is there. */
static void add_found(struct errand *x, struct found_page *more)
{
    struct found_page *all = &x->found;
    if (more->n > 0) {
        const struct found_row *last = &more->rows[more->n - 1];
        x->last = (struct found_place){last->row.message->ts, last->log, last->row.message->seq};
    }
    all->rows = xrealloc(all->rows, (all->n + more->n + 1) * sizeof all->rows[0]);
    for (size_t i = 0; i < more->n; i++)
        all->rows[all->n++] = more->rows[i];
    all->more = more->more;
    all->late = more->late;
    all->partial = all->partial || more->partial;
    free(more->rows);
}

static int search(struct hub *h, const struct errand *x, const struct request *q,
                  struct found_page *out)
{
    const struct asker *a = x->asker;
    struct turn turn;
    char address[ADDRESS_SUBJECT] = "";
    if (x->address != NULL)
        address_subject(x->address, address);
    turn_enter(&h->searches, &turn,
               a == NULL            ? x->user_id
               : a->user_id == NULL ? ""
                                    : a->user_id,
               address);
    int err = turn_await(&h->searches, &turn, clock_now() + TURN_PATIENCE);
    if (err != 0)
        return err;
    err = store_search(h->config.store,
                       &(struct search){.room = q->room[0] == '\0' ? NULL : q->room,
                                        .query = q->text,
                                        .limit = (unsigned)x->to,
                                        .after = x->last,
                                        .without = x->without,
                                        .nwithout = x->nwithout},
                       out);
    turn_end(&h->searches, &turn);
    return err;
}

static void fetch_found(struct hub *h, struct errand *x, const struct request *q)
{
    struct found_page more = {.n = 0};
    if (!x->goes_on)
        begin_search(h, x, q);
    if (x->need & NEED_SEARCH)
        x->err = search(h, x, q, &more);
    else
        x->err = store_mentions(h->config.store, x->user_id, &x->last, (unsigned)x->to, &more);
    if ((x->err == ERR_TIMEOUT || x->err == ERR_FULL) && x->goes_on) {
        more.more = more.late = true; /* it remains with what was found */
        x->err = 0;
    }
    if (x->err == 0)
        add_found(x, &more);
    if (x->give_up_at == 0)
        x->give_up_at = clock_now() + SEARCH_PATIENCE;
    x->have |= x->need & (NEED_SEARCH | NEED_MENTIONS);
}

static void fetch_marks(const struct hub *h, struct errand *x)
{
    free(x->marks.rows);
    x->marks = (struct mark_page){.n = 0};
    x->marks_written = store_written(h->config.store);
    x->marks_err = store_marks(h->config.store, x->user_id, &x->marks);
    x->have |= NEED_MARKS;
}

static void fetch(struct hub *h, struct errand *x)
{
    x->tries += !x->goes_on;
    if (x->need & NEED_MARKS)
        fetch_marks(h, x);
    if (x->need & (NEED_SEARCH | NEED_MENTIONS))
        fetch_found(h, x, &x->request);
    if (x->need & NEED_HEAD)
        fetch_head(h, x, &x->request);
    if (x->need & NEED_POSITION && x->err == 0)
        fetch_position(h, x, &x->request);
    if (x->need & NEED_PAGE && x->err == 0)
        fetch_page(h, x, x->room);
}

/* A room that is not in memory will need its head, and a user who has just come its marks: read before the hub asks. */
static void foresee(const struct hub *h, struct errand *x, const struct session *s,
                    const struct request *q)
{
    if (h->config.store == NULL || q->type != REQUEST_JOIN)
        return;
    x->gone = rooms_gone(h, q->room);
    rcu_read_lock();
    bool there = directory_find_room(h->directory, q->room) != NULL;
    const struct user *u = s == NULL ? NULL : rcu_dereference(s->user);
    RCU_FOUND();
    bool known = s == NULL || s->stranger ||
                 (u != NULL && __atomic_load_n(&u->marks_known, __ATOMIC_RELAXED));
    rcu_read_unlock();
    if (!known) {
        strcpy(x->user_id, s->user_id);
        fetch_marks(h, x);
    }
    if (!there)
        fetch_head(h, x, q);
}

static struct event *event_with(enum event_type type, struct request *request)
{
    struct event *e = event_new(type);
    e->request = *request;
    *request = (struct request){0};
    return e;
}

/* Until nothing is lacking. */
static int ask_until(struct hub *h, struct errand *x, const struct event *like,
                     struct request *request)
{
    int err;
    do {
        struct event *e = event_with(like->type, x->need != 0 ? &x->request : request);
        e->session = like->session;
        strcpy(e->session_id, like->session_id);
        err = ask_once(h, x, e);
        if (err == 0 && x->need != 0)
            fetch(h, x);
    } while (err == 0 && x->need != 0);
    return err;
}

static int ask(struct hub *h, struct event *like, struct request *request,
               const struct asker *asker, struct buf *answer)
{
    struct errand *x = errand_new();
    const struct session *s = like->session;
    x->asker = asker;
    if (s != NULL ? !s->local : asker != NULL)
        x->address = s != NULL ? s->address : asker->address;
    foresee(h, x, s, request);
    int err = ask_until(h, x, like, request);
    if (answer != NULL && x->text.len > 0)
        buf_add(answer, x->text.data, x->text.len);
    errand_end(x);
    return err;
}

int hub_fence(struct hub *h)
{
    struct request none = {0};
    return ask(h, &(struct event){.type = EVENT_FENCE}, &none, NULL, NULL);
}

bool hub_may_lack(const struct hub *h)
{
    return h->config.store != NULL;
}

int hub_ask(struct hub *h, struct session *s, struct request *request)
{
    return ask(h, &(struct event){.type = EVENT_REQUEST, .session = s}, request, NULL, NULL);
}

int hub_call(struct hub *h, const char *session_id, struct request *request, struct buf *answer)
{
    struct event like = {.type = EVENT_CALL};
    text_copy(like.session_id, sizeof like.session_id, session_id, strlen(session_id));
    return ask(h, &like, request, NULL, answer);
}

/* Of ADMIT and UPLOADED, in which the room is all there is of a request. */
static int ask_plainly(struct hub *h, enum event_type type, struct errand *x,
                       const char *session_id, const char *room)
{
    struct event like = {.type = type};
    struct request request = {.type = REQUEST_HISTORY};
    text_copy(like.session_id, sizeof like.session_id, session_id, strlen(session_id));
    text_copy(request.room, sizeof request.room, room, strlen(room));
    return ask_until(h, x, &like, &request);
}

enum problem hub_admit(struct hub *h, const struct asker *asker, const char *session_id,
                       const char *room, const struct file *f, uint64_t written,
                       char user_id[NAME_MAX_BYTES + 1])
{
    struct errand *x = errand_new();
    x->asker = asker;
    x->file = f;
    x->file_written = written;
    enum problem problem = PROBLEM_UNAVAILABLE;
    if (ask_plainly(h, EVENT_ADMIT, x, session_id, room) == 0)
        problem = x->problem;
    strcpy(user_id, x->user_id);
    errand_end(x);
    return problem;
}

int hub_uploaded(struct hub *h, const struct asker *asker, const char *session_id,
                 const struct file *f, struct buf *answer)
{
    struct errand *x = errand_new();
    x->asker = asker;
    x->file = f;
    int err = ask_plainly(h, EVENT_UPLOADED, x, session_id, f->room);
    if (err == 0)
        buf_add(answer, x->text.data, x->text.len);
    errand_end(x);
    return err;
}

int hub_read(struct hub *h, const struct asker *asker, struct request *request, struct buf *answer)
{
    return ask(h, &(struct event){.type = EVENT_READ}, request, asker, answer);
}
