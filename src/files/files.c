/* Uploads on their way to the disk, and files on their way out: see <hubbub/files.h>. Readers' threads; the mutex is
 * held for a few instructions.
 *
 * A file grows under a name that no download can ask for (ID.part), and gets its own when it is on the disk whole. */
#include "files/files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { NAME_SPACE = FILE_ID_LEN + 16, SNIFFED = 65536 };

#define PART ".part"
#define THUMBNAIL ".webp" /* store.h has it, too: it removes them */

struct files *files_open(const struct files_config *config, char *why, size_t space)
{
    if (mkdir(config->directory, 0700) != 0 && errno != EEXIST) {
        snprintf(why, space, "cannot make %s: %s", config->directory, strerror(errno));
        return NULL;
    }
    int at = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 || faccessat(at, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
        snprintf(why, space, "cannot use %s: %s", config->directory, strerror(errno));
        if (at >= 0)
            close(at);
        return NULL;
    }
    struct magic_set *magic = sniff_open();
    if (magic == NULL) {
        snprintf(why, space,
                 "libmagic has no database: install it (libmagic-mgc), or do without files "
                 "(--max-file 0)");
        close(at);
        return NULL;
    }
    struct files *f = xcalloc(1, sizeof *f);
    f->config = *config;
    f->directory = xstrdup(config->directory);
    f->config.directory = f->directory;
    f->at = at;
    f->magic = magic;
    pthread_mutex_init(&f->mu, NULL);
    pthread_mutex_init(&f->magic_mu, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->child_ended, &attr);
    pthread_condattr_destroy(&attr);
    return f;
}

void files_free(struct files *f)
{
    if (f == NULL)
        return;
    REQUIRE(f->uploads == NULL);
    sniff_close(f->magic);
    close(f->at);
    pthread_cond_destroy(&f->child_ended);
    pthread_mutex_destroy(&f->magic_mu);
    pthread_mutex_destroy(&f->mu);
    free(f->directory);
    free(f);
}

const struct files_config *files_config(const struct files *f)
{
    return &f->config;
}

/* ---- uploads ------------------------------------------------------------------------------------- */

static enum upload_fault fault_of(const char *what)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return UPLOAD_DISK_FULL;
    static int64_t next;
    if (log_seldom(&next))
        log_error("files: cannot be written", LOG_STR("doing", what),
                  LOG_STR("error", strerror(errno)));
    return UPLOAD_FAILED;
}

