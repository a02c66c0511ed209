/*
 * The table of options is sound in every row, and values of each type are read, refused and printed.
 */
#include "support/test_main.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "server/options.h"

static const struct option_row *row(const char *name)
{
    const struct option_row *r = option_find(name, strlen(name));
    assert_non_null(r);
    return r;
}

static void accepts(struct config *c, const char *name, const char *text)
{
    char why[200];
    const char *wrong = option_set(row(name), c, text, why, sizeof(why));
    if (wrong != NULL)
        fail_msg("%s = '%s': %s", name, text, wrong);
}

static void refuses(const char *name, const char *text, const char *because)
{
    struct config c = {0}, same = {0};
    char why[200];
    const char *wrong = option_set(row(name), &c, text, why, sizeof(why));
    if (wrong == NULL || strstr(wrong, because) == NULL)
        fail_msg("%s = '%s': got '%s', want '%s'", name, text, wrong ? wrong : "accepted", because);
    assert_memory_equal(&c, &same, sizeof(c));
}

static void table_is_sound(void **state)
{
    (void)state;
    for (const struct option_row *r = options; r->name != NULL; r++) {
        assert_ptr_equal(row(r->name), r); // no name twice
        assert_non_null(r->help);
        assert_non_null(r->group);
        assert_true(r->min <= r->max);
        assert_true((r->type == OPTION_CHOICE) == (r->choices != NULL));
        assert_null(strchr(r->name, '_')); // the environment could not tell
        for (const struct option_row *q = r + 1; q->name != NULL; q++)
            if (strcmp(q->group, r->group) == 0)
                assert_string_equal(q[-1].group, r->group); // groups are whole
    }
}

static void every_default_reads_and_prints_alike(void **state)
{
    (void)state;
    struct config c = {0}, again = {0};
    char text[64];

    for (const struct option_row *r = options; r->name != NULL; r++) {
        if (r->initial == NULL)
            continue;
        accepts(&c, r->name, r->initial);
        accepts(&again, r->name, option_text(r, &c, 0, text, sizeof(text)));
        assert_true(option_equal(r, &c, &again));
    }
    config_free(&c);
    config_free(&again);
}

/* A row of a wrong type or place would write over its neighbours. */
static void every_row_writes_only_its_field(void **state)
{
    (void)state;
    for (const struct option_row *r = options; r->name != NULL; r++) {
        struct config c = {0};
        if (r->initial == NULL)
            continue;
        accepts(&c, r->name, r->initial);
        for (const struct option_row *q = options; q->name != NULL; q++)
            if (q != r)
                assert_true(option_equal(q, &c, &(struct config){0}));
        config_free(&c);
    }
}

static void counts(void **state)
{
    (void)state;
    struct config c = {0};
    accepts(&c, "port", "0");
    assert_int_equal(c.port, 0);
    accepts(&c, "port", "65535");
    assert_int_equal(c.port, 65535);
    refuses("port", "65536", "out of range, want 0 to 65535");
    refuses("port", "-1", "out of range");
    refuses("port", "99999999999999999999", "out of range");
    refuses("port", "", "not a whole number");
    refuses("port", "http", "not a whole number");
    refuses("port", " 80", "not a whole number");
    refuses("port", "80 ", "not a whole number");
    refuses("port", "8e3", "not a whole number");
    refuses("port", "1K", "not a whole number");
    refuses("max-per-room", "0", "out of range");
}

static void sizes(void **state)
{
    (void)state;
    struct config c = {0};
    char text[64];
    accepts(&c, "max-message", "512");
    assert_int_equal(c.max_message, 512);
    accepts(&c, "max-message", "16k");
    assert_int_equal(c.max_message, 16384);
    accepts(&c, "max-message", "2M");
    assert_int_equal(c.max_message, 2097152);
    assert_string_equal(option_text(row("max-message"), &c, 0, text, sizeof(text)), "2M");
    accepts(&c, "retain-bytes", "3g");
    assert_int_equal(c.retain_bytes, INT64_C(3221225472));
    assert_string_equal(option_text(row("retain-bytes"), &c, 0, text, sizeof(text)), "3G");
    accepts(&c, "max-message", "1025");
    assert_string_equal(option_text(row("max-message"), &c, 0, text, sizeof(text)), "1025");
    refuses("max-message", "17M", "want 64 to 16M");
    refuses("max-message", "9223372036854775807M", "out of range");
    refuses("max-message", "16kb", "not a size");
    refuses("max-message", "much", "not a size, as in 4096");
    refuses("max-message", "", "not a size");
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
        const char *printed;
    } all[] = {
        {"54", INT64_C(54000000000), "54s"},     {"54s", INT64_C(54000000000), "54s"},
        {"500ms", 500000000, "500ms"},           {"2m", INT64_C(120000000000), "2m"},
        {"90s", INT64_C(90000000000), "90s"},    {"1h", INT64_C(3600000000000), "1h"},
        {"60000MS", INT64_C(60000000000), "1m"}, {"20000001ns", 20000001, "20000001ns"},
    };
    struct config c = {0};
    char text[64];
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        accepts(&c, "pong-wait", all[i].text);
        assert_int_equal(c.pong_wait_ns, all[i].ns);
        assert_string_equal(option_text(row("pong-wait"), &c, 0, text, sizeof(text)),
                            all[i].printed);
    }
    accepts(&c, "retain", "36500d");
    assert_int_equal(c.retain_ns, INT64_C(36500) * 86400 * 1000000000);
    accepts(&c, "retain", "48H");
    assert_string_equal(option_text(row("retain"), &c, 0, text, sizeof(text)), "2d");
    refuses("retain", "36501d", "want 0 to 36500d");
    refuses("retain", "1w", "not a time");
    refuses("retain", "forever", "not a time, as in 500ms");
    refuses("retain", " 1d", "not a time");
    refuses("pong-wait", "1y", "not a time");
    refuses("pong-wait", "1.5s", "not a time");
    refuses("pong-wait", "0", "want 10ms to 1d");
    refuses("pong-wait", "9223372036854775807h", "out of range");
    accepts(&c, "drain", "0");
    assert_int_equal(c.drain_ns, 0);
}

