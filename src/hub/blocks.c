/* Of whom somebody wants to hear nothing: kept for the one, and never told to the other. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

/* ---- records ------------------------------------------------------------------------------------- */

void log_pair(struct hub *h, const struct pair *p)
{
    wait_for_log(h);
    if (h->log == NULL)
        return;
    struct record *record = change_add(h->log, RECORD_PAIR);
    strcpy(record->room, p->room);
    strcpy(record->user_id, pair_id(p, 0));
    strcpy(record->username, p->username[0]);
    strcpy(record->by_id, pair_id(p, 1));
    strcpy(record->by, p->username[1]);
    record->ts = p->ts;
}

static void keep(struct change *c, enum record_type type, const char *by_id, const char *user_id,
                 const char *username, int64_t ts)
{
    if (c == NULL)
        return;
    struct record *record = change_add(c, type);
    strcpy(record->by_id, by_id);
    strcpy(record->user_id, user_id);
    strcpy(record->username, username);
    record->ts = ts;
}

void load_pair(struct hub *h, const struct record *record)
{
    if (!text_is_pair_room(record->room) || strcmp(record->user_id, record->by_id) == 0 ||
        pairs_between(h->pairs, record->user_id, record->by_id) != NULL)
        return;
    struct pair *p = pairs_begin(h->pairs, record->room, record->user_id, record->username,
                                 record->by_id, record->by);
    p->seq = record->seq;
    p->ts = record->ts;
}

void load_block(struct hub *h, const struct record *record)
{
    pairs_block(h->pairs, record->by_id, record->user_id, record->username, record->ts);
}

/* ---- requests ------------------------------------------------------------------------------------ */

/* By an id, by the name of somebody who is or was here, or of somebody one has a conversation with. */
static bool find_whom(struct hub *h, const struct event *e, struct target *t)
{
    const char *own = e->session->user_id, *user = e->request.args->user;
    if (find_target(h, NULL, user, t))
        return true;
    const struct pair *p = pairs_with(h->pairs, own, user);
    if (p == NULL)
        return false;
    int other = !pair_side(p, own);
    strcpy(t->user_id, pair_id(p, other));
    strcpy(t->username, p->username[other]);
    return true;
}

/* Out of the conversation. Its other one is told nothing. */
static void turn_away(struct hub *h, const struct user *u, const char *other)
{
    const struct pair *p = pairs_between(h->pairs, u->id, other);
    for (const struct session *s = p == NULL ? NULL : u->sessions; s != NULL; s = s->next_of_user) {
        struct member *m = session_find(s, p->room);
        if (m != NULL)
            leave_room(h, m, " left the room");
    }
}

void on_block(struct hub *h, struct event *e)
{
    struct target t;
    const struct session *s = e->session;
    if (!find_whom(h, e, &t)) {
        refuse(h, e, PROBLEM_UNKNOWN_USER, NULL);
        return;
    }
    if (strcmp(t.user_id, s->user_id) == 0) {
        refuse(h, e, PROBLEM_FORBIDDEN, "not yourself");
        return;
    }
    const struct block *b =
        pairs_block(h->pairs, s->user_id, t.user_id, t.username, clock_wall_ms());
    if (b == NULL) {
        refuse(h, e, PROBLEM_FORBIDDEN, "you have blocked as many users as you may");
        return;
    }
    encode_block(scratch(h), true, b->user_id, b->username);
    tell_tabs(h, s);
    turn_away(h, s->user, t.user_id);
    struct change *c = change_begin(h);
    keep(c, RECORD_BLOCK, s->user_id, b->user_id, b->username, b->ts);
    encode_ok_user(scratch(h), e->request.id, "", b->user_id, b->username, 0, 0, -1);
    confirm_change(h, e, &c);
}

void on_unblock(struct hub *h, struct event *e)
{
    static const size_t mark = sizeof ID_MARK - 1;
    const char *own = e->session->user_id, *user = e->request.args->user;
    const struct block *b =
        pairs_block_of(h->pairs, own, strncmp(user, ID_MARK, mark) == 0 ? user + mark : user);
    if (b == NULL) {
        refuse(h, e, PROBLEM_UNKNOWN_USER, "you have blocked nobody of that name");
        return;
    }
    struct change *c = change_begin(h);
    keep(c, RECORD_BLOCK_GONE, own, b->user_id, b->username, b->ts);
    encode_block(scratch(h), false, b->user_id, b->username);
    tell_tabs(h, e->session);
    encode_ok_user(scratch(h), e->request.id, "", b->user_id, b->username, 0, 0, -1);
    char user_id[USER_ID_MAX + 1];
    strcpy(user_id, b->user_id);
    pairs_unblock(h->pairs, own, user_id);
    confirm_change(h, e, &c);
}

void on_blocks(struct hub *h, struct event *e)
{
    const struct pair_user *u = pairs_user(h->pairs, e->session->user_id);
    size_t n = u == NULL ? 0 : u->nblocks;
    struct block_row *rows = xmalloc((n + 1) * sizeof *rows);
    for (size_t i = 0; i < n; i++) { /* the latest first */
        const struct block *b = u->blocks[n - 1 - i];
        rows[i] = (struct block_row){b->user_id, b->username, b->ts};
    }
    encode_ok_blocks(scratch(h), e->request.id, rows, n);
    reply_scratch(h, e);
    free(rows);
}
