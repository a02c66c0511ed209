/*
 * `hubbub token`: what it prints, where, and what it says when something is wrong.
 */
#include "support/test_main.h"

#include "server/token_command.h"

#include <fcntl.h>
#include <hubbub/clock.h>
#include <hubbub/identity.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/hubbub-token-XXXXXX";
static char data[64], out[4000], err[4000];

static int begin(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(data, sizeof data, "%s/data", dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* Sends a stream into a file of the directory; returns what it was. */
static int divert(FILE *stream, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    fflush(stream);
    int was = dup(fileno(stream)), fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(was >= 0 && fd >= 0);
    assert_true(dup2(fd, fileno(stream)) >= 0);
    close(fd);
    return was;
}

static void restore(FILE *stream, int was, char *text, size_t space)
{
    fflush(stream);
    ssize_t n = pread(fileno(stream), text, space - 1, 0);
    dup2(was, fileno(stream));
    close(was);
    assert_true(n >= 0);
    text[n] = '\0';
}

static int run(char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    int was_out = divert(stdout, "out"), was_err = divert(stderr, "err");
    int status = token_command(argc, argv);
    restore(stderr, was_err, err, sizeof err);
    restore(stdout, was_out, out, sizeof out);
    return status;
}

#define RUN(...) run((char **)(uintptr_t)(const char *[]){"token", __VA_ARGS__ __VA_OPT__(, ) NULL})

/* One line for people says where the key is, and whether it is new there. */
static void says_where_the_key_is(const char *words)
{
    char line[300];
    snprintf(line, sizeof line, "hubbub token: %s %s", words, data);
    if (strncmp(err, line, strlen(line)) != 0)
        fail_msg("'%s', want '%s'", err, line);
    assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
}

/* Whose token it has printed, by a server on the same data. */
static struct identity printed(void)
{
    struct identity who = {.guest = false};
    const char *detail = NULL;
    char why[300] = "", *newline = strchr(out, '\n');
    assert_non_null(newline);
    assert_string_equal(newline, "\n"); /* one line, and nothing else */
    *newline = '\0';
    struct identities *i = identities_new(
        &(struct identity_config){.directory = data, .mode = AUTH_BOTH}, why, sizeof why);
    if (i == NULL)
        fail_msg("%s", why);
    if (identities_check(i, out, &who, &detail) != PROBLEM_NONE)
        fail_msg("%s", detail);
    identities_free(i);
    return who;
}

static void a_token_says_what_was_asked(void **state)
{
    (void)state;
    struct stat st;
    int64_t before = clock_wall_ms() / 1000 * 1000;
    assert_int_equal(RUN("--user", "u1", "--name", "Alice", "--room", "lobby:moderator",
                         "--room=a b", "--room", "x:y:guest", "--expires", "2m", "--data", data),
                     0);
    says_where_the_key_is("there was no key in");
    struct identity who = printed();
    assert_string_equal(who.user_id, "u1");
    assert_string_equal(who.username, "Alice");
    assert_false(who.guest);
    assert_in_range(who.expires_ms, before + 120000, clock_wall_ms() + 120000);
    assert_int_equal(who.grants->n, 3);
    assert_int_equal(grants_find(who.grants, "lobby"), RANK_MODERATOR);
    assert_int_equal(grants_find(who.grants, "a b"), RANK_GUEST);
    assert_int_equal(grants_find(who.grants, "x:y"), RANK_GUEST);
    free(who.grants);
    char key[80];
    snprintf(key, sizeof key, "%s/server.key", data);
    assert_int_equal(stat(key, &st), 0); /* it was not there before */
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void an_hour_and_all_rooms_unless_told_otherwise(void **state)
{
    (void)state;
    int64_t before = clock_wall_ms() / 1000 * 1000;
    assert_int_equal(RUN("--user=u1", "--data", data), 0);
    says_where_the_key_is("signed with the key in");
    struct identity who = printed();
    assert_string_equal(who.username, "");
    assert_null(who.grants);
    assert_in_range(who.expires_ms, before + 3600000, clock_wall_ms() + 3600000);
    assert_int_equal(RUN("--user=u1", "--data", data, "--expires", "0"), 0);
    assert_int_equal(printed().expires_ms, 0);
}

static void the_data_is_where_the_server_has_it(void **state)
{
    (void)state;
    char ini[80], line[100];
    snprintf(ini, sizeof ini, "%s/hubbub.ini", dir);
    snprintf(line, sizeof line, "data = %s\nport = 1\n", data);
    FILE *f = fopen(ini, "we");
    assert_non_null(f);
    fputs(line, f);
    fclose(f);
    assert_int_equal(RUN("--user", "u1", "--config", ini), 0);
    assert_string_equal(printed().user_id, "u1");
    setenv("HUBBUB_DATA", data, 1);
    assert_int_equal(RUN("--user", "u2"), 0);
    assert_string_equal(printed().user_id, "u2");
    unsetenv("HUBBUB_DATA");
}

static void refuses(int status, int wanted, const char *words)
{
    if (status != wanted || strstr(err, words) == NULL || out[0] != '\0')
        fail_msg("status %d, '%s', '%s', want %d and '%s'", status, err, out, wanted, words);
    assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1); /* one line */
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    refuses(RUN(), 2, "--user must say who it is for");
    refuses(RUN("--user"), 2, "--user: wants a value");
    refuses(RUN("--user", "--expires", "1h"), 2, "--user: wants a value");
    refuses(RUN("alice"), 2, "alice: want --name value");
    refuses(RUN("--user", ""), 2, "--user: 1 to 64 bytes");
    refuses(RUN("--user", " alice"), 2, "--user: 1 to 64 bytes");
    refuses(RUN("--user", "g0123456789abcdef"), 2, "how the server calls its guests");
    refuses(RUN("--user", "u1", "--name", "a\nb"), 2, "--name: 1 to 64 bytes");
    refuses(RUN("--user", "u1", "--room", "lobby:owner"), 2, "'owner' is no role");
    refuses(RUN("--user", "u1", "--room", "lobby:boss"), 2, "'boss' is no role");
    refuses(RUN("--user", "u1", "--room", ":member"), 2, "is no room name");
    refuses(RUN("--user", "u1", "--expires", "soon"), 2, "'soon' is not a time, as in");
    refuses(RUN("--user", "u1", "--expires", "5ms"), 2, "at least 1s");
    refuses(RUN("--user", "u1", "--usr", "x"), 2, "--usr: no such option");
    refuses(RUN("--user", "u1", "--config", "/nowhere/x.ini"), 2, "cannot read /nowhere/x.ini");
    refuses(RUN("--user", "u1", "--data", "/nowhere/at/all"), 1, "cannot make the data directory");
    setenv("HUBBUB_DATA", data, 1);
    unsetenv("HUBBUB_DATA");
    setenv("HUBBUB_STORE", "memory", 1);
    refuses(RUN("--user", "u1"), 1, "--store memory keeps no key");
    unsetenv("HUBBUB_STORE");
    setenv("HUBBUB_DATA", data, 1);
    setenv("HUBBUB_AUTH", "guest", 1);
    refuses(RUN("--user", "u1"), 1, "lets nobody in by a token");
    unsetenv("HUBBUB_AUTH");
    unsetenv("HUBBUB_DATA");
}

static void help_is_printed(void **state)
{
    (void)state;
    assert_int_equal(RUN("--user", "--help"), 0);
    assert_non_null(strstr(out, "Usage: hubbub token --user ID"));
    assert_non_null(strstr(out, "moderator or admin (guest), but not owner"));
    assert_non_null(strstr(out, "a bare number means seconds"));
    assert_string_equal(err, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_what_was_asked),
        cmocka_unit_test(an_hour_and_all_rooms_unless_told_otherwise),
        cmocka_unit_test(the_data_is_where_the_server_has_it),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(help_is_printed),
    };
    return run_tests(argc, argv, "token_command", tests, sizeof tests / sizeof tests[0], begin,
                     end);
}
