/* Ranks: who runs an open room, who is made what in a kept one, and that the last owner stays. */
#include "helpers.h"

/* ---- open rooms ------------------------------------------------------------------------------------ */

#define RUNS(p, name)                                                                          \
    EXPECT(p, "{'type':'moderation','room':'den','action':'role','userId':*,'username':'" name \
              "','by':'server','role':'owner'}")
#define RUNS_NO_MORE(p, name)                                                                  \
    EXPECT(p, "{'type':'moderation','room':'den','action':'role','userId':*,'username':'" name \
              "','by':'server','role':'guest'}")

static void who_opened_it_runs_it_while_there(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    struct probe *carol = stage_enter(&s, DIALECT_FULL, "carol");
    struct probe *all[] = {alice, bob, carol};
    hush(all, 3);
    join(alice, "den", "1");
    EXPECT(alice, "{'type':'ok',*'kept':false,'role':'owner'}");
    EXPECT(alice, "{'type':'join',*'username':'alice',*'role':'owner'}");
    join(bob, "den", "1");
    EXPECT(bob, "{'type':'ok',*'role':'guest'}");
    join(carol, "den", NULL);
    hush(all, 3);

    part(alice, "den", NULL); /* who has been in longest */
    EXPECT(carol, "{'type':'leave',*'username':'alice',*}");
    RUNS(carol, "bob");
    probe_skip(bob);
    join(alice, "den", "1"); /* and back */
    EXPECT(alice, "{'type':'ok','id':'1',*'role':'owner'}");
    RUNS_NO_MORE(bob, "bob");
    RUNS(bob, "alice");
    EXPECT(bob, "{'type':'join',*'username':'alice',*'role':'owner'}");
    hush(all, 3);

    part(alice, "den", NULL);
    part(bob, "den", NULL);
    probe_skip(carol);
    act(carol, REQUEST_KICK, "den", "bob"); /* may, but there is nobody */
    EXPECT_REFUSED(carol, "unknown_user");
    part(carol, "den", NULL);
    hush(all, 3);
    join(bob, "den", "1"); /* another room of that name */
    EXPECT(bob, "{'type':'ok',*'role':'owner'}");
    join(alice, "den", "1");
    EXPECT(alice, "{'type':'ok','id':'1',*'role':'guest'}");
    stage_fini(&s);
}

/* The room becomes somebody else's, who may be outside. */
static void who_ran_it_is_told_when_it_is_kept_by_another(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *op = resident(&s, RANK_OPERATOR);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    join(alice, "den", NULL);
    join(bob, "den", NULL);
    hush((struct probe *[]){op, alice, bob}, 3);
    create(op, "den", VISIBILITY_PUBLIC, NULL);
    FIND_OK(op);
    RUNS_NO_MORE(alice, "alice");
    RUNS_NO_MORE(bob, "alice");
    EXPECT(bob, "{'type':'room','room':'den',*'kept':true,'by':'operator'}");
    probe_skip(alice);
    act(alice, REQUEST_KICK, "den", "bob");
    EXPECT_REFUSED(alice, "forbidden");
    stage_fini(&s);
}

static void another_tab_of_the_runner_keeps_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *one = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    struct probe *two = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    join(one, "den", NULL);
    join(bob, "den", NULL);
    join(two, "den", "1");
    FIND(two, "{'type':'ok','id':'1',*'members':2,*'role':'owner'}");
    probe_skip(bob);
    probe_leave(one);
    EXPECT_NOTHING(bob); /* she is still there, and still runs it */
    probe_skip(two);
    act(two, REQUEST_KICK, "den", "bob");
    FIND_OK(two);
    EXPECT(bob, "{'type':'moderation',*'action':'kick',*}");
    EXPECT(bob, "{'type':'leave',*'content':'bob was removed from the room',*}");
    stage_fini(&s);
}

