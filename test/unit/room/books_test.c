/* The books of a room: the ledger, and the bans and mutes in force. */
#include "helpers.h"

static struct entry deed(enum action action, const char *user_id, int64_t until)
{
    return (struct entry){.action = action,
                          .by_rank = RANK_MODERATOR,
                          .ts = 1000,
                          .until = until,
                          .user_id = user_id,
                          .username = "somebody",
                          .by = "alice",
                          .by_id = "u-alice"};
}

static struct entry *write(struct books *b, enum action action, const char *user_id, int64_t until)
{
    struct entry like = deed(action, user_id, until);
    return books_write(b, &like, 0);
}

static void impose(struct books *b, enum action action, const char *user_id, int64_t until)
{
    assert_true(books_impose(b, write(b, action, user_id, until)));
}

/* The users that a sanction is in force on, in the order kept: "a:ban a:mute b:ban". */
static const char *in_force(const struct books *b)
{
    static char text[1024];
    text[0] = '\0';
    for (size_t i = 0; i < b->nsanctions; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s:%s", i > 0 ? " " : "",
                 b->sanctions[i]->user_id, action_name(b->sanctions[i]->action));
    return text;
}

/* ---- the ledger ----------------------------------------------------------------------------------- */

static void an_entry_is_kept_as_it_was(void **state)
{
    (void)state;
    struct books *b = books_new();
    char user[] = "u-bob", reason[] = "was loud";
    struct entry like = deed(ACTION_MUTE, user, 99000);
    like.reason = reason;
    const struct entry *e = books_write(b, &like, 0);
    memset(user, 'x', sizeof(user) - 1); /* copied */
    memset(reason, 'x', sizeof(reason) - 1);
    assert_int_equal(e->entry, 1);
    assert_int_equal(e->action, ACTION_MUTE);
    assert_int_equal(e->by_rank, RANK_MODERATOR);
    assert_int_equal(e->ts, 1000);
    assert_int_equal(e->until, 99000);
    assert_false(e->undone);
    assert_string_equal(e->user_id, "u-bob");
    assert_string_equal(e->username, "somebody");
    assert_string_equal(e->by, "alice");
    assert_string_equal(e->by_id, "u-alice");
    assert_string_equal(e->reason, "was loud");
    assert_string_equal(write(b, ACTION_KICK, "u-carol", 0)->reason, ""); /* never NULL */
    assert_ptr_equal(books_entry(b, 1), e);
    assert_string_equal(books_entry(b, 2)->user_id, "u-carol");
    assert_null(books_entry(b, 0));
    assert_null(books_entry(b, 3));
    assert_null(books_entry(NULL, 1));
    books_free(b);
}

static void numbers_go_on_behind_those_from_before(void **state)
{
    (void)state;
    struct books *b = books_new();
    struct entry like = deed(ACTION_KICK, "u", 0);
    assert_int_equal(books_write(b, &like, 41)->entry, 41);
    assert_int_equal(books_write(b, &like, 0)->entry, 42);
    assert_int_equal(books_write(b, &like, 7)->entry, 7); /* does not turn them back */
    assert_int_equal(books_write(b, &like, 0)->entry, 43);
    books_free(b);
}

static void the_ledger_is_bounded(void **state)
{
    (void)state;
    struct books *b = books_new();
    for (int i = 0; i < LEDGER_KEPT; i++)
        write(b, ACTION_KICK, "u", 0);
    assert_int_equal(b->nledger, LEDGER_KEPT);
    assert_non_null(books_entry(b, 1));
    write(b, ACTION_KICK, "u", 0);
    assert_int_equal(b->nledger, LEDGER_KEPT);
    assert_null(books_entry(b, 1)); /* the oldest made room */
    assert_non_null(books_entry(b, 2));
    assert_non_null(books_entry(b, LEDGER_KEPT + 1));
    for (size_t i = 1; i < b->nledger; i++) /* the oldest first */
        assert_int_equal(b->ledger[i]->entry, b->ledger[i - 1]->entry + 1);
    books_free(b);
}

static void what_is_in_force_outlives_its_line_in_the_ledger(void **state)
{
    (void)state;
    struct books *b = books_new();
    impose(b, ACTION_BAN, "u-bob", 0);
    for (int i = 0; i < 2 * LEDGER_KEPT; i++)
        write(b, ACTION_KICK, "u", 0);
    assert_null(books_entry(b, 1));
    const struct entry *e = books_sanction(b, ACTION_BAN, "u-bob", 5000);
    assert_non_null(e);
    assert_int_equal(e->entry, 1);
    assert_string_equal(e->user_id, "u-bob");
    books_free(b);
}

/* ---- what is in force ----------------------------------------------------------------------------- */

static void sanctions_are_found_by_user_and_kind(void **state)
{
    (void)state;
    struct books *b = books_new();
    impose(b, ACTION_MUTE, "m", 0);
    impose(b, ACTION_BAN, "z", 0);
    impose(b, ACTION_BAN, "m", 0);
    impose(b, ACTION_BAN, "a", 0);
    impose(b, ACTION_MUTE, "k", 0);
    assert_string_equal(in_force(b), "a:ban k:mute m:ban m:mute z:ban");
    assert_non_null(books_sanction(b, ACTION_BAN, "m", 0));
    assert_non_null(books_sanction(b, ACTION_MUTE, "m", 0));
    assert_null(books_sanction(b, ACTION_MUTE, "a", 0));
    assert_null(books_sanction(b, ACTION_BAN, "mm", 0));
    assert_null(books_sanction(NULL, ACTION_BAN, "m", 0));
    assert_true(books_lift(b, ACTION_BAN, "m"));
    assert_false(books_lift(b, ACTION_BAN, "m"));
    assert_string_equal(in_force(b), "a:ban k:mute m:mute z:ban");
    assert_true(books_lift(b, ACTION_BAN, "a"));
    assert_true(books_lift(b, ACTION_BAN, "z"));
    assert_true(books_lift(b, ACTION_MUTE, "k"));
    assert_true(books_lift(b, ACTION_MUTE, "m"));
    assert_string_equal(in_force(b), "");
    assert_int_equal(b->nledger, 5); /* which remembers them */
    books_free(b);
}

