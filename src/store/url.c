/* The address of a database as text: checked, and shown without its passwords. Pure. */
#include "store/postgres_link.h"

#include <hubbub/store.h>
#include <stdio.h>
#include <string.h>

const char *store_url_check(const char *url)
{
    static _Thread_local char why[256];
    return link_check(url, why, sizeof why) == 0 ? NULL : why;
}

/* The next password from p on: its length, 0: there is none. scheme://user:PASSWORD@host/db?password=PASSWORD&… */
static size_t find_password(const char *url, const char *p, const char **at)
{
    static const char *const names[] = {"password=", "sslpassword="};
    const char *user = strstr(url, "://");
    user = user != NULL ? user + 3 : url;
    size_t authority = strcspn(user, "/?");
    /* A password that isn't quoted may have a '/': then the '@' comes after it. */
    const char *end = memchr(user, '@', authority);
    if (end == NULL && memchr(user, ':', authority) != NULL)
        end = strchr(user, '@');
    const char *colon = end != NULL ? memchr(user, ':', (size_t)(end - user)) : NULL;
    if (colon != NULL && colon >= p) {
        const char *last = end;
        while ((end = memchr(last + 1, '@', strcspn(last + 1, "/?"))) != NULL)
            last = end;
        *at = colon + 1;
        return (size_t)(last - colon - 1);
    }
    for (; *p != '\0'; p++)
        for (size_t i = 0; i < 2; i++)
            if ((*p == '?' || *p == '&') && strncasecmp(p + 1, names[i], strlen(names[i])) == 0) {
                *at = p + 1 + strlen(names[i]);
                if (strcspn(*at, "&") > 0)
                    return strcspn(*at, "&");
            }
    return 0;
}

bool store_url_has_password(const char *url)
{
    const char *at;
    return find_password(url, url, &at) > 0;
}

char *store_url_show(const char *url, char *to, size_t space)
{
    const char *at, *p = url;
    size_t len = 0, n;
    while ((n = find_password(url, p, &at)) > 0 && len < space) {
        len += (size_t)snprintf(to + len, space - len, "%.*s***", (int)(at - p), p);
        p = at + n;
    }
    if (len < space)
        snprintf(to + len, space - len, "%s", p);
    return to;
}
