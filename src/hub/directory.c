/* The directory: lock-free hash tables. See <hubbub/directory.h>. */
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/directory.h>
#include <hubbub/hash.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 256 };

/* Who runs the server. Immutable; replaced whole. */
struct operators {
    struct rcu_head rcu;
    size_t n;
    char (*ids)[USER_ID_MAX + 1];
};

struct directory {
    struct cds_lfht *rooms, *sessions, *users, *names, *glances;
    struct operators *operators; /* (rcu) NULL: none */
    struct bars *bars;           /* (rcu) of the whole server; NULL: nobody */
    uint64_t seed;               /* so that nobody can choose names that fall into one bucket */
};

static struct cds_lfht *table_new(void)
{
    struct cds_lfht *t = cds_lfht_new(FIRST_BUCKETS, FIRST_BUCKETS, 0,
                                      CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
    INSIST(t != NULL);
    return t;
}

struct directory *directory_new(void)
{
    struct directory *d = xcalloc(1, sizeof *d);
    d->seed = hash_key();
    d->rooms = table_new();
    d->sessions = table_new();
    d->users = table_new();
    d->names = table_new();
    d->glances = table_new();
    return d;
}

void directory_free(struct directory *d)
{
    INSIST(cds_lfht_destroy(d->rooms, NULL) == 0);
    INSIST(cds_lfht_destroy(d->sessions, NULL) == 0);
    INSIST(cds_lfht_destroy(d->users, NULL) == 0);
    INSIST(cds_lfht_destroy(d->names, NULL) == 0);
    INSIST(cds_lfht_destroy(d->glances, NULL) == 0);
    if (d->operators != NULL)
        free(d->operators->ids);
    free(d->operators);
    free(d->bars);
    free(d);
}

static unsigned long hash(const struct directory *d, const char *s)
{
    return (unsigned long)hash_text(d->seed, s);
}

static int room_matches(struct cds_lfht_node *node, const void *name)
{
    RCU_FOUND(); /* it may have come at this moment */
    return strcmp(caa_container_of(node, struct room, by_name)->name, name) == 0;
}

static int session_matches(struct cds_lfht_node *node, const void *id)
{
    RCU_FOUND(); /* it may have come at this moment */
    return strcmp(caa_container_of(node, struct session, by_id)->id, id) == 0;
}

static int user_matches(struct cds_lfht_node *node, const void *id)
{
    RCU_FOUND(); /* it may have come at this moment */
    return strcmp(caa_container_of(node, struct user, by_id)->id, id) == 0;
}

static int name_matches(struct cds_lfht_node *node, const void *key)
{
    RCU_FOUND(); /* it may have come at this moment */
    return strcmp(caa_container_of(node, struct user, by_name)->key, key) == 0;
}

static struct cds_lfht_node *find(const struct directory *d, struct cds_lfht *table,
                                  cds_lfht_match_fct match, const char *key)
{
    struct cds_lfht_iter iter;
    cds_lfht_lookup(table, hash(d, key), match, key, &iter);
    return cds_lfht_iter_get_node(&iter);
}

struct room *directory_find_room(const struct directory *d, const char *name)
{
    struct cds_lfht_node *n = find(d, d->rooms, room_matches, name);
    return n == NULL ? NULL : caa_container_of(n, struct room, by_name);
}

struct session *directory_find_session(const struct directory *d, const char *id)
{
    struct cds_lfht_node *n = find(d, d->sessions, session_matches, id);
    return n == NULL ? NULL : caa_container_of(n, struct session, by_id);
}

struct user *directory_find_user(const struct directory *d, const char *id)
{
    struct cds_lfht_node *n = find(d, d->users, user_matches, id);
    return n == NULL ? NULL : caa_container_of(n, struct user, by_id);
}

struct user *directory_find_key(const struct directory *d, const char *key)
{
    struct cds_lfht_node *n = find(d, d->names, name_matches, key);
    return n == NULL ? NULL : caa_container_of(n, struct user, by_name);
}

static int glance_matches(struct cds_lfht_node *node, const void *glance)
{
    RCU_FOUND(); /* it may have come at this moment */
    return caa_container_of(node, struct user, by_glance)->glance == *(const uint64_t *)glance;
}

struct user *directory_find_glance(const struct directory *d, uint64_t glance)
{
    struct cds_lfht_iter iter;
    cds_lfht_lookup(d->glances, (unsigned long)glance, glance_matches, &glance, &iter);
    struct cds_lfht_node *n = cds_lfht_iter_get_node(&iter);
    return n == NULL ? NULL : caa_container_of(n, struct user, by_glance);
}

void directory_each_room(const struct directory *d, directory_room_fn *fn, void *arg)
{
    struct cds_lfht_iter iter;
    struct room *r;
    cds_lfht_for_each_entry(d->rooms, &iter, r, by_name)
    {
        RCU_FOUND(); /* each may have come since the last */
        if (!fn(arg, r))
            return;
    }
}

bool directory_is_operator(const struct directory *d, const char *user_id)
{
    bool is = false;
    rcu_read_lock();
    const struct operators *o = rcu_dereference(d->operators);
    RCU_FOUND();
    for (size_t i = 0; o != NULL && !is && i < o->n; i++)
        is = strcmp(o->ids[i], user_id) == 0;
    rcu_read_unlock();
    return is;
}

bool directory_is_barred(const struct directory *d, const char *user_id)
{
    rcu_read_lock();
    const struct bars *b = rcu_dereference(d->bars);
    RCU_FOUND();
    bool is = bars_has(b, user_id, clock_wall_ms());
    rcu_read_unlock();
    return is && !directory_is_operator(d, user_id);
}

enum rank directory_rank(const struct directory *d, const struct session *s, const char *room)
{
    if (directory_is_operator(d, s->user_id))
        return RANK_OPERATOR;
    enum rank rank = RANK_GUEST;
    rcu_read_lock();
    struct room *r = room[0] == '\0' ? rcu_dereference(s->only) : directory_find_room(d, room);
    struct member *m;
    if (r != NULL)
        cds_list_for_each_entry_rcu(m, &r->list, node)
        {
            RCU_FOUND();
            if (m->session == s) {
                rank = (enum rank)__atomic_load_n(&m->rank, __ATOMIC_RELAXED);
                break;
            }
        }
    rcu_read_unlock();
    return rank;
}

bool directory_moderates(const struct directory *d, const struct session *s, const char *room)
{
    rcu_read_lock();
    struct room *r = room[0] == '\0' ? rcu_dereference(s->only) : directory_find_room(d, room);
    bool kept = r != NULL && __atomic_load_n(&r->kept, __ATOMIC_RELAXED);
    rcu_read_unlock();
    return kept && directory_rank(d, s, room) >= RANK_MODERATOR;
}

bool directory_password(const struct directory *d, const char *room, char hash[129])
{
    hash[0] = '\0';
    rcu_read_lock();
    const struct room *r = directory_find_room(d, room);
    if (r != NULL)
        strcpy(hash, room_info(r)->password);
    rcu_read_unlock();
    return hash[0] != '\0';
}

/* ---- the hub ------------------------------------------------------------------------------------- */

static void add(struct cds_lfht *table, unsigned long hash, struct cds_lfht_node *node)
{
    RCU_PUBLISHED();
    rcu_read_lock();
    cds_lfht_add(table, hash, node);
    rcu_read_unlock();
}

static void del(struct cds_lfht *table, struct cds_lfht_node *node)
{
    rcu_read_lock();
    INSIST(cds_lfht_del(table, node) == 0);
    rcu_read_unlock();
}

void directory_add_room(struct directory *d, struct room *r)
{
    cds_lfht_node_init(&r->by_name);
    add(d->rooms, hash(d, r->name), &r->by_name);
}

void directory_remove_room(struct directory *d, struct room *r)
{
    del(d->rooms, &r->by_name);
}

void directory_add_session(struct directory *d, struct session *s)
{
    cds_lfht_node_init(&s->by_id);
    add(d->sessions, hash(d, s->id), &s->by_id);
}

void directory_remove_session(struct directory *d, struct session *s)
{
    del(d->sessions, &s->by_id);
}

void directory_add_user(struct directory *d, struct user *u)
{
    cds_lfht_node_init(&u->by_id);
    cds_lfht_node_init(&u->by_name);
    cds_lfht_node_init(&u->by_glance);
    add(d->users, hash(d, u->id), &u->by_id);
    add(d->names, hash(d, u->key), &u->by_name);
    add(d->glances, (unsigned long)u->glance, &u->by_glance);
}

void directory_remove_user(struct directory *d, struct user *u)
{
    del(d->users, &u->by_id);
    del(d->names, &u->by_name);
    del(d->glances, &u->by_glance);
}

static void free_operators(struct rcu_head *head)
{
    rcu_deferred();
    struct operators *o = caa_container_of(head, struct operators, rcu);
    free(o->ids);
    free(o);
}

void directory_set_operators(struct directory *d, char *const *ids, size_t n)
{
    struct operators *fresh = xcalloc(1, sizeof *fresh), *old = d->operators;
    fresh->n = n;
    fresh->ids = xcalloc(n + 1, sizeof *fresh->ids);
    for (size_t i = 0; i < n; i++)
        text_copy(fresh->ids[i], sizeof fresh->ids[i], ids[i], strlen(ids[i]));
    RCU_PUBLISHED();
    rcu_assign_pointer(d->operators, fresh);
    if (old != NULL)
        rcu_defer(&old->rcu, free_operators);
}

void directory_set_bars(struct directory *d, const struct books *books)
{
    bars_refresh(&d->bars, books);
}
