/* The listener: which addresses it takes and why not, what it leaves behind, what it accepts. */
#include <support/test_main.h>

#include <arpa/inet.h>
#include <errno.h>
#include <hubbub/clock.h>
#include <hubbub/channel.h>
#include <hubbub/err.h>
#include <hubbub/net.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/hubbub-listener-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); // fails when a test left something there
}

/* A port on `host` that is taken as long as the returned socket is open. */
static int taken_port(const char *host, int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof(sa);
    inet_pton(AF_INET, host, &sa.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    *port = ntohs(sa.sin_port);
    return fd;
}

static int free_port(void)
{
    int port;
    close(taken_port("127.0.0.1", &port));
    return port;
}

static int try_to_listen(struct listener **out, char *why, size_t space, const char *address)
{
    char *addresses[] = {strdup(address)};
    *out = NULL;
    int err = listener_new(out, addresses, 1, why, space);
    free(addresses[0]);
    return err;
}

static void assert_refused(const char *address, const char *reason)
{
    struct listener *l;
    char why[256] = "";
    assert_int_equal(try_to_listen(&l, why, sizeof(why), address), ERR_SYSTEM);
    assert_null(l);
    assert_non_null(strstr(why, address));
    if (strstr(why, reason) == NULL)
        fail_msg("'%s' does not say '%s'", why, reason);
    assert_null(strstr(why, "Success"));
}

static void an_address_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char form[] = "expected host:port, [address]:port or unix:/path";
    assert_refused("8080", form);
    assert_refused("", form);
    assert_refused("127.0.0.1:", form);
    assert_refused("127.0.0.1:no-such-service", "");
    assert_refused("300.0.0.1:8080", "");
    char overlong[400];
    memset(overlong, 'a', 300);
    strcpy(overlong + 300, ":80");
    struct listener *l;
    char why[512];
    assert_int_equal(try_to_listen(&l, why, sizeof(why), overlong), ERR_SYSTEM);
}

static void an_address_of_another_machine_is_refused(void **state)
{
    (void)state;
    assert_refused("192.0.2.1:8080", strerror(EADDRNOTAVAIL)); // RFC 5737: nobody's
    assert_refused("192.0.2.1:8080", "it must be an address of this machine");
}

static void a_port_that_is_taken_is_refused_with_advice(void **state)
{
    (void)state;
    int port, fd = taken_port("127.0.0.1", &port);
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    assert_refused(address, "is another server running?");
    close(fd);
}

