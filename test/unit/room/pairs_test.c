/* Conversations and blocks: found from either side and by name, many of them, and nothing left behind. */
#include <support/test_main.h>

#include <hubbub/pairs.h>
#include <stdio.h>
#include <string.h>

static const char *room_of(unsigned n)
{
    static char name[PAIR_ROOM_LEN + 1];
    snprintf(name, sizeof name, "dm:%032x", n);
    return name;
}

static void found_from_either_side(void **state)
{
    (void)state;
    struct pairs *p = pairs_new();
    assert_null(pairs_find(p, room_of(1)));
    assert_null(pairs_between(p, "a", "b"));
    assert_null(pairs_user(p, "a"));
    struct pair *ab = pairs_begin(p, room_of(1), "a", "alice", "b", "bob");
    struct pair *cb = pairs_begin(p, room_of(2), "c", "carol", "b", "bob");
    assert_ptr_equal(pairs_find(p, room_of(1)), ab);
    assert_ptr_equal(pairs_between(p, "a", "b"), ab);
    assert_ptr_equal(pairs_between(p, "b", "a"), ab);
    assert_ptr_equal(pairs_between(p, "b", "c"), cb);
    assert_null(pairs_between(p, "a", "c"));
    assert_null(pairs_between(p, "a", "a"));
    assert_int_equal(pair_side(ab, "a"), 0);
    assert_int_equal(pair_side(ab, "b"), 1);
    assert_int_equal(pair_side(ab, "c"), -1);
    assert_string_equal(pair_id(ab, 1), "b");
    assert_int_equal(pairs_user(p, "b")->npairs, 2);
    assert_int_equal(pairs_user(p, "b")->begun, 0);
    pairs_end(p, ab);
    assert_null(pairs_between(p, "a", "b"));
    assert_null(pairs_user(p, "a"));
    assert_ptr_equal(pairs_between(p, "c", "b"), cb);
    assert_int_equal(pairs_count(p), 1);
    pairs_free(p);
}

static void by_id_then_by_the_name_of_the_other(void **state)
{
    (void)state;
    struct pairs *p = pairs_new();
    struct pair *ab = pairs_begin(p, room_of(1), "a", "alice", "b", "bob");
    struct pair *ca = pairs_begin(p, room_of(2), "c", "bob", "a", "alice");
    struct pair *ad = pairs_begin(p, room_of(3), "a", "alice", "bob", "dave");
    assert_ptr_equal(pairs_with(p, "a", "bob"), ad); /* an id */
    assert_null(pairs_with(p, "a", "alice"));        /* the own name */
    assert_ptr_equal(pairs_with(p, "c", "alice"), ca);
    assert_null(pairs_with(p, "nobody", "bob"));
    pairs_end(p, ad);
    ab->ts = 2;
    ca->ts = 1;
    assert_ptr_equal(pairs_with(p, "a", "bob"), ab); /* the latest */
    ca->ts = 3;
    assert_ptr_equal(pairs_with(p, "a", "bob"), ca);
    assert_true(pairs_rename(p, ca, 0, "carol"));
    assert_false(pairs_rename(p, ca, 0, "carol"));
    assert_ptr_equal(pairs_with(p, "a", "bob"), ab);
    assert_ptr_equal(pairs_with(p, "a", "carol"), ca);
    assert_ptr_equal(pairs_with(p, "a", "CAROL"), ca);
    assert_true(pairs_rename(p, ab, 1, "Carol"));
    assert_ptr_equal(pairs_with(p, "a", "Carol"), ab); /* rather than what looks like it */
    assert_ptr_equal(pairs_with(p, "a", "cArol"), ca);
    assert_null(pairs_with(p, "a", "caroline"));
    pairs_free(p);
}

static bool is_not(void *arg, const struct pair *p)
{
    return p != arg;
}

