/* Who comes in, and who may know of a room: visibility, passwords, invitations, bans, limits. */
#include "helpers.h"

#include <hubbub/clock.h>

/* ---- locks ----------------------------------------------------------------------------------------- */

enum key { NONE, WRONG, RIGHT, CODE, BAD_CODE };

static void every_lock_and_every_key(void **state)
{
    (void)state;
    static const struct {
        enum visibility visibility;
        bool password;
        enum key key;
        const char *code; /* NULL: comes in */
    } rows[] = {
        {VISIBILITY_PUBLIC, false, NONE, NULL},
        {VISIBILITY_PUBLIC, false, WRONG, NULL}, /* nobody asks for it */
        {VISIBILITY_PUBLIC, true, NONE, "wrong_password"},
        {VISIBILITY_PUBLIC, true, WRONG, "wrong_password"},
        {VISIBILITY_PUBLIC, true, RIGHT, NULL},
        {VISIBILITY_PUBLIC, true, CODE, NULL},
        {VISIBILITY_PUBLIC, true, BAD_CODE, "wrong_password"},
        {VISIBILITY_RESTRICTED, false, NONE, "invite_required"},
        {VISIBILITY_RESTRICTED, false, WRONG, "invite_required"},
        {VISIBILITY_RESTRICTED, false, CODE, NULL},
        {VISIBILITY_RESTRICTED, false, BAD_CODE, "invite_required"},
        {VISIBILITY_RESTRICTED, true, NONE, "wrong_password"},
        {VISIBILITY_RESTRICTED, true, WRONG, "wrong_password"},
        {VISIBILITY_RESTRICTED, true, RIGHT, NULL},
        {VISIBILITY_RESTRICTED, true, CODE, NULL},
        {VISIBILITY_PRIVATE, false, NONE, "no_such_room"},
        {VISIBILITY_PRIVATE, false, WRONG, "no_such_room"},
        {VISIBILITY_PRIVATE, false, CODE, NULL},
        {VISIBILITY_PRIVATE, false, BAD_CODE, "no_such_room"},
        {VISIBILITY_PRIVATE, true, NONE, "no_such_room"},
        {VISIBILITY_PRIVATE, true, WRONG, "no_such_room"},
        {VISIBILITY_PRIVATE, true, RIGHT, NULL},
        {VISIBILITY_PRIVATE, true, CODE, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct door d;
        char pattern[128];
        door_init(&d, rows[i].visibility, rows[i].password ? "the hash" : NULL);
        const char *code = rows[i].key == CODE       ? invite(d.owner, "den", NULL)
                           : rows[i].key == BAD_CODE ? "0123"
                                                     : NULL;
        knock(d.bob, "den",
              rows[i].key == RIGHT   ? "the hash"
              : rows[i].key == WRONG ? "another"
                                     : NULL,
              code);
        if (rows[i].code == NULL)
            strcpy(pattern, "{'type':'ok','id':'1','room':'den',*}");
        else
            snprintf(pattern, sizeof(pattern),
                     "{'type':'error','id':'1','code':'%s','message':*,'room':'den'}",
                     rows[i].code);
        const char *text = probe_next(d.bob, DEADLINE_NOW);
        if (text == NULL || !text_matches(pattern, text))
            fail_msg("row %zu: %s", i, text);
        stage_fini(&d.stage);
    }
}

static void a_private_room_answers_like_one_that_is_not_there(void **state)
{
    (void)state;
    static const enum request_type what[] = {
        REQUEST_JOIN,   REQUEST_UPDATE, REQUEST_SETTINGS, REQUEST_DESTROY, REQUEST_INVITE,
        REQUEST_ADD,    REQUEST_REMOVE, REQUEST_KICK,     REQUEST_BAN,     REQUEST_UNBAN,
        REQUEST_MUTE,   REQUEST_UNMUTE, REQUEST_ROLE,     REQUEST_LEDGER,  REQUEST_UNDO,
        REQUEST_DELETE, REQUEST_WHY};
    struct door d;
    door_init(&d, VISIBILITY_PRIVATE, NULL);
    struct settings closed = usual; /* else a join would make the other room */
    closed.open_rooms = false;
    stage_settings(&d.stage, &closed);
    for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
        char there[512], not_there[512];
        act(d.bob, what[i], "den", "alice");
        snprintf(there, sizeof(there), "%s", probe_next(d.bob, DEADLINE_NOW));
        act(d.bob, what[i], "nix", "alice");
        snprintf(not_there, sizeof(not_there), "%s", probe_next(d.bob, DEADLINE_NOW));
        char *name = strstr(not_there, "nix");
        assert_non_null(name);
        memcpy(name, "den", 3); /* but for the name, byte by byte */
        assert_string_equal(there, not_there);
        assert_non_null(strstr(there, "no_such_room"));
    }
    stage_fini(&d.stage);
}

