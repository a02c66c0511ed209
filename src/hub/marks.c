/* How far people have read: a number for each user and room, the same in all their tabs. The hub keeps those of users who
 * are here, and posts what has changed every few seconds, many together. What the disk has is fetched when a user comes
 * (errand.h). Who leaves before its marks are on the disk finds them here when it comes back. */
#include "hub/marks.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/hash.h>
#include <hubbub/mem.h>
#include <hubbub/outbox.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGE_RECORDS = 512 };
static const int64_t POST_EVERY = 2 * NS_PER_S;

static struct marks *marks_new(const char *user_id)
{
    struct marks *k = xcalloc(1, sizeof *k + strlen(user_id) + 1);
    strcpy(k->user_id, user_id);
    CDS_INIT_LIST_HEAD(&k->all);
    return k;
}

static void drop(struct mark *m)
{
    cds_list_del(&m->node);
    *m->link = m->others;
    if (m->others != NULL)
        m->others->link = m->link;
    m->of->n--;
    free(m);
}

static void marks_free(struct marks *k)
{
    struct mark *m, *next;
    cds_list_for_each_entry_safe(m, next, &k->all, node)
    {
        drop(m);
    }
    free(k);
}

/* Where those of a room begin, among others. */
static struct mark **marks_in(struct hub *h, const char *room)
{
    return &h->marks_in[hash_text(h->repeats.hash_key, room) % MARK_BUCKETS];
}

static struct mark *find(struct marks *k, const char *room)
{
    struct mark *m;
    cds_list_for_each_entry(m, &k->all, node)
    {
        if (strcmp(m->room, room) == 0)
            return m;
    }
    return NULL;
}

static bool is_good(const struct mark *m, const struct room *r)
{
    return m->life >= r->life;
}

const struct mark *marks_find(struct marks *k, const struct room *r)
{
    const struct mark *m = k == NULL ? NULL : find(k, r->name);
    return m != NULL && is_good(m, r) ? m : NULL;
}

uint64_t mark_of(const struct user *u, const struct room *r)
{
    const struct mark *m = marks_find(u->marks, r);
    if (m == NULL)
        return 0;
    return m->seq < r->seq ? m->seq : r->seq;
}

/* Not in its user's list yet. */
static struct mark *mark_new(struct hub *h, struct marks *k, const char *room)
{
    struct mark *m = xcalloc(1, sizeof *m + strlen(room) + 1), **in = marks_in(h, room);
    strcpy(m->room, room);
    m->of = k;
    k->n++;
    m->others = *in;
    m->link = in;
    if (m->others != NULL)
        m->others->link = &m->others;
    *in = m;
    return m;
}

/* ---- to the disk --------------------------------------------------------------------------------- */

static void write_down(struct change *c, const struct marks *k, const struct mark *m, bool gone)
{
    struct record *record = change_add(c, RECORD_MARK);
    strcpy(record->room, m->room);
    strcpy(record->user_id, k->user_id);
    record->seq = gone ? 0 : m->seq;
    record->since = gone ? 0 : m->since;
    record->ts = clock_wall_ms();
}

/* Those that have changed; how many. */
static uint32_t write_changed(struct change *c, struct marks *k)
{
    uint32_t n = 0;
    struct mark *m;
    cds_list_for_each_entry(m, &k->all, node)
    {
        if (!m->changed)
            continue;
        m->changed = false;
        write_down(c, k, m, false);
        n++;
    }
    return n;
}

int64_t marks_due(struct hub *h)
{
    bool any = h->marked != NULL || !cds_list_empty(&h->away);
    return any ? h->post_marks : DEADLINE_NEVER;
}

/* Before there is something to do. */
static void arm(struct hub *h)
{
    if (marks_due(h) == DEADLINE_NEVER)
        h->post_marks = clock_now() + POST_EVERY;
}

static void note_changed(struct hub *h, struct marks *k)
{
    if (h->config.store == NULL || k->changed)
        return;
    arm(h);
    k->changed = true;
    k->next = h->marked;
    h->marked = k;
}

static void forget_changed(struct hub *h, struct marks *k)
{
    struct marks **link = &h->marked;
    while (*link != k)
        link = &(*link)->next;
    *link = k->next;
    k->changed = false;
}

