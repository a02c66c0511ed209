/* What outlives the server: replies that wait for the disk, a disk that does not take it, and what a second
 * life finds. */
#include "helpers.h"

#include <hubbub/clock.h>
#include <hubbub/metrics.h>

/* Passes over events until the answer comes. */
static const char *await_answer(struct probe *p)
{
    const char *text;
    do
        text = probe_next(p, clock_now() + STAGE_PATIENCE);
    while (text != NULL && !text_matches("{'type':'*','id':'1',*}", text));
    return text == NULL ? "nothing" : text;
}

#define AWAIT(p, pattern)                                    \
    do {                                                     \
        const char *text_ = await_answer(p);                 \
        if (!text_matches(pattern, text_))                   \
            fail_msg("expected %s, got %s", pattern, text_); \
    } while (0)
#define AWAIT_OK(p) AWAIT(p, "{'type':'ok','id':'1',*}")

static struct record *add(struct change *c, enum record_type type, const char *room)
{
    struct record *r = change_add(c, type);
    strcpy(r->room, room);
    return r;
}

static void add_rank(struct change *c, const char *room, const char *user_id, enum rank rank)
{
    struct record *r = add(c, RECORD_RANK, room);
    strcpy(r->user_id, user_id);
    snprintf(r->username, sizeof(r->username), "%.60s", user_id + 2); /* without "u-" */
    r->rank = rank;
}

/* A ban or mute as LEDGER or SANCTION, imposed so many ms ago. */
static void add_deed(struct change *c, enum record_type type, const char *room, const char *user_id,
                     uint64_t entry, int64_t ago)
{
    struct record *r = add(c, type, room);
    r->action = ACTION_BAN;
    strcpy(r->user_id, user_id);
    strcpy(r->username, user_id);
    strcpy(r->by, "owner");
    strcpy(r->by_id, "u-owner");
    r->by_rank = RANK_OWNER;
    r->entry = entry;
    r->ts = clock_wall_ms() - ago;
}

/* ---- replies --------------------------------------------------------------------------------------- */

static void the_reply_waits_for_the_disk(void **state)
{
    (void)state;
    struct stage s;
    stage_init_kept(&s, &usual, NULL);
    struct probe *alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    probe_skip(alice);
    int64_t changes = metric_read(METRIC_STORE_CHANGES);
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    EXPECT_SOON(alice, "{'type':'ok','id':'1','room':'den'}");
    assert_true(metric_read(METRIC_STORE_CHANGES) > changes);
    changes = metric_read(METRIC_STORE_CHANGES);
    act(alice, REQUEST_BAN, "den", "id:u-bob");
    EXPECT_SOON(alice, "{'type':'ok','id':'1','room':'den','userId':'u-bob',*'entry':1}");
    assert_true(metric_read(METRIC_STORE_CHANGES) > changes);
    /* What is not kept does not wait. */
    join_too(alice, "attic", "1");
    EXPECT_OK(alice);
    stage_fini(&s);
}

static void nothing_is_ok_while_the_disk_is_not(void **state)
{
    (void)state;
    struct stage s;
    stage_init_kept(&s, &usual, NULL);
    struct probe *alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    struct probe *bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "bob");
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    join_too(bob, "den", NULL);
    probe_skip(bob);
    stage_disk(&s, false);
    act(alice, REQUEST_MUTE, "den", "bob");
    AWAIT(alice, "{'type':'error','id':'1','code':'unavailable','message':'*not saved*'*}");
    EXPECT(bob, "{'type':'moderation',*'action':'mute',*}"); /* chat goes on, and it is done */
    say(bob, "den", "?", "2");
    EXPECT(bob, "{'type':'error','id':'2','code':'muted',*}");
    join_too(alice, "den", "2");
    EXPECT(alice, "{'type':'ok','id':'2',*}");

    stage_disk(&s, true); /* and what was not saved is, with the next */
    probe_skip(alice);
    act(alice, REQUEST_MUTE, "den", "id:u-carol");
    AWAIT_OK(alice);
    stage_restart(&s);
    bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "bob");
    join_too(bob, "den", NULL);
    probe_skip(bob);
    say(bob, "den", "?", "2");
    EXPECT(bob, "{'type':'error','id':'2','code':'muted',*}");
    stage_fini(&s);
}

