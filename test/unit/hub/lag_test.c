/* Members that fall behind: rooms go on without them, and they are told what they missed once they have caught up. */
#include "past.h"

#include <hubbub/mem.h>
#include <hubbub/metrics.h>

enum { LIMIT = 40 }; /* of bob's outbox: at 36 the rooms stop, at 20 they go on */

struct crowd {
    struct stage stage;
    struct probe *alice, *bob;
    uint64_t said;
};

static void crowd_init(struct crowd *c, struct stage *s)
{
    c->alice = person(s, "alice");
    c->bob = stage_enter_slow(s, DIALECT_FULL, "bob", LIMIT, 0);
    meet(c->alice, c->bob, "den");
    c->said = 0;
}

/* One message each, in frames of its own. */
static void say_apart(struct crowd *c, int n)
{
    for (int i = 0; i < n; i++) {
        chat(c->alice, "den", ++c->said, 1);
        hub_fence(c->alice->stage->hub);
    }
}

/* Messages in order from the first one on, then the gap to all that was said; the first that is missing. */
static uint64_t read_to_the_gap(struct crowd *c, uint64_t first, const char *kept)
{
    const char *text;
    char pattern[128];
    for (;; first++) {
        text = probe_next(c->bob, clock_now() + STAGE_PATIENCE);
        assert_non_null(text);
        snprintf(pattern, sizeof(pattern), "{'type':'message',*'seq':%llu,*}",
                 (unsigned long long)first);
        if (!text_matches(pattern, text))
            break;
    }
    snprintf(pattern, sizeof(pattern),
             "{'type':'gap','room':'den','from':%llu,'to':%llu,'kept':%s}",
             (unsigned long long)first, (unsigned long long)c->said, kept);
    if (!text_matches(pattern, text))
        fail_msg("expected %s, got %s", pattern, text);
    return first;
}

static void who_falls_behind_is_left_out_and_told(void **state)
{
    (void)state;
    struct stage *s;
    struct crowd c;
    stage_init(s = &c.stage, &usual);
    crowd_init(&c, s);
    int64_t pauses = metric_read(METRIC_PAUSES);
    say_apart(&c, 36);
    assert_int_equal(metric_read(METRIC_PAUSES), pauses);
    say_apart(&c, 100);
    assert_int_equal(metric_read(METRIC_PAUSES), pauses + 1);
    assert_int_equal(outbox_close_code(&c.bob->outbox), 0);
    assert_int_equal(probe_skip(c.alice), c.said);
    assert_int_equal(read_to_the_gap(&c, 1, "true"), 37);
    EXPECT_SOON(c.bob, "{'type':'presence','room':'den','joined':[],'left':[],'count':2}");
    say_apart(&c, 1); /* and goes on where the gap ends */
    EXPECT_CHAT(c.bob, c.said, c.said);
    EXPECT_NOTHING(c.bob);
    say_apart(&c, 60); /* it may fall behind again */
    assert_int_equal(metric_read(METRIC_PAUSES), pauses + 2);
    read_to_the_gap(&c, 138, "true");
    stage_fini(s);
}

static void what_nobody_keeps_is_told_as_well(void **state)
{
    (void)state;
    struct crowd c;
    struct settings settings = usual;
    settings.history_memory = 10;
    stage_init(&c.stage, &settings);
    crowd_init(&c, &c.stage);
    say_apart(&c, 100);
    read_to_the_gap(&c, 1, "false");
    stage_fini(&c.stage);
}

static void comings_and_goings_are_no_gap(void **state)
{
    (void)state;
    struct crowd c;
    stage_init(&c.stage, &usual);
    crowd_init(&c, &c.stage);
    say_apart(&c, 36);
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "guest %d", i);
        come_in(person(&c.stage, name), "den");
    }
    EXPECT_CHAT(c.bob, 1, 36);
    EXPECT_SOON(c.bob, "{'type':'presence','room':'den','joined':[],'left':[],'count':12}");
    EXPECT_NOTHING(c.bob);
    stage_fini(&c.stage);
}

static void replies_still_come(void **state)
{
    (void)state;
    struct crowd c;
    stage_init_kept(&c.stage, &usual, NULL);
    crowd_init(&c, &c.stage);
    say_apart(&c, 60);
    say(c.bob, "den", "m61", "2"); /* it is said, though bob does not hear it */
    c.said = 61;
    act(c.bob, REQUEST_WHY, "den", NULL);
    AWAIT(c.alice, "{'type':'message','room':'den','username':'bob',*'content':'m61','seq':61,*}");
    EXPECT_CHAT(c.bob, 1, 36);
    bool ok = false, why = false; /* the first waits for the disk */
    for (int i = 0; i < 4; i++) {
        const char *text = probe_next(c.bob, clock_now() + STAGE_PATIENCE);
        assert_non_null(text);
        ok |= text_matches("{'type':'ok','id':'2',*'seq':61,*}", text);
        why |= text_matches("{'type':'ok','id':'1',*}", text);
    }
    assert_true(ok && why);
    stage_fini(&c.stage);
}

