/* Addresses, networks, and who is behind which proxy. */
#include <support/test_main.h>

#include <hubbub/address.h>
#include <string.h>

static void assert_reads(const char *text, const char *expected)
{
    struct address a;
    char out[ADDRESS_TEXT];
    if (!address_parse(text, &a))
        fail_msg("'%s' is an address", text);
    address_text(&a, out);
    assert_string_equal(out, expected);
}

static void addresses_are_read_as_peers_and_proxies_write_them(void **state)
{
    (void)state;
    assert_reads("192.0.2.1", "192.0.2.1");
    assert_reads("192.0.2.1:8080", "192.0.2.1");
    assert_reads("::ffff:192.0.2.1", "192.0.2.1");
    assert_reads("2001:DB8:0::1", "2001:db8::1");
    assert_reads("[2001:db8::1]", "2001:db8::1");
    assert_reads("[2001:db8::1]:443", "2001:db8::1");
    assert_reads("[::ffff:192.0.2.1]:443", "192.0.2.1");
    assert_reads("::", "::");
}

static void what_is_no_address_is_not_read(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "unix",
        "unknown",
        "_hidden",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.1.",
        " 192.0.2.1",
        "192.0.2.1:http",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]x",
        "[]",
        "[]:80",
        ":80",
        "2001:db8:::1",
        "fe80::1%eth0",
        "12345",
        "192.0.2.1/24",
        "0000000000000000000000000000000000000000000000000000000000000001"};
    struct address a;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong)[0]; i++)
        if (address_parse(wrong[i], &a))
            fail_msg("'%s' is not an address", wrong[i]);
}

static void loopback_is_known_in_every_form(void **state)
{
    (void)state;
    static const char *const local[] = {"127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"};
    static const char *const remote[] = {"128.0.0.1",       "::2",        "::", "1::1",
                                         "::ffff:10.0.0.1", "::127.0.0.1"};
    struct address a;
    for (size_t i = 0; i < sizeof(local) / sizeof(local)[0]; i++)
        assert_true(address_parse(local[i], &a) && address_is_loopback(&a));
    for (size_t i = 0; i < sizeof(remote) / sizeof(remote)[0]; i++)
        assert_true(address_parse(remote[i], &a) && !address_is_loopback(&a));
}

static void networks_hold_what_begins_alike(void **state)
{
    (void)state;
    static const struct {
        const char *network, *address;
        bool inside;
    } cases[] = {
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"10.0.0.0/8", "a00::1", false},
        {"::ffff:10.0.0.0/104", "10.1.1.1", true},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"192.0.2.128/25", "192.0.2.200", true},
        {"192.0.2.128/25", "192.0.2.100", false},
        {"192.0.2.7/31", "192.0.2.6", true},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "10.0.0.1", true},
        {"::1", "::1", true},
        {"unix", "127.0.0.1", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases)[0]; i++) {
        struct network n;
        struct address a;
        assert_true(network_parse(cases[i].network, &n));
        assert_true(address_parse(cases[i].address, &a));
        if (network_has(&n, &a) != cases[i].inside)
            fail_msg("%s in %s", cases[i].address, cases[i].network);
    }
}

static void what_is_no_network_is_not_read(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",         "10.0.0.0/",   "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
        "10.0.0/8", "::/129",      "::/1000",     "/8",          "10.0.0.0/ 8",
        "[::1]",    "10.0.0.1:80", "unix:",       "proxy",       "::1/8/8"};
    struct network n;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong)[0]; i++)
        if (network_parse(wrong[i], &n))
            fail_msg("'%s' is not a network", wrong[i]);
}

static void a_site_of_ipv6_is_one_subject(void **state)
{
    (void)state;
    char out[ADDRESS_TEXT + 4];
    address_subject("2001:db8:1:2:3:4:5:6", out);
    assert_string_equal(out, "2001:db8:1:2::/64");
    address_subject("2001:db8:1:2::", out);
    assert_string_equal(out, "2001:db8:1:2::/64");
    address_subject("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", out);
    assert_string_equal(out, "ffff:ffff:ffff:ffff::/64");
    address_subject("::ffff:192.0.2.1", out);
    assert_string_equal(out, "192.0.2.1");
    address_subject("192.0.2.1", out);
    assert_string_equal(out, "192.0.2.1");
}