/* Whoever asked is gone before the answer is there. */
static void an_answer_that_nobody_waits_for_is_dropped(void **state)
{
    (void)state;
    struct stage s;
    stage_init_kept(&s, &usual, NULL);
    for (int i = 0; i < 50; i++) {
        char room[16];
        struct probe *alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
        snprintf(room, sizeof(room), "den %d", i);
        create(alice, room, VISIBILITY_PUBLIC, NULL);
        probe_leave(alice);
    }
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    probe_skip(bob);
    join_too(bob, "den 49", "1");
    EXPECT(bob, "{'type':'ok','id':'1',*'kept':true,*}");
    stage_fini(&s); /* the sanitizers would tell of a note left over */
}

/* ---- another life ---------------------------------------------------------------------------------- */

static void everything_is_found_again(void **state)
{
    (void)state;
    struct stage s;
    stage_init_kept(&s, &usual, NULL);
    struct probe *alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    struct probe *bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "bob");
    probe_skip(bob);
    struct event *e = with(alice, REQUEST_CREATE, "den");
    free(e->request.args->title);
    e->request.args->title = xstrdup("The den");
    e->request.args->given =
        ROOM_TITLE | ROOM_VISIBILITY | ROOM_MAX_USERS | ROOM_SLOW_MODE | ROOM_PASSWORD;
    e->request.args->visibility = VISIBILITY_RESTRICTED;
    e->request.args->max_users = 9;
    e->request.args->slow_mode = 5;
    e->request.args->password_hash = xstrdup("the hash");
    ask(alice, e);
    AWAIT_OK(alice);
    make(alice, "den", "bob", RANK_MODERATOR);
    AWAIT_OK(alice);
    act_why(alice, REQUEST_MUTE, "den", "id:u-carol", "hush", 3600);
    AWAIT_OK(alice);
    act_why(alice, REQUEST_BAN, "den", "id:u-dave", "spam", 0);
    AWAIT_OK(alice);
    act(alice, REQUEST_INVITE, "den", NULL);
    char code[INVITE_MAX + 1];
    snprintf(code, sizeof(code), "%s", strstr(await_answer(alice), "\"invite\":\"") + 10);
    create(alice, "gone", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    act(alice, REQUEST_DESTROY, "gone", NULL);
    AWAIT_OK(alice);
    join_too(alice, "open", NULL);

    stage_restart(&s);
    bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "bob");
    probe_skip(bob);
    act(bob, REQUEST_SETTINGS, "den", NULL);
    EXPECT(
        bob,
        "{'type':'ok','id':'1','room':'den','title':'The den','topic':'','visibility':"
        "'restricted','maxUsers':9,'slowMode':5,'hidesPast':false,'hasPassword':true,'kept':true,"
        "'role':'moderator','rosterCount':2,'roster':[{'userId':'u-alice','username':'alice','"
        "role':'owner'},"
        "{'userId':'u-bob','username':'bob','role':'moderator'}],"
        "'sanctionCount':2,'sanctions':[{'action':'ban','entry':3,'userId':'u-dave',*'reason':"
        "'spam',*},{'action':'mute','entry':2,'userId':'u-carol',*'reason':'hush',*'until':1*}],"
        "'invites':1}");
    act(bob, REQUEST_LEDGER, "den", NULL);
    EXPECT(bob, "{'type':'ok',*'entries':[{'action':'ban','entry':3,*},{'action':'mute','entry':2,"
                "*},{'action':'role','entry':1,*}]}");
    struct probe *dave = stage_enter_as(&s, DIALECT_FULL, "u-dave", "dave");
    struct probe *erin = stage_enter_as(&s, DIALECT_FULL, "u-erin", "erin");
    hush((struct probe *[]){dave, erin}, 2);
    knock(dave, "den", "the hash", NULL);
    EXPECT_REFUSED(dave, "banned");
    knock(erin, "den", NULL, code);
    AWAIT(erin, "{'type':'ok','id':'1',*'role':'member'}");
    act(bob, REQUEST_KICK, "den", "erin"); /* numbers go on */
    AWAIT(bob, "{'type':'ok',*'entry':4}");
    join_too(erin, "gone", "1");
    AWAIT(erin, "{'type':'ok','id':'1',*'kept':false,*}");

    stage_restart(&s); /* the code is used up, and she a member */
    erin = stage_enter_as(&s, DIALECT_FULL, "u-erin", "erin");
    struct probe *frank = stage_enter_as(&s, DIALECT_FULL, "u-frank", "frank");
    hush((struct probe *[]){erin, frank}, 2);
    join_too(erin, "den", "1");
    EXPECT(erin, "{'type':'ok','id':'1',*'role':'member'}");
    knock(frank, "den", NULL, code);
    EXPECT_REFUSED(frank, "wrong_password");
    stage_fini(&s);
}

