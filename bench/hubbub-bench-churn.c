/* Short connections: connect, join, leave, close, so many a second. */
#include "hubbub-bench.h"

#include <stdlib.h>

static struct conn **idle;
static size_t idle_n;

static void on_ready(struct conn *c)
{
    static const char leave[] = "{\"type\":\"leave\"}", normal[] = "\x03\xe8";
    ws_send(c, 1, leave, sizeof leave - 1);
    ws_send(c, 8, normal, 2);
    c->state = CONN_CLOSING;
}

static void on_closed(struct conn *c)
{
    if (c->state == CONN_CLOSING) {
        stats.cycles++;
        hist_add(&stats.latency, now_ns() - c->began);
    } else {
        stats.failed_cycles++;
        note_error("closed before it had joined", "", 0);
    }
    idle[idle_n++] = c;
}

static void begin(uint64_t number, uint64_t due)
{
    if (!idle_n) {
        stats.failed_cycles++;
        note_error("more than --connections at once", "", 0);
        return;
    }
    struct conn *c = idle[--idle_n];
    c->room = &rooms[number % rooms_n];
    c->began = due;
    c->close_code = 0;
    c->epoch[0] = '\0'; // somebody new: the room, empty meanwhile, may be another one
    conn_open(c, number);
}

static uint64_t due(uint64_t start, uint64_t i)
{
    return start + (uint64_t)((double)i * 1e9 / opt.rate);
}

void run_churn(void)
{
    loop_init((size_t)opt.connections);
    order_init((size_t)opt.rooms, 0);
    idle = calloc(conns_n, sizeof(struct conn *));
    if (!idle)
        fail("out of memory");
    while (idle_n < conns_n) {
        idle[idle_n] = &conns[conns_n - 1 - idle_n];
        idle_n++;
    }
    hooks = (struct hooks){.ready = on_ready, .closed = on_closed};
    memory_take(&stats.before);
    sample_take(&stats.from);
    uint64_t begin_at = now_ns(), end = begin_at + (uint64_t)(opt.duration * 1e9), i = 0;
    while (now_ns() < end) {
        for (uint64_t now = now_ns(); due(begin_at, i) <= now; i++)
            begin(i, due(begin_at, i));
        loop_turn(due(begin_at, i));
        report_progress("measuring");
    }
    for (end += (uint64_t)(opt.drain * 1e9); idle_n < conns_n && now_ns() < end;)
        loop_turn(now_ns() + SECOND / 20);
    stats.failed_cycles += conns_n - idle_n;
    sample_take(&stats.to);
    memory_take(&stats.after);
}
