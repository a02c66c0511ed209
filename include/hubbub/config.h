/*
 * The configuration: what can be set, and where it comes from.
 *
 * Sources from weak to strong: defaults, the file named by --config (ini), the environment
 * (HUBBUB_MAX_PER_ROOM), the command line (--max-per-room). A list that a stronger source sets
 * replaces the weaker one's; within one source a list may be given bit by bit.
 *
 * Plain data once loaded: read by any thread, written by none. Loading reads files, so it blocks.
 * Not here: what the values do, and how many connections this machine carries (capacity.h).
 */
#ifndef HUBBUB_CONFIG_H
#define HUBBUB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct config_list {
    size_t n;
    char **item; /* NULL when n is 0 */
};

/* Indices into the choices of --log and --log-level. */
enum config_log { CONFIG_LOG_LOGFMT, CONFIG_LOG_JSON };
enum config_level { CONFIG_LEVEL_ERROR, CONFIG_LEVEL_WARN, CONFIG_LEVEL_INFO, CONFIG_LEVEL_DEBUG };
enum config_sync { CONFIG_SYNC_FULL, CONFIG_SYNC_NORMAL }; /* of --sync */

/*
 * Fields marked (r) follow a reload. Ranges, units and defaults: the table in src/server/options.c,
 * which is also what --help prints.
 */
struct config {
    /* listening */
    int port;                  /* TCP, on all IPv4 and IPv6 addresses when `listen` is empty */
    struct config_list listen; /* "host:port", "[v6]:port", "unix:/path" */
    struct config_list origin; /* (r) allowed Origin values; empty = the same host; "*" = any */
    char *web;                 /* (r) directory served instead of the embedded page, or NULL */
    bool echo;                 /* serve /echo */
    char *node;                /* this node's name, never NULL */

    /* identity */
    int auth;                         /* (r) enum auth_mode */
    struct config_list auth_key;      /* (r) files */
    char *auth_alg;                   /* (r) NULL when there are no keys */
    char *auth_jwks;                  /* (r) a file, or NULL */
    char *auth_issuer;                /* (r) NULL = any */
    char *auth_audience;              /* (r) NULL = any */
    struct config_list admin;         /* (r) user ids */
    struct config_list trusted_proxy; /* address[/bits], "unix" */

    /* rooms and data */
    char *data;  /* directory, never NULL */
    char *store; /* "sqlite", "memory" or an address: see config_keeps(), config_database() */
    int sync;    /* enum config_sync */
    int64_t commit_delay_ns; /* between commits that nobody waits for */
    bool open_rooms;         /* (r) a join makes a room that isn't there */

    /* messages */
    int64_t edit_window_ns;      /* (r) for so long one may edit what one said */
    int64_t delete_window_ns;    /* (r) and delete it */
    int history_memory;          /* of one room, in memory */
    size_t history_memory_bytes; /* likewise */
    size_t max_file;             /* bytes of one file; 0 = none are shared */
    size_t file_quota;           /* of all files of one user; 0 = any number */
    int64_t upload_wait_ns;      /* for an upload to bring something */
    int64_t retain_ns;           /* (r) older ones are removed; 0, here and below: none */
    int retain_messages;         /* (r) of one room */
    size_t retain_bytes;         /* (r) of all, on the disk */

    /* rates, 0 = no such limit */
    bool rate_limits;            /* (r) false = none of them */
    int message_burst;           /* (r) of one user, at once */
    int message_rate;            /* (r) a second, when the burst is spent */
    int messages_per_minute;     /* (r) */
    int joins_per_minute;        /* (r) */
    int creates_per_hour;        /* (r) */
    int moderation_per_minute;   /* (r) */
    int history_per_minute;      /* (r) */
    int connections_per_address; /* (r) */
    int connections_per_user;    /* (r) */

    /* rooms and clients */
    int max_connections;      /* 0 = as many as the machine carries */
    int max_per_room;         /* (r) members of one room */
    int max_rooms;            /* rooms of the whole server */
    int max_rooms_per_client; /* (r) rooms one connection may be in */
    int notice_limit;         /* (r) members above which join and leave notices are merged */
    size_t max_message;       /* bytes of one request */

    /* deadlines, in nanoseconds */
    int64_t pong_wait_ns;      /* close when no pong came for so long */
    int64_t ping_period_ns;    /* always less than pong_wait_ns */
    int64_t write_wait_ns;     /* a blocked socket */
    int64_t handshake_wait_ns; /* from accept to the end of the request head */
    int64_t close_wait_ns;     /* the closing handshake */
    int64_t idle_wait_ns;      /* HTTP keep-alive */
    int64_t drain_ns;          /* (r) clients are spread over this time when the server stops */

    /* queues and threads */
    int send_queue;       /* messages per connection */
    int hub_queue;        /* events waiting for the hub */
    size_t socket_buffer; /* bytes of kernel send buffer, 0 = the system's choice */
    int shards;           /* 0 = 8 per core */
    int carriers;         /* how many writers may be awake for others at once, 0 = one per core */

    /* log */
    int log;       /* (r) enum config_log */
    int log_level; /* (r) enum config_level */

    char *config; /* the file it was read from, or NULL */
};

enum config_outcome {
    CONFIG_RUN,
    CONFIG_CHECK,   /* --check */
    CONFIG_HELP,    /* --help */
    CONFIG_VERSION, /* --version */
    CONFIG_ERROR    /* err has one line without a newline; the exit code should be 2 */
};

/* Exit status of a program that was called wrongly. */
enum { CONFIG_EXIT_USAGE = 2 };

/*
 * Loads from all sources. Returns an enum config_outcome. After RUN and CHECK the caller owns *c and
 * ends it with config_free; after the others *c is empty. err is written only after ERROR.
 */
int config_load(struct config *c, int argc, char **argv, char *err, size_t errlen);

/*
 * Reads all sources again for a running server: *fresh gets the reloadable values as they are now
 * and all others as in old. `kept` gets the names, ", " between them, of those that changed but need
 * a restart ("" when none). Returns 0, or ERR_INVALID with err written and *fresh empty.
 */
int config_reload(const struct config *old, struct config *fresh, int argc, char **argv, char *kept,
                  size_t keptlen, char *err, size_t errlen);

/* Prints the values as an ini file that --config reads back to the same values. */
void config_print(const struct config *c, FILE *out);

/* Prints what --help shows. */
void config_help(FILE *out);

/* Is the word of a command line an option, and so not the value of the one before it? */
bool config_is_option(const char *word);

/* Does anything outlive the server? */
bool config_keeps(const struct config *c);
/* The address of PostgreSQL, with its password; NULL: there is none. Borrowed. */
const char *config_database(const struct config *c);

/* Frees what *c owns and empties it; an empty one is fine. */
void config_free(struct config *c);

#endif
