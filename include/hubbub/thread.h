/* Where threads are born: name, stack, signal mask and RCU registration in one place.
 *
 * A thread whose function has returned is kept for a second and given the next function with the
 * same size of stack: clients come and go by the thousand, and making and ending the two threads of one
 * costs as much as its whole handshake. */
#ifndef HUBBUB_THREAD_H
#define HUBBUB_THREAD_H

#include <stddef.h>

struct thread;

typedef void thread_fn(void *arg);

/* Runs fn(arg) on a thread with all signals blocked, registered with RCU. `name` is at most 15
 * characters (prctl(2)); `stack` is in bytes, only touched pages cost memory.
 * With `out` the caller must thread_join() it; with NULL nobody can, and the caller counts it.
 * Returns 0, or ERR_LIMIT when the system has no room for another thread. */
int thread_start(struct thread **out, const char *name, size_t stack, thread_fn *fn, void *arg);

/* Waits until its function has returned, and frees it. */
void thread_join(struct thread *t);

/* The calling thread needed more stack until now than it will from now on: gives the pages back. */
void thread_trim_stack(void);

/* Before the first thread: tells the kernel how many threads may sleep at once. Since Linux 6.16 a
 * process has a futex hash of its own, of 16 buckets on a small machine, and waking one of 15 000
 * sleepers walks a chain of a thousand others: 140 us instead of 5. Older kernels need no help. */
void thread_expect(size_t threads);

/* At the end, when every function has returned: ends the threads that are kept, and waits for them. */
void thread_end_all(void);

#endif
