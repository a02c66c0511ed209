/* Connections come and go: registration, the welcome, names made unique, and the drain. */
#include <support/stage.h>

#include <hubbub/lookalike.h>
#include <hubbub/room.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void the_full_dialect_is_welcomed(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    char pattern[512];
    snprintf(pattern, sizeof(pattern),
             "{'type':'welcome','session':'%s','userId':'%s','username':'alice','node':'here',"
             "'version':'1.2.3','limits':{'maxMessage':4096,'maxRooms':1000,'maxPerRoom':0,"
             "'sendQueue':256},'pingInterval':30000,'auth':'guest'}",
             alice->id, alice->user_id);
    EXPECT(alice, pattern);
    EXPECT_NOTHING(alice);
    stage_fini(&s);
}

static void the_classic_dialect_is_not(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    EXPECT_NOTHING(bob);
    stage_fini(&s);
}

static const struct user *find_name(const struct directory *d, const char *name)
{
    char key[LOOKALIKE_MAX + 1];
    lookalike_key(name, key);
    return directory_find_key(d, key);
}

static void sessions_are_found_by_id_and_name_while_they_last(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    const struct directory *d = hub_directory(s.hub);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    hub_fence(s.hub);
    rcu_read_lock();
    assert_ptr_equal(directory_find_session(d, alice->id), alice->session);
    assert_ptr_equal(directory_find_user(d, alice->user_id), alice->session->user);
    assert_ptr_equal(find_name(d, "alice"), alice->session->user);
    assert_null(directory_find_session(d, "alice"));
    rcu_read_unlock();
    probe_leave(alice);
    hub_fence(s.hub);
    rcu_read_lock();
    assert_null(directory_find_session(d, alice->id));
    assert_null(directory_find_user(d, alice->user_id));
    assert_null(find_name(d, "alice"));
    rcu_read_unlock();
    assert_int_equal(outbox_close_code(&alice->outbox), 1000);
    stage_fini(&s);
}

static void who_leaves_without_a_word_leaves_its_rooms(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    struct probe *carol = stage_enter(&s, DIALECT_CLASSIC, "carol");
    join_too(alice, "den", NULL);
    join_too(alice, "attic", NULL);
    join(bob, "den", NULL);
    join(carol, "attic", NULL);
    probe_skip(bob);
    probe_skip(carol);
    say(alice, "den", "bye", NULL);
    probe_leave(alice);
    EXPECT(bob, "{'type':'message','room':'den',*'content':'bye','seq':1,*}");
    EXPECT(bob, "{'type':'leave','room':'den','username':'alice',*'count':1}");
    EXPECT(carol, "{'type':'leave','room':'attic','username':'alice',*'count':1}");
    EXPECT_NOTHING(bob);
    EXPECT_NOTHING(carol);
    stage_fini(&s);
}

/* ---- names ----------------------------------------------------------------------------------------- */

enum { CROWD = 200 };

static void equal_names_are_counted_up(void **state)
{
    (void)state;
    struct stage s;
    struct probe *bobs[CROWD];
    stage_init(&s, NULL);
    for (int i = 0; i < CROWD; i++)
        bobs[i] = stage_enter(&s, i % 2 == 0 ? DIALECT_FULL : DIALECT_CLASSIC, "bob");
    assert_string_equal(probe_name(bobs[0]), "bob");
    for (int i = 1; i < CROWD; i++) {
        char name[32];
        snprintf(name, sizeof(name), "bob-%d", i + 1);
        assert_string_equal(probe_name(bobs[i]), name);
    }
    stage_fini(&s);
}

static void a_name_that_is_free_again_is_given_again(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *first = stage_enter(&s, DIALECT_FULL, "bob");
    struct probe *second = stage_enter(&s, DIALECT_FULL, "bob");
    probe_leave(first);
    struct probe *third = stage_enter(&s, DIALECT_FULL, "bob");
    assert_string_equal(probe_name(second), "bob-2");
    assert_string_equal(probe_name(third), "bob");
    EXPECT(third, "{'type':'welcome',*'username':'bob',*}");
    stage_fini(&s);
}

static void suffixes_in_use_are_passed_over(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    stage_enter(&s, DIALECT_FULL, "bob-2");
    stage_enter(&s, DIALECT_FULL, "bob");
    assert_string_equal(probe_name(stage_enter(&s, DIALECT_FULL, "bob")), "bob-3");
    for (int i = 2; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof(name), "carol-%d", i);
        stage_enter(&s, DIALECT_FULL, name);
    }
    stage_enter(&s, DIALECT_FULL, "carol");
    struct probe *by_chance = stage_enter(&s, DIALECT_FULL, "carol");
    const char *name = probe_name(by_chance);
    EXPECT_MATCH("carol-*", name);
    rcu_read_lock();
    assert_ptr_equal(find_name(hub_directory(s.hub), name), by_chance->session->user);
    rcu_read_unlock();
    for (size_t i = 0; i < s.n; i++)
        assert_true(s.probes[i] == by_chance || strcmp(probe_name(s.probes[i]), name) != 0);
    stage_fini(&s);
}

static void what_looks_the_same_is_counted_up(void **state)
{
    (void)state;
    static const struct {
        const char *wish, *name;
    } rows[] = {
        {"alice", "alice"}, {"Ian", "Ian"},       {"Bill", "Bill"},     {"aIice", "aIice-2"},
        {"lan", "lan-2"},   {"BiII", "BiII-2"},   {"aIice", "aIice-3"}, {"alice", "alice-4"},
        {"ian", "ian-2"},   {"BilI", "BilI-3"},   {"Lan", "Lan"},       {"Elia", "Elia"},
        {"Ella", "Ella"},   {"alice", "alice-5"},
    };
    struct stage s;
    struct probe *probes[sizeof(rows) / sizeof(rows[0])];
    stage_init(&s, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        probes[i] = stage_enter(&s, DIALECT_FULL, rows[i].wish);
        assert_string_equal(probe_name(probes[i]), rows[i].name);
    }
    probe_leave(probes[2]); /* Bill */
    assert_string_equal(probe_name(stage_enter(&s, DIALECT_FULL, "BilI")), "BilI");
    stage_fini(&s);
}

