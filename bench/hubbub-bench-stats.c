/* Clocks, the histogram, and what the kernel says about this process, the server and the memory. */
#include "hubbub-bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct stats stats;

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* The middle of the bucket in which the percentile lies. */
uint64_t hist_percentile(const struct hist *h, double percent)
{
    uint64_t want = (uint64_t)((double)h->count * percent / 100.0), sum = 0;
    if (want >= h->count && h->count)
        want = h->count - 1;
    for (uint64_t i = 0; i < HIST_BUCKETS; i++) {
        sum += h->bucket[i];
        if (sum <= want)
            continue;
        uint64_t shift = i >> HIST_STEP_BITS ? (i >> HIST_STEP_BITS) - 1 : 0;
        uint64_t v = ((i - (shift << HIST_STEP_BITS)) << shift) + ((UINT64_C(1) << shift) >> 1);
        return v < h->max ? v : h->max;
    }
    return 0;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* All threads of the process, also those that have ended; no tick granularity. */
static double process_cpu(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (!pid || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
        return 0;
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void sample_take(struct sample *s)
{
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    *s = (struct sample){
        .time = now_ns(),
        .delivered = stats.delivered,
        .sent = stats.sent,
        .bytes = stats.bytes,
        .server_cpu = process_cpu((pid_t)opt.server_pid),
        .own_user = seconds(own.ru_utime),
        .own_system = seconds(own.ru_stime),
    };
}

/* Sums the rows of a /proc file that start with one of the names. */
static double proc_sum(const char *path, const char *const *names)
{
    char line[256];
    double sum = 0;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        double v;
        char *colon = strchr(line, ':');
        if (!colon || sscanf(colon + 1, "%lf", &v) != 1)
            continue;
        *colon = '\0';
        for (const char *const *n = names; *n; n++)
            sum += strcmp(line, *n) ? 0 : v;
    }
    if (f)
        fclose(f);
    return sum;
}

void memory_take(struct memory *m)
{
    static const char *const rss[] = {"VmRSS", NULL}, *const threads[] = {"Threads", NULL},
                             *const available[] = {"MemAvailable", NULL},
                             *const kernel[] = {"Slab", "KernelStack", "PageTables", NULL};
    char path[64];
    *m = (struct memory){.available = proc_sum("/proc/meminfo", available),
                         .kernel = proc_sum("/proc/meminfo", kernel)};
    if (!opt.server_pid)
        return;
    snprintf(path, sizeof path, "/proc/%ld/status", opt.server_pid);
    m->server_rss = proc_sum(path, rss);
    m->server_threads = (long)proc_sum(path, threads);
}

void note_error(const char *what, const char *text, size_t len)
{
    if (!stats.first_error[0])
        snprintf(stats.first_error, sizeof stats.first_error, "%s: %.*s", what,
                 (int)(len > 200 ? 200 : len), text);
}
