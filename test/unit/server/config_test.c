/*
 * Configuration from its sources: which one wins, what is refused and in which words, what a reload
 * takes over, and that what is printed reads back.
 */
#include "support/test_main.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hubbub/config.h>
#include <hubbub/err.h>
#include <hubbub/identity.h>

#include "server/options.h"

/* An argv of these words after the program's name. The detour by an integer is for -Wwrite-strings:
 * config_load takes what main() gets, and writes to none of it. */
#define ARGV(...) ((char **)(uintptr_t)(const char *[]){"hubbub", __VA_ARGS__ __VA_OPT__(, ) NULL})

static int count(char **argv)
{
    int n = 0;
    while (argv[n] != NULL)
        n++;
    return n;
}

static struct config load(char **argv)
{
    struct config c;
    char err[500];
    if (config_load(&c, count(argv), argv, err, sizeof(err)) != CONFIG_RUN)
        fail_msg("%s", err);
    return c;
}

static void refuses(char **argv, const char *words)
{
    struct config c, empty = {0};
    char err[500] = "";
    assert_int_equal(config_load(&c, count(argv), argv, err, sizeof(err)), CONFIG_ERROR);
    if (strstr(err, words) == NULL)
        fail_msg("got '%s', want '%s'", err, words);
    assert_null(strchr(err, '\n'));
    assert_memory_equal(&c, &empty, sizeof(c));
}

/* The ini file of the test at hand. */
static char path[] = "/tmp/hubbub-config-XXXXXX";

static char *ini(const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static int clean_environment(void **state)
{
    (void)state;
    static const char *const used[] = {"PORT",  "MAX_PER_ROOM", "ORIGIN", "CONFIG", "PROT",
                                       "CHECK", "ECHO",         "DATA",   "RETAIN"};
    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
        char name[40];
        snprintf(name, sizeof(name), "HUBBUB_%s", used[i]);
        unsetenv(name);
    }
    return 0;
}

/* ---- what is loaded ------------------------------------------------------------------------------ */

static void defaults(void **state)
{
    (void)state;
    struct config c = load(ARGV());
    assert_int_equal(c.port, 8080);
    assert_int_equal(c.max_connections, 0);
    assert_int_equal(c.max_per_room, 1000);
    assert_int_equal(c.max_rooms, 100000);
    assert_int_equal(c.max_rooms_per_client, 100);
    assert_int_equal(c.notice_limit, 100);
    assert_int_equal(c.max_message, 16384);
    assert_true(c.pong_wait_ns == INT64_C(60000000000));
    assert_true(c.ping_period_ns == INT64_C(54000000000));
    assert_true(c.write_wait_ns == INT64_C(10000000000));
    assert_true(c.handshake_wait_ns == INT64_C(10000000000));
    assert_true(c.close_wait_ns == INT64_C(5000000000));
    assert_true(c.idle_wait_ns == INT64_C(30000000000));
    assert_true(c.drain_ns == INT64_C(10000000000));
    assert_int_equal(c.send_queue, 256);
    assert_int_equal(c.hub_queue, 4096);
    assert_int_equal(c.listen.n, 0);
    assert_int_equal(c.origin.n, 0);
    assert_null(c.web);
    assert_false(c.echo);
    assert_int_equal(c.auth, AUTH_BOTH);
    assert_int_equal(c.auth_key.n, 0);
    assert_null(c.auth_jwks);
    assert_null(c.auth_alg);
    assert_null(c.auth_issuer);
    assert_null(c.auth_audience);
    assert_int_equal(c.admin.n, 0);
    assert_int_equal(c.trusted_proxy.n, 0);
    assert_string_equal(c.data, "./hubbub-data");
    assert_string_equal(c.store, "sqlite");
    assert_int_equal(c.sync, CONFIG_SYNC_FULL);
    assert_true(c.edit_window_ns == INT64_C(3) * 3600 * 1000000000);
    assert_true(c.delete_window_ns == INT64_C(600) * 1000000000);
    assert_int_equal(c.history_memory, 256);
    assert_int_equal(c.history_memory_bytes, 262144);
    assert_int_equal(c.retain_ns, 0);
    assert_int_equal(c.retain_messages, 0);
    assert_int_equal(c.retain_bytes, 0);
    assert_true(c.open_rooms);
    assert_true(c.rate_limits);
    assert_int_equal(c.message_burst, 5);
    assert_int_equal(c.message_rate, 2);
    assert_int_equal(c.messages_per_minute, 60);
    assert_int_equal(c.joins_per_minute, 30);
    assert_int_equal(c.creates_per_hour, 20);
    assert_int_equal(c.moderation_per_minute, 60);
    assert_int_equal(c.history_per_minute, 120);
    assert_int_equal(c.connections_per_address, 100);
    assert_int_equal(c.connections_per_user, 20);
    assert_int_equal(c.log, CONFIG_LOG_LOGFMT);
    assert_int_equal(c.log_level, CONFIG_LEVEL_INFO);
    assert_true(strlen(c.node) > 0);
    config_free(&c);
}