/* What was given in an open room lasts as long as the room. */
static void ranks_in_an_open_room_end_with_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    join(alice, "den", NULL);
    join(bob, "den", NULL);
    probe_skip(alice);
    make(alice, "den", "bob", RANK_MODERATOR);
    EXPECT(alice, "{'type':'ok','id':'1','room':'den',*'username':'bob','role':'moderator',*}");
    EXPECT(alice, "{'type':'moderation',*'action':'role',*'username':'bob','by':'alice','role':"
                  "'moderator','entry':1}");
    part(bob, "den", NULL);
    probe_skip(bob);
    join(bob, "den", "1");
    EXPECT(bob, "{'type':'ok',*'role':'moderator'}");
    part(alice, "den", NULL);
    part(bob, "den", NULL);
    probe_skip(alice);
    join(alice, "den", NULL);
    probe_skip(bob);
    join(bob, "den", "1");
    EXPECT(bob, "{'type':'ok',*'role':'guest'}");
    stage_fini(&s);
}

/* ---- kept rooms ------------------------------------------------------------------------------------ */

/* All that a rank may make of another: as the table of rights says, through the hub. */
static void roles_go_by_the_table(void **state)
{
    (void)state;
    for (int own = 0; own < RANK_COUNT; own++) {
        struct house h;
        house_init(&h);
        for (int other = 0; other < RANK_OPERATOR; other++) {
            for (int to = RANK_MEMBER; to < RANK_OPERATOR && other != own; to++) {
                bool may = own >= RANK_ADMIN &&
                           rights_give((enum rank)own, (enum rank)other, (enum rank)to);
                make(h.of[own], "den", rank_name((enum rank)other), (enum rank)to);
                if (may)
                    FIND_OK(h.of[own]);
                else
                    FIND_REFUSED(h.of[own], "forbidden");
                /* The operator puts it right again. */
                if (may && other == RANK_GUEST)
                    act(h.of[RANK_OPERATOR], REQUEST_REMOVE, "den", "guest");
                else if (may)
                    make(h.of[RANK_OPERATOR], "den", rank_name((enum rank)other), (enum rank)other);
                quiet(&h);
            }
        }
        house_fini(&h);
    }
}

static void who_is_made_something_is_it_at_once(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST];
    act(guest, REQUEST_LEDGER, "den", NULL);
    EXPECT_REFUSED(guest, "forbidden");
    make(h.of[RANK_ADMIN], "den", "guest", RANK_MODERATOR);
    EXPECT(guest, "{'type':'moderation','room':'den','action':'role','userId':'u-guest','username':"
                  "'guest','by':'admin','role':'moderator','entry':*}");
    act(guest, REQUEST_LEDGER, "den", NULL);
    EXPECT_OK(guest);
    assert_int_equal(directory_rank(hub_directory(h.stage.hub), guest->session, "den"),
                     RANK_MODERATOR);
    assert_int_equal(
        directory_rank(hub_directory(h.stage.hub), h.of[RANK_OPERATOR]->session, "attic"),
        RANK_OPERATOR);
    assert_int_equal(directory_rank(hub_directory(h.stage.hub), guest->session, "attic"),
                     RANK_GUEST);
    act(h.of[RANK_ADMIN], REQUEST_REMOVE, "den", "guest");
    EXPECT(guest, "{'type':'moderation',*'action':'remove',*'role':'guest',*}");
    act(guest, REQUEST_LEDGER, "den", NULL);
    EXPECT_REFUSED(guest, "forbidden");
    house_fini(&h);
}

static void one_may_step_down_but_not_up(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *admin = h.of[RANK_ADMIN];
    make(admin, "den", "admin", RANK_OWNER);
    EXPECT_REFUSED(admin, "forbidden");
    make(admin, "den", "admin", RANK_ADMIN);
    EXPECT_REFUSED(admin, "forbidden");
    make(admin, "den", "u-admin", RANK_MODERATOR);
    FIND(admin, "{'type':'ok','id':'1',*'username':'admin','role':'moderator',*}");
    quiet(&h);
    make(admin, "den", "admin", RANK_ADMIN); /* there is no way back */
    EXPECT_REFUSED(admin, "forbidden");
    house_fini(&h);
}

