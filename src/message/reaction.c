/* Reactions to one message: see <hubbub/message.h>. A list of at most twenty kinds, each with its users sorted. */
#include <hubbub/hash.h>
#include <hubbub/mem.h>
#include <hubbub/message.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mark_key;

static void make_key(void)
{
    mark_key = hash_key();
}

uint64_t user_mark(const char *user_id)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_key);
    return hash_text(mark_key, user_id);
}

/* Where the user is in the list, or would be. */
static uint32_t place_of(const struct reaction *r, uint64_t user)
{
    uint32_t low = 0, high = r->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->users[middle] < user)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool reactions_has(const struct reaction *r, uint64_t user)
{
    uint32_t at = place_of(r, user);
    return at < r->n && r->users[at] == user;
}

static struct reaction *find(const struct reactions *r, const char *emoji)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (strcmp(r->kinds[i].emoji, emoji) == 0)
            return &r->kinds[i];
    return NULL;
}

uint32_t reactions_count(const struct reactions *r, const char *emoji)
{
    const struct reaction *kind = find(r, emoji);
    return kind == NULL ? 0 : kind->n;
}

static struct reaction *add_kind(struct reactions *r, const char *emoji)
{
    r->kinds = xrealloc(r->kinds, (r->n + 1) * sizeof *r->kinds);
    struct reaction *kind = &r->kinds[r->n++];
    *kind = (struct reaction){.n = 0};
    strncat(kind->emoji, emoji, EMOJI_MAX);
    return kind;
}

static void add_user(struct reaction *kind, uint64_t user)
{
    if (kind->n == kind->space) {
        kind->space = kind->space == 0 ? 4 : 2 * kind->space;
        kind->users = xrealloc(kind->users, kind->space * sizeof *kind->users);
    }
    uint32_t at = place_of(kind, user);
    memmove(&kind->users[at + 1], &kind->users[at], (kind->n - at) * sizeof *kind->users);
    kind->users[at] = user;
    kind->n++;
}

static void remove_user(struct reactions *r, struct reaction *kind, uint64_t user)
{
    uint32_t at = place_of(kind, user);
    kind->n--;
    memmove(&kind->users[at], &kind->users[at + 1], (kind->n - at) * sizeof *kind->users);
    if (kind->n > 0)
        return;
    free(kind->users);
    uint32_t i = (uint32_t)(kind - r->kinds);
    memmove(kind, kind + 1, (--r->n - i) * sizeof *kind);
}

enum reaction_result reactions_set(struct reactions *r, const char *emoji, uint64_t user, bool on)
{
    struct reaction *kind = find(r, emoji);
    bool has = kind != NULL && reactions_has(kind, user);
    if (has == on)
        return REACTION_ALREADY;
    if (!on) {
        remove_user(r, kind, user);
        return REACTION_DONE;
    }
    if (kind == NULL && r->n == REACTIONS_MAX)
        return REACTION_TOO_MANY;
    add_user(kind != NULL ? kind : add_kind(r, emoji), user);
    return REACTION_DONE;
}

size_t reactions_size(const struct reactions *r)
{
    size_t size = r->n * sizeof *r->kinds;
    for (uint32_t i = 0; i < r->n; i++)
        size += r->kinds[i].space * sizeof *r->kinds[i].users;
    return size;
}

void reactions_fini(struct reactions *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        free(r->kinds[i].users);
    free(r->kinds);
    *r = (struct reactions){.n = 0};
}
