/* Edits, removals and reactions, of messages in memory and of those that have to be fetched first. */
#include "past.h"

/* alice's messages 1 to 20 in "den", with bob; all but the latest five only on the disk. */
struct talk {
    struct stage stage;
    struct probe *alice, *bob;
};

enum { SAID = 20 };

static void talk_init(struct talk *t, uint32_t in_memory)
{
    stage_init_past(&t->stage, in_memory);
    t->alice = person(&t->stage, "alice");
    t->bob = person(&t->stage, "bob");
    come_in(t->alice, "den");
    come_in(t->bob, "den");
    chat_kept(t->alice, "den", 1, SAID);
    hush((struct probe *[]){t->alice, t->bob}, 2);
}

static void talk_fini(struct talk *t)
{
    stage_fini(&t->stage);
}

/* The one message, as `history` has it. */
static void expect_row(struct probe *p, uint64_t seq, const char *pattern, const char *file,
                       int line)
{
    char whole[256];
    snprintf(whole, sizeof(whole), "{'type':'ok',*'messages':[{%s}],'first':%llu,*}", pattern,
             (unsigned long long)seq);
    probe_skip(p);
    page(p, "den", HISTORY_AROUND, seq, 1);
    await(p, whole, file, line);
}
#define EXPECT_ROW(p, seq, pattern) expect_row(p, seq, pattern, __FILE__, __LINE__)

/* In a room that doesn't wait for the disk nobody but us looks at it. */
static size_t set_aside(struct talk *t)
{
    rcu_read_lock();
    const struct room *r = directory_find_room(hub_directory(t->stage.hub), "den");
    size_t n = r->history.naside;
    rcu_read_unlock();
    return n;
}

static const uint32_t memories[] = {0, 5, 1000};
#define IN_EACH_MEMORY(t)                                                  \
    for (size_t k_ = 0; k_ < sizeof(memories) / sizeof(memories[0]); k_++) \
        for (bool once_ = (talk_init(t, memories[k_]), true); once_; once_ = (talk_fini(t), false))

/* ---- edit ------------------------------------------------------------------------------------------ */

static void an_edit_is_told_and_kept(void **state)
{
    (void)state;
    struct talk t;
    IN_EACH_MEMORY(&t)
    {
        static const uint64_t seqs[] = {1, 10, 16, SAID};
        for (size_t i = 0; i < 4; i++) {
            char pattern[128];
            edit(t.alice, "den", seqs[i], "better");
            snprintf(pattern, sizeof(pattern),
                     "{'type':'edit','room':'den','seq':%d,'userId':'u-alice','username':'alice',"
                     "'content':'better','editedTs':*}",
                     (int)seqs[i]);
            EXPECT(t.bob, pattern);
            AWAIT(t.alice, "{'type':'ok','id':'1','room':'den','seq':*,'editedTs':*}");
            EXPECT_ROW(t.bob, seqs[i], "*'content':'better',*'editedTs':*");
        }
        edit(t.alice, "den", 10, "best");
        AWAIT_OK(t.alice);
        EXPECT_ROW(t.bob, 10, "*'content':'best',*'editedTs':*");
        EXPECT_ROW(t.bob, 11, "*'content':'m11','seq':11,'ts':*");
    }
}

static void nobody_edits_what_others_said(void **state)
{
    (void)state;
    struct talk t;
    IN_EACH_MEMORY(&t)
    {
        edit(t.bob, "den", 3, "worse");
        EXPECT_REFUSED(t.bob, "forbidden");
        edit(t.bob, "den", SAID, "worse");
        EXPECT_REFUSED(t.bob, "forbidden");
        edit(t.bob, "den", SAID + 1, "worse");
        EXPECT_REFUSED(t.bob, "unknown_message");
        edit(t.bob, "den", 0, "worse");
        EXPECT_REFUSED(t.bob, "unknown_message");
        EXPECT_NOTHING(t.alice);
        EXPECT_ROW(t.bob, 3, "*'content':'m3','seq':3,'ts':*");
    }
}

