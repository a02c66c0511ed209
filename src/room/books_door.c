/* The books at the door: invitations, and who spoke when in slow mode. See <hubbub/books.h>. */
#include <hubbub/books.h>
#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- invitations --------------------------------------------------------------------------------- */

static struct invite *add(struct books *b)
{
    if (b->ninvites == INVITES_MAX)
        return NULL;
    b->invites = xrealloc(b->invites, (b->ninvites + 1) * sizeof b->invites[0]);
    struct invite *i = &b->invites[b->ninvites++];
    memset(i, 0, sizeof *i);
    return i;
}

static void drop(struct books *b, size_t at)
{
    b->invites[at] = b->invites[--b->ninvites];
}

struct invite *books_invite(struct books *b, const char *user_id, const char *by_id, int64_t until)
{
    struct invite *i = add(b);
    if (i == NULL)
        return NULL;
    uint64_t random[2];
    INSIST(getrandom(random, sizeof random, 0) == sizeof random);
    snprintf(i->code, sizeof i->code, "%016llx%016llx", (unsigned long long)random[0],
             (unsigned long long)random[1]);
    strcpy(i->user_id, user_id);
    strcpy(i->by_id, by_id);
    i->until = until;
    return i;
}

void books_add_invite(struct books *b, const struct invite *invite)
{
    struct invite *i = add(b);
    if (i != NULL)
        *i = *invite;
}

static bool fits(const struct invite *i, const char *code, const char *user_id, int64_t now_ms)
{
    return i->until > now_ms && strcmp(i->code, code) == 0 &&
           (i->user_id[0] == '\0' || strcmp(i->user_id, user_id) == 0);
}

bool books_invited(const struct books *b, const char *code, const char *user_id, int64_t now_ms)
{
    for (size_t i = 0; i < b->ninvites; i++)
        if (fits(&b->invites[i], code, user_id, now_ms))
            return true;
    return false;
}

bool books_redeem(struct books *b, const char *code, const char *user_id, int64_t now_ms)
{
    for (size_t i = b->ninvites; i > 0; i--) {
        const struct invite *v = &b->invites[i - 1];
        if (v->until <= now_ms) {
            drop(b, i - 1);
        } else if (fits(v, code, user_id, now_ms)) {
            drop(b, i - 1);
            return true;
        }
    }
    return false;
}

void books_drop_invites(struct books *b, const char *user_id)
{
    for (size_t i = b == NULL ? 0 : b->ninvites; i > 0; i--)
        if (strcmp(b->invites[i - 1].user_id, user_id) == 0)
            drop(b, i - 1);
}

/* ---- slow mode ----------------------------------------------------------------------------------- */

/* Where the user is, or would be. */
static size_t place(const struct books *b, const char *user_id, bool *there)
{
    size_t low = 0, high = b == NULL ? 0 : b->nspoke;
    *there = false;
    while (low < high && !*there) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(b->spoke[middle].user_id, user_id);
        *there = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

/* Forgets who may speak anyway, so that there are no more than spoke within the time. */
static void forget_early(struct books *b, int64_t slow_ns, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->nspoke; i++)
        if (b->spoke[i].at + slow_ns > now)
            b->spoke[kept++] = b->spoke[i];
    b->nspoke = kept;
}

int64_t books_silent_for(const struct books *b, const char *user_id, int64_t slow_ns, int64_t now)
{
    bool there;
    size_t at = place(b, user_id, &there);
    return there && b->spoke[at].at + slow_ns > now ? b->spoke[at].at + slow_ns - now : 0;
}

static void make_room(struct books *b, int64_t slow_ns, int64_t now)
{
    if (b->nspoke < b->spoke_space)
        return;
    forget_early(b, slow_ns, now);
    if (2 * b->nspoke < b->spoke_space)
        return;
    b->spoke_space = b->spoke_space == 0 ? 4 : 2 * b->spoke_space;
    b->spoke = xrealloc(b->spoke, b->spoke_space * sizeof b->spoke[0]);
}

int64_t books_speak(struct books *b, const char *user_id, int64_t slow_ns, int64_t now)
{
    bool there;
    size_t at = place(b, user_id, &there);
    if (there && b->spoke[at].at + slow_ns > now)
        return b->spoke[at].at + slow_ns - now;
    if (!there) {
        make_room(b, slow_ns, now);
        at = place(b, user_id, &there);
        memmove(&b->spoke[at + 1], &b->spoke[at], (b->nspoke++ - at) * sizeof b->spoke[0]);
        strcpy(b->spoke[at].user_id, user_id);
    }
    b->spoke[at].at = now;
    return 0;
}
