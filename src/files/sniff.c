/* What a file is, by its bytes: what its sender says of it is not believed. The only place that knows libmagic, which
 * is for one thread at a time. Bounded: it sees the beginning only, opens nothing, unpacks nothing, starts nothing. */
#include "files/files_private.h"

#include <hubbub/mem.h>
#include <magic.h>
#include <stdlib.h>
#include <string.h>

struct magic_set {
    magic_t cookie;
};

struct magic_set *sniff_open(void)
{
    const size_t bytes = 65536, few = 64, regex = 2048;
    magic_t cookie = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |
                                MAGIC_NO_CHECK_CDF | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_TOKENS);
    if (cookie == NULL || magic_load(cookie, NULL) != 0) {
        if (cookie != NULL)
            magic_close(cookie);
        return NULL;
    }
    magic_setparam(cookie, MAGIC_PARAM_BYTES_MAX, &bytes);
    magic_setparam(cookie, MAGIC_PARAM_REGEX_MAX, &regex);
    magic_setparam(cookie, MAGIC_PARAM_INDIR_MAX, &few);
    magic_setparam(cookie, MAGIC_PARAM_NAME_MAX, &few);
    struct magic_set *m = xmalloc(sizeof *m);
    m->cookie = cookie;
    return m;
}

void sniff_close(struct magic_set *m)
{
    if (m == NULL)
        return;
    magic_close(m->cookie);
    free(m);
}

/* RFC 6838, 4.2, without parameters. */
static bool is_type(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!#$&-^_.+";
    size_t n = strspn(s, letters);
    return n > 0 && s[n] == '/' && s[n + 1] != '\0' &&
           s[n + 1 + strspn(s + n + 1, letters)] == '\0';
}

/* Of what a browser would draw, only what begins as it must (the library is content with less). */
static bool begins_well(const char *type, const unsigned char *b, size_t n)
{
    if (strcmp(type, "image/png") == 0)
        return n >= 8 && memcmp(b, "\x89PNG\r\n\x1a\n", 8) == 0;
    if (strcmp(type, "image/jpeg") == 0)
        return n >= 3 && memcmp(b, "\xff\xd8\xff", 3) == 0;
    if (strcmp(type, "image/gif") == 0)
        return n >= 6 && (memcmp(b, "GIF87a", 6) == 0 || memcmp(b, "GIF89a", 6) == 0);
    return n >= 12 && memcmp(b, "RIFF", 4) == 0 && memcmp(b + 8, "WEBP", 4) == 0;
}

void sniff(struct files *f, const void *bytes, size_t n, char type[FILE_TYPE_MAX + 1])
{
    strcpy(type, "application/octet-stream");
    pthread_mutex_lock(&f->magic_mu);
    const char *found = magic_buffer(f->magic->cookie, bytes, n);
    if (found != NULL && strlen(found) <= FILE_TYPE_MAX && is_type(found) &&
        (!files_is_picture(found) || begins_well(found, bytes, n)))
        strcpy(type, found);
    pthread_mutex_unlock(&f->magic_mu);
}

bool files_is_picture(const char *type)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}