static void after_a_while_it_is_too_late(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, 5);
    struct settings strict = usual;
    strict.history_memory = 5;
    strict.edit_window_ms = strict.delete_window_ms = -1;
    stage_settings(&t.stage, &strict);
    static const uint64_t seqs[] = {3, SAID};
    for (size_t i = 0; i < 2; i++) {
        edit(t.alice, "den", seqs[i], "better");
        EXPECT_REFUSED(t.alice, "too_late");
        take_back(t.bob, "den", seqs[i]);
        FIND_REFUSED(t.bob, "forbidden");
    }
    take_back(t.alice, "den", 3); /* she runs the room */
    AWAIT_OK(t.alice);
    talk_fini(&t);
}

/* Who may not talk does not edit either; nor is a message kept in memory for everything that was refused. */
static void what_is_refused_leaves_nothing_behind(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, 5);
    for (uint64_t seq = 1; seq <= 15; seq++) {
        edit(t.bob, "den", seq, "worse");
        EXPECT_REFUSED(t.bob, "forbidden");
        take_back(t.bob, "den", seq);
        EXPECT_REFUSED(t.bob, "forbidden");
        react(t.bob, "den", seq, "+", false); /* which isn't there */
        EXPECT_OK(t.bob);
    }
    assert_int_equal(set_aside(&t), 0);
    act(t.alice, REQUEST_MUTE, "den", "bob");
    probe_skip(t.bob);
    for (uint64_t seq = 1; seq <= 15; seq++) {
        react(t.bob, "den", seq, "+", true);
        EXPECT_REFUSED(t.bob, "muted");
    }
    assert_int_equal(set_aside(&t), 0);
    talk_fini(&t);
}

/* ---- delete ---------------------------------------------------------------------------------------- */

static void a_removal_leaves_a_tombstone(void **state)
{
    (void)state;
    struct talk t;
    IN_EACH_MEMORY(&t)
    {
        static const uint64_t seqs[] = {1, SAID};
        for (size_t i = 0; i < 2; i++) {
            react(t.bob, "den", seqs[i], "+", true);
            AWAIT_OK(t.bob);
            take_back(t.alice, "den", seqs[i]);
            AWAIT(t.bob, "{'type':'delete','room':'den','seq':*,'userId':'u-alice',*}");
            AWAIT(t.alice, "{'type':'ok','id':'1','room':'den','seq':*}");
            EXPECT_ROW(t.bob, seqs[i],
                       "*'content':'','seq':*,'ts':*,'deleted':true,'takenBack':true");
            probe_skip(t.alice);
            edit(t.alice, "den", seqs[i], "back again"); /* it is over */
            EXPECT_REFUSED(t.alice, "unknown_message");
            react(t.alice, "den", seqs[i], "+", true);
            EXPECT_REFUSED(t.alice, "unknown_message");
            take_back(t.alice, "den", seqs[i]);
            EXPECT_REFUSED(t.alice, "unknown_message");
        }
        stage_restart(&t.stage);
        t.bob = person(&t.stage, "bob");
        come_in(t.bob, "den");
        EXPECT_ROW(t.bob, 1, "*'content':'','seq':1,'ts':*,'deleted':true,'takenBack':true");
        EXPECT_ROW(t.bob, 2, "*'content':'m2','seq':2,'ts':*");
    }
}

static void moderators_remove_what_others_said(void **state)
{
    (void)state;
    struct talk t;
    IN_EACH_MEMORY(&t)
    {
        say(t.bob, "den", "rude", "2");
        AWAIT(t.bob, "{'type':'ok','id':'2',*'seq':21,*}");
        chat_kept(t.alice, "den", SAID + 2, 10);
        take_back(t.alice, "den", SAID + 1);
        AWAIT_OK(t.alice);
        probe_skip(t.alice);
        act(t.alice, REQUEST_LEDGER, "den", NULL);
        EXPECT(t.alice, "{*'entries':[{'action':'delete','entry':1,*'userId':'u-bob',*}]}");
        take_back(t.bob, "den", 3);
        AWAIT_REFUSED(t.bob, "forbidden");
    }
}

/* ---- react ----------------------------------------------------------------------------------------- */

