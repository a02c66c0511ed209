/*
 * The table of options. A new option is a row here and a field in struct config: parsing, ranges,
 * --help, --check, the environment and reloading follow from the row.
 *
 * Constant data and pure functions. How values are parsed and printed: options_value.c.
 */
#include "server/options.h"

#include <stdlib.h>
#include <string.h>

#include <hubbub/address.h>
#include <hubbub/identity.h>
#include <hubbub/store.h>

#define MS INT64_C(1000000)
#define SEC (1000 * MS)
#define MINUTE (60 * SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define CENTURY (36500 * DAY)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define FIELD(f) .field = offsetof(struct config, f)
#define COUNT(n, f, lo, hi) \
    .name = n, .type = OPTION_COUNT, FIELD(f), .min = lo, .max = hi, .value = "N"
#define RATE(n, f) COUNT(n, f, 0, 1000000), .reloadable = true
#define SIZE(n, f, lo, hi) \
    .name = n, .type = OPTION_SIZE, FIELD(f), .min = lo, .max = hi, .value = "BYTES"
#define TIME(n, f, lo, hi) \
    .name = n, .type = OPTION_TIME, FIELD(f), .min = lo, .max = hi, .value = "TIME"
#define FLAG(n, f) .name = n, .type = OPTION_FLAG, FIELD(f)
#define CHOICE(n, f, c) .name = n, .type = OPTION_CHOICE, FIELD(f), .choices = c
#define TEXT(n, f, v) .name = n, .type = OPTION_TEXT, FIELD(f), .value = v
#define LIST(n, f, v) .name = n, .type = OPTION_LIST, FIELD(f), .value = v
#define ACTION(n, outcome) .name = n, .type = OPTION_ACTION, .field = outcome

static option_check check_listen, check_origin, check_node, check_alg, check_user, check_network,
    check_store;

