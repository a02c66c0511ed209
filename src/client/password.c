/* Passwords of rooms on their way to the hub: see <hubbub/client.h>. The hub gets hashes and compares them;
 * what takes time and memory is done here, on the thread of whoever asks. */
#include <hubbub/client.h>
#include <hubbub/clock.h>
#include <hubbub/directory.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <stdlib.h>
#include <string.h>

/* The hash that a password must fit, or "" when one is to be made. False: there is nothing to do. */
static bool work_to_do(struct hub *hub, const struct request *r, char hash[129])
{
    const struct request_args *a = r->args;
    hash[0] = '\0';
    if (a == NULL || a->password == NULL || a->password[0] == '\0')
        return false;
    switch (r->type) {
    case REQUEST_CREATE:
    case REQUEST_UPDATE: return true;
    case REQUEST_JOIN: return directory_password(hub_directory(hub), r->room, hash);
    default: return false;
    }
}

static enum problem hash_or_prove(struct request_args *a, char hash[129])
{
    char fresh[PASSWORD_HASH_MAX];
    if (hash[0] != '\0') {
        if (password_fits(hash, a->password))
            a->password_hash = xstrdup(hash);
        return PROBLEM_NONE;
    }
    if (!password_hash(a->password, fresh))
        return PROBLEM_UNAVAILABLE;
    a->password_hash = xstrdup(fresh);
    return PROBLEM_NONE;
}

/* What is left is an empty one: that there was one. */
static void wipe(struct request_args *a)
{
    if (a != NULL && a->password != NULL)
        explicit_bzero(a->password, strlen(a->password));
}

enum problem clients_seal_password(struct hub *hub, struct limits *limits, const struct visit *v,
                                   struct request *r, int64_t *wait)
{
    char hash[129];
    enum problem problem = PROBLEM_NONE;
    *wait = 0;
    if (work_to_do(hub, r, hash)) {
        if (limits != NULL)
            *wait = limits_charge_password(limits, v, clock_now());
        metric_add(METRIC_LIMITED_PASSWORDS, *wait > 0);
        problem = *wait > 0 ? PROBLEM_RATE_LIMITED : hash_or_prove(r->args, hash);
    }
    wipe(r->args);
    return problem;
}
