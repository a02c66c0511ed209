/* Operators: bans from the whole server, by user and by address, and notices. */
#include "helpers.h"

#include <hubbub/metrics.h>

static struct probe *from(struct stage *s, const char *user_id, const char *address)
{
    return stage_enter_with(s, &(struct visitor){.dialect = DIALECT_FULL,
                                                 .user_id = user_id,
                                                 .username = "somebody",
                                                 .address = address});
}

static void ban_address(struct probe *p, const char *user)
{
    struct event *e = about(p, REQUEST_BAN, NULL, user);
    e->request.args->address = true;
    ask(p, e);
}

#define EXPECT_BARRED(p)                                  \
    do {                                                  \
        struct probe *p_ = p;                             \
        EXPECT(p_, "{'type':'error','code':'banned',*}"); \
        EXPECT_CLOSED(p_, 4003);                          \
    } while (0)

#define EXPECT_WELCOME(p) EXPECT(p, "{'type':'welcome',*}")

/* ---- bans ------------------------------------------------------------------------------------------ */

static void who_is_banned_from_the_server_is_closed(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *op = h.of[RANK_OPERATOR], *guest = h.of[RANK_GUEST];
    struct probe *classic = stage_enter_as(&h.stage, DIALECT_CLASSIC, "u-guest", "x");
    int64_t closed = metric_read(METRIC_BANNED_CLOSED);
    hub_fence(h.stage.hub);
    act_why(op, REQUEST_BAN, NULL, "guest", "enough", 3600);
    FIND(op, "{'type':'ok','id':'1','userId':'u-guest','username':'guest','entry':1,'until':1*}");
    EXPECT(guest, "{'type':'moderation','action':'ban','userId':'u-guest','username':'guest','by':"
                  "'operator','reason':'enough','until':1*,'entry':1}");
    EXPECT(guest, "{'type':'leave','room':'den',*'content':'guest was banned from the server',*}");
    EXPECT(guest,
           "{'type':'error','code':'banned','message':'enough','reason':'enough','retryAfter':3*}");
    EXPECT_CLOSED(guest, 4003);
    EXPECT(classic, "{'type':'error','code':'banned',*}");
    EXPECT_CLOSED(classic, 4003);
    EXPECT(h.of[RANK_MEMBER],
           "{'type':'leave','room':'den','username':'guest','content':'guest was "
           "banned from the server',*'count':4}");
    assert_int_equal(metric_read(METRIC_BANNED_CLOSED), closed + 2);

    probe_leave(guest);
    probe_leave(classic);
    struct probe *again = stage_enter_as(&h.stage, DIALECT_FULL, "u-guest", "new name");
    EXPECT_BARRED(again);
    join(again, "den", NULL); /* what it still asks for is not even answered */
    hub_fence(h.stage.hub);
    assert_int_equal(probe_skip(h.of[RANK_MEMBER]), 0);
    struct request by_web = {.type = REQUEST_JOIN, .room = "den"}; /* and nobody acts for it */
    struct buf answer = BUF_INIT;
    assert_int_equal(hub_call(h.stage.hub, again->id, &by_web, &answer), 0);
    EXPECT_MATCH("{'error':{'code':'unknown_session',*}}", answer.data);
    buf_fini(&answer);
    probe_leave(again);

    act(op, REQUEST_UNBAN, NULL, "u-guest");
    FIND(op, "{'type':'ok','id':'1','userId':'u-guest',*}");
    again = stage_enter_as(&h.stage, DIALECT_FULL, "u-guest", "guest");
    EXPECT_WELCOME(again);
    act(op, REQUEST_UNBAN, NULL, "u-guest");
    FIND_REFUSED(op, "unknown_user");
    house_fini(&h);
}

