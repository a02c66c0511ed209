/* Tables of accounts: hashed by name, growing, and forgetting whoever is as if never seen. */
#include "client/account.h"

#include <hubbub/check.h>
#include <hubbub/hash.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

static uint32_t hash_of(const struct accounts *t, const char *key)
{
    return (uint32_t)hash_text(t->seed, key);
}

void accounts_init(struct accounts *t)
{
    pthread_mutex_init(&t->mu, NULL);
    t->seed = hash_key();
    t->count = 0;
    t->nslots = FIRST_SLOTS;
    t->slots = xcalloc(t->nslots, sizeof *t->slots);
}

void accounts_fini(struct accounts *t)
{
    for (uint32_t i = 0; i < t->nslots; i++) {
        for (struct account *a = t->slots[i], *next; a != NULL; a = next) {
            REQUIRE(a->visits == 0);
            next = a->next;
            free(a);
        }
    }
    free(t->slots);
    pthread_mutex_destroy(&t->mu);
}

/* As if it had just been made. */
static bool is_idle(const struct account *a, int64_t now)
{
    if (a->visits > 0 || __atomic_load_n(&a->refused_until, __ATOMIC_RELAXED) > now)
        return false;
    for (int i = 0; i < BUCKET_COUNT; i++)
        if (__atomic_load_n(&a->buckets[i].full_at, __ATOMIC_RELAXED) > now)
            return false;
    return true;
}

/* Into twice the slots, unless dropping idle accounts makes room enough. */
static void make_room_locked(struct accounts *t, int64_t now)
{
    struct account *kept = NULL;
    for (uint32_t i = 0; i < t->nslots; i++) {
        for (struct account *a = t->slots[i], *next; a != NULL; a = next) {
            next = a->next;
            if (is_idle(a, now)) {
                t->count--;
                free(a);
            } else {
                a->next = kept;
                kept = a;
            }
        }
    }
    uint32_t nslots = t->count > t->nslots / 2 ? t->nslots * 2 : t->nslots;
    free(t->slots);
    t->slots = xcalloc(nslots, sizeof *t->slots);
    t->nslots = nslots;
    for (struct account *a = kept, *next; a != NULL; a = next) {
        next = a->next;
        struct account **slot = &t->slots[a->hash & (nslots - 1)];
        a->next = *slot;
        *slot = a;
    }
}

static struct account *find(const struct accounts *t, uint32_t hash, const char *key)
{
    struct account *a = t->slots[hash & (t->nslots - 1)];
    while (a != NULL && (a->hash != hash || strcmp(a->key, key) != 0))
        a = a->next;
    return a;
}

struct account *accounts_find_locked(const struct accounts *t, const char *key)
{
    return find(t, hash_of(t, key), key);
}

struct account *accounts_get_locked(struct accounts *t, const char *key, int64_t now)
{
    uint32_t hash = hash_of(t, key);
    struct account *a = find(t, hash, key);
    if (a != NULL)
        return a;
    if (t->count == t->nslots)
        make_room_locked(t, now);
    size_t n = strlen(key) + 1;
    a = xcalloc(1, sizeof *a + n);
    a->hash = hash;
    memcpy(a->key, key, n);
    struct account **slot = &t->slots[hash & (t->nslots - 1)];
    a->next = *slot;
    *slot = a;
    t->count++;
    return a;
}
