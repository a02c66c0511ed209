/* Private conversations and blocks: see <hubbub/pairs.h>. */
#include <hubbub/check.h>
#include <hubbub/hash.h>
#include <hubbub/lookalike.h>
#include <hubbub/mem.h>
#include <hubbub/pairs.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 64 };

struct table {
    struct pair_node **bucket;
    size_t n, space; /* a power of two */
};

struct pairs {
    uint64_t hash_key;
    struct table rooms, users;
};

/* ---- tables -------------------------------------------------------------------------------------- */

static struct pair_node **place(const struct pairs *p, const struct table *t, const char *key)
{
    struct pair_node **link = &t->bucket[hash_text(p->hash_key, key) & (t->space - 1)];
    while (*link != NULL && strcmp((*link)->key, key) != 0)
        link = &(*link)->next;
    return link;
}

static void grow(const struct pairs *p, struct table *t)
{
    struct table old = *t;
    t->space *= 2;
    t->bucket = xcalloc(t->space, sizeof(struct pair_node *));
    for (size_t i = 0; i < old.space; i++)
        for (struct pair_node *n = old.bucket[i], *next; n != NULL; n = next) {
            struct pair_node **first = place(p, t, n->key);
            next = n->next;
            n->next = NULL;
            *first = n;
        }
    free(old.bucket);
}

static void insert(const struct pairs *p, struct table *t, struct pair_node *n)
{
    if (t->n++ == t->space)
        grow(p, t);
    *place(p, t, n->key) = n;
}

static void take_out(const struct pairs *p, struct table *t, const struct pair_node *n)
{
    struct pair_node **link = place(p, t, n->key);
    REQUIRE(*link == n);
    *link = n->next;
    t->n--;
}

struct pairs *pairs_new(void)
{
    struct pairs *p = xcalloc(1, sizeof *p);
    lookalike_init();
    p->hash_key = hash_key();
    p->rooms.space = p->users.space = FIRST_BUCKETS;
    p->rooms.bucket = xcalloc(FIRST_BUCKETS, sizeof(struct pair_node *));
    p->users.bucket = xcalloc(FIRST_BUCKETS, sizeof(struct pair_node *));
    return p;
}

/* ---- users --------------------------------------------------------------------------------------- */

static struct pair_user *find_user(const struct pairs *p, const char *user_id)
{
    return (struct pair_user *)*place(p, &p->users, user_id);
}

const struct pair_user *pairs_user(const struct pairs *p, const char *user_id)
{
    return find_user(p, user_id);
}

static struct pair_user *get_user(struct pairs *p, const char *user_id)
{
    struct pair_user *u = find_user(p, user_id);
    size_t n = strlen(user_id) + 1;
    if (u != NULL)
        return u;
    u = xcalloc(1, sizeof *u + n);
    memcpy(u->id, user_id, n);
    u->node.key = u->id;
    insert(p, &p->users, &u->node);
    return u;
}

static void free_user(struct pair_user *u)
{
    while (u->nblocks > 0)
        free(u->blocks[--u->nblocks]);
    free(u->pairs);
    free(u->blocks);
    free(u);
}

static void drop_user_if_empty(struct pairs *p, struct pair_user *u)
{
    if (u->npairs + u->nblocks > 0)
        return;
    take_out(p, &p->users, &u->node);
    free_user(u);
}

/* ---- conversations ------------------------------------------------------------------------------- */

size_t pairs_count(const struct pairs *p)
{
    return p->rooms.n;
}

struct pair *pairs_find(const struct pairs *p, const char *room)
{
    return (struct pair *)*place(p, &p->rooms, room);
}

int pair_side(const struct pair *pair, const char *user_id)
{
    for (int i = 0; i < 2; i++)
        if (strcmp(pair->who[i]->id, user_id) == 0)
            return i;
    return -1;
}

const char *pair_id(const struct pair *pair, int side)
{
    return pair->who[side]->id;
}

