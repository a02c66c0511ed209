/* Options that need each other, and options that make each other useless. Main thread, when a configuration has
 * been read; looks at the disk, so it blocks. */
#include "server/config_together.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* One that is given where a stronger source, or none, says otherwise is overruled. Given beside it, or above it,
 * it would be dropped without a word. */
static bool in_vain(enum config_source given, enum config_source overruled_by)
{
    return given != SOURCE_DEFAULT && given >= overruled_by;
}

static const char *contradiction(const struct config *c, const struct config_sources *from,
                                 char *why, size_t space)
{
    if (c->listen.n > 0 && in_vain(from->port, from->listen))
        return "--port is not used beside --listen: name the port there (--listen '*:8080'), or "
               "take it back (--listen '')";
    if (config_keeps(c) || !in_vain(from->disk, from->store))
        return NULL;
    snprintf(why, space,
             "--%s is not used with --store memory, which keeps nothing: leave one of them out",
             from->disk_option);
    return why;
}

/* Keys, and what they are for, come together or not at all. */
static const char *half_an_identity(const struct config *c)
{
    bool keys = c->auth_key.n > 0 || c->auth_jwks != NULL;
    if (keys && c->auth_alg == NULL)
        return "--auth-alg must say which algorithm the tokens of --auth-key and --auth-jwks have";
    if (!keys && c->auth_alg != NULL)
        return "--auth-alg needs the keys: --auth-key or --auth-jwks";
    return NULL;
}

static const char *no_web(const struct config *c, char *why, size_t space)
{
    struct stat st;
    bool there = c->web == NULL || stat(c->web, &st) == 0;
    if (there && (c->web == NULL || S_ISDIR(st.st_mode)))
        return NULL;
    snprintf(why, space, "--web: %s%s%s", c->web, there ? "" : ": ",
             there ? " is not a directory" : strerror(errno));
    return why;
}

const char *config_fits_together(const struct config *c, const struct config_sources *from,
                                 char *why, size_t space)
{
    if (c->ping_period_ns >= c->pong_wait_ns)
        return "--ping-period must be less than --pong-wait, or no pong could come in time";
    if (c->data == NULL)
        return "--data wants a directory; --store memory keeps nothing";
    const char *wrong = no_web(c, why, space);
    if (wrong == NULL)
        wrong = half_an_identity(c);
    return wrong != NULL ? wrong : contradiction(c, from, why, space);
}
