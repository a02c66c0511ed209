/* What was said before, for those who come: from memory and from the disk, with what is missing named. */
#include "past.h"

#include "store/store_private.h"

#include <hubbub/metrics.h>

static void a_join_brings_the_latest(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob"),
                 *carol = person(&s, "carol");
    come_in(alice, "den");
    chat(alice, "den", 1, 10);
    come(bob, "den", 3);
    EXPECT(bob, "{'type':'ok','id':'1','room':'den','seq':10,'epoch':'*','members':2,*}");
    EXPECT_CHAT(bob, 8, 10);
    EXPECT(bob, "{'type':'join',*}");
    come(carol, "den", 300); /* all there are */
    EXPECT(carol, "{'type':'ok',*}");
    EXPECT_CHAT(carol, 1, 10);
    chat(alice, "den", 11, 1);
    FIND(bob, "{'type':'message',*'seq':11,*}");
    come(bob, "den", 3); /* who is in already is told nothing anew */
    EXPECT_OK(bob);
    EXPECT_NOTHING(bob);
    stage_fini(&s);
}

static void who_comes_back_goes_on_from_there(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    const char *epoch = come_in(alice, "den");
    chat(alice, "den", 1, 10);
    come_back(bob, "den", 7, epoch);
    EXPECT(bob, "{'type':'ok',*'seq':10,*'recovered':true,*}");
    EXPECT_CHAT(bob, 8, 10);
    EXPECT(bob, "{'type':'join',*}");
    part(bob, "den", NULL);
    come_back(bob, "den", 10, epoch); /* nothing was missed */
    FIND(bob, "{'type':'ok',*'recovered':true,*}");
    EXPECT(bob, "{'type':'join',*}");
    part(bob, "den", NULL);
    come_back(bob, "den", 0, epoch);
    FIND(bob, "{'type':'ok',*'recovered':true,*}");
    EXPECT_CHAT(bob, 1, 10);
    stage_fini(&s);
}

static void another_numbering_is_told(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    const char *epoch = come_in(alice, "den");
    chat(alice, "den", 1, 10);
    come_back(bob, "den", 11, epoch); /* it was never so far */
    EXPECT(bob, "{'type':'ok',*'recovered':false,*}");
    EXPECT(bob, "{'type':'join',*}");
    part(bob, "den", NULL);
    struct event *e = coming(bob, "den");
    e->request.args->since_given = true;
    e->request.args->since = 5;
    strcpy(e->request.args->epoch, "0123456789abcdef");
    e->request.args->history = 2; /* then these come instead, and no gap */
    ask(bob, e);
    FIND(bob, "{'type':'ok',*'recovered':false,*}");
    EXPECT_CHAT(bob, 9, 10);
    EXPECT(bob, "{'type':'join',*}");
    stage_fini(&s);
}

/* Without a store a room that everybody left begins anew; its numbers must not be taken for the old ones. */
static void an_open_room_without_a_store_is_another_one(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice");
    char epoch[EPOCH_MAX + 1];
    strcpy(epoch, come_in(alice, "den"));
    chat(alice, "den", 1, 10);
    part(alice, "den", NULL);
    probe_skip(alice);
    come(alice, "den", 300);
    EXPECT(alice, "{'type':'ok',*'seq':0,*}");
    EXPECT(alice, "{'type':'join',*}");
    chat(alice, "den", 1, 10);
    part(alice, "den", NULL);
    probe_skip(alice);
    come_back(alice, "den", 0, epoch);
    EXPECT(alice, "{'type':'ok',*'seq':0,*'recovered':false,*}");
    stage_fini(&s);
}

static void what_memory_has_let_go_of_is_a_gap(void **state)
{
    (void)state;
    struct stage s;
    struct settings settings = usual;
    settings.history_memory = 5;
    stage_init(&s, &settings);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    const char *epoch = come_in(alice, "den");
    chat(alice, "den", 1, 20);
    come_back(bob, "den", 10, epoch);
    EXPECT(bob, "{'type':'ok',*'recovered':true,*}");
    EXPECT_GAP(bob, 11, 15, false);
    EXPECT_CHAT(bob, 16, 20);
    part(bob, "den", NULL);
    probe_skip(bob);
    come(bob, "den", 10); /* nobody said that these were seen: no gap */
    EXPECT(bob, "{'type':'ok',*}");
    EXPECT_CHAT(bob, 16, 20);
    stage_fini(&s);
}

/* More than a page is missing: `history` has the rest. */
static void too_many_are_named_first(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    const char *epoch = come_in(alice, "den");
    chat_kept(alice, "den", 1, 1000);
    come_back(bob, "den", 100, epoch);
    EXPECT(bob, "{'type':'ok',*'recovered':true,*}");
    EXPECT_GAP(bob, 101, 700, true);
    EXPECT_CHAT(bob, 701, 1000); /* most of them from the disk */
    EXPECT(bob, "{'type':'join',*}");
    page(bob, "den", HISTORY_BEFORE, 701, 0);
    EXPECT(bob, "{'type':'ok',*'messages':[{*'seq':651,*'seq':700,*}],'first':651,'last':700"
                ",'hasMoreBefore':true,'hasMoreAfter':true}");
    stage_fini(&s);
}