static void stronger_sources_win(void **state)
{
    (void)state;
    struct config c = load(ARGV("--config", ini("port = 1\nmax-per-room = 1\nhub-queue = 100\n")));
    assert_int_equal(c.port, 1);
    config_free(&c);

    setenv("HUBBUB_PORT", "2", 1);
    setenv("HUBBUB_MAX_PER_ROOM", "2", 1);
    setenv("HUBBUB_CONFIG", path, 1);
    c = load(ARGV("--max-per-room=3"));
    assert_int_equal(c.hub_queue, 100);
    assert_int_equal(c.port, 2);
    assert_int_equal(c.max_per_room, 3);
    assert_string_equal(c.config, path);
    config_free(&c);
}

static void a_list_replaces_the_weaker_one(void **state)
{
    (void)state;
    ini("origin = https://a.example\norigin = https://b.example\n");
    struct config c = load(ARGV("--config", path));
    assert_int_equal(c.origin.n, 2);
    config_free(&c);

    c = load(ARGV("--config", path, "--origin", "null", "--origin",
                  "https://c.example,https://d.example"));
    assert_int_equal(c.origin.n, 3);
    assert_string_equal(c.origin.item[0], "null");
    config_free(&c);

    setenv("HUBBUB_ORIGIN", "", 1);
    c = load(ARGV("--config", path));
    assert_int_equal(c.origin.n, 0);
    config_free(&c);
}

static void flags_on_and_off(void **state)
{
    (void)state;
    setenv("HUBBUB_ECHO", "yes", 1);
    struct config c = load(ARGV());
    assert_true(c.echo);
    c = (config_free(&c), load(ARGV("--no-echo")));
    assert_false(c.echo);
    c = (config_free(&c), load(ARGV("--no-echo", "--echo")));
    assert_true(c.echo);
    c = (config_free(&c), load(ARGV("--echo=no")));
    assert_false(c.echo);
    config_free(&c);
}

static void actions(void **state)
{
    (void)state;
    struct config c;
    char err[200];
    assert_int_equal(config_load(&c, 2, ARGV("--help"), err, sizeof(err)), CONFIG_HELP);
    assert_int_equal(config_load(&c, 2, ARGV("-h"), err, sizeof(err)), CONFIG_HELP);
    assert_int_equal(config_load(&c, 3, ARGV("--version", "--nonsense"), err, sizeof(err)),
                     CONFIG_VERSION);
    assert_int_equal(config_load(&c, 4, ARGV("--check", "--port", "99"), err, sizeof(err)),
                     CONFIG_CHECK);
    assert_int_equal(c.port, 99);
    config_free(&c);
    refuses(ARGV("--check", "--port", "x"), "--port: 'x' is not a whole number");
}

/* ---- what is refused ----------------------------------------------------------------------------- */

static void bad_arguments(void **state)
{
    (void)state;
    refuses(ARGV("--prot", "80"), "--prot: no such option, did you mean --port?");
    refuses(ARGV("--zzzzzz"), "--zzzzzz: no such option, see hubbub --help");
    refuses(ARGV("--port", "70000"), "--port: 70000 is out of range, want 0 to 65535");
    refuses(ARGV("--port"), "--port: wants a value: --port N");
    refuses(ARGV("--log"), "--log: wants a value: --log logfmt|json");
    refuses(ARGV("--port", "--port", "25100"), "--port: wants a value: --port N");
    refuses(ARGV("--commit-delay", "--port", "25100"), "--commit-delay: wants a value");
    refuses(ARGV("--retain", "forever"), "--retain: 'forever' is not a time, as in 500ms");
    refuses(ARGV("--max-file", "much"), "--max-file: 'much' is not a size, as in 4096");
    refuses(ARGV("--no-port"), "--no-port: --no- is for flags");
    refuses(ARGV("--no-echo=yes"), "--no-echo: --no- is for flags");
    refuses(ARGV("--help=me"), "--help: takes no value");
    refuses(ARGV("8080"), "8080: want --name value");
    refuses(ARGV("--"), "--: want --name value");
    refuses(ARGV("--ping-period", "60", "--pong-wait", "60"),
            "--ping-period must be less than --pong-wait");
    refuses(ARGV("--web", "/nowhere/at/all"), "--web: /nowhere/at/all: No such file");
    refuses(ARGV("--web", "/dev/null"), "is not a directory");
    refuses(ARGV("--auth-key", "/a.pem"), "--auth-alg must say which algorithm");
    refuses(ARGV("--auth-jwks", "/a.json"), "--auth-alg must say which algorithm");
    refuses(ARGV("--auth-alg", "RS256"), "--auth-alg needs the keys");
    refuses(ARGV("--data", ""), "--data wants a directory");
}

