/* What members ask for and what each of them sees: join, leave, message, typing. */
#include <support/stage.h>

#include <hubbub/metrics.h>
#include <hubbub/room.h>
#include <stdio.h>
#include <string.h>

/* ---- join and leave -------------------------------------------------------------------------------- */

static void everybody_hears_of_a_join(void **state)
{
    (void)state;
    struct stage s;
    char pattern[256];
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    probe_skip(alice);
    join(alice, "den", NULL);
    snprintf(pattern, sizeof(pattern),
             "{'type':'join','room':'den','username':'alice','content':'alice joined the room',"
             "'userId':'%s','count':1,'role':'owner'}",
             alice->user_id);
    EXPECT(alice, pattern);
    EXPECT_NOTHING(alice); /* without an id the broadcast is the confirmation */
    join(bob, "den", NULL);
    EXPECT(alice, "{'type':'join','room':'den','username':'bob',*'count':2,'role':'guest'}");
    EXPECT(bob, "{'type':'join','room':'den','username':'bob',*'count':2,'role':'guest'}");
    EXPECT_NOTHING(bob);
    stage_fini(&s);
}

static void a_join_with_an_id_is_confirmed_first(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    meet(alice, alice, "den");
    say(alice, NULL, "one", NULL);
    say(alice, NULL, "two", NULL);
    probe_skip(bob);
    join(bob, "den", "j1");
    EXPECT(bob, "{'type':'ok','id':'j1','room':'den','seq':2,'epoch':'*','members':2,"
                "'title':'','topic':'','visibility':'public','maxUsers':0,'slowMode':0,"
                "'hidesPast':false,'hasPassword':false,'kept':false,'role':'guest'}");
    EXPECT(bob, "{'type':'join','room':'den','username':'bob',*'count':2,'role':'guest'}");
    EXPECT_NOTHING(bob); /* nothing of what was said before */
    stage_fini(&s);
}

static void entering_twice_changes_nothing(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    meet(alice, alice, "den");
    join(alice, "den", NULL);
    EXPECT_NOTHING(alice);
    join(alice, "den", "again");
    EXPECT(alice, "{'type':'ok','id':'again','room':'den',*'members':1,*}");
    EXPECT_NOTHING(alice);
    stage_fini(&s);
}

static void the_other_rooms_are_left_unless_one_stays(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    struct probe *carol = stage_enter(&s, DIALECT_CLASSIC, "carol");
    meet(alice, bob, "den");
    meet(alice, carol, "attic");
    EXPECT_NOTHING(bob);
    join(alice, "cellar", NULL);
    EXPECT(bob, "{'type':'leave','room':'den','username':'alice',*'count':1}");
    EXPECT(carol, "{'type':'leave','room':'attic','username':'alice',*'count':1}");
    EXPECT(alice, "{'type':'join','room':'cellar',*}");
    EXPECT_NOTHING(alice); /* who leaves is not told */

    join_too(alice, "den", NULL);
    probe_skip(alice);
    probe_skip(bob);
    join(alice, "cellar", "back"); /* where it already is */
    EXPECT(alice, "{'type':'ok','id':'back','room':'cellar',*}");
    EXPECT(bob, "{'type':'leave','room':'den','username':'alice',*}");
    EXPECT_NOTHING(alice);
    stage_fini(&s);
}

static void the_others_hear_of_a_leave(void **state)
{
    (void)state;
    struct stage s;
    char pattern[256];
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    meet(alice, bob, "den");
    part(alice, "den", "l1");
    EXPECT(alice, "{'type':'ok','id':'l1','room':'den'}");
    snprintf(pattern, sizeof(pattern),
             "{'type':'leave','room':'den','username':'alice','content':'alice left the room',"
             "'userId':'%s','count':1}",
             alice->user_id);
    EXPECT(bob, pattern);
    EXPECT_NOTHING(alice);
    EXPECT(bob, "{'type':'moderation',*'username':'bob','by':'server','role':'owner'}");
    part(bob, NULL, NULL); /* the only one it is in */
    EXPECT_NOTHING(bob);
    part(bob, "den", NULL);
    EXPECT(bob, "{'type':'error','code':'not_in_room','message':*,'room':'den'}");
    stage_fini(&s);
}