static void addresses_go_with_the_user(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *op = resident(&s, RANK_OPERATOR);
    struct probe *eve = from(&s, "u-eve", "192.0.2.1");
    struct probe *tab = from(&s, "u-eve", "2001:db8::1");
    struct probe *bob = from(&s, "u-bob", "192.0.2.2");
    hush((struct probe *[]){op, eve, tab, bob}, 4);
    ban_address(op, "u-eve");
    FIND_OK(op);
    EXPECT(eve, "{'type':'moderation',*}");
    EXPECT_BARRED(eve);
    EXPECT(tab, "{'type':'moderation',*}");
    EXPECT_BARRED(tab);
    struct probe *other = from(&s, "u-other", "192.0.2.1");
    EXPECT_BARRED(other);
    struct probe *six = from(&s, "u-other2", "2001:db8::1");
    EXPECT_BARRED(six);
    EXPECT_WELCOME(from(&s, "u-carol", "192.0.2.3"));
    EXPECT_WELCOME(from(&s, OPERATOR_ID, "192.0.2.1")); /* nobody keeps an operator out */
    EXPECT_NOTHING(bob);
    /* With the pardon they are free, too. */
    probe_skip(op);
    act(op, REQUEST_UNBAN, NULL, "u-eve");
    FIND_OK(op);
    EXPECT_WELCOME(from(&s, "u-dave", "192.0.2.1"));
    EXPECT_WELCOME(from(&s, "u-eve", "2001:db8::1"));
    stage_fini(&s);
}

/* One customer has a whole /64, and may come from another address of it each time. */
static void an_ipv6_address_stands_for_its_network(void **state)
{
    (void)state;
    struct stage s;
    stage_init_kept(&s, &usual, NULL);
    struct probe *op = resident(&s, RANK_OPERATOR);
    from(&s, "u-eve", "2001:db8:0:1::1");
    from(&s, "u-mallory", "::ffff:192.0.2.1");
    probe_skip(op);
    ban_address(op, "u-eve");
    EXPECT_SOON(op, "{'type':'ok','id':'1','userId':'u-eve',*}");
    ban_address(op, "u-mallory");
    EXPECT_SOON(op, "{'type':'ok','id':'1','userId':'u-mallory',*}");
    for (int life = 0; life < 2; life++) { /* the next with what was kept */
        EXPECT_BARRED(from(&s, "u-two", "2001:db8:0:1:ffff::2"));
        EXPECT_WELCOME(from(&s, "u-three", "2001:db8:0:2::1"));
        EXPECT_BARRED(from(&s, "u-four", "192.0.2.1"));
        EXPECT_WELCOME(from(&s, "u-five", "192.0.2.2"));
        if (life == 0)
            stage_restart(&s);
    }
    op = resident(&s, RANK_OPERATOR);
    probe_skip(op);
    act(op, REQUEST_UNBAN, NULL, "u-eve");
    EXPECT_SOON(op, "{'type':'ok',*}");
    EXPECT_WELCOME(from(&s, "u-six", "2001:db8:0:1::1"));
    stage_fini(&s);
}

static void the_own_machine_is_never_banned(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *op = resident(&s, RANK_OPERATOR);
    stage_enter_with(&s, &(struct visitor){.dialect = DIALECT_FULL,
                                           .user_id = "u-eve",
                                           .username = "eve",
                                           .address = "127.0.0.1",
                                           .local = true});
    from(&s, "u-unix", ""); /* a Unix socket has none */
    probe_skip(op);
    ban_address(op, "u-eve");
    FIND_OK(op);
    ban_address(op, "u-unix");
    FIND_OK(op);
    EXPECT_WELCOME(stage_enter_with(&s, &(struct visitor){.dialect = DIALECT_FULL,
                                                          .username = "bob",
                                                          .address = "127.0.0.1",
                                                          .local = true}));
    EXPECT_WELCOME(from(&s, "u-bob", ""));
    stage_fini(&s);
}

static void the_address_of_the_latest_visit_counts(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *op = resident(&s, RANK_OPERATOR);
    probe_leave(from(&s, "u-eve", "192.0.2.1"));
    probe_leave(from(&s, "u-eve", "192.0.2.7"));
    probe_skip(op);
    ban_address(op, "u-eve");
    FIND_OK(op);
    EXPECT_BARRED(from(&s, "u-x", "192.0.2.7"));
    EXPECT_WELCOME(from(&s, "u-y", "192.0.2.1"));
    stage_fini(&s);
}

static void a_visit_to_the_own_machine_is_not_held_against_others(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *op = resident(&s, RANK_OPERATOR);
    const struct visitor eve = {.dialect = DIALECT_FULL,
                                .user_id = "u-eve",
                                .username = "eve",
                                .address = "127.0.0.1",
                                .local = true};
    probe_leave(stage_enter_with(&s, &eve));
    probe_skip(op);
    ban_address(op, "u-eve");
    FIND_OK(op);
    struct visitor bob = eve;
    bob.user_id = "u-bob";
    EXPECT_WELCOME(stage_enter_with(&s, &bob));
    stage_fini(&s);
}

