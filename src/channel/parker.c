/* A parker: one word and a futex. The bits say why; PARKED says that a futex call is needed. */
#include <hubbub/clock.h>
#include <hubbub/relay.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint32_t PARKED = UINT32_C(1) << 31;

void parker_init(struct parker *p)
{
    __atomic_store_n(&p->word, 0, __ATOMIC_RELAXED);
}

/* Sleeps while the word is PARKED; false at the deadline. */
static bool futex_wait(uint32_t *word, int64_t deadline)
{
    struct timespec ts = {0}, *until = NULL;
    if (deadline != DEADLINE_NEVER) {
        ts = clock_timespec(deadline);
        until = &ts;
    }
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, PARKED, until, NULL,
            FUTEX_BITSET_MATCH_ANY);
    return deadline == DEADLINE_NEVER || clock_now() < deadline;
}

unsigned parker_wait(struct parker *p, int64_t deadline)
{
    uint32_t word = 0;
    if (__atomic_compare_exchange_n(&p->word, &word, PARKED, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        while (__atomic_load_n(&p->word, __ATOMIC_ACQUIRE) == PARKED &&
               futex_wait(&p->word, deadline))
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
    syscall(SYS_futex, &p->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void parker_wake(struct parker *p, enum wake bit)
{
    if (parker_sleeps(parker_set(p, bit)))
        parker_rouse(p);
}