static void repeat(char *to, const char *piece, int n)
{
    for (to[0] = '\0'; n > 0; n--)
        strcat(to, piece);
}

static void long_names_make_way_for_the_suffix(void **state)
{
    (void)state;
    static const struct {
        const char *piece;
        int n, kept;
    } rows[] = {
        {"x", 64, 56}, /* bytes */
        {"x", 57, 56}, /* the longest that is not kept whole is the shortest that is cut */
        {"x", 56, 56},          {"\u00e9", 32, 28}, /* 2 bytes each: cut between them anyway */
        {"\u20ac", 21, 18},                         /* 3 bytes: 56 is not a multiple */
        {"\U0001f600", 16, 14},
    };
    struct stage s;
    stage_init(&s, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[80], expected[80];
        repeat(name, rows[i].piece, rows[i].n);
        struct probe *first = stage_enter(&s, DIALECT_FULL, name);
        struct probe *second = stage_enter(&s, DIALECT_FULL, name);
        assert_string_equal(probe_name(first), name);
        repeat(expected, rows[i].piece, rows[i].kept);
        strcat(expected, "-2");
        assert_string_equal(probe_name(second), expected);
        probe_leave(first);
        probe_leave(second);
    }
    stage_fini(&s);
}

/* ---- the drain ------------------------------------------------------------------------------------- */

enum { LEAVERS = 8, SLOT_MS = 20 };

static void everybody_is_given_a_slot_of_its_own(void **state)
{
    (void)state;
    struct stage s;
    struct probe *p[LEAVERS];
    bool taken[LEAVERS] = {false};
    stage_init(&s, NULL);
    for (int i = 0; i < LEAVERS; i++) {
        p[i] = stage_enter(&s, DIALECT_FULL, "alice");
        probe_skip(p[i]);
    }
    stage_drain(&s, LEAVERS * SLOT_MS * NS_PER_MS);
    for (int i = 0; i < LEAVERS; i++) {
        const char *text = probe_next(p[i], DEADLINE_NOW);
        assert_non_null(text);
        EXPECT_MATCH("{'type':'goaway','reason':'*','retryAfterMs':*}", text);
        int ms = atoi(strstr(text, "Ms\":") + 4);
        assert_int_equal(ms % SLOT_MS, 0);
        assert_in_range(ms / SLOT_MS, 0, LEAVERS - 1);
        assert_false(taken[ms / SLOT_MS]);
        taken[ms / SLOT_MS] = true;
    }
    for (int i = 0; i < LEAVERS; i++)
        EXPECT_CLOSED(p[i], 1001);
    stage_fini(&s);
}

static void what_was_said_before_the_drain_is_for_all(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_CLASSIC, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    meet(alice, bob, "den");
    say(alice, NULL, "last", NULL);
    stage_drain(&s, 0);
    EXPECT(alice, "{'type':'message',*'content':'last',*}");
    EXPECT(bob, "{'type':'message',*'content':'last',*}");
    EXPECT_CLOSED(alice, 1001); /* classic: no goaway */
    EXPECT_CLOSED(bob, 1001);
    stage_fini(&s);
}

static void who_comes_while_it_drains_is_sent_away(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    stage_drain(&s, 0); /* with nobody there */
    struct probe *late = stage_enter(&s, DIALECT_FULL, "alice");
    EXPECT(late, "{'type':'welcome',*}");
    EXPECT_CLOSED(late, 1001);
    stage_fini(&s);
}

static void who_leaves_before_its_slot_is_not_missed(void **state)
{
    (void)state;
    struct stage s;
    struct probe *p[LEAVERS];
    stage_init(&s, NULL);
    for (int i = 0; i < LEAVERS; i++)
        p[i] = stage_enter(&s, DIALECT_CLASSIC, "alice");
    stage_drain(&s, LEAVERS * 5 * SLOT_MS * NS_PER_MS);
    for (int i = 0; i < LEAVERS; i += 2) /* every second one: some first, some last, in the list */
        probe_leave(p[i]);
    hub_fence(s.hub);
    rcu_barrier(); // freed before the next slot comes
    for (int i = 1; i < LEAVERS; i += 2)
        EXPECT_CLOSED(p[i], 1001);
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_full_dialect_is_welcomed),
        cmocka_unit_test(the_classic_dialect_is_not),
        cmocka_unit_test(sessions_are_found_by_id_and_name_while_they_last),
        cmocka_unit_test(who_leaves_without_a_word_leaves_its_rooms),
        cmocka_unit_test(equal_names_are_counted_up),
        cmocka_unit_test(a_name_that_is_free_again_is_given_again),
        cmocka_unit_test(suffixes_in_use_are_passed_over),
        cmocka_unit_test(what_looks_the_same_is_counted_up),
        cmocka_unit_test(long_names_make_way_for_the_suffix),
        cmocka_unit_test(everybody_is_given_a_slot_of_its_own),
        cmocka_unit_test(what_was_said_before_the_drain_is_for_all),
        cmocka_unit_test(who_comes_while_it_drains_is_sent_away),
        cmocka_unit_test(who_leaves_before_its_slot_is_not_missed),
    };
    return RUN_STAGED(argc, argv, "hub sessions", tests);
}
