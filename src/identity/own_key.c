/* The server's own key: 32 random bytes in the data directory, which sign what it gives to guests and
 * what `hubbub token` makes. Who can read it can be anybody, so it is refused when others may.
 *
 * At start, on the main thread: reads and writes files, so it blocks. */
#include "identity_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens the key and reads it: 1, 0 when there is none, -1 with `why`. */
static int read_key(const char *path, unsigned char key[OWN_KEY_BYTES], char *why, size_t space)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    struct stat st;
    unsigned char bytes[OWN_KEY_BYTES + 1];
    ssize_t n = -1;
    bool good = false;
    if (fd < 0 || fstat(fd, &st) != 0)
        refuse_key(why, space, "cannot read %s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        refuse_key(why, space, "%s is not a file", path);
    else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        refuse_key(why, space, "others may read or write %s (mode %04o): chmod 600 %s", path,
                   (unsigned)st.st_mode & 07777, path);
    else if ((n = read(fd, bytes, sizeof bytes)) < 0)
        refuse_key(why, space, "cannot read %s: %s", path, strerror(errno));
    else if (n != OWN_KEY_BYTES)
        refuse_key(why, space, "%s is no key of this server: want %d bytes", path, OWN_KEY_BYTES);
    else
        good = true;
    if (good)
        memcpy(key, bytes, OWN_KEY_BYTES);
    sodium_memzero(bytes, sizeof bytes);
    if (fd >= 0)
        close(fd);
    return good ? 1 : -1;
}

static bool write_new(const char *path, const unsigned char key[OWN_KEY_BYTES])
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return false;
    bool good = write(fd, key, OWN_KEY_BYTES) == OWN_KEY_BYTES && fsync(fd) == 0;
    return close(fd) == 0 && good;
}

static void sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* Whole under another name first, then linked: nobody ever finds half a key, and of two that make one at
 * the same time one wins, and both go on with that. */
static bool make_key(const char *directory, const char *path, char *why, size_t space)
{
    unsigned char key[OWN_KEY_BYTES];
    char draft[PATH_MAX];
    snprintf(draft, sizeof draft, "%s/.server.key.%ld", directory, (long)getpid());
    randombytes_buf(key, sizeof key);
    unlink(draft); /* of a process of this number that died */
    bool good = write_new(draft, key) && (link(draft, path) == 0 || errno == EEXIST);
    if (!good)
        refuse_key(why, space, "cannot make %s: %s", path, strerror(errno));
    unlink(draft);
    if (good)
        sync_directory(directory);
    sodium_memzero(key, sizeof key);
    return good;
}

static bool find_path(const char *directory, char path[PATH_MAX], char *why, size_t space)
{
    return snprintf(path, PATH_MAX, "%s/server.key", directory) < PATH_MAX - 32 ||
           refuse_key(why, space, "the path of the data directory is too long");
}

bool own_key_try(const char *directory, char *why, size_t space)
{
    char path[PATH_MAX];
    unsigned char key[OWN_KEY_BYTES];
    bool good = find_path(directory, path, why, space) && read_key(path, key, why, space) >= 0;
    sodium_memzero(key, sizeof key);
    return good;
}

bool own_key_load(const char *directory, unsigned char key[OWN_KEY_BYTES], bool *made, char *why,
                  size_t space)
{
    char path[PATH_MAX];
    if (!find_path(directory, path, why, space))
        return false;
    if (mkdir(directory, S_IRWXU) != 0 && errno != EEXIST)
        return refuse_key(why, space, "cannot make the data directory %s: %s", directory,
                          strerror(errno));
    int found = read_key(path, key, why, space);
    *made = found == 0;
    if (found == 0 && make_key(directory, path, why, space))
        found = read_key(path, key, why, space);
    return found > 0;
}