const struct option_row options[] = {
#define GROUP .group = "Listening"
    {COUNT("port", port, 0, 65535), .initial = "8080", GROUP,
     .help = "TCP port, on all IPv4 and IPv6 addresses; 0 = any free one"},
    {LIST("listen", listen, "ADDRESS"), .check = check_listen, GROUP,
     .help =
         "listen here instead of on --port: host:port, [v6]:port or unix:/path; may be repeated"},
    {LIST("origin", origin, "ORIGIN"), .check = check_origin, .reloadable = true, GROUP,
     .help = "web pages that may connect: https://chat.example.org, null or * for all; may be "
             "repeated; none given: pages of the same host"},
    {TEXT("web", web, "DIR"), .reloadable = true, GROUP,
     .help = "serve the files of this directory instead of the built-in page"},
    {FLAG("echo", echo), .initial = "no", GROUP,
     .help = "serve /echo, a plain WebSocket echo for conformance suites"},
    {TEXT("node", node, "NAME"), .check = check_node, GROUP,
     .help = "this server's name in welcomes, logs and metrics; none given: the host name"},
#undef GROUP

#define GROUP .group = "Identity"
    {CHOICE("auth", auth, "guest|token|both"), .initial = "both", .reloadable = true, GROUP,
     .help = "who is let in: guests, whoever has a token, or both"},
    {LIST("auth-key", auth_key, "FILE"), .reloadable = true, GROUP,
     .help =
         "key of tokens that another system signs: a PEM public key, or the secret for HS*; may "
         "be repeated, to accept the previous one as well"},
    {TEXT("auth-jwks", auth_jwks, "FILE"), .reloadable = true, GROUP,
     .help = "the same as a JWK set; tokens choose by kid"},
    {TEXT("auth-alg", auth_alg, "ALG"), .check = check_alg, .reloadable = true, GROUP,
     .help = "the one algorithm of those tokens: HS256 HS384 HS512 RS256 RS384 RS512 ES256 ES384 "
             "ES512, and EdDSA when libjwt has it"},
    {TEXT("auth-issuer", auth_issuer, "TEXT"), .reloadable = true, GROUP,
     .help = "the iss that those tokens must have; none given: any"},
    {TEXT("auth-audience", auth_audience, "TEXT"), .reloadable = true, GROUP,
     .help = "what their aud must name; none given: anything"},
    {LIST("admin", admin, "USERID"), .check = check_user, .reloadable = true, GROUP,
     .help = "an operator, who may do anything in any room; may be repeated"},
    {LIST("trusted-proxy", trusted_proxy, "NETWORK"), .check = check_network, GROUP,
     .help = "proxies whose X-Forwarded-For is believed: an address, address/bits or unix; may be "
             "repeated"},
#undef GROUP

#define GROUP .group = "Rooms and data"
    {TEXT("data", data, "DIR"), .initial = "./hubbub-data", .for_disk = true, GROUP,
     .help = "where messages, rooms that are kept, their people and the server's own key live"},
    {TEXT("store", store, "WHERE"), .initial = "sqlite", .check = check_store,
     .show = store_url_show, GROUP,
     .help = "sqlite: in --data; postgres://user:password@host/database: in PostgreSQL, see the "
             "README; memory: nothing outlives the server, and no --data is made"},
    {CHOICE("sync", sync, "full|normal"), .initial = "full", .for_disk = true, GROUP,
     .help = "normal: faster on some disks, but a power cut may take back what was confirmed last; "
             "the end of the process does not"},
    {TIME("commit-delay", commit_delay_ns, 0, MINUTE), .initial = "100ms", .for_disk = true, GROUP,
     .help =
         "for so long messages and reactions without an id, which nobody gets confirmed, may be "
         "put "
         "together before they are written, which costs less; a crash takes them; 0 = not at all"},
    {FLAG("open-rooms", open_rooms), .initial = "yes", .reloadable = true, GROUP,
     .help = "joining a room that isn't there makes it"},
#undef GROUP

#define GROUP .group = "Messages"
    {TIME("edit-window", edit_window_ns, 0, CENTURY), .initial = "3h", .reloadable = true, GROUP,
     .help = "for so long people may edit what they said; 0 = not at all"},
    {TIME("delete-window", delete_window_ns, 0, CENTURY), .initial = "10m", .reloadable = true,
     GROUP, .help = "for so long people may delete what they said; moderators always may"},
    {COUNT("history-memory", history_memory, 0, 65536), .initial = "256", GROUP,
     .help = "latest messages of a room that are kept in memory, for those who join"},
    {SIZE("history-memory-bytes", history_memory_bytes, 0, GIB), .initial = "256K", GROUP,
     .help = "memory that those of one room may take"},
    {SIZE("max-file", max_file, 0, 16 * GIB), .initial = "8M", GROUP,
     .help = "size of a file that is shared; 0 = there are no files"},
    {SIZE("file-quota", file_quota, 0, 1048576 * GIB), .initial = "100M", GROUP,
     .help = "room that the files of one user may take on the disk; 0 = any"},
    {TIME("retain", retain_ns, 0, CENTURY), .initial = "0", .reloadable = true, .for_disk = true,
     GROUP, .help = "remove messages that are older; 0, here and below: none"},
    {COUNT("retain-messages", retain_messages, 0, 1000000000), .initial = "0", .reloadable = true,
     .for_disk = true, GROUP, .help = "remove the oldest of a room that has more"},
    {SIZE("retain-bytes", retain_bytes, 0, 1048576 * GIB), .initial = "0", .reloadable = true,
     .for_disk = true, GROUP, .help = "remove the oldest of all while they take more on the disk"},
#undef GROUP

#define GROUP .group = "Rates"
    {FLAG("rate-limits", rate_limits), .initial = "yes", .reloadable = true, GROUP,
     .help = "without, nothing of this group is limited"},
    {RATE("message-burst", message_burst), .initial = "5", GROUP,
     .help = "messages that one user may send at once; 0, here and below: any number"},
    {RATE("message-rate", message_rate), .initial = "2", GROUP,
     .help = "messages a second after that"},
    {RATE("messages-per-minute", messages_per_minute), .initial = "60", GROUP,
     .help = "messages of one user"},
    {RATE("joins-per-minute", joins_per_minute), .initial = "30", GROUP, .help = "rooms joined"},
    {RATE("creates-per-hour", creates_per_hour), .initial = "20", GROUP, .help = "rooms created"},
    {RATE("moderation-per-minute", moderation_per_minute), .initial = "60", GROUP,
     .help = "people moderated and settings changed"},
    {RATE("history-per-minute", history_per_minute), .initial = "120", GROUP,
     .help = "looks into the ledgers and histories of rooms"},
    {RATE("connections-per-address", connections_per_address), .initial = "100", GROUP,
     .help = "connections at once of one address; not counted for this machine's own"},
    {RATE("connections-per-user", connections_per_user), .initial = "20", GROUP,
     .help = "connections at once of one user"},
#undef GROUP

#define GROUP .group = "Limits"
    {COUNT("max-connections", max_connections, 0, 10000000), .initial = "0", GROUP,
     .help = "connections at once; 0 = as many as this machine carries"},
    {COUNT("max-per-room", max_per_room, 1, 1000000), .initial = "1000", .reloadable = true, GROUP,
     .help = "members of one room"},
    {COUNT("max-rooms", max_rooms, 1, 10000000), .initial = "100000", GROUP,
     .help = "rooms at once"},
    {COUNT("max-rooms-per-client", max_rooms_per_client, 1, 100000), .initial = "100",
     .reloadable = true, GROUP, .help = "rooms one connection may be in"},
    {COUNT("notice-limit", notice_limit, 0, 1000000), .initial = "100", .reloadable = true, GROUP,
     .help = "members above which join and leave notices of a room are merged"},
    {SIZE("max-message", max_message, 64, 16 * MIB), .initial = "16K", GROUP,
     .help = "size of one message from a client"},
#undef GROUP

#define GROUP .group = "Deadlines"
    {TIME("pong-wait", pong_wait_ns, 10 * MS, 24 * HOUR), .initial = "60s", GROUP,
     .help = "close a connection whose pong did not come for so long"},
    {TIME("ping-period", ping_period_ns, 5 * MS, 24 * HOUR), .initial = "54s", GROUP,
     .help = "time between pings; less than --pong-wait"},
    {TIME("write-wait", write_wait_ns, 10 * MS, HOUR), .initial = "10s", GROUP,
     .help = "close a connection whose socket takes nothing for so long"},
    {TIME("handshake-wait", handshake_wait_ns, 10 * MS, HOUR), .initial = "10s", GROUP,
     .help = "from accepting a connection to the end of its request head"},
    {TIME("upload-wait", upload_wait_ns, 10 * MS, HOUR), .initial = "15s", GROUP,
     .help = "close an upload that brings nothing for so long, or that takes 40 times as long"},
    {TIME("close-wait", close_wait_ns, 10 * MS, HOUR), .initial = "5s", GROUP,
     .help = "for the peer to answer a close frame"},
    {TIME("idle-wait", idle_wait_ns, 10 * MS, 24 * HOUR), .initial = "30s", GROUP,
     .help = "between the requests of an HTTP connection that is kept alive"},
    {TIME("drain", drain_ns, 0, HOUR), .initial = "10s", .reloadable = true, GROUP,
     .help = "when stopping, spread the clients' departure over this time; 0 = at once"},
#undef GROUP

#define GROUP .group = "Queues and threads"
    {COUNT("send-queue", send_queue, 2, 65536), .initial = "256", GROUP,
     .help = "messages that may wait for one connection"},
    {COUNT("hub-queue", hub_queue, 16, 1048576), .initial = "4096", GROUP,
     .help = "requests that may wait for the hub"},
    {SIZE("socket-buffer", socket_buffer, 0, 64 * MIB), .initial = "0", GROUP,
     .help = "kernel send buffer of a connection; 0 = the system's choice"},
    {COUNT("shards", shards, 0, 1024), .initial = "0", GROUP,
     .help = "locks that the sockets are spread over; 0 = 8 per core"},
    {COUNT("carriers", carriers, 0, 64), .initial = "0", GROUP,
     .help = "how many writers may be awake for others at once; 0 = one per core"},
#undef GROUP

#define GROUP .group = "Log"
    {CHOICE("log", log, "logfmt|json"), .initial = "logfmt", .reloadable = true, GROUP,
     .help = "format of the log lines, which go to standard error"},
    {CHOICE("log-level", log_level, "error|warn|info|debug"), .initial = "info", .reloadable = true,
     GROUP, .help = "the least severe lines that are written"},
#undef GROUP

#define GROUP .group = "Running"
    {TEXT("config", config, "FILE"), GROUP,
     .help = "read options from this file, lines of 'name = value'"},
    {ACTION("check", CONFIG_CHECK), GROUP,
     .help =
         "try the data directory, the keys and the addresses, print the effective configuration "
         "and what this machine carries, then exit"},
    {ACTION("version", CONFIG_VERSION), GROUP, .help = "print the version, then exit"},
    {ACTION("help", CONFIG_HELP), GROUP, .help = "print this, then exit"},
#undef GROUP
    {.name = NULL},
};

