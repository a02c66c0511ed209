/* Who may come in: connections of a user and of an address, and those who were told too often. */
#include "alice.h"

#include <stdio.h>
#include <string.h>

/* ---- connections -------------------------------------------------------------------------------- */

static void connections_of_an_address_are_limited(void **state)
{
    (void)state;
    struct visit bob, carol, dave, other;
    assert_int_equal(limits_enter(l, "bob", "192.0.2.1", false, now, &bob), ADMITTED);
    assert_int_equal(limits_enter(l, "carol", "::ffff:192.0.2.1", false, now, &carol), ADMITTED);
    assert_int_equal(limits_enter(l, "dave", "192.0.2.1", false, now, &dave), TOO_MANY_OF_ADDRESS);
    assert_int_equal(limits_enter(l, "dave", "192.0.2.2", false, now, &other), ADMITTED);
    limits_leave(l, &bob);
    assert_int_equal(limits_enter(l, "dave", "192.0.2.1", false, now, &dave), ADMITTED);
    limits_leave(l, &carol);
    limits_leave(l, &dave);
    limits_leave(l, &other);
}

static void a_site_of_ipv6_counts_as_one_address(void **state)
{
    (void)state;
    struct visit v[4];
    char address[64], name[16];
    for (int i = 0; i < 4; i++) {
        snprintf(address, sizeof(address), "2001:db8:0:7:%x::1", i + 1);
        snprintf(name, sizeof(name), "user%d", i);
        assert_int_equal(limits_enter(l, name, address, false, now, &v[i]),
                         i < 3 ? ADMITTED : TOO_MANY_OF_ADDRESS);
    }
    assert_int_equal(limits_enter(l, "user3", "2001:db8:0:8::1", false, now, &v[3]), ADMITTED);
    for (int i = 0; i < 4; i++)
        limits_leave(l, &v[i]);
}

static void connections_of_a_user_are_limited(void **state)
{
    (void)state;
    struct visit second, third;
    assert_int_equal(limits_enter(l, "alice", NULL, false, now, &second), ADMITTED);
    assert_int_equal(limits_enter(l, "alice", "198.51.100.1", false, now, &third),
                     TOO_MANY_OF_USER);
    limits_leave(l, &second);
    assert_int_equal(limits_enter(l, "alice", "198.51.100.1", false, now, &third), ADMITTED);
    limits_leave(l, &third);
    // the refused one was not counted for its address either
    struct visit v[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            limits_enter(l, i == 0 ? "bob" : "carol", "198.51.100.1", false, now, &v[i]), ADMITTED);
    for (int i = 0; i < 3; i++)
        limits_leave(l, &v[i]);
}

/* Whoever comes back as somebody else every time is told from a crowd by the time it takes. */
static void new_guests_of_an_address_come_one_a_second(void **state)
{
    (void)state;
    struct visit v;
    char name[16];
    for (int i = 0; i < 101; i++) {
        snprintf(name, sizeof(name), "guest%d", i);
        assert_int_equal(limits_enter(l, name, "198.51.100.1", true, now, &v),
                         i < 100 ? ADMITTED : TOO_MANY_OF_ADDRESS);
        if (i < 100)
            limits_leave(l, &v);
    }
    assert_int_equal(limits_enter(l, "guest1", "198.51.100.1", false, now, &v), ADMITTED);
    limits_leave(l, &v); // that one came back with its token
    now += SECONDS(1);
    assert_int_equal(limits_enter(l, "guest105", "198.51.100.1", true, now, &v), ADMITTED);
    limits_leave(l, &v);
    assert_int_equal(limits_enter(l, "guest106", "198.51.100.1", true, now, &v),
                     TOO_MANY_OF_ADDRESS);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(limits_enter(l, "guest107", NULL, true, now, &v), ADMITTED);
        limits_leave(l, &v);
    }
}

static void without_an_address_only_the_user_counts(void **state)
{
    (void)state;
    struct visit v[20];
    char name[16];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        assert_int_equal(limits_enter(l, name, NULL, false, now, &v[i]), ADMITTED);
        assert_null(v[i].address);
    }
    for (int i = 0; i < 20; i++)
        limits_leave(l, &v[i]);
}

static void whoever_is_let_in_is_counted_but_not_refused(void **state)
{
    (void)state;
    struct visit v[5], one_more;
    for (int i = 0; i < 5; i++)
        limits_let_in(l, "alice", "192.0.2.1", now, &v[i]);
    assert_int_equal(limits_enter(l, "alice", "192.0.2.9", false, now, &one_more),
                     TOO_MANY_OF_USER);
    assert_int_equal(limits_enter(l, "bob", "192.0.2.1", false, now, &one_more),
                     TOO_MANY_OF_ADDRESS);
    for (int i = 0; i < 5; i++)
        limits_leave(l, &v[i]);
}

