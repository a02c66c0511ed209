/* Buckets, what is charged to whom, and the tables of accounts. Who may come in: door_test.c */
#include "alice.h"

#include <stdio.h>
#include <string.h>

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
        {RATE_REQUESTS, 60, MS(100)},      {RATE_FILES, 300, NS_PER_S / 30},
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

/* Or whoever comes as another guest each time would have as many rooms as they like. */
static void rooms_are_made_at_the_rate_of_the_address_too(void **state)
{
    (void)state;
    struct visit bob;
    assert_int_equal(limits_enter(l, "bob", "192.0.2.1", false, now, &bob), ADMITTED);
    assert_int_equal(take(&alice, RATE_CREATES, 15), 15);
    assert_int_equal(take(&bob, RATE_CREATES, 100), 5);
    limits_leave(l, &bob);
    assert_int_equal(limits_enter(l, "bob", "198.51.100.1", false, now, &bob), ADMITTED);
    assert_int_equal(take(&bob, RATE_CREATES, 100), 15); // of bob's own 20
    limits_leave(l, &bob);
    assert_int_equal(limits_enter(l, "carol", "192.0.2.1", false, now, &bob), ADMITTED);
    assert_int_equal(take(&bob, RATE_JOINS, 100), 30); // these are each user's own
    limits_leave(l, &bob);
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
        WITH_ALICE(messages_come_in_bursts_and_then_two_a_second),
        WITH_ALICE(a_minute_has_its_own_limit),
        WITH_ALICE(what_is_refused_costs_nothing),
        WITH_ALICE(each_rate_has_its_bucket),
        WITH_ALICE(rates_have_names),
        WITH_ALICE(nobody_pays_for_others),
        WITH_ALICE(connections_of_a_user_share_an_account),
        WITH_ALICE(coming_back_gains_nothing),
        WITH_ALICE(passwords_are_tried_slowly_by_user_and_by_address),
        WITH_ALICE(rooms_are_made_at_the_rate_of_the_address_too),
        WITH_ALICE(a_reload_counts_at_once),
        WITH_ALICE(accounts_that_are_idle_are_dropped),
        WITH_ALICE(accounts_that_matter_are_kept),
    };
    return RUN_TESTS(argc, argv, "limits", tests);
}
