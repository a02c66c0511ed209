/* See pace.h. */
#include "store/pace.h"

#include <hubbub/clock.h>
#include <stdbool.h>

enum {
    COUNT_MS = 250, /* what is written is counted over this, or from one commit to another */
    STEP_MS = 2,    /* between steps that are in nobody's way */
    /* Times what a step took, for what is said meanwhile: when the index keeps up so, and when it does not. */
    OTHERS = 9,
    OTHERS_BUSY = 99,
};

/* After so long, what was not written is no gap between two commits. */
static int64_t longest(const struct pace *p)
{
    int64_t least = COUNT_MS * NS_PER_MS;
    return 2 * (p->span > least ? p->span : least);
}

void pace_wrote(struct pace *p, uint64_t records, int64_t now)
{
    int64_t span = now - p->counted_at;
    p->written += records;
    if (span < COUNT_MS * NS_PER_MS)
        return;
    if (span > longest(p))
        span = longest(p);
    *p = (struct pace){
        .counted_at = now,
        .span = span,
        .rate = (int64_t)(p->written * NS_PER_S / (uint64_t)span),
    };
}

static bool is_quiet(struct pace *p, int64_t now)
{
    if (p->written == 0 && now - p->counted_at > longest(p))
        p->rate = 0;
    return p->written == 0 && p->rate == 0;
}

/* While others write it gets a tenth of the time; a hundredth when that would not do anyway: what it lacks it makes up
 * for when there is less to write. */
int64_t pace_pause(struct pace *p, int64_t took, size_t n, int64_t now)
{
    if (is_quiet(p, now))
        return STEP_MS * NS_PER_MS;
    int64_t needs = took / NS_PER_US * (OTHERS + 1) * p->rate / (NS_PER_S / NS_PER_US);
    return took * (needs <= (int64_t)n ? OTHERS : OTHERS_BUSY);
}
