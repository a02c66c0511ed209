/*
 * What is printed: a progress line while it runs, a table at the end, JSON when asked for.
 * A figure is one row, the same for the table and for JSON.
 */
#include "hubbub-bench.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void report_progress(const char *what)
{
    static uint64_t last, delivered;
    static int tty = -1;
    if (tty < 0)
        tty = isatty(STDERR_FILENO);
    if (!tty)
        return;
    uint64_t now = now_ns();
    if (now - last < SECOND / 2)
        return;
    double s = last ? (double)(now - last) / 1e9 : 1;
    fprintf(stderr, "\r\033[K%-11s %6lu connected  %9.0f deliveries/s  %lu outstanding", what,
            (unsigned long)stats.connected, (double)(stats.delivered - delivered) / s,
            (unsigned long)(stats.expected - stats.delivered));
    last = now;
    delivered = stats.delivered;
}

struct figure {
    const char *key, *label, *unit;
    double value;
    int digits;
    bool shown; // in the table; JSON has all
};

enum { FIGURES = 64 };
static struct figure figures[FIGURES];
static int figures_n;

static void add(const char *key, const char *label, const char *unit, double value, int digits,
                bool shown)
{
    figures[figures_n++] = (struct figure){key, label, unit, value, digits, shown};
}

void report_figure(const char *key, const char *label, const char *unit, double value, int digits)
{
    add(key, label, unit, value, digits, true);
}

static double per(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void add_rates(void)
{
    const struct sample *a = &stats.from, *b = &stats.to;
    double s = (double)(b->time - a->time) / 1e9, server = b->server_cpu - a->server_cpu;
    double user = b->own_user - a->own_user, own = user + b->own_system - a->own_system;
    double n = (double)(b->delivered - a->delivered);
    bool cpu = opt.server_pid > 0;
    if (stats.cycles) {
        n = (double)stats.cycles;
        add("cycles_per_s", "cycles", "/s", per(n, s), 0, true);
        add("server_us_per_cycle", "server CPU per cycle", "us", per(server * 1e6, n), 1, cpu);
    } else if (n > 0) {
        add("deliveries_per_s", "deliveries", "/s", per(n, s), 0, true);
        add("messages_per_s", "messages sent", "/s", per((double)(b->sent - a->sent), s), 0, true);
        add("bytes_per_s", "received", "MB/s", per((double)(b->bytes - a->bytes), s * 1e6), 1,
            true);
        add("server_us_per_delivery", "server CPU per delivery", "us", per(server * 1e6, n), 3,
            cpu);
    }
    add("server_cpu_percent", "server CPU", "% of a core", per(server * 100, s), 1, cpu);
    add("bench_cpu_percent", "load generator CPU", "% of a core", per(own * 100, s), 1, true);
    if (n > 0) {
        add("bench_us", "load generator per unit", "us", per(own * 1e6, n), 3, true);
        add("bench_user_us", "  of it in user mode", "us", per(user * 1e6, n), 3, true);
    }
}

static void add_latency(void)
{
    const struct hist *h = &stats.latency;
    if (!h->count)
        return;
    add("p50_ms", "latency p50", "ms", (double)hist_percentile(h, 50) / 1e6, 3, true);
    add("p90_ms", "latency p90", "ms", (double)hist_percentile(h, 90) / 1e6, 3, true);
    add("p99_ms", "latency p99", "ms", (double)hist_percentile(h, 99) / 1e6, 3, true);
    add("p999_ms", "latency p99.9", "ms", (double)hist_percentile(h, 99.9) / 1e6, 3, true);
    add("max_ms", "latency max", "ms", (double)h->max / 1e6, 3, true);
    add("stalled", "stalled (over 1 s late)", "", (double)stats.stalled, 0, true);
}

static void add_memory(void)
{
    double n = (double)stats.connected, rss = stats.after.server_rss - stats.before.server_rss;
    if (stats.cycles || !stats.connected)
        return;
    add("connections", "connections", "", n, 0, true);
    add("connects_per_s", "connected and joined", "/s", per(n, (double)stats.connect_time / 1e9), 0,
        true);
    add("rss_kib", "server resident", "KiB each", per(rss, n), 2, opt.server_pid > 0);
    add("system_kib", "system (MemAvailable)", "KiB each",
        per(stats.before.available - stats.after.available, n), 2, true);
    add("kernel_kib", "kernel, both ends of it", "KiB each",
        per(stats.after.kernel - stats.before.kernel, n), 2, true);
    add("whole_kib", "resident and kernel", "KiB each",
        per(rss + stats.after.kernel - stats.before.kernel, n), 2, opt.server_pid > 0);
    add("server_rss_mib", "server resident, all", "MiB", stats.after.server_rss / 1024, 1,
        opt.server_pid > 0);
    add("server_threads", "server threads", "", (double)stats.after.server_threads, 0,
        opt.server_pid > 0);
}

/* What must be zero; returns whether it is. */
static bool add_faults(void)
{
    const struct {
        const char *key, *label;
        uint64_t n;
    } faults[] = {
        {"lost", "lost", stats.lost},
        {"duplicate", "received twice", stats.duplicate},
        {"reordered", "out of order", stats.reordered},
        {"damaged", "damaged", stats.damaged},
        {"wrong", "of another room or nobody", stats.wrong},
        {"errors", "error frames", stats.errors},
        {"disconnected", "disconnected", stats.disconnected},
        {"refused", "refused", stats.refused},
        {"unjoined", "never joined", stats.unjoined},
        {"failed_cycles", "cycles failed", stats.failed_cycles},
    };
    bool good = true;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        add(faults[i].key, faults[i].label, "", (double)faults[i].n, 0, i < 7 || faults[i].n);
        good &= !faults[i].n;
    }
    return good;
}

