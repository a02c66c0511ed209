/* What comes from elsewhere than a member: calls on behalf of a session, fences, and lists. */
#include <support/stage.h>

#include <hubbub/err.h>
#include <hubbub/listing.h>
#include <hubbub/protocol.h>
#include <stdio.h>
#include <string.h>

static struct buf answer;

static const char *call(struct stage *s, const char *session, enum request_type type,
                        const char *room)
{
    struct request r = {.type = type};
    strcpy(r.room, room);
    buf_clear(&answer);
    assert_int_equal(hub_call(s->hub, session, &r, &answer), 0);
    return answer.data;
}

static int free_answer(void **state)
{
    (void)state;
    buf_fini(&answer);
    return 0;
}

/* ---- calls ----------------------------------------------------------------------------------------- */

static void a_call_acts_for_its_session(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    probe_skip(alice);
    join(bob, "den", NULL);
    probe_skip(bob);
    EXPECT_MATCH("{'type':'ok','room':'den','seq':0,'epoch':'*','members':2,*}",
                 call(&s, alice->id, REQUEST_JOIN, "den"));
    EXPECT(alice, "{'type':'join','room':'den','username':'alice',*'count':2,*}");
    EXPECT(bob, "{'type':'join','room':'den','username':'alice',*'count':2,*}");
    EXPECT_MATCH("{'type':'ok','room':'den',*'members':2,*}",
                 call(&s, alice->id, REQUEST_JOIN, "den"));
    EXPECT_NOTHING(alice);
    EXPECT_MATCH("{'type':'ok','room':'den'}", call(&s, alice->id, REQUEST_LEAVE, "den"));
    EXPECT(bob, "{'type':'leave','room':'den','username':'alice',*'count':1}");
    EXPECT_NOTHING(alice); /* the answer went to who called */
    stage_fini(&s);
}

static void a_call_is_refused_where_a_member_would_be(void **state)
{
    (void)state;
    struct settings narrow = {.max_per_room = 1,
                              .max_rooms = 2,
                              .max_rooms_per_client = 1,
                              .notice_limit = 10,
                              .open_rooms = true};
    struct stage s;
    stage_init(&s, &narrow);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    stage_member(&s, DIALECT_FULL, "bob", "den");
    probe_skip(alice);
    EXPECT_MATCH("{'error':{'code':'room_full','message':'*'}}",
                 call(&s, alice->id, REQUEST_JOIN, "den"));
    EXPECT_MATCH("{'error':{'code':'not_in_room','message':'*'}}",
                 call(&s, alice->id, REQUEST_LEAVE, "den"));
    EXPECT_NOTHING(alice);
    stage_fini(&s);
}

static void a_call_needs_a_session_that_is_there(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    static const char unknown[] = "{'error':{'code':'unknown_session','message':'*'}}";
    EXPECT_MATCH(unknown, call(&s, "", REQUEST_JOIN, "den"));
    EXPECT_MATCH(unknown, call(&s, "0123456789abcdef0123456789abcdef", REQUEST_JOIN, "den"));
    EXPECT_MATCH(unknown,
                 call(&s, alice->user_id, REQUEST_JOIN, "den")); /* that one is no secret */
    probe_leave(alice);
    EXPECT_MATCH(unknown, call(&s, alice->id, REQUEST_JOIN, "den"));
    stage_fini(&s);
}

static void a_fence_waits_for_all_that_was_posted(void **state)
{
    (void)state;
    struct stage s;
    struct frame *f;
    stage_init(&s, NULL);
    struct probe *alice = stage_member(&s, DIALECT_CLASSIC, "alice", "den");
    for (int i = 0; i < 1000; i++) {
        say(alice, "den", "x", NULL);
        assert_int_equal(hub_fence(s.hub), 0);
        unsigned frames = 0;
        while (outbox_take(&alice->outbox, &f, 1, DEADLINE_NOW) == 1) {
            frame_unref(f, 1);
            frames++;
        }
        assert_in_range(frames, 1, 2);
    }
    stage_fini(&s);
}

static void a_hub_that_has_stopped_takes_nothing(void **state)
{
    (void)state;
    struct relay *relay = relay_new(1);
    struct hub *h = hub_new(&(struct hub_config){
        .inbox = 4, .relay = relay, .node = "", .version = "", .send_queue = 16});
    assert_int_equal(hub_start(h), 0);
    hub_stop(h);
    struct request r = {.type = REQUEST_LEAVE, .room = "den"};
    struct event *e = event_new(EVENT_DRAIN);
    assert_int_equal(hub_fence(h), ERR_CLOSED);
    assert_int_equal(hub_call(h, "x", &r, &answer), ERR_CLOSED);
    assert_int_equal(hub_post(h, &e, DEADLINE_NOW), ERR_CLOSED);
    assert_null(e);
    rcu_barrier();
    hub_free(h);
    relay_free(relay);
}

/* ---- lists ----------------------------------------------------------------------------------------- */

static const char *list(struct stage *s, const char *query, const char *cursor)
{
    buf_clear(&answer);
    listing_rooms(hub_directory(s->hub), &answer, false, NULL, NULL, query, cursor, 7);
    return answer.data;
}

