/* The composition root: who knows whom is decided here, and only here.
 *
 *   start   limits → relay → hub → net → http → clients → listener
 *   stop    sessions drain → listener → clients → hub → net → http → relay → rcu_barrier
 *
 * Runs on the main thread, the only one that receives signals. */
#include <hubbub/capacity.h>
#include <hubbub/clock.h>
#include <hubbub/client.h>
#include <hubbub/err.h>
#include <hubbub/http.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <hubbub/rcu.h>
#include <hubbub/server.h>
#include <hubbub/thread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_SESSIONS = 10 * 1000 * 1000 }; /* where no limit of the machine is known */

struct server {
    struct config config; /* as it is now; strings are the caller's or a reload's */
    struct config reloaded;
    int argc;
    char **argv;
    unsigned cores;
    uint32_t max_sessions;
    sigset_t signals;

    struct relay *relay;
    struct hub *hub;
    struct net *net;
    struct http *http;
    struct clients *clients;
    struct listener *listener;
};

/* ---- what fits ----------------------------------------------------------------------------------- */

/* The library sizes its tables by the soft limit, so this comes before everything. */
static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max > 1 << 20 ? 1 << 20 : r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static int shards_of(const struct config *c, unsigned cores)
{
    unsigned some = 8 * cores;
    return c->shards > 0 ? c->shards : some < NET_MAX_SHARDS ? (int)some : NET_MAX_SHARDS;
}

static unsigned count_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (unsigned)n;
}

static void work_out_capacity(const struct config *c, unsigned cores, struct capacity *capacity)
{
    struct limits limits;
    raise_descriptor_limit();
    capacity_read(&limits, c->max_connections, shards_of(c, cores));
    capacity_compute(&limits, capacity);
}

int server_check(const struct config *config)
{
    struct capacity capacity;
    work_out_capacity(config, count_cores(), &capacity);
    config_print(config, stdout);
    capacity_print(&capacity, stdout);
    char text[256];
    printf("# %s\n", capacity_describe(&capacity, text, sizeof text));
    return 0;
}

/* ---- configuration to parts ---------------------------------------------------------------------- */

static struct settings hub_settings(const struct config *c)
{
    return (struct settings){
        .max_per_room = (uint32_t)c->max_per_room,
        .max_rooms = (uint32_t)c->max_rooms,
        .max_rooms_per_client = (uint32_t)c->max_rooms_per_client,
        .notice_limit = (uint32_t)c->notice_limit,
    };
}

static struct http_settings http_settings(const struct config *c)
{
    return (struct http_settings){
        .web = c->web, .origins = c->origin.item, .norigins = c->origin.n};
}

static void configure_log(const struct config *c)
{
    log_configure((enum log_level)c->log_level, (enum log_format)c->log);
}

static struct hub *make_hub(const struct server *s)
{
    const struct config *c = &s->config;
    return hub_new(&(struct hub_config){
        .inbox = (uint32_t)c->hub_queue,
        .relay = s->relay,
        .settings = hub_settings(c),
        .node = c->node,
        .version = HUBBUB_VERSION,
        .max_message = c->max_message,
        .send_queue = (uint32_t)c->send_queue,
        .ping_period = c->ping_period_ns,
    });
}

static struct clients *make_clients(const struct server *s)
{
    const struct config *c = &s->config;
    return clients_new(&(struct clients_config){
        .net = s->net,
        .hub = s->hub,
        .relay = s->relay,
        .max_sessions = s->max_sessions,
        .echo = c->echo,
        .send_queue = (uint32_t)c->send_queue,
        .socket_buffer = c->socket_buffer,
        .ping_period = c->ping_period_ns,
        .pong_wait = c->pong_wait_ns,
        .write_wait = c->write_wait_ns,
        .handshake_wait = c->handshake_wait_ns,
        .idle_wait = c->idle_wait_ns,
        .close_wait = c->close_wait_ns,
        .serve = http_serve,
        .admit = http_admit,
        .arg = s->http,
    });
}

static int listen_on_all(struct server *s, char *why, size_t space)
{
    const struct config *c = &s->config;
    char any[32];
    char *const all[] = {any};
    snprintf(any, sizeof any, "*:%d", c->port);
    return c->listen.n > 0 ? listener_new(&s->listener, c->listen.item, c->listen.n, why, space)
                           : listener_new(&s->listener, all, 1, why, space);
}

/* ---- start and stop ------------------------------------------------------------------------------ */

static int fail(const char *why)
{
    fprintf(stderr, "hubbub: %s\n", why);
    return 1;
}

/* Only what was made is taken apart. */
static void take_apart(struct server *s)
{
    if (s->listener != NULL) {
        listener_stop(s->listener);
        listener_free(s->listener);
    }
    if (s->clients != NULL) {
        clients_stop(s->clients);
        clients_free(s->clients);
    }
    if (s->hub != NULL)
        hub_stop(s->hub);
    if (s->net != NULL)
        net_free(s->net);
    if (s->http != NULL)
        http_free(s->http);
    thread_end_all();
    rcu_barrier(); /* members, rooms and sessions that were on their way out */
    if (s->hub != NULL)
        hub_free(s->hub);
    if (s->relay != NULL)
        relay_free(s->relay);
    config_free(&s->reloaded);
}

