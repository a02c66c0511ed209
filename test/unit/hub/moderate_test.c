/* Kick, ban and mute in a room: on whom, by whom, who hears of it; users with several tabs, and users who
 * are not there. */
#include "helpers.h"

/* ---- by the ranks ---------------------------------------------------------------------------------- */

/* Every rank on every other, through the hub: as the table of rights says. */
static void everybody_on_everybody(void **state)
{
    (void)state;
    static const enum request_type what[] = {REQUEST_MUTE, REQUEST_BAN, REQUEST_KICK};
    static const char *const over[RANK_COUNT] = {"......", "......", "yy....",
                                                 "yyy...", "yyyy..", "yyyyy."};
    for (int own = 0; own < RANK_COUNT; own++) {
        struct house h;
        house_init(&h);
        struct probe *me = h.of[own];
        for (int other = 0; other < RANK_OPERATOR; other++) {
            for (int i = 0; i < 3; i++) {
                probe_skip(me);
                join_too(h.of[other], "den", NULL);
                act(me, what[i], "den", h.of[other]->user_id);
                if (over[own][other] == 'y')
                    FIND_OK(me);
                else
                    FIND_REFUSED(me, "forbidden");
                if (what[i] == REQUEST_BAN && over[own][other] == 'y') {
                    act(me, REQUEST_UNBAN, "den", h.of[other]->user_id);
                    FIND_OK(me);
                }
            }
        }
        house_fini(&h);
    }
}

static void nobody_acts_on_oneself(void **state)
{
    (void)state;
    static const enum request_type what[] = {REQUEST_KICK, REQUEST_BAN, REQUEST_MUTE};
    struct house h;
    house_init(&h);
    for (int i = 0; i < 3; i++) {
        act(h.of[RANK_OWNER], what[i], "den", "owner");
        EXPECT(h.of[RANK_OWNER], "{'type':'error','id':'1','code':'forbidden',*yourself*}");
    }
    house_fini(&h);
}

/* Their connection is lost and closed, and they are in the room until that has been noticed. */
static void whose_connection_is_closed_can_be_thrown_out(void **state)
{
    (void)state;
    static const enum request_type what[] = {REQUEST_KICK, REQUEST_BAN};
    for (int i = 0; i < 2; i++) {
        struct house h;
        house_init(&h);
        struct probe *lost = stage_enter_as(&h.stage, DIALECT_FULL, "u-lost", "lost");
        struct probe *moderator = h.of[RANK_MODERATOR], *guest = h.of[RANK_GUEST];
        join_too(lost, "den", NULL);
        hub_fence(h.stage.hub);
        outbox_close(&lost->outbox, 4013, "too slow");
        quiet(&h);
        act(moderator, what[i], "den", "lost");
        FIND_OK(moderator);
        EXPECT(guest, "{'type':'moderation',*'username':'lost',*}");
        EXPECT(guest, "{'type':'leave','room':'den','username':'lost',*'count':5}");
        probe_leave(lost);
        EXPECT_NOTHING(guest); /* it has left once */
        probe_skip(moderator);
        act(moderator, what[i], "den",
            "lost"); /* who is not here is not kicked, but may be banned */
        if (what[i] == REQUEST_KICK)
            EXPECT_REFUSED(moderator, "unknown_user");
        else
            FIND_OK(moderator);
        house_fini(&h);
    }
}

/* ---- kick ------------------------------------------------------------------------------------------ */

static void all_hear_of_a_kick_and_it_is_over(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *moderator = h.of[RANK_MODERATOR];
    struct probe *classic = stage_enter(&h.stage, DIALECT_CLASSIC, "carl");
    join(classic, "den", NULL);
    quiet(&h);
    probe_skip(classic);
    act_why(moderator, REQUEST_KICK, "den", "guest", "too loud", 0);
    static const char told[] =
        "{'type':'moderation','room':'den','action':'kick','userId':'u-guest','username':'guest',"
        "'by':'moderator','reason':'too loud','entry':*}";
    static const char left[] = "{'type':'leave','room':'den','username':'guest','content':'guest "
                               "was removed from the room','userId':'u-guest','count':5}";
    EXPECT(guest, told); /* before it is out */
    EXPECT(guest, left);
    EXPECT_NOTHING(guest);
    EXPECT(h.of[RANK_MEMBER], told);
    EXPECT(h.of[RANK_MEMBER], left);
    EXPECT(classic, left);
    EXPECT_NOTHING(classic);
    FIND(moderator, "{'type':'ok','id':'1','room':'den','userId':'u-guest','username':'guest',"
                    "'entry':*}");
    say(guest, "den", "hello?", "2");
    EXPECT(guest, "{'type':'error','id':'2','code':'not_in_room',*}");
    probe_skip(moderator);
    act(moderator, REQUEST_KICK, "den", "guest"); /* is not there any more */
    EXPECT_REFUSED(moderator, "unknown_user");
    join_too(guest, "den", "3");
    EXPECT(guest, "{'type':'ok','id':'3',*}");
    house_fini(&h);
}

