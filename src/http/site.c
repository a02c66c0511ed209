/* The files of the page: read once, into memory, from the binary or from a directory. */
#include "http/http_private.h"

#include <dirent.h>
#include <errno.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/web_asset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { MAX_FILE = 16 * 1024 * 1024, MAX_FILES = 1000, MAX_DEPTH = 8 };

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".webp", "image/webp"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* Takes `bytes`. */
static void add_asset(struct site *s, const char *name, unsigned char *bytes, size_t len)
{
    s->assets = xrealloc(s->assets, (s->nassets + 1) * sizeof *s->assets);
    struct asset *a = &s->assets[s->nassets++];
    *a = (struct asset){.name = xstrdup(name), .type = type_of(name), .bytes = bytes, .len = len};
    a->gzip = gzip(bytes, len, Z_BEST_COMPRESSION, &a->gzip_len);
    unsigned long long d = digest(bytes, len);
    snprintf(a->etag, sizeof a->etag, "\"%016llx\"", d);
    snprintf(a->gzip_etag, sizeof a->gzip_etag, "\"%016llx-gz\"", d);
}

static void add_built_in(struct site *s)
{
    for (const struct web_asset *w = web_assets; w->name != NULL; w++) {
        size_t len = (size_t)(w->end - w->start);
        unsigned char *copy = xmalloc(len + 1);
        memcpy(copy, w->start, len);
        add_asset(s, w->name, copy, len);
    }
}

/* ---- a directory --------------------------------------------------------------------------------- */

static int add_file(struct site *s, const char *path, const char *name, size_t size)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return ERR_SYSTEM;
    unsigned char *bytes = xmalloc(size + 1);
    size_t len = fread(bytes, 1, size, f);
    int failed = ferror(f);
    fclose(f);
    if (failed) {
        free(bytes);
        return ERR_SYSTEM;
    }
    add_asset(s, name, bytes, len);
    return 0;
}

/* Files whose name begins with a dot, and what is neither file nor directory, are not served. */
static int add_directory(struct site *s, const char *root, const char *below, int depth, char *why,
                         size_t space)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, below);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        snprintf(why, space, "cannot read %s: %s", path, strerror(errno));
        return ERR_SYSTEM;
    }
    int err = 0;
    for (struct dirent *d; err == 0 && (d = readdir(dir)) != NULL;) {
        char name[1024];
        struct stat st;
        if (d->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s%s", below, d->d_name);
        snprintf(path, sizeof path, "%s/%s", root, name);
        if (stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
            strncat(name, "/", sizeof name - strlen(name) - 1);
            err = add_directory(s, root, name, depth + 1, why, space);
        } else if (S_ISREG(st.st_mode)) {
            if (st.st_size > MAX_FILE || s->nassets == MAX_FILES) {
                snprintf(why, space, "%s: more than %d MiB, or more than %d files", path,
                         MAX_FILE >> 20, MAX_FILES);
                err = ERR_LIMIT;
            } else if ((err = add_file(s, path, name, (size_t)st.st_size)) != 0) {
                snprintf(why, space, "cannot read %s: %s", path, strerror(errno));
            }
        }
    }
    closedir(dir);
    return err;
}

/* ---- the whole ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct asset *)a)->name, ((const struct asset *)b)->name);
}

struct site *site_new(const struct http_settings *settings, char *why, size_t space)
{
    struct site *s = xcalloc(1, sizeof *s);
    if (settings->web == NULL) {
        add_built_in(s);
    } else if (add_directory(s, settings->web, "", 0, why, space) != 0) {
        site_free(s);
        return NULL;
    }
    if (s->nassets > 0)
        qsort(s->assets, s->nassets, sizeof *s->assets, by_name);
    s->origins = xcalloc(settings->norigins + 1, sizeof(char *));
    for (size_t i = 0; i < settings->norigins; i++)
        s->origins[s->norigins++] = xstrdup(settings->origins[i]);
    return s;
}

void site_free(struct site *s)
{
    for (size_t i = 0; i < s->nassets; i++) {
        free(s->assets[i].name);
        free(s->assets[i].bytes);
        free(s->assets[i].gzip);
    }
    free(s->assets);
    for (size_t i = 0; i < s->norigins; i++)
        free(s->origins[i]);
    free(s->origins);
    free(s);
}

static int name_of(const void *name, const void *asset)
{
    return strcmp(name, ((const struct asset *)asset)->name);
}

const struct asset *site_find(const struct site *s, const char *name)
{
    if (s->nassets == 0)
        return NULL;
    return bsearch(name, s->assets, s->nassets, sizeof *s->assets, name_of);
}