static void reactions_are_counted(void **state)
{
    (void)state;
    struct talk t;
    IN_EACH_MEMORY(&t)
    {
        static const uint64_t seqs[] = {2, SAID};
        for (size_t i = 0; i < 2; i++) {
            react(t.bob, "den", seqs[i], "+", true);
            EXPECT(t.alice, "{'type':'reaction','room':'den','seq':*,'emoji':'+','count':1,"
                            "'userId':'u-bob','username':'bob'}");
            AWAIT(t.bob, "{'type':'ok','id':'1','room':'den','seq':*,'emoji':'+','count':1}");
            react(t.bob, "den", seqs[i], "+", true); /* nothing new */
            AWAIT(t.bob, "{'type':'ok',*'count':1}");
            EXPECT_NOTHING(t.alice);
            react(t.alice, "den", seqs[i], "+", true);
            AWAIT(t.alice, "{'type':'ok',*'count':2}");
            EXPECT_ROW(t.bob, seqs[i], "*'reactions':[{'emoji':'+','count':2,'mine':true}]");
            react(t.bob, "den", seqs[i], "+", false);
            AWAIT(t.alice, "{'type':'reaction',*'count':1,*'removed':true}");
            AWAIT(t.bob, "{'type':'ok',*'count':1}");
            EXPECT_ROW(t.bob, seqs[i], "*'reactions':[{'emoji':'+','count':1}]");
            react(t.alice, "den", seqs[i], "+", false);
            AWAIT(t.alice, "{'type':'ok',*'count':0}");
            probe_skip(t.alice);
        }
    }
}

static void twenty_kinds_are_all(void **state)
{
    (void)state;
    struct talk t;
    IN_EACH_MEMORY(&t)
    {
        char emoji[8];
        for (int i = 0; i < REACTIONS_MAX; i++) {
            snprintf(emoji, sizeof(emoji), "e%d", i);
            react(t.bob, "den", 2, emoji, true);
            AWAIT_OK(t.bob);
        }
        probe_skip(t.alice);
        react(t.alice, "den", 2, "more", true);
        EXPECT_REFUSED(t.alice, "bad_request");
        react(t.alice, "den", 2, "e0", true);
        AWAIT(t.alice, "{'type':'ok',*'emoji':'e0','count':2}");
    }
}

/* An edit keeps them; what is edited while the disk is not well is seen all the same. */
static void changes_are_seen_before_the_disk_has_them(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, 5);
    react(t.bob, "den", 2, "+", true);
    AWAIT_OK(t.bob);
    stage_disk(&t.stage, false);
    edit(t.alice, "den", 2, "better");
    AWAIT(t.alice, "{'type':'error','id':'1','code':'unavailable','message':'*not saved*'*}");
    EXPECT_ROW(t.bob, 2,
               "*'content':'better',*'editedTs':*"
               "'reactions':[{'emoji':'+','count':1,'mine':true}]");
    take_back(t.alice, "den", 3);
    AWAIT_REFUSED(t.alice, "unavailable");
    EXPECT_ROW(t.bob, 3, "*'content':'','seq':3,'ts':*,'deleted':true,'takenBack':true");
    stage_disk(&t.stage, true);
    edit(t.alice, "den", 4, "good");
    AWAIT_OK(t.alice);
    stage_restart(&t.stage);
    t.bob = person(&t.stage, "bob");
    come_in(t.bob, "den");
    EXPECT_ROW(t.bob, 2, "*'content':'better',*'reactions':[{*'count':1,'mine':true}]");
    EXPECT_ROW(t.bob, 3, "*'deleted':true,'takenBack':true");
    EXPECT_ROW(t.bob, 4, "*'content':'good',*");
    talk_fini(&t);
}

static void the_classic_dialect_hears_nothing_of_it(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, 5);
    struct probe *carol = stage_enter(&t.stage, DIALECT_CLASSIC, "carol");
    join(carol, "den", NULL);
    probe_skip(carol);
    edit(t.alice, "den", 2, "better");
    react(t.alice, "den", SAID, "+", true);
    take_back(t.alice, "den", 3);
    EXPECT_NOTHING(carol);
    talk_fini(&t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_is_told_and_kept),
        cmocka_unit_test(nobody_edits_what_others_said),
        cmocka_unit_test(after_a_while_it_is_too_late),
        cmocka_unit_test(what_is_refused_leaves_nothing_behind),
        cmocka_unit_test(a_removal_leaves_a_tombstone),
        cmocka_unit_test(moderators_remove_what_others_said),
        cmocka_unit_test(reactions_are_counted),
        cmocka_unit_test(twenty_kinds_are_all),
        cmocka_unit_test(changes_are_seen_before_the_disk_has_them),
        cmocka_unit_test(the_classic_dialect_hears_nothing_of_it),
    };
    return RUN_STAGED(argc, argv, "hub and changes of messages", tests);
}
