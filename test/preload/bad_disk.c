/* A bad disk, for LD_PRELOAD: what writes to regular files, or waits until they are on the disk, is slow or fails now and
 * then, as the file named by BAD_DISK says at that moment: "MICROSECONDS ONE_IN" (0: never). No file: a good disk.
 *
 * A write that fails for want of space may have written a part, as real ones do. Any thread; blocks as the disk does. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef ssize_t write_fn(int fd, const void *bytes, size_t n);
typedef ssize_t pwrite_fn(int fd, const void *bytes, size_t n, off_t at);
typedef int sync_fn(int fd);
typedef int truncate_fn(int fd, off_t length);

#define REAL(type, name)                                  \
    static type *real;                                    \
    if (__atomic_load_n(&real, __ATOMIC_RELAXED) == NULL) \
    __atomic_store_n(&real, (type *)dlsym(RTLD_NEXT, name), __ATOMIC_RELAXED)

/* xorshift: which call fails is not the same in any two runs. */
static uint32_t chance(void)
{
    static _Thread_local uint32_t state;
    if (state == 0)
        state = ((uint32_t)getpid() * 2654435761u ^ (uint32_t)(uintptr_t)&state) | 1;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* Takes as long as the disk does. Does it fail? */
static bool fails(int fd)
{
    struct stat about;
    char text[64] = "";
    unsigned slow = 0, one_in = 0;
    int saved = errno;
    const char *path = getenv("BAD_DISK");

    if (path == NULL || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        return false;
    int control = open(path, O_RDONLY | O_CLOEXEC);
    if (control < 0 || read(control, text, sizeof(text) - 1) < 0 ||
        sscanf(text, "%u %u", &slow, &one_in) != 2)
        slow = one_in = 0;
    if (control >= 0)
        close(control);
    if (slow > 0)
        nanosleep(&(struct timespec){slow / 1000000, slow % 1000000 * 1000L}, NULL);
    errno = saved;
    return one_in > 0 && chance() % one_in == 0;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(write_fn, "write");
    if (!fails(fd))
        return real(fd, bytes, n);
    if (chance() % 2 && n > 1)
        real(fd, bytes, n / 2);
    errno = ENOSPC;
    return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    REAL(pwrite_fn, "pwrite");
    if (!fails(fd))
        return real(fd, bytes, n, at);
    if (chance() % 2 && n > 1)
        real(fd, bytes, n / 2, at);
    errno = ENOSPC;
    return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return pwrite(fd, bytes, n, at);
}

static int bad_sync(sync_fn *real, int fd)
{
    if (!fails(fd))
        return real(fd);
    errno = ENOSPC;
    return -1;
}

int fsync(int fd)
{
    REAL(sync_fn, "fsync");
    return bad_sync(real, fd);
}

int fdatasync(int fd)
{
    REAL(sync_fn, "fdatasync");
    return bad_sync(real, fd);
}

int ftruncate(int fd, off_t length)
{
    REAL(truncate_fn, "ftruncate");
    if (!fails(fd))
        return real(fd, length);
    errno = ENOSPC;
    return -1;
}

int ftruncate64(int fd, off64_t length)
{
    return ftruncate(fd, length);
}
