/* Rooms that hide what was said before one came. Since when that is belongs to the mark of the user there: it is noted at
 * the first join, and stays. Whoever has none sees nothing; so a mark that is forgotten hides more, never less. */
#include "hub/marks.h"

#include <string.h>

static uint64_t shown_on_disk(const struct errand *x, const struct room *r)
{
    bool good = x != NULL && x->have & NEED_MARKS && marks_are_recent(x, r);
    for (size_t i = 0; good && i < x->marks.n; i++)
        if (strcmp(x->marks.rows[i].room, r->name) == 0)
            return x->marks.rows[i].since;
    return r->seq + 1;
}

bool know_shown(struct hub *h, struct event *e, const struct room *r, const struct viewer *v,
                uint64_t *first)
{
    *first = 0;
    if (!room_info(r)->hides_past ||
        (v->user_id != NULL && rank_of(h, r, v->user_id, v->grants) >= RANK_MODERATOR))
        return true;
    if (!has_marks(h, e, v))
        return false;
    const struct user *u = user_of(h, e, v);
    struct marks *k = u != NULL ? u->marks : v->user_id != NULL ? marks_away(h, v->user_id) : NULL;
    const struct mark *m = marks_find(k, r);
    *first = m != NULL                         ? m->since
             : u == NULL && v->user_id != NULL ? shown_on_disk(e->errand, r)
                                               : r->seq + 1;
    return true;
}

uint64_t shown_to(const struct room *r, const struct member *m)
{
    if (!room_info(r)->hides_past || m->rank >= RANK_MODERATOR)
        return 0;
    const struct mark *k = marks_find(m->session->user->marks, r);
    return k == NULL ? r->seq + 1 : k->since;
}

/* Whatever the rank: it may be lowered. */
static void note_common(struct room *r, const struct mark *m)
{
    if (m->since > r->common)
        r->common = m->since;
}

void note_arrival(struct hub *h, struct user *u, struct room *r)
{
    if (!room_info(r)->hides_past)
        return;
    if (marks_find(marks_of(h, u), r) == NULL) {
        log_epoch(h, r); /* so that there is a log that it can be of */
        marks_put(h, u->marks, r, r->seq);
        marks_post(h, u->marks);
    }
    note_common(r, marks_find(u->marks, r));
}

void note_witnesses(struct hub *h, struct room *r)
{
    if (r->nmembers > 0)
        log_epoch(h, r);
    for (uint32_t i = 0; i < r->nmembers; i++) {
        struct marks *k = marks_of(h, r->members[i]->session->user);
        if (marks_find(k, r) == NULL)
            marks_put(h, k, r, 0)->since = 1;
        note_common(r, marks_find(k, r));
    }
}
