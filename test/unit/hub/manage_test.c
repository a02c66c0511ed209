/* Kept rooms: create, update, settings, destroy. */
#include "helpers.h"

#include <hubbub/metrics.h>

static void a_created_room_is_there_without_anybody(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    int64_t kept = metric_read(METRIC_KEPT_ROOMS);
    probe_skip(alice);
    struct event *e = with(alice, REQUEST_CREATE, "den");
    free(e->request.args->title);
    free(e->request.args->topic);
    e->request.args->title = xstrdup("The den");
    e->request.args->topic = xstrdup("bears");
    e->request.args->given = ROOM_TITLE | ROOM_TOPIC | ROOM_MAX_USERS | ROOM_SLOW_MODE;
    e->request.args->max_users = 7;
    e->request.args->slow_mode = 3;
    ask(alice, e);
    EXPECT(alice, "{'type':'ok','id':'1','room':'den'}");
    EXPECT_NOTHING(alice); /* who makes it is not in it */
    assert_int_equal(metric_read(METRIC_KEPT_ROOMS), kept + 1);
    join(alice, "den", "2");
    EXPECT(alice, "{'type':'ok','id':'2','room':'den','seq':0,'epoch':'*','members':1,"
                  "'title':'The den','topic':'bears','visibility':'public','maxUsers':7,"
                  "'slowMode':3,'hidesPast':false,'hasPassword':false,'kept':true,'role':'owner'}");
    say(alice, NULL, "x", NULL);
    part(alice, NULL, NULL);
    probe_skip(alice);
    join(alice, "den", "3"); /* it was there all the time */
    EXPECT(alice, "{'type':'ok','id':'3','room':'den','seq':1,*'title':'The den',*}");
    stage_fini(&s);
}

static void there_is_one_room_of_a_name(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    create(alice, "den", VISIBILITY_PRIVATE, NULL);
    create(alice, "den", VISIBILITY_PUBLIC, NULL); /* not by the owner either */
    FIND_REFUSED(alice, "room_exists");
    probe_skip(bob);
    create(bob, "den", VISIBILITY_PUBLIC, NULL);
    EXPECT_REFUSED(bob, "room_exists");
    stage_fini(&s);
}

static void who_runs_an_open_room_may_keep_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    struct probe *bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "bob");
    join(alice, "den", NULL);
    join(bob, "den", NULL);
    say(alice, "den", "before", NULL);
    act(alice, REQUEST_MUTE, "den", "bob");
    hush((struct probe *[]){alice, bob}, 2);
    create(bob, "den", VISIBILITY_PUBLIC, NULL);
    EXPECT_REFUSED(bob, "room_exists");
    create(alice, "den", VISIBILITY_RESTRICTED, NULL);
    FIND(alice, "{'type':'ok','id':'1','room':'den'}");
    EXPECT(bob, "{'type':'room','room':'den','visibility':'restricted','kept':true,'by':'alice'}");
    say(bob, "den", "?", "2"); /* what was decided before goes on */
    EXPECT(bob, "{'type':'error','id':'2','code':'muted',*}");
    part(alice, "den", NULL);
    EXPECT(bob, "{'type':'leave',*}");
    EXPECT_NOTHING(bob); /* nobody runs it meanwhile */
    act(bob, REQUEST_KICK, "den", "alice");
    EXPECT_REFUSED(bob, "forbidden");
    probe_skip(alice);
    join(alice, "den", "3");
    EXPECT(alice, "{'type':'ok','id':'3','room':'den','seq':1,*'role':'owner'}");
    stage_fini(&s);
}

static void kept_rooms_count_as_rooms(void **state)
{
    (void)state;
    struct stage s;
    struct settings few = usual;
    few.max_rooms = 2;
    stage_init(&s, &few);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    create(alice, "one", VISIBILITY_PUBLIC, NULL);
    create(alice, "two", VISIBILITY_PUBLIC, NULL);
    probe_skip(alice);
    create(alice, "three", VISIBILITY_PUBLIC, NULL);
    EXPECT_REFUSED(alice, "room_limit");
    join(alice, "three", "1");
    EXPECT_REFUSED(alice, "room_limit");
    act(alice, REQUEST_DESTROY, "one", NULL);
    EXPECT_OK(alice);
    join(alice, "three", "1");
    EXPECT_OK(alice);
    probe_skip(alice);
    create(alice, "three", VISIBILITY_PUBLIC, NULL); /* the same one, from now on kept */
    FIND_OK(alice);
    stage_fini(&s);
}

/* ---- update ---------------------------------------------------------------------------------------- */

static void a_change_is_told_and_no_more(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *admin = h.of[RANK_ADMIN], *guest = h.of[RANK_GUEST];
    struct probe *classic = stage_enter(&h.stage, DIALECT_CLASSIC, "carl");
    join(classic, "den", NULL);
    quiet(&h);
    probe_skip(classic);
    struct event *e = with(admin, REQUEST_UPDATE, "den");
    free(e->request.args->topic);
    e->request.args->topic = xstrdup("wine");
    e->request.args->given = ROOM_TOPIC | ROOM_PASSWORD;
    e->request.args->password_hash = xstrdup("a hash");
    ask(admin, e);
    FIND(admin, "{'type':'ok','id':'1','room':'den'}");
    EXPECT(
        guest,
        "{'type':'room','room':'den','topic':'wine','hasPassword':true,'kept':true,'by':'admin'}");
    EXPECT_NOTHING(classic);
    quiet(&h);
    e = with(h.of[RANK_MODERATOR], REQUEST_UPDATE, "den");
    e->request.args->given = ROOM_TOPIC;
    ask(h.of[RANK_MODERATOR], e);
    EXPECT_REFUSED(h.of[RANK_MODERATOR], "forbidden");
    act(h.of[RANK_OWNER], REQUEST_SETTINGS, "den", NULL);
    EXPECT(h.of[RANK_OWNER], "{'type':'ok',*'topic':'wine',*}");
    house_fini(&h);
}

