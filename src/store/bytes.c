/* The bytes of files, where the store has to do with them: it removes those that are gone, and at the start those that
 * its database doesn't know, so it has to be the database that they belong to. Whoever writes the database; blocks as the
 * disk does. */
#include "store/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hubbub/buf.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SPACE = 4096 };

static bool unlink_one(const char *directory, const char *name, const char *ending)
{
    char path[PATH_SPACE];
    if ((size_t)snprintf(path, sizeof path, "%s/%s%s", directory, name, ending) >= sizeof path)
        return true; /* nothing can be there */
    return unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR;
}

bool bytes_remove(const char *directory, const char *id)
{
    if (directory == NULL || !file_is_id(id, strlen(id)))
        return true;
    if (unlink_one(directory, id, "") && unlink_one(directory, id, FILE_THUMBNAIL))
        return true;
    log_warn("store: a file cannot be removed", LOG_STR("file", id),
             LOG_STR("error", strerror(errno)));
    return false;
}

static const char *ending_of(const char *name)
{
    return strlen(name) > FILE_ID_LEN ? name + FILE_ID_LEN : "";
}

static bool is_known(const char *name, bytes_known_fn *known, void *arg)
{
    char id[FILE_ID_LEN + 1] = "";
    const char *ending = ending_of(name);
    memcpy(id, name, strnlen(name, FILE_ID_LEN));
    return file_is_id(id, strlen(id)) &&
           (ending[0] == '\0' || strcmp(ending, FILE_THUMBNAIL) == 0) && known(arg, id);
}

void bytes_sweep(const char *directory, uint64_t expected, bytes_known_fn *known, void *arg)
{
    uint64_t removed = 0, found = 0;
    DIR *d = opendir(directory);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        if (!is_known(e->d_name, known, arg))
            removed += unlink_one(directory, e->d_name, "");
        else
            found += ending_of(e->d_name)[0] == '\0';
    }
    if (d != NULL)
        closedir(d);
    if (removed > 0)
        log_info("store: files that nobody knows are removed", LOG_INT("files", removed));
    if (found < expected)
        log_warn("store: files of messages are not on the disk (a backup has them beside the "
                 "database)",
                 LOG_STR("directory", directory), LOG_INT("missing", expected - found));
}

/* ---- whose they are ------------------------------------------------------------------------------ */

static bool is_empty(const char *directory)
{
    bool empty = true;
    DIR *d = opendir(directory);
    if (d == NULL)
        return errno == ENOENT;
    for (struct dirent *e; empty && (e = readdir(d)) != NULL;)
        empty = e->d_name[0] == '.';
    closedir(d);
    return empty;
}

/* "" when there is no mark. */
static void read_mark(const char *path, char mark[static 64])
{
    FILE *f = fopen(path, "re");
    mark[0] = '\0';
    if (f == NULL)
        return;
    if (fgets(mark, 64, f) == NULL)
        mark[0] = '\0';
    mark[strcspn(mark, "\n")] = '\0';
    fclose(f);
}

static int write_mark(const char *path, const char *directory, const char *id)
{
    if (id[0] == '\0')
        return unlink(path) == 0 || errno == ENOENT ? 0 : ERR_SYSTEM;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int above = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good =
        fd >= 0 && above >= 0 && dprintf(fd, "%s\n", id) > 0 && fsync(fd) == 0 && fsync(above) == 0;
    if (fd >= 0)
        close(fd);
    if (above >= 0)
        close(above);
    return good ? 0 : ERR_SYSTEM;
}

int bytes_claim(const char *data, const char *id, char *why, size_t space)
{
    char mark[64];
    struct buf path = BUF_INIT, files = BUF_INIT;
    buf_printf(&path, "%s/" FILES_DIRECTORY ".origin", data);
    buf_printf(&files, "%s/" FILES_DIRECTORY, data);
    read_mark(path.data, mark);
    int err = 0;
    if (strcmp(mark, id) != 0 && !is_empty(files.data)) {
        snprintf(why, space,
                 "%s has files of another database (use that once more, or move it away)",
                 files.data);
        err = ERR_INVALID;
    } else if (strcmp(mark, id) != 0 && (err = write_mark(path.data, data, id)) != 0) {
        snprintf(why, space, "cannot write %s: %s", path.data, strerror(errno));
    }
    buf_fini(&path);
    buf_fini(&files);
    return err;
}