static void switched_off_it_refuses_nobody(void **state)
{
    (void)state;
    struct limits_config off = usual;
    struct visit v[20];
    off.enabled = false;
    limits_configure(l, &off);
    for (int i = 0; i < 20; i++)
        assert_int_equal(limits_enter(l, "bob", "192.0.2.1", false, now, &v[i]), ADMITTED);
    for (int i = 0; i < 20; i++)
        limits_leave(l, &v[i]);
}

/* ---- flooding ----------------------------------------------------------------------------------- */

/* Strikes until it is over. */
static unsigned strikes(const struct visit *v)
{
    unsigned n = 0;
    while (limits_strike(l, v, now))
        n++;
    return n;
}

static void twenty_refusals_at_once_are_forgiven(void **state)
{
    (void)state;
    struct visit second;
    assert_false(limits_refuses(l, "192.0.2.1", now));
    assert_int_equal(strikes(&alice), 20);
    assert_true(limits_refuses(l, "192.0.2.1", now));
    assert_true(limits_refuses(l, "::ffff:192.0.2.1", now + SECONDS(10) - 1));
    assert_false(limits_refuses(l, "192.0.2.2", now));
    assert_int_equal(limits_enter(l, "bob", "192.0.2.1", false, now, &second), TURNED_AWAY);
    assert_int_equal(limits_enter(l, "alice", "198.51.100.1", false, now, &second), TURNED_AWAY);
    assert_int_equal(limits_enter(l, "alice", NULL, false, now, &second), TURNED_AWAY);
    now += SECONDS(10);
    assert_false(limits_refuses(l, "192.0.2.1", now));
    assert_int_equal(limits_enter(l, "alice", "192.0.2.1", false, now, &second), ADMITTED);
    assert_int_equal(strikes(&second), 10); // one has come back each second
    limits_leave(l, &second);
}

static void connections_that_are_refused_are_strikes(void **state)
{
    (void)state;
    struct visit second, more;
    assert_int_equal(limits_enter(l, "alice", NULL, false, now, &second), ADMITTED);
    for (int i = 0; i < 21; i++)
        assert_int_equal(limits_enter(l, "alice", NULL, false, now, &more), TOO_MANY_OF_USER);
    assert_int_equal(limits_enter(l, "alice", NULL, false, now, &more), TURNED_AWAY);
    for (int i = 0; i < 20; i++) // a refusal does not prolong itself
        assert_int_equal(limits_enter(l, "alice", NULL, false, now + SECONDS(9), &more),
                         TURNED_AWAY);
    limits_leave(l, &second);
    assert_int_equal(limits_enter(l, "alice", NULL, false, now + SECONDS(10), &more), ADMITTED);
    limits_leave(l, &more);
    assert_false(limits_refuses(l, "192.0.2.1", now)); // her address has done nothing
}

static void a_refusal_a_second_goes_on_for_ever(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(limits_strike(l, &alice, now));
        now += SECONDS(1);
    }
}

static void loopback_is_never_turned_away(void **state)
{
    (void)state;
    struct visit local, bob;
    assert_int_equal(limits_enter(l, "local", NULL, false, now, &local), ADMITTED);
    assert_int_equal(strikes(&local), 20);
    assert_false(limits_refuses(l, "127.0.0.1", now));
    assert_int_equal(limits_enter(l, "bob", NULL, false, now, &bob), ADMITTED);
    limits_leave(l, &bob);
    limits_leave(l, &local);
    assert_int_equal(limits_enter(l, "local", NULL, false, now, &local),
                     TURNED_AWAY); // but the user is
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_ALICE(connections_of_an_address_are_limited),
        WITH_ALICE(a_site_of_ipv6_counts_as_one_address),
        WITH_ALICE(connections_of_a_user_are_limited),
        WITH_ALICE(new_guests_of_an_address_come_one_a_second),
        WITH_ALICE(without_an_address_only_the_user_counts),
        WITH_ALICE(whoever_is_let_in_is_counted_but_not_refused),
        WITH_ALICE(switched_off_it_refuses_nobody),
        WITH_ALICE(twenty_refusals_at_once_are_forgiven),
        WITH_ALICE(connections_that_are_refused_are_strikes),
        WITH_ALICE(a_refusal_a_second_goes_on_for_ever),
        WITH_ALICE(loopback_is_never_turned_away),
    };
    return RUN_TESTS(argc, argv, "door", tests);
}