static void what_was_lifted_stays_lifted(void **state)
{
    (void)state;
    struct stage s;
    stage_init_kept(&s, &usual, NULL);
    struct probe *alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    act(alice, REQUEST_BAN, "den", "id:u-bob");
    act(alice, REQUEST_UNBAN, "den", "u-bob");
    act(alice, REQUEST_BAN, "den", "id:u-carol");
    AWAIT_OK(alice);
    AWAIT_OK(alice);
    AWAIT_OK(alice);
    AWAIT_OK(alice);
    act_on_entry(alice, REQUEST_UNDO, "den", 3);
    AWAIT_OK(alice);
    act(alice, REQUEST_ADD, "den", "id:u-dave");
    AWAIT_OK(alice);
    act(alice, REQUEST_REMOVE, "den", "u-dave");
    AWAIT_OK(alice);
    stage_restart(&s);
    alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    probe_skip(alice);
    act(alice, REQUEST_SETTINGS, "den", NULL);
    EXPECT(alice, "{'type':'ok',*'roster':[{'userId':'u-alice',*}],'sanctionCount':0,'sanctions':[]"
                  ",'invites':0}");
    act(alice, REQUEST_LEDGER, "den", NULL);
    EXPECT(alice, "{*{'action':'undo','entry':4,*},{'action':'ban','entry':3,*'undone':true},*}");
    stage_fini(&s);
}

static void an_open_room_that_is_kept_keeps_what_was_before(void **state)
{
    (void)state;
    struct stage s;
    stage_init_kept(&s, &usual, NULL);
    struct probe *alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    join_too(alice, "den", NULL);
    act(alice, REQUEST_BAN, "den", "id:u-bob");
    make(alice, "den", "id:u-carol", RANK_ADMIN);
    probe_skip(alice);
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    stage_restart(&s);
    struct probe *bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "bob");
    struct probe *carol = stage_enter_as(&s, DIALECT_FULL, "u-carol", "carol");
    hush((struct probe *[]){bob, carol}, 2);
    join_too(bob, "den", "1");
    EXPECT_REFUSED(bob, "banned");
    act(carol, REQUEST_LEDGER, "den", NULL);
    EXPECT(carol, "{*'entries':[{'action':'role','entry':2,*},{'action':'ban','entry':1,*}]}");
    stage_fini(&s);
}

static void bans_from_the_server_and_addresses_last(void **state)
{
    (void)state;
    struct stage s;
    stage_init_kept(&s, &usual, NULL);
    struct probe *op = resident(&s, RANK_OPERATOR);
    const struct visitor eve = {
        .dialect = DIALECT_FULL, .user_id = "u-eve", .username = "eve", .address = "192.0.2.1"};
    struct visitor mallory = eve;
    mallory.user_id = "u-mallory";
    stage_enter_with(&s, &eve);
    probe_skip(op);
    struct event *e = about(op, REQUEST_BAN, NULL, "u-eve");
    e->request.args->address = true;
    ask(op, e);
    AWAIT_OK(op);
    stage_restart(&s);
    EXPECT(stage_enter_with(&s, &eve), "{'type':'error','code':'banned',*}");
    EXPECT(stage_enter_with(&s, &mallory), "{'type':'error','code':'banned',*}");
    op = resident(&s, RANK_OPERATOR);
    probe_skip(op);
    act(op, REQUEST_UNBAN, NULL, "u-eve");
    AWAIT_OK(op);
    stage_restart(&s);
    EXPECT(stage_enter_with(&s, &eve), "{'type':'welcome',*}");
    EXPECT(stage_enter_with(&s, &mallory), "{'type':'welcome',*}");
    stage_fini(&s);
}