/* Of who is here, a change for a few of them. What the store cannot take now is lost, until the user reads on. */
static void post_present(struct hub *h)
{
    while (h->marked != NULL) {
        struct change *c = change_new();
        struct marks *first = h->marked, *end = first;
        for (uint32_t n = 0; end != NULL && n < CHANGE_RECORDS; end = end->next) {
            n += write_changed(c, end);
            end->changed = false;
        }
        h->marked = end;
        uint64_t change = keep_quietly(h, &c);
        for (struct marks *k = first; k != end; k = k->next)
            k->change = change > k->change ? change : k->change;
    }
}

void marks_post(struct hub *h, struct marks *k)
{
    if (h->config.store == NULL || store_full(h->config.store))
        return;
    struct change *c = change_new();
    write_changed(c, k);
    uint64_t change = keep_quietly(h, &c);
    k->change = change > k->change ? change : k->change;
}

/* Of those who have left. */
static void post_away(struct hub *h)
{
    struct marks *k;
    uint64_t change = keep_quietly(h, &h->marks);
    h->nmarks = 0;
    cds_list_for_each_entry(k, &h->away, node)
    {
        if (k->waits)
            k->change = change > k->change ? change : k->change;
        k->waits = false;
    }
}

static struct marks **bucket(struct hub *h, const char *user_id)
{
    return &h->away_by[hash_text(h->repeats.hash_key, user_id) % AWAY_BUCKETS];
}

static void enter_away(struct hub *h, struct marks *k)
{
    struct marks **link = bucket(h, k->user_id);
    k->next = *link;
    *link = k;
    cds_list_add_tail(&k->node, &h->away);
}

static void leave_away(struct hub *h, struct marks *k)
{
    struct marks **link = bucket(h, k->user_id);
    while (*link != k)
        link = &(*link)->next;
    *link = k->next;
    cds_list_del(&k->node);
}

/* The disk has theirs. */
static void forget_away(struct hub *h)
{
    while (!cds_list_empty(&h->away)) {
        struct marks *k = cds_list_first_entry(&h->away, struct marks, node);
        if (k->waits || k->change > written(h))
            return;
        leave_away(h, k);
        marks_free(k);
    }
}

void tend_marks(struct hub *h, int64_t now)
{
    if (now < marks_due(h))
        return;
    h->post_marks = now + POST_EVERY;
    if (store_full(h->config.store))
        return; /* there is no hurry */
    post_away(h);
    post_present(h);
    forget_away(h);
}

void end_marks(struct hub *h)
{
    post_away(h);
    post_present(h);
    while (!cds_list_empty(&h->away)) {
        struct marks *k = cds_list_first_entry(&h->away, struct marks, node);
        leave_away(h, k);
        marks_free(k);
    }
}

void forget_marks(struct hub *h, const char *room)
{
    post_away(h); /* before the log that they are about is gone */
    for (struct mark *m = *marks_in(h, room), *next; m != NULL; m = next) {
        next = m->others;
        if (strcmp(m->room, room) == 0)
            drop(m);
    }
}

/* ---- users come and go --------------------------------------------------------------------------- */

void leave_marks(struct hub *h, struct user *u)
{
    struct marks *k = u->marks;
    u->marks = NULL;
    if (k == NULL)
        return;
    bool changed = k->changed;
    if (changed)
        forget_changed(h, k);
    if (h->config.store == NULL || (!changed && k->change <= written(h))) {
        marks_free(k);
        return;
    }
    arm(h);
    enter_away(h, k);
    k->known = u->marks_known;
    k->waits = changed;
    if (!changed)
        return;
    if (h->marks == NULL)
        h->marks = change_new();
    h->nmarks += write_changed(h->marks, k);
    if (h->nmarks >= CHANGE_RECORDS && !store_full(h->config.store))
        post_away(h);
}

struct marks *marks_away(struct hub *h, const char *user_id)
{
    struct marks *k = *bucket(h, user_id);
    while (k != NULL && strcmp(k->user_id, user_id) != 0)
        k = k->next;
    return k;
}

/* Those of one who has just been here. */
static void take_back(struct hub *h, struct user *u)
{
    struct marks *k = marks_away(h, u->id);
    if (k == NULL)
        return;
    if (k->waits) /* to know in which change they are */
        post_away(h);
    leave_away(h, k);
    u->marks = k;
    __atomic_store_n(&u->marks_known, k->known, __ATOMIC_RELAXED);
}

