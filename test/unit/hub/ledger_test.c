/* The ledger of a room: what is written, read page by page, and taken back; messages taken back; and why
 * somebody may not talk. */
#include "helpers.h"

#include <hubbub/clock.h>

/* The number of the latest entry of the room. */
static uint64_t latest(struct probe *p)
{
    struct event *e = about(p, REQUEST_LEDGER, "den", NULL);
    e->request.args->limit = 1;
    probe_skip(p);
    ask(p, e);
    const char *text = probe_next(p, DEADLINE_NOW), *at = strstr(text, "\"entry\":");
    assert_non_null(at);
    return strtoull(at + 8, NULL, 10);
}

/* ---- reading --------------------------------------------------------------------------------------- */

static void the_newest_comes_first(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR];
    act_why(moderator, REQUEST_MUTE, "den", "guest", "hush", 60);
    act(moderator, REQUEST_KICK, "den", "guest");
    probe_skip(moderator);
    act(moderator, REQUEST_LEDGER, "den", NULL);
    EXPECT(moderator,
           "{'type':'ok','id':'1','room':'den','entries':["
           "{'action':'kick','entry':5,'userId':'u-guest','username':'guest','by':'moderator',"
           "'byId':'u-moderator','ts':1*,'undone':false},"
           "{'action':'mute','entry':4,*'reason':'hush','ts':1*,'until':1*,'undone':false},"
           "{'action':'role','entry':3,*},{'action':'role','entry':2,*},"
           "{'action':'role','entry':1,*}]}");
    act(h.of[RANK_MEMBER], REQUEST_LEDGER, "den", NULL);
    FIND_REFUSED(h.of[RANK_MEMBER], "forbidden");
    act(h.of[RANK_OPERATOR], REQUEST_LEDGER, "den", NULL);
    EXPECT_OK(h.of[RANK_OPERATOR]);
    act(h.of[RANK_OWNER], REQUEST_LEDGER, "cellar", NULL);
    FIND_REFUSED(h.of[RANK_OWNER], "no_such_room");
    house_fini(&h);
}

/* How many rows; the first and the last entry, which must count down by one. */
static unsigned page(struct probe *p, uint64_t before, uint32_t limit, uint64_t *first,
                     uint64_t *last)
{
    struct event *e = about(p, REQUEST_LEDGER, "den", NULL);
    e->request.args->entry = before;
    e->request.args->limit = limit;
    probe_skip(p);
    ask(p, e);
    const char *at = probe_next(p, DEADLINE_NOW);
    unsigned n = 0;
    assert_non_null(at);
    for (; (at = strstr(at, "\"entry\":")) != NULL; n++) {
        uint64_t entry = strtoull(at += 8, NULL, 10);
        if (n == 0)
            *first = entry;
        else
            assert_int_equal(entry, *last - 1);
        *last = entry;
    }
    return n;
}

static void it_is_read_page_by_page(void **state)
{
    (void)state;
    enum { DEEDS = 130 };
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR];
    for (int i = 0; i < DEEDS / 2; i++) {
        act(moderator, REQUEST_MUTE, "den", "guest");
        act(moderator, REQUEST_UNMUTE, "den", "guest");
    }
    uint64_t first, last, all = DEEDS + 3;
    assert_int_equal(page(moderator, 0, 0, &first, &last), 50); /* as many as usual */
    assert_int_equal(first, all);
    assert_int_equal(page(moderator, last, 60, &first, &last), 60);
    assert_int_equal(first, all - 50);
    assert_int_equal(page(moderator, last, 0, &first, &last), all - 110);
    assert_int_equal(last, 1);
    assert_int_equal(page(moderator, 1, 0, &first, &last), 0);
    assert_int_equal(page(moderator, 0, LEDGER_KEPT, &first, &last), all);
    house_fini(&h);
}

/* ---- undo ------------------------------------------------------------------------------------------ */

static void a_ban_is_taken_back(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *moderator = h.of[RANK_MODERATOR];
    act(moderator, REQUEST_BAN, "den", "guest");
    uint64_t entry = latest(moderator);
    quiet(&h);
    act_on_entry(moderator, REQUEST_UNDO, "den", entry);
    FIND(moderator, "{'type':'ok','id':'1','room':'den','entry':4}");
    EXPECT(guest, "{'type':'moderation','room':'den','action':'undo','userId':'u-guest','username':"
                  "'guest','by':'moderator','undone':'ban','entry':5}");
    join_too(guest, "den", "2");
    EXPECT(guest, "{'type':'ok','id':'2',*}");
    quiet(&h);
    act_on_entry(moderator, REQUEST_UNDO, "den", entry);
    EXPECT(moderator, "{'type':'error','id':'1','code':'too_late',*already*}");
    act(moderator, REQUEST_LEDGER, "den", NULL);
    EXPECT(moderator, "{*'entries':[{'action':'undo','entry':5,*'undone':false},{'action':'ban',"
                      "'entry':4,*'undone':true},*}");
    house_fini(&h);
}

