/*
 * Everybody hangs up but one in each room, who goes on talking; then all come back at once, each from where it was, while
 * the talk goes on. It is over when each has got what it missed and what was said since: once, and in order.
 */
#include "hubbub-bench.h"

static size_t back_n;
static double peak;

static void on_back(struct conn *c)
{
    (void)c;
    back_n++;
}

static void on_lost(struct conn *c)
{
    (void)c;
    stats.disconnected++;
}

static void look(void)
{
    struct memory m;
    memory_take(&m);
    if (m.server_rss > peak)
        peak = m.server_rss;
}

/* The first of each room says so many, and waits until it has heard them. */
static void say_to_all(long count)
{
    for (long i = 0; i < count; i++)
        for (size_t r = 0; r < rooms_n; r++)
            ws_send_message(&conns[rooms[r].first], now_ns());
    uint64_t end = now_ns() + (uint64_t)(opt.drain * 1e9);
    for (size_t r = 0; r < rooms_n; r++)
        while (conns[rooms[r].first].accepted < rooms[r].sent && now_ns() < end)
            loop_turn(now_ns() + SECOND / 20);
}

static void wait_for_all(uint64_t end)
{
    while (stats.delivered < stats.expected && now_ns() < end)
        loop_turn(now_ns() + SECOND / 20);
}

static bool is_talker(const struct conn *c)
{
    return c == &conns[c->room->first];
}

static void hang_up(void)
{
    hooks = (struct hooks){.ready = NULL};
    for (size_t i = 0; i < conns_n; i++)
        if (!is_talker(&conns[i]))
            conn_close(&conns[i]);
    crowd_settle(); /* the rooms have heard of it */
}

/* Until all are in and have all that was said until the last came in. */
static void come_back(void)
{
    size_t next = 0, talker = 0, all = conns_n - rooms_n;
    uint64_t start = now_ns(), looked = 0, said = 0, end = start + 120 * SECOND;
    hooks = (struct hooks){.ready = on_back, .closed = on_lost};
    while (back_n < all && now_ns() < end) {
        for (; next < conns_n; next++)
            if (!is_talker(&conns[next]))
                conn_open(&conns[next], next);
        uint64_t now = now_ns();
        while (opt.rate > 0 && (double)said < (double)(now - start) * opt.rate / 1e9) {
            ws_send_message(&conns[rooms[talker++ % rooms_n].first], now);
            said++;
        }
        if (now - looked > SECOND / 20) {
            looked = now;
            look();
        }
        loop_turn(now + SECOND / 200);
        report_progress("coming back");
    }
    stats.join_time = now_ns() - start;
    wait_for_all(now_ns() + (uint64_t)(opt.drain * 1e9));
    look();
    report_figure("back", "came back", "", (double)back_n, 0);
    report_figure("joined_s", "all are in after", "s", (double)stats.join_time / 1e9, 2);
    report_figure("whole_s", "all are whole after", "s", (double)(now_ns() - start) / 1e9, 2);
    report_figure("said_meanwhile", "said meanwhile", "", (double)said, 0);
}

void run_return(void)
{
    loop_init((size_t)opt.connections);
    order_init((size_t)opt.rooms, (size_t)opt.members);
    crowd_connect();
    double with_all = stats.after.server_rss;
    sample_take(&stats.from);
    say_to_all(opt.count);
    wait_for_all(now_ns() + (uint64_t)(opt.drain * 1e9));
    hang_up();
    say_to_all(opt.missed);
    struct memory away, after;
    memory_take(&away);
    come_back();
    crowd_settle();
    memory_take(&after);
    sample_take(&stats.to);
    order_finish();
    stats.unjoined += conns_n - rooms_n - back_n;
    stats.connected = 0; // counted twice
    report_figure("rss_with_all_mib", "server resident, all there", "MiB", with_all / 1024, 1);
    report_figure("rss_away_mib", "  before they come back", "MiB", away.server_rss / 1024, 1);
    report_figure("rss_peak_mib", "  at most", "MiB", peak / 1024, 1);
    report_figure("rss_after_mib", "  after", "MiB", after.server_rss / 1024, 1);
}
