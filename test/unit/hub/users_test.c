/* Users with several connections: one name, one place in a room, told once; names that look alike. */
#include "helpers.h"

#include <hubbub/metrics.h>

static struct probe *tab(struct stage *s, const char *user_id, const char *wish)
{
    return stage_enter_as(s, DIALECT_FULL, user_id, wish);
}

static void tabs_share_a_name(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    int64_t users = metric_read(METRIC_USERS);
    struct probe *one = tab(&s, "u-alice", "alice");
    struct probe *two = tab(&s, "u-alice", "another wish");
    assert_string_equal(probe_name(two), "alice");
    EXPECT(two, "{'type':'welcome',*'userId':'u-alice','username':'alice',*}");
    assert_int_equal(metric_read(METRIC_USERS), users + 1);
    probe_leave(one);
    struct probe *three = tab(&s, "u-alice", "third");
    assert_string_equal(probe_name(three), "alice"); /* as long as one of them is there */
    probe_leave(two);
    probe_leave(three);
    hub_fence(s.hub);
    assert_int_equal(metric_read(METRIC_USERS), users);
    assert_string_equal(probe_name(tab(&s, "u-alice", "fourth")), "fourth");
    stage_fini(&s);
}

static void names_that_look_alike_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *held, *wish, *given;
    } rows[] = {
        {"alice", "Alice", "Alice-2"},
        {"bill", "BILL", "BILL-2"},
        {"scope", "s\u0441ope", "s\u0441ope-2"},
        {"carol", "\uff43\uff41\uff52\uff4f\uff4c", "\uff43\uff41\uff52\uff4f\uff4c-2"},
        {"dave", "daves", "daves"},
    };
    struct stage s;
    stage_init(&s, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stage_enter(&s, DIALECT_FULL, rows[i].held);
        assert_string_equal(probe_name(stage_enter(&s, DIALECT_FULL, rows[i].wish)), rows[i].given);
    }
    stage_fini(&s);
}

