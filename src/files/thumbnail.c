/* Thumbnails: made by a child process, this program once more, because what decodes images is large and what it decodes
 * comes from strangers. The child has limits of its own (shrink.c) and a deadline here. Readers' threads, a few at a
 * time; without libvips, or with an image that cannot be decoded, there is none, and that is all. */
#include "files/files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <hubbub/clock.h>
#include <hubbub/metrics.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN = 2, OUTPUT_FD = 3 };
static const int64_t PATIENCE = 10 * NS_PER_S, TURN_PATIENCE = 5 * NS_PER_S;

/* False: others took too long, and there will be no thumbnail. */
static bool wait_for_turn(struct files *f)
{
    int64_t deadline = clock_now() + TURN_PATIENCE;
    const struct timespec until = {deadline / NS_PER_S, deadline % NS_PER_S};
    int failed = 0;
    pthread_mutex_lock(&f->mu);
    while (f->nchildren == CHILDREN && failed == 0)
        failed = pthread_cond_timedwait(&f->child_ended, &f->mu, &until);
    bool mine = f->nchildren < CHILDREN;
    f->nchildren += mine;
    pthread_mutex_unlock(&f->mu);
    return mine;
}

static void end_turn(struct files *f)
{
    pthread_mutex_lock(&f->mu);
    f->nchildren--;
    pthread_cond_signal(&f->child_ended);
    pthread_mutex_unlock(&f->mu);
}

/* -1: it could not be started. */
static pid_t start(int image, int thumbnail, int answer, const char *type)
{
    static char program[] = "hubbub", command[] = "thumbnail";
    static char one_thread[] = "VIPS_CONCURRENCY=1", no_strangers[] = "VIPS_BLOCK_UNTRUSTED=1",
                one_arena[] = "MALLOC_ARENA_MAX=1";
#if defined(__SANITIZE_THREAD__) /* which sees the threads of libvips, but not what they wait for */
    static char no_reports[] = "TSAN_OPTIONS=report_bugs=0";
#else
    static char *const no_reports = NULL;
#endif
    char what[FILE_TYPE_MAX + 1];
    char *argv[] = {program, command, what, NULL};
    char *envp[] = {one_thread, no_strangers, one_arena, no_reports, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    pid_t pid;
    strcpy(what, type);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, image, 0);
    posix_spawn_file_actions_adddup2(&files, answer, 1);
    posix_spawn_file_actions_adddup2(&files, thumbnail, OUTPUT_FD);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&how, &none);
    int err = posix_spawn(&pid, "/proc/self/exe", &files, &how, argv, envp);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return err == 0 ? pid : -1;
}

/* Waits for its end, which comes at the deadline at the latest. True when it ended well by itself. What it says fits into
 * the pipe; if it says more it stands still until then. */
static bool await_end(pid_t pid)
{
    int status = 0, watch = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = watch, .events = POLLIN};
    int64_t deadline = clock_now() + PATIENCE;
    int n;
    do
        n = watch < 0 ? 0 : poll(&p, 1, clock_poll_ms(deadline));
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        kill(pid, SIGKILL); /* the id is its own until it has been waited for */
    if (watch >= 0)
        close(watch);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return n > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* "WIDTH HEIGHT MADE\n" */
static bool understand(const char *text, struct file *file)
{
    enum { LARGEST = 1 << 20 };
    unsigned width, height, made;
    if (sscanf(text, "%7u %7u %1u", &width, &height, &made) != 3 || width == 0 || height == 0 ||
        width > LARGEST || height > LARGEST)
        return false;
    file->width = width;
    file->height = height;
    return made == 1;
}

static bool run(int image, int thumbnail, struct file *file)
{
    char text[64] = "";
    int answer[2];
    if (pipe2(answer, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    pid_t pid = start(image, thumbnail, answer[1], file->type);
    bool good = pid >= 0 && await_end(pid);
    ssize_t n = read(answer[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    close(answer[0]);
    close(answer[1]);
    return understand(text, file) && good;
}

void make_thumbnail(struct files *f, struct file *file)
{
    char name[FILE_ID_LEN + 16];
    struct stat st;
    snprintf(name, sizeof name, "%s.webp", file->id);
    int image = openat(f->at, file->id, O_RDONLY | O_CLOEXEC);
    int thumbnail = openat(f->at, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (image >= 0 && thumbnail >= 0 && wait_for_turn(f)) {
        file->thumbnail = run(image, thumbnail, file) && fstat(thumbnail, &st) == 0 &&
                          st.st_size > 0 && fsync(thumbnail) == 0;
        end_turn(f);
    }
    if (thumbnail >= 0 && !file->thumbnail)
        unlinkat(f->at, name, 0);
    metric_add(file->thumbnail ? METRIC_THUMBNAILS : METRIC_THUMBNAILS_FAILED, 1);
    if (image >= 0)
        close(image);
    if (thumbnail >= 0)
        close(thumbnail);
}