/* Two who came from one address: each ban holds for itself, and its end takes no other along. */
static void bans_of_one_address_stand_apart(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *op = h.of[RANK_OPERATOR];
    EXPECT_WELCOME(from(&h.stage, "u-one", "192.0.2.1"));
    EXPECT_WELCOME(from(&h.stage, "u-two", "192.0.2.1"));
    EXPECT_WELCOME(from(&h.stage, "u-three", "192.0.2.3"));
    hub_fence(h.stage.hub);
    ban_address(op, "u-one");
    ban_address(op, "u-two");
    ban_address(op, "u-three");
    hub_fence(h.stage.hub);
    act(op, REQUEST_UNBAN, NULL, "u-one");
    EXPECT_BARRED(from(&h.stage, "u-four", "192.0.2.1"));
    EXPECT_BARRED(from(&h.stage, "u-five", "192.0.2.3"));
    act(op, REQUEST_UNBAN, NULL, "u-two");
    EXPECT_WELCOME(from(&h.stage, "u-six", "192.0.2.1"));
    EXPECT_BARRED(from(&h.stage, "u-seven", "192.0.2.3"));
    house_fini(&h);
}

static void only_operators_rule_the_server(void **state)
{
    (void)state;
    static const enum request_type what[] = {REQUEST_BAN, REQUEST_UNBAN, REQUEST_LEDGER,
                                             REQUEST_SETTINGS, REQUEST_UNDO};
    struct house h;
    house_init(&h);
    for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
        act(h.of[RANK_OWNER], what[i], NULL, "guest");
        EXPECT_REFUSED(h.of[RANK_OWNER], "forbidden");
    }
    act(h.of[RANK_OPERATOR], REQUEST_BAN, NULL, "operator");
    EXPECT_REFUSED(h.of[RANK_OPERATOR], "forbidden");
    house_fini(&h);
}

static void the_server_has_books_of_its_own(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *op = h.of[RANK_OPERATOR];
    act(op, REQUEST_BAN, NULL, "id:u-dave");
    FIND_OK(op);
    act(op, REQUEST_LEDGER, NULL, NULL);
    EXPECT(op, "{'type':'ok','id':'1','entries':[{'action':'ban','entry':1,'userId':'u-dave',*}]}");
    act(op, REQUEST_SETTINGS, NULL, NULL);
    EXPECT(op, "{'type':'ok','id':'1','role':'operator','rosterCount':0,'roster':[],"
               "'sanctionCount':1,'sanctions':[{'action':'ban','entry':1,'userId':'u-dave',*}],'"
               "invites':0}");
    act_on_entry(op, REQUEST_UNDO, NULL, 1);
    FIND(op, "{'type':'ok','id':'1','entry':1}");
    EXPECT_WELCOME(stage_enter_as(&h.stage, DIALECT_FULL, "u-dave", "dave"));
    house_fini(&h);
}

static void an_undone_pardon_bars_again(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *op = resident(&s, RANK_OPERATOR);
    probe_skip(op);
    act(op, REQUEST_BAN, NULL, "id:u-dave");
    act(op, REQUEST_UNBAN, NULL, "u-dave");
    struct probe *dave = stage_enter_as(&s, DIALECT_FULL, "u-dave", "dave");
    EXPECT_WELCOME(dave);
    act_on_entry(op, REQUEST_UNDO, NULL, 2);
    EXPECT(dave, "{'type':'moderation','action':'undo',*'undone':'unban',*}");
    EXPECT_BARRED(dave);
    stage_fini(&s);
}

static void operators_change_with_the_settings(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct settings none = usual;
    none.noperators = 0;
    stage_settings(&h.stage, &none);
    act(h.of[RANK_OPERATOR], REQUEST_BAN, NULL, "guest");
    EXPECT_REFUSED(h.of[RANK_OPERATOR], "forbidden");
    struct probe *tab = stage_enter_as(&h.stage, DIALECT_FULL, OPERATOR_ID, "x");
    const char *text = probe_next(tab, DEADLINE_NOW);
    EXPECT_MATCH("{'type':'welcome',*}", text);
    assert_null(strstr(text, "operator\":true"));
    stage_settings(&h.stage, &usual);
    tab = stage_enter_as(&h.stage, DIALECT_FULL, OPERATOR_ID, "x");
    EXPECT(tab, "{'type':'welcome',*'username':'operator',*'operator':true}");
    house_fini(&h);
}

