/* Who is banned, read under RCU: see <hubbub/bars.h>. Written by the hub alone. */
#include <hubbub/bars.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

static int by_user(const void *user_id, const void *bar)
{
    return strcmp(user_id, ((const struct bar *)bar)->user_id);
}

bool bars_has(const struct bars *b, const char *user_id, int64_t now_ms)
{
    const struct bar *bar =
        b == NULL ? NULL : bsearch(user_id, b->row, b->n, sizeof b->row[0], by_user);
    return bar != NULL && (bar->until == 0 || bar->until > now_ms);
}

static void free_bars(struct rcu_head *head)
{
    rcu_deferred();
    free(caa_container_of(head, struct bars, rcu));
}

void bars_free_later(struct bars *b)
{
    if (b != NULL)
        rcu_defer(&b->rcu, free_bars);
}

void bars_refresh(struct bars **b, const struct books *books)
{
    struct bars *old = *b, *fresh = NULL;
    size_t most = books == NULL ? 0 : books->nsanctions;
    if (most > 0) {
        fresh = xmalloc(sizeof *fresh + most * sizeof fresh->row[0]);
        fresh->n = 0;
    }
    for (size_t i = 0; i < most; i++) { /* they are by user id, too */
        const struct entry *e = books->sanctions[i];
        if (e->action != ACTION_BAN)
            continue;
        struct bar *bar = &fresh->row[fresh->n++];
        bar->until = e->until;
        strcpy(bar->user_id, e->user_id);
    }
    RCU_PUBLISHED();
    rcu_assign_pointer(*b, fresh);
    bars_free_later(old);
}