static void all_tabs_are_out(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *one = h.of[RANK_GUEST];
    struct probe *two = stage_enter_as(&h.stage, DIALECT_CLASSIC, "u-guest", "another");
    struct probe *elsewhere = stage_enter_as(&h.stage, DIALECT_FULL, "u-guest", "third");
    join(two, "den", NULL);
    probe_skip(two);
    probe_skip(elsewhere);
    quiet(&h);
    act(h.of[RANK_ADMIN], REQUEST_KICK, "den", "u-guest");
    EXPECT(one, "{'type':'moderation',*'action':'kick',*}");
    EXPECT(one, "{'type':'leave',*'username':'guest',*}");
    EXPECT(two, "{'type':'leave',*'username':'guest',*}"); /* classic: only that */
    EXPECT_NOTHING(two);
    EXPECT_NOTHING(elsewhere);
    /* The others are told once, when the last is out. */
    EXPECT(h.of[RANK_OWNER], "{'type':'moderation',*}");
    EXPECT(h.of[RANK_OWNER], "{'type':'leave',*'username':'guest',*'count':4}");
    EXPECT_NOTHING(h.of[RANK_OWNER]);
    say(two, "den", "?", "2");
    EXPECT(two, "{'type':'error','id':'2','code':'not_in_room',*}");
    house_fini(&h);
}

/* ---- ban ------------------------------------------------------------------------------------------- */

static void who_is_banned_stays_out(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *moderator = h.of[RANK_MODERATOR];
    act_why(moderator, REQUEST_BAN, "den", "guest", "spam", 3600);
    FIND(moderator, "{'type':'ok','id':'1','room':'den','userId':'u-guest','username':'guest',"
                    "'entry':*,'until':1*}");
    EXPECT(guest, "{'type':'moderation','room':'den','action':'ban',*'reason':'spam','until':1*,"
                  "'entry':*}");
    EXPECT(guest, "{'type':'leave',*'content':'guest was banned from the room',*}");
    join_too(guest, "den", "2");
    EXPECT(guest,
           "{'type':'error','id':'2','code':'banned','message':'spam','reason':'spam','room':'den',"
           "'retryAfter':3*}"); /* 3600, or 3599 */
    /* A session that was not there yet. */
    struct probe *tab = stage_enter_as(&h.stage, DIALECT_FULL, "u-guest", "somebody else");
    probe_skip(tab);
    join_too(tab, "den", "2");
    EXPECT(tab, "{'type':'error','id':'2','code':'banned',*}");
    join_too(tab, "attic", "3"); /* other rooms do not care */
    EXPECT(tab, "{'type':'ok','id':'3',*}");
    quiet(&h);

    act(moderator, REQUEST_UNBAN, "den", "guest");
    EXPECT(guest, "{'type':'moderation','room':'den','action':'unban','userId':'u-guest',*}");
    FIND(moderator, "{'type':'ok','id':'1','room':'den','userId':'u-guest','username':'guest',*}");
    probe_skip(tab);
    join_too(tab, "den", "4");
    EXPECT(tab, "{'type':'ok','id':'4',*}");
    quiet(&h);
    act(moderator, REQUEST_UNBAN, "den", "guest");
    EXPECT_REFUSED(moderator, "unknown_user");
    house_fini(&h);
}

static void a_ban_ends_by_itself(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST];
    act_why(h.of[RANK_OWNER], REQUEST_BAN, "den", "guest", "cool down", 1);
    probe_skip(guest);
    const char *text;
    int64_t deadline = clock_now() + STAGE_PATIENCE;
    do { /* the only wait for a clock here */
        join_too(guest, "den", "2");
        text = probe_next(guest, DEADLINE_NOW);
        assert_non_null(text);
        if (text_matches("{*'code':'banned',*}", text))
            EXPECT_MATCH("{*'retryAfter':1}", text);
    } while (!text_matches("{'type':'ok','id':'2',*}", text) && clock_now() < deadline);
    EXPECT_MATCH("{'type':'ok','id':'2',*}", text);
    house_fini(&h);
}

