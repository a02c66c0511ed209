/* Buckets, accounts and their tables, by a clock that only the test moves. */
#include <support/test_main.h>

#include <hubbub/clock.h>
#include <hubbub/limits.h>
#include <stdio.h>
#include <string.h>

#define SECONDS(n) ((int64_t)(n)*NS_PER_S)
#define MS(n) ((int64_t)(n)*NS_PER_MS)

static const struct limits_config usual = {.enabled = true,
                                           .message_burst = 5,
                                           .message_rate = 2,
                                           .messages_per_minute = 60,
                                           .joins_per_minute = 30,
                                           .creates_per_hour = 20,
                                           .moderation_per_minute = 60,
                                           .history_per_minute = 120,
                                           .connections_per_address = 3,
                                           .connections_per_user = 2};

static struct limits *l;
static int64_t now; // of the test
static struct visit alice;

static int begin(void **state)
{
    (void)state;
    now = SECONDS(1000);
    l = limits_new(&usual);
    assert_int_equal(limits_enter(l, "alice", "192.0.2.1", false, now, &alice), ADMITTED);
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (alice.user != NULL)
        limits_leave(l, &alice);
    limits_free(l);
    return 0;
}

/* How many in a row are allowed now. */
static unsigned take(const struct visit *v, enum rate rate, unsigned most)
{
    unsigned n = 0;
    while (n < most && limits_charge(l, v, rate, now) == 0)
        n++;
    return n;
}

/* ---- one bucket --------------------------------------------------------------------------------- */

static void a_bucket_starts_full_and_fills_again(void **state)
{
    (void)state;
    const struct bucket_rule rule = {.interval = MS(500), .burst = MS(2500)};
    struct bucket b = {0};
    for (int i = 0; i < 5; i++)
        assert_int_equal(bucket_take(&b, &rule, SECONDS(10)), 0);
    assert_int_equal(bucket_take(&b, &rule, SECONDS(10)), MS(500));
    assert_int_equal(bucket_take(&b, &rule, SECONDS(10)), MS(500)); // a refusal takes nothing
    assert_int_equal(bucket_wait(&b, &rule, SECONDS(10) + MS(200)), MS(300));
    assert_int_equal(bucket_take(&b, &rule, SECONDS(10) + MS(499)), MS(1));
    assert_int_equal(bucket_take(&b, &rule, SECONDS(10) + MS(500)), 0);
    assert_int_equal(bucket_take(&b, &rule, SECONDS(10) + MS(500)), MS(500));
    for (int i = 0; i < 5; i++) // however long it was left alone
        assert_int_equal(bucket_take(&b, &rule, SECONDS(10000)), 0);
    assert_int_equal(bucket_take(&b, &rule, SECONDS(10000)), MS(500));
}

static void asking_takes_nothing(void **state)
{
    (void)state;
    const struct bucket_rule rule = {.interval = SECONDS(1), .burst = SECONDS(1)};
    struct bucket b = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(bucket_wait(&b, &rule, SECONDS(10)), 0);
    assert_int_equal(bucket_take(&b, &rule, SECONDS(10)), 0);
    assert_int_equal(bucket_wait(&b, &rule, SECONDS(10)), SECONDS(1));
}

static void no_rule_is_no_limit(void **state)
{
    (void)state;
    const struct bucket_rule rule = {0};
    struct bucket b = {0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bucket_take(&b, &rule, SECONDS(10)), 0);
}

/* ---- rates -------------------------------------------------------------------------------------- */

static void messages_come_in_bursts_and_then_two_a_second(void **state)
{
    (void)state;
    assert_int_equal(take(&alice, RATE_MESSAGES, 100), 5);
    assert_int_equal(limits_charge(l, &alice, RATE_MESSAGES, now), MS(500));
    now += SECONDS(1);
    assert_int_equal(take(&alice, RATE_MESSAGES, 100), 2);
    now += SECONDS(100);
    assert_int_equal(take(&alice, RATE_MESSAGES, 100), 5);
}