/* To lower the own rank takes none, neither as a role nor altogether. */
static void whoever_has_a_rank_may_lay_it_down(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR], *member = h.of[RANK_MEMBER];
    make(moderator, "den", "moderator", RANK_MODERATOR);
    EXPECT_REFUSED(moderator, "forbidden");
    make(moderator, "den", "moderator", RANK_MEMBER);
    FIND(moderator, "{'type':'ok','id':'1',*'role':'member',*}");
    act(member, REQUEST_REMOVE, "den", "member");
    FIND_OK(member);
    quiet(&h);
    act(member, REQUEST_REMOVE, "den", "member"); /* which can be done once */
    EXPECT_REFUSED(member, "unknown_user");
    act(member, REQUEST_ADD, "den", "member"); /* and that is for others to say */
    EXPECT_REFUSED(member, "forbidden");
    act(moderator, REQUEST_REMOVE, "den", "admin");
    EXPECT_REFUSED(moderator, "forbidden");
    make(moderator, "den", "nobody", RANK_MEMBER); /* says nothing of who is known here */
    EXPECT_REFUSED(moderator, "forbidden");
    act(h.of[RANK_ADMIN], REQUEST_BAN, "den", "moderator");
    hub_fence(h.stage.hub);
    probe_skip(moderator);
    act(moderator, REQUEST_REMOVE, "den", "moderator"); /* who is banned has no say */
    EXPECT_REFUSED(moderator, "banned");
    act(h.of[RANK_OWNER], REQUEST_REMOVE, "den", "owner");
    FIND(h.of[RANK_OWNER],
         "{'type':'error','id':'1','code':'forbidden','message':'*last owner*',*}");
    house_fini(&h);
}

static void the_last_owner_stays(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *owner = h.of[RANK_OWNER];
    make(owner, "den", "owner", RANK_ADMIN);
    EXPECT(owner, "{'type':'error','id':'1','code':'forbidden','message':'*last owner*',*}");
    make(owner, "den", "admin", RANK_OWNER);
    FIND_OK(owner);
    quiet(&h);
    make(owner, "den", "admin", RANK_ADMIN); /* owners are equals */
    EXPECT_REFUSED(owner, "forbidden");
    make(owner, "den", "owner", RANK_ADMIN);
    FIND_OK(owner);
    quiet(&h);
    make(h.of[RANK_ADMIN], "den", "admin", RANK_MEMBER);
    EXPECT_REFUSED(h.of[RANK_ADMIN], "forbidden");
    house_fini(&h);
}

static void members_are_added_and_removed(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *admin = h.of[RANK_ADMIN], *guest = h.of[RANK_GUEST];
    act(admin, REQUEST_ADD, "den", "guest");
    FIND(admin, "{'type':'ok','id':'1','room':'den','userId':'u-guest','username':'guest',*}");
    EXPECT(guest, "{'type':'moderation',*'action':'add',*'role':'member',*}");
    quiet(&h);
    act(admin, REQUEST_ADD, "den", "guest"); /* once more changes nothing, and is not news */
    EXPECT_OK(admin);
    EXPECT_NOTHING(guest);
    act(admin, REQUEST_ADD, "den", "moderator"); /* is more already, and stays it */
    FIND_OK(admin);
    act(h.of[RANK_MODERATOR], REQUEST_LEDGER, "den", NULL);
    FIND_OK(h.of[RANK_MODERATOR]);
    quiet(&h);
    act(admin, REQUEST_REMOVE, "den", "guest");
    FIND_OK(admin);
    say(guest, "den", "still here", NULL); /* the room is public */
    FIND(admin, "{'type':'message',*'content':'still here',*}");
    quiet(&h);
    act(admin, REQUEST_REMOVE, "den", "guest");
    EXPECT_REFUSED(admin, "unknown_user");
    act(admin, REQUEST_REMOVE, "den", "owner");
    EXPECT_REFUSED(admin, "forbidden");
    act(admin, REQUEST_ADD, "den", "nobody");
    EXPECT_REFUSED(admin, "unknown_user");
    act(admin, REQUEST_ADD, "den", "id:u-elsewhere"); /* before the first visit */
    FIND(admin, "{'type':'ok',*'userId':'u-elsewhere','username':'u-elsewhere',*}");
    house_fini(&h);
}

