/* Where threads are born: name, stack, signal mask and RCU registration in one place. */
#ifndef HUBBUB_THREAD_H
#define HUBBUB_THREAD_H

#include <pthread.h>
#include <stddef.h>

typedef void thread_fn(void *arg);

/* Starts a thread that runs fn(arg) with all signals blocked, registered with RCU.
 * `name` is at most 15 characters (prctl(2)); `stack` is in bytes, only touched pages cost memory.
 * With `out` the caller must thread_join() it; with NULL it is detached and the caller counts it.
 * Returns 0, or ERR_LIMIT when the system has no room for another thread. */
int thread_start(pthread_t *out, const char *name, size_t stack, thread_fn *fn, void *arg);

void thread_join(pthread_t t);

/* Before the first thread: tells the kernel how many threads may sleep at once. Since Linux 6.16 a
 * process has a futex hash of its own, of 16 buckets on a small machine, and waking one of 15 000
 * sleepers walks a chain of a thousand others: 140 us instead of 5. Older kernels need no help. */
void thread_expect(size_t threads);

#endif