static void the_lifting_of_one_is_taken_back(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *moderator = h.of[RANK_MODERATOR];
    act_why(moderator, REQUEST_MUTE, "den", "guest", "hush", 600);
    act(moderator, REQUEST_UNMUTE, "den", "guest");
    uint64_t entry = latest(moderator);
    quiet(&h);
    say(guest, "den", "free", NULL);
    EXPECT(guest, "{'type':'message',*}");
    act_on_entry(moderator, REQUEST_UNDO, "den", entry);
    EXPECT(guest, "{'type':'moderation',*'action':'undo',*'undone':'unmute',*}");
    say(guest, "den", "not any more", "2");
    EXPECT(guest, "{'type':'error','id':'2','code':'muted','message':'hush',*'retryAfter':*}");

    /* Of a ban: out again. */
    act(moderator, REQUEST_BAN, "den", "guest");
    act(moderator, REQUEST_UNBAN, "den", "guest");
    entry = latest(moderator);
    join_too(guest, "den", NULL);
    quiet(&h);
    act_on_entry(moderator, REQUEST_UNDO, "den", entry);
    FIND(guest, "{'type':'leave',*'content':'guest was banned from the room',*}");
    join_too(guest, "den", "3");
    EXPECT(guest, "{'type':'error','id':'3','code':'banned',*}");
    house_fini(&h);
}

/* A mute, then another one instead of it: what is taken back is whatever holds. */
static void only_the_latest_word_is_worth_taking_back(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *moderator = h.of[RANK_MODERATOR];
    act(moderator, REQUEST_MUTE, "den", "guest");
    uint64_t first = latest(moderator);
    act_on_entry(moderator, REQUEST_UNDO, "den", first);
    act(moderator, REQUEST_MUTE, "den", "guest");
    quiet(&h);
    act_on_entry(moderator, REQUEST_UNDO, "den", first); /* that one is over */
    EXPECT_REFUSED(moderator, "too_late");
    say(guest, "den", "?", "2");
    EXPECT(guest, "{'type':'error','id':'2','code':'muted',*}");
    house_fini(&h);
}

/* What came instead of it stays, the more so when a higher rank has decided it. */
static void what_was_replaced_takes_nothing_else_back(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *moderator = h.of[RANK_MODERATOR];
    act_why(moderator, REQUEST_BAN, "den", "guest", "for a minute", 60);
    uint64_t first = latest(moderator);
    act(h.of[RANK_ADMIN], REQUEST_BAN, "den", "guest");
    quiet(&h);
    act_on_entry(moderator, REQUEST_UNDO, "den", first);
    probe_skip(guest);
    join_too(guest, "den", "2");
    EXPECT(guest, "{'type':'error','id':'2','code':'banned',*}");
    house_fini(&h);
}

static void an_old_one_does_not_replace_a_new_one(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *moderator = h.of[RANK_MODERATOR];
    act_why(moderator, REQUEST_MUTE, "den", "guest", "for a minute", 60);
    act(moderator, REQUEST_UNMUTE, "den", "guest");
    uint64_t lifting = latest(moderator);
    act_why(h.of[RANK_ADMIN], REQUEST_MUTE, "den", "guest", "for ever", 0);
    quiet(&h);
    act_on_entry(moderator, REQUEST_UNDO, "den", lifting);
    probe_skip(guest);
    say(guest, "den", "?", "2");
    EXPECT(guest, "{'type':'error','id':'2','code':'muted','message':'for ever','reason':'for "
                  "ever','room':'den'}");
    house_fini(&h);
}

static void not_everything_can_be_taken_back(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR], *admin = h.of[RANK_ADMIN];
    act_on_entry(moderator, REQUEST_UNDO, "den", 1); /* a role */
    EXPECT_REFUSED(moderator, "bad_request");
    act(moderator, REQUEST_KICK, "den", "guest");
    uint64_t kick = latest(moderator);
    act_on_entry(moderator, REQUEST_UNDO, "den", kick);
    EXPECT_REFUSED(moderator, "bad_request");
    act_on_entry(moderator, REQUEST_UNDO, "den", 999);
    EXPECT_REFUSED(moderator, "unknown_message");
    act_on_entry(h.of[RANK_MEMBER], REQUEST_UNDO, "den", kick);
    FIND_REFUSED(h.of[RANK_MEMBER], "forbidden");
    /* Not what a higher rank has decided, nor about an equal, nor about oneself. */
    act(admin, REQUEST_BAN, "den", "guest");
    uint64_t ban = latest(admin);
    probe_skip(moderator);
    act_on_entry(moderator, REQUEST_UNDO, "den", ban);
    EXPECT_REFUSED(moderator, "forbidden");
    act(admin, REQUEST_MUTE, "den", "moderator");
    uint64_t mute = latest(admin);
    probe_skip(moderator);
    act_on_entry(moderator, REQUEST_UNDO, "den", mute);
    EXPECT_REFUSED(moderator, "forbidden");
    act_on_entry(h.of[RANK_OWNER], REQUEST_UNDO, "den", ban);
    FIND_OK(h.of[RANK_OWNER]);
    house_fini(&h);
}