static void a_room_left_empty_is_forgotten(void **state)
{
    (void)state;
    struct stage s;
    char first[64], second[64];
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    int64_t rooms = metric_read(METRIC_ROOMS);
    probe_skip(alice);
    join(alice, "den", "1");
    say(alice, "den", "hello", NULL);
    const char *text = probe_next(alice, DEADLINE_NOW);
    snprintf(first, sizeof(first), "%.16s", strstr(text, "\"epoch\":\"") + 9);
    assert_int_equal(metric_read(METRIC_ROOMS), rooms + 1);
    part(alice, "den", NULL);
    probe_skip(alice);
    assert_int_equal(metric_read(METRIC_ROOMS), rooms);
    rcu_read_lock();
    assert_null(directory_find_room(hub_directory(s.hub), "den"));
    rcu_read_unlock();

    join(alice, "den", "2");
    text = probe_next(alice, DEADLINE_NOW);
    EXPECT_MATCH("{'type':'ok','id':'2','room':'den','seq':0,'epoch':'*','members':1,*}", text);
    snprintf(second, sizeof(second), "%.16s", strstr(text, "\"epoch\":\"") + 9);
    assert_string_not_equal(first, second);
    stage_fini(&s);
}

/* ---- messages -------------------------------------------------------------------------------------- */

static void all_see_a_message_and_its_author_too(void **state)
{
    (void)state;
    struct stage s;
    char pattern[256];
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    meet(alice, bob, "den");
    say(alice, NULL, "hello", NULL);
    snprintf(pattern, sizeof(pattern),
             "{'type':'message','room':'den','username':'alice','userId':'%s','content':'hello',"
             "'seq':1,'ts':1*}",
             alice->user_id);
    EXPECT(alice, pattern);
    EXPECT(bob, pattern);
    EXPECT_NOTHING(alice);
    EXPECT_NOTHING(bob);
    stage_fini(&s);
}

static void a_message_with_an_id_is_confirmed_with_its_seq(void **state)
{
    (void)state;
    struct stage s;
    unsigned seen = 0;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    meet(alice, alice, "den");
    say(alice, "den", "one", NULL);
    say(alice, "den", "two", "m2");
    /* The reply may come before what the room sees: they are not of one order. */
    for (int i = 0; i < 3; i++) {
        const char *text = probe_next(alice, DEADLINE_NOW);
        assert_non_null(text);
        if (text_matches("{'type':'ok','id':'m2','room':'den','seq':2,'ts':*,'durable':false}",
                         text))
            seen |= 1;
        else if (text_matches("{'type':'message',*'content':'one','seq':1,*}", text))
            seen |= 2;
        else if (text_matches("{'type':'message',*'content':'two','seq':2,*}", text))
            seen |= 4;
    }
    assert_int_equal(seen, 7);
    EXPECT_NOTHING(alice);
    stage_fini(&s);
}

static void all_see_the_same_order(void **state)
{
    (void)state;
    enum { TALKERS = 5, ROUNDS = 300 }; /* beyond what one frame may hold */
    struct stage s;
    struct probe *p[TALKERS];
    stage_init(&s, NULL);
    for (int i = 0; i < TALKERS; i++) {
        p[i] = stage_member(&s, i % 2 == 0 ? DIALECT_FULL : DIALECT_CLASSIC, "bob", "den");
    }
    for (int i = 0; i < TALKERS; i++)
        probe_skip(p[i]);
    for (int i = 0; i < TALKERS * ROUNDS; i++) {
        char content[16];
        snprintf(content, sizeof(content), "n%d", i);
        say(p[i * 7 % TALKERS], "den", content, NULL);
    }
    for (int i = 0; i < TALKERS * ROUNDS; i++) {
        char pattern[128];
        snprintf(pattern, sizeof(pattern), "{'type':'message',*'content':'n%d','seq':%d,*}", i,
                 i + 1);
        for (int k = 0; k < TALKERS; k++)
            EXPECT(p[k], pattern);
    }
    for (int k = 0; k < TALKERS; k++)
        EXPECT_NOTHING(p[k]);
    stage_fini(&s);
}

static void large_messages_arrive_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 10, 100, 1000, 60000, 70000, 200000};
    static char content[200001];
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    meet(alice, alice, "den");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(content, 'x', sizes[i]);
        content[sizes[i]] = '\0';
        say(alice, "den", content, NULL);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const char *text = probe_next(alice, DEADLINE_NOW);
        assert_non_null(text);
        assert_int_equal(strspn(strstr(text, "\"content\":\"") + 11, "x"), sizes[i]);
    }
    stage_fini(&s);
}

