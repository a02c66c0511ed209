/* Rosters: who has a rank in a room, in order, and unchanged for whoever is reading. */
#include "helpers.h"

/* "a:member b:owner", as they are listed. */
static const char *told(const struct roster *r)
{
    static char text[1024];
    text[0] = '\0';
    for (size_t i = 0; r != NULL && i < r->n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s:%s", i > 0 ? " " : "",
                 r->row[i]->user_id, rank_name(r->row[i]->rank));
    return text;
}

static void nobody_is_in_none(void **state)
{
    (void)state;
    struct roster *r = NULL;
    assert_null(roster_find(r, "a"));
    assert_null(roster_find_name(r, "a"));
    assert_int_equal(roster_rank(r, "a"), RANK_GUEST);
    assert_int_equal(roster_count(r, RANK_OWNER), 0);
    roster_set(&r, "a", "alice", RANK_GUEST); /* nothing to take away */
    assert_null(r);
    roster_free_later(r);
}

static void rows_are_kept_in_order(void **state)
{
    (void)state;
    static const char *const ids[] = {"m", "c", "z", "a", "n", "b"};
    struct roster *r = NULL;
    for (size_t i = 0; i < 6; i++)
        roster_set(&r, ids[i], "somebody", i == 0 ? RANK_OWNER : RANK_MEMBER);
    assert_string_equal(told(r), "a:member b:member c:member m:owner n:member z:member");
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(roster_find(r, ids[i])->user_id, ids[i]);
    assert_null(roster_find(r, "d"));
    assert_null(roster_find(r, ""));
    assert_null(roster_find(r, "zz"));
    roster_free_later(r);
}

static void a_row_is_replaced_or_taken_away(void **state)
{
    (void)state;
    struct roster *r = NULL;
    roster_set(&r, "a", "alice", RANK_MEMBER);
    roster_set(&r, "b", "bob", RANK_OWNER);
    roster_set(&r, "c", "carol", RANK_MODERATOR);
    roster_set(&r, "b", "robert", RANK_ADMIN);
    assert_string_equal(told(r), "a:member b:admin c:moderator");
    assert_string_equal(roster_find(r, "b")->username, "robert");
    assert_null(roster_find_name(r, "bob"));
    assert_string_equal(roster_find_name(r, "robert")->user_id, "b");
    roster_set(&r, "a", "alice", RANK_GUEST);
    assert_string_equal(told(r), "b:admin c:moderator");
    roster_set(&r, "x", "xaver", RANK_GUEST);
    assert_string_equal(told(r), "b:admin c:moderator");
    roster_set(&r, "c", "carol", RANK_GUEST);
    roster_set(&r, "b", "robert", RANK_GUEST);
    assert_null(r);
}

static void ranks_are_counted(void **state)
{
    (void)state;
    struct roster *r = NULL;
    roster_set(&r, "a", "alice", RANK_OWNER);
    roster_set(&r, "b", "bob", RANK_OWNER);
    roster_set(&r, "c", "carol", RANK_MEMBER);
    assert_int_equal(roster_count(r, RANK_OWNER), 2);
    assert_int_equal(roster_count(r, RANK_MEMBER), 1);
    assert_int_equal(roster_count(r, RANK_ADMIN), 0);
    assert_int_equal(roster_rank(r, "b"), RANK_OWNER);
    assert_int_equal(roster_rank(r, "d"), RANK_GUEST);
    roster_free_later(r);
}

/* A reader holds the old one, and all rows of it, through any number of changes. */
static void a_reader_keeps_what_it_has_found(void **state)
{
    (void)state;
    struct roster *r = NULL;
    roster_set(&r, "a", "alice", RANK_OWNER);
    roster_set(&r, "b", "bob", RANK_MEMBER);
    rcu_read_lock();
    const struct roster *seen = rcu_dereference(r);
    const struct affiliation *alice = roster_find(seen, "a"), *bob = roster_find(seen, "b");
    roster_set(&r, "b", "bob", RANK_ADMIN);
    roster_set(&r, "c", "carol", RANK_MEMBER);
    assert_ptr_equal(roster_find(r, "a"), alice); /* rows are shared */
    assert_ptr_not_equal(roster_find(r, "b"), bob);
    roster_set(&r, "a", "alice", RANK_GUEST);
    roster_set(&r, "b", "bob", RANK_GUEST);
    roster_free_later(r);
    assert_string_equal(told(seen), "a:owner b:member");
    assert_string_equal(alice->username, "alice");
    assert_string_equal(bob->username, "bob");
    rcu_read_unlock();
    rcu_barrier();
}

static void many_come_and_go(void **state)
{
    (void)state;
    enum { USERS = 60, STEPS = 3000 };
    enum rank ranks[USERS] = {RANK_GUEST};
    struct roster *r = NULL;
    uint32_t x = 4711;
    for (int step = 0; step < STEPS; step++) {
        x = x * 1664525u + 1013904223u;
        unsigned who = (x >> 8) % USERS;
        char id[16];
        snprintf(id, sizeof(id), "u%u", who);
        ranks[who] = (enum rank)((x >> 20) % RANK_OPERATOR);
        roster_set(&r, id, id, ranks[who]);
        if (step % 50 != 0)
            continue;
        size_t n = 0;
        for (unsigned i = 0; i < USERS; i++) {
            snprintf(id, sizeof(id), "u%u", i);
            assert_int_equal(roster_rank(r, id), ranks[i]);
            n += ranks[i] != RANK_GUEST;
        }
        assert_int_equal(r == NULL ? 0 : r->n, n);
        for (size_t i = 1; i < n; i++)
            assert_true(strcmp(r->row[i - 1]->user_id, r->row[i]->user_id) < 0);
    }
    roster_free_later(r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_in_none),
        cmocka_unit_test(rows_are_kept_in_order),
        cmocka_unit_test(a_row_is_replaced_or_taken_away),
        cmocka_unit_test(ranks_are_counted),
        cmocka_unit_test(a_reader_keeps_what_it_has_found),
        cmocka_unit_test(many_come_and_go),
    };
    return RUN_ROOM_TESTS(argc, argv, "roster", tests);
}
