/* How far people have read, and who is meant by a name: what the hub makes of it, with and without a store. */
#include "past.h"

#include "store/store_private.h"

/* ---- markers --------------------------------------------------------------------------------------- */

static void read_up_to(struct probe *p, const char *room, uint64_t seq)
{
    ask(p, about_message(p, REQUEST_MARK, room, seq));
}

static struct probe *again(struct probe *p, const char *name)
{
    struct probe *tab = stage_enter_as(p->stage, DIALECT_FULL, p->user_id, name);
    probe_skip(tab);
    return tab;
}

static void the_other_tabs_of_a_user_hear_of_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice"), *tab = again(alice, "alice"),
                 *bob = person(&s, "bob"),
                 *old = stage_enter_as(&s, DIALECT_CLASSIC, alice->user_id, "alice");
    come_in(alice, "den");
    come_in(bob, "den");
    chat(bob, "den", 1, 5);
    for (struct probe **p = (struct probe *[]){alice, tab, bob, old, NULL}; *p != NULL; p++)
        probe_skip(*p);
    read_up_to(alice, "den", 3);
    EXPECT(alice, "{'type':'ok','id':'1','room':'den','seq':3}");
    EXPECT(tab, "{'type':'read','room':'den','seq':3}");
    read_up_to(alice, "den", 2); /* never back */
    EXPECT(alice, "{'type':'ok','id':'1','room':'den','seq':3}");
    read_up_to(alice, "den", 99); /* nor beyond */
    EXPECT(alice, "{'type':'ok','id':'1','room':'den','seq':5}");
    EXPECT(tab, "{'type':'read','room':'den','seq':5}");
    read_up_to(tab, "den", 5);
    EXPECT(tab, "{'type':'error',*'code':'not_in_room',*}");
    for (struct probe **p = (struct probe *[]){alice, tab, bob, old, NULL}; *p != NULL; p++)
        EXPECT_NOTHING(*p);
    come(tab, "den", 0);
    EXPECT(tab, "{'type':'ok','id':'1','room':'den','seq':5,'epoch':'*','read':5,'members':2,*}");
    come(bob, "den", 0);
    EXPECT(bob, "{'type':'ok','id':'1','room':'den','seq':5,'epoch':'*','members':2,*}");
    stage_fini(&s);
}

static void without_a_store_it_ends_with_the_room_or_the_user(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(alice, "den");
    come_in(bob, "den");
    chat(bob, "den", 1, 5);
    read_up_to(alice, "den", 5);
    part(alice, "den", NULL);
    part(bob, "den", NULL);
    come_in(bob, "den");
    chat(bob, "den", 1, 6);
    probe_skip(alice);
    come(alice, "den", 0);
    EXPECT(alice, "{'type':'ok',*'seq':6,'epoch':'*','members':2,*}");
    read_up_to(alice, "den", 2); /* counts anew */
    AWAIT(alice, "{'type':'ok','id':'1','room':'den','seq':2}");
    probe_leave(alice);
    alice = person(&s, "alice");
    come(alice, "den", 0);
    EXPECT(alice, "{'type':'ok',*'seq':6,'epoch':'*','members':2,*}");
    stage_fini(&s);
}

/* What a join is told. */
static void enter(struct probe *p, const char *room, const char *pattern)
{
    probe_skip(p);
    come(p, room, 0);
    AWAIT(p, pattern);
}

static void what_the_disk_has_is_fetched_once_and_merged(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(bob, "den");
    come_in(bob, "pub");
    chat_kept(bob, "den", 1, 9);
    chat_kept(bob, "pub", 1, 9);
    enter(alice, "den", "{'type':'ok',*'seq':9,'epoch':'*','members':2,*}");
    enter(alice, "pub", "{'type':'ok',*'seq':9,'epoch':'*','members':*}");
    read_up_to(alice, "den", 4);
    read_up_to(alice, "pub", 8);
    probe_leave(alice);
    alice = person(&s, "alice"); /* before the disk has it, perhaps */
    enter(alice, "den", "{'type':'ok',*'seq':9,'epoch':'*','read':4,*}");

    stage_restart(&s);
    alice = person(&s, "alice");
    bob = person(&s, "bob");
    enter(bob, "den", "{'type':'ok',*'seq':9,'epoch':'*','members':*}");
    struct event *e = coming(alice, "den"); /* by nobody who could fetch anything */
    assert_int_equal(hub_post(s.hub, &e, DEADLINE_NEVER), 0);
    read_up_to(alice, "den", 6);
    AWAIT(alice, "{'type':'ok','id':'1','room':'den','seq':6}");
    enter(alice, "pub", "{'type':'ok',*'seq':9,'epoch':'*','read':8,*}");
    enter(alice, "den", "{'type':'ok',*'seq':9,'epoch':'*','read':6,*}");

    stage_restart(&s);
    alice = person(&s, "alice");
    enter(alice, "den", "{'type':'ok',*'seq':9,'epoch':'*','read':6,*}");
    struct mark_page page;
    assert_int_equal(store_marks(s.store, "u-alice", &page), 0);
    assert_int_equal(page.n, 2);
    free(page.rows);
    stage_fini(&s);
}