/* The shorter of the two lists: so nobody's is long to look through for all who write to them once. */
struct pair *pairs_between(const struct pairs *p, const char *user_id, const char *other_id)
{
    const struct pair_user *a = find_user(p, user_id), *b = find_user(p, other_id);
    if (a == NULL || b == NULL || a == b)
        return NULL;
    if (b->npairs < a->npairs) {
        const struct pair_user *c = a;
        a = b;
        b = c;
    }
    for (uint32_t i = 0; i < a->npairs; i++)
        if (a->pairs[i]->who[0] == b || a->pairs[i]->who[1] == b)
            return a->pairs[i];
    return NULL;
}

/* Of what the name looks like, which takes a moment to find out. */
static uint64_t look_of(const struct pairs *p, const char *username)
{
    char key[LOOKALIKE_MAX + 1];
    lookalike_key(username, key);
    return hash_text(p->hash_key, key);
}

/* Rather one called exactly so than one of which the name looks like it. */
static struct pair *find_called(const struct pair_user *u, const char *wanted, uint64_t look)
{
    struct pair *best = NULL;
    bool exact = false;
    for (uint32_t i = 0; i < u->npairs; i++) {
        struct pair *pair = u->pairs[i];
        int other = pair->who[0] == u;
        if (pair->look[other] != look)
            continue;
        bool called = strcmp(pair->username[other], wanted) == 0;
        if (best == NULL || (called == exact ? pair->ts > best->ts : called)) {
            best = pair;
            exact = called;
        }
    }
    return best;
}

struct pair *pairs_with(const struct pairs *p, const char *user_id, const char *other)
{
    struct pair *pair = pairs_between(p, user_id, other);
    const struct pair_user *u = find_user(p, user_id);
    return pair != NULL || u == NULL ? pair : find_called(u, other, look_of(p, other));
}

struct pair *pairs_oldest(const struct pairs *p, pairs_may_fn *may, void *arg)
{
    struct pair *oldest = NULL;
    for (size_t i = 0; i < p->rooms.space; i++)
        for (struct pair_node *n = p->rooms.bucket[i]; n != NULL; n = n->next) {
            struct pair *pair = (struct pair *)n;
            if ((oldest == NULL || pair->ts < oldest->ts) && may(arg, pair))
                oldest = pair;
        }
    return oldest;
}

static void add_pair(struct pair_user *u, struct pair *pair)
{
    if (u->npairs == u->pairs_space) {
        u->pairs_space = u->pairs_space == 0 ? 1 : u->pairs_space * 2;
        u->pairs = xrealloc(u->pairs, u->pairs_space * sizeof(struct pair *));
    }
    u->pairs[u->npairs++] = pair;
}

static void remove_pair(struct pair_user *u, const struct pair *pair)
{
    uint32_t i = 0;
    while (u->pairs[i] != pair)
        i++;
    u->pairs[i] = u->pairs[--u->npairs];
}

struct pair *pairs_begin(struct pairs *p, const char *room, const char *by_id, const char *by_name,
                         const char *other_id, const char *other_name)
{
    REQUIRE(text_is_pair_room(room) && strcmp(by_id, other_id) != 0 && pairs_find(p, room) == NULL);
    struct pair *pair = xcalloc(1, sizeof *pair);
    memcpy(pair->room, room, sizeof pair->room);
    pair->node.key = pair->room;
    pair->who[0] = get_user(p, by_id);
    pair->who[1] = get_user(p, other_id);
    pair->username[0] = xstrdup(by_name);
    pair->username[1] = xstrdup(other_name);
    pair->look[0] = look_of(p, by_name);
    pair->look[1] = look_of(p, other_name);
    pair->blocks[0] = pairs_blocks(p, by_id, other_id);
    pair->blocks[1] = pairs_blocks(p, other_id, by_id);
    pair->who[0]->begun++;
    add_pair(pair->who[0], pair);
    add_pair(pair->who[1], pair);
    insert(p, &p->rooms, &pair->node);
    return pair;
}