/* Beside or above what overrules it an option would be dropped without a word; below, it is overruled. */
static void what_would_be_dropped_is_refused(void **state)
{
    (void)state;
    const char *no_port = "--port is not used beside --listen";
    const char *no_data = "--data is not used with --store memory";
    refuses(ARGV("--port", "1", "--listen", "[::1]:1"), no_port);
    refuses(ARGV("--config", ini("listen = [::1]:1\n"), "--port", "1"), no_port);
    refuses(ARGV("--store", "memory", "--data", "/d"), no_data);
    refuses(ARGV("--config", ini("store = memory\n"), "--data", "/d"), no_data);
    refuses(ARGV("--config", ini("store = memory\ndata = /d\n")), no_data);
    refuses(ARGV("--config", ini("data = /d\n"), "--store", "memory", "--retain-messages", "9"),
            "--retain-messages is not used with --store memory");
    refuses(ARGV("--store", "memory", "--sync", "full"), "--sync is not used");
    refuses(ARGV("--retain=1d", "--store=memory"), "--retain is not used");
    refuses(ARGV("--retain-bytes=1G", "--store=memory"), "--retain-bytes is not used");

    setenv("HUBBUB_PORT", "1", 1);
    setenv("HUBBUB_DATA", "/d", 1);
    struct config c = load(ARGV("--listen", "[::1]:1", "--store", "memory"));
    assert_int_equal(c.listen.n, 1);
    config_free(&c);
    c = load(ARGV("--config", ini("store = memory\nlisten = [::1]:1\n"), "--listen", "", "--port",
                  "2", "--store", "sqlite"));
    assert_int_equal(c.port, 2);
    assert_string_equal(c.data, "/d");
    config_free(&c);
}

static void bad_environment(void **state)
{
    (void)state;
    setenv("HUBBUB_PORT", "eighty", 1);
    refuses(ARGV(), "HUBBUB_PORT: 'eighty' is not a whole number");
    clean_environment(NULL);
    setenv("HUBBUB_PROT", "80", 1);
    refuses(ARGV(), "HUBBUB_PROT: no such option, did you mean HUBBUB_PORT?");
    clean_environment(NULL);
    setenv("HUBBUB_CHECK", "yes", 1);
    refuses(ARGV(), "HUBBUB_CHECK: only on the command line");
}

