/* Connections that end at every moment, from the first byte of the handshake to the middle of a room that talks.
 * Whatever they do, in the end no session, room, member or connection is left, every struct has been freed, and
 * every thread has returned. */
#include "whole.h"

/* ---- before and in the middle of the handshake ----------------------------------------------------- */

static void connections_end_anywhere_in_the_handshake(void **state)
{
    (void)state;
    char text[512];
    put_together(256, 0);
    upgrade(text, sizeof(text), "/ws?username=alice&room=den", true);
    size_t len = strlen(text);
    for (uint32_t how = 0; how < 3; how++) {
        for (size_t cut = 0; cut <= len; cut += SLOWER) {
            int fd = dial();
            put(fd, text, cut);
            end_somehow(fd, how);
        }
    }
    WAIT_UNTIL(all_gone());
    take_apart();
    assert_int_equal(failures, 0);
}

/* The first frames come with the request, and the peer is gone before it could be answered. */
static void connections_end_right_after_the_upgrade(void **state)
{
    (void)state;
    char text[512];
    unsigned char both[1024];
    put_together(256, 0);
    for (uint32_t i = 0; i < CROWD; i++) {
        static const char said[] = "{\"type\":\"message\",\"content\":\"hello\"}";
        int fd = dial();
        upgrade(text, sizeof(text), i % 2 == 0 ? "/ws?room=den" : "/echo", i % 4 < 2);
        size_t n = strlen(text);
        memcpy(both, text, n);
        n += client_frame(both + n, 1, said, sizeof(said) - 1);
        if (i % 5 == 0)
            n += client_frame(both + n, 8, "\x03\xe8", 2);
        put(fd, both, n);
        end_somehow(fd, i);
    }
    WAIT_UNTIL(all_gone());
    take_apart();
    assert_int_equal(failures, 0);
}

static void silent_connections_end_with_the_server(void **state)
{
    (void)state;
    int fds[40];
    char text[512];
    put_together(256, 0);
    upgrade(text, sizeof(text), "/ws", true);
    for (int i = 0; i < 40; i++) {
        fds[i] = dial();
        put(fds[i], text, (size_t)i * 4); /* some have said nothing, some half of it */
    }
    WAIT_UNTIL(metric_read(METRIC_CONNECTIONS) == 40);
    take_apart();
    for (int i = 0; i < 40; i++) {
        read_to_the_end(fds[i]);
        close(fds[i]);
    }
    assert_int_equal(failures, 0);
}

/* ---- while the room is talking --------------------------------------------------------------------- */

enum { TALKERS = 3 };

/* Talks until it is told to stop; takes what it is sent, so that it is not the slow one. */
static bool hush;

static void talk(void *arg)
{
    (void)arg;
    int fd = dial();
    if (!shake_hands(fd, "/ws?username=talker&room=den", true))
        ADD(failures, 1);
    char bytes[65536];
    bool open = true;
    while (open && !LOAD(hush)) {
        for (int i = 0; i < 8 && open; i++)
            open = say(fd, "{\"type\":\"message\",\"content\":\"as long as it takes\"}");
        while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
            ;
    }
    say_goodbye(fd);
    read_to_the_end(fd);
    close(fd);
}

static void start_talking(struct thread **t)
{
    hush = false;
    for (int i = 0; i < TALKERS; i++)
        t[i] = start_thread(talk, NULL);
}

static void stop_talking(struct thread **t)
{
    __atomic_store_n(&hush, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < TALKERS; i++)
        thread_join(t[i]);
}

enum ending { BY_RESET, BY_CLOSE, BY_GOODBYE, BY_HALF_CLOSE, ENDINGS };

static void end_by(int fd, enum ending ending)
{
    if (ending == BY_RESET) {
        reset(fd);
        return;
    }
    if (ending == BY_GOODBYE) {
        say_goodbye(fd);
        read_to_the_end(fd);
    }
    if (ending == BY_HALF_CLOSE) {
        shutdown(fd, SHUT_WR);
        read_to_the_end(fd);
    }
    close(fd);
}

/* Members of a room that never rests come, listen for a moment or not at all, and go. */
static void come_and_go(enum ending ending)
{
    struct thread *t[TALKERS];
    int fds[16];
    uint32_t seed = 7 + ending;
    put_together(256, 0);
    start_talking(t);
    for (int round = 0; round < CROWD / 16; round++) {
        for (int i = 0; i < 16; i++) {
            fds[i] = dial();
            if (!shake_hands(fds[i], "/ws?room=den", i % 2 == 0))
                ADD(failures, 1);
        }
        for (int i = 0; i < 16; i++) {
            char bytes[2048];
            if (dice(&seed) % 2 == 0) {
                ssize_t n = recv(fds[i], bytes, sizeof(bytes), 0);
                (void)n;
            }
            end_by(fds[i], ending == ENDINGS ? dice(&seed) % ENDINGS : ending);
        }
    }
    stop_talking(t);
    WAIT_UNTIL(all_gone());
    take_apart();
    assert_int_equal(failures, 0);
}

static void members_end_by_reset(void **state)
{
    (void)state;
    come_and_go(BY_RESET);
}

static void members_end_by_close(void **state)
{
    (void)state;
    come_and_go(BY_CLOSE);
}

static void members_end_by_a_close_frame(void **state)
{
    (void)state;
    come_and_go(BY_GOODBYE);
}

static void members_end_in_all_ways_at_once(void **state)
{
    (void)state;
    come_and_go(ENDINGS);
}

/* Sockets that are full while it is talked to them, and then end. */
static void members_end_with_full_sockets(void **state)
{
    (void)state;
    enum { DEAF = 10 };
    struct thread *t[TALKERS];
    int fds[DEAF];
    put_together(64, 4096);
    int64_t blocked = metric_read(METRIC_WRITE_BLOCKED);
    for (int i = 0; i < DEAF; i++) {
        fds[i] = dial();
        int small = 2048;
        setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        if (!shake_hands(fds[i], "/ws?room=den", true))
            ADD(failures, 1);
    }
    start_talking(t);
    WAIT_UNTIL(metric_read(METRIC_WRITE_BLOCKED) >= blocked + DEAF / 2);
    for (int i = 0; i < DEAF; i++)
        end_somehow(fds[i], (uint32_t)i);
    stop_talking(t);
    WAIT_UNTIL(all_gone());
    take_apart();
    assert_int_equal(failures, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_end_anywhere_in_the_handshake),
        cmocka_unit_test(connections_end_right_after_the_upgrade),
        cmocka_unit_test(silent_connections_end_with_the_server),
        cmocka_unit_test(members_end_by_reset),
        cmocka_unit_test(members_end_by_close),
        cmocka_unit_test(members_end_by_a_close_frame),
        cmocka_unit_test(members_end_in_all_ways_at_once),
        cmocka_unit_test(members_end_with_full_sockets),
    };
    return RUN_WHOLE(argc, argv, "teardown", tests);
}
