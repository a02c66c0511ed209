/* The one place that includes liburcu: memb flavour, as a library and not inlined.
 *
 * A thread started by thread_start() is registered. Between rcu_read_lock() and rcu_read_unlock()
 * nothing may wait. What was removed from a structure is freed by call_rcu(); before the process ends,
 * rcu_barrier() waits for all that is pending. */
#ifndef HUBBUB_RCU_H
#define HUBBUB_RCU_H

#define RCU_MEMBARRIER
#include <urcu.h>

#include <urcu/rculfhash.h>
#include <urcu/rculist.h>
#include <urcu/wfcqueue.h>

#endif