struct marks *marks_of(struct hub *h, struct user *u)
{
    if (u->marks == NULL)
        take_back(h, u);
    if (u->marks == NULL)
        u->marks = marks_new(u->id);
    return u->marks;
}

bool marks_are_recent(const struct errand *x, const struct room *r)
{
    return r == NULL || r->begun_by <= x->marks_written;
}

/* What was read from the disk, behind what has been noted since. There each room is once. */
static void load(struct hub *h, struct user *u, const struct errand *x)
{
    if (x->marks.n == 0)
        return;
    struct marks *k = marks_of(h, u);
    CDS_LIST_HEAD(read);
    for (size_t i = 0; i < x->marks.n && k->n < MARKS_MAX; i++) {
        const struct mark_row *row = &x->marks.rows[i];
        if (!marks_are_recent(x, room_in_memory(h, row->room)))
            continue;
        struct mark *m = find(k, row->room);
        if (m == NULL) {
            m = mark_new(h, k, row->room);
            m->life = h->lives;
            cds_list_add_tail(&m->node, &read);
        }
        m->seq = row->seq > m->seq ? row->seq : m->seq;
        m->since = row->since; /* the first one, which stays */
    }
    cds_list_splice(&read, k->all.prev);
}

struct user *user_of(struct hub *h, const struct event *e, const struct viewer *v)
{
    if (e->session != NULL || v->user_id == NULL)
        return e->session == NULL ? NULL : e->session->user;
    rcu_read_lock();
    struct user *u = directory_find_user(h->directory, v->user_id);
    rcu_read_unlock(); /* the hub alone removes users */
    return u;
}

bool has_marks(struct hub *h, struct event *e, const struct viewer *v)
{
    struct user *u = user_of(h, e, v);
    struct errand *x = e->errand;
    if (u != NULL && u->marks == NULL)
        take_back(h, u);
    if (v->user_id == NULL || (u != NULL && u->marks_known) || h->config.store == NULL || x == NULL)
        return true;
    if (!(x->have & NEED_MARKS)) {
        strcpy(x->user_id, v->user_id);
        return !errand_need(h, e, NEED_MARKS, x->from, x->to, NULL);
    }
    if (u != NULL && x->marks_err == 0) { /* else they are not to be had now */
        load(h, u, x);
        __atomic_store_n(&u->marks_known, true, __ATOMIC_RELAXED);
    }
    return true;
}

/* ---- reading on ---------------------------------------------------------------------------------- */

/* As many as are kept: the one that was noted longest ago goes. */
static void forget_oldest(struct hub *h, struct marks *k)
{
    INSIST(k->n > 0);
    struct mark *m = cds_list_entry(k->all.prev, struct mark, node);
    struct change *c = change_begin(h);
    if (c != NULL)
        write_down(c, k, m, true);
    keep_quietly(h, &c);
    drop(m);
}

struct mark *marks_put(struct hub *h, struct marks *k, const struct room *r, uint64_t seq)
{
    struct mark *m = find(k, r->name);
    bool had = m != NULL && is_good(m, r);
    if (m != NULL) {
        cds_list_del(&m->node);
    } else {
        if (k->n >= MARKS_MAX)
            forget_oldest(h, k);
        m = mark_new(h, k, r->name);
    }
    cds_list_add(&m->node, &k->all);
    if (!had)
        m->since = room_info(r)->hides_past ? r->seq + 1 : 0;
    m->seq = seq;
    m->life = h->lives;
    m->changed = true;
    note_changed(h, k);
    return m;
}

/* True: it goes on. */
static bool note(struct hub *h, struct marks *k, const struct room *r, uint64_t seq)
{
    const struct mark *m = marks_find(k, r);
    if (m != NULL && seq <= m->seq)
        return false;
    marks_put(h, k, r, seq);
    return true;
}

void on_mark(struct hub *h, struct event *e)
{
    const struct member *at = meant_member(h, e);
    if (at == NULL)
        return;
    const struct room *r = at->room;
    const struct session *by = e->session;
    uint64_t seq = e->request.args->seq < r->seq ? e->request.args->seq : r->seq;
    if (seq > 0 && note(h, marks_of(h, by->user), r, seq)) {
        encode_read(scratch(h), r->name, seq);
        tell_tabs(h, by);
    }
    if (!wants_reply(e))
        return;
    encode_ok_seq(scratch(h), e->request.id, r->name, mark_of(by->user, r));
    reply_scratch(h, e);
}