static void a_log_that_is_gone_was_not_read(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice");
    act(alice, REQUEST_CREATE, "den", NULL);
    AWAIT_OK(alice);
    enter(alice, "den", "{'type':'ok',*'seq':0,*}");
    chat_kept(alice, "den", 1, 9);
    read_up_to(alice, "den", 9);
    act(alice, REQUEST_DESTROY, "den", NULL);
    act(alice, REQUEST_CREATE, "den", NULL);
    enter(alice, "den", "{'type':'ok',*'seq':0,*}");
    chat_kept(alice, "den", 1, 9);
    enter(alice, "den", "{'type':'ok',*'seq':9,'epoch':'*','members':*}");
    stage_restart(&s);
    alice = person(&s, "alice");
    enter(alice, "den", "{'type':'ok',*'seq':9,'epoch':'*','members':*}");
    stage_fini(&s);
}

/* Whoever has read in it, also who has just left; and nothing of what they have read elsewhere. */
static void a_log_that_is_gone_is_forgotten_of_all(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob"),
                 *carol = person(&s, "carol");
    uint64_t seq = 0;
    act(alice, REQUEST_CREATE, "den", NULL);
    AWAIT_OK(alice);
    for (struct probe **p = (struct probe *[]){alice, bob, carol, NULL}; *p != NULL; p++) {
        join_too(*p, "attic", NULL);
        join_too(*p, "den", NULL);
        seq++;
        chat_kept(*p, "den", seq, 1);
        chat_kept(*p, "attic", seq, 1);
        read_up_to(*p, "den", 1);
        read_up_to(*p, "attic", 1);
    }
    probe_leave(carol);
    act(alice, REQUEST_DESTROY, "den", NULL);
    carol = person(&s, "carol");
    struct probe *dave = person(&s, "dave");
    join_too(dave, "den", NULL);
    chat_kept(dave, "den", 1, 3);
    part(dave, "den", NULL); /* now it is on the disk alone */
    hub_fence(s.hub);
    for (struct probe **p = (struct probe *[]){alice, bob, carol, NULL}; *p != NULL; p++) {
        probe_skip(*p);
        join_too(*p, "den", "1");
        AWAIT(*p, "{'type':'ok','id':'1','room':'den','seq':3,'epoch':'*','members':*}");
        join_too(*p, "attic", "2");
        AWAIT(*p, "{'type':'ok','id':'2','room':'attic','seq':3,'epoch':'*','read':1,*}");
        part(*p, "den", NULL);
        hub_fence(s.hub);
    }
    stage_fini(&s);
}

static void of_a_thousand_rooms_and_no_more(void **state)
{
    (void)state;
    struct settings settings = usual;
    struct stage s;
    settings.max_rooms = settings.max_rooms_per_client = 2 * MARKS_MAX;
    stage_init_kept(&s, &settings, NULL);
    struct probe *alice = person(&s, "alice");
    char room[24];
    for (int i = 0; i <= MARKS_MAX; i++) {
        snprintf(room, sizeof room, "r%d", i);
        join_too(alice, room, NULL);
        say(alice, room, "x", NULL);
        read_up_to(alice, room, 1);
        if (i == 0)
            read_up_to(alice, room, 1);
        if (i % 50 == 0)
            probe_skip(alice);
    }
    probe_skip(alice);
    join_too(alice, "r0", "1");
    AWAIT(alice, "{'type':'ok','id':'1','room':'r0','seq':1,'epoch':'*','members':*}");
    join_too(alice, "r1", "1");
    AWAIT(alice, "{'type':'ok','id':'1','room':'r1','seq':1,'epoch':'*','read':1,*}");
    stage_restart(&s);
    struct mark_page page;
    assert_int_equal(store_marks(s.store, "u-alice", &page), 0);
    assert_int_equal(page.n, MARKS_MAX);
    free(page.rows);
    stage_fini(&s);
}

/* ---- mentions -------------------------------------------------------------------------------------- */

/* As its reader posts it. */
static void call(struct probe *p, const char *room, const char *content)
{
    struct event *e = request(p, REQUEST_MESSAGE, room, NULL);
    struct buf text = BUF_INIT;
    protocol_quote(&text, content, strlen(content));
    e->request.text = buf_take(&text, &e->request.text_len);
    mentions_guess(hub_directory(p->stage->hub), room, &e->request);
    ask(p, e);
}

