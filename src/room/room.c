/* Rooms and who is in them. The dense array is what the hub sends along; the list is what other threads
 * may read meanwhile. */
#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <hubbub/room.h>
#include <stdlib.h>
#include <string.h>

struct room *room_new(const char *name)
{
    REQUIRE(text_is_name(name, strlen(name)));
    struct room *r = xcalloc(1, sizeof *r);
    r->magic = ROOM_MAGIC;
    strcpy(r->name, name);
    r->pair = text_is_pair_room(name);
    CDS_INIT_LIST_HEAD(&r->list);
    return r;
}

static void free_info(struct rcu_head *head)
{
    rcu_deferred();
    free(caa_container_of(head, struct room_info, rcu));
}

static void free_room(struct rcu_head *head)
{
    rcu_deferred();
    struct room *r = caa_container_of(head, struct room, rcu);
    r->magic = 0;
    free(r);
}

static void forget(struct room *r)
{
    free(r->opened_by);
    r->opened_by = NULL;
    books_free(r->books);
    r->books = NULL;
    struct roster *roster = r->roster; /* out of sight first, then freed */
    struct bars *bars = r->bars;
    struct room_info *info = r->info;
    rcu_assign_pointer(r->roster, NULL);
    rcu_assign_pointer(r->bars, NULL);
    rcu_assign_pointer(r->info, NULL);
    roster_free_later(roster);
    bars_free_later(bars);
    if (info != NULL)
        rcu_defer(&info->rcu, free_info);
}

void room_reset(struct room *r)
{
    REQUIRE(MAGIC_OK(r, ROOM_MAGIC) && r->nmembers == 0 && !r->kept);
    forget(r);
}

void room_clear_log(struct room *r)
{
    history_fini(&r->history);
    r->seq = r->first = 0;
    r->epoch_noted = false;
    r->nreacted = 0;
    r->amendments++;
}

void room_free_later(struct room *r)
{
    REQUIRE(MAGIC_OK(r, ROOM_MAGIC) && r->nmembers == 0 && !r->dirty && !r->announcing);
    for (int d = 0; d < DIALECT_COUNT; d++)
        buf_fini(&r->pending[d].bytes);
    free(r->members);
    free(r->joined);
    free(r->left);
    free(r->reacted);
    history_fini(&r->history);
    forget(r);
    rcu_defer(&r->rcu, free_room);
}

static void set_count(struct room *r, uint32_t count)
{
    __atomic_store_n(&r->count, count, __ATOMIC_RELAXED);
}

static void set_shadow(struct member *m, bool shadow)
{
    __atomic_store_n(&m->shadow, shadow, __ATOMIC_RELAXED);
}

static void set_only(struct session *s)
{
    rcu_assign_pointer(s->only, s->nmembers == 1 ? s->members->room : NULL);
}

struct member *room_add(struct room *r, struct session *s)
{
    if (r->nmembers == r->space) {
        r->space = r->space == 0 ? 4 : r->space * 2;
        r->members = xrealloc(r->members, r->space * sizeof(struct member *));
    }
    struct member *m = xcalloc(1, sizeof *m);
    m->room = r;
    m->session = s;
    m->index = r->nmembers;
    m->joined_index = -1;
    m->shadow = user_find(s->user, r, NULL) != NULL;
    m->next = s->members;
    s->members = m;
    s->nmembers++;
    r->members[r->nmembers++] = m;
    if (!m->shadow)
        set_count(r, r->count + 1);
    r->by_dialect[s->dialect]++;
    RCU_PUBLISHED();
    cds_list_add_tail_rcu(&m->node, &r->list);
    set_only(s);
    return m;
}

static void free_member(struct rcu_head *head)
{
    rcu_deferred();
    free(caa_container_of(head, struct member, rcu));
}

/* Another tab of the user is what the others see of it now. */
static void stand_for(struct member *m, struct member *before)
{
    set_shadow(m, false);
    m->joined_index = before->joined_index;
    if (m->joined_index >= 0)
        m->room->joined[m->joined_index] = m;
    before->joined_index = -1;
}

