/* Messages that were sent twice: see repeats.h. 64 bits of a keyed hash stand for user, room and id: with a million of
 * them two collide once in 30 million such servers. */
#include "hub/repeats.h"

#include <hubbub/hash.h>
#include <hubbub/mem.h>
#include <hubbub/store.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SPACE = 64 };

void repeats_init(struct repeats *r)
{
    *r = (struct repeats){.hash_key = hash_key()};
}

void repeats_fini(struct repeats *r)
{
    free(r->ring);
    free(r->index);
    *r = (struct repeats){.ring = NULL};
}

uint64_t repeats_key(const struct repeats *r, const char *user_id, const char *room, const char *id)
{
    uint64_t key = hash_text(r->hash_key, user_id);
    return hash_text(hash_text(key, room), id);
}

uint64_t repeats_body(const struct repeats *r, const char *content, size_t len, uint64_t reply_to)
{
    return hash_bytes(hash_bytes(r->hash_key, &reply_to, sizeof reply_to), content, len);
}

static struct repeat *in_ring(const struct repeats *r, uint32_t i)
{
    return &r->ring[(r->first + i) & (r->space - 1)];
}

static uint32_t mask(const struct repeats *r)
{
    return 2 * r->space - 1;
}

/* Where the key is in the index, or the free place where it would be. */
static uint32_t look(const struct repeats *r, uint64_t key)
{
    uint32_t at = (uint32_t)key & mask(r);
    while (r->index[at] != 0 && r->ring[r->index[at] - 1].key != key)
        at = (at + 1) & mask(r);
    return at;
}

/* Those behind it that would have liked its place move up, so that no search stops too early. */
static void unindex(struct repeats *r, uint64_t key)
{
    uint32_t hole = look(r, key);
    for (uint32_t at = (hole + 1) & mask(r); r->index[at] != 0; at = (at + 1) & mask(r)) {
        uint32_t home = (uint32_t)r->ring[r->index[at] - 1].key & mask(r);
        if (((at - home) & mask(r)) >= ((at - hole) & mask(r))) {
            r->index[hole] = r->index[at];
            hole = at;
        }
    }
    r->index[hole] = 0;
}

static void forget_first(struct repeats *r)
{
    uint64_t key = in_ring(r, 0)->key;
    if (r->index[look(r, key)] == r->first + 1) /* else it was said anew */
        unindex(r, key);
    r->first = (r->first + 1) & (r->space - 1);
    r->n--;
}

static void put(struct repeats *r, const struct repeat *what)
{
    uint32_t place = (r->first + r->n++) & (r->space - 1);
    r->ring[place] = *what;
    r->index[look(r, what->key)] = place + 1;
}

static void grow(struct repeats *r)
{
    struct repeats old = *r;
    r->space = old.space == 0 ? FIRST_SPACE : 2 * old.space;
    r->ring = xmalloc(r->space * sizeof *r->ring);
    r->index = xcalloc(2 * (size_t)r->space, sizeof *r->index);
    r->first = r->n = 0;
    for (uint32_t i = 0; i < old.n; i++)
        put(r, in_ring(&old, i));
    free(old.ring);
    free(old.index);
}

const struct repeat *repeats_find(struct repeats *r, uint64_t key, int64_t now_ms)
{
    while (r->n > 0 && in_ring(r, 0)->ts < now_ms - DUPLICATE_MS)
        forget_first(r);
    if (r->n == 0)
        return NULL;
    uint32_t at = r->index[look(r, key)];
    const struct repeat *found = at == 0 ? NULL : &r->ring[at - 1];
    bool ahead = found != NULL && found->ts > now_ms + DUPLICATE_MS; /* the clock was, then */
    return ahead ? NULL : found;
}

void repeats_add(struct repeats *r, const struct repeat *what)
{
    if (r->n == REPEATS_MAX)
        forget_first(r);
    if (r->n == r->space)
        grow(r);
    put(r, what);
}