static void members_need_no_key(void **state)
{
    (void)state;
    static const enum visibility all[] = {VISIBILITY_PUBLIC, VISIBILITY_RESTRICTED,
                                          VISIBILITY_PRIVATE};
    for (int i = 0; i < 3; i++) {
        struct door d;
        door_init(&d, all[i], "the hash");
        act(d.owner, REQUEST_ADD, "den", "bob");
        probe_skip(d.bob);
        join_too(d.bob, "den", "1");
        EXPECT(d.bob, "{'type':'ok','id':'1',*'hasPassword':true,'kept':true,'role':'member'}");
        struct probe *op = resident(&d.stage, RANK_OPERATOR);
        probe_skip(op);
        join_too(op, "den", "1"); /* and operators */
        EXPECT_OK(op);
        stage_fini(&d.stage);
    }
}

/* One tab has been let in, so the others are. */
static void another_tab_needs_no_key(void **state)
{
    (void)state;
    struct door d;
    door_init(&d, VISIBILITY_RESTRICTED, "the hash");
    knock(d.bob, "den", "the hash", NULL);
    struct probe *tab = stage_enter_as(&d.stage, DIALECT_FULL, "u-bob", "bob");
    probe_skip(tab);
    join_too(tab, "den", "1");
    EXPECT(tab, "{'type':'ok','id':'1',*'role':'guest'}");
    part(tab, "den", NULL);
    part(d.bob, "den", NULL);
    probe_skip(tab);
    join_too(tab, "den", "1");
    EXPECT_REFUSED(tab, "wrong_password");
    stage_fini(&d.stage);
}

/* ---- invitations ----------------------------------------------------------------------------------- */

static void an_invitation_makes_a_member_once(void **state)
{
    (void)state;
    struct door d;
    door_init(&d, VISIBILITY_RESTRICTED, NULL);
    struct probe *carol = stage_enter_as(&d.stage, DIALECT_FULL, "u-carol", "carol");
    probe_skip(carol);
    const char *code = invite(d.owner, "den", NULL);
    knock(d.bob, "den", NULL, code);
    EXPECT(d.bob, "{'type':'ok','id':'1',*'role':'member'}");
    knock(carol, "den", NULL, code);
    EXPECT_REFUSED(carol, "invite_required");
    part(d.bob, "den", NULL);
    probe_skip(d.bob);
    join_too(d.bob, "den", "2"); /* without it, from now on */
    EXPECT(d.bob, "{'type':'ok','id':'2',*'role':'member'}");
    stage_fini(&d.stage);
}

static void an_invitation_for_one_is_sent_and_for_nobody_else(void **state)
{
    (void)state;
    struct door d;
    door_init(&d, VISIBILITY_PRIVATE, NULL);
    struct probe *carol = stage_enter_as(&d.stage, DIALECT_FULL, "u-carol", "carol");
    struct probe *tab = stage_enter_as(&d.stage, DIALECT_FULL, "u-bob", "x");
    probe_skip(carol);
    probe_skip(tab);
    const char *code = invite(d.owner, "den", "bob");
    char pattern[160];
    snprintf(pattern, sizeof(pattern),
             "{'type':'invite','room':'den','by':'alice','invite':'%s','expires':1*}", code);
    EXPECT(d.bob, pattern);
    EXPECT(tab, pattern); /* on all tabs */
    EXPECT_NOTHING(carol);
    knock(carol, "den", NULL, code);
    EXPECT_REFUSED(carol, "no_such_room");
    knock(tab, "den", NULL, code);
    EXPECT_OK(tab);
    act(d.owner, REQUEST_INVITE, "den", "nobody");
    FIND_REFUSED(d.owner, "unknown_user");
    act(d.owner, REQUEST_INVITE, "den", "id:u-dave"); /* one who was never here */
    FIND(d.owner, "{'type':'ok','id':'1','room':'den','invite':'*','expires':1*}");
    stage_fini(&d.stage);
}

