/* Merged notices: in a room above the limit joins and leaves are gathered and told once a second. */
#include "past.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 3 };

static const struct settings crowded = {.max_rooms = 10,
                                        .max_rooms_per_client = 10,
                                        .notice_limit = LIMIT,
                                        .open_rooms = true,
                                        .history_memory = 10,
                                        .history_memory_bytes = 4096};

/* A room at its limit: one of the full dialect that listens, and some others. */
static struct probe *fill(struct stage *s, struct probe *others[LIMIT - 1])
{
    struct probe *alice = stage_member(s, DIALECT_FULL, "alice", "den");
    for (int i = 0; i < LIMIT - 1; i++) {
        others[i] = stage_member(s, DIALECT_CLASSIC, "bob", "den");
        EXPECT_MATCH("{'type':'join',*}", probe_next(others[i], DEADLINE_NOW));
    }
    assert_int_equal(probe_skip(alice), 1 + LIMIT); /* the welcome, and one for each */
    for (int i = 0; i < LIMIT - 1; i++)
        probe_skip(others[i]);
    return alice;
}

/* How many names the list behind `key` has. */
static unsigned names(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    assert_non_null(at);
    at += strlen(key);
    unsigned quotes = 0;
    for (; *at != ']'; at++)
        quotes += *at == '"';
    return quotes / 2;
}

/* Listens until so many have come and gone. Notices come at most once a second, so they are not more
 * than seconds that have passed, however slow this machine is. */
static void hear(struct probe *p, unsigned joined, unsigned left, unsigned count, int64_t since)
{
    unsigned j = 0, l = 0;
    int64_t notices = 0;
    char pattern[128];
    do {
        const char *text = probe_next(p, clock_now() + STAGE_PATIENCE);
        assert_non_null(text);
        EXPECT_MATCH("{'type':'presence','room':'den','joined':[*],'left':[*],'count':*}", text);
        j += names(text, "\"joined\":[");
        l += names(text, "\"left\":[");
        notices++;
        snprintf(pattern, sizeof(pattern), "{*'count':%u}", count);
        if (j == joined && l == left)
            EXPECT_MATCH(pattern, text);
    } while (j < joined || l < left);
    assert_int_equal(j, joined);
    assert_int_equal(l, left);
    assert_true(notices <= 1 + (clock_now() - since) / NS_PER_S);
    EXPECT_NOTHING(p);
}

static void a_joiner_is_told_at_once_and_the_others_together(void **state)
{
    (void)state;
    enum { MORE = 20 };
    struct stage s;
    struct probe *others[LIMIT - 1], *more[MORE];
    stage_init(&s, &crowded);
    struct probe *alice = fill(&s, others);
    int64_t since = clock_now();
    for (int i = 0; i < MORE; i++)
        more[i] = stage_member(&s, DIALECT_CLASSIC, "carol", "den");
    for (unsigned i = 0; i < MORE; i++) {
        char pattern[128];
        snprintf(pattern, sizeof(pattern), "{'type':'join',*'username':'carol*','count':%u,*}",
                 LIMIT + 1 + i);
        EXPECT(more[i], pattern);
        EXPECT_NOTHING(more[i]);
    }
    hear(alice, MORE, 0, LIMIT + MORE, since);
    EXPECT_NOTHING(others[0]); /* presence is not for the classic dialect */
    stage_fini(&s);
}

static void leaves_are_told_together(void **state)
{
    (void)state;
    struct stage s;
    struct probe *others[LIMIT - 1];
    stage_init(&s, &crowded);
    struct probe *alice = fill(&s, others);
    int64_t since = clock_now();
    for (int i = 0; i < 3; i++)
        stage_member(&s, DIALECT_CLASSIC, "carol", "den");
    hear(alice, 3, 0, LIMIT + 3, since);
    since = clock_now();
    part(others[0], "den", NULL);
    probe_leave(others[1]);
    hear(alice, 0, 2, LIMIT + 1, since);
    stage_fini(&s);
}

/* Unless a second ends between the two: then both are told. */
static void who_came_and_went_unnoticed_is_not_told(void **state)
{
    (void)state;
    struct stage s;
    struct probe *others[LIMIT - 1];
    stage_init(&s, &crowded);
    struct probe *alice = fill(&s, others);
    struct probe *carol = stage_enter(&s, DIALECT_CLASSIC, "carol");
    stage_member(&s, DIALECT_CLASSIC, "dave", "den");
    join(carol, "den", NULL);
    part(carol, "den", NULL);
    const char *text = probe_next(alice, clock_now() + STAGE_PATIENCE);
    assert_non_null(text);
    EXPECT_MATCH("{'type':'presence','room':'den','joined':[*'dave'*],'left':[*],'count':*}", text);
    assert_false(text_matches("{*'joined':[*'carol'*],'left':[*'carol'*],*}", text));
    if (text_matches("{*'joined':[*'carol'*],'left':[],*}", text))
        EXPECT_SOON(alice, "{'type':'presence',*'joined':[],'left':['carol'],*}");
    else
        EXPECT_MATCH("{*'joined':['dave'],'left':[],*}", text);
    stage_fini(&s);
}

