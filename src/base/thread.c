/* The one function that starts threads. */
#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/rcu.h>
#include <hubbub/text.h>
#include <hubbub/thread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

struct birth {
    thread_fn *fn;
    void *arg;
    char name[16];
};

static void *thread_main(void *arg)
{
    struct birth b = *(struct birth *)arg;
    free(arg);
    prctl(PR_SET_NAME, b.name);
    rcu_register_thread();
    b.fn(b.arg);
    rcu_unregister_thread();
    return NULL;
}

int thread_start(pthread_t *out, const char *name, size_t stack, thread_fn *fn, void *arg)
{
    struct birth *b = xmalloc(sizeof *b);
    b->fn = fn;
    b->arg = arg;
    text_copy(b->name, sizeof b->name, name, strlen(name));

    pthread_attr_t attr;
    pthread_attr_init(&attr);
    INSIST(pthread_attr_setstacksize(&attr, stack) == 0);
    if (out == NULL)
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);

    /* A thread inherits the mask of its maker: signals belong to main alone. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t t;
    int err = pthread_create(&t, &attr, thread_main, b);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (err != 0) {
        free(b);
        return ERR_LIMIT;
    }
    if (out != NULL)
        *out = t;
    return 0;
}

void thread_expect(size_t threads)
{
    enum { FUTEX_HASH = 78, SET_SLOTS = 1 }; /* PR_FUTEX_HASH of linux/prctl.h, newer than our headers */
    unsigned long slots = 256;
    while (slots < threads && slots < 65536)
        slots *= 2;
    prctl(FUTEX_HASH, SET_SLOTS, slots, 0UL, 0UL); /* EINVAL where it is not known */
}

void thread_join(pthread_t t)
{
    INSIST(pthread_join(t, NULL) == 0);
}