static void the_latest_word_counts(void **state)
{
    (void)state;
    struct books *b = books_new();
    impose(b, ACTION_BAN, "u", 9000);
    impose(b, ACTION_BAN, "u", 0);
    assert_int_equal(b->nsanctions, 1);
    assert_int_equal(books_sanction(b, ACTION_BAN, "u", 9001)->entry, 2);
    impose(b, ACTION_BAN, "u", 500);
    assert_null(books_sanction(b, ACTION_BAN, "u", 500));
    assert_int_equal(b->nsanctions, 0);
    books_free(b);
}

static void they_end_by_themselves(void **state)
{
    (void)state;
    struct books *b = books_new();
    impose(b, ACTION_MUTE, "u", 2000);
    impose(b, ACTION_BAN, "u", 3000);
    impose(b, ACTION_BAN, "v", 0);
    assert_non_null(books_sanction(b, ACTION_MUTE, "u", 1999));
    assert_null(books_sanction(b, ACTION_MUTE, "u", 2000));
    assert_string_equal(in_force(b), "u:ban v:ban"); /* dropped as it was found */
    books_expire(b, 2999);
    assert_string_equal(in_force(b), "u:ban v:ban");
    books_expire(b, 3000);
    assert_string_equal(in_force(b), "v:ban");
    books_expire(b, INT64_MAX); /* without end */
    assert_string_equal(in_force(b), "v:ban");
    books_free(b);
}

static void they_are_restored_without_a_line(void **state)
{
    (void)state;
    struct books *b = books_new();
    struct entry like = deed(ACTION_BAN, "u", 5000);
    like.reason = "for a week";
    assert_true(books_restore(b, &like, 17));
    assert_int_equal(b->nledger, 0);
    const struct entry *e = books_sanction(b, ACTION_BAN, "u", 4999);
    assert_int_equal(e->entry, 17);
    assert_string_equal(e->reason, "for a week");
    assert_int_equal(e->until, 5000);
    assert_true(books_restore(b, &like, 18)); /* replaces it */
    assert_int_equal(b->nsanctions, 1);
    assert_int_equal(books_sanction(b, ACTION_BAN, "u", 0)->entry, 18);
    books_free(b);
}

static void there_are_only_so_many(void **state)
{
    (void)state;
    struct books *b = books_new();
    char id[16];
    for (int i = 0; i < SANCTIONS_MAX; i++) {
        snprintf(id, sizeof(id), "u%d", (i * 7919) % SANCTIONS_MAX); /* in no order */
        struct entry like = deed(ACTION_BAN, id, 0);
        assert_true(books_restore(b, &like, (uint64_t)i + 1));
    }
    struct entry like = deed(ACTION_BAN, "one more", 0);
    assert_false(books_restore(b, &like, 1));
    assert_null(books_sanction(b, ACTION_BAN, "one more", 0));
    like.user_id = "u77"; /* instead of an earlier one: no more than before */
    assert_true(books_restore(b, &like, 99999));
    assert_int_equal(books_sanction(b, ACTION_BAN, "u77", 0)->entry, 99999);
    for (size_t i = 1; i < b->nsanctions; i++)
        assert_true(strcmp(b->sanctions[i - 1]->user_id, b->sanctions[i]->user_id) < 0);
    assert_true(books_lift(b, ACTION_BAN, "u4000"));
    like.user_id = "one more";
    assert_true(books_restore(b, &like, 1));
    books_free(b);
}

static void whom_they_name(void **state)
{
    (void)state;
    struct books *b = books_new();
    struct entry like = deed(ACTION_BAN, "u-bob", 0);
    like.username = "bob";
    assert_true(books_restore(b, &like, 1));
    assert_string_equal(books_named(b, NULL, "bob")->user_id, "u-bob");
    assert_string_equal(books_named(b, "u-bob", NULL)->username, "bob");
    assert_null(books_named(b, "carol", "carol"));
    assert_null(books_named(b, "u-alice", "alice")); /* who did it is not who it was done to */
    assert_null(books_named(NULL, NULL, "bob"));
    books_free(b);
    books_free(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_kept_as_it_was),
        cmocka_unit_test(numbers_go_on_behind_those_from_before),
        cmocka_unit_test(the_ledger_is_bounded),
        cmocka_unit_test(what_is_in_force_outlives_its_line_in_the_ledger),
        cmocka_unit_test(sanctions_are_found_by_user_and_kind),
        cmocka_unit_test(the_latest_word_counts),
        cmocka_unit_test(they_end_by_themselves),
        cmocka_unit_test(they_are_restored_without_a_line),
        cmocka_unit_test(there_are_only_so_many),
        cmocka_unit_test(whom_they_name),
    };
    return RUN_ROOM_TESTS(argc, argv, "books", tests);
}
