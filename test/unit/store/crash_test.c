/* A process that is killed while it writes: every change that it had an answer for is there, whole, and none
 * is there without those before it. The victim is this program again, started with --victim. */
#include "helpers.h"

#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/wait.h>

enum { ROUNDS = 40, POSTGRES_ROUNDS = 12, MAX_ANSWERS = 1500, BURST = 64 };

static char *program;

/* ---- the victim ----------------------------------------------------------------------------------- */

static uint64_t answered; /* atomic: the last number */

/* Tells the other process by standard output. */
static void tell(void *arg, struct change *c, int err)
{
    (void)arg;
    uint64_t n = (uintptr_t)c->note;
    INSIST(err == 0);
    INSIST(write(STDOUT_FILENO, &n, sizeof n) == sizeof n);
    __atomic_store_n(&answered, n, __ATOMIC_RELEASE);
    c->note = NULL;
    change_free(c);
}

/* Its number is in three tables, which only a whole change leaves alike. */
static struct change *numbered(uint64_t n, bool first)
{
    char title[24];
    snprintf(title, sizeof title, "%llu", (unsigned long long)n);
    struct change *c = a_room("den", title);
    add_ledger(c, "den", n);
    if (first) {
        snprintf(title, sizeof title, "e%llu", (unsigned long long)n);
        add_epoch(c, "den", title, n - 1);
    }
    add_messages(c, "den", n, n);
    c->note = (void *)(uintptr_t)n;
    return c;
}

/* Until it is killed: bursts of any size, sometimes one on top of the other. */
static int be_victim(const char *directory, const char *url, uint64_t n, unsigned seed)
{
    char why[256];
    struct store *store = store_open(directory, url[0] != '\0' ? url : NULL, why, sizeof why);
    INSIST(store != NULL);
    INSIST(store_start(store, tell, NULL) == 0);
    for (uint64_t first = n + 1;;) {
        for (int burst = 1 + rand_r(&seed) % BURST; burst > 0; burst--) {
            n++;
            struct change *c = numbered(n, n == first);
            while (store_post(store, &c) == ERR_FULL)
                sched_yield();
        }
        if (rand_r(&seed) % 2 == 0)
            while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) < n)
                sched_yield();
    }
}

/* ---- the witness ---------------------------------------------------------------------------------- */

static pid_t start_victim(struct shop *s, uint64_t n, unsigned seed, int *pipe_end)
{
    char from[24], with[16], victim[] = "--victim";
    int ends[2];
    snprintf(from, sizeof from, "%llu", (unsigned long long)n);
    snprintf(with, sizeof with, "%u", seed);
    char none[] = "";
    char *argv[] = {program, victim, s->directory, s->url != NULL ? s->url : none,
                    from,    with,   NULL};
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(program, argv);
        _exit(127);
    }
    assert_true(pid > 0);
    close(ends[1]);
    *pipe_end = ends[0];
    return pid;
}

/* Kills it after that many answers; returns the number of the last one. */
static uint64_t watch_victim(pid_t pid, int fd, uint64_t n, unsigned answers)
{
    uint64_t number, seen = n;
    int status;
    while (read(fd, &number, sizeof number) == sizeof number) {
        assert_int_equal(number, seen + 1);
        seen = number;
        if (seen - n == answers)
            kill(pid, SIGKILL);
    }
    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(seen - n >= answers);
    return seen;
}

struct found {
    char title[24];
    uint64_t entries, last, said;
    bool gap;
};

static void look(void *arg, const struct record *r)
{
    struct found *f = arg;
    if (r->type == RECORD_ROOM)
        snprintf(f->title, sizeof f->title, "%.20s", r->title);
    if (r->type == RECORD_LEDGER) {
        f->gap |= r->entry != f->last + 1;
        f->last = r->entry;
        f->entries++;
    }
    if (r->type == RECORD_EPOCH) {
        f->said = r->seq;
        f->gap |= r->entry != 1;
    }
}

static void what_was_answered_survives_a_kill(void **state)
{
    (void)state;
    unsigned seed;
    uint64_t n = 0;
    assert_int_equal(getrandom(&seed, sizeof seed, 0), sizeof seed);
    print_message("seed %u\n", seed);
    struct shop *s = shop_new();
    for (int round = 0; round < (s->url != NULL ? POSTGRES_ROUNDS : ROUNDS); round++) {
        int fd;
        unsigned answers = 1 + (unsigned)rand_r(&seed) % MAX_ANSWERS;
        pid_t pid = start_victim(s, n, (unsigned)rand_r(&seed), &fd);
        uint64_t last = watch_victim(pid, fd, n, answers);

        struct found f = {0};
        char title[24];
        shop_open(s);
        assert_int_equal(store_load(s->store, UINT32_MAX, look, &f), 0);
        assert_true(f.last >= last);
        assert_false(f.gap);
        assert_int_equal(f.entries, f.last);
        assert_int_equal(f.said, f.last);
        assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), f.last);
        snprintf(title, sizeof title, "%llu", (unsigned long long)f.last);
        assert_string_equal(f.title, title);
        /* A check that something else than 'ok' fails. */
        if (s->url == NULL)
            shop_exec(s, "CREATE TEMP TABLE sound (said CHECK (said = 'ok'));"
                         "INSERT INTO sound SELECT integrity_check FROM pragma_integrity_check");
        n = f.last;
        shop_close(s);
    }
    shop_free(s);
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 6 && strcmp(argv[1], "--victim") == 0)
        return be_victim(argv[2], argv[3], strtoull(argv[4], NULL, 10),
                         (unsigned)strtoul(argv[5], NULL, 10));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_answered_survives_a_kill),
    };
    return SHOP_TESTS(argc, argv, "crash", tests);
}
