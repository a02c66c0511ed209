/* The books at the door: invitations, and slow mode by a clock that the test turns. */
#include "helpers.h"

#include <hubbub/clock.h>

/* ---- invitations ---------------------------------------------------------------------------------- */

static void a_code_is_good_once(void **state)
{
    (void)state;
    struct books *b = books_new();
    const struct invite *i = books_invite(b, "", "u-alice", 5000);
    assert_int_equal(strlen(i->code), INVITE_MAX);
    assert_int_equal(strspn(i->code, "0123456789abcdef"), INVITE_MAX);
    assert_string_equal(i->by_id, "u-alice");
    char code[INVITE_MAX + 1];
    strcpy(code, i->code);
    assert_true(books_invited(b, code, "u-bob", 4999));
    assert_true(books_invited(b, code, "u-bob", 4999)); /* asking uses nothing up */
    assert_false(books_invited(b, "0", "u-bob", 4999));
    assert_false(books_redeem(b, "", "u-bob", 4999));
    assert_true(books_redeem(b, code, "u-bob", 4999));
    assert_false(books_invited(b, code, "u-carol", 4999));
    assert_false(books_redeem(b, code, "u-bob", 4999));
    assert_int_equal(b->ninvites, 0);
    books_free(b);
}

static void a_code_for_one_is_for_nobody_else(void **state)
{
    (void)state;
    struct books *b = books_new();
    char code[INVITE_MAX + 1];
    strcpy(code, books_invite(b, "u-bob", "u-alice", 5000)->code);
    assert_false(books_invited(b, code, "u-carol", 0));
    assert_false(books_redeem(b, code, "u-carol", 0));
    assert_true(books_invited(b, code, "u-bob", 0));
    assert_true(books_redeem(b, code, "u-bob", 0));
    books_free(b);
}

static void a_code_expires(void **state)
{
    (void)state;
    struct books *b = books_new();
    char first[INVITE_MAX + 1], second[INVITE_MAX + 1];
    strcpy(first, books_invite(b, "", "u-alice", 5000)->code);
    strcpy(second, books_invite(b, "", "u-alice", 6000)->code);
    assert_string_not_equal(first, second);
    assert_false(books_invited(b, first, "u-bob", 5000));
    assert_false(books_redeem(b, first, "u-bob", 5000));
    assert_int_equal(b->ninvites, 1); /* what has ended goes when it is met */
    assert_true(books_redeem(b, second, "u-bob", 5999));
    books_free(b);
}

static void who_is_banned_loses_the_own_codes(void **state)
{
    (void)state;
    struct books *b = books_new();
    char open[INVITE_MAX + 1];
    books_invite(b, "u-bob", "u-alice", 5000);
    strcpy(open, books_invite(b, "", "u-alice", 5000)->code);
    books_invite(b, "u-bob", "u-alice", 5000);
    books_drop_invites(b, "u-bob");
    assert_int_equal(b->ninvites, 1);
    assert_true(books_invited(b, open, "u-carol", 0));
    books_drop_invites(NULL, "u-bob");
    books_free(b);
}

static void there_are_only_so_many(void **state)
{
    (void)state;
    struct books *b = books_new();
    for (int i = 0; i < INVITES_MAX; i++)
        assert_non_null(books_invite(b, "", "u-alice", 5000));
    assert_null(books_invite(b, "", "u-alice", 5000));
    struct invite late = {.code = "late", .until = 5000};
    books_add_invite(b, &late);
    assert_false(books_invited(b, "late", "u-bob", 0));
    assert_int_equal(b->ninvites, INVITES_MAX);
    books_free(b);
}

static void one_from_the_store_is_like_any_other(void **state)
{
    (void)state;
    struct books *b = books_new();
    const struct invite i = {
        .code = "c0ffee", .user_id = "u-bob", .by_id = "u-alice", .until = 5000};
    books_add_invite(b, &i);
    assert_false(books_redeem(b, "c0ffee", "u-carol", 0));
    assert_true(books_redeem(b, "c0ffee", "u-bob", 4999));
    books_free(b);
}

/* ---- slow mode ------------------------------------------------------------------------------------ */

static const int64_t slow = 10 * NS_PER_S;

static void one_speaks_and_waits(void **state)
{
    (void)state;
    struct books *b = books_new();
    int64_t t = 1000 * NS_PER_S;
    assert_int_equal(books_silent_for(NULL, "u", slow, t), 0);
    assert_int_equal(books_silent_for(b, "u", slow, t), 0);
    assert_int_equal(books_speak(b, "u", slow, t), 0);
    assert_int_equal(books_silent_for(b, "u", slow, t + 4 * NS_PER_S), 6 * NS_PER_S);
    assert_int_equal(books_speak(b, "u", slow, t + 4 * NS_PER_S), 6 * NS_PER_S);
    assert_int_equal(books_speak(b, "u", slow, t + slow - 1), 1);     /* trying costs nothing */
    assert_int_equal(books_speak(b, "v", slow, t + 4 * NS_PER_S), 0); /* each for itself */
    assert_int_equal(books_speak(b, "u", slow, t + slow), 0);
    assert_int_equal(books_speak(b, "u", slow, t + slow), slow);
    books_free(b);
}

static void another_pace_counts_at_once(void **state)
{
    (void)state;
    struct books *b = books_new();
    assert_int_equal(books_speak(b, "u", slow, 0), 0);
    assert_int_equal(books_speak(b, "u", NS_PER_S, NS_PER_S), 0);
    assert_int_equal(books_speak(b, "u", 60 * NS_PER_S, 2 * NS_PER_S), 59 * NS_PER_S);
    books_free(b);
}

/* No more are remembered than spoke within the time, give or take half. */
static void who_may_speak_anyway_is_forgotten(void **state)
{
    (void)state;
    struct books *b = books_new();
    char id[16];
    int64_t t = 1000 * NS_PER_S;
    for (int i = 0; i < 100000; i++) {
        snprintf(id, sizeof(id), "u%d", i);
        assert_int_equal(books_speak(b, id, slow, t), 0);
        assert_int_equal(books_silent_for(b, id, slow, t), slow);
        t += NS_PER_S; /* ten of them within the time */
        assert_true(b->spoke_space <= 64);
    }
    books_free(b);
}

static void nobody_is_forgotten_too_early(void **state)
{
    (void)state;
    struct books *b = books_new();
    char id[16];
    int64_t t = 1000 * NS_PER_S;
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "u%d", i * 7 % 1000); /* in no order that they are kept in */
        assert_int_equal(books_speak(b, id, slow, t + i * 7 % 1000), 0);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "u%d", i);
        assert_int_equal(books_silent_for(b, id, slow, t + slow - 1), i + 1);
    }
    books_free(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_good_once),
        cmocka_unit_test(a_code_for_one_is_for_nobody_else),
        cmocka_unit_test(a_code_expires),
        cmocka_unit_test(who_is_banned_loses_the_own_codes),
        cmocka_unit_test(there_are_only_so_many),
        cmocka_unit_test(one_from_the_store_is_like_any_other),
        cmocka_unit_test(one_speaks_and_waits),
        cmocka_unit_test(another_pace_counts_at_once),
        cmocka_unit_test(who_may_speak_anyway_is_forgotten),
        cmocka_unit_test(nobody_is_forgotten_too_early),
    };
    return RUN_ROOM_TESTS(argc, argv, "books at the door", tests);
}
