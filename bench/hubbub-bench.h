/*
 * The load generator: what its files share. One process, one thread, one epoll loop.
 *
 *   hubbub-bench.c          main: options, scenario, report
 *   hubbub-bench-options.c  the command line
 *   hubbub-bench-conn.c     sockets and the loop
 *   hubbub-bench-ws.c       WebSocket client side, and which line is what
 *   hubbub-bench-order.c    verification: every message, once, in one order
 *   hubbub-bench-crowd.c    connecting and joining many
 *   hubbub-bench-traffic.c  scenarios that send, measure, drain and verify
 *   hubbub-bench-churn.c    the scenario of short connections
 *   hubbub-bench-return.c   the scenario of those who come back at once
 *   hubbub-bench-joins.c    joins with and without what was said before
 *   hubbub-bench-acked.c    messages that wait for their confirmation
 *   hubbub-bench-stats.c    histogram, clocks, what /proc says
 *   hubbub-bench-report.c   progress line, table, JSON
 *
 * Times are nanoseconds of CLOCK_MONOTONIC unless a name says otherwise.
 */
#ifndef HUBBUB_BENCH_H
#define HUBBUB_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SECOND UINT64_C(1000000000)
#define NEVER UINT64_MAX

/* ---- options ---- */

struct options {
    const struct scenario *scenario;
    const char *host, *unix_path, *json;
    long port, server_pid;
    double duration, warmup, drain; // seconds
    double rate;                    // 0: closed loop
    long connections, rooms, members, senders, window, size, count, missed, slow, trickle, parallel;
    bool full, remote, quiet;
};

/* A scenario and the options it starts from; zero means not used or derived. */
struct scenario {
    const char *name, *help;
    void (*run)(void);
    struct options defaults;
};

extern struct options opt;
extern const struct scenario scenarios[]; // ends with a nameless row

void options_parse(int argc, char **argv); // exits with 2 on a bad one

/* ---- statistics ---- */

/* Log-linear: 64 steps per power of two, so a value is known to 1.6 %. */
enum { HIST_STEP_BITS = 6, HIST_BUCKETS = (64 - HIST_STEP_BITS + 1) << HIST_STEP_BITS };

struct hist {
    uint64_t count, max;
    uint64_t bucket[HIST_BUCKETS];
};

uint64_t hist_percentile(const struct hist *h, double percent);

static inline void hist_add(struct hist *h, uint64_t v)
{
    unsigned shift = v >> HIST_STEP_BITS ? 63 - HIST_STEP_BITS - (unsigned)__builtin_clzll(v) : 0;
    h->bucket[((uint64_t)shift << HIST_STEP_BITS) + (v >> shift)]++;
    h->count++;
    if (v > h->max)
        h->max = v;
}

/* A moment; two of them make a measurement. */
struct sample {
    uint64_t time, delivered, sent, bytes;
    double server_cpu, own_user, own_system; // seconds
};

struct memory {
    double server_rss, available, kernel; // KiB; kernel: slab, stacks and page tables
    long server_threads;
};

struct stats {
    uint64_t delivered, expected; // messages: received in total, and owed to living members
    uint64_t sent, notices, bytes, pings;
    uint64_t stalled;                                    // more than a second late
    uint64_t lost, duplicate, reordered, damaged, wrong; // wrong: of another room, or never sent
    uint64_t errors, disconnected, refused, unjoined, failed_cycles;
    bool limited;                               // some of them because of the server's rates
    uint64_t slow_4013, slow_closed, slow_open; // what became of the slow readers
    uint64_t cycles;
    uint64_t close_code[8], close_count[8];
    uint64_t connected, connect_time; // how many, and how long that took
    uint64_t joined, join_time;
    struct hist latency;
    struct sample from, to;
    struct memory before, after;
    uint64_t measure_from, measure_span; // latencies count for messages meant for this time
    char first_error[256];
};

extern struct stats stats;

uint64_t now_ns(void);
void sample_take(struct sample *s);
void memory_take(struct memory *m);
void note_error(const char *what, const char *text, size_t len); // the first one is kept

