/* Which pages may open a WebSocket: a browser lets any page connect anywhere and sends the cookies along,
 * so the server has to look at Origin (RFC 6455, 10.2). Programs send none and are let in. */
#include "http/http_private.h"

#include <string.h>

static bool same_host(const char *origin, const char *host)
{
    const char *at = strstr(origin, "://");
    return at != NULL && host != NULL && strcasecmp(at + 3, host) == 0;
}

bool origin_allowed(const struct site *s, const char *origin, const char *host, bool peer_is_local)
{
    if (origin == NULL)
        return true;
    for (size_t i = 0; i < s->norigins; i++)
        if (strcmp(s->origins[i], "*") == 0 || strcasecmp(s->origins[i], origin) == 0)
            return true;
    if (s->norigins > 0)
        return false;
    /* A page opened from disk has the origin "null"; so has a sandboxed one anywhere, hence only on
     * this machine. */
    return same_host(origin, host) || (peer_is_local && strcmp(origin, "null") == 0);
}

bool http_admit(void *arg, const struct http_request *request, bool peer_is_local,
                struct http_response *refusal)
{
    struct http *h = arg;
    rcu_read_lock();
    const struct site *site = rcu_dereference(h->site);
    RCU_FOUND();
    bool ok = origin_allowed(site, request->origin, request->host, peer_is_local);
    rcu_read_unlock();
    if (!ok)
        respond_problem(refusal, PROBLEM_FORBIDDEN,
                        "pages of this origin may not connect (--origin)");
    return ok;
}