static void new_id(char id[FILE_ID_LEN + 1])
{
    unsigned char bytes[FILE_ID_LEN / 2];
    INSIST(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

static const char *name_of(const char *id, const char *ending, char name[NAME_SPACE])
{
    snprintf(name, NAME_SPACE, "%s%s", id, ending);
    return name;
}

/* What uploads under way may still write counts as written. */
static bool has_room(struct files *f, uint64_t size)
{
    struct statvfs s;
    uint64_t coming = 0;
    if (fstatvfs(f->at, &s) != 0)
        return true; /* writing will tell */
    pthread_mutex_lock(&f->mu);
    for (const struct upload *u = f->uploads; u != NULL; u = u->next)
        coming += u->size;
    pthread_mutex_unlock(&f->mu);
    return (uint64_t)s.f_bavail * s.f_frsize >= coming + size + FILES_RESERVE;
}

static bool take_place(struct upload *u)
{
    struct files *f = u->files;
    unsigned own = 0, neighbours = 0;
    u->coming = u->size;
    pthread_mutex_lock(&f->mu);
    for (const struct upload *other = f->uploads; other != NULL; other = other->next) {
        bool same = strcmp(other->user_id, u->user_id) == 0;
        own += same;
        u->coming += same ? other->size : 0;
        neighbours += u->subject[0] != '\0' && strcmp(other->subject, u->subject) == 0;
    }
    bool taken =
        f->nuploads < UPLOADS_AT_ONCE && own < UPLOADS_OF_USER && neighbours < UPLOADS_OF_ADDRESS;
    if (taken) {
        u->next = f->uploads;
        f->uploads = u;
        f->nuploads++;
    }
    pthread_mutex_unlock(&f->mu);
    metric_add(METRIC_UPLOADS_NOW, taken);
    return taken;
}

static void leave_place(struct upload *u)
{
    struct files *f = u->files;
    pthread_mutex_lock(&f->mu);
    struct upload **link = &f->uploads;
    while (*link != u)
        link = &(*link)->next;
    *link = u->next;
    f->nuploads--;
    pthread_mutex_unlock(&f->mu);
    metric_add(METRIC_UPLOADS_NOW, -1);
}

enum upload_fault upload_begin(struct files *f, const char *user_id, const char *address,
                               uint64_t size, struct upload **out)
{
    char name[NAME_SPACE];
    if (size > f->config.max_file)
        return UPLOAD_TOO_LARGE;
    if (!has_room(f, size))
        return UPLOAD_DISK_FULL;
    struct upload *u = xcalloc(1, sizeof *u);
    u->files = f;
    u->size = size;
    text_copy(u->user_id, sizeof u->user_id, user_id, strlen(user_id));
    if (address != NULL)
        address_subject(address, u->subject);
    if (!take_place(u)) {
        free(u);
        return UPLOAD_TOO_MANY;
    }
    new_id(u->id);
    u->fd = openat(f->at, name_of(u->id, PART, name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (u->fd < 0) {
        enum upload_fault fault = fault_of("open");
        leave_place(u);
        free(u);
        return fault;
    }
    *out = u;
    return UPLOAD_FINE;
}

enum upload_fault upload_allowed(const struct upload *u, uint64_t used)
{
    uint64_t quota = u->files->config.quota;
    return quota > 0 && used + u->coming > quota ? UPLOAD_QUOTA : UPLOAD_FINE;
}

enum upload_fault upload_write(struct upload *u, const void *bytes, size_t n)
{
    const char *at = bytes;
    if (n > u->size - u->got)
        return UPLOAD_TOO_LARGE;
    while (n > 0) {
        ssize_t done = write(u->fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fault_of("write");
        at += done;
        n -= (size_t)done;
        u->got += (uint64_t)done;
    }
    return UPLOAD_FINE;
}

static void look_at(struct upload *u, char type[FILE_TYPE_MAX + 1])
{
    char *bytes = xmalloc(SNIFFED);
    ssize_t n = pread(u->fd, bytes, SNIFFED, 0);
    sniff(u->files, bytes, n < 0 ? 0 : (size_t)n, type);
    free(bytes);
}

enum upload_fault upload_finish(struct upload *u, const char *name, struct file *out)
{
    char part[NAME_SPACE];
    struct files *f = u->files;
    if (fsync(u->fd) != 0)
        return fault_of("fsync");
    look_at(u, out->type);
    if (renameat(f->at, name_of(u->id, PART, part), f->at, u->id) != 0)
        return fault_of("rename");
    u->finished = true;
    strcpy(out->id, u->id);
    file_name(out->name, name, strlen(name));
    out->size = u->got;
    out->ts = clock_wall_ms();
    if (files_is_picture(out->type))
        make_thumbnail(f, out);
    return fsync(f->at) != 0 ? fault_of("fsync") : UPLOAD_FINE;
}

void upload_end(struct upload *u, bool keep)
{
    char name[NAME_SPACE];
    close(u->fd);
    if (!keep) {
        unlinkat(u->files->at, name_of(u->id, u->finished ? "" : PART, name), 0);
        unlinkat(u->files->at, name_of(u->id, THUMBNAIL, name), 0);
    }
    metric_add(keep ? METRIC_UPLOADS : METRIC_UPLOADS_REFUSED, 1);
    metric_add(METRIC_UPLOAD_BYTES, keep ? (int64_t)u->got : 0);
    leave_place(u);
    free(u);
}

/* ---- downloads ----------------------------------------------------------------------------------- */

int files_get(struct files *f, const char *id, bool thumbnail, uint64_t *size)
{
    char name[NAME_SPACE];
    struct stat st;
    if (!file_is_id(id, strlen(id)))
        return -1;
    int fd = openat(f->at, name_of(id, thumbnail ? THUMBNAIL : "", name),
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        return -1;
    }
    if (fd >= 0)
        *size = (uint64_t)st.st_size;
    return fd;
}