/* All of it is posted at once, so that the hub may well do it in one batch. */
static void one_sees_what_was_said_between_its_join_and_its_leave(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_CLASSIC, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    for (int round = 0; round < 100; round++) {
        join(alice, "den", NULL);
        say(alice, "den", "before", NULL);
        join(bob, "den", NULL);
        say(alice, "den", "between", NULL);
        part(bob, "den", NULL);
        say(alice, "den", "after", NULL);
        EXPECT(bob, "{'type':'join',*'username':'bob',*}");
        EXPECT(bob, "{'type':'message',*'content':'between',*}");
        EXPECT_NOTHING(bob);
        if (round == 0)
            EXPECT(alice, "{'type':'join',*'username':'alice',*}");
        EXPECT(alice, "{'type':'message',*'content':'before',*}");
        EXPECT(alice, "{'type':'join',*'username':'bob',*'count':2,'role':'guest'}");
        EXPECT(alice, "{'type':'message',*'content':'between',*}");
        EXPECT(alice, "{'type':'leave',*'username':'bob',*'count':1}");
        EXPECT(alice, "{'type':'message',*'content':'after',*}");
        EXPECT_NOTHING(alice);
    }
    stage_fini(&s);
}

static void rooms_do_not_hear_each_other(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    meet(alice, alice, "den");
    meet(bob, bob, "attic");
    say(alice, NULL, "here", NULL);
    say(alice, "attic", "there", NULL);
    EXPECT_NOTHING(bob);
    probe_skip(alice);
    say(bob, NULL, "me", NULL);
    EXPECT(bob, "{'type':'message','room':'attic',*'seq':1,*}"); /* numbers of its own */
    EXPECT_NOTHING(alice);
    stage_fini(&s);
}

static void without_a_room_the_only_one_is_meant(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    probe_skip(alice);
    say(alice, NULL, "nowhere", "1");
    EXPECT(alice, "{'type':'error','id':'1','code':'not_in_room','message':*}");
    part(alice, NULL, NULL);
    EXPECT(alice, "{'type':'error','code':'not_in_room','message':*}");
    type(alice, NULL, false, "3");
    EXPECT(alice, "{'type':'error','id':'3','code':'not_in_room','message':*}");
    say(bob, "den", "elsewhere", NULL);
    EXPECT(bob, "{'type':'error','code':'not_in_room','message':'*','room':'den','username':"
                "'server','content':*}");
    join_too(alice, "den", NULL);
    join_too(alice, "attic", NULL);
    probe_skip(alice);
    say(alice, NULL, "which", "4");
    EXPECT(alice, "{'type':'error','id':'4','code':'bad_request','message':*}");
    part(alice, "den", NULL);
    say(alice, NULL, "this one", NULL);
    EXPECT(alice, "{'type':'message','room':'attic',*}");
    EXPECT_NOTHING(alice);
    stage_fini(&s);
}

/* ---- typing ---------------------------------------------------------------------------------------- */

static void typing_is_for_the_others_of_the_full_dialect(void **state)
{
    (void)state;
    struct stage s;
    char pattern[256];
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    struct probe *carol = stage_enter(&s, DIALECT_CLASSIC, "carol");
    meet(alice, bob, "den");
    meet(carol, bob, "den");
    probe_skip(alice);
    say(carol, NULL, "first", NULL);
    type(alice, NULL, false, NULL);
    type(alice, NULL, true, "t2");
    EXPECT(bob, "{'type':'message',*'content':'first',*}");
    snprintf(pattern, sizeof(pattern),
             "{'type':'typing','room':'den','userId':'%s','username':'alice','state':'active'}",
             alice->user_id);
    EXPECT(bob, pattern);
    EXPECT(bob, "{'type':'typing',*'state':'paused'}");
    EXPECT(carol, "{'type':'message',*'content':'first',*}");
    EXPECT_NOTHING(carol);
    EXPECT(alice, "{'type':'message',*'content':'first',*}");
    EXPECT(alice, "{'type':'ok','id':'t2','room':'den'}");
    EXPECT_NOTHING(alice);
    type(carol, NULL, false, NULL); /* may ask, though it is never told */
    EXPECT(alice, "{'type':'typing',*'username':'carol',*}");
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_hears_of_a_join),
        cmocka_unit_test(a_join_with_an_id_is_confirmed_first),
        cmocka_unit_test(entering_twice_changes_nothing),
        cmocka_unit_test(the_other_rooms_are_left_unless_one_stays),
        cmocka_unit_test(the_others_hear_of_a_leave),
        cmocka_unit_test(a_room_left_empty_is_forgotten),
        cmocka_unit_test(all_see_a_message_and_its_author_too),
        cmocka_unit_test(a_message_with_an_id_is_confirmed_with_its_seq),
        cmocka_unit_test(all_see_the_same_order),
        cmocka_unit_test(large_messages_arrive_whole),
        cmocka_unit_test(one_sees_what_was_said_between_its_join_and_its_leave),
        cmocka_unit_test(rooms_do_not_hear_each_other),
        cmocka_unit_test(without_a_room_the_only_one_is_meant),
        cmocka_unit_test(typing_is_for_the_others_of_the_full_dialect),
    };
    return RUN_STAGED(argc, argv, "hub talk", tests);
}