static void write_json(FILE *f, bool good)
{
    fprintf(f, "{\"scenario\":\"%s\",\"ok\":%s,\"rooms\":%ld,\"members\":%ld,\"senders\":%ld,",
            opt.scenario->name, good ? "true" : "false", opt.rooms, opt.members, opt.senders);
    fprintf(f, "\"window\":%ld,\"rate\":%g,\"size\":%ld,\"duration\":%g", opt.window, opt.rate,
            opt.size, opt.duration);
    for (int i = 0; i < figures_n; i++)
        fprintf(f, ",\"%s\":%.6g", figures[i].key, figures[i].value);
    fprintf(f, "}\n");
}

static void write_table(void)
{
    printf("%s", opt.scenario->name);
    if (opt.members)
        printf(": %ld room%s of %ld", opt.rooms, opt.rooms == 1 ? "" : "s", opt.members);
    if (opt.missed)
        printf(", all but one hang up, miss %ld messages and come back", opt.missed);
    else if (opt.count)
        printf(", %ld messages at once from everybody", opt.count);
    else if (opt.scenario->run == run_churn)
        printf(": %g a second in %ld rooms", opt.rate, opt.rooms);
    else if (opt.rate > 0)
        printf(", %g messages/s", opt.rate);
    else if (opt.window)
        printf(", %ld talking, %ld in flight each", opt.senders, opt.window);
    printf(", %ld bytes\n", opt.size);
    for (int i = 0; i < figures_n; i++)
        if (figures[i].shown && figures[i].value < 0) // the machine gave back more than was taken
            printf("  %-26s %16s %s\n", figures[i].label, "–", figures[i].unit); // of 3 bytes
        else if (figures[i].shown)
            printf("  %-26s %14.*f %s\n", figures[i].label, figures[i].digits, figures[i].value,
                   figures[i].unit);
    for (int i = 0; i < 8 && stats.close_count[i]; i++)
        printf("  closed with %-14lu %14lu\n", (unsigned long)stats.close_code[i],
               (unsigned long)stats.close_count[i]);
}

bool report(void)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    add_rates();
    add_latency();
    add_memory();
    if (opt.slow) {
        add("slow_4013", "slow, closed with 4013", "", (double)stats.slow_4013, 0, true);
        add("slow_closed", "slow, closed otherwise", "", (double)stats.slow_closed, 0, true);
        add("slow_open", "slow, still connected", "", (double)stats.slow_open, 0, true);
    }
    add("delivered", "verified in total", "", (double)stats.delivered, 0, true);
    add("notices", "other lines", "", (double)stats.notices, 0, true);
    add("pings", "pings answered", "", (double)stats.pings, 0, true);
    int first_fault = figures_n;
    bool good = add_faults();
    if (opt.json) {
        FILE *f = fopen(opt.json, "we");
        if (!f)
            fail("cannot write %s", opt.json);
        write_json(f, good);
        if (fclose(f))
            fail("cannot write %s", opt.json);
    }
    if (!opt.quiet)
        write_table();
    if (good)
        return true;
    fprintf(stderr, "FAILED:");
    for (int i = first_fault; i < figures_n; i++)
        if (figures[i].value > 0)
            fprintf(stderr, " %s %.0f", figures[i].key, figures[i].value);
    fprintf(stderr, "%s%s\n", stats.first_error[0] ? "; first: " : "", stats.first_error);
    if (stats.limited)
        fprintf(stderr,
                "The server limits how fast anybody may do anything: for load tests start it "
                "with --no-rate-limits.\n");
    return false;
}
