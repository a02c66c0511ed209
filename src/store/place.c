/* Where the store lives: a directory of its own, used by one server at a time. Called by the main thread at
 * the start. The lock is the kernel's, so it ends with the process, however that ends. */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <hubbub/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SPACE = 4096 };

/* A directory is there after a power cut once the one above it is on the disk. */
static void sync_above(const char *path)
{
    char above[PATH_SPACE + 4];
    snprintf(above, sizeof above, "%s/..", path);
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static int make_one(const char *path)
{
    if (mkdir(path, 0700) == 0)
        sync_above(path);
    else if (errno != EEXIST)
        return -1;
    return 0;
}

/* One line, with what may be done about it. Returns -1. */
static int refuse_place(const char *what, const char *directory, char *why, size_t space)
{
    snprintf(why, space,
             "cannot %s the data directory %s: %s (give it to the user who runs this, or choose "
             "another with --data)",
             what, directory, strerror(errno));
    return -1;
}

/* With those above it; 0 or -1 and errno. */
static int make_all(const char *directory)
{
    char path[PATH_SPACE];
    if ((size_t)snprintf(path, sizeof path, "%s", directory) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *slash = path; slash[0] != '\0' && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        int err = make_one(path);
        *slash = '/';
        if (err != 0)
            return -1;
    }
    return make_one(path);
}

/* Who has the lock, for people: the holder's process id is in the file. */
static void tell_holder(int fd, const char *directory, char *why, size_t space)
{
    char pid[16] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    if (n > 0)
        pid[strcspn(pid, "\n")] = '\0';
    snprintf(why, space, "data directory %s is in use by another server%s%s", directory,
             n > 0 ? ", process " : "", pid);
}

static void write_pid(int fd)
{
    char pid[16];
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    /* Only for people, so a full disk is no reason to stop here. */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) < n)
        errno = 0;
}

int place_lock(const char *directory, char *why, size_t space)
{
    char path[PATH_SPACE + 16];
    if (make_all(directory) != 0)
        return refuse_place("make", directory, why, space);
    snprintf(path, sizeof path, "%s/hubbub.lock", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse_place("write to", directory, why, space);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        write_pid(fd);
        return fd;
    }
    if (errno == EWOULDBLOCK)
        tell_holder(fd, directory, why, space);
    else
        snprintf(why, space, "cannot lock %s: %s", path, strerror(errno));
    close(fd);
    return -1;
}

/* ---- trying, which leaves nothing behind ---------------------------------------------------------- */

/* Makes the first directory of the path that is missing, and removes it again. 0 or -1 and errno. */
static int try_making(const char *directory)
{
    char path[PATH_SPACE];
    struct stat st;
    if ((size_t)snprintf(path, sizeof path, "%s", directory) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *slash = path; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = '\0';
        if (stat(path, &st) != 0)
            break;
    }
    return mkdir(path, 0700) == 0 ? rmdir(path) : -1;
}

static int try_writing(const char *directory)
{
    static const char *const names[] = {"", "/hubbub.lock", "/hubbub.db"};
    char path[PATH_SPACE + 16];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s%s", directory, names[i]);
        if (faccessat(AT_FDCWD, path, R_OK | W_OK | (i == 0 ? X_OK : 0), AT_EACCESS) != 0 &&
            (i == 0 || errno != ENOENT))
            return -1;
    }
    return 0;
}

/* Takes the lock for a moment: whoever starts meanwhile is told that the directory is in use. */
static bool is_locked(const char *directory, char *why, size_t space)
{
    char path[PATH_SPACE + 16];
    snprintf(path, sizeof path, "%s/hubbub.lock", directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (locked)
        tell_holder(fd, directory, why, space);
    close(fd);
    return locked;
}

static int try_directory(const char *directory, char *why, size_t space)
{
    struct stat st;
    if (stat(directory, &st) == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        refuse_place("use", directory, why, space);
        return ERR_SYSTEM;
    }
    bool there = faccessat(AT_FDCWD, directory, F_OK, AT_EACCESS) == 0;
    if ((there ? try_writing(directory) : try_making(directory)) != 0) {
        refuse_place(there ? "write to" : "make", directory, why, space);
        return ERR_SYSTEM;
    }
    return there && is_locked(directory, why, space) ? ERR_AGAIN : 0;
}

int store_try(const char *directory, const char *url, char *why, size_t space)
{
    int err = try_directory(directory, why, space);
    return err != 0 || url == NULL ? err : postgres_backend.try(url, why, space);
}
