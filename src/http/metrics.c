/* GET /metrics: the counters of the process in Prometheus' text format, version 0.0.4. */
#include "http/http_private.h"

#include <dirent.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add(struct buf *to, const char *name, const char *kind, const char *help, int64_t value)
{
    buf_printf(to, "# HELP hubbub_%s %s\n# TYPE hubbub_%s %s\nhubbub_%s %lld\n", name, help, name,
               kind, name, (long long)value);
}

/* A number from /proc/self/status, 0 when it is not there. */
static int64_t process_status(const char *key)
{
    FILE *f = fopen("/proc/self/status", "re");
    if (f == NULL)
        return 0;
    char line[256];
    int64_t value = 0;
    size_t n = strlen(key);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, n) == 0)
            value = atoll(line + n);
    fclose(f);
    return value;
}

static int64_t open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL)
        return 0;
    int64_t n = -3; /* ".", ".." and this directory itself */
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

void respond_metrics(struct http *h, struct http_response *r)
{
    struct buf *to = &r->owned;
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        const struct metric_info *info = metric_info(m);
        add(to, info->name, info->kind, info->help, metric_read(m));
    }
    struct relay_stats stats;
    relay_read_stats(h->relay, &stats);
    add(to, "relay_wakes_total", "counter", "Writers woken to carry", (int64_t)stats.wakes);
    add(to, "relay_turns_total", "counter", "Turns of carrying", (int64_t)stats.turns);
    add(to, "relay_carried_total", "counter", "Outboxes carried", (int64_t)stats.carried);
    add(to, "relay_handed_back_total", "counter", "Outboxes whose owner had to go on alone",
        (int64_t)stats.handed_back);
    add(to, "threads", "gauge", "Threads of the process", process_status("Threads:"));
    add(to, "open_descriptors", "gauge", "Open file descriptors", open_descriptors());
    add(to, "resident_kibibytes", "gauge", "Resident memory in KiB", process_status("VmRSS:"));
    respond_json(r, 200);
    r->type = "text/plain; version=0.0.4; charset=utf-8";
}
