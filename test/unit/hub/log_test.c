/* What is said on its way to the disk: when it is confirmed, what is said twice, a disk that does not take it, and
 * what another life knows of it. */
#include "past.h"

#include <hubbub/metrics.h>

/* ---- confirmed ------------------------------------------------------------------------------------- */

static void without_a_store_it_is_confirmed_at_once(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice");
    come_in(alice, "den");
    probe_skip(alice);
    say(alice, "den", "hello", "7");
    EXPECT(alice, "{'type':'ok','id':'7','room':'den','seq':1,'ts':*,'durable':false}");
    EXPECT(alice, "{'type':'message',*'content':'hello','seq':1,*}");
    say(alice, "den", "hello", "7");
    EXPECT(alice, "{'type':'ok','id':'7',*'seq':1,'ts':*,'durable':false,'dup':true}");
    say(alice, "den", "hello?", "7");
    EXPECT(alice, "{'type':'error','id':'7','code':'conflict',*}");
    EXPECT_NOTHING(alice);
    stage_fini(&s);
}

static void confirmed_is_on_the_disk(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice");
    come_in(alice, "den");
    probe_skip(alice);
    say(alice, "den", "hello", "7");
    EXPECT(alice, "{'type':'message',*'content':'hello','seq':1,*}");
    EXPECT_SOON(alice, "{'type':'ok','id':'7','room':'den','seq':1,'ts':*,'durable':true}");
    struct history_page p;
    assert_int_equal(store_read(s.store, "den", 1, 1, &p), 0);
    assert_int_equal(p.n, 1);
    assert_string_equal(p.rows[0].message->content, "\"hello\"");
    assert_string_equal(p.rows[0].message->id, "7");
    history_page_fini(&p);
    stage_fini(&s);
}

/* Of several senders, over many batches: each in its own order, and each only once. */
static void confirmations_come_in_order(void **state)
{
    (void)state;
    enum { EACH = 1500 };
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *who[] = {person(&s, "alice"), person(&s, "bob")};
    struct probe *quiet = person(&s, "carol");
    come_in(who[0], "den");
    come_in(who[1], "attic");
    come_in(quiet, "den");
    for (int i = 1; i <= EACH; i++) {
        for (int k = 0; k < 2; k++) {
            char id[16];
            snprintf(id, sizeof(id), "%d", i);
            say(who[k], NULL, "x", id);
        }
    }
    for (int k = 0; k < 2; k++) {
        int said = 0, confirmed = 0;
        while (confirmed < EACH) {
            const char *text = probe_next(who[k], clock_now() + STAGE_PATIENCE);
            assert_non_null(text);
            char pattern[96];
            snprintf(pattern, sizeof(pattern), "{'type':'ok','id':'%d',*'seq':%d,*'durable':true}",
                     confirmed + 1, confirmed + 1);
            if (text_matches("{'type':'message',*}", text))
                said++;
            else if (text_matches(pattern, text))
                confirmed++;
            else
                assert_true(text_matches("{'type':'join',*}", text));
            assert_true(said >= confirmed); /* one hears it before one is told that it is kept */
        }
        assert_int_equal(said, EACH);
    }
    stage_restart(&s);
    struct probe *alice = person(&s, "alice");
    come_in(alice, "den");
    page(alice, "den", HISTORY_LATEST, 0, 300);
    AWAIT(alice, "{'type':'ok',*'first':1201,'last':1500,'hasMoreBefore':true,*}");
    stage_fini(&s);
}

static void who_has_left_is_not_waited_for(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    for (int i = 0; i < 50; i++) {
        struct probe *alice = person(&s, "alice");
        join_too(alice, "den", NULL);
        chat(alice, "den", 1, 5);
        say(alice, "den", "bye", "7");
        probe_leave(alice);
    }
    struct probe *bob = person(&s, "bob");
    come(bob, "den", 10);
    EXPECT(bob, "{'type':'ok',*'seq':*,*}");
    stage_fini(&s); /* the sanitizers would tell of what is left over */
}

