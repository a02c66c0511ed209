/* What lists show to whom: private rooms, members who are away, whether there is a password. */
#include "helpers.h"

#include <hubbub/err.h>
#include <hubbub/listing.h>

static struct buf answer;

static const char *rooms_for(struct stage *s, const char *user_id)
{
    const struct asker who = {.user_id = user_id};
    buf_clear(&answer);
    listing_rooms(hub_directory(s->hub), &answer, false, NULL, &who, NULL, NULL, 0);
    return answer.data;
}

static int members_for(struct stage *s, const char *user_id, const char *room)
{
    const struct asker who = {.user_id = user_id};
    buf_clear(&answer);
    return listing_members(hub_directory(s->hub), &answer, false, NULL, &who, room);
}

static int free_answer(void **state)
{
    (void)state;
    buf_fini(&answer);
    return 0;
}

static void a_ban_hides_a_private_room(void **state)
{
    (void)state;
    struct door d;
    door_init(&d, VISIBILITY_PRIVATE, NULL);
    act(d.owner, REQUEST_ADD, "den", "bob");
    FIND_OK(d.owner);
    EXPECT_MATCH("{'rooms':[{'room':'den',*'role':'member'}]}", rooms_for(&d.stage, "u-bob"));
    act(d.owner, REQUEST_BAN, "den", "bob");
    FIND_OK(d.owner);
    EXPECT_MATCH("{'rooms':[]}", rooms_for(&d.stage, "u-bob"));
    probe_skip(d.bob);
    assert_int_equal(members_for(&d.stage, "u-bob", "den"), ERR_NOTFOUND);
    act(d.owner, REQUEST_UNBAN, "den", "bob");
    FIND_OK(d.owner);
    EXPECT_MATCH("{'rooms':[{'room':'den',*'role':'member'}]}", rooms_for(&d.stage, "u-bob"));
    stage_fini(&d.stage);
}

static void lists_show_what_one_may_know(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    struct probe *bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "bob");
    create(alice, "a-public", VISIBILITY_PUBLIC, "hash");
    create(alice, "b-restricted", VISIBILITY_RESTRICTED, NULL);
    create(alice, "c-private", VISIBILITY_PRIVATE, NULL);
    join_too(bob, "d-open", NULL);
    hub_fence(s.hub);
    EXPECT_MATCH(
        "{'rooms':[{'room':'a-public','members':0,'title':'','topic':'','visibility':"
        "'public','maxUsers':0,'slowMode':0,'hidesPast':false,'hasPassword':true,'kept':true},"
        "{'room':'b-restricted',*'visibility':'restricted',*},"
        "{'room':'d-open','members':1,*'kept':false*}]}",
        rooms_for(&s, "u-bob"));
    assert_null(strstr(answer.data, "c-private"));
    rooms_for(&s, NULL);
    assert_null(strstr(answer.data, "c-private"));
    EXPECT_MATCH("{*{'room':'c-private',*'visibility':'private',*'role':'owner'}*}",
                 rooms_for(&s, "u-alice"));
    EXPECT_MATCH("{*{'room':'c-private',*'role':'operator'}*}", rooms_for(&s, OPERATOR_ID));

    assert_int_equal(members_for(&s, "u-bob", "a-public"), 0);
    assert_int_equal(members_for(&s, "u-bob", "b-restricted"), ERR_DENIED);
    assert_int_equal(members_for(&s, "u-bob", "c-private"), ERR_NOTFOUND);
    assert_int_equal(members_for(&s, NULL, "b-restricted"), ERR_DENIED);
    assert_int_equal(members_for(&s, "u-alice", "c-private"), 0);
    assert_int_equal(members_for(&s, OPERATOR_ID, "c-private"), 0);
    stage_fini(&s);
}

static void members_who_are_away_come_last(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    probe_leave(h.of[RANK_ADMIN]);
    struct probe *tab = stage_enter_as(&h.stage, DIALECT_FULL, "u-member", "x");
    join(tab, "den", NULL); /* counts once */
    hub_fence(h.stage.hub);
    assert_int_equal(members_for(&h.stage, "u-guest", "den"), 0);
    EXPECT_MATCH(
        "{'room':'den','members':["
        "{'userId':'u-guest','username':'guest','role':'guest','status':'online'},"
        "{'userId':'u-member','username':'member','role':'member','status':'online'},"
        "{'userId':'u-moderator','username':'moderator','role':'moderator','status':'online'},"
        "{'userId':'u-owner','username':'owner','role':'owner','status':'online'},"
        "{'userId':'u-admin','username':'admin','role':'admin','status':'offline'}]}",
        answer.data);
    assert_int_equal(members_for(&h.stage, "u-elsewhere", "den"), 0); /* not in the room */
    assert_null(strstr(answer.data, "offline"));
    house_fini(&h);
}

static void the_password_is_told_to_readers_only(void **state)
{
    (void)state;
    struct door d;
    char hash[129];
    door_init(&d, VISIBILITY_PUBLIC, "the hash");
    const struct directory *dir = hub_directory(d.stage.hub);
    assert_true(directory_password(dir, "den", hash));
    assert_string_equal(hash, "the hash");
    assert_false(directory_password(dir, "attic", hash));
    assert_string_equal(hash, "");
    struct event *e = with(d.owner, REQUEST_UPDATE, "den"); /* taken away */
    e->request.args->given = ROOM_PASSWORD;
    ask(d.owner, e);
    FIND_OK(d.owner);
    assert_false(directory_password(dir, "den", hash));
    join_too(d.bob, "den", "1");
    FIND_OK(d.bob);
    assert_null(strstr(rooms_for(&d.stage, "u-alice"), "the hash"));
    stage_fini(&d.stage);
}

/* A rank by token makes nobody a member who is banned. */
static void a_token_does_not_outweigh_a_ban(void **state)
{
    (void)state;
    struct door d;
    struct grants *g = xcalloc(1, sizeof(*g) + sizeof(g->grant[0]));
    g->n = 1;
    strcpy(g->grant[0].room, "den");
    g->grant[0].rank = RANK_ADMIN;
    const struct asker helper = {.user_id = "u-helper", .grants = g};
    door_init(&d, VISIBILITY_PRIVATE, NULL);
    buf_clear(&answer);
    const struct directory *directory = hub_directory(d.stage.hub);
    assert_int_equal(listing_members(directory, &answer, false, NULL, &helper, "den"), 0);
    act(d.owner, REQUEST_BAN, "den", "id:u-helper");
    FIND_OK(d.owner);
    buf_clear(&answer);
    assert_int_equal(listing_members(directory, &answer, false, NULL, &helper, "den"),
                     ERR_NOTFOUND);
    listing_rooms(directory, &answer, false, NULL, &helper, NULL, NULL, 0);
    EXPECT_MATCH("{'rooms':[]}", answer.data);
    act(d.owner, REQUEST_UNBAN, "den", "id:u-helper");
    FIND_OK(d.owner);
    buf_clear(&answer);
    assert_int_equal(listing_members(directory, &answer, false, NULL, &helper, "den"), 0);
    free(g);
    stage_fini(&d.stage);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ban_hides_a_private_room),
        cmocka_unit_test(lists_show_what_one_may_know),
        cmocka_unit_test(members_who_are_away_come_last),
        cmocka_unit_test(the_password_is_told_to_readers_only),
        cmocka_unit_test_teardown(a_token_does_not_outweigh_a_ban, free_answer),
    };
    return RUN_STAGED(argc, argv, "hub lists", tests);
}
