/*
 * What each part is told comes from its own option.
 */
#include "support/test_main.h"

#include "server/settings.h"

#include <string.h>

static struct config load(char **argv)
{
    struct config c;
    char err[300];
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    if (config_load(&c, argc, argv, err, sizeof err) != CONFIG_RUN)
        fail_msg("%s", err);
    return c;
}

#define LOAD(...) load((char **)(uintptr_t)(const char *[]){"hubbub", __VA_ARGS__, NULL})

static void rates(void **state)
{
    (void)state;
    struct config c =
        LOAD("--message-burst=1", "--message-rate=2", "--messages-per-minute=3",
             "--joins-per-minute=4", "--creates-per-hour=5", "--moderation-per-minute=6",
             "--history-per-minute=7", "--connections-per-address=8", "--connections-per-user=9");
    struct limits_config l = limits_settings(&c);
    assert_true(l.enabled);
    assert_int_equal(l.message_burst, 1);
    assert_int_equal(l.message_rate, 2);
    assert_int_equal(l.messages_per_minute, 3);
    assert_int_equal(l.joins_per_minute, 4);
    assert_int_equal(l.creates_per_hour, 5);
    assert_int_equal(l.moderation_per_minute, 6);
    assert_int_equal(l.history_per_minute, 7);
    assert_int_equal(l.connections_per_address, 8);
    assert_int_equal(l.connections_per_user, 9);
    config_free(&c);
    c = LOAD("--no-rate-limits");
    assert_false(limits_settings(&c).enabled);
    config_free(&c);
}

static void rooms(void **state)
{
    (void)state;
    struct config c = LOAD("--max-per-room=1", "--max-rooms=2", "--max-rooms-per-client=3",
                           "--notice-limit=4", "--no-open-rooms", "--admin", "alice,bob");
    struct settings s = hub_settings(&c);
    assert_int_equal(s.max_per_room, 1);
    assert_int_equal(s.max_rooms, 2);
    assert_int_equal(s.max_rooms_per_client, 3);
    assert_int_equal(s.notice_limit, 4);
    assert_false(s.open_rooms);
    assert_int_equal(s.noperators, 2);
    assert_string_equal(s.operators[1], "bob");
    config_free(&c);
    c = LOAD("--open-rooms");
    assert_true(hub_settings(&c).open_rooms);
    config_free(&c);
}

static void messages(void **state)
{
    (void)state;
    struct config c = LOAD("--edit-window=1s", "--delete-window=2s", "--history-memory=3",
                           "--history-memory-bytes=4K", "--retain=5s", "--retain-messages=6",
                           "--retain-bytes=7K");
    struct settings s = hub_settings(&c);
    assert_int_equal(s.edit_window_ms, 1000);
    assert_int_equal(s.delete_window_ms, 2000);
    assert_int_equal(s.history_memory, 3);
    assert_int_equal(s.history_memory_bytes, 4096);
    struct retention keep = retention_settings(&c);
    assert_int_equal(keep.age_ms, 5000);
    assert_int_equal(keep.per_room, 6);
    assert_int_equal(keep.bytes, 7168);
    config_free(&c);
}

static void identity(void **state)
{
    (void)state;
    struct config c =
        LOAD("--auth", "token", "--auth-key", "/a,/b", "--auth-jwks", "/c", "--auth-alg", "ES256",
             "--auth-issuer", "me", "--auth-audience", "chat", "--data", "/d");
    struct identity_config i = identity_settings(&c);
    assert_int_equal(i.mode, AUTH_TOKEN);
    assert_int_equal(i.nkeys, 2);
    assert_string_equal(i.keys[0], "/a");
    assert_string_equal(i.jwks, "/c");
    assert_string_equal(i.alg, "ES256");
    assert_string_equal(i.issuer, "me");
    assert_string_equal(i.audience, "chat");
    assert_string_equal(i.directory, "/d");
    config_free(&c);
    /* the choices are in the order of the enum */
    c = LOAD("--auth", "guest", "--store", "memory");
    i = identity_settings(&c);
    assert_int_equal(i.mode, AUTH_GUEST);
    assert_null(i.directory);
    assert_null(i.alg);
    config_free(&c);
    c = LOAD("--auth", "both");
    assert_int_equal(identity_settings(&c).mode, AUTH_BOTH);
    config_free(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),
        cmocka_unit_test(rooms),
        cmocka_unit_test(messages),
        cmocka_unit_test(identity),
    };
    return RUN_TESTS(argc, argv, "settings", tests);
}