/* ---- twice ----------------------------------------------------------------------------------------- */

static void ids_are_of_a_user_and_a_room(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *tab = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(alice, "den");
    come_in(tab, "den");
    come_in(bob, "den");
    come_in(alice, "attic");
    say(alice, "den", "x", "7");
    AWAIT(alice, "{'type':'ok','id':'7',*'seq':1,*'durable':true}");
    say(alice, "attic", "x", "7");
    AWAIT(alice, "{'type':'ok','id':'7','room':'attic','seq':1,*'durable':true}");
    say(bob, "den", "y", "7");
    AWAIT(bob, "{'type':'ok','id':'7',*'seq':2,*'durable':true}");
    say(tab, "den", "x", "7"); /* from another connection */
    AWAIT(tab, "{'type':'ok','id':'7',*'seq':1,*'durable':true,'dup':true}");
    struct event *e = request(tab, REQUEST_MESSAGE, "den", "7");
    e->request.text = xstrdup("\"x\"");
    e->request.text_len = 3;
    e->request.reply_to = 1; /* is another message */
    ask(tab, e);
    AWAIT(tab, "{'type':'error','id':'7','code':'conflict',*}");
    stage_fini(&s);
}

static void another_life_knows_what_was_said(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice");
    come_in(alice, "den");
    create(alice, "pub", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    come_in(alice, "pub");
    chat(alice, "den", 1, 4);
    say(alice, "den", "x", "7");
    AWAIT(alice, "{'type':'ok','id':'7',*'seq':5,*}");
    say(alice, "pub", "x", "7");
    AWAIT(alice, "{'type':'ok','id':'7',*'seq':1,*}");
    for (int life = 0; life < 2; life++) {
        stage_restart(&s);
        alice = person(&s, "alice");
        come_in(alice, "den");
        come_in(alice, "pub");
        say(alice, "den", "x", "7");
        AWAIT(alice,
              "{'type':'ok','id':'7','room':'den','seq':5,'ts':*,'durable':true,'dup':true}");
        say(alice, "den", "y", "7");
        AWAIT(alice, "{'type':'error','id':'7','code':'conflict',*}");
        say(alice, "pub", "x", "7");
        AWAIT(alice, "{'type':'ok','id':'7','room':'pub','seq':1,*'dup':true}");
    }
    say(alice, "den", "on we go", "8"); /* numbers go on, too */
    AWAIT(alice, "{'type':'ok','id':'8','room':'den','seq':6,*'durable':true}");
    say(alice, "pub", "on we go", "8");
    AWAIT(alice, "{'type':'ok','id':'8','room':'pub','seq':2,*'durable':true}");
    stage_fini(&s);
}

/* Everybody is put out and what was said is gone: who says it in the next room of that name is no repeater. */
static void what_was_destroyed_was_not_said(void **state)
{
    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        struct stage s;
        if (kept)
            stage_init_past(&s, 100);
        else
            stage_init(&s, &usual);
        struct probe *alice = person(&s, "alice");
        for (int again = 0; again < 3; again++) {
            come_in(alice, "den");
            say(alice, "den", "x", "7");
            AWAIT(alice, kept ? "{'type':'ok','id':'7',*'seq':1,*'durable':true}"
                              : "{'type':'ok','id':'7',*'seq':1,*'durable':false}");
            say(alice, "den", "x", "7");
            AWAIT(alice, "{'type':'ok','id':'7',*'seq':1,*'dup':true}");
            await_clock();
            act(alice, REQUEST_DESTROY, "den", NULL);
            AWAIT_OK(alice);
        }
        stage_fini(&s);
    }
}