/* Two a second for as long as the minute's 60 last, which come back one a second. */
static void a_minute_has_its_own_limit(void **state)
{
    (void)state;
    unsigned said = 0;
    int64_t start = now;
    for (; now < start + SECONDS(600); now += MS(100))
        said += take(&alice, RATE_MESSAGES, 100);
    assert_in_range(said, 655, 660); // 60 in hand and 60 for each of ten minutes
    now -= MS(100);                  // the last time it was asked
    assert_int_equal(take(&alice, RATE_MESSAGES, 100), 0);
    int64_t wait = limits_wait(l, &alice, RATE_MESSAGES, now);
    assert_in_range(wait, 1, SECONDS(1));
    now += wait;
    assert_int_equal(take(&alice, RATE_MESSAGES, 100), 1);
}

/* A message that one of the two refuses is taken from neither. */
static void what_is_refused_costs_nothing(void **state)
{
    (void)state;
    assert_int_equal(take(&alice, RATE_MESSAGES, 5), 5);
    for (int i = 0; i < 1000; i++)
        assert_true(limits_charge(l, &alice, RATE_MESSAGES, now) > 0);
    now += SECONDS(5); // 55 of the minute and these 5 are left, so that the burst is the limit
    assert_int_equal(take(&alice, RATE_MESSAGES, 100), 5);
}

static void each_rate_has_its_bucket(void **state)
{
    (void)state;
    static const struct {
        enum rate rate;
        unsigned burst;
        int64_t next; // until one more
    } cases[] = {
        {RATE_JOINS, 30, SECONDS(2)},      {RATE_CREATES, 20, SECONDS(180)},
        {RATE_MODERATION, 60, SECONDS(1)}, {RATE_HISTORY, 120, MS(500)},
        {RATE_REQUESTS, 60, MS(100)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases)[0]; i++) {
        assert_int_equal(take(&alice, cases[i].rate, 1000), cases[i].burst);
        assert_int_equal(limits_wait(l, &alice, cases[i].rate, now), cases[i].next);
    }
    assert_int_equal(take(&alice, RATE_MESSAGES, 1000), 5); // untouched by all of those
}

static void rates_have_names(void **state)
{
    (void)state;
    assert_string_equal(rate_name(RATE_MESSAGES), "messages");
    for (enum rate r = 0; r < RATE_COUNT; r++)
        assert_true(strlen(rate_name(r)) > 0);
}

static void nobody_pays_for_others(void **state)
{
    (void)state;
    struct visit bob;
    assert_int_equal(limits_enter(l, "bob", "192.0.2.1", false, now, &bob), ADMITTED);
    assert_int_equal(take(&alice, RATE_MESSAGES, 100), 5);
    assert_int_equal(take(&bob, RATE_MESSAGES, 100), 5);
    limits_leave(l, &bob);
}

static void connections_of_a_user_share_an_account(void **state)
{
    (void)state;
    struct visit second;
    assert_int_equal(limits_enter(l, "alice", "198.51.100.1", false, now, &second), ADMITTED);
    assert_int_equal(take(&alice, RATE_MESSAGES, 3), 3);
    assert_int_equal(take(&second, RATE_MESSAGES, 100), 2);
    limits_leave(l, &second);
}

static void coming_back_gains_nothing(void **state)
{
    (void)state;
    assert_int_equal(take(&alice, RATE_MESSAGES, 100), 5);
    limits_leave(l, &alice);
    assert_int_equal(limits_enter(l, "alice", "192.0.2.1", false, now, &alice), ADMITTED);
    assert_int_equal(take(&alice, RATE_MESSAGES, 100), 0);
}

static void passwords_are_tried_slowly_by_user_and_by_address(void **state)
{
    (void)state;
    struct visit bob;
    for (int i = 0; i < 10; i++)
        assert_int_equal(limits_charge_password(l, &alice, now), 0);
    assert_int_equal(limits_charge_password(l, &alice, now), SECONDS(10));
    // another name from there does not help, another address does
    assert_int_equal(limits_enter(l, "bob", "192.0.2.1", false, now, &bob), ADMITTED);
    assert_int_equal(limits_charge_password(l, &bob, now), SECONDS(10));
    limits_leave(l, &bob);
    assert_int_equal(limits_enter(l, "bob", "198.51.100.1", false, now, &bob), ADMITTED);
    assert_int_equal(limits_charge_password(l, &bob, now), 0);
    limits_leave(l, &bob);
    assert_int_equal(limits_charge_password(l, &alice, now + SECONDS(10)), 0);
}

