/* The server from its first signal mask to its exit status: what fits on this machine, start, reload, drain,
 * stop. Which parts there are: parts.c.
 *
 * Runs on the main thread, the only one that receives signals. */
#include "server/parts.h"
#include "server/settings.h"

#include <hubbub/capacity.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/rcu.h>
#include <hubbub/server.h>
#include <hubbub/store.h>
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

    struct parts parts;
};

/* ---- what fits ----------------------------------------------------------------------------------- */

/* Of the server itself: the store, the pages, whoever is told that there is no room. */
enum { OWN_DESCRIPTORS = 1024 };

static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max > 1 << 20 ? 1 << 20 : r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

/* No more than can be of use, with a file for every fourth connection: the library has a table by descriptor in each
 * shard, as long as this limit (a million entries by default), and goes through all of it when a connection ends. */
static void lower_descriptor_limit(uint32_t connections)
{
    struct rlimit r;
    rlim_t enough = (rlim_t)connections + connections / 4 + OWN_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur > enough) {
        r.rlim_cur = enough;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static unsigned count_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (unsigned)n;
}

static void work_out_capacity(const struct config *c, unsigned cores, struct capacity *capacity)
{
    struct machine machine;
    raise_descriptor_limit();
    capacity_read(&machine, c->max_connections, shards_of(c, cores));
    capacity_compute(&machine, capacity);
}

/* ---- --check ------------------------------------------------------------------------------------- */

/* The data directory and the addresses, as a start would have them. A server that has them already is most
 * likely this one, before a reload: then `why` says so, and else is empty. */
static bool places_are_good(const struct config *c, char *why, size_t space)
{
    int err = !config_keeps(c) ? 0 : store_try(c->data, config_database(c), why, space);
    if (err != 0)
        return err == ERR_AGAIN;
    struct listener *l = listen_on_all(c, why, space);
    if (l == NULL)
        return false;
    listener_free(l);
    return true;
}

int server_check(const struct config *config)
{
    struct capacity capacity;
    char why[512] = "", text[256];
    struct identity_config who = identity_settings(config);
    if (!places_are_good(config, why, sizeof why) || !identities_try(&who, why, sizeof why)) {
        fprintf(stderr, "hubbub: %s\n", why);
        return 1;
    }
    work_out_capacity(config, count_cores(), &capacity);
    config_print(config, stdout);
    capacity_print(&capacity, stdout);
    printf("# %s\n", capacity_describe(&capacity, text, sizeof text));
    if (why[0] != '\0')
        printf("# %s: its addresses were not tried\n", why);
    return 0;
}

static void announce(const struct server *s, const struct capacity *capacity)
{
    char room[256], url[64];
    int port = listener_port(s->parts.listener);
    capacity_describe(capacity, room, sizeof room);
    snprintf(url, sizeof url, "http://localhost:%d/", port);
    if (s->config.listen.n == 0)
        log_info("listening", LOG_INT("port", port), LOG_STR("url", url),
                 LOG_STR("capacity", room));
    for (size_t i = 0; i < s->config.listen.n; i++)
        log_info("listening", LOG_STR("address", s->config.listen.item[i]),
                 LOG_STR("capacity", room));
}

/* ---- signals ------------------------------------------------------------------------------------- */

/* What can fail comes first, so that a reload changes all or nothing. */
static bool use(struct server *s, const struct config *fresh, char *err, size_t space)
{
    struct http_settings web = http_settings(fresh);
    struct identity_config who = identity_settings(fresh);
    struct keyring *ring = keyring_read(&who, err, space);
    if (ring == NULL)
        return false;
    if (http_reload(s->parts.http, &web, err, space) != 0) {
        keyring_unref(ring);
        return false;
    }
    identities_use(s->parts.identities, &ring);
    struct limits_config limits = limits_settings(fresh);
    clients_reload_limits(s->parts.clients, &limits);
    struct retention keep = retention_settings(fresh);
    if (s->parts.store != NULL)
        store_set_retention(s->parts.store, &keep);
    struct settings settings = hub_settings(fresh);
    struct event *e = event_new(EVENT_SETTINGS);
    e->settings = settings_copy(&settings);
    hub_post(s->parts.hub, &e, DEADLINE_NEVER);
    configure_log(fresh);
    return true;
}

static void reload(struct server *s)
{
    struct config fresh;
    char kept[512], err[512];
    if (config_reload(&s->config, &fresh, s->argc, s->argv, kept, sizeof kept, err, sizeof err) !=
        0) {
        log_error("reload failed, nothing changed", LOG_STR("error", err));
        return;
    }
    if (!use(s, &fresh, err, sizeof err)) {
        log_error("reload failed, nothing changed", LOG_STR("error", err));
        config_free(&fresh);
        return;
    }
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
    log_info("stopping", LOG_INT("sessions", clients_sessions(s->parts.clients)),
             LOG_INT("drain_ms", c->drain_ns / NS_PER_MS));
    http_drain(s->parts.http);
    clients_refuse(s->parts.clients);
    struct event *e = event_new(EVENT_DRAIN);
    e->drain_ns = c->drain_ns;
    hub_post(s->parts.hub, &e, DEADLINE_NEVER);

    int64_t deadline = clock_now() + c->drain_ns + c->write_wait_ns + c->close_wait_ns;
    while (clients_sessions(s->parts.clients) > 0 && clock_now() < deadline) {
        int sig = next_signal(s, clock_now() + LOOK_EVERY_MS * NS_PER_MS);
        if (sig == SIGTERM || sig == SIGINT) {
            log_warn("stopping at once", LOG_INT("sessions", clients_sessions(s->parts.clients)));
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

/* What stands on the command line is for every user of the machine to read. */
static void warn_of_passwords(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(argv[i], "postgres") != NULL && store_url_has_password(argv[i]))
            log_warn("the password of --store can be seen in the list of processes: give it in "
                     "HUBBUB_STORE, in a file for --config, or in ~/.pgpass");
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
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is a full disk, which is survived */
    configure_log(config);
    warn_of_passwords(argc, argv);
    rcu_register_thread();

    struct capacity capacity;
    work_out_capacity(config, s.cores, &capacity);
    s.max_sessions =
        capacity.connections < MAX_SESSIONS ? (uint32_t)capacity.connections : MAX_SESSIONS;
    lower_descriptor_limit(s.max_sessions);
    thread_expect(2 * (size_t)s.max_sessions);
    char why[512] = "";
    bool up = parts_start(&s.parts, config, s.cores, s.max_sessions, why, sizeof why);
    if (up) {
        announce(&s, &capacity);
        serve(&s);
        drain(&s);
    }
    parts_stop(&s.parts);
    config_free(&s.reloaded);
    if (up)
        log_info("stopped");
    else
        fprintf(stderr, "hubbub: %s\n", why);
    rcu_unregister_thread();
    return up ? 0 : 1;
}