static void one_bad_address_releases_the_good_ones(void **state)
{
    (void)state;
    char good[64], path[128], why[256];
    int port = free_port();
    snprintf(good, sizeof(good), "127.0.0.1:%d", port);
    snprintf(path, sizeof(path), "unix:%s/good", folder);
    char bad[] = "nonsense";
    char *addresses[] = {good, path, bad};
    struct listener *l = NULL;
    assert_int_equal(listener_new(&l, addresses, 3, why, sizeof(why)), ERR_SYSTEM);
    assert_non_null(strstr(why, "nonsense"));
    assert_int_not_equal(access(path + 5, F_OK), 0);
    assert_int_equal(listener_new(&l, addresses, 2, why, sizeof(why)), 0); // can be had again
    listener_free(l);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int bind_unix(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void a_socket_left_behind_is_replaced(void **state)
{
    (void)state;
    char address[128], why[256];
    snprintf(address, sizeof(address), "unix:%s/left", folder);
    close(bind_unix(address + 5)); // its process is gone, the name is still there
    assert_int_equal(access(address + 5, F_OK), 0);
    struct listener *l;
    assert_int_equal(try_to_listen(&l, why, sizeof(why), address), 0);
    int fd = connect_unix(address + 5);
    assert_true(fd >= 0);
    close(fd);
    listener_free(l);
    assert_int_not_equal(access(address + 5, F_OK), 0);
}

static void a_socket_in_use_is_left_alone(void **state)
{
    (void)state;
    char address[128];
    snprintf(address, sizeof(address), "unix:%s/used", folder);
    int other = bind_unix(address + 5);
    assert_refused(address, "is another server running?");
    int fd = connect_unix(address + 5);
    assert_true(fd >= 0);
    close(fd);
    close(other);
    unlink(address + 5);
}

static void a_file_is_never_removed(void **state)
{
    (void)state;
    char address[128];
    snprintf(address, sizeof(address), "unix:%s/file", folder);
    FILE *f = fopen(address + 5, "w");
    assert_non_null(f);
    fclose(f);
    assert_refused(address, strerror(EADDRINUSE));
    struct stat st;
    assert_int_equal(stat(address + 5, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    unlink(address + 5);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char address[200] = "unix:/tmp/";
    memset(address + 10, 'x', 150);
    assert_refused(address, strerror(ENAMETOOLONG));
    assert_refused("unix:/no/such/folder/socket", strerror(ENOENT));
}

/* ---- accepting ------------------------------------------------------------------------------------- */

struct accepted {
    int fd;
    char peer[64];
};

static void on_accept(void *arg, int fd, const char *peer)
{
    struct accepted *a = calloc(1, sizeof(*a));
    a->fd = fd;
    snprintf(a->peer, sizeof(a->peer), "%s", peer);
    channel_send(arg, a, DEADLINE_NEVER);
}

static void assert_accepted_from(struct channel *c, const char *peer)
{
    void *items[1];
    assert_int_equal(channel_recv(c, items, 1, clock_now() + 10 * NS_PER_S), 1);
    struct accepted *a = items[0];
    assert_string_equal(a->peer, peer);
    close(a->fd);
    free(a);
}

static int connect_inet(int port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &sa.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static void accepts_from_all_its_addresses(void **state)
{
    (void)state;
    char inet[64], path[128], why[256];
    int port = free_port();
    snprintf(inet, sizeof(inet), "127.0.0.1:%d", port);
    snprintf(path, sizeof(path), "unix:%s/accepts", folder);
    char *addresses[] = {inet, path};
    struct listener *l;
    struct channel c;
    channel_init(&c, 64);
    assert_int_equal(listener_new(&l, addresses, 2, why, sizeof(why)), 0);
    int early = connect_inet(port); // waits until accepting begins
    assert_int_equal(listener_start(l, on_accept, &c), 0);
    assert_accepted_from(&c, "127.0.0.1");
    int unix_fd = connect_unix(path + 5);
    assert_accepted_from(&c, "unix");
    int fds[20];
    for (int i = 0; i < 20; i++)
        fds[i] = connect_inet(port);
    for (int i = 0; i < 20; i++)
        assert_accepted_from(&c, "127.0.0.1");
    for (int i = 0; i < 20; i++)
        close(fds[i]);
    close(early);
    close(unix_fd);
    listener_stop(l);
    listener_stop(l); // nothing more to stop

    int late = connect_inet(port); // bound, but nobody accepts any more
    assert_int_equal(channel_count(&c), 0);
    close(late);
    listener_free(l);
    channel_fini(&c);
}

static void a_listener_that_never_started_can_be_freed(void **state)
{
    (void)state;
    struct listener *l;
    char address[64], why[256];
    snprintf(address, sizeof(address), "127.0.0.1:%d", free_port());
    assert_int_equal(try_to_listen(&l, why, sizeof(why), address), 0);
    listener_stop(l);
    listener_free(l);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_is_none_is_refused),
        cmocka_unit_test(an_address_of_another_machine_is_refused),
        cmocka_unit_test(a_port_that_is_taken_is_refused_with_advice),
        cmocka_unit_test(one_bad_address_releases_the_good_ones),
        cmocka_unit_test(a_socket_left_behind_is_replaced),
        cmocka_unit_test(a_socket_in_use_is_left_alone),
        cmocka_unit_test(a_file_is_never_removed),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
        cmocka_unit_test(accepts_from_all_its_addresses),
        cmocka_unit_test(a_listener_that_never_started_can_be_freed),
    };
    return run_tests(argc, argv, "listener", tests, sizeof(tests) / sizeof(tests)[0], make_folder,
                     remove_folder);
}