static void a_long_list_is_cut_but_not_its_count(void **state)
{
    (void)state;
    enum { MANY = NOTICE_MAX_NAMES + 50 };
    struct stage s;
    struct probe *others[LIMIT - 1];
    unsigned told = 0;
    char pattern[64];
    stage_init(&s, &crowded);
    struct probe *alice = fill(&s, others);
    for (int i = 0; i < MANY; i++)
        stage_member(&s, DIALECT_CLASSIC, "carol", "den");
    snprintf(pattern, sizeof(pattern), "{*'count':%d}", LIMIT + MANY);
    const char *text;
    do {
        text = probe_next(alice, clock_now() + STAGE_PATIENCE);
        assert_non_null(text);
        unsigned n = names(text, "\"joined\":[");
        assert_in_range(n, 0, NOTICE_MAX_NAMES);
        told += n;
    } while (!text_matches(pattern, text));
    assert_in_range(told, 1, MANY);
    stage_fini(&s);
}

static void a_room_may_end_with_its_notice_untold(void **state)
{
    (void)state;
    struct stage s;
    struct probe *others[LIMIT - 1];
    stage_init(&s, &crowded);
    struct probe *alice = fill(&s, others);
    struct probe *carol = stage_member(&s, DIALECT_CLASSIC, "carol", "den");
    part(carol, "den", NULL);
    part(others[0], "den", NULL);
    part(others[1], "den", NULL);
    part(alice, "den", NULL);
    hub_fence(s.hub);
    probe_skip(alice);
    join(alice, "den", "new");
    EXPECT(alice, "{'type':'ok','id':'new','room':'den','seq':0,*'members':1,*}");
    EXPECT(alice, "{'type':'join',*'count':1,*}");
    stage_fini(&s);
}

/* Back below the limit all is told one by one again, but for those who were never announced. */
static void below_the_limit_single_notices_are_back(void **state)
{
    (void)state;
    struct stage s;
    struct probe *others[LIMIT - 1];
    stage_init(&s, &crowded);
    struct probe *alice = fill(&s, others);
    struct probe *carol = stage_enter(&s, DIALECT_CLASSIC, "carol");
    int64_t since = clock_now();
    join(carol, "den", NULL);
    hear(alice, 1, 0, LIMIT + 1, since);
    part(others[0], "den", NULL);
    hear(alice, 0, 1, LIMIT, clock_now());
    part(others[1], "den", NULL);
    EXPECT(alice, "{'type':'leave',*'username':'bob-2',*'count':2}");
    join(others[1], "den", NULL);
    EXPECT(alice, "{'type':'join',*'username':'bob-2',*'count':3,*}");
    part(carol, "den", NULL);
    EXPECT(alice, "{'type':'leave',*'username':'carol',*'count':2}");
    stage_fini(&s);
}

/* Who reacts hears it at once, the others how many there are in the end; of what was deleted meanwhile nothing. */
static void reactions_are_told_together(void **state)
{
    (void)state;
    enum { MORE = 8 };
    struct stage s;
    struct probe *others[LIMIT - 1], *more[MORE];
    stage_init(&s, &crowded);
    struct probe *alice = fill(&s, others);
    say(alice, "den", "what do you think?", NULL);
    say(alice, "den", "no, forget it", NULL);
    react(alice, "den", 1, "+", true); /* not crowded yet */
    AWAIT(alice, "{'type':'ok',*'count':1}");
    AWAIT(alice, "{'type':'reaction',*'seq':1,*'count':1,'userId':*,'username':'alice'}");
    int64_t since = clock_now();
    for (int i = 0; i < MORE; i++)
        more[i] = stage_member(&s, DIALECT_FULL, "carol", "den");
    hear(alice, MORE, 0, LIMIT + MORE, since);
    for (int i = 0; i < MORE; i++) {
        hub_fence(s.hub);
        probe_skip(more[i]);
        react(more[i], "den", 2, "+", true);
        react(more[i], "den", 1, "+", true);
        AWAIT(more[i], "{'type':'reaction',*'seq':2,*'userId':*}");
        AWAIT(more[i], "{'type':'reaction',*'seq':1,*'userId':*}");
    }
    take_back(alice, "den", 2);
    const char *text;
    bool deleted = false;
    do {
        text = probe_next(alice, clock_now() + STAGE_PATIENCE);
        assert_non_null(text);
        deleted = deleted || text_matches("{'type':'delete',*'seq':2,*}", text);
        assert_false(deleted && text_matches("{'type':'reaction',*'seq':2,*}", text));
        assert_false(text_matches("{'type':'reaction',*'userId':*}", text));
    } while (!text_matches("{'type':'reaction','room':'den','seq':1,'emoji':'+','count':9}", text));
    assert_true(deleted);
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_joiner_is_told_at_once_and_the_others_together),
        cmocka_unit_test(leaves_are_told_together),
        cmocka_unit_test(reactions_are_told_together),
        cmocka_unit_test(who_came_and_went_unnoticed_is_not_told),
        cmocka_unit_test(a_long_list_is_cut_but_not_its_count),
        cmocka_unit_test(a_room_may_end_with_its_notice_untold),
        cmocka_unit_test(below_the_limit_single_notices_are_back),
    };
    return RUN_STAGED(argc, argv, "hub notices", tests);
}
