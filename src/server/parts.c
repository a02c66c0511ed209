/* Who knows whom: the parts are made here, each with what it needs of those before it, and taken apart in
 * reverse order.
 *
 *   start   listener's sockets → relay → store → identities → files → hub → net → http → clients → listener
 *   stop    listener → clients → hub and store → net → http → files → identities → relay
 *
 * Runs on the main thread. */
#include "server/parts.h"

#include "server/settings.h"

#include <hubbub/archive.h>
#include <hubbub/log.h>
#include <hubbub/rcu.h>
#include <hubbub/thread.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int shards_of(const struct config *c, unsigned cores)
{
    unsigned some = 8 * cores;
    return c->shards > 0 ? c->shards : some < NET_MAX_SHARDS ? (int)some : NET_MAX_SHARDS;
}

struct listener *listen_on_all(const struct config *c, char *why, size_t space)
{
    struct listener *l = NULL;
    char any[32];
    char *const all[] = {any};
    snprintf(any, sizeof any, "*:%d", c->port);
    if (c->listen.n > 0)
        listener_new(&l, c->listen.item, c->listen.n, why, space);
    else
        listener_new(&l, all, 1, why, space);
    return l;
}

static struct relay *make_relay(const struct config *c, unsigned cores)
{
    return relay_new(c->carriers > 0              ? (unsigned)c->carriers
                     : cores < RELAY_MAX_CARRIERS ? cores
                                                  : RELAY_MAX_CARRIERS);
}

static void keep_as_told(struct store *s, const struct config *c)
{
    struct retention keep = retention_settings(c);
    store_set_sync(s, c->sync == CONFIG_SYNC_FULL);
    store_set_commit_delay(s, c->commit_delay_ns);
    store_set_retention(s, &keep);
}

/* What a first start would fail at, before anything is made for it. */
static bool may_begin(const struct config *c, char *why, size_t space)
{
    struct identity_config who = identity_settings(c);
    who.quiet = true;
    return !config_keeps(c) || access(c->data, F_OK) == 0 ||
           (identities_try(&who, why, space) &&
            store_try(c->data, config_database(c), why, space) == 0);
}

/* Else rooms and messages would seem to be gone. */
static void warn_of_former(const struct config *c)
{
    if (config_database(c) != NULL && archive_has_former(c->data))
        log_warn("the data directory has rooms or messages of a server with --store sqlite, which "
                 "are not in this database",
                 LOG_STR("directory", c->data), LOG_STR("file", "hubbub.db"));
}

/* The store first: it is what a second server on the same directory fails at. */
static bool open_data(struct parts *p, const struct config *c, char *why, size_t space)
{
    char path[PATH_MAX];
    bool keep = config_keeps(c);
    if (keep && (p->store = store_open(c->data, config_database(c), why, space)) == NULL)
        return false;
    if (keep) {
        keep_as_told(p->store, c);
        warn_of_former(c);
    }
    struct identity_config who = identity_settings(c);
    p->identities = identities_new(&who, why, space);
    if (p->identities == NULL)
        return false;
    if (!keep)
        log_info("nothing outlives this server", LOG_STR("store", "memory"));
    else
        log_info("data is kept",
                 LOG_STR("directory", realpath(c->data, path) != NULL ? path : c->data));
    return true;
}

/* The store sweeps their directory when it is opened, so this comes after it. */
static bool open_files(struct parts *p, const struct config *c, char *why, size_t space)
{
    char path[PATH_MAX];
    if (p->store == NULL || c->max_file == 0)
        return true;
    snprintf(path, sizeof path, "%s/" FILES_DIRECTORY, c->data);
    p->files = files_open(&(struct files_config){.directory = path,
                                                 .max_file = c->max_file,
                                                 .quota = c->file_quota,
                                                 .wait = c->upload_wait_ns},
                          why, space);
    return p->files != NULL;
}