static void a_reply_needs_what_it_answers(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice");
    come_in(alice, "den");
    chat(alice, "den", 1, 3);
    for (uint64_t to = 3; to <= 4; to++) {
        struct event *e = request(alice, REQUEST_MESSAGE, "den", "1");
        e->request.text = xstrdup("\"x\"");
        e->request.text_len = 3;
        e->request.reply_to = 7 - to; /* there are three */
        ask(alice, e);
        if (to == 3)
            AWAIT_REFUSED(alice, "unknown_message");
    }
    AWAIT(alice, "{'type':'message',*'content':'x','seq':4,'ts':*,'replyTo':3}");
    AWAIT_OK(alice);
    stage_restart(&s);
    alice = person(&s, "alice");
    come(alice, "den", 1);
    AWAIT(alice, "{'type':'message',*'content':'x','seq':4,'ts':*,'replyTo':3}");
    stage_fini(&s);
}

/* A log keeps the names of 16 lives of the server: what is begun elsewhere in one of them is no reason for another. */
static void a_numbering_keeps_its_name_while_others_begin(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 0);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    char first[EPOCH_MAX + 1] = "", name[16];
    for (unsigned i = 0; i < 2 * EPOCHS_KEPT; i++) {
        const char *epoch = come_in(alice, "den");
        if (i == 0)
            strcpy(first, epoch);
        assert_string_equal(epoch, first);
        chat_kept(alice, "den", 1 + i, 1);
        part(alice, "den", NULL);
        snprintf(name, sizeof(name), "hall %u", i);
        create(bob, name, VISIBILITY_PUBLIC, NULL);
        AWAIT(bob, "{'type':'ok',*}");
    }
    create(bob, "den", VISIBILITY_PUBLIC, NULL); /* this is another log */
    AWAIT(bob, "{'type':'ok',*}");
    assert_string_not_equal(come_in(alice, "den"), first);
    stage_fini(&s);
}

/* ---- a disk that is not well ----------------------------------------------------------------------- */

static void what_is_not_saved_is_not_confirmed(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 0);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(alice, "den");
    come_in(bob, "den");
    chat_kept(alice, "den", 1, 10);
    stage_disk(&s, false);
    say(alice, "den", "m11", "7");
    AWAIT(alice, "{'type':'message',*'seq':11,*}"); /* chat goes on */
    EXPECT_SOON(alice, "{'type':'error','id':'7','code':'unavailable','message':'*not saved*'*}");
    say(alice, "den", "m11", "7"); /* it is not said again, nor is it saved */
    EXPECT_SOON(alice, "{'type':'error','id':'7','code':'unavailable','message':'*not saved*'*}");
    chat(alice, "den", 12, 10);
    part(bob, "den", NULL);
    come(bob, "den", 300); /* memory has what the disk has not */
    FIND(bob, "{'type':'ok',*'seq':21,*}");
    EXPECT_CHAT(bob, 1, 21);
    stage_disk(&s, true);
    say(alice, "den", "m11", "7");
    AWAIT(alice, "{'type':'ok','id':'7',*'seq':11,*'durable':true,'dup':true}");
    stage_restart(&s);
    bob = person(&s, "bob");
    come(bob, "den", 300);
    EXPECT(bob, "{'type':'ok',*'seq':21,*}");
    EXPECT_CHAT(bob, 1, 21); /* all of it, and once */
    stage_fini(&s);
}

/* Whoever comes after all have left finds what the disk has not. */
static void an_open_room_stays_until_the_disk_has_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 5);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    int64_t rooms = metric_read(METRIC_ROOMS);
    come_in(alice, "den");
    stage_disk(&s, false);
    chat(alice, "den", 1, 20);
    part(alice, "den", "7");
    AWAIT(alice, "{'type':'ok','id':'7',*}");
    hub_fence(s.hub);
    assert_int_equal(metric_read(METRIC_ROOMS), rooms + 1);
    come(bob, "den", 300);
    EXPECT(bob, "{'type':'ok',*'seq':20,*'members':1,*}");
    EXPECT_CHAT(bob, 1, 20);
    part(bob, "den", NULL);
    stage_disk(&s, true);
    int64_t until = clock_now() + STAGE_PATIENCE;
    while (metric_read(METRIC_ROOMS) > rooms) { /* then it goes */
        probe_skip(bob);
        assert_true(clock_now() < until);
    }
    come(bob, "den", 300);
    EXPECT(bob, "{'type':'ok',*'seq':20,*'members':1,*}");
    EXPECT_CHAT(bob, 1, 20);
    stage_fini(&s);
}