/* ---- checks -------------------------------------------------------------------------------------- */

/* RFC 6454 section 6.2: scheme "://" host [":" port], or null. Compared exactly, so no path. */
static const char *check_origin(const char *value)
{
    if (strcmp(value, "*") == 0 || strcmp(value, "null") == 0)
        return NULL;
    const char *host = strstr(value, "://");
    if (host == NULL || host == value || host[3] == '\0')
        return "want scheme://host[:port], null or *";
    if (strpbrk(host + 3, "/?# ") != NULL)
        return "an origin has no path and no slash at its end";
    return NULL;
}

static const char *check_listen(const char *value)
{
    static const char shape[] = "want host:port, [v6]:port or unix:/path";
    if (strncmp(value, "unix:", 5) == 0) {
        if (value[5] != '/')
            return "a unix socket needs a path from the root, unix:/path";
        return strlen(value + 5) < 108 ? NULL : "the path is longer than 107 bytes"; // sun_path
    }
    const char *colon = strrchr(value, ':');
    if (colon == NULL || colon == value)
        return shape;
    if (value[0] == '[' ? colon[-1] != ']' : memchr(value, ':', (size_t)(colon - value)) != NULL)
        return shape;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > 65535)
        return "the port must be 0 to 65535";
    return NULL;
}