#define EXPECT_MENTIONS(p, what) \
    EXPECT(p, "{'type':'message',*'content':'*','mentions'" what ",'seq':*}")
#define EXPECT_NO_MENTIONS(p) EXPECT(p, "{'type':'message',*'content':'*','seq':*}")

static void those_who_are_there_are_meant(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob"),
                 *carol = person(&s, "carol"), *long_name = person(&s, "bob the builder"),
                 *old = stage_enter_as(&s, DIALECT_CLASSIC, "u-old", "old");
    join(alice, "den", NULL);
    join(bob, "den", NULL);
    join(long_name, "den", NULL);
    join(old, "den", NULL);
    probe_skip(alice);
    probe_skip(old);
    call(alice, "den", "@bob and @carol, who is away, and @alice");
    EXPECT(alice,
           "{'type':'message','room':'den','username':'alice','userId':'u-alice','content':'*',"
           "'mentions':['u-bob'],'seq':1,'ts':*}");
    EXPECT(old,
           "{'type':'message','room':'den','username':'alice','userId':'u-alice','content':'*',"
           "'seq':1,'ts':*}");
    join(carol, "den", NULL);
    probe_skip(alice);
    call(alice, "den", "@carol \xE2\x80\x9C@bob the builder\xE2\x80\x9D @BOB");
    EXPECT_MENTIONS(alice, ":['u-carol','u-bob the builder','u-bob']");
    call(alice, "den", "@bob the build @bobthe @-bob bob@bob");
    EXPECT_MENTIONS(alice, ":['u-bob']");
    call(alice, "den", "\"@bob\" \\@carol\n@alice\t@");
    EXPECT_MENTIONS(alice, ":['u-bob','u-carol']");
    call(alice, "den", "@alice @nobody @");
    EXPECT_NO_MENTIONS(alice);
    call(alice, "den", "@room! @carol"); /* who opened the room runs it */
    EXPECT(alice, "{'type':'message',*'mentions':['u-carol'],'mentionsRoom':true,'seq':*}");
    call(alice, "den", "@room");
    EXPECT(alice, "{'type':'message',*'content':'@room','mentionsRoom':true,'seq':*}");
    call(bob, "den", "@room");
    EXPECT_NO_MENTIONS(alice);
    call(alice, "den", "@rooms @Room");
    EXPECT_NO_MENTIONS(alice);
    stage_fini(&s);
}

static void who_belongs_to_the_room_is_meant_while_away(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob"),
                 *carol = person(&s, "carol");
    act(alice, REQUEST_CREATE, "den", NULL);
    act(alice, REQUEST_ADD, "den", "bob");
    act(alice, REQUEST_ADD, "den", "carol");
    join(alice, "den", NULL);
    probe_leave(carol);
    probe_skip(alice);
    call(alice, "den", "@bob @carol");
    EXPECT_MENTIONS(alice, ":['u-bob','u-carol']");
    /* Somebody else is called so now, but is not in. */
    struct probe *other = stage_enter_as(&s, DIALECT_FULL, "u-other", "carol");
    call(alice, "den", "@carol");
    EXPECT_MENTIONS(alice, ":['u-carol']");
    join(other, "den", NULL);
    probe_skip(alice);
    call(alice, "den", "@carol");
    EXPECT_MENTIONS(alice, ":['u-other']");
    act(alice, REQUEST_REMOVE, "den", "bob");
    probe_skip(alice);
    call(alice, "den", "@bob");
    EXPECT_NO_MENTIONS(alice);
    probe_skip(bob);
    stage_fini(&s);
}

/* Names that would be found, when there is no end to them. */
static void it_takes_only_so_long(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    join(alice, "den", NULL);
    join(bob, "den", NULL);
    probe_skip(alice);
    struct buf text = BUF_INIT;
    for (int i = 0; i < 1000; i++)
        buf_add_str(&text, "@x ");
    buf_add_str(&text, "@bob");
    buf_add_char(&text, '\0');
    call(alice, "den", text.data);
    EXPECT_NO_MENTIONS(alice);
    buf_fini(&text);
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_other_tabs_of_a_user_hear_of_it),
        cmocka_unit_test(without_a_store_it_ends_with_the_room_or_the_user),
        cmocka_unit_test(what_the_disk_has_is_fetched_once_and_merged),
        cmocka_unit_test(a_log_that_is_gone_was_not_read),
        cmocka_unit_test(a_log_that_is_gone_is_forgotten_of_all),
        cmocka_unit_test(of_a_thousand_rooms_and_no_more),
        cmocka_unit_test(those_who_are_there_are_meant),
        cmocka_unit_test(who_belongs_to_the_room_is_meant_while_away),
        cmocka_unit_test(it_takes_only_so_long),
    };
    return RUN_STAGED(argc, argv, "marks", tests);
}