static bool start_hub(struct parts *p, const struct config *c, char *why, size_t space)
{
    p->hub = hub_new(&(struct hub_config){
        .inbox = (uint32_t)c->hub_queue,
        .relay = p->relay,
        .store = p->store,
        .settings = hub_settings(c),
        .node = c->node,
        .version = HUBBUB_VERSION,
        .max_message = c->max_message,
        .max_file = p->files != NULL ? c->max_file : 0,
        .send_queue = (uint32_t)c->send_queue,
        .ping_period = c->ping_period_ns,
    });
    if (hub_load(p->hub) != 0)
        snprintf(why, space, "cannot read what is kept in %s", c->data);
    else if (hub_start(p->hub) != 0)
        snprintf(why, space, "cannot start the hub's thread");
    else
        return true;
    return false;
}

static bool make_web(struct parts *p, const struct config *c, unsigned cores, char *why,
                     size_t space)
{
    struct http_settings web = http_settings(c);
    p->net = net_new(&(struct net_config){
        .shards = (unsigned)shards_of(c, cores),
        .max_message = c->max_message,
        .close_wait = c->close_wait_ns,
        .upgrade = clients_upgrade,
        .streams = http_streams,
        .write_wait = c->write_wait_ns,
    });
    if (p->net == NULL) {
        snprintf(why, space, "cannot set up libwebsockets: out of memory or descriptors");
        return false;
    }
    p->http = http_new(p->hub, p->relay, p->identities, p->store, &web, why, space);
    if (p->http != NULL)
        http_use_files(p->http, p->files);
    return p->http != NULL;
}

static struct clients *make_clients(const struct parts *p, const struct config *c,
                                    uint32_t max_sessions)
{
    return clients_new(&(struct clients_config){
        .net = p->net,
        .hub = p->hub,
        .relay = p->relay,
        .max_sessions = max_sessions,
        .echo = c->echo,
        .send_queue = (uint32_t)c->send_queue,
        .socket_buffer = c->socket_buffer,
        .ping_period = c->ping_period_ns,
        .pong_wait = c->pong_wait_ns,
        .write_wait = c->write_wait_ns,
        .handshake_wait = c->handshake_wait_ns,
        .idle_wait = c->idle_wait_ns,
        .close_wait = c->close_wait_ns,
        .identities = p->identities,
        .limits = limits_settings(c),
        .trusted_proxies = c->trusted_proxy.item,
        .ntrusted_proxies = c->trusted_proxy.n,
        .serve = http_serve,
        .admit = http_admit,
        .arg = p->http,
    });
}

bool parts_start(struct parts *p, const struct config *c, unsigned cores, uint32_t max_sessions,
                 char *why, size_t space)
{
    p->listener = listen_on_all(c, why, space); /* first: the likeliest to fail */
    if (p->listener == NULL || !may_begin(c, why, space))
        return false;
    p->relay = make_relay(c, cores);
    if (!open_data(p, c, why, space) || !open_files(p, c, why, space) ||
        !start_hub(p, c, why, space) || !make_web(p, c, cores, why, space))
        return false;
    p->clients = make_clients(p, c, max_sessions);
    http_use_limits(p->http, clients_limits(p->clients));
    if (listener_start(p->listener, clients_accept, p->clients) == 0)
        return true;
    snprintf(why, space, "cannot start the listener's thread");
    return false;
}

void parts_stop(struct parts *p)
{
    if (p->listener != NULL) {
        listener_stop(p->listener);
        listener_free(p->listener);
    }
    if (p->clients != NULL) {
        clients_stop(p->clients);
        clients_free(p->clients);
    }
    if (p->hub != NULL)
        hub_stop(p->hub);
    if (p->net != NULL)
        net_free(p->net);
    if (p->http != NULL)
        http_free(p->http);
    files_free(p->files);
    thread_end_all();
    rcu_barrier(); /* members, rooms and sessions that were on their way out */
    if (p->hub != NULL)
        hub_free(p->hub);
    if (p->store != NULL)
        store_free(p->store);
    identities_free(p->identities);
    if (p->relay != NULL)
        relay_free(p->relay);
}