/* ---- messages taken back --------------------------------------------------------------------------- */

static void the_author_takes_a_message_back(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *member = h.of[RANK_MEMBER];
    say(guest, "den", "oops", NULL);
    say(member, "den", "what?", NULL);
    quiet(&h);
    take_back(guest, "den", 1);
    FIND(guest, "{'type':'ok','id':'1','room':'den','seq':1}");
    EXPECT(member, "{'type':'delete','room':'den','seq':1,'userId':'u-guest','username':'guest'}");
    take_back(guest, "den", 2);
    FIND_REFUSED(guest, "forbidden");
    quiet(&h);
    take_back(h.of[RANK_OWNER], "den", 1); /* gone already */
    EXPECT_REFUSED(h.of[RANK_OWNER], "unknown_message");
    take_back(h.of[RANK_OWNER], "den", 99);
    EXPECT_REFUSED(h.of[RANK_OWNER], "unknown_message");
    house_fini(&h);
}

static void moderators_take_back_what_lower_ranks_said(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR];
    for (int rank = 0; rank < RANK_OPERATOR; rank++)
        say(h.of[rank], "den", "x", NULL); /* seq is the rank and one */
    hub_fence(h.stage.hub);
    probe_leave(h.of[RANK_GUEST]); /* they need not be there any more */
    probe_leave(h.of[RANK_ADMIN]);
    struct event *e = about(moderator, REQUEST_DELETE, "den", NULL);
    e->request.args->seq = 1 + RANK_GUEST;
    e->request.args->reason = xstrdup("spam");
    quiet(&h);
    ask(moderator, e);
    FIND_OK(moderator);
    EXPECT(h.of[RANK_OWNER], "{'type':'delete','room':'den','seq':1,'userId':'u-moderator',"
                             "'username':'moderator','reason':'spam'}");
    take_back(moderator, "den", 1 + RANK_MEMBER);
    FIND_OK(moderator);
    take_back(moderator, "den", 1 + RANK_ADMIN);
    FIND_REFUSED(moderator, "forbidden");
    take_back(moderator, "den", 1 + RANK_OWNER);
    FIND_REFUSED(moderator, "forbidden");
    take_back(moderator, "den", 1 + RANK_MODERATOR); /* the own */
    FIND_OK(moderator);
    act(moderator, REQUEST_LEDGER, "den", NULL);
    FIND(moderator,
         "{*'entries':[{'action':'delete','entry':5,'userId':'u-member',*},{'action':"
         "'delete','entry':4,'userId':'u-guest',*'reason':'spam',*},{'action':'role',*}");
    take_back(h.of[RANK_OPERATOR], "den", 1 + RANK_OWNER); /* from outside */
    FIND_OK(h.of[RANK_OPERATOR]);
    house_fini(&h);
}

/* Who is meant is known by the id, and nobody else is for being called so. */
static void a_name_like_an_id_protects_nobody(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR];
    say(h.of[RANK_ADMIN], "den", "x", NULL);
    probe_leave(h.of[RANK_ADMIN]);
    stage_enter(&h.stage, DIALECT_FULL, "u-admin");
    quiet(&h);
    take_back(moderator, "den", 1);
    FIND_REFUSED(moderator, "forbidden");

    act(h.of[RANK_OWNER], REQUEST_BAN, "den", "guest");
    uint64_t ban = latest(h.of[RANK_OWNER]);
    probe_leave(h.of[RANK_GUEST]);
    stage_enter(&h.stage, DIALECT_FULL, "u-guest");
    probe_skip(h.of[RANK_OWNER]);
    act_on_entry(h.of[RANK_OWNER], REQUEST_UNDO, "den", ban);
    FIND_OK(h.of[RANK_OWNER]);
    struct probe *guest = stage_enter_as(&h.stage, DIALECT_FULL, "u-guest", "guest");
    probe_skip(guest);
    join(guest, "den", "2");
    EXPECT(guest, "{'type':'ok','id':'2',*}");
    house_fini(&h);
}

