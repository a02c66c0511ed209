/*
 * The server's own key, the guests that come back by it, and the tokens made by hand.
 */
#include "forge.h"

#include <sys/wait.h>

static struct identity_config in(const char *directory)
{
    return (struct identity_config){.directory = directory, .mode = AUTH_BOTH};
}

static void guests_are_new_each_time(void **state)
{
    (void)state;
    struct identity a, b;
    identity_new_guest(&a);
    identity_new_guest(&b);
    assert_true(text_is_guest_id(a.user_id));
    assert_true(a.guest);
    assert_string_not_equal(a.user_id, b.user_id);
    assert_string_equal(a.username, "");
    assert_null(a.grants);
    assert_int_equal(a.expires_ms, 0);
    assert_false(text_is_guest_id(""));
    assert_false(text_is_guest_id("g"));
    assert_false(text_is_guest_id("g0123456789abcde"));
    assert_false(text_is_guest_id("g0123456789abcdefg"));
    assert_false(text_is_guest_id("h0123456789abcdef"));
}

static void a_guest_comes_back(void **state)
{
    (void)state;
    struct identity_config c = in(NULL);
    struct identities *i = identities_of(&c);
    struct identity guest, again;
    identity_new_guest(&guest);
    again = EXPECT_GOOD(i, identities_guest_token(i, guest.user_id, "al\"\xc3\xafxe\\"));
    assert_string_equal(again.user_id, guest.user_id);
    assert_string_equal(again.username, "al\"\xc3\xafxe\\");
    assert_true(again.guest);
    assert_int_equal(again.expires_ms, 0);
    assert_null(again.grants);
    again = EXPECT_GOOD(i, identities_guest_token(i, guest.user_id, ""));
    assert_string_equal(again.username, "");
    identities_free(i);
}

static void made_tokens_say_what_was_asked(void **state)
{
    (void)state;
    struct identity_config c = in(NULL);
    struct identities *i = identities_of(&c);
    struct grants *g = protocol_decode_grants("{\"lobby\":\"moderator\",\"*\":\"member\"}");
    assert_non_null(g);
    int64_t before = clock_wall_ms() / 1000 * 1000;
    struct identity who = EXPECT_GOOD(i, identities_make_token(i, "u1", "Alice", g, 90));
    assert_string_equal(who.user_id, "u1");
    assert_string_equal(who.username, "Alice");
    assert_false(who.guest);
    assert_in_range(who.expires_ms, before + 90000, clock_wall_ms() + 90000);
    assert_int_equal(grants_find(who.grants, "lobby"), RANK_MODERATOR);
    assert_int_equal(grants_find(who.grants, "x"), RANK_MEMBER);
    free(who.grants);
    free(g);
    who = EXPECT_GOOD(i, identities_make_token(i, "u1", NULL, NULL, 0));
    assert_string_equal(who.username, "");
    assert_null(who.grants);
    assert_int_equal(who.expires_ms, 0);
    EXPECT_EXPIRED(i, identities_make_token(i, "u1", NULL, NULL, -1));
    assert_null(identities_make_token(i, "g0123456789abcdef", NULL, NULL, 0));
    identities_free(i);
}

static void a_token_that_no_server_would_read_is_not_made(void **state)
{
    (void)state;
    struct identity_config c = in(NULL);
    struct identities *i = identities_of(&c);
    struct grants *g = calloc(1, sizeof *g + 100 * sizeof g->grant[0]);
    assert_non_null(g);
    for (g->n = 0; g->n < 100; g->n++)
        snprintf(g->grant[g->n].room, sizeof g->grant[0].room, "%060zu", g->n);
    assert_null(identities_make_token(i, "u1", NULL, g, 0));
    g->n = 50;
    char *token = identities_make_token(i, "u1", NULL, g, 0);
    assert_non_null(token);
    struct identity who = EXPECT_GOOD(i, token);
    assert_int_equal(who.grants->n, 50);
    free(who.grants);
    free(g);
    identities_free(i);
}

/* Who is let in by which token, in every mode. */
static void modes(void **state)
{
    (void)state;
    static const struct {
        enum auth_mode mode;
        const char *guest, *user; /* NULL: let in */
    } all[] = {
        {AUTH_GUEST, NULL, "lets guests in, and nobody else"},
        {AUTH_TOKEN, "lets no guests in", NULL},
        {AUTH_BOTH, NULL, NULL},
    };
    for (size_t n = 0; n < 3; n++) {
        struct identity_config c = {.mode = all[n].mode};
        struct identities *i = identities_of(&c);
        assert_int_equal(identities_mode(i), all[n].mode);
        char *guest = identities_guest_token(i, "g0123456789abcdef", "bob");
        char *user = identities_make_token(i, "u1", NULL, NULL, 60);
        if (all[n].guest == NULL)
            EXPECT_USER(i, guest, "g0123456789abcdef");
        else
            EXPECT_REFUSED(i, guest, all[n].guest);
        if (all[n].user == NULL)
            EXPECT_USER(i, user, "u1");
        else
            EXPECT_REFUSED(i, user, all[n].user);
        struct signer s = {"HS256", NULL, "0123456789abcdef0123456789abcdef", 32};
        EXPECT_REFUSED(i, forge(&s, NULL, "{'sub':'u1'}"),
                       all[n].user != NULL ? all[n].user : "takes no tokens of others");
        identities_free(i);
    }
}

