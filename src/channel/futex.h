/* The two futex calls that this room makes. The word may be gone when it is woken: whoever woke up for
 * it may have freed it already, and the kernel then finds nobody there. */
#ifndef CHANNEL_FUTEX_H
#define CHANNEL_FUTEX_H

#include <hubbub/clock.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sleeps while *word is `expected`, until woken or the deadline, or for no reason; false when the
 * deadline has passed. */
static inline bool futex_wait(uint32_t *word, uint32_t expected, int64_t deadline)
{
    struct timespec ts = {0}, *until = NULL;
    if (deadline != DEADLINE_NEVER) {
        ts = clock_timespec(deadline);
        until = &ts;
    }
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, until, NULL,
            FUTEX_BITSET_MATCH_ANY);
    return deadline == DEADLINE_NEVER || clock_now() < deadline;
}

/* Wakes at most n of those who sleep. */
static inline void futex_wake(uint32_t *word, uint32_t n)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n < INT_MAX ? n : INT_MAX, NULL, NULL, 0);
}

#endif