static void nor_more_than_fits_a_page(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 10);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    const char *epoch = come_in(alice, "den");
    char large[4000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    for (int i = 0; i < 199; i++)
        say(alice, "den", large, NULL);
    chat_kept(alice, "den", 200, 1);
    come_back(bob, "den", 1, epoch);
    EXPECT(bob, "{'type':'ok',*'recovered':true,*}");
    const char *gap = probe_next(bob, DEADLINE_NOW);
    unsigned long long from, to, seq;
    assert_int_equal(
        sscanf(gap, "{\"type\":\"gap\",\"room\":\"den\",\"from\":%llu,\"to\":%llu,", &from, &to),
        2);
    assert_non_null(strstr(gap, "\"kept\":true"));
    assert_int_equal(from, 2);
    assert_in_range(to, 100, 150); /* 256 KiB are some 61 of them */
    for (seq = to + 1; seq < 200; seq++) {
        char pattern[64];
        snprintf(pattern, sizeof(pattern), "{'type':'message',*'seq':%llu,*}", seq);
        EXPECT(bob, pattern);
    }
    EXPECT_CHAT(bob, 200, 200);
    stage_fini(&s);
}

static void it_goes_on_in_another_life(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 5);
    struct probe *alice = person(&s, "alice");
    char first[EPOCH_MAX + 1], second[EPOCH_MAX + 1];
    strcpy(first, come_in(alice, "den"));
    chat_kept(alice, "den", 1, 20);
    stage_restart(&s);
    alice = person(&s, "alice");
    come_back(alice, "den", 12, first);
    EXPECT(alice, "{'type':'ok',*'seq':20,*'recovered':true,*}");
    EXPECT_CHAT(alice, 13, 20);
    EXPECT(alice, "{'type':'join',*}");
    part(alice, "den", NULL);
    strcpy(second, come_in(alice, "den"));
    assert_string_not_equal(first, second);
    chat_kept(alice, "den", 21, 5);
    part(alice, "den", NULL);
    probe_skip(alice);
    come_back(alice, "den", 20, first); /* the end of the first life is a good place */
    EXPECT(alice, "{'type':'ok',*'recovered':true,*}");
    EXPECT_CHAT(alice, 21, 25);
    part(alice, "den", NULL);
    probe_skip(alice);
    come_back(alice, "den", 21, first); /* but not past it */
    EXPECT(alice, "{'type':'ok',*'recovered':false,*}");
    part(alice, "den", NULL);
    probe_skip(alice);
    come_back(alice, "den", 24, second);
    EXPECT(alice, "{'type':'ok',*'recovered':true,*}");
    EXPECT_CHAT(alice, 25, 25);
    stage_fini(&s);
}

/* Made anew under the same name: what was said is gone, and positions in it are worth nothing. */
static void what_was_destroyed_is_not_gone_on_with(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    char epoch[EPOCH_MAX + 1];
    strcpy(epoch, come_in(alice, "den"));
    chat_kept(alice, "den", 1, 10);
    await_clock();
    act(alice, REQUEST_DESTROY, "den", NULL);
    AWAIT_OK(alice);
    probe_skip(alice);
    for (int again = 0; again < 2; again++) { /* at once, and after it was out of memory */
        come_in(alice, "den");
        chat_kept(alice, "den", 1 + (uint64_t)again * 12, 12);
        come_back(bob, "den", 5, epoch);
        EXPECT(bob, "{'type':'ok',*'recovered':false,*}");
        part(bob, "den", NULL);
        part(alice, "den", NULL);
        hush((struct probe *[]){alice, bob}, 2);
    }
    stage_fini(&s);
}

/* Also while the disk still has what is gone. */
static void nor_while_the_disk_is_behind(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    char epoch[EPOCH_MAX + 1];
    strcpy(epoch, come_in(alice, "den"));
    chat_kept(alice, "den", 1, 10);
    probe_skip(alice);
    stage_disk(&s, false);
    act(alice, REQUEST_DESTROY, "den", NULL);
    come_in(alice, "den");
    chat(alice, "den", 1, 12);
    come_back(bob, "den", 5, epoch);
    EXPECT(bob, "{'type':'ok',*'seq':12,*'recovered':false,*}");
    stage_disk(&s, true);
    stage_fini(&s);
}