/* How many rows, which must be in order and behind `after`; the last of them in `last`. */
static int rows(const char *text, const char *after, char *last)
{
    int n = 0;
    strcpy(last, after);
    for (const char *at = text; (at = strstr(at, "{\"room\":\"")) != NULL; n++) {
        char name[NAME_MAX_BYTES + 1];
        at += strlen("{\"room\":\"");
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "\""), at);
        assert_true(strcmp(name, last) > 0);
        strcpy(last, name);
    }
    return n;
}

enum { ROOMS = 2 * LISTING_ROOMS_PAGE + 50 };

static void rooms_are_listed_page_by_page(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_CLASSIC, "alice");
    for (int i = 0; i < ROOMS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "r%03d", i * 101 % ROOMS); /* in another order */
        join_too(alice, name, NULL);
    }
    hub_fence(s.hub);
    char last[NAME_MAX_BYTES + 1];
    assert_int_equal(rows(list(&s, NULL, NULL), "", last), LISTING_ROOMS_PAGE);
    assert_string_equal(last, "r099");
    EXPECT_MATCH("{'rooms':[*],'cursor':'r099'}", answer.data);
    assert_int_equal(rows(list(&s, "", "r099"), "r099", last), LISTING_ROOMS_PAGE);
    EXPECT_MATCH("{'rooms':[*],'cursor':'r199'}", answer.data);
    assert_int_equal(rows(list(&s, NULL, "r199"), "r199", last), 50);
    assert_string_equal(last, "r249");
    EXPECT_MATCH("{'rooms':[*}]}", answer.data);

    assert_int_equal(rows(list(&s, "r14", NULL), "", last), 10);
    EXPECT_MATCH("{'rooms':[{'room':'r140',*}]}", answer.data);
    assert_int_equal(rows(list(&s, "9", NULL), "", last), 43); /* somewhere in the name */
    assert_int_equal(rows(list(&s, "r14", "r144"), "r144", last), 5);
    assert_int_equal(rows(list(&s, "R14", NULL), "", last), 10); /* in either case */
    EXPECT_MATCH("{'rooms':[]}", list(&s, "q14", NULL));
    EXPECT_MATCH("{'rooms':[]}", list(&s, NULL, "r249"));

    /* One page exactly has no cursor. */
    for (int i = LISTING_ROOMS_PAGE; i < ROOMS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "r%03d", i);
        part(alice, name, NULL);
    }
    hub_fence(s.hub);
    assert_int_equal(rows(list(&s, NULL, NULL), "", last), LISTING_ROOMS_PAGE);
    EXPECT_MATCH("{'rooms':[*}]}", answer.data);
    stage_fini(&s);
}

static void a_row_says_how_many_there_are_and_may_be(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    for (int i = 0; i < 3; i++)
        stage_member(&s, DIALECT_CLASSIC, "bob", "den");
    hub_fence(s.hub);
    EXPECT_MATCH("{'rooms':[{'room':'den','members':3,*'maxUsers':7,*}]}", list(&s, NULL, NULL));
    buf_clear(&answer);
    listing_rooms(hub_directory(s.hub), &answer, true, "q1", NULL, NULL, NULL, 0);
    EXPECT_MATCH("{'type':'ok','id':'q1','rooms':[{'room':'den',*'maxUsers':0,*}]}", answer.data);
    stage_fini(&s);
}

static void members_are_listed_as_they_came(void **state)
{
    (void)state;
    struct stage s;
    char pattern[512];
    stage_init(&s, NULL);
    const struct directory *d = hub_directory(s.hub);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_CLASSIC, "bob");
    struct probe *carol = stage_enter(&s, DIALECT_CLASSIC, "carol");
    join(alice, "den", NULL);
    join(bob, "den", NULL);
    join(carol, "den", NULL);
    part(bob, "den", NULL);
    hub_fence(s.hub);
    buf_clear(&answer);
    assert_int_equal(listing_members(d, &answer, true, "m1", NULL, "den"), 0);
    snprintf(pattern, sizeof(pattern),
             "{'type':'ok','id':'m1','room':'den','members':[{'userId':'%s','username':'alice',*},"
             "{'userId':'%s','username':'carol',*}]}",
             alice->user_id, carol->user_id);
    EXPECT_MATCH(pattern, answer.data);
    assert_null(strstr(answer.data, alice->id)); /* the secret one */
    buf_clear(&answer);
    assert_int_equal(listing_members(d, &answer, true, NULL, NULL, "attic"), ERR_NOTFOUND);
    assert_int_equal(answer.len, 0);
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_acts_for_its_session),
        cmocka_unit_test(a_call_is_refused_where_a_member_would_be),
        cmocka_unit_test(a_call_needs_a_session_that_is_there),
        cmocka_unit_test(a_fence_waits_for_all_that_was_posted),
        cmocka_unit_test(a_hub_that_has_stopped_takes_nothing),
        cmocka_unit_test(rooms_are_listed_page_by_page),
        cmocka_unit_test(a_row_says_how_many_there_are_and_may_be),
        cmocka_unit_test_teardown(members_are_listed_as_they_came, free_answer),
    };
    return RUN_STAGED(argc, argv, "hub calls and lists", tests);
}
