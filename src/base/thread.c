/* Threads: the one place that starts them, and keeps those that are idle for the next who needs one. */
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/rcu.h>
#include <hubbub/text.h>
#include <hubbub/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STACK_FACTOR = 8 }; /* instrumented frames are larger */
#else
enum { STACK_FACTOR = 1 };
#endif

enum {
    PAGE = 4096,
    MAX_IDLE = 512, /* threads kept; each holds some 25 KiB */
    KEEP_SECONDS = 1,
    STACK_MARGIN =
        16384, /* of the far end of a stack, left alone by trimming: guard and rounding */
};

/* What the starter holds until it has joined. */
struct thread {
    pthread_cond_t ended;
    bool done; /* under mu */
};

/* A thread of the system; runs one function after the other. */
struct worker {
    size_t stack; /* set once: as asked for */
    char *top;    /* its own: of its stack, about */

    /* under mu */
    pthread_cond_t changed; /* it got something to do */
    thread_fn *fn;          /* NULL while it is idle */
    void *arg;
    char name[16];
    struct thread *handle; /* who wants to join, or NULL */
    struct worker *next_idle;
};

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_gone = PTHREAD_COND_INITIALIZER;
/* under mu */
static struct worker *idle; /* the latest first: its stack is still in the cache */
static unsigned nidle, nalive;
static bool ending;

static __thread struct worker *self;

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* ---- the life of a worker ------------------------------------------------------------------------ */

static void unlink_idle_locked(struct worker *w)
{
    struct worker **link = &idle;
    while (*link != w)
        link = &(*link)->next_idle;
    *link = w->next_idle;
    nidle--;
}

/* Waits for something to do; false when there was nothing for a while. */
static bool wait_idle_locked(struct worker *w)
{
    if (ending || nidle >= MAX_IDLE)
        return false;
    w->next_idle = idle;
    idle = w;
    nidle++;
    struct timespec until = clock_timespec(clock_now() + KEEP_SECONDS * NS_PER_S);
    int err = 0;
    while (w->fn == NULL && err == 0 && !ending)
        err = pthread_cond_timedwait(&w->changed, &mu, &until);
    if (w->fn != NULL)
        return true; /* whoever gave it something took it from the list */
    unlink_idle_locked(w);
    return false;
}

/* Its function is done. */
static void finish_locked(struct worker *w)
{
    w->fn = NULL;
    if (w->handle == NULL)
        return;
    w->handle->done = true;
    pthread_cond_signal(&w->handle->ended);
    w->handle = NULL; /* the joiner frees it */
}

static void free_worker(struct worker *w)
{
    pthread_cond_destroy(&w->changed);
    free(w);
}

static void *worker_main(void *arg)
{
    struct worker *w = self = arg;
    w->top = __builtin_frame_address(0);
    rcu_register_thread();
    pthread_mutex_lock(&mu);
    do {
        thread_fn *fn = w->fn;
        pthread_mutex_unlock(&mu);
        prctl(PR_SET_NAME, w->name);
        fn(w->arg);
        pthread_mutex_lock(&mu);
        finish_locked(w);
    } while (wait_idle_locked(w));
    pthread_mutex_unlock(&mu);
    rcu_unregister_thread();

    pthread_mutex_lock(&mu);
    free_worker(w);
    if (--nalive == 0)
        pthread_cond_broadcast(&all_gone);
    pthread_mutex_unlock(&mu);
    return NULL;
}

/* ---- starting ------------------------------------------------------------------------------------ */

static void give_locked(struct worker *w, struct thread *handle, const char *name, thread_fn *fn,
                        void *arg)
{
    w->handle = handle;
    w->fn = fn;
    w->arg = arg;
    text_copy(w->name, sizeof w->name, name, strlen(name));
}

/* An idle one with such a stack, or NULL. */
static struct worker *reuse_locked(size_t stack)
{
    for (struct worker *w = idle; w != NULL; w = w->next_idle) {
        if (w->stack == stack) {
            unlink_idle_locked(w);
            return w;
        }
    }
    return NULL;
}

/* All signals are blocked in it: a thread inherits the mask of its maker, and signals belong to main. */
static int make_worker(struct worker *w)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    INSIST(pthread_attr_setstacksize(&attr, w->stack * STACK_FACTOR) == 0);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t t;
    int err = pthread_create(&t, &attr, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return err == 0 ? 0 : ERR_LIMIT;
}

int thread_start(struct thread **out, const char *name, size_t stack, thread_fn *fn, void *arg)
{
    struct thread *handle = NULL;
    if (out != NULL) {
        handle = xcalloc(1, sizeof *handle);
        cond_init(&handle->ended);
    }
    pthread_mutex_lock(&mu);
    struct worker *w = reuse_locked(stack);
    if (w != NULL) {
        give_locked(w, handle, name, fn, arg);
        pthread_cond_signal(&w->changed);
    } else {
        nalive++;
    }
    pthread_mutex_unlock(&mu);

    int err = 0;
    if (w == NULL) {
        w = xcalloc(1, sizeof *w);
        w->stack = stack;
        cond_init(&w->changed);
        give_locked(w, handle, name, fn, arg); /* nobody else knows it yet */
        err = make_worker(w);
        if (err != 0) {
            free_worker(w);
            pthread_mutex_lock(&mu);
            nalive--;
            pthread_mutex_unlock(&mu);
            if (handle != NULL)
                pthread_cond_destroy(&handle->ended);
            free(handle);
            return err;
        }
    }
    if (out != NULL)
        *out = handle;
    return 0;
}

void thread_join(struct thread *t)
{
    pthread_mutex_lock(&mu);
    while (!t->done)
        pthread_cond_wait(&t->ended, &mu);
    pthread_mutex_unlock(&mu);
    pthread_cond_destroy(&t->ended);
    free(t);
}

void thread_end_all(void)
{
    pthread_mutex_lock(&mu);
    ending = true;
    for (struct worker *w = idle; w != NULL; w = w->next_idle)
        pthread_cond_signal(&w->changed);
    while (nalive > 0)
        pthread_cond_wait(&all_gone, &mu);
    ending = false;
    pthread_mutex_unlock(&mu);
}

/* ---- what the system should know ----------------------------------------------------------------- */

void thread_trim_stack(void)
{
    if (self == NULL || STACK_FACTOR > 1)
        return;
    uintptr_t low = (uintptr_t)self->top - self->stack + STACK_MARGIN;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) - 256; /* red zone, and the call below */
    low = (low + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    here &= ~(uintptr_t)(PAGE - 1);
    if (here > low)
        madvise((void *)low, here - low, MADV_DONTNEED);
}

void thread_expect(size_t threads)
{
    enum {
        FUTEX_HASH = 78,
        SET_SLOTS = 1
    }; /* PR_FUTEX_HASH of linux/prctl.h, newer than our headers */
    unsigned long slots = 256;
    while (slots < threads && slots < 65536)
        slots *= 2;
    prctl(FUTEX_HASH, SET_SLOTS, slots, 0UL, 0UL); /* EINVAL where it is not known */
}