/* Names that would speak for the server, or name somebody else where a user id may stand. */
static void some_names_are_nobodys(void **state)
{
    (void)state;
    static const struct {
        const char *wish, *given;
    } rows[] = {
        {"server", "server-2"},
        {"Server", "Server-3"},
        {"s\u0435rver", "s\u0435rver-4"},
        {"servers", "servers"},
        {"id:u-alice", "id-u-alice"},
        {"id:id:x", "id-id:x"},
        {"id:", "id-"},
        {"g0123456789abcdef", "g0123456789abcdef-2"},
        {"g0123456789ABCDEF", "g0123456789ABCDEF-3"},
        {"g0123456789abcde", "g0123456789abcde"},
    };
    struct stage s;
    stage_init(&s, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(probe_name(stage_enter(&s, DIALECT_FULL, rows[i].wish)), rows[i].given);
    for (int i = 0; i < 20; i++) /* the numbers run out, names do not */
        EXPECT_MATCH("server-*", probe_name(stage_enter(&s, DIALECT_FULL, "server")));
    stage_fini(&s);
}

static void a_room_is_told_once(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    struct probe *one = tab(&s, "u-alice", "alice"), *two = tab(&s, "u-alice", "x");
    join(bob, "den", NULL);
    hush((struct probe *[]){bob, one, two}, 3);
    join(one, "den", NULL);
    EXPECT(bob, "{'type':'join',*'username':'alice',*'count':2,*}");
    join(two, "den", "1");
    EXPECT_NOTHING(bob);
    EXPECT(two, "{'type':'ok','id':'1',*'members':2,*}");
    EXPECT(two, "{'type':'join',*'username':'alice',*'count':2,*}"); /* it has come in */
    probe_skip(one);
    EXPECT_NOTHING(one);

    say(two, NULL, "hello", NULL);
    EXPECT(one, "{'type':'message',*'username':'alice','userId':'u-alice','content':'hello',*}");
    EXPECT(two, "{'type':'message',*'content':'hello',*}");
    EXPECT(bob, "{'type':'message',*'content':'hello',*}");
    type(one, NULL, false, NULL); /* nor does one hear of the own typing */
    EXPECT(bob, "{'type':'typing',*}");
    EXPECT_NOTHING(two);

    part(one, NULL, NULL);
    EXPECT_NOTHING(bob);
    probe_leave(two);
    EXPECT(bob, "{'type':'leave',*'username':'alice',*'count':1}");
    EXPECT_NOTHING(bob);
    stage_fini(&s);
}

/* The dialects are counted apart, the users are not. */
static void tabs_of_both_dialects(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *full = tab(&s, "u-alice", "alice");
    struct probe *classic = stage_enter_as(&s, DIALECT_CLASSIC, "u-alice", "alice");
    join(classic, "den", NULL);
    join(full, "den", "1");
    FIND(full, "{'type':'ok','id':'1',*'members':1,*}");
    probe_skip(full);
    probe_skip(classic);
    say(full, NULL, "x", NULL);
    EXPECT(classic, "{'type':'message',*}");
    probe_leave(classic);
    probe_skip(full);
    say(full, NULL, "y", NULL);
    EXPECT(full, "{'type':'message',*'content':'y','seq':2,*}");
    stage_fini(&s);
}

/* Above the limit notices are merged: by users, too. */
static void tabs_do_not_make_a_crowd(void **state)
{
    (void)state;
    struct settings few = {
        .max_rooms = 10, .max_rooms_per_client = 10, .notice_limit = 2, .open_rooms = true};
    struct stage s;
    stage_init(&s, &few);
    struct probe *bob = stage_member(&s, DIALECT_FULL, "bob", "den");
    probe_skip(bob);
    for (int i = 0; i < 5; i++)
        join(tab(&s, "u-alice", "alice"), "den", NULL);
    EXPECT(bob, "{'type':'join',*'username':'alice',*'count':2,*}"); /* at once */
    EXPECT_NOTHING(bob);
    struct probe *carol = stage_enter(&s, DIALECT_FULL, "carol");
    struct probe *other = stage_enter_as(&s, DIALECT_FULL, carol->user_id, "carol");
    join(carol, "den", NULL);
    join(other, "den", NULL);
    probe_leave(carol); /* the other one stands for her, told or not */
    EXPECT_SOON(bob, "{'type':'presence',*'joined':['carol'],'left':[],'count':3}");
    probe_leave(other);
    EXPECT_SOON(bob, "{'type':'presence',*'joined':[],'left':['carol'],'count':2}");
    stage_fini(&s);
}

static void all_tabs_are_drained(void **state)
{
    (void)state;
    struct stage s;
    struct probe *p[6];
    stage_init(&s, &usual);
    for (int i = 0; i < 6; i++) {
        p[i] = tab(&s, i % 2 == 0 ? "u-alice" : "u-bob", "x");
        if (i == 0)
            create(p[0], "den", VISIBILITY_PUBLIC, NULL);
        join(p[i], "den", NULL);
    }
    hush(p, 6);
    stage_drain(&s, 60 * NS_PER_MS);
    for (int i = 0; i < 6; i++) {
        EXPECT(p[i], "{'type':'goaway',*}");
        EXPECT_CLOSED(p[i], 1001);
    }
    stage_fini(&s); /* the kept room goes with the hub */
}

static void a_call_of_a_tab_is_the_tabs_own(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *one = tab(&s, "u-alice", "alice"), *two = tab(&s, "u-alice", "alice");
    struct request r = {.type = REQUEST_JOIN, .room = "den"};
    struct buf answer = BUF_INIT;
    assert_int_equal(hub_call(s.hub, two->id, &r, &answer), 0);
    EXPECT_MATCH("{'type':'ok','room':'den',*}", answer.data);
    buf_fini(&answer);
    probe_skip(one);
    say(one, "den", "?", "1");
    EXPECT_REFUSED(one, "not_in_room");
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tabs_share_a_name),      cmocka_unit_test(names_that_look_alike_are_taken),
        cmocka_unit_test(some_names_are_nobodys), cmocka_unit_test(a_room_is_told_once),
        cmocka_unit_test(tabs_of_both_dialects),  cmocka_unit_test(tabs_do_not_make_a_crowd),
        cmocka_unit_test(all_tabs_are_drained),   cmocka_unit_test(a_call_of_a_tab_is_the_tabs_own),
    };
    return RUN_STAGED(argc, argv, "hub users", tests);
}