static void settings_show_all_there_is(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR];
    act_why(moderator, REQUEST_MUTE, "den", "guest", "hush", 60);
    act(moderator, REQUEST_BAN, "den", "id:u-dave");
    invite(moderator, "den", NULL);
    probe_skip(moderator);
    act(moderator, REQUEST_SETTINGS, "den", NULL);
    EXPECT(moderator,
           "{'type':'ok','id':'1','room':'den','title':'','topic':'','visibility':'public',"
           "'maxUsers':0,'slowMode':0,'hidesPast':false,'hasPassword':false,'kept':true,'role':'"
           "moderator',"
           "'rosterCount':4,'roster':[{'userId':'u-owner','username':'owner','role':'owner'},"
           "{'userId':'u-admin','username':'admin','role':'admin'},"
           "{'userId':'u-moderator','username':'moderator','role':'moderator'},"
           "{'userId':'u-member','username':'member','role':'member'}],"
           "'sanctionCount':2,'sanctions':[{'action':'ban','entry':5,'userId':'u-dave',*},"
           "{'action':'mute','entry':4,'userId':'u-guest',*'reason':'hush',*'until':1*}],"
           "'invites':1}");
    act(h.of[RANK_MEMBER], REQUEST_SETTINGS, "den", NULL);
    FIND_REFUSED(h.of[RANK_MEMBER], "forbidden");
    house_fini(&h);
}

/* ---- destroy --------------------------------------------------------------------------------------- */

static void a_destroyed_room_is_gone_with_all_in_it(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *owner = h.of[RANK_OWNER];
    struct probe *classic = stage_enter(&h.stage, DIALECT_CLASSIC, "carl");
    join(classic, "den", NULL);
    act(owner, REQUEST_BAN, "den", "id:u-dave");
    quiet(&h);
    probe_skip(classic);
    act(h.of[RANK_ADMIN], REQUEST_DESTROY, "den", NULL);
    EXPECT_REFUSED(h.of[RANK_ADMIN], "forbidden");
    act_why(owner, REQUEST_DESTROY, "den", NULL, "we move", 0);
    FIND(owner, "{'type':'ok','id':'1','room':'den'}");
    EXPECT(guest, "{'type':'room','room':'den','destroyed':true,'by':'owner','reason':'we move'}");
    EXPECT_NOTHING(guest);
    EXPECT(classic, "{'type':'error','code':'no_such_room',*'room':'den',*}");
    EXPECT_NOTHING(classic);
    say(guest, "den", "?", "2");
    EXPECT(guest, "{'type':'error','id':'2','code':'not_in_room',*}");
    probe_skip(owner);
    act(owner, REQUEST_SETTINGS, "den", NULL);
    EXPECT_REFUSED(owner, "no_such_room");
    join_too(guest, "den", "3"); /* another room of that name, with nothing of the old one */
    EXPECT(guest, "{'type':'ok','id':'3','room':'den','seq':0,*'kept':false,'role':'owner'}");
    probe_skip(guest);
    act(guest, REQUEST_SETTINGS, "den", NULL);
    EXPECT(guest, "{'type':'ok',*'roster':[],'sanctionCount':0,*'invites':0}");
    house_fini(&h);
}

/* All at once, so that the hub may do it in one batch. */
static void a_room_is_made_and_destroyed_many_times(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    for (int i = 0; i < 100; i++) {
        create(alice, "den", VISIBILITY_PUBLIC, NULL);
        if (i % 3 > 0)
            join_too(bob, "den", NULL);
        if (i % 3 > 1)
            join_too(alice, "den", NULL);
        act(alice, REQUEST_DESTROY, "den", NULL);
        if (i % 2 == 0) {
            join_too(bob, "den", NULL); /* an open one */
            part(bob, "den", NULL);
        }
    }
    unsigned oks = 0;
    const char *text;
    while ((text = probe_next(alice, DEADLINE_NOW)) != NULL)
        oks += text_matches("{'type':'ok','id':'1',*}", text);
    assert_int_equal(oks, 200);
    stage_fini(&s);
}

static void an_open_room_can_be_closed(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    join(alice, "den", NULL);
    join(bob, "den", NULL);
    probe_skip(bob);
    act(bob, REQUEST_DESTROY, "den", NULL);
    EXPECT_REFUSED(bob, "forbidden");
    act(alice, REQUEST_DESTROY, "den", NULL);
    EXPECT(bob, "{'type':'room','room':'den','destroyed':true,'by':'alice'}");
    FIND_OK(alice);
    int64_t rooms = metric_read(METRIC_ROOMS);
    join(bob, "den", NULL);
    hub_fence(s.hub);
    assert_int_equal(metric_read(METRIC_ROOMS), rooms + 1);
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_created_room_is_there_without_anybody),
        cmocka_unit_test(there_is_one_room_of_a_name),
        cmocka_unit_test(who_runs_an_open_room_may_keep_it),
        cmocka_unit_test(kept_rooms_count_as_rooms),
        cmocka_unit_test(a_change_is_told_and_no_more),
        cmocka_unit_test(settings_show_all_there_is),
        cmocka_unit_test(a_destroyed_room_is_gone_with_all_in_it),
        cmocka_unit_test(a_room_is_made_and_destroyed_many_times),
        cmocka_unit_test(an_open_room_can_be_closed),
    };
    return RUN_STAGED(argc, argv, "hub rooms", tests);
}
