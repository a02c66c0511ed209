/*
 * The scenarios that send: who talks and when, the measured time, the drain after it.
 *
 * Three ways to send: a window (closed loop, a sender has so many messages under way), a rate (open
 * loop, a message counts from the time it was meant for, however late it left), and bursts.
 */
#include "hubbub-bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct conn **senders;
static size_t senders_n;
static bool sending;
static uint64_t rate_start, rate_i; // message i is due at rate_start + i / rate
static uint64_t trickle_at;

static bool may_send(const struct conn *c)
{
    return sending && c->talks && c->state == CONN_OPEN;
}

/* Keeps the window of a sender full, all in one send. */
static void fill_window(struct conn *c)
{
    if (!may_send(c) || c->in_flight >= (uint32_t)opt.window)
        return;
    for (uint64_t now = now_ns(); c->in_flight < (uint32_t)opt.window;)
        ws_send_message(c, now);
}

static uint64_t rate_due(uint64_t i)
{
    return rate_start + (uint64_t)((double)i * 1e9 / opt.rate);
}

/* Sends what is due; returns when the next is. */
static uint64_t tick_rate(uint64_t now)
{
    uint64_t due;
    while ((due = rate_due(rate_i)) <= now) {
        struct conn *c = senders[rate_i++ % senders_n];
        if (may_send(c))
            ws_send_message(c, due);
    }
    return due;
}

/* A stampede, and the next as soon as it is over. */
static uint64_t tick_burst(uint64_t now)
{
    if (stats.delivered < stats.expected)
        return NEVER;
    for (size_t i = 0; i < senders_n; i++)
        for (long k = 0; k < opt.count && may_send(senders[i]); k++)
            ws_send_message(senders[i], now);
    return NEVER;
}

/* Every other slow reader reads a little ten times a second; the rest never read. */
static uint64_t tick_trickle(uint64_t now)
{
    if (!opt.slow || now < trickle_at)
        return opt.slow ? trickle_at : NEVER;
    for (size_t i = 0; i < conns_n; i++)
        if (conns[i].unwatched && i % 2 && conns[i].state == CONN_OPEN)
            conn_read(&conns[i], (size_t)(opt.trickle + 9) / 10);
    return trickle_at = now + SECOND / 10;
}

static uint64_t tick(uint64_t now)
{
    uint64_t next = tick_trickle(now), due = NEVER;
    if (sending && opt.count)
        due = tick_burst(now);
    else if (sending && opt.rate > 0)
        due = tick_rate(now);
    return due < next ? due : next;
}

static void run_until(uint64_t end, const char *what)
{
    for (uint64_t now; (now = now_ns()) < end;) {
        uint64_t next = tick(now);
        loop_turn(next < end ? next : end);
        report_progress(what);
    }
}

/* Waits for all that is owed. When somebody was dropped, silence is taken for the end. */
static void drain(void)
{
    uint64_t end = now_ns() + (uint64_t)(opt.drain * 1e9), heard = now_ns();
    uint64_t delivered = stats.delivered;
    while (stats.delivered < stats.expected && now_ns() < end) {
        uint64_t now = now_ns();
        tick_trickle(now);
        loop_turn(now + SECOND / 20);
        report_progress("draining");
        if (stats.delivered != delivered)
            heard = now;
        delivered = stats.delivered;
        if (stats.disconnected && now - heard > 2 * SECOND)
            break;
    }
    crowd_hold(now_ns() + SECOND / 5, "draining"); // for what should not come
}

/* Reads what the slow readers left, to see how their connections ended. */
static void finish_slow(void)
{
    uint64_t all, one;
    do {
        all = stats.bytes;
        for (size_t i = 0; i < conns_n; i++) {
            do {
                one = stats.bytes;
                if (conns[i].unwatched && conns[i].state == CONN_OPEN)
                    conn_read(&conns[i], SIZE_MAX);
            } while (stats.bytes != one);
        }
        crowd_hold(now_ns() + SECOND / 5, "draining");
    } while (stats.bytes != all);
    for (size_t i = 0; i < conns_n; i++)
        stats.slow_open += conns[i].unwatched && conns[i].state == CONN_OPEN;
}

/* Senders are listed room by room in turns, so that a rate spreads over all rooms. */
static void choose_senders(void)
{
    size_t every = strcmp(opt.scenario->name, "crowd") ? 1 : 10;
    senders = calloc(conns_n, sizeof(struct conn *));
    if (!senders)
        fail("out of memory");
    for (uint32_t m = 0; m < (uint32_t)opt.senders; m++)
        for (size_t r = 0; r < rooms_n; r += every)
            if (m < rooms[r].n) {
                struct conn *c = &conns[rooms[r].first + m];
                c->talks = true;
                senders[senders_n++] = c;
            }
}

static void start(void)
{
    for (size_t i = 0; i < conns_n; i++)
        if (conns[i].exempt && conns[i].state == CONN_OPEN)
            conn_unwatch(&conns[i]);
    uint64_t now = rate_start = now_ns();
    stats.measure_from = now + (uint64_t)(opt.warmup * 1e9);
    stats.measure_span = (uint64_t)(opt.duration * 1e9);
    sending = true;
    if (opt.count || opt.rate > 0)
        return;
    hooks.fill = fill_window;
    for (size_t i = 0; i < senders_n; i++)
        conn_touch(senders[i]);
}

void run_traffic(void)
{
    loop_init((size_t)opt.connections);
    for (long i = 0; i < opt.slow; i++)
        conns[opt.members - 1 - i].exempt = true;
    order_init((size_t)opt.rooms, (size_t)opt.members);
    choose_senders();
    crowd_connect();
    if (stats.unjoined || stats.refused)
        return;
    start();
    run_until(stats.measure_from, "warming up");
    sample_take(&stats.from);
    run_until(stats.measure_from + stats.measure_span, "measuring");
    sample_take(&stats.to);
    sending = false;
    drain();
    if (opt.slow)
        finish_slow();
    memory_take(&stats.after);
    order_finish();
}