/* ---- reload ------------------------------------------------------------------------------------- */

static void a_reload_counts_at_once(void **state)
{
    (void)state;
    struct limits_config other = usual;
    other.joins_per_minute = 2;
    other.message_burst = other.messages_per_minute = 0; // no limit
    limits_configure(l, &other);
    assert_int_equal(take(&alice, RATE_JOINS, 100), 2);
    assert_int_equal(take(&alice, RATE_MESSAGES, 1000), 1000);
    other.enabled = false;
    limits_configure(l, &other);
    assert_int_equal(take(&alice, RATE_JOINS, 1000), 1000);
    for (int i = 0; i < 100; i++)
        assert_true(limits_strike(l, &alice, now));
}

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

/* ---- the tables --------------------------------------------------------------------------------- */

/* Many come once: they are forgotten when they are as if they had never been. */
static void accounts_that_are_idle_are_dropped(void **state)
{
    (void)state;
    struct visit v;
    char name[32], address[64];
    uint32_t most = 0;
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "guest%u", i);
        snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        assert_int_equal(limits_enter(l, name, address, false, now, &v), ADMITTED);
        assert_int_equal(limits_charge(l, &v, RATE_MESSAGES, now), 0);
        limits_leave(l, &v);
        now += MS(10); // full again after a second, so about a hundred are not
        most = limits_accounts(l) > most ? limits_accounts(l) : most;
    }
    assert_in_range(most, 100, 1024);
}

/* Accounts that owe something, or have a connection, survive every growth of the table. */
static void accounts_that_matter_are_kept(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    static struct visit v[MANY];
    struct visit late;
    char name[32];
    assert_int_equal(take(&alice, RATE_CREATES, 100), 20);
    limits_leave(l, &alice); // her bucket needs an hour
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "user%u", i);
        assert_int_equal(limits_enter(l, name, NULL, false, now, &v[i]), ADMITTED);
        assert_int_equal(limits_charge(l, &v[i], RATE_HISTORY, now), 0);
    }
    assert_true(limits_accounts(l) >= MANY + 1);
    for (unsigned i = 0; i < MANY; i += 97) {
        snprintf(name, sizeof(name), "user%u", i);
        assert_int_equal(limits_enter(l, name, NULL, false, now, &late), ADMITTED);
        assert_ptr_equal(late.user, v[i].user);
        limits_leave(l, &late);
    }
    assert_int_equal(limits_enter(l, "alice", "192.0.2.1", false, now, &alice), ADMITTED);
    assert_int_equal(take(&alice, RATE_CREATES, 100), 0);
    for (unsigned i = 0; i < MANY; i++)
        limits_leave(l, &v[i]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_starts_full_and_fills_again),
        cmocka_unit_test(asking_takes_nothing),
        cmocka_unit_test(no_rule_is_no_limit),
#define WITH_ALICE(test) cmocka_unit_test_setup_teardown(test, begin, end)
        WITH_ALICE(messages_come_in_bursts_and_then_two_a_second),
        WITH_ALICE(a_minute_has_its_own_limit),
        WITH_ALICE(what_is_refused_costs_nothing),
        WITH_ALICE(each_rate_has_its_bucket),
        WITH_ALICE(rates_have_names),
        WITH_ALICE(nobody_pays_for_others),
        WITH_ALICE(connections_of_a_user_share_an_account),
        WITH_ALICE(coming_back_gains_nothing),
        WITH_ALICE(passwords_are_tried_slowly_by_user_and_by_address),
        WITH_ALICE(a_reload_counts_at_once),
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
        WITH_ALICE(accounts_that_are_idle_are_dropped),
        WITH_ALICE(accounts_that_matter_are_kept),
    };
    return RUN_TESTS(argc, argv, "limits", tests);
}
