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
    CDS_INIT_LIST_HEAD(&r->list);
    return r;
}

static void free_room(struct rcu_head *head)
{
    rcu_deferred();
    struct room *r = caa_container_of(head, struct room, rcu);
    r->magic = 0;
    free(r);
}

void room_free_later(struct room *r)
{
    REQUIRE(MAGIC_OK(r, ROOM_MAGIC) && r->count == 0 && !r->dirty && !r->announcing);
    for (int d = 0; d < DIALECT_COUNT; d++)
        buf_fini(&r->pending[d].bytes);
    free(r->members);
    free(r->joined);
    free(r->left);
    rcu_defer(&r->rcu, free_room);
}

static void set_count(struct room *r, uint32_t count)
{
    __atomic_store_n(&r->count, count, __ATOMIC_RELAXED);
}

static void set_only(struct session *s)
{
    rcu_assign_pointer(s->only, s->nmembers == 1 ? s->members->room : NULL);
}

struct member *room_add(struct room *r, struct session *s)
{
    if (r->count == r->space) {
        r->space = r->space == 0 ? 4 : r->space * 2;
        r->members = xrealloc(r->members, r->space * sizeof(struct member *));
    }
    struct member *m = xcalloc(1, sizeof *m);
    m->room = r;
    m->session = s;
    m->index = r->count;
    m->joined_index = -1;
    m->next = s->members;
    s->members = m;
    s->nmembers++;
    r->members[r->count] = m;
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

    set_count(r, r->count - 1);
    struct member *last = r->members[r->count];
    r->members[m->index] = last;
    last->index = m->index;
    r->by_dialect[s->dialect]--;

    buf_fini(&m->open);
    cds_list_del_rcu(&m->node);
    rcu_defer(&m->rcu, free_member);
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
    strcpy(r->left[r->nleft++], m->session->username);
}

void room_notes_clear(struct room *r)
{
    for (uint32_t i = 0; i < r->njoined; i++)
        r->joined[i]->joined_index = -1;
    r->njoined = r->nleft = 0;
    r->announce_at = 0;
    free(r->joined);
    free(r->left);
    r->joined = NULL;
    r->left = NULL;
}