/* The backlog fills. What was let in is saved in the end, whatever else came in the same batch; the rest was refused,
 * and not done. */
static void a_full_backlog_refuses_but_forgets_nothing(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100000);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    come_in(alice, "den");
    come_in(bob, "den");
    hush((struct probe *[]){alice, bob}, 2);
    stage_disk(&s, false);
    int said = 0, refused = 0, mutes = 0, lost = 0;
    for (int i = 0; refused < 10; i++) {
        assert_true(i < 4 * STORE_BACKLOG);
        char user_id[32];
        snprintf(user_id, sizeof(user_id), "id:u-%d", i);
        say(alice, "den", "x", NULL);
        act(alice, REQUEST_MUTE, "den", user_id);
        if (i % 3 == 0)
            say(alice, "den", "x", NULL);
        if (i % 64 != 0)
            continue;
        const char *text;
        while ((text = probe_next(alice, DEADLINE_NOW)) != NULL) {
            said += text_matches("{'type':'message',*}", text);
            mutes += text_matches("{'type':'moderation',*}", text);
            refused += text_matches("{'type':'error',*'the disk is behind, try again'*}", text);
            lost +=
                text_matches("{'type':'error',*'done, but not saved: the disk is behind'*}", text);
        }
        probe_skip(bob);
    }
    assert_int_equal(lost, 0);
    stage_disk(&s, true);
    int64_t until = clock_now() + STAGE_PATIENCE;
    while (metric_read(METRIC_STORE_BACKLOG) > 0)
        assert_true(probe_skip(alice) == 0 || clock_now() < until);
    say(alice, "den", "and on", "7");
    AWAIT(alice, "{'type':'ok','id':'7',*'durable':true}");
    stage_restart(&s);
    bob = person(&s, "bob");
    come_in(bob, "den");
    page(bob, "den", HISTORY_LATEST, 0, 1);
    char pattern[64];
    snprintf(pattern, sizeof(pattern), "{*'first':%d,'last':%d,*}", said + 1, said + 1);
    AWAIT(bob, pattern);
    uint64_t kept = 0;
    for (int from = 1; from <= said; from += HISTORY_MAX) {
        struct history_page p;
        assert_int_equal(
            store_read(s.store, "den", (uint64_t)from, (uint64_t)from + HISTORY_MAX - 1, &p), 0);
        kept += p.n;
        history_page_fini(&p);
    }
    assert_int_equal(kept, said + 1); /* without a hole */
    struct probe *owner = person(&s, "alice");
    act(owner, REQUEST_SETTINGS, "den", NULL);
    snprintf(pattern, sizeof(pattern), "{'type':'ok',*'sanctionCount':%d,*}", mutes);
    AWAIT(owner, pattern);
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_store_it_is_confirmed_at_once),
        cmocka_unit_test(confirmed_is_on_the_disk),
        cmocka_unit_test(confirmations_come_in_order),
        cmocka_unit_test(who_has_left_is_not_waited_for),
        cmocka_unit_test(ids_are_of_a_user_and_a_room),
        cmocka_unit_test(another_life_knows_what_was_said),
        cmocka_unit_test(what_was_destroyed_was_not_said),
        cmocka_unit_test(a_numbering_keeps_its_name_while_others_begin),
        cmocka_unit_test(a_reply_needs_what_it_answers),
        cmocka_unit_test(what_is_not_saved_is_not_confirmed),
        cmocka_unit_test(an_open_room_stays_until_the_disk_has_it),
        cmocka_unit_test(a_full_backlog_refuses_but_forgets_nothing),
    };
    return RUN_STAGED(argc, argv, "hub and its log", tests);
}
