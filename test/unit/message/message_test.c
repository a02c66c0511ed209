/* Messages as they are kept, and the reactions to them. */
#include <support/test_main.h>

#include <hubbub/message.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- messages -------------------------------------------------------------------------------------- */

static void a_copy_has_all_of_it(void **state)
{
    (void)state;
    char content[] = "\"hello\" and what follows", user_id[] = "u-alice", username[] = "alice",
         files[] = "[{\"id\":\"f\"}]", mentions[] = "\"mentions\":[\"u\"]";
    struct message *m = message_new(&(struct message){.seq = 7,
                                                      .ts = 1000,
                                                      .edited_ts = 2000,
                                                      .reply_to = 3,
                                                      .deleted = true,
                                                      .taken_back = true,
                                                      .user_id = user_id,
                                                      .username = username,
                                                      .id = "c1",
                                                      .content = content,
                                                      .content_len = 7,
                                                      .files = files,
                                                      .mentions = mentions});
    memset(files, 'x', sizeof(files));
    memset(mentions, 'x', sizeof(mentions));
    memset(content, 'x', sizeof(content)); /* it borrows nothing */
    memset(user_id, 'x', sizeof(user_id));
    memset(username, 'x', sizeof(username));
    assert_string_equal(m->content, "\"hello\"");
    assert_int_equal(m->content_len, 7);
    assert_string_equal(m->user_id, "u-alice");
    assert_string_equal(m->username, "alice");
    assert_string_equal(m->id, "c1");
    assert_string_equal(m->files, "[{\"id\":\"f\"}]");
    assert_string_equal(m->mentions, "\"mentions\":[\"u\"]");
    assert_true(m->seq == 7 && m->ts == 1000 && m->edited_ts == 2000 && m->reply_to == 3);
    assert_true(m->deleted && m->taken_back && message_draft(m).taken_back);
    message_unref(m);
}

static void it_lives_as_long_as_somebody_has_it(void **state)
{
    (void)state;
    struct message *m = message_new(
        &(struct message){.seq = 1, .user_id = "", .username = "", .id = "", .content = "\"\""});
    assert_ptr_equal(message_ref(m), m);
    message_unref(m);
    assert_int_equal(m->seq, 1); /* the sanitizers would tell */
    message_unref(m);
    message_unref(NULL);
}

static void its_size_is_that_of_its_memory(void **state)
{
    (void)state;
    struct message like = {.seq = 1, .user_id = "u-a", .username = "a", .id = "12", .content = ""};
    struct message *empty = message_new(&like);
    like.content = "\"abc\"";
    like.content_len = 5;
    struct message *m = message_new(&like);
    assert_string_equal(m->files, "");
    assert_string_equal(m->mentions, "");
    assert_int_equal(message_size(m), message_size(empty) + 5);
    assert_int_equal(message_size(m), sizeof(struct message) + 3 + 1 + 2 + 5 + 6);
    message_unref(m);
    like.files = "[]";
    like.mentions = "x";
    m = message_new(&like);
    assert_int_equal(message_size(m), message_size(empty) + 5 + 2 + 1);
    message_unref(empty);
    message_unref(m);
}

/* ---- reactions ------------------------------------------------------------------------------------- */

static void twice_is_once(void **state)
{
    (void)state;
    struct reactions r = {0};
    assert_int_equal(reactions_set(&r, "+", 5, true), REACTION_DONE);
    assert_int_equal(reactions_set(&r, "+", 5, true), REACTION_ALREADY);
    assert_int_equal(reactions_set(&r, "+", 6, true), REACTION_DONE);
    assert_int_equal(reactions_count(&r, "+"), 2);
    assert_int_equal(reactions_count(&r, "-"), 0);
    assert_int_equal(reactions_set(&r, "-", 5, false), REACTION_ALREADY);
    assert_int_equal(reactions_set(&r, "+", 7, false), REACTION_ALREADY);
    assert_int_equal(reactions_set(&r, "+", 5, false), REACTION_DONE);
    assert_int_equal(reactions_set(&r, "+", 5, false), REACTION_ALREADY);
    assert_int_equal(reactions_count(&r, "+"), 1);
    assert_true(reactions_has(&r.kinds[0], 6));
    assert_false(reactions_has(&r.kinds[0], 5));
    reactions_fini(&r);
    assert_int_equal(r.n, 0);
}

