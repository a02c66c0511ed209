/* The server ends, at once or by a drain, while hundreds flood it and others are coming: in the end no session,
 * room, member or connection is left, every struct has been freed, and every thread has returned. */
#include "whole.h"

#include <errno.h>

static bool hush; /* atomic: the helpers are to return */

/* Some hundred members, all of whom talk and read until they are cut off. */
static void flood(int *fds, uint32_t n, bool *gone)
{
    static const char text[] = "{\"type\":\"message\",\"content\":\"me too\"}";
    unsigned char frame[128];
    char bytes[16384];
    size_t len = client_frame(frame, 1, text, sizeof(text) - 1);
    for (uint32_t i = 0; i < n; i++) {
        if (gone[i])
            continue;
        ssize_t sent = send(fds[i], frame, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        ssize_t got = recv(fds[i], bytes, sizeof(bytes), MSG_DONTWAIT);
        /* Half a frame, once, spoils what follows; that is one more way to end. */
        gone[i] = got == 0 || (got < 0 && errno != EAGAIN) || (sent > 0 && (size_t)sent < len);
    }
}

struct crowd {
    struct thread *thread;
    int fds[CROWD];
    bool gone[CROWD];
    uint32_t rounds; /* atomic */
};

static void flood_on(void *arg)
{
    struct crowd *c = arg;
    while (!LOAD(hush)) {
        flood(c->fds, CROWD, c->gone);
        ADD(c->rounds, 1);
    }
}

static struct crowd crowd;

static void assemble(uint32_t rooms)
{
    memset(&crowd, 0, sizeof(crowd));
    hush = false;
    for (uint32_t i = 0; i < CROWD; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/ws?username=carol&room=r%u", i % rooms);
        crowd.fds[i] = dial();
        if (!shake_hands(crowd.fds[i], path, i % 2 == 0))
            ADD(failures, 1);
    }
    WAIT_UNTIL(metric_read(METRIC_MEMBERS) == CROWD);
    crowd.thread = start_thread(flood_on, &crowd);
    WAIT_UNTIL(LOAD(crowd.rounds) > 2);
}

static void disperse(void)
{
    __atomic_store_n(&hush, true, __ATOMIC_SEQ_CST);
    thread_join(crowd.thread);
    for (uint32_t i = 0; i < CROWD; i++)
        close(crowd.fds[i]);
}

static void the_server_stops_at_once_while_all_are_flooding(void **state)
{
    (void)state;
    put_together(256, 0);
    assemble(8);
    listener_stop(listener);
    clients_stop(clients);
    assert_int_equal(metric_read(METRIC_CONNECTIONS), 0);
    assert_int_equal(clients_sessions(clients), 0);
    hub_fence(hub);
    assert_int_equal(metric_read(METRIC_SESSIONS), 0);
    assert_int_equal(metric_read(METRIC_ROOMS), 0);
    disperse(); /* its thread must return before thread_end_all() */
    take_apart();
    assert_int_equal(failures, 0);
}

static void start_draining(int64_t drain_ns)
{
    clients_refuse(clients);
    struct event *e = event_new(EVENT_DRAIN);
    e->drain_ns = drain_ns;
    assert_int_equal(hub_post(hub, &e, DEADLINE_NEVER), 0);
}

static void a_drain_ends_all_while_they_are_flooding(void **state)
{
    (void)state;
    put_together(256, 0);
    assemble(8);
    start_draining(300 * NS_PER_MS);
    assert_true(clients_wait_sessions(clients, clock_now() + PATIENCE));
    disperse();
    WAIT_UNTIL(all_gone());
    take_apart();
    assert_int_equal(failures, 0);
}

static void a_drain_is_cut_short(void **state)
{
    (void)state;
    put_together(256, 0);
    assemble(8);
    int64_t rooms = metric_read(METRIC_ROOMS);
    assert_int_equal(rooms, 8);
    start_draining(60 * NS_PER_S);
    WAIT_UNTIL(metric_read(METRIC_SESSIONS) < CROWD); /* the first slots */
    clients_stop(clients);
    disperse();
    take_apart();
    assert_int_equal(failures, 0);
}

/* Who sees its close frame, answers it, and is not cut off. */
static void a_drain_says_goodbye(void **state)
{
    (void)state;
    unsigned char got[4096];
    size_t n = 0;
    put_together(256, 0);
    int fd = dial();
    assert_true(shake_hands(fd, "/ws", false));
    WAIT_UNTIL(metric_read(METRIC_SESSIONS) == 1);
    start_draining(0);
    while (n < 4) {
        ssize_t more = recv(fd, got + n, sizeof(got) - n, 0);
        assert_true(more > 0);
        n += (size_t)more;
    }
    assert_int_equal(got[0], 0x88);
    assert_int_equal(got[2] << 8 | got[3], 1001);
    unsigned char frame[16];
    assert_true(put(fd, frame, client_frame(frame, 8, "\x03\xe9", 2)));
    assert_true(read_to_the_end(fd));
    close(fd);
    WAIT_UNTIL(all_gone());
    take_apart();
    assert_int_equal(failures, 0);
}

/* New connections knock while the old ones are killed. */
static void dial_on(void *arg)
{
    (void)arg;
    uint32_t seed = 99;
    while (!LOAD(hush)) {
        int fd = dial();
        if (dice(&seed) % 2 == 0)
            shake_hands(fd, "/ws?room=r0", true);
        end_somehow(fd, dice(&seed));
    }
}

static void the_server_stops_while_others_are_coming(void **state)
{
    (void)state;
    struct thread *t;
    put_together(256, 0);
    assemble(2);
    t = start_thread(dial_on, NULL);
    int64_t accepted = metric_read(METRIC_ACCEPTED);
    WAIT_UNTIL(metric_read(METRIC_ACCEPTED) > accepted + 20);
    listener_stop(listener);
    clients_stop(clients);
    listener_free(listener); /* what it had not accepted is reset */
    disperse();
    thread_join(t);
    failures = 0; /* nobody was there any more */
    char why[64];
    char address[] = "127.0.0.1:0";
    char *const addresses[] = {address};
    assert_int_equal(listener_new(&listener, addresses, 1, why, sizeof(why)), 0);
    take_apart();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_stops_at_once_while_all_are_flooding),
        cmocka_unit_test(a_drain_ends_all_while_they_are_flooding),
        cmocka_unit_test(a_drain_is_cut_short),
        cmocka_unit_test(a_drain_says_goodbye),
        cmocka_unit_test(the_server_stops_while_others_are_coming),
    };
    return RUN_WHOLE(argc, argv, "stop", tests);
}
