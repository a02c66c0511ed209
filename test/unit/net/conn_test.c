/* A connection's requests, through the library: which headers arrive, and how much fits. */
#include <support/test_main.h>

#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE (30 * NS_PER_S) // for what takes a moment

static struct net *net;
static struct conn *conn;
static int client; // the other end

static struct {
    unsigned asked;
    char *authorization, *cookie, *forwarded_for, *token;
} upgrade; // the latest

static char *copy(const char *s)
{
    return s == NULL ? NULL : xstrdup(s);
}

static void forget_upgrade(void)
{
    free(upgrade.authorization);
    free(upgrade.cookie);
    free(upgrade.forwarded_for);
    free(upgrade.token);
    memset(&upgrade, 0, sizeof(upgrade));
}

static bool on_upgrade(void *user, const struct http_request *q, struct http_response *refusal)
{
    (void)user, (void)refusal;
    forget_upgrade();
    upgrade.asked = 1;
    upgrade.authorization = copy(q->authorization);
    upgrade.cookie = copy(q->cookie);
    upgrade.forwarded_for = copy(q->forwarded_for);
    upgrade.token = http_request_token(q);
    return true;
}

static int begin(void **state)
{
    (void)state;
    int fds[2];
    const struct net_config config = {
        .shards = 1, .max_message = 4096, .close_wait = NS_PER_S, .upgrade = on_upgrade};
    net = net_new(&config);
    assert_non_null(net);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    client = fds[1];
    conn = conn_open(net, fds[0], "192.0.2.1", NULL);
    assert_non_null(conn);
    return 0;
}

static int end(void **state)
{
    (void)state;
    conn_free(conn);
    net_free(net);
    close(client);
    forget_upgrade();
    return 0;
}

static void say(const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(client, text, n, MSG_NOSIGNAL), n);
}

/* Waits for what comes of it. */
static int get(void)
{
    int64_t deadline = clock_now() + PATIENCE;
    int got;
    do
        got = conn_wait(conn, deadline);
    while (got == 0); // only a part of it has been read
    return got;
}

static void headers_are_copied(void **state)
{
    (void)state;
    say("GET /rooms?query=a%20b&token=t HTTP/1.1\r\nHost: chat.example\r\n"
        "Origin: https://chat.example\r\nAuthorization: Bearer aa.bb.cc\r\n"
        "Cookie: a=1; hubbub_session=x\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.2\r\n\r\n");
    assert_int_equal(get(), CONN_REQUEST);
    const struct http_request *q = conn_request(conn);
    assert_false(q->malformed);
    assert_string_equal(q->path, "/rooms");
    assert_string_equal(http_request_arg(q, "query"), "a b");
    assert_string_equal(q->host, "chat.example");
    assert_string_equal(q->origin, "https://chat.example");
    assert_string_equal(q->authorization, "Bearer aa.bb.cc");
    assert_string_equal(q->cookie, "a=1; hubbub_session=x");
    assert_string_equal(q->forwarded_for, "203.0.113.9, 10.0.0.2");
}

static void absent_headers_are_null(void **state)
{
    (void)state;
    say("GET / HTTP/1.1\r\nHost: chat.example\r\nCookie:\r\n\r\n");
    assert_int_equal(get(), CONN_REQUEST);
    const struct http_request *q = conn_request(conn);
    assert_null(q->authorization);
    assert_null(q->cookie);
    assert_null(q->forwarded_for);
    assert_null(http_request_token(q));
}

/* Each proxy may add a line of its own: they are one list (RFC 9110, 5.3). */
static void lines_of_one_header_are_one_list(void **state)
{
    (void)state;
    say("GET / HTTP/1.1\r\nHost: chat.example\r\nX-Forwarded-For: 203.0.113.9\r\n"
        "x-forwarded-for: 10.0.0.2\r\n\r\n");
    assert_int_equal(get(), CONN_REQUEST);
    const char *list = conn_request(conn)->forwarded_for;
    const char *comma = strchr(list, ',');
    assert_non_null(comma);
    assert_memory_equal(list, "203.0.113.9", comma - list);
    comma += 1 + strspn(comma + 1, " ");
    assert_string_equal(comma, "10.0.0.2");
}

static char *with_token(size_t len)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: chat.example\r\nAuthorization: Bearer ";
    static const char tail[] = "\r\n\r\n";
    char *text = xmalloc(sizeof(head) + len + sizeof(tail));
    memcpy(text, head, sizeof(head) - 1);
    memset(text + sizeof(head) - 1, 'x', len);
    memcpy(text + sizeof(head) - 1 + len, tail, sizeof(tail));
    return text;
}

static void a_long_token_arrives_whole(void **state)
{
    (void)state;
    char *text = with_token(8192);
    say(text);
    free(text);
    assert_int_equal(get(), CONN_REQUEST);
    char *token = http_request_token(conn_request(conn));
    assert_int_equal(strlen(token), 8192);
    assert_int_equal(strspn(token, "x"), 8192);
    free(token);
}

/* More than the library has room for is not cut: the connection ends. */
static void a_head_that_does_not_fit_is_no_request(void **state)
{
    (void)state;
    char *text = with_token(20000);
    say(text);
    free(text);
    assert_int_equal(get(), ERR_CLOSED);
}

static void an_upgrade_shows_them_too(void **state)
{
    (void)state;
    say("GET /ws?username=alice&token=t HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Cookie: hubbub_session=aa.bb.cc\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n");
    assert_int_equal(get(), CONN_UPGRADED);
    assert_int_equal(upgrade.asked, 1);
    assert_null(upgrade.authorization);
    assert_string_equal(upgrade.cookie, "hubbub_session=aa.bb.cc");
    assert_string_equal(upgrade.forwarded_for, "203.0.113.9");
    assert_string_equal(upgrade.token, "aa.bb.cc");
}

int main(int argc, char **argv)
{
#define WITH_CONN(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        WITH_CONN(headers_are_copied),
        WITH_CONN(absent_headers_are_null),
        WITH_CONN(lines_of_one_header_are_one_list),
        WITH_CONN(a_long_token_arrives_whole),
        WITH_CONN(a_head_that_does_not_fit_is_no_request),
        WITH_CONN(an_upgrade_shows_them_too),
    };
    return RUN_TESTS(argc, argv, "conn", tests);
}
