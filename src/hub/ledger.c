/* Deeds of moderators: written into the ledger, told to the room and to whom they concern. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

struct books *books_of(struct hub *h, struct room *r)
{
    return r == NULL ? h->books : room_books(r);
}

/* To the room, and to the sessions of whom it is about when none of them is in it, unless the room is one
 * that they must not know of, or they block whoever did it. */
static void tell(struct hub *h, const struct event *e, struct room *r, const struct target *t)
{
    if (r != NULL)
        say_to_all(h, r);
    if (t->online == NULL || (r != NULL && user_find(t->online, r, NULL) != NULL))
        return;
    if (r != NULL && pairs_blocks(h->pairs, t->user_id, e->session->user_id))
        return;
    if (r == NULL || room_info(r)->visibility != VISIBILITY_PRIVATE || t->rank >= RANK_MEMBER ||
        roster_rank(r->roster, t->user_id) >= RANK_MEMBER)
        send_scratch_to_user(h, t->online, TO_FULL);
}

struct entry *record_deed(struct hub *h, const struct event *e, struct room *r,
                          const struct deed *deed, struct change *c)
{
    const struct target *t = deed->target;
    const struct entry like = {
        .action = deed->action,
        .by_rank = rank_of_session(h, r, e->session),
        .rank = deed->rank < 0 ? RANK_GUEST : (enum rank)deed->rank,
        .ts = clock_wall_ms(),
        .until = deed->until,
        .user_id = t->user_id,
        .username = t->username,
        .by = e->session->user->username,
        .by_id = e->session->user_id,
        .reason = deed->reason,
    };
    struct entry *entry = books_write(books_of(h, r), &like, 0);
    keep_entry(c, r, entry);
    const struct moderation m = {
        .room = r == NULL ? "" : r->name,
        .action = deed->action,
        .user_id = t->user_id,
        .username = t->username,
        .by = like.by,
        .reason = deed->reason,
        .until = deed->until,
        .entry = entry->entry,
        .rank = deed->rank,
        .undone = deed->undid,
    };
    encode_moderation(scratch(h), &m);
    tell(h, e, r, t);
    return entry;
}

void confirm_deed(struct hub *h, const struct event *e, const struct room *r,
                  const struct target *t, const struct entry *entry, int rank, struct change **c)
{
    encode_ok_user(scratch(h), e->request.id, r == NULL ? "" : r->name, t->user_id, t->username,
                   entry == NULL ? 0 : entry->entry, entry == NULL ? 0 : entry->until, rank);
    confirm_change(h, e, c);
}

/* ---- reading it ---------------------------------------------------------------------------------- */

static struct ledger_row row_of(const struct entry *e)
{
    return (struct ledger_row){.entry = e->entry,
                               .action = e->action,
                               .user_id = e->user_id,
                               .username = e->username,
                               .by = e->by,
                               .by_id = e->by_id,
                               .reason = e->reason,
                               .rank = e->rank,
                               .ts = e->ts,
                               .until = e->until,
                               .undone = e->undone};
}

void on_ledger(struct hub *h, struct event *e)
{
    enum { USUAL = 50 };
    struct room *r = NULL;
    const struct request_args *args = e->request.args;
    if (e->request.room[0] != '\0' && (r = meant_room(h, e)) == NULL)
        return;
    if (!may(h, e, r))
        return;
    const struct books *b = books_of(h, r);
    uint32_t limit = args->limit > 0 ? args->limit : USUAL;
    struct ledger_row rows[LEDGER_KEPT];
    size_t n = 0;
    for (size_t i = b->nledger; i > 0 && n < limit; i--)
        if (args->entry == 0 || b->ledger[i - 1]->entry < args->entry)
            rows[n++] = row_of(b->ledger[i - 1]);
    encode_ok_ledger(scratch(h), e->request.id, r == NULL ? "" : r->name, rows, n);
    reply_scratch(h, e);
}

/* ---- settings, with what is in force ------------------------------------------------------------- */

static int by_rank_and_name(const void *a, const void *b)
{
    const struct roster_row *x = a, *y = b;
    return x->rank != y->rank ? (int)y->rank - (int)x->rank : strcmp(x->username, y->username);
}

static int newest_first(const void *a, const void *b)
{
    const struct ledger_row *x = a, *y = b;
    return x->ts != y->ts ? (x->ts < y->ts) - (x->ts > y->ts)
                          : (x->entry < y->entry) - (x->entry > y->entry);
}

void on_settings_request(struct hub *h, struct event *e)
{
    struct room *r = NULL;
    if (e->request.room[0] != '\0' && (r = meant_room(h, e)) == NULL)
        return;
    if (!may(h, e, r))
        return;
    struct books *b = books_of(h, r);
    books_expire(b, clock_wall_ms());
    const struct roster *roster = r == NULL ? NULL : r->roster;
    size_t nroster = roster == NULL ? 0 : roster->n;
    struct roster_row *rows = xmalloc((nroster + 1) * sizeof *rows);
    struct ledger_row *sanctions = xmalloc((b->nsanctions + 1) * sizeof *sanctions);
    for (size_t i = 0; i < nroster; i++)
        rows[i] = (struct roster_row){.user_id = roster->row[i]->user_id,
                                      .username = roster->row[i]->username,
                                      .rank = roster->row[i]->rank};
    qsort(rows, nroster, sizeof *rows, by_rank_and_name);
    for (size_t i = 0; i < b->nsanctions; i++)
        sanctions[i] = row_of(b->sanctions[i]);
    qsort(sanctions, b->nsanctions, sizeof *sanctions, newest_first);
    struct room_look look =
        r != NULL ? look_of(h, r) : (struct room_look){.room = "", .title = "", .topic = ""};
    encode_ok_settings(scratch(h), e->request.id, &look, rank_of_session(h, r, e->session), rows,
                       nroster, sanctions, b->nsanctions, b->ninvites);
    reply_scratch(h, e);
    free(rows);
    free(sanctions);
}
