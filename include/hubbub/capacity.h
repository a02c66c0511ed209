/*
 * How many connections this machine carries, and which of its limits binds.
 *
 * A connection costs one descriptor and two threads; a thread costs mappings, and all of it memory.
 * capacity_read blocks on /proc and /sys; the rest is pure. Main thread, before the server listens.
 */
#ifndef HUBBUB_CAPACITY_H
#define HUBBUB_CAPACITY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* enum, the name that an administrator knows, what of it a connection takes. */
#define CAPACITY_LIMITS(X)                                         \
    X(LIMIT_ASKED, "--max-connections", "as asked")                \
    X(LIMIT_NOFILE, "RLIMIT_NOFILE", "one descriptor each")        \
    X(LIMIT_NPROC, "RLIMIT_NPROC", "two threads each")             \
    X(LIMIT_THREADS, "threads-max", "two threads each")            \
    X(LIMIT_PIDS, "pid_max", "two threads each")                   \
    X(LIMIT_CGROUP_PIDS, "pids.max", "two threads each")           \
    X(LIMIT_MAPS, "max_map_count", "mappings for two stacks each") \
    X(LIMIT_MEMORY, "available KiB", "memory of threads and queues")

enum limit_id {
#define X(id, name, cost) id,
    CAPACITY_LIMITS(X)
#undef X
        LIMITS
};

enum { LIMIT_NONE = -1 }; /* as a value: unlimited or not known */

struct limit {
    int64_t value; /* LIMIT_NONE, or how much there is */
    int64_t used;  /* how much of it is taken by others and by the process as it is */
};

struct machine {
    struct limit of[LIMITS];
    int shards;              /* each takes two descriptors */
    int threads_each;        /* per connection */
    int mappings_per_thread; /* a stack and its guard page */
    int kib_each;            /* memory per connection, the kernel's included */
};

struct capacity {
    int64_t connections;
    enum limit_id bound_by;
    struct {
        int64_t value;       /* as in limits, LIMIT_NONE where nothing limits */
        int64_t connections; /* what it alone would carry; INT64_MAX for LIMIT_NONE */
    } of[LIMITS];
};

/*
 * Reads the limits of this process and machine. RLIMIT_NOFILE counts as it is: raise the soft limit
 * first. Sets the usual costs; `asked` is --max-connections (0: none), `shards` their number.
 */
void capacity_read(struct machine *l, int asked, int shards);

/* The same with /proc and /sys below `root` instead of "". */
void capacity_read_below(const char *root, struct machine *l, int asked, int shards);

/* Works out *c. */
void capacity_compute(const struct machine *l, struct capacity *c);

/* "room for 16237 connections (bound by pid_max 32768: two threads each)". Returns `to`. */
char *capacity_describe(const struct capacity *c, char *to, size_t space);

/* A table of all limits and what each would carry, for --check; lines begin with '#'. */
void capacity_print(const struct capacity *c, FILE *out);

#endif