/* ---- connections ---- */

enum conn_state { CONN_NONE, CONN_HANDSHAKE, CONN_JOINING, CONN_OPEN, CONN_CLOSING, CONN_CLOSED };

struct chunk;

struct room {
    struct chunk *last; // where the order grows
    uint32_t first, n;  // its members' place in the crowd
    uint32_t present;   // members that must get what is said
    uint64_t sent;
};

struct conn {
    // what a delivery touches
    struct chunk *chunk; // how far this member is in the room's order
    uint32_t chunk_at;
    uint32_t marker_at; // where the last message had its marker
    uint64_t accepted;  // different messages received
    uint64_t self;      // the sender field of own markers
    uint32_t in_flight; // own messages not yet back
    bool exempt; // a slow reader: owed nothing, but what comes must be in order and is not counted
    // the socket
    uint8_t state;
    bool touched, waiting, unwatched, talks;
    int fd;
    struct room *room;
    char *rest; // an incomplete frame
    size_t rest_len;
    char *out;
    size_t out_len, out_cap, out_sent;
    // as a sender
    uint32_t index;
    uint32_t sent; // counter of the next message
    uint32_t seen; // counter that the room's order expects next
    uint16_t close_code;
    // messages that others got before
    struct entry *missing;
    uint32_t missing_n, missing_cap;
    uint64_t began; // churn, joins: when it was due; acked: the latest id
    // who comes back
    char epoch[17];
    uint64_t base; // seq of the room when it came first
};

/* What a scenario wants to be told. Unset means nothing. */
struct hooks {
    void (*ready)(struct conn *c);  // joined, or open when there is nothing to join
    void (*fill)(struct conn *c);   // a touched connection, before its output is sent
    void (*closed)(struct conn *c); // state still says what it was doing
    void (*line)(struct conn *c, const char *line, size_t len); // what comes without a room
};

extern struct hooks hooks;
extern struct conn *conns;
extern size_t conns_n;

void loop_init(size_t connections);
void loop_turn(uint64_t until);
void conn_open(struct conn *c, uint64_t number); // number: spreads over source addresses
void conn_touch(struct conn *c);
char *conn_reserve(struct conn *c, size_t len); // room for len more bytes of output
void conn_close(struct conn *c);
void conn_read(struct conn *c, size_t max);
void conn_unwatch(struct conn *c); // stop reading
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/* ---- the WebSocket client ---- */

enum { MARKER_LEN = 4 + 8 + 8 + 16 }; // tag, sender, counter, time

void ws_send_handshake(struct conn *c);
void ws_send(struct conn *c, unsigned opcode, const char *payload, size_t len);
bool ws_field(const char *line, size_t len, const char *name, char *to, size_t space);
void ws_send_join(struct conn *c, unsigned long room);
void ws_send_message(struct conn *c, uint64_t time);
size_t ws_take(struct conn *c, char *buf, size_t len, uint64_t now); // bytes used
uint64_t marker_encode(uint32_t v);                                  // 8 letters
uint32_t marker_decode(uint64_t text);

/* ---- verification ---- */

struct entry {
    uint64_t sender, counter; // as they stand in the marker
    uint64_t time;
};

extern struct room *rooms;
extern size_t rooms_n;

void order_init(size_t n, size_t members); // rooms over the first n * members connections
void order_take(struct conn *c, const char *marker, uint64_t now);
void order_sent(struct conn *c);
void order_gone(struct conn *c);
void order_finish(void); // counts what never came

/* ---- phases and scenarios ---- */

void crowd_connect(void); // returns when all are connected and joined
void crowd_hold(uint64_t until, const char *what);
void run_traffic(void);
void run_idle(void);
void crowd_settle(void); // returns when nothing more comes
void run_churn(void);
void run_return(void);
void run_joins(void);
void run_acked(void);

void report_progress(const char *what);
void report_figure(const char *key, const char *label, const char *unit, double value, int digits);
bool report(void); // prints; true when nothing failed

#endif