void room_remove(struct member *m)
{
    struct room *r = m->room;
    struct session *s = m->session;
    struct member **link = &s->members;
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    s->nmembers--;
    set_only(s);

    struct member *other = m->shadow ? NULL : user_find(s->user, r, m);
    if (other != NULL)
        stand_for(other, m);
    else if (!m->shadow)
        set_count(r, r->count - 1);
    struct member *last = r->members[--r->nmembers];
    r->members[m->index] = last;
    last->index = m->index;
    r->by_dialect[s->dialect]--;

    buf_fini(&m->open);
    cds_list_del_rcu(&m->node);
    rcu_defer(&m->rcu, free_member);
}

/* ---- what it is like ----------------------------------------------------------------------------- */

const struct room_info *room_info(const struct room *r)
{
    static const struct room_info plain, pair = {.visibility = VISIBILITY_PRIVATE};
    const struct room_info *info = rcu_dereference(r->info);
    RCU_FOUND();
    return info != NULL ? info : r->pair ? &pair : &plain;
}

uint32_t room_most(const struct room_info *info, uint32_t most)
{
    uint32_t own = info->max_users;
    return own > 0 && (own < most || most == 0) ? own : most;
}

void room_set_info(struct room *r, const struct room_info *info)
{
    struct room_info *fresh = xmalloc(sizeof *fresh), *old = r->info;
    *fresh = *info;
    RCU_PUBLISHED();
    rcu_assign_pointer(r->info, fresh);
    if (old != NULL)
        rcu_defer(&old->rcu, free_info);
}

void room_set_kept(struct room *r, bool kept)
{
    __atomic_store_n(&r->kept, kept, __ATOMIC_RELAXED);
}

void room_set_rank(struct room *r, const char *user_id, const char *username, enum rank rank)
{
    roster_set(&r->roster, user_id, username, rank);
}

struct books *room_books(struct room *r)
{
    if (r->books == NULL)
        r->books = books_new();
    return r->books;
}

/* ---- merged notices ------------------------------------------------------------------------------ */

void room_note_join(struct member *m)
{
    struct room *r = m->room;
    if (r->njoined == NOTICE_MAX_NAMES)
        return;
    if (r->joined == NULL)
        r->joined = xmalloc(NOTICE_MAX_NAMES * sizeof(struct member *));
    m->joined_index = (int32_t)r->njoined;
    r->joined[r->njoined++] = m;
}

void room_note_leave(struct member *m)
{
    struct room *r = m->room;
    if (m->joined_index >= 0) {
        struct member *last = r->joined[--r->njoined];
        r->joined[m->joined_index] = last;
        last->joined_index = m->joined_index;
        m->joined_index = -1;
        return;
    }
    if (r->nleft == NOTICE_MAX_NAMES)
        return;
    if (r->left == NULL)
        r->left = xmalloc(NOTICE_MAX_NAMES * sizeof *r->left);
    strcpy(r->left[r->nleft++], m->session->user->username);
}

bool room_note_reaction(struct room *r, uint64_t seq, const char *emoji, uint32_t count)
{
    uint32_t i = 0;
    while (i < r->nreacted && (r->reacted[i].seq != seq || strcmp(r->reacted[i].emoji, emoji) != 0))
        i++;
    if (i == NOTICE_MAX_REACTIONS)
        return false;
    if (r->reacted == NULL)
        r->reacted = xmalloc(NOTICE_MAX_REACTIONS * sizeof *r->reacted);
    if (i == r->nreacted) {
        r->nreacted++;
        r->reacted[i].seq = seq;
        strcpy(r->reacted[i].emoji, emoji);
    }
    r->reacted[i].count = count;
    return true;
}

void room_forget_reactions(struct room *r, uint64_t seq)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < r->nreacted; i++)
        if (r->reacted[i].seq != seq)
            r->reacted[left++] = r->reacted[i];
    r->nreacted = left;
}

void room_notes_clear(struct room *r)
{
    for (uint32_t i = 0; i < r->njoined; i++)
        r->joined[i]->joined_index = -1;
    r->njoined = r->nleft = r->nreacted = 0;
    r->announce_at = 0;
    free(r->joined);
    free(r->left);
    free(r->reacted);
    r->joined = NULL;
    r->left = NULL;
    r->reacted = NULL;
}