/* Also those who are in a room already, as others see them there. */
static void operators_are_seen_to_come_and_go(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *op = h.of[RANK_OPERATOR], *guest = h.of[RANK_GUEST];
    const struct directory *d = hub_directory(h.stage.hub);
    char guest_id[] = "u-guest", *others[] = {guest_id};
    struct settings now = usual;
    join_too(op, "den", NULL);
    hub_fence(h.stage.hub);
    assert_int_equal(session_find(op->session, "den")->rank, RANK_OPERATOR);
    now.operators = others;
    stage_settings(&h.stage, &now);
    hub_fence(h.stage.hub);
    assert_int_equal(session_find(op->session, "den")->rank, RANK_GUEST);
    assert_int_equal(directory_rank(d, op->session, "den"), RANK_GUEST);
    assert_int_equal(session_find(guest->session, "den")->rank, RANK_OPERATOR);
    stage_settings(&h.stage, &usual);
    hub_fence(h.stage.hub);
    assert_int_equal(session_find(op->session, "den")->rank, RANK_OPERATOR);
    assert_int_equal(session_find(guest->session, "den")->rank, RANK_GUEST);
    house_fini(&h);
}

/* ---- notices --------------------------------------------------------------------------------------- */

static void notify(struct probe *p, const char *room)
{
    struct event *e = about(p, REQUEST_NOTICE, room, NULL);
    struct buf text = BUF_INIT;
    buf_printf(&text, "\"tea \\\"time\\\"\"");
    e->request.text = buf_take(&text, &e->request.text_len);
    ask(p, e);
}

static void a_notice_is_for_everybody_or_for_a_room(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    struct probe *op = h.of[RANK_OPERATOR], *guest = h.of[RANK_GUEST];
    struct probe *classic = stage_enter(&h.stage, DIALECT_CLASSIC, "carl");
    probe_skip(classic);
    notify(op, NULL);
    EXPECT(guest, "{'type':'notice','by':'operator','content':'tea \\'time\\''}");
    EXPECT(classic, "{'type':'message','room':'','username':'server','content':'tea \\'time\\''}");
    FIND(op, "{'type':'ok','id':'1'}");
    probe_skip(op);
    notify(op, "den");
    EXPECT(guest, "{'type':'notice','room':'den','by':'operator','content':'tea \\'time\\''}");
    EXPECT_NOTHING(classic);
    EXPECT(op, "{'type':'ok','id':'1','room':'den'}"); /* is not in there */
    EXPECT_NOTHING(op);
    notify(op, "attic");
    EXPECT_REFUSED(op, "no_such_room");
    notify(h.of[RANK_OWNER], "den");
    FIND_REFUSED(h.of[RANK_OWNER], "forbidden");
    probe_skip(guest);
    notify(h.of[RANK_OWNER], NULL);
    FIND_REFUSED(h.of[RANK_OWNER], "forbidden");
    EXPECT_NOTHING(guest);
    house_fini(&h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_banned_from_the_server_is_closed),
        cmocka_unit_test(addresses_go_with_the_user),
        cmocka_unit_test(an_ipv6_address_stands_for_its_network),
        cmocka_unit_test(the_own_machine_is_never_banned),
        cmocka_unit_test(the_address_of_the_latest_visit_counts),
        cmocka_unit_test(a_visit_to_the_own_machine_is_not_held_against_others),
        cmocka_unit_test(bans_of_one_address_stand_apart),
        cmocka_unit_test(only_operators_rule_the_server),
        cmocka_unit_test(the_server_has_books_of_its_own),
        cmocka_unit_test(an_undone_pardon_bars_again),
        cmocka_unit_test(operators_change_with_the_settings),
        cmocka_unit_test(operators_are_seen_to_come_and_go),
        cmocka_unit_test(a_notice_is_for_everybody_or_for_a_room),
    };
    return RUN_STAGED(argc, argv, "hub operators", tests);
}