static void free_pair(struct pair *pair)
{
    free(pair->username[0]);
    free(pair->username[1]);
    free(pair);
}

void pairs_end(struct pairs *p, struct pair *pair)
{
    take_out(p, &p->rooms, &pair->node);
    pair->who[0]->begun--;
    for (int i = 0; i < 2; i++) {
        remove_pair(pair->who[i], pair);
        drop_user_if_empty(p, pair->who[i]);
    }
    free_pair(pair);
}

bool pairs_rename(const struct pairs *p, struct pair *pair, int side, const char *username)
{
    if (strcmp(pair->username[side], username) == 0)
        return false;
    free(pair->username[side]);
    pair->username[side] = xstrdup(username);
    pair->look[side] = look_of(p, username);
    return true;
}

/* ---- blocks -------------------------------------------------------------------------------------- */

static struct block **find_block(const struct pair_user *u, const char *user_id)
{
    for (uint32_t i = 0; u != NULL && i < u->nblocks; i++)
        if (strcmp(u->blocks[i]->user_id, user_id) == 0)
            return &u->blocks[i];
    return NULL;
}

bool pairs_blocks(const struct pairs *p, const char *by_id, const char *user_id)
{
    return find_block(find_user(p, by_id), user_id) != NULL;
}

static void mark(struct pairs *p, const char *by_id, const char *user_id, bool on)
{
    struct pair *pair = pairs_between(p, by_id, user_id);
    if (pair != NULL)
        pair->blocks[pair_side(pair, by_id)] = on;
}

const struct block *pairs_block(struct pairs *p, const char *by_id, const char *user_id,
                                const char *username, int64_t ts)
{
    struct block **there = find_block(find_user(p, by_id), user_id);
    if (there != NULL)
        return *there;
    struct pair_user *u = get_user(p, by_id);
    if (u->nblocks == BLOCKS_MAX)
        return NULL;
    size_t n = strlen(user_id) + 1, m = strlen(username) + 1;
    struct block *b = xmalloc(sizeof *b + n + m);
    b->ts = ts;
    b->user_id = memcpy(b->text, user_id, n);
    b->username = memcpy(b->text + n, username, m);
    u->blocks = xrealloc(u->blocks, (u->nblocks + 1) * sizeof(struct block *));
    u->blocks[u->nblocks++] = b;
    mark(p, by_id, user_id, true);
    return b;
}

const struct block *pairs_block_of(const struct pairs *p, const char *by_id, const char *user)
{
    const struct pair_user *u = find_user(p, by_id);
    struct block **by_user_id = find_block(u, user);
    if (by_user_id != NULL)
        return *by_user_id;
    for (uint32_t i = u == NULL ? 0 : u->nblocks; i > 0; i--)
        if (strcmp(u->blocks[i - 1]->username, user) == 0)
            return u->blocks[i - 1];
    return NULL;
}

void pairs_unblock(struct pairs *p, const char *by_id, const char *user_id)
{
    struct pair_user *u = find_user(p, by_id);
    struct block **b = find_block(u, user_id);
    if (b == NULL)
        return;
    mark(p, by_id, user_id, false);
    free(*b);
    size_t after = (size_t)(&u->blocks[--u->nblocks] - b);
    memmove(b, b + 1, after * sizeof(struct block *));
    drop_user_if_empty(p, u);
}

void pairs_free(struct pairs *p)
{
    for (size_t i = 0; i < p->rooms.space; i++)
        for (struct pair_node *n = p->rooms.bucket[i], *next; n != NULL; n = next) {
            next = n->next;
            free_pair((struct pair *)n);
        }
    for (size_t i = 0; i < p->users.space; i++)
        for (struct pair_node *n = p->users.bucket[i], *next; n != NULL; n = next) {
            next = n->next;
            free_user((struct pair_user *)n);
        }
    free(p->rooms.bucket);
    free(p->users.bucket);
    free(p);
}