static void who_is_left_out_may_leave(void **state)
{
    (void)state;
    struct crowd c;
    stage_init(&c.stage, &usual);
    crowd_init(&c, &c.stage);
    struct probe *carol = stage_enter_slow(&c.stage, DIALECT_FULL, "carol", LIMIT, 0);
    struct probe *dave = stage_enter_slow(&c.stage, DIALECT_FULL, "dave", LIMIT, 0);
    join_too(carol, "den", NULL);
    join_too(dave, "den", NULL);
    hush((struct probe *[]){c.alice, c.bob, carol, dave}, 4);
    int64_t pauses = metric_read(METRIC_PAUSES);
    say_apart(&c, 60);
    assert_int_equal(metric_read(METRIC_PAUSES), pauses + 3);
    part(carol, "den", "1"); /* the middle one */
    probe_leave(dave);
    FIND(carol, "{'type':'ok','id':'1',*}");
    say_apart(&c, 10);
    EXPECT_NOTHING(carol);
    read_to_the_gap(&c, 1, "true");
    come_in(carol, "den"); /* as anybody */
    say_apart(&c, 1);
    FIND(carol, "{'type':'message',*'seq':71,*}");
    stage_fini(&c.stage);
}

static void each_room_for_itself(void **state)
{
    (void)state;
    struct crowd c;
    stage_init(&c.stage, &usual);
    crowd_init(&c, &c.stage);
    join_too(c.alice, "attic", NULL);
    join_too(c.bob, "attic", NULL);
    hush((struct probe *[]){c.alice, c.bob}, 2);
    say_apart(&c, 50);
    say(c.alice, "attic", "a1", NULL);
    say(c.alice, "attic", "a2", NULL);
    EXPECT_CHAT(c.bob, 1, 36);
    static const char *const told[] = {
        "{'type':'gap','room':'den','from':37,'to':50,'kept':true}",
        "{'type':'presence','room':'den',*'count':2}",
        "{'type':'gap','room':'attic','from':1,'to':2,'kept':true}",
        "{'type':'presence','room':'attic',*'count':2}",
    };
    unsigned seen = 0; /* in whichever order */
    for (int i = 0; i < 4; i++) {
        const char *text = probe_next(c.bob, clock_now() + STAGE_PATIENCE);
        assert_non_null(text);
        for (int k = 0; k < 4; k++)
            seen |= text_matches(told[k], text) ? 1u << k : 0;
    }
    assert_int_equal(seen, 15);
    stage_fini(&c.stage);
}

/* What changes the room, or must not be seen any more. */
static void who_is_left_out_hears_what_must_not_be_missed(void **state)
{
    (void)state;
    struct crowd c;
    stage_init(&c.stage, &usual);
    crowd_init(&c, &c.stage);
    say_apart(&c, 60);
    ask(c.alice, about_message(c.alice, REQUEST_DELETE, "den", 50)); /* which bob has not heard */
    ask(c.alice, about_message(c.alice, REQUEST_DELETE, "den", 1));
    act(c.alice, REQUEST_MUTE, "den", "bob");
    act(c.alice, REQUEST_DESTROY, "den", NULL);
    hub_fence(c.stage.hub);
    EXPECT_CHAT(c.bob, 1, 36);
    EXPECT(c.bob, "{'type':'delete','room':'den','seq':1,*}");
    EXPECT(c.bob, "{'type':'moderation','room':'den','action':'mute',*'username':'bob',*}");
    EXPECT(c.bob, "{'type':'room','room':'den','destroyed':true,*}");
    EXPECT_NOTHING(c.bob);
    stage_fini(&c.stage);
}

/* It stops reading altogether, and what it asks for is too much in the end. */
static void who_never_reads_is_closed(void **state)
{
    (void)state;
    struct crowd c;
    stage_init(&c.stage, &usual);
    crowd_init(&c, &c.stage);
    say_apart(&c, 100);
    for (int i = 0; i < LIMIT; i++)
        act(c.bob, REQUEST_WHY, "den", NULL);
    hub_fence(c.stage.hub);
    assert_int_equal(outbox_close_code(&c.bob->outbox), 4013);
    say_apart(&c, 10);
    probe_leave(c.bob);
    probe_skip(c.alice);
    say_apart(&c, 1);
    EXPECT_CHAT(c.alice, c.said, c.said);
    stage_fini(&c.stage);
}

/* Nothing new was said, but what was said is another now. */
static void who_misses_changes_only_is_told_so(void **state)
{
    (void)state;
    struct stage *s;
    struct crowd c;
    stage_init(s = &c.stage, &usual);
    crowd_init(&c, s);
    say_apart(&c, 1);
    int64_t pauses = metric_read(METRIC_PAUSES);
    while (metric_read(METRIC_PAUSES) == pauses) {
        struct event *e = about(c.alice, REQUEST_EDIT, "den", NULL);
        e->request.args->seq = c.said;
        e->request.text = xstrdup("\"again\"");
        e->request.text_len = strlen(e->request.text);
        ask(c.alice, e);
        hub_fence(s->hub);
    }
    const char *text;
    while ((text = probe_next(c.bob, clock_now() + STAGE_PATIENCE)) != NULL &&
           !text_matches("{'type':'gap',*}", text))
        ;
    assert_non_null(text);
    EXPECT_MATCH("{*'from':2,'to':1,'kept':true,'changed':true}", text);
    stage_fini(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_falls_behind_is_left_out_and_told),
        cmocka_unit_test(who_misses_changes_only_is_told_so),
        cmocka_unit_test(what_nobody_keeps_is_told_as_well),
        cmocka_unit_test(comings_and_goings_are_no_gap),
        cmocka_unit_test(replies_still_come),
        cmocka_unit_test(who_is_left_out_may_leave),
        cmocka_unit_test(each_room_for_itself),
        cmocka_unit_test(who_is_left_out_hears_what_must_not_be_missed),
        cmocka_unit_test(who_never_reads_is_closed),
    };
    return RUN_STAGED(argc, argv, "hub and who falls behind", tests);
}
