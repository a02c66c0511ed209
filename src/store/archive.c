/* The database from outside of the server: opened beside it, and copied. The main thread of a command. */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <hubbub/archive.h>
#include <hubbub/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SPACE = 4096, PATIENCE_MS = 10000 };

/* Returns the code. */
__attribute__((format(printf, 4, 5))) static int refuse(int err, char *why, size_t space,
                                                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, space, format, args);
    va_end(args);
    return err;
}

static int no_database(const char *path, char *why, size_t space)
{
    return refuse(errno == ENOENT ? ERR_NOTFOUND : ERR_SYSTEM, why, space, "cannot read %s: %s",
                  path, strerror(errno));
}

int archive_open(const char *directory, int least, sqlite3 **out, char *why, size_t space)
{
    char path[PATH_SPACE], detail[256];
    snprintf(path, sizeof path, "%s/hubbub.db", directory);
    if (access(path, R_OK | W_OK) != 0)
        return no_database(path, why, space);
    /* To write, because whoever comes last tidies up, and after a crash whoever comes first. */
    sqlite3 *sql = NULL;
    int err = 0;
    if (sqlite3_open_v2(path, &sql, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        err = refuse(ERR_SYSTEM, why, space, "cannot use %s: %s", path, sqlite3_errmsg(sql));
    } else {
        sqlite3_busy_timeout(sql, PATIENCE_MS);
        err = schema_check(sql, least, detail, sizeof detail);
        if (err != 0)
            refuse(err, why, space, "cannot use %s: %s", path, detail);
    }
    if (err == 0)
        *out = sql;
    else
        sqlite3_close(sql);
    return err;
}

/* ---- a backup ------------------------------------------------------------------------------------ */

/* All pages in one step, so that it is one moment, and nobody's writing makes it begin again. */
static int copy_pages(sqlite3 *from, sqlite3 *to, const char *path, char *why, size_t space)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int code = SQLITE_BUSY;
    for (int ms = 0; b != NULL && ms < PATIENCE_MS; ms += sqlite3_sleep(50)) {
        code = sqlite3_backup_step(b, -1);
        if (code != SQLITE_BUSY && code != SQLITE_LOCKED)
            break;
    }
    sqlite3_backup_finish(b);
    return code == SQLITE_DONE ? 0
                               : refuse(ERR_SYSTEM, why, space, "cannot copy into %s: %s", path,
                                        sqlite3_errstr(code));
}

/* Of a report of several lines, what comes after its heading. */
static int refuse_damaged(const char *report, char *why, size_t space)
{
    const char *line = strchr(report, '\n');
    line = line != NULL ? line + 1 : report;
    return refuse(ERR_SYSTEM, why, space, "the database is damaged: %.*s", (int)strcspn(line, "\n"),
                  line);
}

/* One file that needs no other, as sound as the one it was copied from should be. */
static int check_copy(sqlite3 *copy, const char *path, char *why, size_t space)
{
    sqlite3_stmt *st = NULL;
    int err = 0;
    if (sqlite3_exec(copy, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(copy, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW)
        err =
            refuse(ERR_SYSTEM, why, space, "cannot read %s again: %s", path, sqlite3_errmsg(copy));
    else if (strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
        err = refuse_damaged((const char *)sqlite3_column_text(st, 0), why, space);
    sqlite3_finalize(st);
    return err;
}

static int fill(sqlite3 *from, const char *path, char *why, size_t space)
{
    sqlite3 *copy = NULL;
    int err = 0;
    if (sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        err = refuse(ERR_SYSTEM, why, space, "cannot write %s: %s", path, sqlite3_errmsg(copy));
    if (err ==
        0) /* half a copy is thrown away, so nothing of it need be on the disk before it is whole */
        sqlite3_exec(copy, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF", NULL, NULL, NULL);
    if (err == 0)
        err = copy_pages(from, copy, path, why, space);
    if (err == 0)
        err = check_copy(copy, path, why, space);
    sqlite3_close(copy);
    return err;
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC), bad = fd < 0 || fsync(fd) != 0;
    if (fd >= 0)
        close(fd);
    return bad ? -1 : 0;
}

/* Its name, now that it is whole. Nobody's file is replaced. */
static int publish(const char *draft, const char *to, char *why, size_t space)
{
    char above[PATH_SPACE];
    snprintf(above, sizeof above, "%s", to);
    char *slash = strrchr(above, '/');
    if (slash != NULL)
        slash[1] = '\0';
    if (sync_path(draft, O_RDONLY) != 0 ||
        (renameat2(AT_FDCWD, draft, AT_FDCWD, to, RENAME_NOREPLACE) != 0 &&
         /* a file system that cannot do that */
         (errno != EINVAL || access(to, F_OK) == 0 || rename(draft, to) != 0)) ||
        sync_path(slash != NULL ? above : ".", O_RDONLY | O_DIRECTORY) != 0)
        return refuse(ERR_SYSTEM, why, space, "cannot write %s: %s", to, strerror(errno));
    return 0;
}

static int make_copy(sqlite3 *from, const char *to, uint64_t *bytes, char *why, size_t space)
{
    char draft[PATH_SPACE];
    struct stat st;
    if (access(to, F_OK) == 0)
        return refuse(ERR_SYSTEM, why, space, "%s is there already", to);
    if ((size_t)snprintf(draft, sizeof draft, "%s.%ld.part", to, (long)getpid()) >= sizeof draft)
        return refuse(ERR_SYSTEM, why, space, "cannot write %s: %s", to, strerror(ENAMETOOLONG));
    int fd = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse(ERR_SYSTEM, why, space, "cannot write %s: %s", to, strerror(errno));
    int err = fill(from, draft, why, space);
    if (err == 0)
        *bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    if (err == 0)
        err = publish(draft, to, why, space);
    if (err != 0)
        unlink(draft);
    close(fd);
    return err;
}

int archive_backup(const char *directory, const char *to, uint64_t *bytes, char *why, size_t space)
{
    sqlite3 *from = NULL;
    int err = archive_open(directory, 1, &from, why, space);
    if (err != 0)
        return err;
    err = make_copy(from, to, bytes, why, space);
    sqlite3_close(from);
    return err;
}
