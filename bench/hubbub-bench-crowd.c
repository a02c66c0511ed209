/* Connecting and joining many, a bounded number at a time, and the scenario that does only that. */
#include "hubbub-bench.h"

#include <stdio.h>

static size_t under_way, ready_n, gone_n;
static uint64_t progress_at;

static void on_ready(struct conn *c)
{
    (void)c;
    under_way--;
    ready_n++;
    progress_at = now_ns();
}

static void on_closed(struct conn *c)
{
    if (c->state == CONN_HANDSHAKE || c->state == CONN_JOINING) {
        under_way--;
        gone_n++;
        stats.unjoined++;
        note_error("closed while joining", "", 0);
    } else if (c->exempt) {
        if (c->close_code == 4013)
            stats.slow_4013++;
        else
            stats.slow_closed++;
    } else {
        stats.disconnected++;
        order_gone(c);
    }
    progress_at = now_ns();
}

/* What still comes after the last join is waited for: it is not part of what is measured next. */
void crowd_settle(void)
{
    uint64_t start = now_ns(), quiet = start, bytes = stats.bytes;
    while (now_ns() - quiet < SECOND / 5 && now_ns() - start < 30 * SECOND) {
        loop_turn(quiet + SECOND / 5);
        if (stats.bytes != bytes) {
            bytes = stats.bytes;
            quiet = now_ns();
        }
        report_progress("settling");
    }
}

void crowd_connect(void)
{
    hooks = (struct hooks){.ready = on_ready, .closed = on_closed};
    memory_take(&stats.before);
    uint64_t start = progress_at = now_ns();
    size_t next = 0;
    while (ready_n + gone_n < conns_n) {
        for (; next < conns_n && under_way < (size_t)opt.parallel; next++, under_way++)
            conn_open(&conns[next], next);
        loop_turn(now_ns() + SECOND / 10);
        report_progress("connecting");
        if (now_ns() - progress_at > 15 * SECOND) {
            stats.unjoined += conns_n - ready_n - gone_n;
            note_error("never confirmed as joined", "", 0);
            break;
        }
    }
    stats.connect_time = now_ns() - start;
    crowd_settle();
    memory_take(&stats.after);
}

void crowd_hold(uint64_t until, const char *what)
{
    while (now_ns() < until) {
        loop_turn(until);
        report_progress(what);
    }
}

void run_idle(void)
{
    loop_init((size_t)opt.connections);
    if (opt.members)
        order_init((size_t)opt.rooms, (size_t)opt.members);
    crowd_connect();
    sample_take(&stats.from);
    crowd_hold(now_ns() + (uint64_t)(opt.duration * 1e9), "holding");
    memory_take(&stats.after);
    sample_take(&stats.to);
}