static void who_is_removed_from_a_closed_room_is_out(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    create(alice, "cellar", VISIBILITY_PRIVATE, NULL);
    act(alice, REQUEST_ADD, "cellar", "bob");
    probe_skip(bob);
    join_too(bob, "cellar", "1");
    EXPECT(bob, "{'type':'ok','id':'1','room':'cellar',*'visibility':'private',*'role':'member'}");
    probe_skip(bob);
    act(alice, REQUEST_REMOVE, "cellar", "bob");
    EXPECT(bob, "{'type':'moderation','room':'cellar','action':'remove',*}");
    EXPECT(bob, "{'type':'leave','room':'cellar','username':'bob',*'count':0}");
    EXPECT_NOTHING(bob);
    join_too(bob, "cellar", "1");
    EXPECT_REFUSED(bob, "no_such_room");
    stage_fini(&s);
}

/* ---- ranks by token -------------------------------------------------------------------------------- */

static struct grants *grant(const char *room, enum rank rank)
{
    struct grants *g = xcalloc(1, sizeof(*g) + sizeof(g->grant[0]));
    g->n = 1;
    strcpy(g->grant[0].room, room);
    g->grant[0].rank = rank;
    return g;
}

static void a_token_opens_some_rooms_and_gives_a_rank(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *helper =
        stage_enter_with(&h.stage, &(struct visitor){.dialect = DIALECT_FULL,
                                                     .user_id = "u-helper",
                                                     .username = "helper",
                                                     .grants = grant("den", RANK_MODERATOR)});
    probe_skip(helper);
    join_too(helper, "attic", "1");
    EXPECT_REFUSED(helper, "forbidden");
    create(helper, "attic", VISIBILITY_PUBLIC, NULL);
    EXPECT_REFUSED(helper, "forbidden");
    join_too(helper, "den", "1");
    EXPECT(helper, "{'type':'ok','id':'1',*'role':'moderator'}");
    EXPECT(helper, "{'type':'join',*'role':'moderator'}");
    act(helper, REQUEST_KICK, "den", "guest");
    FIND_OK(helper);
    quiet(&h);
    probe_skip(helper);
    act(h.of[RANK_MODERATOR], REQUEST_KICK, "den", "helper"); /* an equal, by whatever way */
    EXPECT_REFUSED(h.of[RANK_MODERATOR], "forbidden");
    house_fini(&h);
}

/* It comes again with the next connection, so there is nothing to lay down, and nothing is written. */
static void a_rank_by_token_is_not_stepped_down_from(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *helper =
        stage_enter_with(&h.stage, &(struct visitor){.dialect = DIALECT_FULL,
                                                     .user_id = "u-helper",
                                                     .username = "helper",
                                                     .grants = grant("den", RANK_ADMIN)});
    probe_skip(helper);
    make(helper, "den", "helper", RANK_MEMBER);
    EXPECT(helper, "{'type':'error','id':'1','code':'forbidden','message':'*token*',*}");
    act(helper, REQUEST_SETTINGS, "den", NULL);
    const char *settings = probe_next(helper, DEADLINE_NOW);
    assert_non_null(strstr(settings, "u-member"));
    assert_null(strstr(settings, "u-helper"));
    house_fini(&h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_opened_it_runs_it_while_there),
        cmocka_unit_test(who_ran_it_is_told_when_it_is_kept_by_another),
        cmocka_unit_test(another_tab_of_the_runner_keeps_it),
        cmocka_unit_test(ranks_in_an_open_room_end_with_it),
        cmocka_unit_test(roles_go_by_the_table),
        cmocka_unit_test(who_is_made_something_is_it_at_once),
        cmocka_unit_test(one_may_step_down_but_not_up),
        cmocka_unit_test(whoever_has_a_rank_may_lay_it_down),
        cmocka_unit_test(the_last_owner_stays),
        cmocka_unit_test(members_are_added_and_removed),
        cmocka_unit_test(who_is_removed_from_a_closed_room_is_out),
        cmocka_unit_test(a_token_opens_some_rooms_and_gives_a_rank),
        cmocka_unit_test(a_rank_by_token_is_not_stepped_down_from),
    };
    return RUN_STAGED(argc, argv, "hub ranks", tests);
}
