/*
 * From limits to a number of connections, and that number in words.
 *
 * Pure functions; where the limits come from: capacity_read.c.
 */
#include <hubbub/capacity.h>

#include <inttypes.h>

/* Kept for the server itself and for whoever logs in to look after it. */
enum {
    RESERVED_DESCRIPTORS = 64,
    DESCRIPTORS_PER_SHARD = 2,
    RESERVED_THREADS = 64,
    RESERVED_MAPPINGS = 512,
    RESERVED_KIB = 64 * 1024,
};

static const char *const names[LIMITS] = {
#define X(id, name, cost) [id] = name,
    CAPACITY_LIMITS(X)
#undef X
};

static const char *const costs[LIMITS] = {
#define X(id, name, cost) [id] = cost,
    CAPACITY_LIMITS(X)
#undef X
};

/* What one connection takes of a limit, and what is kept back of it. */
static void price(const struct machine *l, enum limit_id id, int64_t *each, int64_t *reserved)
{
    switch (id) {
    case LIMIT_NOFILE:
        *each = 1;
        *reserved = RESERVED_DESCRIPTORS + (int64_t)DESCRIPTORS_PER_SHARD * l->shards;
        break;
    case LIMIT_NPROC:
    case LIMIT_THREADS:
    case LIMIT_PIDS:
    case LIMIT_CGROUP_PIDS:
        *each = l->threads_each;
        *reserved = RESERVED_THREADS;
        break;
    case LIMIT_MAPS:
        *each = (int64_t)l->threads_each * l->mappings_per_thread;
        *reserved = RESERVED_MAPPINGS + (int64_t)RESERVED_THREADS * l->mappings_per_thread;
        break;
    case LIMIT_MEMORY:
        *each = l->kib_each;
        *reserved = RESERVED_KIB;
        break;
    case LIMIT_ASKED:
    case LIMITS: *each = 1; *reserved = 0;
    }
}

static int64_t carries(const struct machine *l, enum limit_id id)
{
    int64_t each = 1, reserved = 0, left;

    if (l->of[id].value == LIMIT_NONE)
        return INT64_MAX;
    price(l, id, &each, &reserved);
    left = l->of[id].value - l->of[id].used - reserved;
    if (left <= 0)
        return 0;
    return each > 0 ? left / each : INT64_MAX;
}

void capacity_compute(const struct machine *l, struct capacity *c)
{
    c->connections = INT64_MAX;
    c->bound_by = LIMIT_ASKED;
    for (enum limit_id id = 0; id < LIMITS; id++) {
        int64_t n = carries(l, id);
        c->of[id].value = l->of[id].value;
        c->of[id].connections = n;
        if (n < c->connections) {
            c->connections = n;
            c->bound_by = id;
        }
    }
}

char *capacity_describe(const struct capacity *c, char *to, size_t space)
{
    enum limit_id id = c->bound_by;

    if (c->connections == INT64_MAX)
        snprintf(to, space, "room for any number of connections (no limit found)");
    else
        snprintf(to, space, "room for %" PRId64 " connection%s (bound by %s %" PRId64 ": %s)",
                 c->connections, c->connections == 1 ? "" : "s", names[id], c->of[id].value,
                 costs[id]);
    return to;
}

void capacity_print(const struct capacity *c, FILE *out)
{
    fprintf(out, "# %-18s %12s %12s\n", "limit", "value", "connections");
    for (enum limit_id id = 0; id < LIMITS; id++) {
        if (c->of[id].value == LIMIT_NONE)
            fprintf(out, "# %-18s %12s %12s\n", names[id], "none", "any");
        else
            fprintf(out, "# %-18s %12" PRId64 " %12" PRId64 "%s\n", names[id], c->of[id].value,
                    c->of[id].connections, id == c->bound_by ? "  <- binds" : "");
    }
}
