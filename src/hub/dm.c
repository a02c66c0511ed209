/* Private messages: said in the conversation of the two, which begins with the first; and the list of conversations. */
#include "hub/hub_private.h"

#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

/* ---- dm ------------------------------------------------------------------------------------------ */

/* Whoever is here; who blocks the one who asks is not. */
static bool find_here(struct hub *h, const struct event *e, struct target *t)
{
    return find_target(h, NULL, e->request.args->user, t) && t->online != NULL &&
           !pairs_blocks(h->pairs, t->user_id, e->session->user_id);
}

/* NULL after the refusal. */
static struct pair *new_pair(struct hub *h, const struct event *e, const struct target *t)
{
    const char *own = e->session->user_id;
    const struct pair_user *u = pairs_user(h->pairs, own);
    unsigned wait;
    if (strcmp(t->user_id, own) == 0)
        refuse(h, e, PROBLEM_FORBIDDEN, "not to yourself");
    else if (pairs_blocks(h->pairs, own, t->user_id))
        refuse(h, e, PROBLEM_BLOCKED, NULL);
    else if (e->request.reply_to > 0)
        refuse(h, e, PROBLEM_UNKNOWN_MESSAGE, "there is no such message to reply to");
    else if (u != NULL && u->begun >= PAIRS_BEGUN_MAX)
        refuse(h, e, PROBLEM_ROOM_LIMIT, "you have begun too many conversations");
    else if ((wait = wait_to_begin(h, e->session)) > 0)
        refuse_until(h, e, PROBLEM_RATE_LIMITED, "too many conversations, wait a moment", wait);
    else
        return begin_pair(h, e->session, t);
    return NULL;
}

/* The conversation that is meant, begun if need be; NULL after the refusal. */
static struct pair *meant_pair(struct hub *h, const struct event *e)
{
    static const size_t mark = sizeof ID_MARK - 1;
    const char *own = e->session->user_id, *user = e->request.args->user;
    struct target t;
    struct pair *p;
    if (find_here(h, e, &t)) {
        if ((p = pairs_between(h->pairs, own, t.user_id)) == NULL)
            return new_pair(h, e, &t);
        name_in_pair(h, p, !pair_side(p, own), t.username);
    } else {
        p = strncmp(user, ID_MARK, mark) == 0 ? pairs_between(h->pairs, own, user + mark)
                                              : pairs_with(h->pairs, own, user);
    }
    if (p == NULL)
        refuse(h, e, PROBLEM_UNKNOWN_USER, "nobody of that name is here");
    else if (p->blocks[pair_side(p, own)])
        refuse(h, e, PROBLEM_BLOCKED, NULL);
    else
        return p;
    return NULL;
}

void on_dm(struct hub *h, struct event *e)
{
    e->request.room[0] = '\0';
    const struct pair *p = meant_pair(h, e);
    if (p == NULL)
        return;
    strcpy(e->request.room, p->room);
    struct room *r = pair_room(h, e);
    if (r == NULL)
        return;
    struct member *m = session_find(e->session, r->name);
    /* Who is not in it says this one thing as if it were. */
    struct member for_once = {.room = r, .session = e->session, .rank = RANK_MEMBER};
    speak(h, e, m != NULL ? m : &for_once);
    buf_fini(&for_once.open);
}

/* ---- conversations ------------------------------------------------------------------------------- */

static int latest_first(const void *a, const void *b)
{
    const struct conversation_row *x = a, *y = b;
    return x->ts != y->ts ? (x->ts < y->ts) - (x->ts > y->ts) : strcmp(x->room, y->room);
}

void on_conversations(struct hub *h, struct event *e)
{
    const struct pair_user *u = pairs_user(h->pairs, e->session->user_id);
    struct conversation_row *rows = xmalloc(((u == NULL ? 0 : u->npairs) + 1) * sizeof *rows);
    size_t n = 0;
    for (uint32_t i = 0; u != NULL && i < u->npairs; i++) {
        const struct pair *p = u->pairs[i];
        int own = p->who[1] == u;
        if (p->seq > 0)
            rows[n++] = (struct conversation_row){.room = p->room,
                                                  .user_id = pair_id(p, !own),
                                                  .username = p->username[!own],
                                                  .seq = p->seq,
                                                  .ts = p->ts,
                                                  .blocked = p->blocks[own]};
    }
    qsort(rows, n, sizeof *rows, latest_first);
    encode_ok_conversations(scratch(h), e->request.id, rows,
                            n < CONVERSATIONS_MAX ? n : CONVERSATIONS_MAX);
    reply_scratch(h, e);
    free(rows);
}
