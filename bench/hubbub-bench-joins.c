/*
 * Joins on schedule into rooms where somebody sits, every other one with the latest messages: how long until the reply
 * and all of them are there. Both kinds in one run, so that they meet the same server.
 */
#include "hubbub-bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY = 50, FILL = 200 };

static struct hist latency[2]; /* without, with */
static struct conn **idle;
static size_t idle_n, ready_n;
static uint64_t measure_from;

/* In a joiner: `sent` is how many lines are still to come, `talks` whether it asked for messages. */
static void on_line(struct conn *c, const char *line, size_t len)
{
    bool reply = memmem(line, len, "\"id\":\"j1\"", 9) != NULL;
    if (memmem(line, len, "\"id\":\"l1\"", 9)) {
        idle[idle_n++] = c;
        return;
    }
    if (memmem(line, len, "\"type\":\"error\"", 14)) {
        stats.errors++;
        note_error("the server said", line, len);
        return;
    }
    bool message = c->talks && memmem(line, len, "\"type\":\"message\"", 16);
    if (c->sent == 0 || (!reply && !message) || --c->sent > 0)
        return;
    if (c->began >= measure_from)
        hist_add(&latency[c->talks], now_ns() - c->began);
    stats.cycles++;
    static const char leave[] = "{\"type\":\"leave\",\"id\":\"l1\"}";
    ws_send(c, 1, leave, sizeof leave - 1);
}

static void begin(uint64_t number, uint64_t due)
{
    if (!idle_n) {
        stats.failed_cycles++;
        note_error("more than --connections at once", "", 0);
        return;
    }
    struct conn *c = idle[--idle_n];
    c->talks = number & 1;
    c->sent = c->talks ? 1 + HISTORY : 1;
    c->began = due;
    char text[128];
    int n = snprintf(text, sizeof text, "{\"type\":\"join\",\"id\":\"j1\",\"room\":\"r%lu\"%s}",
                     (unsigned long)(number / 2 % rooms_n), c->talks ? ",\"history\":50" : "");
    ws_send(c, 1, text, (size_t)n);
}

static void on_ready(struct conn *c)
{
    ready_n++;
    if (!c->room)
        idle[idle_n++] = c;
}

static void on_closed(struct conn *c)
{
    (void)c;
    stats.disconnected++;
}

/* One sits in each room and says what there is to be read; the rest wait to join. */
static void prepare(void)
{
    loop_init((size_t)opt.connections);
    order_init((size_t)opt.rooms, 1);
    idle = calloc(conns_n, sizeof(struct conn *));
    if (!idle)
        fail("out of memory");
    hooks = (struct hooks){.ready = on_ready, .closed = on_closed, .line = on_line};
    for (size_t i = 0; i < conns_n; i++)
        conn_open(&conns[i], i);
    for (uint64_t end = now_ns() + 15 * SECOND; ready_n < conns_n && now_ns() < end;)
        loop_turn(now_ns() + SECOND / 20);
    if (ready_n < conns_n)
        fail("only %zu of %zu are in", ready_n, conns_n);
    for (int i = 0; i < FILL; i++)
        for (size_t r = 0; r < rooms_n; r++)
            ws_send_message(&conns[rooms[r].first], now_ns());
    crowd_settle();
}

static double milliseconds(int kind, double percent)
{
    return (double)hist_percentile(&latency[kind], percent) / 1e6;
}

void run_joins(void)
{
    prepare();
    sample_take(&stats.from);
    uint64_t start = now_ns(), i = 0;
    measure_from = start + (uint64_t)(opt.warmup * 1e9);
    uint64_t end = measure_from + (uint64_t)(opt.duration * 1e9);
    while (now_ns() < end) {
        for (uint64_t due; (due = start + (uint64_t)((double)i * 1e9 / opt.rate)) <= now_ns(); i++)
            begin(i, due);
        loop_turn(start + (uint64_t)((double)i * 1e9 / opt.rate));
        report_progress("joining");
    }
    for (end += (uint64_t)(opt.drain * 1e9); idle_n < conns_n - rooms_n && now_ns() < end;)
        loop_turn(now_ns() + SECOND / 20);
    stats.failed_cycles += conns_n - rooms_n - idle_n;
    sample_take(&stats.to);
    stats.connected = 0; // they are not what is measured
    report_figure("join_p50_ms", "join p50", "ms", milliseconds(0, 50), 3);
    report_figure("join_p99_ms", "join p99", "ms", milliseconds(0, 99), 3);
    report_figure("join_50_p50_ms", "with 50 messages p50", "ms", milliseconds(1, 50), 3);
    report_figure("join_50_p99_ms", "with 50 messages p99", "ms", milliseconds(1, 99), 3);
}