static void flags_and_choices(void **state)
{
    (void)state;
    static const char *const yes[] = {"yes", "true", "ON", "1"}, *const no[] = {"no", "false",
                                                                                "off", "0"};
    struct config c = {0};
    for (size_t i = 0; i < 4; i++) {
        accepts(&c, "echo", yes[i]);
        assert_true(c.echo);
        accepts(&c, "echo", no[i]);
        assert_false(c.echo);
    }
    refuses("echo", "maybe", "neither yes nor no");
    accepts(&c, "log", "json");
    assert_int_equal(c.log, CONFIG_LOG_JSON);
    accepts(&c, "log-level", "debug");
    assert_int_equal(c.log_level, CONFIG_LEVEL_DEBUG);
    accepts(&c, "log-level", "error");
    assert_int_equal(c.log_level, CONFIG_LEVEL_ERROR);
    refuses("log-level", "warning", "not one of error|warn|info|debug");
    refuses("log", "", "not one of");
}

static void lists_grow_and_empty(void **state)
{
    (void)state;
    struct config c = {0};
    accepts(&c, "origin", "https://a.example, https://b.example");
    accepts(&c, "origin", "null");
    assert_int_equal(c.origin.n, 3);
    assert_string_equal(c.origin.item[1], "https://b.example");
    assert_string_equal(c.origin.item[2], "null");
    accepts(&c, "origin", "");
    assert_int_equal(c.origin.n, 0);
    accepts(&c, "listen", "127.0.0.1:80,[::1]:80,localhost:0,unix:/run/hubbub.sock");
    assert_int_equal(c.listen.n, 4);
    config_free(&c);
}

static void origins_and_addresses_are_checked(void **state)
{
    (void)state;
    refuses("origin", "example.org", "want scheme://host");
    refuses("origin", "https://", "");
    refuses("origin", "https://a.example/", "no path");
    refuses("origin", "https://good.example,bad", "'bad'");
    refuses("listen", "80", "want host:port");
    refuses("listen", "::1:80", "want host:port");
    refuses("listen", "[::1:80", "want host:port");
    refuses("listen", "host:", "port must be");
    refuses("listen", "host:x", "port must be");
    refuses("listen", "host:70000", "port must be");
    refuses("listen", "unix:here", "path from the root");
    refuses("auth-alg", "none", "no such algorithm");
    refuses("auth-alg", "hs256", "no such algorithm");
    refuses("admin", "alice,\t", "1 to 64 bytes");
    refuses("trusted-proxy", "proxy.example", "want an address");
    refuses("trusted-proxy", "10.0.0.0/33", "want an address");
    refuses("message-burst", "-1", "out of range");
    refuses("node", "a\nb", "control characters");
    refuses("web", "/srv/a ;b", "no spaces");
}

static void near_names_are_suggested(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *meant;
    } all[] = {
        {"prot", "port"},
        {"max_per_room", "max-per-room"},
        {"maxperroom", "max-per-room"},
        {"loglevel", "log-level"},
        {"orgin", "origin"},
        {"max-conn", "max-connections"},
        {"pingperiod", "ping-period"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const char *like = option_suggest(all[i].typed, strlen(all[i].typed));
        assert_non_null(like);
        assert_string_equal(like, all[i].meant);
    }
    assert_null(option_suggest("zzzzzz", 6));
    assert_null(option_suggest("", 0));
    char endless[1000];
    memset(endless, 'x', sizeof(endless));
    assert_null(option_suggest(endless, sizeof(endless)));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(every_default_reads_and_prints_alike),
        cmocka_unit_test(every_row_writes_only_its_field),
        cmocka_unit_test(counts),
        cmocka_unit_test(sizes),
        cmocka_unit_test(times),
        cmocka_unit_test(flags_and_choices),
        cmocka_unit_test(lists_grow_and_empty),
        cmocka_unit_test(origins_and_addresses_are_checked),
        cmocka_unit_test(near_names_are_suggested),
    };
    return RUN_TESTS(argc, argv, "options", tests);
}
