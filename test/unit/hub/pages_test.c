/* Pages of what was said before, for who asks: in both directions, from memory and from the disk, and who may. */
#include "past.h"

static void pages_go_both_ways(void **state)
{
    (void)state;
    static const struct {
        enum history_from from;
        uint64_t at;
        uint32_t limit;
        const char *pattern;
    } asked[] = {
        {HISTORY_LATEST, 0, 0, "*'first':51,'last':100,'hasMoreBefore':true,'hasMoreAfter':false}"},
        {HISTORY_BEFORE, 51, 10, "*'first':41,'last':50,'hasMoreBefore':true,'hasMoreAfter':true}"},
        {HISTORY_BEFORE, 11, 10, "*'first':1,'last':10,'hasMoreBefore':false,'hasMoreAfter':true}"},
        {HISTORY_BEFORE, 5, 10, "*'first':1,'last':4,'hasMoreBefore':false,'hasMoreAfter':true}"},
        {HISTORY_BEFORE, 1, 10,
         "*'messages':[],'first':0,'last':0,'hasMoreBefore':false,'hasMoreAfter':true}"},
        {HISTORY_BEFORE, 1000, 3,
         "*'first':98,'last':100,'hasMoreBefore':true,'hasMoreAfter':false}"},
        {HISTORY_AFTER, 0, 10, "*'first':1,'last':10,'hasMoreBefore':false,'hasMoreAfter':true}"},
        {HISTORY_AFTER, 90, 10,
         "*'first':91,'last':100,'hasMoreBefore':true,'hasMoreAfter':false}"},
        {HISTORY_AFTER, 85, 10, "*'first':86,'last':95,'hasMoreBefore':true,'hasMoreAfter':true}"},
        {HISTORY_AFTER, 100, 10,
         "*'messages':[],'first':0,'last':0,'hasMoreBefore':true,'hasMoreAfter':false}"},
        {HISTORY_AFTER, INT64_MAX >> 10, 10,
         "*'messages':[],'first':0,'last':0,'hasMoreBefore':true,'hasMoreAfter':false}"},
        {HISTORY_AROUND, 50, 11, "*'first':45,'last':55,'hasMoreBefore':true,'hasMoreAfter':true}"},
        {HISTORY_AROUND, 2, 11, "*'first':1,'last':11,'hasMoreBefore':false,'hasMoreAfter':true}"},
        {HISTORY_AROUND, 100, 11,
         "*'first':95,'last':100,'hasMoreBefore':true,'hasMoreAfter':false}"},
        {HISTORY_LATEST, 0, 300,
         "*'first':1,'last':100,'hasMoreBefore':false,'hasMoreAfter':false}"},
    };
    static const uint32_t in_memory[] = {0, 30, 1000};
    for (size_t k = 0; k < 3; k++) { /* wherever they come from */
        struct stage s;
        stage_init_past(&s, in_memory[k]);
        struct probe *alice = person(&s, "alice");
        come_in(alice, "den");
        chat_kept(alice, "den", 1, 100);
        probe_skip(alice);
        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
            page(alice, "den", asked[i].from, asked[i].at, asked[i].limit);
            EXPECT(alice, asked[i].pattern);
        }
        stage_fini(&s);
    }
}

static void an_empty_room_has_an_empty_page(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice");
    come_in(alice, "den");
    probe_skip(alice);
    for (int from = HISTORY_LATEST; from <= HISTORY_AROUND; from++) {
        page(alice, "den", (enum history_from)from, 1, 10);
        EXPECT(alice, "{'type':'ok','id':'1','room':'den','epoch':'*','messages':[],'first':0,"
                      "'last':0,'hasMoreBefore':false,'hasMoreAfter':false}");
    }
    stage_fini(&s);
}