static void members_and_admins_can_be_banned_as_well(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *admin = h.of[RANK_ADMIN];
    act(h.of[RANK_OWNER], REQUEST_BAN, "den", "admin");
    FIND_OK(h.of[RANK_OWNER]);
    probe_skip(admin);
    join_too(admin, "den", "2");
    EXPECT(admin, "{'type':'error','id':'2','code':'banned',*}");
    act(admin, REQUEST_UNBAN, "den", "admin"); /* not by oneself */
    EXPECT_REFUSED(admin, "banned");
    act(admin, REQUEST_KICK, "den", "guest"); /* nor anything else */
    EXPECT_REFUSED(admin, "banned");
    join_too(h.of[RANK_OPERATOR], "den", "3"); /* nobody keeps an operator out */
    FIND(h.of[RANK_OPERATOR], "{'type':'ok','id':'3',*'role':'operator'}");
    house_fini(&h);
}

static void a_higher_rank_has_the_last_word(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR], *admin = h.of[RANK_ADMIN];
    act(admin, REQUEST_BAN, "den", "guest");
    FIND_OK(admin);
    probe_skip(moderator);
    act_why(moderator, REQUEST_BAN, "den", "guest", "only a second", 1);
    EXPECT_REFUSED(moderator, "forbidden");
    act(moderator, REQUEST_UNBAN, "den", "guest");
    EXPECT_REFUSED(moderator, "forbidden");
    act(h.of[RANK_OWNER], REQUEST_UNBAN, "den", "guest");
    FIND_OK(h.of[RANK_OWNER]);
    probe_skip(moderator);
    act(moderator, REQUEST_BAN, "den", "guest");
    FIND_OK(moderator);
    probe_skip(admin);
    act_why(admin, REQUEST_BAN, "den", "guest", "for longer", 0); /* instead of the other */
    FIND_OK(admin);
    probe_skip(moderator);
    act(moderator, REQUEST_UNBAN, "den", "guest");
    EXPECT_REFUSED(moderator, "forbidden");
    house_fini(&h);
}

/* ---- mute ------------------------------------------------------------------------------------------ */

static void who_is_muted_listens(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *guest = h.of[RANK_GUEST], *moderator = h.of[RANK_MODERATOR];
    act_why(moderator, REQUEST_MUTE, "den", "guest", "hush", 60);
    EXPECT(guest, "{'type':'moderation','room':'den','action':'mute',*'reason':'hush','until':*}");
    quiet(&h);
    say(guest, "den", "but", "2");
    EXPECT(guest,
           "{'type':'error','id':'2','code':'muted','message':'hush','reason':'hush','room':'den',"
           "'retryAfter':*}");
    type(guest, "den", false, "3");
    EXPECT(guest, "{'type':'error','id':'3','code':'muted',*}");
    EXPECT_NOTHING(moderator);
    say(moderator, "den", "thanks", NULL);
    EXPECT(guest, "{'type':'message',*'content':'thanks',*}");

    /* Leaving and coming back, by another tab, helps nothing. */
    part(guest, "den", NULL);
    struct probe *tab = stage_enter_as(&h.stage, DIALECT_FULL, "u-guest", "x");
    probe_skip(tab);
    join(tab, "den", "4");
    EXPECT(tab, "{'type':'ok','id':'4',*'mutedUntil':1*}");
    probe_skip(tab);
    say(tab, "den", "but", "5");
    EXPECT(tab, "{'type':'error','id':'5','code':'muted',*}");

    act(moderator, REQUEST_UNMUTE, "den", "guest");
    EXPECT(tab, "{'type':'moderation',*'action':'unmute',*}");
    quiet(&h);
    say(tab, "den", "finally", NULL);
    EXPECT(tab, "{'type':'message',*'content':'finally',*}");
    quiet(&h);
    act(moderator, REQUEST_UNMUTE, "den", "guest");
    EXPECT_REFUSED(moderator, "unknown_user");
    act(moderator, REQUEST_MUTE, "den", "guest"); /* without end */
    FIND_OK(moderator);
    probe_skip(tab);
    join(tab, "den", "6");
    EXPECT(tab, "{'type':'ok','id':'6',*'mutedUntil':0}");
    say(tab, "den", "but", "7");
    EXPECT(tab, "{'type':'error','id':'7','code':'muted','message':'*','room':'den'}");
    house_fini(&h);
}

/* ---- whom a request means --------------------------------------------------------------------------- */

