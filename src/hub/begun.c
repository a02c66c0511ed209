/* What stays for good when it has begun, rooms that are spoken in and private conversations, is counted by address, too: who
 * comes as another guest each time would begin any number. By what the address hashes to, which some share. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/hash.h>
#include <hubbub/metrics.h>

enum { BURST = 500, EVERY_S = 2 };

unsigned wait_to_begin(struct hub *h, const struct session *s)
{
    const int64_t each = EVERY_S * NS_PER_S;
    char subject[ADDRESS_SUBJECT];
    if (s->local || !h->settings->rate_limits || directory_is_operator(h->directory, s->user_id))
        return 0;
    address_subject(s->address, subject);
    int64_t *full_at = &h->begun[hash_text(h->repeats.hash_key, subject) % BEGUN_BUCKETS];
    int64_t now = clock_now();
    int64_t then = (*full_at > now ? *full_at : now) + each, wait = then - now - BURST * each;
    if (wait > 0) {
        metric_add(METRIC_LIMITED_NEW, 1);
        return (unsigned)((wait + NS_PER_S - 1) / NS_PER_S);
    }
    *full_at = then;
    return 0;
}
