/* Time. Deadlines are absolute nanoseconds of the monotonic clock, as clock_now() gives them. */
#ifndef HUBBUB_CLOCK_H
#define HUBBUB_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* Deadlines of blocking calls: do not wait at all, wait for ever. */
#define DEADLINE_NOW INT64_C(0)
#define DEADLINE_NEVER INT64_MAX

int64_t clock_now(void);     /* monotonic, ns */
int64_t clock_wall_ms(void); /* ms since 1970, for people and for `ts` */

struct timespec clock_timespec(int64_t ns);

/* What poll(2) takes as its timeout to wait until `deadline`, rounded up; -1 for DEADLINE_NEVER. */
int clock_poll_ms(int64_t deadline);

#endif
