/* How many may be in a room, how many rooms there may be, and that both can be changed. */
#include <support/stage.h>

static const struct settings narrow = {.max_per_room = 2,
                                       .max_rooms = 3,
                                       .max_rooms_per_client = 2,
                                       .notice_limit = 100,
                                       .open_rooms = true};

static void a_full_room_takes_nobody(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &narrow);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    struct probe *carol = stage_enter(&s, DIALECT_FULL, "carol");
    meet(alice, bob, "den");
    meet(carol, carol, "attic");
    join(carol, "den", "1");
    EXPECT(carol, "{'type':'error','id':'1','code':'room_full','message':*,'room':'den'}");
    say(carol, NULL, "still here", NULL); /* what it was in was not left */
    EXPECT(carol, "{'type':'message','room':'attic',*}");
    EXPECT_NOTHING(alice);
    join(bob, "den", "2"); /* who is in is not refused */
    EXPECT(bob, "{'type':'ok','id':'2','room':'den',*'members':2,*}");
    part(bob, "den", NULL);
    join(carol, "den", NULL);
    EXPECT(carol, "{'type':'join','room':'den','username':'carol',*'count':2,*}");
    stage_fini(&s);
}

static void there_are_only_so_many_rooms(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &narrow);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    struct probe *carol = stage_enter(&s, DIALECT_FULL, "carol");
    join_too(alice, "one", NULL);
    join_too(alice, "two", NULL);
    join_too(bob, "three", NULL);
    probe_skip(carol);
    join(carol, "four", NULL);
    EXPECT(carol, "{'type':'error','code':'room_limit','message':'the server *','room':'four'}");
    join(carol, "one", NULL);
    EXPECT(carol, "{'type':'join','room':'one',*}");
    part(bob, NULL, NULL);
    hub_fence(s.hub);
    join_too(carol, "four", NULL);
    EXPECT(carol, "{'type':'join','room':'four',*}");
    stage_fini(&s);
}

static void one_is_in_only_so_many_rooms(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &narrow);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    join_too(alice, "one", NULL);
    join_too(alice, "two", NULL);
    probe_skip(alice);
    join_too(alice, "three", "3");
    EXPECT(alice, "{'type':'error','id':'3','code':'room_limit','message':'you are *',*}");
    join(alice, "three", NULL); /* which leaves the others */
    EXPECT(alice, "{'type':'join','room':'three',*}");
    say(alice, NULL, "alone", NULL);
    EXPECT(alice, "{'type':'message','room':'three',*}");
    stage_fini(&s);
}

static void limits_can_be_changed(void **state)
{
    (void)state;
    struct stage s;
    struct settings wide = narrow;
    wide.max_per_room = 3;
    stage_init(&s, &narrow);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    struct probe *carol = stage_enter(&s, DIALECT_FULL, "carol");
    meet(alice, bob, "den");
    probe_skip(carol);
    join(carol, "den", NULL);
    EXPECT(carol, "{'type':'error','code':'room_full',*}");
    assert_int_equal(hub_max_per_room(s.hub), 2);
    stage_settings(&s, &wide);
    join(carol, "den", NULL);
    EXPECT(carol, "{'type':'join','room':'den',*'count':3,*}");
    assert_int_equal(hub_max_per_room(s.hub), 3);
    stage_settings(&s, &narrow); /* nobody is thrown out */
    say(alice, "den", "all here", NULL);
    EXPECT(carol, "{'type':'message',*}");
    struct probe *dave = stage_enter(&s, DIALECT_FULL, "dave");
    EXPECT(dave, "{'type':'welcome',*'maxRooms':2,'maxPerRoom':2,*}");
    join(dave, "den", NULL);
    EXPECT(dave, "{'type':'error','code':'room_full',*}");
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_room_takes_nobody),
        cmocka_unit_test(there_are_only_so_many_rooms),
        cmocka_unit_test(one_is_in_only_so_many_rooms),
        cmocka_unit_test(limits_can_be_changed),
    };
    return RUN_STAGED(argc, argv, "hub limits", tests);
}