/* ---- what is old ----------------------------------------------------------------------------------- */

/* Lists are made without asking the hub, which has to show who is banned. */
static void bans_are_seen_by_lists_after_a_restart(void **state)
{
    (void)state;
    struct stage s;
    struct change *before = change_new();
    add(before, RECORD_ROOM, "den");
    add_rank(before, "den", "u-alice", RANK_OWNER);
    stage_init_kept(&s, &usual, before);
    struct probe *alice = stage_enter_as(&s, DIALECT_FULL, "u-alice", "alice");
    struct probe *op = resident(&s, RANK_OPERATOR);
    hush((struct probe *[]){alice, op}, 2);
    act(alice, REQUEST_BAN, "den", "id:u-bob");
    AWAIT_OK(alice);
    act(op, REQUEST_BAN, NULL, "id:u-carol");
    AWAIT_OK(op);
    for (int life = 0; life < 2; life++) {
        const struct directory *d = hub_directory(s.hub);
        rcu_read_lock();
        const struct room *den = directory_find_room(d, "den");
        assert_true(bars_has(rcu_dereference(den->bars), "u-bob", clock_wall_ms()));
        assert_false(bars_has(rcu_dereference(den->bars), "u-carol", clock_wall_ms()));
        rcu_read_unlock();
        assert_true(directory_is_barred(d, "u-carol"));
        assert_false(directory_is_barred(d, "u-bob"));
        if (life == 0)
            stage_restart(&s);
    }
    op = resident(&s, RANK_OPERATOR);
    probe_skip(op);
    act(op, REQUEST_UNBAN, NULL, "u-carol");
    AWAIT_OK(op);
    assert_false(directory_is_barred(hub_directory(s.hub), "u-carol"));
    stage_fini(&s);
}

static void after_ten_minutes_it_is_too_late(void **state)
{
    (void)state;
    struct stage s;
    struct change *before = change_new();
    add(before, RECORD_ROOM, "den");
    add_rank(before, "den", "u-owner", RANK_OWNER);
    add_deed(before, RECORD_LEDGER, "den", "u-bob", 1, UNDO_MS + 1000);
    add_deed(before, RECORD_SANCTION, "den", "u-bob", 1, UNDO_MS + 1000);
    add_deed(before, RECORD_LEDGER, "den", "u-carol", 2, UNDO_MS / 2);
    add_deed(before, RECORD_SANCTION, "den", "u-carol", 2, UNDO_MS / 2);
    stage_init_kept(&s, &usual, before);
    struct probe *owner = stage_enter_as(&s, DIALECT_FULL, "u-owner", "owner");
    probe_skip(owner);
    act_on_entry(owner, REQUEST_UNDO, "den", 1);
    EXPECT_REFUSED(owner, "too_late");
    act_on_entry(owner, REQUEST_UNDO, "den", 2);
    AWAIT(owner, "{'type':'ok','id':'1','room':'den','entry':2}");
    act(owner, REQUEST_UNBAN, "den", "u-bob"); /* that, always */
    AWAIT_OK(owner);
    stage_fini(&s);
}