/* The same with an open room, the log of which outlives it, until somebody makes a kept one of that name. */
static void nor_is_what_was_begun_anew(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    char epoch[EPOCH_MAX + 1];
    strcpy(epoch, come_in(alice, "den"));
    chat_kept(alice, "den", 1, 10);
    part(alice, "den", "2");
    AWAIT(alice, "{'type':'ok','id':'2',*}");
    await_clock();
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    act(alice, REQUEST_DESTROY, "den", NULL);
    AWAIT_OK(alice);
    while (metric_read(METRIC_ROOMS) > 0) /* it goes when the disk knows */
        probe_skip(alice);
    come_in(alice, "den");
    chat_kept(alice, "den", 1, 12);
    come_back(bob, "den", 5, epoch);
    EXPECT(bob, "{'type':'ok',*'seq':12,*'recovered':false,*}");
    stage_fini(&s);
}

static void the_classic_dialect_gets_them_as_messages(void **state)
{
    (void)state;
    struct stage s;
    struct settings settings = usual;
    settings.history_memory = 5;
    stage_init(&s, &settings);
    struct probe *alice = person(&s, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    const char *epoch = come_in(alice, "den");
    chat(alice, "den", 1, 10);
    take_back(alice, "den", 8);
    struct event *e = coming(bob, "den");
    e->request.id[0] = '\0';
    e->request.args->since_given = true;
    e->request.args->since = 2;
    strcpy(e->request.args->epoch, epoch);
    ask(bob, e);
    EXPECT_CHAT(bob, 6, 7); /* without the gap, and without what was taken back */
    EXPECT_CHAT(bob, 9, 10);
    stage_fini(&s);
}

static void edits_reactions_and_removals_are_in_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(alice, "den");
    chat_kept(alice, "den", 1, 4);
    edit(alice, "den", 1, "better");
    take_back(alice, "den", 2);
    react(alice, "den", 3, "+", true);
    AWAIT(alice, "{'type':'ok',*'emoji':'+','count':1}");
    for (int life = 0; life < 2; life++) {
        come(bob, "den", 4);
        AWAIT(bob, "{'type':'ok',*'seq':4,*}");
        EXPECT(bob, "{'type':'message',*'content':'better','seq':1,'ts':*,'editedTs':*}");
        EXPECT(bob,
               "{'type':'message',*'content':'','seq':2,'ts':*,'deleted':true,'takenBack':true}");
        EXPECT(bob, "{'type':'message',*'content':'m3','seq':3,'ts':*"
                    ",'reactions':[{'emoji':'+','count':1}]}");
        EXPECT_CHAT(bob, 4, 4);
        if (life == 0) {
            stage_restart(&s);
            bob = person(&s, "bob");
        }
    }
    alice = person(&s, "alice");
    come(alice, "den", 2);
    AWAIT(alice, "{'type':'message',*'reactions':[{'emoji':'+','count':1,'mine':true}]}");
    stage_fini(&s);
}

/* What cannot be read is not lost: `history` has it when the disk is well. */
static void what_cannot_be_read_is_still_kept(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 5);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    const char *epoch = come_in(alice, "den");
    chat_kept(alice, "den", 1, 20);
    assert_int_equal(
        store_exec(s.store,
                   "PRAGMA legacy_alter_table = ON; ALTER TABLE messages RENAME TO elsewhere"),
        0);
    come_back(bob, "den", 10, epoch);
    EXPECT(bob, "{'type':'ok',*'recovered':true,*}");
    EXPECT_GAP(bob, 11, 15, true);
    EXPECT_CHAT(bob, 16, 20);
    EXPECT(bob, "{'type':'join',*}");
    page(bob, "den", HISTORY_BEFORE, 10, 0);
    EXPECT_REFUSED(bob, "unavailable");
    page(bob, "den", HISTORY_LATEST, 0, 5); /* of memory, as ever */
    EXPECT(bob, "{'type':'ok',*'first':16,'last':20,'hasMoreBefore':true,'hasMoreAfter':false}");
    edit(alice, "den", 3, "better");
    AWAIT_REFUSED(alice, "unavailable");
    assert_int_equal(store_exec(s.store, "ALTER TABLE elsewhere RENAME TO messages"), 0);
    page(bob, "den", HISTORY_BEFORE, 16, 5);
    AWAIT(bob, "{'type':'ok',*'first':11,'last':15,*}");
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_join_brings_the_latest),
        cmocka_unit_test(who_comes_back_goes_on_from_there),
        cmocka_unit_test(another_numbering_is_told),
        cmocka_unit_test(an_open_room_without_a_store_is_another_one),
        cmocka_unit_test(what_memory_has_let_go_of_is_a_gap),
        cmocka_unit_test(too_many_are_named_first),
        cmocka_unit_test(nor_more_than_fits_a_page),
        cmocka_unit_test(it_goes_on_in_another_life),
        cmocka_unit_test(what_was_destroyed_is_not_gone_on_with),
        cmocka_unit_test(nor_while_the_disk_is_behind),
        cmocka_unit_test(nor_is_what_was_begun_anew),
        cmocka_unit_test(the_classic_dialect_gets_them_as_messages),
        cmocka_unit_test(edits_reactions_and_removals_are_in_it),
        cmocka_unit_test(what_cannot_be_read_is_still_kept),
    };
    return RUN_STAGED(argc, argv, "hub and what was said", tests);
}