static void users_are_found_where_they_are_or_were(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR];
    struct probe *bob = stage_enter_as(&h.stage, DIALECT_FULL, "u-bob", "Bob");
    probe_leave(bob);
    hub_fence(h.stage.hub);
    static const struct {
        const char *said, *meant; /* NULL: nobody */
    } rows[] = {
        {"u-guest", "u-guest"},
        {"guest", "u-guest"},
        {"GUEST", "u-guest"},      /* who is online, by what looks alike */
        {"gu\u0435st", "u-guest"}, /* with a Cyrillic letter */
        {"Bob", "u-bob"},          /* seen lately */
        {"u-bob", "u-bob"},
        {"bobby", NULL},
        {"u-carol", NULL}, /* never here: a slip of the pen bans nobody */
        {"id:u-carol", "u-carol"},
        {"id:", NULL},
        {"g0123456789abcdef", "g0123456789abcdef"},
        {"g0123456789abcdeX", NULL},
        {"g0123456789abcde", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char pattern[128];
        quiet(&h);
        act(moderator, REQUEST_MUTE, "den", rows[i].said);
        if (rows[i].meant == NULL) {
            EXPECT_REFUSED(moderator, "unknown_user");
            continue;
        }
        snprintf(pattern, sizeof(pattern), "{'type':'ok','id':'1','room':'den','userId':'%s',*}",
                 rows[i].meant);
        FIND(moderator, pattern);
        act(moderator, REQUEST_UNMUTE, "den", rows[i].said);
        FIND(moderator, pattern);
    }
    /* Named in the ledger of bans, and on the roster, by the name from then. */
    quiet(&h);
    act(moderator, REQUEST_BAN, "den", "id:u-dave");
    FIND_OK(moderator);
    act(moderator, REQUEST_UNBAN, "den", "u-dave");
    FIND_OK(moderator);
    probe_leave(h.of[RANK_MEMBER]);
    quiet(&h);
    act(moderator, REQUEST_MUTE, "den", "member");
    FIND(moderator, "{'type':'ok',*'userId':'u-member',*}");
    act(moderator, REQUEST_KICK, "den", "member"); /* is not in */
    FIND_REFUSED(moderator, "unknown_user");
    house_fini(&h);
}

static void who_was_never_here_is_banned_when_coming(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    act(h.of[RANK_MODERATOR], REQUEST_BAN, "den", "g00000000000000ff");
    FIND_OK(h.of[RANK_MODERATOR]);
    struct probe *late = stage_enter_as(&h.stage, DIALECT_FULL, "g00000000000000ff", "late");
    probe_skip(late);
    join(late, "den", "1");
    EXPECT_REFUSED(late, "banned");
    house_fini(&h);
}

/* An operator, and a rank in the roster, count for those who are away as well. */
static void ranks_protect_those_who_are_away(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *moderator = h.of[RANK_MODERATOR];
    probe_leave(h.of[RANK_ADMIN]);
    probe_leave(h.of[RANK_OPERATOR]);
    hub_fence(h.stage.hub);
    probe_skip(moderator);
    act(moderator, REQUEST_BAN, "den", "u-admin");
    EXPECT_REFUSED(moderator, "forbidden");
    act(moderator, REQUEST_BAN, "den", "admin");
    EXPECT_REFUSED(moderator, "forbidden");
    act(h.of[RANK_OWNER], REQUEST_BAN, "den", "u-op");
    FIND_REFUSED(h.of[RANK_OWNER], "forbidden");
    act(h.of[RANK_OWNER], REQUEST_BAN, "den", "id:u-op");
    FIND_REFUSED(h.of[RANK_OWNER], "forbidden");
    house_fini(&h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_on_everybody),
        cmocka_unit_test(nobody_acts_on_oneself),
        cmocka_unit_test(whose_connection_is_closed_can_be_thrown_out),
        cmocka_unit_test(all_hear_of_a_kick_and_it_is_over),
        cmocka_unit_test(all_tabs_are_out),
        cmocka_unit_test(who_is_banned_stays_out),
        cmocka_unit_test(a_ban_ends_by_itself),
        cmocka_unit_test(members_and_admins_can_be_banned_as_well),
        cmocka_unit_test(a_higher_rank_has_the_last_word),
        cmocka_unit_test(who_is_muted_listens),
        cmocka_unit_test(users_are_found_where_they_are_or_were),
        cmocka_unit_test(who_was_never_here_is_banned_when_coming),
        cmocka_unit_test(ranks_protect_those_who_are_away),
    };
    return RUN_STAGED(argc, argv, "hub moderation", tests);
}
