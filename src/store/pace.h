/* How much of the time the index of words gets, so that what is said need not wait for it. Plain data of one thread;
 * all times in ns of clock_now(). */
#ifndef STORE_PACE_H
#define STORE_PACE_H

#include <stddef.h>
#include <stdint.h>

struct pace {
    int64_t counted_at; /* since then so many records were written, */
    uint64_t written;
    int64_t span, rate; /* and in the time before that so many a second */
};

/* So many records more are written. */
void pace_wrote(struct pace *p, uint64_t records, int64_t now);
/* How long to leave it alone after a step that took so long for n messages, when there are more. */
int64_t pace_pause(struct pace *p, int64_t took, size_t n, int64_t now);

#endif