static void old_messages_are_out_of_reach(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST];
    for (uint32_t i = 0; i <= usual.history_memory; i++) /* and there is no disk */
        say(guest, "den", "x", NULL);
    probe_skip(guest);
    take_back(guest, "den", 1);
    EXPECT_REFUSED(guest, "unknown_message");
    take_back(h.of[RANK_OWNER], "den", 1);
    FIND_REFUSED(h.of[RANK_OWNER], "unknown_message");
    take_back(guest, "den", 2);
    FIND_OK(guest);
    house_fini(&h);
}

/* ---- why ------------------------------------------------------------------------------------------- */

static void why_names_every_rule(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *owner = h.of[RANK_OWNER];
    act(guest, REQUEST_WHY, "den", NULL);
    EXPECT(guest, "{'type':'ok','id':'1','room':'den','reasons':[]}");
    act(guest, REQUEST_WHY, "attic", NULL);
    EXPECT(guest, "{'type':'ok','id':'1','room':'attic','reasons':[{'rule':'no_such_room'}]}");

    struct event *e = with(owner, REQUEST_UPDATE, "den");
    e->request.args->given = ROOM_SLOW_MODE;
    e->request.args->slow_mode = 3600;
    ask(owner, e);
    say(guest, "den", "one", NULL);
    act_why(owner, REQUEST_MUTE, "den", "guest", "", 60);
    probe_skip(guest);
    e = about(guest, REQUEST_WHY, "den", NULL);
    e->request.args->retry_after = 7; /* as the reader has found */
    ask(guest, e);
    EXPECT(guest, "{'type':'ok','id':'1','room':'den','reasons':[{'rule':'muted','until':1*,"
                  "'retryAfter':*},{'rule':'slow_mode','retryAfter':3*},"
                  "{'rule':'rate_limited','retryAfter':7}]}");

    act_why(owner, REQUEST_BAN, "den", "guest", "", 0);
    probe_skip(guest);
    act(guest, REQUEST_WHY, "den", NULL);
    EXPECT(guest, "{'type':'ok',*'reasons':[*{'rule':'banned'}]}");
    create(owner, "cellar", VISIBILITY_PRIVATE, NULL);
    act(guest, REQUEST_WHY, "cellar", NULL); /* as if it weren't there */
    EXPECT(guest, "{'type':'ok',*'reasons':[{'rule':'no_such_room'}]}");
    join(h.of[RANK_MEMBER], "den", NULL);
    probe_skip(h.of[RANK_MEMBER]);
    act(h.of[RANK_MEMBER], REQUEST_WHY, NULL, NULL); /* the only one it is in */
    EXPECT(h.of[RANK_MEMBER], "{'type':'ok','id':'1','room':'den','reasons':[]}");
    house_fini(&h);
}

static void slow_mode_is_for_those_below_moderators(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *owner = h.of[RANK_OWNER];
    struct event *e = with(owner, REQUEST_UPDATE, "den");
    e->request.args->given = ROOM_SLOW_MODE;
    e->request.args->slow_mode = 3600;
    ask(owner, e);
    struct probe *tab = stage_enter_as(&h.stage, DIALECT_FULL, "u-guest", "x");
    join(tab, "den", NULL);
    quiet(&h);
    probe_skip(tab);
    say(guest, "den", "one", NULL);
    EXPECT(guest, "{'type':'message',*'content':'one',*}");
    say(tab, "den", "two", "2"); /* users are slowed down, not tabs */
    FIND(tab, "{'type':'error','id':'2','code':'slow_mode',*'retryAfter':3*}");
    say(h.of[RANK_MEMBER], "den", "three", NULL);
    FIND(h.of[RANK_MEMBER], "{'type':'message',*'content':'three',*}");
    for (int i = 0; i < 3; i++) {
        probe_skip(h.of[RANK_MODERATOR]);
        say(h.of[RANK_MODERATOR], "den", "again", NULL);
        EXPECT(h.of[RANK_MODERATOR], "{'type':'message',*'content':'again',*}");
    }
    house_fini(&h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_comes_first),
        cmocka_unit_test(it_is_read_page_by_page),
        cmocka_unit_test(a_ban_is_taken_back),
        cmocka_unit_test(the_lifting_of_one_is_taken_back),
        cmocka_unit_test(only_the_latest_word_is_worth_taking_back),
        cmocka_unit_test(what_was_replaced_takes_nothing_else_back),
        cmocka_unit_test(an_old_one_does_not_replace_a_new_one),
        cmocka_unit_test(not_everything_can_be_taken_back),
        cmocka_unit_test(the_author_takes_a_message_back),
        cmocka_unit_test(moderators_take_back_what_lower_ranks_said),
        cmocka_unit_test(a_name_like_an_id_protects_nobody),
        cmocka_unit_test(old_messages_are_out_of_reach),
        cmocka_unit_test(why_names_every_rule),
        cmocka_unit_test(slow_mode_is_for_those_below_moderators),
    };
    return RUN_STAGED(argc, argv, "hub ledger", tests);
}