static void bad_file(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } all[] = {
        {"port = 80\nprot = 81\n", ":2: prot: no such option, did you mean port?"},
        {"\n; comment\nport = x\n", ":3: port: 'x' is not a whole number"},
        {"port\n", ":1: want name = value"},
        {"[limits]\nport = 80\n", ":1: no sections here, but there is [limits]"},
        {"\n[limits]\n; 3\nport = 80\n", ":2: no sections here"},
        {"listen = [::1]:1\nport = 1\n", ":2: port, "},
        {"listen = [::1]:1\nport = 1\n", ":1: listen)"},
        {"\nping-period = 9s\n\npong-wait = 9s\n", ":2: ping-period)"},
        {"port = 1\n\nweb = /nowhere\n", "No such file or directory ("},
        {"port = 1\n\nweb = /nowhere\n", ":3: web)"},
        {"check = yes\n", ":1: check: only on the command line"},
        {"config = other.ini\n", ":1: config: only on the command line"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        refuses(ARGV("--config", ini(all[i].text)), all[i].words);

    /* What came from elsewhere has no line. */
    refuses(ARGV("--config", ini("web = /a\n"), "--web", "/nowhere/at/all"), "No such file");
    struct config c;
    char err[512];
    char **argv = ARGV("--config", ini("web = /a\n"), "--web", "/nowhere/at/all");
    assert_int_equal(config_load(&c, count(argv), argv, err, sizeof(err)), CONFIG_ERROR);
    assert_null(strstr(err, " (/"));

    char endless[600] = "origin = https://";
    memset(endless + strlen(endless), 'a', 400);
    refuses(ARGV("--config", ini(endless)), ":1: longer than");
    refuses(ARGV("--config", "/nowhere/hubbub.ini"),
            "--config: cannot read /nowhere/hubbub.ini: No such");
    refuses(ARGV("--config", "/tmp"), "--config: cannot read /tmp: Is a directory");
}

/* ---- reload and print ---------------------------------------------------------------------------- */

static void reload_takes_what_it_may(void **state)
{
    (void)state;
    struct config old, fresh;
    char kept[200], err[200];
    char **argv = ARGV("--config", ini("port = 1\nlog-level = info\nmax-per-room = 10\n"));
    old = load(argv);

    ini("port = 2\nshards = 3\nlog-level = debug\nmax-per-room = 20\norigin = null\n"
        "sync = normal\nretain = 1h\nretain-messages = 2\nretain-bytes = 3K\n"
        "edit-window = 4s\ndelete-window = 5s\nhistory-memory = 6\n");
    assert_int_equal(config_reload(&old, &fresh, 3, argv, kept, sizeof(kept), err, sizeof(err)), 0);
    assert_string_equal(kept, "port, sync, history-memory, shards");
    assert_true(fresh.retain_ns == INT64_C(3600000000000));
    assert_int_equal(fresh.retain_messages, 2);
    assert_int_equal(fresh.retain_bytes, 3072);
    assert_true(fresh.edit_window_ns == INT64_C(4000000000));
    assert_true(fresh.delete_window_ns == INT64_C(5000000000));
    assert_int_equal(fresh.history_memory, 256);
    assert_int_equal(fresh.port, 1);
    assert_int_equal(fresh.shards, 0);
    assert_int_equal(fresh.log_level, CONFIG_LEVEL_DEBUG);
    assert_int_equal(fresh.max_per_room, 20);
    assert_int_equal(fresh.origin.n, 1);
    config_free(&fresh);

    ini("port = 1\n");
    assert_int_equal(config_reload(&old, &fresh, 3, argv, kept, sizeof(kept), err, sizeof(err)), 0);
    assert_string_equal(kept, "");
    assert_int_equal(fresh.max_per_room, 1000); // gone from the file: the default again
    config_free(&fresh);

    ini("log-level = loud\n");
    assert_int_equal(config_reload(&old, &fresh, 3, argv, kept, sizeof(kept), err, sizeof(err)),
                     ERR_INVALID);
    assert_non_null(strstr(err, ":1: log-level: 'loud'"));
    config_free(&old);
}

static void all_but_the_file_prints_and_reads_back(void **state)
{
    (void)state;
    struct config c = load(
        ARGV("--listen", "[::1]:1,unix:/run/x.sock", "--origin", "https://a.example", "--web",
             "/tmp", "--echo", "--node", "blue one", "--pong-wait", "1h", "--ping-period", "1500ms",
             "--max-message", "1000", "--log", "json", "--log-level", "warn", "--carriers", "7"));
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    config_print(&c, f);
    fclose(f);
    struct config again = load(ARGV("--config", path));
    for (const struct option_row *row = options; row->name != NULL; row++)
        if (strcmp(row->name, "config") != 0 && !option_equal(row, &c, &again))
            fail_msg("%s did not read back", row->name);
    config_free(&c);
    config_free(&again);
}

static void what_is_not_used_is_not_printed_as_if(void **state)
{
    (void)state;
    setenv("HUBBUB_PORT", "4242", 1);
    setenv("HUBBUB_DATA", "/d", 1);
    setenv("HUBBUB_RETAIN", "30d", 1);
    struct config c = load(ARGV("--listen", "[::1]:1", "--store", "memory"));
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    config_print(&c, f);
    fclose(f);
    clean_environment(NULL);
    struct config again = load(ARGV("--config", path)); // or the file would contradict itself
    assert_string_equal(again.store, "memory");
    assert_int_equal(again.port, 8080);
    assert_int_equal(again.retain_ns, 0);
    config_free(&c);
    config_free(&again);
}

static void help_names_every_option(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    config_help(f);
    fclose(f);
    for (const struct option_row *row = options; row->name != NULL; row++) {
        char line[60];
        snprintf(line, sizeof(line), "\n  --%s%s", row->type == OPTION_FLAG ? "[no-]" : "",
                 row->name);
        assert_non_null(strstr(text, line));
    }
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        assert_in_range(strlen(line), 1, 90);
    free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, clean_environment, clean_environment)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(stronger_sources_win),
        TEST(a_list_replaces_the_weaker_one),
        TEST(flags_on_and_off),
        TEST(actions),
        TEST(bad_arguments),
        TEST(bad_environment),
        TEST(bad_file),
        TEST(what_would_be_dropped_is_refused),
        TEST(reload_takes_what_it_may),
        TEST(all_but_the_file_prints_and_reads_back),
        TEST(what_is_not_used_is_not_printed_as_if),
        TEST(help_names_every_option),
    };
    return run_tests(argc, argv, "config", tests, sizeof(tests) / sizeof(tests[0]), make_file,
                     remove_file);
}