/* Its own issuer and audience are none of the outside system's. */
static void own_tokens_need_no_outside_claims(void **state)
{
    (void)state;
    char *keys[] = {put_text("s", "0123456789abcdef0123456789abcdef")};
    struct identities *i = identities_of(&(struct identity_config){.mode = AUTH_BOTH,
                                                                   .alg = "HS256",
                                                                   .keys = keys,
                                                                   .nkeys = 1,
                                                                   .issuer = "https://id.example",
                                                                   .audience = "chat"});
    EXPECT_USER(i, identities_make_token(i, "u1", NULL, NULL, 60), "u1");
    EXPECT_USER(i, identities_guest_token(i, "g0123456789abcdef", NULL), "g0123456789abcdef");
    identities_free(i);
}

/* ---- the file -------------------------------------------------------------------------------------- */

static void the_key_outlives_the_server(void **state)
{
    (void)state;
    struct stat st;
    struct identity_config c = in(in_dir("data"));
    struct identities *i = identities_of(&c);
    assert_int_equal(stat(in_dir("data"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(in_dir("data/server.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 32);
    char *guest = identities_guest_token(i, "g0123456789abcdef", "bob");
    identities_free(i);
    c = in(in_dir("data"));
    i = identities_of(&c);
    EXPECT_USER(i, guest, "g0123456789abcdef");
    char *another = identities_guest_token(i, "g0123456789abcdef", "bob");
    identities_free(i);
    c = in(in_dir("data2")); /* another server's */
    i = identities_of(&c);
    EXPECT_REFUSED(i, another, "not of this server");
    identities_free(i);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    (void)state;
    static const mode_t bad[] = {0640, 0604, 0660, 0644, 0620, 0602, 0610};
    struct identity_config c = in(in_dir("modes"));
    identities_free(identities_of(&c));
    char *path = in_dir("modes/server.key");
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++) {
        assert_int_equal(chmod(path, bad[n]), 0);
        EXPECT_NO_START(&c, "chmod 600");
    }
    assert_int_equal(chmod(path, 0400), 0); /* stricter is fine */
    identities_free(identities_of(&c));
}

static void what_is_no_key_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct stat st;
    mkdir(in_dir("odd"), 0700);
    struct identity_config c = in(in_dir("odd"));
    put_text("odd/server.key", "");
    EXPECT_NO_START(&c, "is no key of this server: want 32 bytes");
    put_text("odd/server.key", "0123456789abcdef0123456789abcdef\n");
    EXPECT_NO_START(&c, "want 32 bytes");
    assert_int_equal(stat(in_dir("odd/server.key"), &st), 0);
    assert_int_equal(st.st_size, 33);
    unlink(in_dir("odd/server.key"));
    mkdir(in_dir("odd/server.key"), 0700);
    EXPECT_NO_START(&c, "is not a file");
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    struct identity_config c = in(in_dir("no/where"));
    EXPECT_NO_START(&c, "cannot make the data directory");
    put_text("file", "x");
    c = in(in_dir("file"));
    EXPECT_NO_START(&c, "Not a directory");
}

/* Many that start in an empty directory at once all have the same key in the end. */
static void of_many_at_once_one_makes_the_key(void **state)
{
    (void)state;
    enum { MANY = 16 };
    char *dir = in_dir("race"), why[300];
    struct identity_config c = in(dir);
    int gate[2], out[2];
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(pipe(out), 0);
    for (int n = 0; n < MANY; n++) {
        if (fork() == 0) {
            char go, *token = NULL;
            close(gate[1]);
            (void)!read(gate[0], &go, 1); /* until the other end is closed */
            struct identities *i = identities_new(&c, why, sizeof why);
            if (i != NULL)
                token = identities_guest_token(i, "g0123456789abcdef", "bob");
            char line[512] = "";
            if (token != NULL)
                snprintf(line, sizeof line, "%s", token);
            _exit(write(out[1], line, sizeof line) != sizeof line);
        }
    }
    close(gate[0]);
    close(gate[1]);
    struct identities *i = identities_of(&c);
    for (int n = 0; n < MANY; n++) {
        char line[512];
        assert_int_equal(read(out[0], line, sizeof line), sizeof line);
        EXPECT_USER(i, strdup(line), "g0123456789abcdef");
        assert_true(wait(NULL) > 0);
    }
    close(out[0]);
    close(out[1]);
    identities_free(i);
    char command[200];
    snprintf(command, sizeof command, "test \"$(ls -A %s)\" = server.key",
             dir); /* no drafts left */
    assert_int_equal(system(command), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guests_are_new_each_time),
        cmocka_unit_test(a_guest_comes_back),
        cmocka_unit_test(made_tokens_say_what_was_asked),
        cmocka_unit_test(a_token_that_no_server_would_read_is_not_made),
        cmocka_unit_test(modes),
        cmocka_unit_test(own_tokens_need_no_outside_claims),
        cmocka_unit_test(the_key_outlives_the_server),
        cmocka_unit_test(a_key_that_others_may_read_is_refused),
        cmocka_unit_test(what_is_no_key_is_refused_and_left_alone),
        cmocka_unit_test(a_directory_that_cannot_be_made_is_told),
        cmocka_unit_test(of_many_at_once_one_makes_the_key),
    };
    return run_tests(argc, argv, "own_key", tests, sizeof tests / sizeof tests[0], forge_begin,
                     forge_end);
}
