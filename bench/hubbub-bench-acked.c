/*
 * Messages with an id, so many under way until each is confirmed: how many a second get onto the disk. Every sender has a
 * room of its own, so nothing but that is measured.
 */
#include "hubbub-bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t acked, measure_from, measure_to;
static size_t ready_n;
static bool over;

/* The id is the time at which it was sent, one later where that was taken. */
static void send_next(struct conn *c)
{
    uint64_t now = now_ns();
    c->began = now > c->began ? now : c->began + 1;
    char *text = malloc((size_t)opt.size + 128);
    if (!text)
        fail("out of memory");
    int n =
        sprintf(text, "{\"type\":\"message\",\"id\":\"%016" PRIx64 "\",\"content\":\"", c->began);
    memset(text + n, 'x', (size_t)opt.size);
    memcpy(text + n + opt.size, "\"}", 2);
    ws_send(c, 1, text, (size_t)n + (size_t)opt.size + 2);
    free(text);
    c->in_flight++;
}

static void on_line(struct conn *c, const char *line, size_t len)
{
    char id[24], durable[8];
    if (memmem(line, len, "\"type\":\"error\"", 14)) {
        stats.errors++;
        note_error("the server said", line, len);
    }
    if (memmem(line, len, "\"id\":\"j1\"", 9)) {
        ready_n++;
        return;
    }
    if (!ws_field(line, len, "durable", durable, sizeof durable) ||
        !ws_field(line, len, "id", id, sizeof id))
        return;
    uint64_t now = now_ns();
    c->in_flight--;
    if (now >= measure_from && now < measure_to) {
        acked++;
        hist_add(&stats.latency, now - strtoull(id, NULL, 16));
    }
    if (!over)
        send_next(c);
}

static void on_ready(struct conn *c)
{
    char text[96];
    int n = snprintf(text, sizeof text, "{\"type\":\"join\",\"id\":\"j1\",\"room\":\"sender %u\"}",
                     c->index);
    ws_send(c, 1, text, (size_t)n);
}

static void on_closed(struct conn *c)
{
    (void)c;
    stats.disconnected++;
}

static bool is_done(void)
{
    for (size_t i = 0; i < conns_n; i++)
        if (conns[i].in_flight > 0)
            return false;
    return true;
}

void run_acked(void)
{
    loop_init((size_t)opt.connections);
    order_init(1, 0);
    hooks = (struct hooks){.ready = on_ready, .closed = on_closed, .line = on_line};
    for (size_t i = 0; i < conns_n; i++)
        conn_open(&conns[i], i);
    for (uint64_t end = now_ns() + 15 * SECOND; ready_n < conns_n && now_ns() < end;)
        loop_turn(now_ns() + SECOND / 20);
    measure_from = now_ns() + (uint64_t)(opt.warmup * 1e9);
    measure_to = measure_from + (uint64_t)(opt.duration * 1e9);
    for (long k = 0; k < opt.window; k++)
        for (size_t i = 0; i < conns_n; i++)
            send_next(&conns[i]);
    sample_take(&stats.from);
    crowd_hold(measure_to, "measuring");
    sample_take(&stats.to);
    over = true;
    for (uint64_t end = now_ns() + (uint64_t)(opt.drain * 1e9); !is_done() && now_ns() < end;)
        loop_turn(now_ns() + SECOND / 20);
    for (size_t i = 0; i < conns_n; i++)
        stats.lost += conns[i].in_flight;
    stats.connected = 0; // they are not what is measured
    report_figure("acked_per_s", "confirmed", "/s", (double)acked / opt.duration, 0);
}
