/* Limits by a clock that only the test moves, and alice, who has come in through them. */
#ifndef HUBBUB_TEST_CLIENT_ALICE_H
#define HUBBUB_TEST_CLIENT_ALICE_H

#include <support/test_main.h>

#include <hubbub/clock.h>
#include <hubbub/limits.h>

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

#define WITH_ALICE(test) cmocka_unit_test_setup_teardown(test, begin, end)

#endif
