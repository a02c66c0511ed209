/* Who is banned, as other threads see it: made of the books, and unchanged for whoever is reading. */
#include "helpers.h"

static void impose(struct books *b, enum action action, const char *user_id, int64_t until)
{
    const struct entry like = {.action = action,
                               .until = until,
                               .user_id = user_id,
                               .username = user_id,
                               .by = "x",
                               .by_id = "x"};
    assert_true(books_restore(b, &like, 1));
}

static void nobody_is_banned_by_none(void **state)
{
    (void)state;
    struct bars *bars = NULL;
    struct books *b = books_new();
    assert_false(bars_has(bars, "u", 0));
    bars_refresh(&bars, NULL);
    assert_false(bars_has(bars, "u", 0));
    bars_refresh(&bars, b);
    assert_false(bars_has(bars, "u", 0));
    bars_free_later(bars);
    books_free(b);
}

static void bans_hold_until_they_end(void **state)
{
    (void)state;
    struct bars *bars = NULL;
    struct books *b = books_new();
    char id[16];
    for (int i = 99; i >= 0; i--) {
        snprintf(id, sizeof(id), "u%d", i);
        impose(b, i % 2 == 0 ? ACTION_BAN : ACTION_MUTE, id, i == 0 ? 0 : 1000 + i);
    }
    bars_refresh(&bars, b);
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "u%d", i);
        assert_int_equal(bars_has(bars, id, 999 + i), i % 2 == 0); /* a mute keeps nobody out */
        assert_int_equal(bars_has(bars, id, 1000 + i), i == 0);
    }
    assert_false(bars_has(bars, "u", 0));
    assert_false(bars_has(bars, "u100", 0));
    bars_free_later(bars);
    books_free(b);
}

static void a_reader_keeps_what_it_has_found(void **state)
{
    (void)state;
    struct bars *bars = NULL;
    struct books *b = books_new();
    impose(b, ACTION_BAN, "u", 0);
    bars_refresh(&bars, b);
    rcu_read_lock();
    const struct bars *found = rcu_dereference(bars);
    books_lift(b, ACTION_BAN, "u");
    bars_refresh(&bars, b);
    assert_true(bars_has(found, "u", 1));
    assert_false(bars_has(rcu_dereference(bars), "u", 1));
    rcu_read_unlock();
    bars_free_later(bars);
    books_free(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_banned_by_none),
        cmocka_unit_test(bans_hold_until_they_end),
        cmocka_unit_test(a_reader_keeps_what_it_has_found),
    };
    return RUN_ROOM_TESTS(argc, argv, "bars", tests);
}
