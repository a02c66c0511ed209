/* Freeing after a grace period: see <hubbub/rcu.h>. */
#include <hubbub/rcu.h>

#ifdef RCU_TELLS_TSAN
char rcu_tsan_published, rcu_tsan_deferred;
#endif

void rcu_defer(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
#ifdef RCU_TELLS_TSAN
    __tsan_release(&rcu_tsan_deferred);
#endif
    call_rcu(head, fn);
}
