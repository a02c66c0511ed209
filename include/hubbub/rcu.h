/* The one place that includes liburcu: memb flavour, as a library and not inlined.
 *
 * A thread started by thread_start() is registered. Between rcu_read_lock() and rcu_read_unlock()
 * nothing may wait. What was removed from a structure is freed by rcu_defer(); before the process ends,
 * rcu_barrier() waits for all that is pending. */
#ifndef HUBBUB_RCU_H
#define HUBBUB_RCU_H

#define RCU_MEMBARRIER
#include <urcu.h>

#include <urcu/rculfhash.h>
#include <urcu/rculist.h>
#include <urcu/wfcqueue.h>

/* Calls fn(head) on liburcu's own thread once every reader of now has left its read section. fn begins
 * with rcu_deferred(). Any registered thread; never waits. */
void rcu_defer(struct rcu_head *head, void (*fn)(struct rcu_head *head));

/* liburcu orders memory by means that ThreadSanitizer cannot see: membarrier(2), inline assembly, and a
 * library that is not instrumented. These tell it, and are nothing in other builds:
 *   RCU_PUBLISHED   what was written before is visible to whoever finds it in a structure
 *   RCU_FOUND       the other end of it
 *   rcu_deferred()  the grace period has passed: readers and the remover are done with it */
#if defined(__SANITIZE_THREAD__)
#define RCU_TELLS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RCU_TELLS_TSAN 1
#endif
#endif

#ifdef RCU_TELLS_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
extern char rcu_tsan_published, rcu_tsan_deferred;
#define RCU_PUBLISHED() __tsan_release(&rcu_tsan_published)
#define RCU_FOUND() __tsan_acquire(&rcu_tsan_published)
static inline void rcu_deferred(void)
{
    __tsan_acquire(&rcu_tsan_deferred);
}
static inline void rcu_told_read_unlock(void)
{
    __tsan_release(&rcu_tsan_deferred);
    rcu_read_unlock();
}
#undef rcu_read_unlock
#define rcu_read_unlock rcu_told_read_unlock
#else
#define RCU_PUBLISHED() ((void)0)
#define RCU_FOUND() ((void)0)
static inline void rcu_deferred(void) {}
#endif

#endif
