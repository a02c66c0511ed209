/*
 * The limits of this process, its control group and the machine, as the kernel tells them.
 *
 * Main thread, before the server listens; reads small files of /proc and /sys. What cannot be read
 * does not limit.
 */
#include <hubbub/capacity.h>

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <hubbub/check.h>

enum {
    THREADS_EACH = 2,        /* reader and writer */
    MAPPINGS_PER_THREAD = 2, /* stack and guard page */
    KIB_EACH = 90,           /* measured, with the kernel's thread stacks and socket buffers */
};

static FILE *open_below(const char *root, const char *path)
{
    char whole[2 * PATH_MAX];
    snprintf(whole, sizeof(whole), "%s%s", root, path);
    return fopen(whole, "re");
}

/* The number that a file begins with; LIMIT_NONE for "max", or when there is none. */
static int64_t read_number(const char *root, const char *path)
{
    int64_t n = LIMIT_NONE;
    FILE *f = open_below(root, path);
    if (f == NULL)
        return LIMIT_NONE;
    if (fscanf(f, "%" SCNd64, &n) != 1)
        n = LIMIT_NONE;
    fclose(f);
    return n;
}

static int64_t read_rlimit(int resource)
{
    struct rlimit r;
    if (getrlimit((__rlimit_resource_t)resource, &r) != 0 || r.rlim_cur == RLIM_INFINITY)
        return LIMIT_NONE;
    return (int64_t)r.rlim_cur;
}

/* Threads on the whole machine: the fourth word of loadavg is running/all. */
static int64_t read_threads(const char *root)
{
    int64_t n = 0;
    FILE *f = open_below(root, "/proc/loadavg");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%*s %*s %*s %*d/%" SCNd64, &n) != 1)
        n = 0;
    fclose(f);
    return n;
}

/* The number after a word at the beginning of a line: "MemAvailable: 123 kB", "anon 4096". */
static int64_t read_named(const char *root, const char *path, const char *word)
{
    char line[256];
    int64_t n = LIMIT_NONE;
    size_t len = strlen(word);
    FILE *f = open_below(root, path);
    if (f == NULL)
        return LIMIT_NONE;
    while (n == LIMIT_NONE && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, word, len) == 0 && sscanf(line + len, " %" SCNd64, &n) != 1)
            n = LIMIT_NONE;
    fclose(f);
    return n;
}

/* This process's group in the unified hierarchy, "" for the topmost, from the line "0::/a/b". */
static void read_cgroup(const char *root, char *group, size_t space)
{
    char line[PATH_MAX];
    FILE *f = open_below(root, "/proc/self/cgroup");

    group[0] = '\0';
    if (f == NULL)
        return;
    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::/", 4) == 0)
            snprintf(group, space, "%s", line[4] != '\0' ? line + 3 : "");
    }
    fclose(f);
}

static char *group_path(const char *group, const char *file, char *to, size_t space)
{
    snprintf(to, space, "/sys/fs/cgroup%s/%s", group, file);
    return to;
}

static struct limit read_group_pids(const char *root, const char *group)
{
    char path[PATH_MAX + 64];
    struct limit l = {.value =
                          read_number(root, group_path(group, "pids.max", path, sizeof(path)))};
    int64_t used = read_number(root, group_path(group, "pids.current", path, sizeof(path)));
    l.used = used != LIMIT_NONE ? used : 0;
    return l;
}

/* Of what a group uses only anonymous memory counts: its cached files give way. */
static struct limit read_group_kib(const char *root, const char *group)
{
    char path[PATH_MAX + 64];
    struct limit l = {.value = LIMIT_NONE};
    int64_t most = read_number(root, group_path(group, "memory.max", path, sizeof(path)));
    int64_t used = read_named(root, group_path(group, "memory.stat", path, sizeof(path)), "anon ");
    if (most != LIMIT_NONE)
        l = (struct limit){most / 1024, used != LIMIT_NONE ? used / 1024 : 0};
    return l;
}

static int64_t left(struct limit l)
{
    return l.value == LIMIT_NONE ? INT64_MAX : l.value - l.used;
}

/* A group is held to the limits of all groups above it, so the one that leaves least counts. */
static void read_cgroup_limits(const char *root, struct machine *l)
{
    char group[PATH_MAX];

    read_cgroup(root, group, sizeof(group));
    for (;;) {
        struct limit pids = read_group_pids(root, group), kib = read_group_kib(root, group);
        if (left(pids) < left(l->of[LIMIT_CGROUP_PIDS]))
            l->of[LIMIT_CGROUP_PIDS] = pids;
        if (left(kib) < left(l->of[LIMIT_MEMORY]))
            l->of[LIMIT_MEMORY] = kib;

        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return;
        *slash = '\0';
    }
}

void capacity_read_below(const char *root, struct machine *l, int asked, int shards)
{
    REQUIRE(asked >= 0 && shards >= 0);
    int64_t threads = read_threads(root);

    *l = (struct machine){.shards = shards,
                          .threads_each = THREADS_EACH,
                          .mappings_per_thread = MAPPINGS_PER_THREAD,
                          .kib_each = KIB_EACH};
    for (enum limit_id id = 0; id < LIMITS; id++)
        l->of[id].value = LIMIT_NONE;

    if (asked > 0)
        l->of[LIMIT_ASKED].value = asked;
    l->of[LIMIT_NOFILE].value = read_rlimit(RLIMIT_NOFILE);
    if (geteuid() != 0) // the kernel does not hold root to it
        l->of[LIMIT_NPROC].value = read_rlimit(RLIMIT_NPROC);
    l->of[LIMIT_THREADS] =
        (struct limit){read_number(root, "/proc/sys/kernel/threads-max"), threads};
    l->of[LIMIT_PIDS] = (struct limit){read_number(root, "/proc/sys/kernel/pid_max"), threads};
    l->of[LIMIT_MAPS].value = read_number(root, "/proc/sys/vm/max_map_count");
    l->of[LIMIT_MEMORY].value = read_named(root, "/proc/meminfo", "MemAvailable:");
    read_cgroup_limits(root, l);
}

void capacity_read(struct machine *l, int asked, int shards)
{
    capacity_read_below("", l, asked, shards);
}
