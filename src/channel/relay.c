/* The relay: see <hubbub/relay.h> for what it is for and what must hold.
 *
 * The list is liburcu's wfcqueue: posting is wait-free, taking needs a mutex among the few carriers.
 * `active` counts the places among the carriers that are given away. The two sides meet in it: a poster
 * adds to the list and then looks at active, a carrier gives its place back and then looks at the list,
 * both sequentially consistent, so at least one of them sees the other. */
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/relay.h>
#include <sched.h>
#include <stdlib.h>

enum {
    TURN =
        256, /* tasks one writer carries before it passes its place on: it has pings of its own */
    SHARE =
        16, /* tasks that are worth waking another writer for: a wake costs as much as a write or two */
    RETIRE_POLL_MS = 1, /* how often a retiring owner looks; hardly ever more than once */
};

struct relay {
    unsigned max; /* set once */
    struct cds_wfcq_tail tail __attribute__((aligned(64)));
    struct cds_wfcq_head head __attribute__((aligned(64))); /* its mutex is for taking */
    uint32_t active;                                        /* atomic: places given away */
    uint32_t queued;                                        /* atomic: length of the list, a hint */
    struct relay_stats stats;                               /* atomic */
};

struct relay *relay_new(unsigned carriers)
{
    REQUIRE(carriers >= 1 && carriers <= RELAY_MAX_CARRIERS);
    struct relay *r = aligned_alloc(64, (sizeof *r + 63) / 64 * 64);
    INSIST(r != NULL);
    *r = (struct relay){.max = carriers};
    cds_wfcq_init(&r->head, &r->tail);
    return r;
}

void relay_free(struct relay *r)
{
    REQUIRE(cds_wfcq_empty(&r->head, &r->tail));
    cds_wfcq_destroy(&r->head, &r->tail);
    free(r);
}

void relay_task_init(struct relay_task *t, struct parker *owner, relay_run_fn *run)
{
    *t = (struct relay_task){.state = TASK_IDLE, .owner = owner, .run = run};
}

static bool change_state(struct relay_task *t, uint32_t *from, enum task_state to)
{
    return __atomic_compare_exchange_n(&t->state, from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void count(uint64_t *stat, uint64_t n)
{
    __atomic_fetch_add(stat, n, __ATOMIC_RELAXED);
}

/* The state is QUEUED already, so nobody else adds it. */
static void enqueue(struct relay *r, struct relay_task *t)
{
    __atomic_fetch_add(&r->queued, 1, __ATOMIC_RELAXED);
    cds_wfcq_node_init(&t->node);
    cds_wfcq_enqueue(&r->head, &r->tail, &t->node);
}

void relay_post(struct relay *r, struct relay_task *t)
{
    /* What was put into the outbox must be visible before the state is looked at. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint32_t state = __atomic_load_n(&t->state, __ATOMIC_SEQ_CST);
    for (;;) {
        switch (state) {
        case TASK_IDLE:
            if (change_state(t, &state, TASK_QUEUED)) {
                enqueue(r, t);
                return;
            }
            break;
        case TASK_RUNNING:
            if (change_state(t, &state, TASK_AGAIN))
                return;
            break;
        default: /* whoever has it will look again */ return;
        }
    }
}

/* ---- giving places away -------------------------------------------------------------------------- */

