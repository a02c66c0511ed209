/* A parker: one word and a futex. The bits say why; PARKED says that a futex call is needed. */
#include "channel/futex.h"

#include <hubbub/relay.h>

static const uint32_t PARKED = UINT32_C(1) << 31;

void parker_init(struct parker *p)
{
    __atomic_store_n(&p->word, 0, __ATOMIC_RELAXED);
}

unsigned parker_wait(struct parker *p, int64_t deadline)
{
    uint32_t word = 0;
    if (__atomic_compare_exchange_n(&p->word, &word, PARKED, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        while (__atomic_load_n(&p->word, __ATOMIC_ACQUIRE) == PARKED &&
               futex_wait(&p->word, PARKED, deadline))
            continue;
    return __atomic_exchange_n(&p->word, 0, __ATOMIC_SEQ_CST) & ~PARKED;
}

uint32_t parker_set(struct parker *p, enum wake bit)
{
    return __atomic_fetch_or(&p->word, bit, __ATOMIC_SEQ_CST);
}

bool parker_sleeps(uint32_t before)
{
    return before == PARKED; /* with another bit set, somebody has roused it already */
}

void parker_rouse(struct parker *p)
{
    futex_wake(&p->word, 1);
}

void parker_wake(struct parker *p, enum wake bit)
{
    if (parker_sleeps(parker_set(p, bit)))
        parker_rouse(p);
}