/* ---- proxies ------------------------------------------------------------------------------------ */

static void assert_client(const char *peer, const char *forwarded, const char *expected)
{
    static const char *const proxies[] = {"10.0.0.0/8", "2001:db8:f::/48", "unix"};
    struct network trusted[3];
    char out[ADDRESS_TEXT];
    for (size_t i = 0; i < 3; i++)
        assert_true(network_parse(proxies[i], &trusted[i]));
    address_of_client(peer, forwarded, trusted, 3, out);
    if (strcmp(out, expected) != 0)
        fail_msg("peer %s, forwarded for %s: '%s', not '%s'", peer, forwarded ? forwarded : "-",
                 out, expected);
}

static void strangers_are_not_believed(void **state)
{
    (void)state;
    char out[ADDRESS_TEXT];
    assert_client("192.0.2.1", "203.0.113.9", "192.0.2.1");
    assert_client("::1", "203.0.113.9", "::1");
    address_of_client("10.0.0.1", "203.0.113.9", NULL, 0, out);
    assert_string_equal(out, "10.0.0.1");
    address_of_client("unix", "203.0.113.9", NULL, 0, out);
    assert_string_equal(out, "");
}

static void trusted_proxies_are_looked_through(void **state)
{
    (void)state;
    assert_client("10.0.0.1", NULL, "10.0.0.1");
    assert_client("10.0.0.1", "", "10.0.0.1");
    assert_client("10.0.0.1", "203.0.113.9", "203.0.113.9");
    assert_client("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9");
    assert_client("2001:db8:f::1", "2001:db8:1::7", "2001:db8:1::7");
    assert_client("10.0.0.1", " 203.0.113.9 ", "203.0.113.9");
    assert_client("10.0.0.1", "203.0.113.9:4711", "203.0.113.9");
    assert_client("10.0.0.1", "[2001:db8:1::7]:4711", "2001:db8:1::7");
    assert_client("unix", "203.0.113.9", "203.0.113.9");
    assert_client("unix", NULL, "");
}

static void only_the_last_hop_that_is_no_proxy_counts(void **state)
{
    (void)state;
    /* What the client wrote itself comes first in the list. */
    assert_client("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9");
    assert_client("10.0.0.1", "198.51.100.1,203.0.113.9,10.0.0.2", "203.0.113.9");
    assert_client("10.0.0.1", "127.0.0.1, 203.0.113.9,\t10.0.0.2 , 10.0.0.3", "203.0.113.9");
    assert_client("10.0.0.1", "10.0.0.4, 10.0.0.2", "10.0.0.4");
}

static void a_list_is_read_as_far_as_it_makes_sense(void **state)
{
    (void)state;
    assert_client("10.0.0.1", "unknown", "10.0.0.1");
    assert_client("10.0.0.1", "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2");
    assert_client("10.0.0.1", ",", "10.0.0.1");
    assert_client("10.0.0.1", "203.0.113.9,", "10.0.0.1");
    assert_client("10.0.0.1", ",203.0.113.9", "203.0.113.9");
    assert_client("10.0.0.1",
                  "00000000000000000000000000000000000000000000000000000000000000000000000",
                  "10.0.0.1");
    assert_client("unix", "nobody", "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_as_peers_and_proxies_write_them),
        cmocka_unit_test(what_is_no_address_is_not_read),
        cmocka_unit_test(loopback_is_known_in_every_form),
        cmocka_unit_test(networks_hold_what_begins_alike),
        cmocka_unit_test(what_is_no_network_is_not_read),
        cmocka_unit_test(a_site_of_ipv6_is_one_subject),
        cmocka_unit_test(strangers_are_not_believed),
        cmocka_unit_test(trusted_proxies_are_looked_through),
        cmocka_unit_test(only_the_last_hop_that_is_no_proxy_counts),
        cmocka_unit_test(a_list_is_read_as_far_as_it_makes_sense),
    };
    return RUN_TESTS(argc, argv, "address", tests);
}
