/* Counters and gauges of the process, shown at GET /metrics and expected by tests.
 *
 * One row is one metric: enum, name, kind and help text come from it. Any thread; relaxed atomics. */
#ifndef HUBBUB_METRICS_H
#define HUBBUB_METRICS_H

#include <stdint.h>

#define METRICS_TABLE(X)                                                                           \
    X(CONNECTIONS, "connections", "gauge", "Open sockets, web requests included")                  \
    X(SESSIONS, "sessions", "gauge", "Clients that speak WebSocket and are registered")            \
    X(ROOMS, "rooms", "gauge", "Rooms with members, and kept ones without")                        \
    X(MEMBERS, "members", "gauge", "Memberships, summed over all rooms")                           \
    X(ACCEPTED, "connections_accepted_total", "counter", "Sockets accepted")                       \
    X(REFUSED, "connections_refused_total", "counter", "Upgrades and sockets refused")             \
    X(HTTP_REQUESTS, "http_requests_total", "counter", "Web requests answered")                    \
    X(RECEIVED, "frames_received_total", "counter", "Messages received from clients")              \
    X(BAD_REQUESTS, "bad_requests_total", "counter",                                               \
      "Requests answered with an error by a reader")                                               \
    X(EVENTS, "hub_events_total", "counter", "Events the hub has handled")                         \
    X(BATCHES, "hub_batches_total", "counter", "Batches the hub has handled them in")              \
    X(JOINS, "joins_total", "counter", "Rooms joined")                                             \
    X(LEAVES, "leaves_total", "counter", "Rooms left")                                             \
    X(MESSAGES, "messages_total", "counter", "Messages said in rooms")                             \
    X(DELIVERIES, "deliveries_total", "counter",                                                   \
      "Messages and notices put into outboxes of members")                                         \
    X(WRITES, "writes_total", "counter", "Batches of frames written to sockets")                   \
    X(WRITE_BLOCKED, "writes_blocked_total", "counter", "Writes that found the socket full")       \
    X(SLOW_CLOSED, "slow_clients_closed_total", "counter", "Clients closed with 4013: too slow")   \
    X(PONG_CLOSED, "pong_timeouts_total", "counter", "Clients closed with 4008: no pong in time")  \
    X(WRITE_TIMEOUTS, "write_timeouts_total", "counter",                                           \
      "Sockets that took nothing for the write wait")                                              \
    X(HANDSHAKE_TIMEOUTS, "handshake_timeouts_total", "counter",                                   \
      "Connections that sent no whole request in time")                                            \
    X(BACKPRESSURE, "backpressure_total", "counter",                                               \
      "Times the hub waited for a receiver short of CPU")                                          \
    X(USERS, "users", "gauge", "Users that are online, by any number of connections")              \
    X(KEPT_ROOMS, "kept_rooms", "gauge", "Rooms that outlive their members")                       \
    X(SANCTIONS, "sanctions_total", "counter", "Kicks, bans and mutes imposed")                    \
    X(BANNED_CLOSED, "banned_clients_closed_total", "counter",                                     \
      "Clients closed with 4003: banned from the server")                                          \
    X(AUTH_FAILED, "auth_failed_total", "counter", "Tokens that were missing, bad or expired")     \
    X(PASSWORD_CHECKS, "password_checks_total", "counter",                                         \
      "Passwords of rooms hashed or compared")                                                     \
    X(LIMITED_MESSAGES, "limited_messages_total", "counter",                                       \
      "Requests refused by the rate of messages")                                                  \
    X(LIMITED_JOINS, "limited_joins_total", "counter", "Requests refused by the rate of joins")    \
    X(LIMITED_CREATES, "limited_creates_total", "counter",                                         \
      "Requests refused by the rate of rooms created")                                             \
    X(LIMITED_MODERATION, "limited_moderation_total", "counter",                                   \
      "Requests refused by the rate of moderation")                                                \
    X(LIMITED_HISTORY, "limited_history_total", "counter",                                         \
      "Requests refused by the rate of history calls")                                             \
    X(LIMITED_FILES, "limited_files_total", "counter", "Downloads refused by the rate limit")      \
    X(LIMITED_REQUESTS, "limited_requests_total", "counter",                                       \
      "Requests refused by the rate of all others")                                                \
    X(LIMITED_PASSWORDS, "limited_passwords_total", "counter",                                     \
      "Requests refused by the rate of passwords set and tried")                                   \
    X(LIMITED_SLOW_MODE, "limited_slow_mode_total", "counter",                                     \
      "Messages refused by the slow mode of a room")                                               \
    X(LIMITED_NEW, "limited_new_total", "counter",                                                 \
      "Open rooms and conversations refused: too many new ones of one address")                    \
    X(LIMITED_ADDRESS, "limited_address_total", "counter",                                         \
      "Connections refused: too many of one address")                                              \
    X(LIMITED_USER, "limited_user_total", "counter", "Connections refused: too many of one user")  \
    X(FLOOD_CLOSED, "flooding_clients_closed_total", "counter",                                    \
      "Clients closed with 4029: flooding")                                                        \
    X(DUPLICATES, "duplicates_total", "counter", "Messages that had been said under the same id")  \
    X(RECALLED, "messages_recalled_total", "counter", "Earlier messages sent to those who joined") \
    X(GAPS, "gaps_total", "counter", "Stretches that those who came back were told to be missing") \
    X(AMENDMENTS, "amendments_total", "counter", "Edits, removals and reactions")                  \
    X(TYPING_DROPPED, "typing_dropped_total", "counter", "Typing not told to those half behind")   \
    X(PAUSES, "pauses_total", "counter",                                                           \
      "Times a room was left out for a member that fell behind")                                   \
    X(UPLOADS, "uploads_total", "counter", "Files that were uploaded")                             \
    X(UPLOAD_BYTES, "upload_bytes_total", "counter", "Bytes of them")                              \
    X(UPLOADS_NOW, "uploads", "gauge", "Uploads that are under way")                               \
    X(UPLOADS_REFUSED, "uploads_refused_total", "counter",                                         \
      "Uploads refused, or given up before their end")                                             \
    X(DOWNLOADS, "downloads_total", "counter", "Files that were asked for and given")              \
    X(THUMBNAILS, "thumbnails_total", "counter", "Thumbnails made")                                \
    X(THUMBNAILS_FAILED, "thumbnails_failed_total", "counter",                                     \
      "Images of which no thumbnail could be made, or not in time")                                \
    X(FILES_REMOVED, "files_removed_total", "counter", "Files removed with what said them")        \
    X(STORE_CHANGES, "store_changes_total", "counter", "Changes written to the store")             \
    X(STORE_COMMITS, "store_commits_total", "counter",                                             \
      "Times that changes were written, together")                                                 \
    X(STORE_FAILURES, "store_failures_total", "counter", "Attempts to write that failed")          \
    X(STORE_BACKLOG, "store_backlog", "gauge", "Changes that wait to be written")                  \
    X(STORE_PARKED, "store_parked", "gauge", "Changes on this disk that wait for the database")    \
    X(STORE_INDEXED, "store_indexed_total", "counter", "Messages added to the index of words")

enum metric {
#define X(id, name, kind, help) METRIC_##id,
    METRICS_TABLE(X)
#undef X
        METRIC_COUNT
};

extern int64_t metrics_values[METRIC_COUNT]; /* atomic */

static inline void metric_add(enum metric m, int64_t n)
{
    __atomic_fetch_add(&metrics_values[m], n, __ATOMIC_RELAXED);
}

static inline int64_t metric_read(enum metric m)
{
    return __atomic_load_n(&metrics_values[m], __ATOMIC_RELAXED);
}

/* The row of the table: name without the "hubbub_" prefix. */
struct metric_info {
    const char *name, *kind, *help;
};
const struct metric_info *metric_info(enum metric m);

#endif