static bool take_place(struct relay *r)
{
    uint32_t n = __atomic_load_n(&r->active, __ATOMIC_SEQ_CST);
    /* More than one only when the list is long enough to share. */
    uint32_t useful = 1 + __atomic_load_n(&r->queued, __ATOMIC_RELAXED) / SHARE;
    while (n < r->max && n < useful)
        if (__atomic_compare_exchange_n(&r->active, &n, n + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

static void leave_place(struct relay *r)
{
    __atomic_fetch_sub(&r->active, 1, __ATOMIC_SEQ_CST);
}

static bool list_empty(struct relay *r)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return cds_wfcq_empty(&r->head, &r->tail);
}

/* Gives places to the owners of the first tasks, and returns those who sleep and must be roused. The
 * place is given while the task is held in the list, so an owner that finds its task gone from the list
 * has seen the place that came with it: relay_retire() relies on it. */
static int choose(struct relay *r, struct parker **asleep)
{
    int n = 0;
    uint64_t given = 0;
    cds_wfcq_dequeue_lock(&r->head, &r->tail);
    struct cds_wfcq_node *node = __cds_wfcq_first_nonblocking(&r->head, &r->tail);
    for (; node != NULL && node != CDS_WFCQ_WOULDBLOCK && take_place(r);
         node = __cds_wfcq_next_nonblocking(&r->head, &r->tail, node)) {
        struct relay_task *t = caa_container_of(node, struct relay_task, node);
        INSIST(__atomic_load_n(&t->state, __ATOMIC_SEQ_CST) == TASK_QUEUED);
        struct parker *p = t->owner;
        uint32_t before = parker_set(p, WAKE_CARRY);
        given++;
        if (before &
            WAKE_CARRY) { /* it has a place already, and one is enough to look at the list */
            leave_place(r);
            break;
        }
        if (parker_sleeps(before))
            asleep[n++] = p;
    }
    cds_wfcq_dequeue_unlock(&r->head, &r->tail);
    count(&r->stats.wakes, given);
    return n;
}

void relay_kick(struct relay *r)
{
    if (list_empty(r) || __atomic_load_n(&r->active, __ATOMIC_SEQ_CST) >= r->max)
        return;
    struct parker *asleep[RELAY_MAX_CARRIERS];
    rcu_read_lock(); /* an owner may end as soon as its task has left the list */
    int n = choose(r, asleep);
    for (int i = 0; i < n; i++)
        parker_rouse(asleep[i]);
    rcu_read_unlock();
}

/* ---- carrying ------------------------------------------------------------------------------------ */

/* A poster may stand between the two steps of its enqueueing. liburcu's own wait for that is to sleep
 * 10 ms with the list locked, which is what every hundredth delivery then shows; so this lets go of the
 * list and gives the poster the processor. */
static struct cds_wfcq_node *dequeue(struct relay *r)
{
    for (;;) {
        cds_wfcq_dequeue_lock(&r->head, &r->tail);
        struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(&r->head, &r->tail);
        cds_wfcq_dequeue_unlock(&r->head, &r->tail);
        if (node != CDS_WFCQ_WOULDBLOCK)
            return node;
        sched_yield();
    }
}

static struct relay_task *take(struct relay *r)
{
    struct cds_wfcq_node *node = dequeue(r);
    if (node == NULL)
        return NULL;
    __atomic_fetch_sub(&r->queued, 1, __ATOMIC_RELAXED);
    return caa_container_of(node, struct relay_task, node);
}

static void give_to_owner(struct relay *r, struct relay_task *t)
{
    rcu_read_lock(); /* from the moment it is the owner's, the owner may end */
    struct parker *owner = t->owner;
    __atomic_store_n(&t->state, TASK_OWNER, __ATOMIC_SEQ_CST);
    parker_wake(owner, WAKE_OWNER);
    rcu_read_unlock();
    count(&r->stats.handed_back, 1);
}

static void carry(struct relay *r, struct relay_task *t)
{
    INSIST(__atomic_load_n(&t->state, __ATOMIC_SEQ_CST) == TASK_QUEUED);
    __atomic_store_n(&t->state, TASK_RUNNING, __ATOMIC_SEQ_CST);
    if (!t->run(t)) {
        give_to_owner(r, t);
        return;
    }
    uint32_t state = TASK_RUNNING;
    if (!change_state(t, &state, TASK_IDLE)) { /* AGAIN: to the end of the list, others wait too */
        __atomic_store_n(&t->state, TASK_QUEUED, __ATOMIC_SEQ_CST);
        enqueue(r, t);
    }
}

void relay_carry(struct relay *r)
{
    uint64_t n = 0;
    struct relay_task *t;
    while (n < TURN && (t = take(r)) != NULL) {
        carry(r, t);
        n++;
    }
    count(&r->stats.carried, n);
    count(&r->stats.turns, 1);
    leave_place(r);
    relay_kick(r);
}

/* ---- owners -------------------------------------------------------------------------------------- */

bool relay_owns(const struct relay_task *t)
{
    return __atomic_load_n(&t->state, __ATOMIC_SEQ_CST) == TASK_OWNER;
}

bool relay_will_carry(const struct relay_task *t)
{
    uint32_t state = __atomic_load_n(&t->state, __ATOMIC_SEQ_CST);
    return state != TASK_OWNER && state != TASK_DEAD;
}

void relay_release(struct relay *r, struct relay_task *t)
{
    REQUIRE(relay_owns(t));
    __atomic_store_n(&t->state, TASK_IDLE, __ATOMIC_SEQ_CST);
    relay_post(r, t);
    relay_kick(r);
}

void relay_retire(struct relay *r, struct relay_task *t)
{
    for (;;) {
        uint32_t state = __atomic_load_n(&t->state, __ATOMIC_SEQ_CST);
        if ((state == TASK_IDLE || state == TASK_OWNER) && change_state(t, &state, TASK_DEAD))
            break;
        if (parker_wait(t->owner, clock_now() + RETIRE_POLL_MS * NS_PER_MS) & WAKE_CARRY)
            relay_carry(r);
    }
    /* A place that was given to this thread in the meantime must not be lost with it. */
    if (parker_wait(t->owner, DEADLINE_NOW) & WAKE_CARRY)
        relay_carry(r);
}

void relay_read_stats(const struct relay *r, struct relay_stats *out)
{
    out->wakes = __atomic_load_n(&r->stats.wakes, __ATOMIC_RELAXED);
    out->carried = __atomic_load_n(&r->stats.carried, __ATOMIC_RELAXED);
    out->turns = __atomic_load_n(&r->stats.turns, __ATOMIC_RELAXED);
    out->active = __atomic_load_n(&r->active, __ATOMIC_RELAXED);
    out->handed_back = __atomic_load_n(&r->stats.handed_back, __ATOMIC_RELAXED);
}
