/* The routes, and the files for everything else. */
#include "http/http_private.h"

#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

/* Nothing inline, nothing from elsewhere, no page around it; and connections only, to any chat server. */
static const char CSP[] =
    "default-src 'self'; script-src 'self'; style-src 'self'; "
    "connect-src 'self' ws: wss:; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
static const char PERMISSIONS[] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";

/* ---- health -------------------------------------------------------------------------------------- */

static void get_healthz(struct http *h, const struct http_request *q, struct http_response *r)
{
    (void)h, (void)q;
    respond_text(r, 200, "ok\n");
}

static void get_readyz(struct http *h, const struct http_request *q, struct http_response *r)
{
    (void)q;
    char why[128];
    bool draining = __atomic_load_n(&h->draining, __ATOMIC_RELAXED);
    if (!draining && (h->store == NULL || store_healthy(h->store, why, sizeof why))) {
        respond_text(r, 200, "ready\n");
        return;
    }
    if (draining)
        buf_add_str(&r->owned, "stopping\n");
    else
        buf_printf(&r->owned, "store: %s\n", why);
    respond_text(r, 503, r->owned.data);
    http_response_header(r, "Retry-After", "5");
}

static void get_metrics(struct http *h, const struct http_request *q, struct http_response *r)
{
    (void)q;
    respond_metrics(h, r);
}

static void get_ws(struct http *h, const struct http_request *q, struct http_response *r)
{
    (void)h, (void)q;
    respond_problem(r, PROBLEM_BAD_REQUEST, "this is a WebSocket: ask for an upgrade");
    r->status = 426;
    http_response_header(r, "Upgrade", "websocket");
}

/* ---- files --------------------------------------------------------------------------------------- */

static void serve_asset(const struct asset *a, const struct http_request *q,
                        struct http_response *r)
{
    bool zipped = a->gzip != NULL && accepts_gzip(q);
    const char *etag = zipped ? a->gzip_etag : a->etag;
    r->status = 200;
    r->type = a->type;
    /* Copied: the site may be replaced while this is on its way. */
    buf_add(&r->owned, etag, strlen(etag) + 1);
    buf_add(&r->owned, zipped ? a->gzip : a->bytes, zipped ? a->gzip_len : a->len);
    r->body = r->owned.data + strlen(etag) + 1;
    r->body_len = r->owned.len - strlen(etag) - 1;
    http_response_header(r, "Cache-Control", "no-cache"); /* ask, and mostly hear 304 */
    http_response_header(r, "X-Content-Type-Options", "nosniff");
    http_response_header(r, "Content-Security-Policy", CSP);
    http_response_header(r, "Referrer-Policy", "no-referrer");
    http_response_header(r, "Permissions-Policy", PERMISSIONS);
    if (zipped)
        http_response_header(r, "Content-Encoding", "gzip");
    respond_unless_known(q, r, r->owned.data);
}

static bool serve_file(struct http *h, const struct http_request *q, struct http_response *r)
{
    const char *name = q->path + 1;
    if (strncmp(name, "static/", 7) == 0)
        name += 7;
    if (name[0] == '\0')
        name = "index.html";
    rcu_read_lock();
    const struct site *site = rcu_dereference(h->site);
    RCU_FOUND();
    const struct asset *a = site_find(site, name);
    if (a != NULL)
        serve_asset(a, q, r);
    rcu_read_unlock();
    return a != NULL;
}

/* ---- the table ----------------------------------------------------------------------------------- */

static const struct route {
    const char *path;        /* "*" stands for anything, if only once */
    enum http_method method; /* GET answers HEAD too */
    void (*serve)(struct http *, const struct http_request *, struct http_response *);
} routes[] = {
    {"/rooms", HTTP_GET, get_rooms},
    {"/members", HTTP_GET, get_members},
    {"/join-room", HTTP_POST, post_join},
    {"/leave-room", HTTP_POST, post_leave},
    {"/healthz", HTTP_GET, get_healthz},
    {"/readyz", HTTP_GET, get_readyz},
    {"/metrics", HTTP_GET, get_metrics},
    {"/ws", HTTP_GET, get_ws},
    {"/rooms/*/messages", HTTP_GET, get_messages},
    {"/files", HTTP_POST, post_file},
    {"/files/*", HTTP_GET, get_file},
    {"/search", HTTP_GET, get_search},
};

static bool path_fits(const char *pattern, const char *path)
{
    size_t n = strlen(path), before = strcspn(pattern, "*");
    if (pattern[before] == '\0')
        return strcmp(pattern, path) == 0;
    const char *after = pattern + before + 1;
    return n >= before + strlen(after) && strncmp(path, pattern, before) == 0 &&
           strcmp(path + n - strlen(after), after) == 0;
}

static bool method_fits(enum http_method allowed, enum http_method method)
{
    return method == allowed || (allowed == HTTP_GET && method == HTTP_HEAD);
}

static void respond_wrong_method(struct http_response *r, enum http_method allowed)
{
    respond_problem(r, PROBLEM_BAD_REQUEST, "this method is not allowed here");
    r->status = 405;
    http_response_header(r, "Allow", allowed == HTTP_POST ? "POST" : "GET, HEAD");
}

void http_serve(void *arg, const struct http_request *request, struct http_response *response)
{
    struct http *h = arg;
    if (request->malformed) {
        respond_problem(response, PROBLEM_BAD_REQUEST, NULL);
        return;
    }
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!path_fits(routes[i].path, request->path))
            continue;
        if (method_fits(routes[i].method, request->method))
            routes[i].serve(h, request, response);
        else
            respond_wrong_method(response, routes[i].method);
        return;
    }
    if (!method_fits(HTTP_GET, request->method))
        respond_wrong_method(response, HTTP_GET);
    else if (!serve_file(h, request, response))
        respond_text(response, 404, "There is nothing here. The chat is at /\n");
}

/* ---- life ---------------------------------------------------------------------------------------- */

struct http *http_new(struct hub *hub, struct relay *relay, struct identities *identities,
                      struct store *store, const struct http_settings *settings, char *why,
                      size_t space)
{
    struct site *site = site_new(settings, why, space);
    if (site == NULL)
        return NULL;
    struct http *h = xcalloc(1, sizeof *h);
    h->hub = hub;
    h->relay = relay;
    h->identities = identities;
    h->store = store;
    h->site = site;
    return h;
}

void http_use_limits(struct http *h, struct limits *limits)
{
    h->limits = limits;
}

void http_use_files(struct http *h, struct files *files)
{
    h->files = files;
}

bool http_streams(const struct http_request *request)
{
    return strcmp(request->path, "/files") == 0;
}

void http_free(struct http *h)
{
    site_free(h->site);
    free(h);
}

static void free_site(struct rcu_head *head)
{
    rcu_deferred();
    site_free(caa_container_of(head, struct site, rcu));
}

int http_reload(struct http *h, const struct http_settings *settings, char *why, size_t space)
{
    struct site *site = site_new(settings, why, space);
    if (site == NULL)
        return ERR_SYSTEM;
    RCU_PUBLISHED();
    struct site *old = rcu_xchg_pointer(&h->site, site);
    rcu_defer(&old->rcu, free_site);
    return 0;
}

void http_drain(struct http *h)
{
    __atomic_store_n(&h->draining, true, __ATOMIC_RELAXED);
}