static void twenty_kinds_are_enough(void **state)
{
    (void)state;
    struct reactions r = {0};
    char emoji[8];
    for (int i = 0; i < REACTIONS_MAX; i++) {
        snprintf(emoji, sizeof(emoji), "e%d", i);
        assert_int_equal(reactions_set(&r, emoji, 1, true), REACTION_DONE);
    }
    assert_int_equal(reactions_set(&r, "more", 1, true), REACTION_TOO_MANY);
    assert_int_equal(reactions_set(&r, "more", 1, false), REACTION_ALREADY);
    assert_int_equal(reactions_set(&r, "e7", 2, true), REACTION_DONE); /* a kind that is there */
    assert_int_equal(reactions_set(&r, "e7", 1, false), REACTION_DONE);
    assert_int_equal(reactions_set(&r, "more", 1, true), REACTION_TOO_MANY); /* still 2's */
    assert_int_equal(reactions_set(&r, "e7", 2, false), REACTION_DONE);
    assert_int_equal(reactions_set(&r, "more", 1, true), REACTION_DONE);
    assert_int_equal(r.n, REACTIONS_MAX);
    assert_string_equal(r.kinds[6].emoji, "e6"); /* in the order in which they came */
    assert_string_equal(r.kinds[7].emoji, "e8");
    assert_string_equal(r.kinds[REACTIONS_MAX - 1].emoji, "more");
    reactions_fini(&r);
}

static void the_longest_emoji_is_kept_whole(void **state)
{
    (void)state;
    char emoji[EMOJI_MAX + 1];
    struct reactions r = {0};
    memset(emoji, 'e', EMOJI_MAX);
    emoji[EMOJI_MAX] = '\0';
    assert_int_equal(reactions_set(&r, emoji, 1, true), REACTION_DONE);
    assert_string_equal(r.kinds[0].emoji, emoji);
    assert_int_equal(reactions_set(&r, emoji, 1, false), REACTION_DONE);
    reactions_fini(&r);
}

/* Users and kinds at random, against a table of who has chosen what. */
static void they_are_as_a_table_would_have_them(void **state)
{
    (void)state;
    enum { USERS = 40, KINDS = 4, STEPS = 20000 };
    bool has[KINDS][USERS] = {{false}};
    static const char *const names[KINDS] = {"a", "b", "ab", "c"};
    struct reactions r = {0};
    srandom(4);
    for (int step = 0; step < STEPS; step++) {
        int kind = (int)(random() % KINDS), user = (int)(random() % USERS);
        bool on = random() % 2 == 0;
        uint64_t mark = (uint64_t)user * UINT64_C(0x9e3779b97f4a7c15);
        enum reaction_result done = reactions_set(&r, names[kind], mark, on);
        assert_int_equal(done, has[kind][user] == on ? REACTION_ALREADY : REACTION_DONE);
        has[kind][user] = on;
        uint32_t count = 0;
        for (int u = 0; u < USERS; u++)
            count += has[kind][u];
        assert_int_equal(reactions_count(&r, names[kind]), count);
    }
    for (uint32_t i = 0; i < r.n; i++)
        for (uint32_t u = 1; u < r.kinds[i].n; u++)
            assert_true(r.kinds[i].users[u - 1] < r.kinds[i].users[u]);
    reactions_fini(&r);
}

static void users_have_marks_of_their_own(void **state)
{
    (void)state;
    assert_true(user_mark("u-alice") == user_mark("u-alice"));
    assert_true(user_mark("u-alice") != user_mark("u-bob"));
}

static void a_page_lets_go_of_all(void **state)
{
    (void)state;
    struct history_page p = {.rows = calloc(2, sizeof(struct history_row)), .n = 2};
    const struct message like = {.user_id = "", .username = "", .id = "", .content = ""};
    p.rows[0].message = message_new(&like); /* the other one was taken out */
    reactions_set(&p.rows[0].reactions, "+", 1, true);
    history_page_fini(&p);
    assert_null(p.rows);
    assert_int_equal(p.n, 0);
    history_page_fini(&p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_has_all_of_it),
        cmocka_unit_test(it_lives_as_long_as_somebody_has_it),
        cmocka_unit_test(its_size_is_that_of_its_memory),
        cmocka_unit_test(twice_is_once),
        cmocka_unit_test(twenty_kinds_are_enough),
        cmocka_unit_test(the_longest_emoji_is_kept_whole),
        cmocka_unit_test(they_are_as_a_table_would_have_them),
        cmocka_unit_test(users_have_marks_of_their_own),
        cmocka_unit_test(a_page_lets_go_of_all),
    };
    return RUN_TESTS(argc, argv, "message", tests);
}