/* Everything was too old to be kept: there is nothing before it either. */
static void a_log_of_which_nothing_is_left_ends(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 0);
    struct probe *alice = person(&s, "alice");
    const char *epoch = come_in(alice, "den");
    chat_kept(alice, "den", 1, 30);
    store_set_retention(s.store, &(struct retention){.age_ms = 1});
    const char *text;
    do { /* it is removed in the background */
        probe_skip(alice);
        page(alice, "den", HISTORY_LATEST, 0, 10);
        text = probe_next(alice, clock_now() + STAGE_PATIENCE);
        assert_non_null(text);
    } while (!text_matches("*'messages':[],*", text));
    EXPECT_MATCH("*'first':0,'last':0,'hasMoreBefore':false,'hasMoreAfter':false}", text);
    page(alice, "den", HISTORY_BEFORE, 20, 10);
    EXPECT(alice, "*'messages':[],'first':0,'last':0,'hasMoreBefore':false,*}");
    part(alice, "den", NULL);
    probe_skip(alice);
    come_back(alice, "den", 10, epoch);
    EXPECT(alice, "{'type':'ok',*'seq':30,*'recovered':true,*}");
    EXPECT_GAP(alice, 11, 30, false);
    chat(alice, "den", 31, 1);
    FIND(alice, "{'type':'message',*'content':'m31','seq':31,*}");
    stage_fini(&s);
}

/* ---- who may --------------------------------------------------------------------------------------- */

static void who_may_come_in_may_read(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob"), *op = person(&s, "op");
    static const char *const rooms[] = {"open", "locked", "secret"};
    create(alice, "open", VISIBILITY_PUBLIC, NULL);
    create(alice, "locked", VISIBILITY_PUBLIC, "the hash");
    create(alice, "secret", VISIBILITY_PRIVATE, NULL);
    create(alice, "closed", VISIBILITY_RESTRICTED, NULL);
    for (size_t i = 0; i < 3; i++) {
        come_in(alice, rooms[i]);
        chat_kept(alice, rooms[i], 1, 1);
    }
    page(bob, "open", HISTORY_LATEST, 0, 0);
    EXPECT(bob, "{'type':'ok','id':'1','room':'open',*'first':1,'last':1,*}");
    page(bob, "locked", HISTORY_LATEST, 0, 0);
    EXPECT_REFUSED(bob, "not_member");
    page(bob, "closed", HISTORY_LATEST, 0, 0);
    EXPECT_REFUSED(bob, "not_member");
    page(bob, "secret", HISTORY_LATEST, 0, 0);
    EXPECT_REFUSED(bob, "no_such_room");
    page(bob, "nowhere", HISTORY_LATEST, 0, 0);
    EXPECT_REFUSED(bob, "no_such_room");
    page(op, "secret", HISTORY_LATEST, 0, 0);
    EXPECT_OK(op);
    act(alice, REQUEST_ADD, "secret", "bob");
    AWAIT_OK(alice);
    probe_skip(bob);
    page(bob, "secret", HISTORY_LATEST, 0, 0);
    EXPECT_OK(bob);
    act(alice, REQUEST_BAN, "secret", "bob");
    act(alice, REQUEST_BAN, "open", "bob");
    AWAIT_OK(alice);
    probe_skip(bob);
    page(bob, "secret", HISTORY_LATEST, 0, 0);
    EXPECT_REFUSED(bob, "no_such_room");
    page(bob, "open", HISTORY_LATEST, 0, 0);
    EXPECT_REFUSED(bob, "banned");
    come(bob, "open", 10); /* nor does a join that is refused bring anything */
    EXPECT_REFUSED(bob, "banned");
    EXPECT_NOTHING(bob);
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_go_both_ways),
        cmocka_unit_test(an_empty_room_has_an_empty_page),
        cmocka_unit_test(a_log_of_which_nothing_is_left_ends),
        cmocka_unit_test(who_may_come_in_may_read),
    };
    return RUN_STAGED(argc, argv, "hub and pages", tests);
}