static void the_oldest_that_may_go(void **state)
{
    (void)state;
    struct pairs *p = pairs_new();
    assert_null(pairs_oldest(p, is_not, NULL));
    struct pair *ab = pairs_begin(p, room_of(1), "a", "alice", "b", "bob");
    struct pair *ac = pairs_begin(p, room_of(2), "a", "alice", "c", "carol");
    ab->ts = 1;
    ac->ts = 2;
    assert_ptr_equal(pairs_oldest(p, is_not, NULL), ab);
    assert_ptr_equal(pairs_oldest(p, is_not, ab), ac);
    pairs_free(p);
}

static void blocks_go_one_way(void **state)
{
    (void)state;
    struct pairs *p = pairs_new();
    struct pair *ab = pairs_begin(p, room_of(1), "a", "alice", "b", "bob");
    const struct block *b = pairs_block(p, "b", "a", "alice", 7);
    assert_string_equal(b->username, "alice");
    assert_ptr_equal(pairs_block(p, "b", "a", "alison", 8), b);
    assert_true(pairs_blocks(p, "b", "a"));
    assert_false(pairs_blocks(p, "a", "b"));
    assert_true(!ab->blocks[0] && ab->blocks[1]);
    pairs_block(p, "c", "a", "alice", 9); /* without a conversation */
    struct pair *ac = pairs_begin(p, room_of(2), "a", "alice", "c", "carol");
    assert_true(!ac->blocks[0] && ac->blocks[1]);
    assert_ptr_equal(pairs_block_of(p, "b", "alice"), b);
    assert_ptr_equal(pairs_block_of(p, "b", "a"), b);
    assert_null(pairs_block_of(p, "b", "c"));
    assert_null(pairs_block_of(p, "nobody", "a"));
    pairs_unblock(p, "b", "a");
    pairs_unblock(p, "b", "a");
    pairs_unblock(p, "nobody", "a");
    assert_false(pairs_blocks(p, "b", "a"));
    assert_false(ab->blocks[1]);
    pairs_end(p, ac);
    assert_true(pairs_blocks(p, "c", "a"));
    pairs_unblock(p, "c", "a");
    assert_null(pairs_user(p, "c"));
    pairs_free(p);
}

static void so_many_blocks_and_no_more(void **state)
{
    (void)state;
    struct pairs *p = pairs_new();
    char id[16];
    for (int i = 0; i < BLOCKS_MAX; i++) {
        snprintf(id, sizeof id, "u%d", i);
        assert_non_null(pairs_block(p, "a", id, id, i));
    }
    assert_null(pairs_block(p, "a", "one more", "x", 0));
    assert_non_null(pairs_block(p, "a", "u0", "x", 0)); /* it is there */
    pairs_unblock(p, "a", "u0");
    pairs_unblock(p, "a", "u500");
    assert_string_equal(pairs_user(p, "a")->blocks[0]->user_id, "u1");
    assert_non_null(pairs_block(p, "a", "one more", "x", 0));
    pairs_free(p);
}

static void many_conversations(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct pairs *p = pairs_new();
    char id[16];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "u%u", i);
        pairs_begin(p, room_of(i), "a", "alice", id, id);
    }
    assert_int_equal(pairs_count(p), MANY);
    assert_int_equal(pairs_user(p, "a")->begun, MANY);
    for (unsigned i = 0; i < MANY; i += 7) {
        snprintf(id, sizeof id, "u%u", i);
        struct pair *pair = pairs_find(p, room_of(i));
        assert_ptr_equal(pairs_between(p, "a", id), pair);
        pairs_end(p, pair);
        assert_null(pairs_find(p, room_of(i)));
        assert_null(pairs_user(p, id));
    }
    pairs_free(p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_from_either_side),
        cmocka_unit_test(by_id_then_by_the_name_of_the_other),
        cmocka_unit_test(the_oldest_that_may_go),
        cmocka_unit_test(blocks_go_one_way),
        cmocka_unit_test(so_many_blocks_and_no_more),
        cmocka_unit_test(many_conversations),
    };
    return RUN_TESTS(argc, argv, "pairs", tests);
}