static const char *check_node(const char *value)
{
    if (strlen(value) > 64)
        return "longer than 64 bytes";
    return NULL;
}

static const char *check_alg(const char *value)
{
    return value[0] == '\0' || identity_alg_known(value)
               ? NULL
               : "no such algorithm here, want HS256, RS256, ES256 …";
}

static const char *check_user(const char *value)
{
    return text_is_name(value, strlen(value)) ? NULL : "a user id is 1 to 64 bytes of text";
}

static const char *check_network(const char *value)
{
    struct network n;
    return network_parse(value, &n) ? NULL : "want an address, address/bits or unix";
}

static bool is_address(const char *value)
{
    return strncmp(value, "postgres://", 11) == 0 || strncmp(value, "postgresql://", 13) == 0;
}

static const char *check_store(const char *value)
{
    if (strcmp(value, "sqlite") == 0 || strcmp(value, "memory") == 0)
        return NULL;
    return is_address(value) ? store_url_check(value)
                             : "want sqlite, memory or postgres://user:password@host:port/database";
}

bool config_keeps(const struct config *c)
{
    return c->store == NULL || strcmp(c->store, "memory") != 0;
}

const char *config_database(const struct config *c)
{
    return c->store != NULL && is_address(c->store) ? c->store : NULL;
}

/* ---- finding ------------------------------------------------------------------------------------- */

const struct option_row *option_find(const char *name, size_t n)
{
    for (const struct option_row *row = options; row->name != NULL; row++)
        if (strlen(row->name) == n && memcmp(row->name, name, n) == 0)
            return row;
    return NULL;
}

enum { LONGEST_NAME = 40 };

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein's distance, counting two letters swapped as one error; both at most LONGEST_NAME. */
static size_t distance(const char *a, size_t alen, const char *b, size_t blen)
{
    size_t row[3][LONGEST_NAME + 1];
    size_t *before = row[0], *above = row[1], *here = row[2];

    for (size_t j = 0; j <= blen; j++)
        above[j] = j;
    for (size_t i = 1; i <= alen; i++) {
        here[0] = i;
        for (size_t j = 1; j <= blen; j++) {
            here[j] = min3(above[j] + 1, here[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < here[j])
                here[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = above, above = here, here = oldest;
    }
    return above[blen];
}

const char *option_suggest(const char *name, size_t n)
{
    const char *best = NULL;
    size_t least = n / 3 + 1; // errors that still look like a slip

    if (n == 0 || n > LONGEST_NAME)
        return NULL;
    for (const struct option_row *row = options; row->name != NULL; row++) {
        size_t len = strlen(row->name);
        size_t d = distance(name, n, row->name, len);
        if (n >= 3 && n < len && memcmp(name, row->name, n) == 0)
            d = 1; // an abbreviation
        if (d < least || (d == least && best == NULL)) {
            best = row->name;
            least = d;
        }
    }
    return best;
}
