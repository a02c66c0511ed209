/* Connections that end at every moment: real sockets, the server's own parts, and peers that are rude.
 * Whatever they do, in the end no session, room, member or connection is left, every struct has been
 * freed, and every thread has returned. */
#include "helpers.h"

#include <hubbub/client.h>
#include <hubbub/http.h>
#include <hubbub/metrics.h>
#include <hubbub/net.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_SESSIONS = 2000, CROWD = SLOWER > 1 ? 160 : 400 };

/* ---- the server's parts, put together as src/server/server.c does ---------------------------------- */

static struct relay *relay;
static struct hub *hub;
static struct net *net;
static struct http *http;
static struct identities *identities;
static struct clients *clients;
static struct listener *listener;
static int port;

static void put_together(uint32_t send_queue, size_t socket_buffer)
{
    char why[256] = "";
    char address[] = "127.0.0.1:0";
    char *const addresses[] = {address};
    if (listener_new(&listener, addresses, 1, why, sizeof(why)) != 0)
        fail_msg("%s", why);
    port = listener_port(listener);
    relay = relay_new(2);
    identities = identities_new(&(struct identity_config){.mode = AUTH_GUEST}, why, sizeof(why));
    assert_non_null(identities);
    hub = hub_new(&(struct hub_config){
        .inbox = 512,
        .relay = relay,
        .settings =
            {.max_rooms = 1000, .max_rooms_per_client = 10, .notice_limit = 50, .open_rooms = true},
        .node = "here",
        .version = "0",
        .max_message = 4096,
        .send_queue = send_queue,
        .ping_period = 10 * NS_PER_S,
    });
    assert_int_equal(hub_start(hub), 0);
    net = net_new(&(struct net_config){
        .shards = 4, .max_message = 4096, .close_wait = NS_PER_S, .upgrade = clients_upgrade});
    assert_non_null(net);
    http = http_new(hub, relay, identities, NULL, &(struct http_settings){0}, why, sizeof(why));
    assert_non_null(http);
    clients = clients_new(&(struct clients_config){
        .net = net,
        .hub = hub,
        .relay = relay,
        .max_sessions = MAX_SESSIONS,
        .echo = true,
        .send_queue = send_queue,
        .socket_buffer = socket_buffer,
        .ping_period = 10 * NS_PER_S,
        .pong_wait = 60 * NS_PER_S,
        .write_wait = 10 * NS_PER_S,
        .handshake_wait = 20 * NS_PER_S,
        .idle_wait = 20 * NS_PER_S,
        .close_wait = NS_PER_S,
        .identities = identities,
        .serve = http_serve,
        .admit = http_admit,
        .arg = http,
    });
    http_use_limits(http, clients_limits(clients));
    assert_int_equal(listener_start(listener, clients_accept, clients), 0);
}

/* Every _free insists that it is empty. */
static void take_apart(void)
{
    listener_stop(listener);
    listener_free(listener);
    clients_stop(clients);
    assert_int_equal(clients_sessions(clients), 0);
    clients_free(clients);
    hub_stop(hub);
    net_free(net);
    http_free(http);
    thread_end_all();
    rcu_barrier();
    hub_free(hub);
    identities_free(identities);
    relay_free(relay);
    assert_int_equal(metric_read(METRIC_CONNECTIONS), 0);
    assert_int_equal(metric_read(METRIC_SESSIONS), 0);
    assert_int_equal(metric_read(METRIC_USERS), 0);
    assert_int_equal(metric_read(METRIC_ROOMS), 0);
    assert_int_equal(metric_read(METRIC_MEMBERS), 0);
}

/* ---- a peer ---------------------------------------------------------------------------------------- */

/* A helper thread tallies a peer that could not even connect. */
static uint32_t failures;

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        ADD(failures, 1);
    return fd;
}

/* False when the other end has gone. */
static bool put(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

static const char *upgrade(char *text, size_t space, const char *path, bool full)
{
    snprintf(text, space,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
             path, full ? "Sec-WebSocket-Protocol: hubbub.v1\r\n" : "");
    return text;
}

/* Waits for the answer; false when it is none, or not 101. */
static bool shake_hands(int fd, const char *path, bool full)
{
    char text[512], head[1024];
    size_t n = 0;
    upgrade(text, sizeof(text), path, full);
    if (!put(fd, text, strlen(text)))
        return false;
    while (n < sizeof(head) - 1) { /* byte by byte: what follows is for somebody else */
        if (recv(fd, head + n, 1, 0) != 1)
            return false;
        head[++n] = '\0';
        if (n >= 4 && strcmp(head + n - 4, "\r\n\r\n") == 0)
            return strncmp(head, "HTTP/1.1 101", 12) == 0;
    }
    return false;
}

/* One frame as a client sends it: masked, with a mask of zeros. At most 125 bytes. */
static size_t client_frame(unsigned char *to, unsigned char opcode, const void *payload, size_t n)
{
    to[0] = 0x80 | opcode;
    to[1] = (unsigned char)(0x80 | n);
    memset(to + 2, 0, 4);
    memcpy(to + 6, payload, n);
    return 6 + n;
}

static bool say(int fd, const char *text)
{
    unsigned char frame[140];
    return put(fd, frame, client_frame(frame, 1, text, strlen(text)));
}

static bool say_goodbye(int fd)
{
    unsigned char frame[16];
    return put(fd, frame, client_frame(frame, 8, "\x03\xe8", 2));
}

/* Reads and forgets until the other end closes; true when it did so with a FIN. */
static bool read_to_the_end(int fd)
{
    char bytes[4096];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        ;
    return n == 0;
}

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

static bool all_gone(void)
{
    return metric_read(METRIC_CONNECTIONS) == 0 && metric_read(METRIC_SESSIONS) == 0 &&
           metric_read(METRIC_ROOMS) == 0;
}

/* ---- before and in the middle of the handshake ----------------------------------------------------- */

static void end_somehow(int fd, uint32_t how)
{
    if (how % 3 == 0) {
        reset(fd);
        return;
    }
    if (how % 3 == 1)
        shutdown(fd, SHUT_WR);
    close(fd);
}

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

/* ---- the server ends ------------------------------------------------------------------------------- */

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

static int enter_sockets(void **state)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < 4096) {
        r.rlim_cur = r.rlim_max < 4096 ? r.rlim_max : 4096;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    return enter_group(state);
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
        cmocka_unit_test(the_server_stops_at_once_while_all_are_flooding),
        cmocka_unit_test(a_drain_ends_all_while_they_are_flooding),
        cmocka_unit_test(a_drain_is_cut_short),
        cmocka_unit_test(a_drain_says_goodbye),
        cmocka_unit_test(the_server_stops_while_others_are_coming),
    };
    return run_tests(argc, argv, "teardown", tests, sizeof(tests) / sizeof(tests)[0], enter_sockets,
                     leave_group);
}
