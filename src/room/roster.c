/* Rosters: see <hubbub/roster.h>. Written by the hub alone. */
#include <hubbub/mem.h>
#include <hubbub/roster.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Where the user is, or would be. */
static size_t place(const struct roster *r, const char *user_id, bool *there)
{
    size_t low = 0, high = r == NULL ? 0 : r->n;
    *there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(r->row[middle]->user_id, user_id);
        if (order == 0) {
            *there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct affiliation *roster_find(const struct roster *r, const char *user_id)
{
    bool there;
    size_t i = place(r, user_id, &there);
    return there ? r->row[i] : NULL;
}

const struct affiliation *roster_find_name(const struct roster *r, const char *username)
{
    for (size_t i = 0; r != NULL && i < r->n; i++)
        if (strcmp(r->row[i]->username, username) == 0)
            return r->row[i];
    return NULL;
}

enum rank roster_rank(const struct roster *r, const char *user_id)
{
    const struct affiliation *a = roster_find(r, user_id);
    return a == NULL ? RANK_GUEST : a->rank;
}

size_t roster_count(const struct roster *r, enum rank rank)
{
    size_t n = 0;
    for (size_t i = 0; r != NULL && i < r->n; i++)
        n += r->row[i]->rank == rank;
    return n;
}

static struct affiliation *affiliation_new(const char *user_id, const char *username,
                                           enum rank rank)
{
    size_t id_size = strlen(user_id) + 1, name_size = strlen(username) + 1;
    struct affiliation *a = xmalloc(sizeof *a + id_size + name_size);
    a->rank = rank;
    a->user_id = memcpy(a->text, user_id, id_size);
    a->username = memcpy(a->text + id_size, username, name_size);
    return a;
}

static void free_affiliation(struct rcu_head *head)
{
    rcu_deferred();
    free(caa_container_of(head, struct affiliation, rcu));
}

static void free_roster(struct rcu_head *head)
{
    rcu_deferred();
    free(caa_container_of(head, struct roster, rcu));
}

/* Swaps the rosters under the readers; those of now may still see the old one and its rows. */
static void publish(struct roster **r, struct roster *fresh)
{
    struct roster *old = *r;
    RCU_PUBLISHED();
    rcu_assign_pointer(*r, fresh);
    if (old != NULL)
        rcu_defer(&old->rcu, free_roster);
}

void roster_set(struct roster **r, const char *user_id, const char *username, enum rank rank)
{
    static const struct roster empty;
    const struct roster *old = *r == NULL ? &empty : *r;
    bool there;
    size_t at = place(old, user_id, &there);
    bool stays = rank != RANK_GUEST;
    size_t before = old->n;
    if (!there && !stays)
        return;

    size_t n = before - there + stays;
    struct affiliation *gone = there ? old->row[at] : NULL;
    struct roster *fresh = NULL;
    if (n > 0) {
        fresh = xmalloc(sizeof *fresh + n * sizeof fresh->row[0]);
        fresh->n = n;
        for (size_t i = 0; i < at; i++)
            fresh->row[i] = old->row[i];
        if (stays)
            fresh->row[at] = affiliation_new(user_id, username, rank);
        for (size_t i = at + there; i < before; i++)
            fresh->row[i - there + stays] = old->row[i];
    }
    publish(r, fresh);
    if (gone != NULL)
        rcu_defer(&gone->rcu, free_affiliation);
}

void roster_free_later(struct roster *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n; i++)
        rcu_defer(&r->row[i]->rcu, free_affiliation);
    rcu_defer(&r->rcu, free_roster);
}
