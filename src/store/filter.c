/* Which rooms have no log, without asking the disk: a Bloom filter of one hash. Written by the main thread at the start
 * and by the thread that posts, read by all. Most rooms that people open are new; of those nothing is read. */
#include "store/store_private.h"

#include <hubbub/hash.h>
#include <hubbub/mem.h>
#include <stdlib.h>

enum { BITS = 1 << 20 }; /* with 100 000 logs one room in ten is looked up for nothing */

struct log_filter {
    uint64_t key;
    uint64_t words[BITS / 64]; /* atomic */
};

struct log_filter *filter_new(void)
{
    struct log_filter *f = xcalloc(1, sizeof *f);
    f->key = hash_key();
    return f;
}

void filter_free(struct log_filter *f)
{
    free(f);
}

void filter_add(struct log_filter *f, const char *room)
{
    uint64_t bit = hash_text(f->key, room) % BITS;
    __atomic_fetch_or(&f->words[bit / 64], UINT64_C(1) << bit % 64, __ATOMIC_RELAXED);
}

bool filter_may_have(const struct log_filter *f, const char *room)
{
    uint64_t bit = hash_text(f->key, room) % BITS;
    return __atomic_load_n(&f->words[bit / 64], __ATOMIC_RELAXED) >> bit % 64 & 1;
}