static void a_ban_whose_line_is_gone_is_still_in_force(void **state)
{
    (void)state;
    struct stage s;
    struct change *before = change_new();
    add(before, RECORD_ROOM, "den");
    add_rank(before, "den", "u-owner", RANK_OWNER);
    add_deed(before, RECORD_SANCTION, "den", "u-bob", 1, 5000);
    for (uint64_t i = 2; i < 2 + LEDGER_KEPT; i++)
        add_deed(before, RECORD_LEDGER, "den", "u-carol", i, 4000);
    stage_init_kept(&s, &usual, before);
    struct probe *owner = stage_enter_as(&s, DIALECT_FULL, "u-owner", "owner");
    struct probe *bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "bob");
    hush((struct probe *[]){owner, bob}, 2);
    join_too(bob, "den", "1");
    EXPECT_REFUSED(bob, "banned");
    act_on_entry(owner, REQUEST_UNDO, "den", 1);
    EXPECT_REFUSED(owner, "unknown_message");
    act(owner, REQUEST_UNBAN, "den", "bob");
    AWAIT(owner, "{'type':'ok',*'entry':202}");
    join_too(bob, "den", "2");
    FIND(bob, "{'type':'ok','id':'2',*}");
    stage_fini(&s);
}

static void people_are_known_by_the_name_they_had_last(void **state)
{
    (void)state;
    struct stage s;
    struct change *before = change_new();
    add(before, RECORD_ROOM, "den");
    add_rank(before, "den", "u-owner", RANK_OWNER);
    add_rank(before, "den", "u-bob", RANK_MEMBER);
    stage_init_kept(&s, &usual, before);
    struct probe *owner = stage_enter_as(&s, DIALECT_FULL, "u-owner", "owner");
    probe_skip(owner);
    act(owner, REQUEST_MUTE, "den", "bob"); /* never seen in this life */
    AWAIT(owner, "{'type':'ok',*'userId':'u-bob','username':'bob',*}");
    struct probe *bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "robert");
    probe_skip(bob);
    join_too(bob, "den", "1");
    AWAIT_OK(bob);
    stage_restart(&s);
    owner = stage_enter_as(&s, DIALECT_FULL, "u-owner", "owner");
    probe_skip(owner);
    act(owner, REQUEST_SETTINGS, "den", NULL);
    EXPECT(owner, "{*'roster':[{'userId':'u-owner',*},{'userId':'u-bob','username':'robert',*}]*}");
    stage_fini(&s);
}

/* Coming in under another name changes the roster, but nobody asked for that: it is no matter of the reply. */
static void a_new_name_is_noted_quietly(void **state)
{
    (void)state;
    struct stage s;
    struct change *before = change_new();
    add(before, RECORD_ROOM, "den");
    add_rank(before, "den", "u-bob", RANK_MEMBER);
    stage_init_kept(&s, &usual, before);
    struct probe *bob = stage_enter_as(&s, DIALECT_FULL, "u-bob", "robert");
    probe_skip(bob);
    stage_disk(&s, false);
    join_too(bob, "den", "1");
    EXPECT(bob, "{'type':'ok','id':'1','room':'den',*'role':'member'}");
    EXPECT(bob, "{'type':'join','room':'den','username':'robert',*}");
    act(bob, REQUEST_REMOVE, "den",
        "robert"); /* the disk is behind: what is asked for waits for it */
    AWAIT(bob, "{'type':'error','id':'1','code':'unavailable',*}");
    stage_disk(&s, true);
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reply_waits_for_the_disk),
        cmocka_unit_test(nothing_is_ok_while_the_disk_is_not),
        cmocka_unit_test(an_answer_that_nobody_waits_for_is_dropped),
        cmocka_unit_test(everything_is_found_again),
        cmocka_unit_test(what_was_lifted_stays_lifted),
        cmocka_unit_test(an_open_room_that_is_kept_keeps_what_was_before),
        cmocka_unit_test(bans_from_the_server_and_addresses_last),
        cmocka_unit_test(bans_are_seen_by_lists_after_a_restart),
        cmocka_unit_test(after_ten_minutes_it_is_too_late),
        cmocka_unit_test(a_ban_whose_line_is_gone_is_still_in_force),
        cmocka_unit_test(people_are_known_by_the_name_they_had_last),
        cmocka_unit_test(a_new_name_is_noted_quietly),
    };
    return RUN_STAGED(argc, argv, "hub and store", tests);
}