static void a_ban_takes_the_invitation_along(void **state)
{
    (void)state;
    struct door d;
    door_init(&d, VISIBILITY_RESTRICTED, NULL);
    char code[INVITE_MAX + 1];
    strcpy(code, invite(d.owner, "den", "bob"));
    act(d.owner, REQUEST_BAN, "den", "bob");
    act(d.owner, REQUEST_UNBAN, "den", "bob");
    FIND_OK(d.owner);
    probe_skip(d.bob);
    knock(d.bob, "den", NULL, code);
    EXPECT_REFUSED(d.bob, "invite_required");
    stage_fini(&d.stage);
}

static void who_is_banned_uses_nothing_up(void **state)
{
    (void)state;
    struct door d;
    door_init(&d, VISIBILITY_RESTRICTED, NULL);
    act(d.owner, REQUEST_BAN, "den", "bob");
    char code[INVITE_MAX + 1];
    strcpy(code, invite(d.owner, "den", NULL));
    probe_skip(d.bob);
    knock(d.bob, "den", NULL, code);
    EXPECT_REFUSED(d.bob, "banned");
    act(d.owner, REQUEST_UNBAN, "den", "bob");
    FIND_OK(d.owner);
    probe_skip(d.bob);
    knock(d.bob, "den", NULL, code);
    EXPECT_OK(d.bob);
    stage_fini(&d.stage);
}

/* To one who is banned, a private room is none. */
static void nobody_is_invited_past_a_ban(void **state)
{
    (void)state;
    struct door d;
    door_init(&d, VISIBILITY_RESTRICTED, NULL);
    act(d.owner, REQUEST_BAN, "den", "bob");
    FIND_OK(d.owner);
    probe_skip(d.bob);
    act(d.owner, REQUEST_INVITE, "den", "bob");
    FIND(d.owner, "{'type':'error','id':'1','code':'forbidden','message':*banned*}");
    EXPECT_NOTHING(d.bob);
    act(d.owner, REQUEST_UNBAN, "den", "bob");
    FIND_OK(d.owner);
    invite(d.owner, "den", "bob");
    stage_fini(&d.stage);
}

/* ---- limits ---------------------------------------------------------------------------------------- */

static void a_full_room_counts_users(void **state)
{
    (void)state;
    struct door d;
    door_init(&d, VISIBILITY_PUBLIC, NULL);
    struct event *e = with(d.owner, REQUEST_UPDATE, "den");
    e->request.args->given = ROOM_MAX_USERS;
    e->request.args->max_users = 1;
    ask(d.owner, e);
    struct probe *tab = stage_enter_as(&d.stage, DIALECT_FULL, "u-bob", "x");
    struct probe *carol = stage_enter_as(&d.stage, DIALECT_FULL, "u-carol", "carol");
    join_too(d.bob, "den", NULL);
    hush((struct probe *[]){d.bob, tab, carol}, 3);
    join_too(tab, "den", "1"); /* is in already */
    EXPECT(tab, "{'type':'ok','id':'1','room':'den',*'members':1,*}");
    join_too(carol, "den", "1");
    EXPECT_REFUSED(carol, "room_full");
    struct probe *op = resident(&d.stage, RANK_OPERATOR);
    probe_skip(op);
    join_too(op, "den", "1");
    EXPECT_OK(op);
    stage_fini(&d.stage);
}

static void without_open_rooms_a_join_makes_none(void **state)
{
    (void)state;
    struct settings closed = usual;
    struct stage s;
    closed.open_rooms = false;
    stage_init(&s, &closed);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    probe_skip(alice);
    join(alice, "den", "1");
    EXPECT_REFUSED(alice, "no_such_room");
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    EXPECT_OK(alice);
    join(alice, "den", "1");
    EXPECT(alice, "{'type':'ok','id':'1',*'kept':true,'role':'owner'}");
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lock_and_every_key),
        cmocka_unit_test(a_private_room_answers_like_one_that_is_not_there),
        cmocka_unit_test(members_need_no_key),
        cmocka_unit_test(another_tab_needs_no_key),
        cmocka_unit_test(an_invitation_makes_a_member_once),
        cmocka_unit_test(an_invitation_for_one_is_sent_and_for_nobody_else),
        cmocka_unit_test(a_ban_takes_the_invitation_along),
        cmocka_unit_test(who_is_banned_uses_nothing_up),
        cmocka_unit_test(nobody_is_invited_past_a_ban),
        cmocka_unit_test(a_full_room_counts_users),
        cmocka_unit_test(without_open_rooms_a_join_makes_none),
    };
    return RUN_STAGED(argc, argv, "hub entry", tests);
}