static int put_together(struct server *s)
{
    char why[512] = "";
    if (listen_on_all(s, why, sizeof why) != 0) /* first: the likeliest to fail */
        return fail(why);
    const struct config *c = &s->config;
    s->relay = relay_new(c->carriers > 0                 ? (unsigned)c->carriers
                         : s->cores < RELAY_MAX_CARRIERS ? s->cores
                                                         : RELAY_MAX_CARRIERS);
    s->hub = make_hub(s);
    if (hub_start(s->hub) != 0)
        return fail("cannot start the hub's thread");
    s->net = net_new(&(struct net_config){
        .shards = (unsigned)shards_of(c, s->cores),
        .max_message = c->max_message,
        .close_wait = c->close_wait_ns,
        .upgrade = clients_upgrade,
    });
    if (s->net == NULL)
        return fail("cannot set up libwebsockets: out of memory or descriptors");
    struct http_settings web = http_settings(c);
    s->http = http_new(s->hub, s->relay, &web, why, sizeof why);
    if (s->http == NULL)
        return fail(why);
    s->clients = make_clients(s);
    if (listener_start(s->listener, clients_accept, s->clients) != 0)
        return fail("cannot start the listener's thread");
    return 0;
}

static void announce(const struct server *s, const struct capacity *capacity)
{
    char room[256];
    capacity_describe(capacity, room, sizeof room);
    if (s->config.listen.n == 0)
        log_info("listening", LOG_INT("port", listener_port(s->listener)),
                 LOG_STR("capacity", room));
    for (size_t i = 0; i < s->config.listen.n; i++)
        log_info("listening", LOG_STR("address", s->config.listen.item[i]),
                 LOG_STR("capacity", room));
}

/* ---- signals ------------------------------------------------------------------------------------- */

static void reload(struct server *s)
{
    struct config fresh;
    char kept[512], err[512];
    if (config_reload(&s->config, &fresh, s->argc, s->argv, kept, sizeof kept, err, sizeof err) !=
        0) {
        log_error("reload failed, nothing changed", LOG_STR("error", err));
        return;
    }
    struct http_settings web = http_settings(&fresh);
    if (http_reload(s->http, &web, err, sizeof err) != 0) {
        log_error("reload failed, nothing changed", LOG_STR("error", err));
        config_free(&fresh);
        return;
    }
    struct event *e = event_new(EVENT_SETTINGS);
    e->settings = xmalloc(sizeof *e->settings);
    *e->settings = hub_settings(&fresh);
    hub_post(s->hub, &e, DEADLINE_NEVER);
    configure_log(&fresh);
    config_free(&s->reloaded);
    s->reloaded = s->config = fresh;
    if (kept[0] != '\0')
        log_warn("reloaded, but some changes need a restart", LOG_STR("options", kept));
    else
        log_info("reloaded");
}

/* Waits for one of the server's signals; 0 at the deadline. */
static int next_signal(const struct server *s, int64_t deadline)
{
    if (deadline == DEADLINE_NEVER) {
        int sig = 0;
        sigwait(&s->signals, &sig);
        return sig;
    }
    int64_t left = deadline - clock_now();
    struct timespec ts = clock_timespec(left > 0 ? left : 0);
    int sig = sigtimedwait(&s->signals, NULL, &ts);
    return sig > 0 ? sig : 0;
}

/* Lets the clients go, each in its slot; a second signal ends it at once. */
static void drain(struct server *s)
{
    enum { LOOK_EVERY_MS = 20 };
    const struct config *c = &s->config;
    log_info("stopping", LOG_INT("sessions", clients_sessions(s->clients)),
             LOG_INT("drain_ms", c->drain_ns / NS_PER_MS));
    http_drain(s->http);
    clients_refuse(s->clients);
    struct event *e = event_new(EVENT_DRAIN);
    e->drain_ns = c->drain_ns;
    hub_post(s->hub, &e, DEADLINE_NEVER);

    int64_t deadline = clock_now() + c->drain_ns + c->write_wait_ns + c->close_wait_ns;
    while (clients_sessions(s->clients) > 0 && clock_now() < deadline) {
        int sig = next_signal(s, clock_now() + LOOK_EVERY_MS * NS_PER_MS);
        if (sig == SIGTERM || sig == SIGINT) {
            log_warn("stopping at once", LOG_INT("sessions", clients_sessions(s->clients)));
            return;
        }
    }
}

static void serve(struct server *s)
{
    for (;;) {
        int sig = next_signal(s, DEADLINE_NEVER);
        if (sig == SIGHUP)
            reload(s);
        else if (sig == SIGTERM || sig == SIGINT)
            return;
    }
}

int server_run(const struct config *config, int argc, char **argv)
{
    struct server s = {.config = *config, .argc = argc, .argv = argv, .cores = count_cores()};
    /* Blocked in every thread, taken by sigwait(): a signal interrupts nothing. */
    sigemptyset(&s.signals);
    sigaddset(&s.signals, SIGTERM);
    sigaddset(&s.signals, SIGINT);
    sigaddset(&s.signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &s.signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    configure_log(config);
    rcu_register_thread();

    struct capacity capacity;
    work_out_capacity(config, s.cores, &capacity);
    s.max_sessions =
        capacity.connections < MAX_SESSIONS ? (uint32_t)capacity.connections : MAX_SESSIONS;
    thread_expect(2 * (size_t)s.max_sessions);
    int status = put_together(&s);
    if (status == 0) {
        announce(&s, &capacity);
        serve(&s);
        drain(&s);
    }
    take_apart(&s);
    if (status == 0)
        log_info("stopped");
    rcu_unregister_thread();
    return status;
}
