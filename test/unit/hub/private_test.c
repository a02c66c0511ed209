/* Private conversations: what the hub does with those who are in them, and what it doesn't tell. */
#include <support/stage.h>

#include <hubbub/metrics.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <string.h>

static void dm(struct probe *p, const char *to, const char *content, const char *id)
{
    char json[128];
    struct event *e = about(p, REQUEST_DM, NULL, to);
    snprintf(e->request.id, sizeof e->request.id, "%s", id == NULL ? "" : id);
    e->request.text_len = (size_t)snprintf(json, sizeof json, "\"%s\"", content);
    e->request.text = xstrdup(json);
    ask(p, e);
}

static void act(struct probe *p, enum request_type type, const char *room, const char *user)
{
    ask(p, about(p, type, room, user));
}

/* The room of the reply or event that comes next. */
static const char *room_of_next(struct probe *p)
{
    static char room[PAIR_ROOM_LEN + 1];
    const char *text = probe_next(p, DEADLINE_NOW), *at = text == NULL ? NULL : strstr(text, "dm:");
    assert_non_null(at);
    snprintf(room, sizeof room, "%s", at);
    return room;
}

struct two {
    struct stage s;
    struct probe *alice, *bob;
    char room[PAIR_ROOM_LEN + 1];
};

/* They have a conversation, and alice is in it. */
static void set_up(struct two *x)
{
    stage_init(&x->s, NULL);
    x->alice = stage_enter(&x->s, DIALECT_FULL, "alice");
    x->bob = stage_enter(&x->s, DIALECT_FULL, "bob");
    probe_skip(x->alice);
    probe_skip(x->bob);
    dm(x->alice, "bob", "one", "1");
    strcpy(x->room, room_of_next(x->alice));
    EXPECT(
        x->bob,
        "{'type':'dm','room':'dm:*','seq':1,'from':'alice',*,'to':'bob',*,'content':'one','ts':*}");
    join(x->alice, x->room, "2");
    EXPECT(x->alice, "{'type':'ok','id':'2','room':'dm:*','seq':1,*'members':2,*'visibility':'"
                     "private',*'kept':true,'role':'member'}");
    EXPECT_NOTHING(x->alice); /* no join */
}

static void nobody_is_told_who_comes_and_goes(void **state)
{
    (void)state;
    struct two x;
    int64_t members = metric_read(METRIC_MEMBERS), rooms = metric_read(METRIC_ROOMS);
    set_up(&x);
    join(x.bob, x.room, "1");
    EXPECT(x.bob, "{'type':'ok','id':'1',*'members':2,*}");
    EXPECT_NOTHING(x.alice);
    part(x.bob, x.room, "2");
    EXPECT(x.bob, "{'type':'ok','id':'2',*}");
    EXPECT_NOTHING(x.alice);
    probe_leave(x.bob);
    EXPECT_NOTHING(x.alice);
    assert_int_equal(metric_read(METRIC_MEMBERS), members);
    assert_int_equal(metric_read(METRIC_ROOMS), rooms);
    stage_fini(&x.s);
}

/* Old clients hear what is private as before. */
static void the_classic_dialect_hears_it_in_no_room(void **state)
{
    (void)state;
    struct two x;
    set_up(&x);
    struct probe *old = stage_enter_as(&x.s, DIALECT_CLASSIC, x.bob->user_id, "bob");
    say(x.alice, x.room, "two", NULL);
    EXPECT(old, "{'type':'message','room':'','username':'alice','content':'two','ts':*}");
    EXPECT_NOTHING(old);
    stage_fini(&x.s);
}

/* One who blocks may change the name, and come under another: that is not to be seen. */
static void names_stand_still_while_one_blocks(void **state)
{
    (void)state;
    struct two x;
    char id[USER_ID_MAX + 1];
    set_up(&x);
    strcpy(id, x.bob->user_id);
    act(x.bob, REQUEST_BLOCK, NULL, "alice");
    EXPECT(x.bob, "{'type':'ok','id':'1','userId':'*','username':'alice'}");
    probe_leave(x.bob);
    struct probe *again = stage_enter_as(&x.s, DIALECT_FULL, id, "robert");
    probe_skip(again);
    probe_skip(x.alice);
    dm(x.alice, id, "two", "3");
    EXPECT(x.alice, "{'type':'ok','id':'3',*'seq':2,*'username':'bob'}");
    EXPECT(x.alice, "{'type':'message','room':'dm:*','content':'two',*}");
    dm(x.alice, "robert", "three", "4");
    EXPECT(x.alice, "{'type':'error','id':'4','code':'unknown_user',*}");
    act(x.alice, REQUEST_CONVERSATIONS, NULL, NULL);
    EXPECT(x.alice, "{'type':'ok',*'username':'bob','seq':2,*}");
    EXPECT_NOTHING(again);
    act(again, REQUEST_UNBLOCK, NULL, "alice");
    EXPECT(again, "{'type':'ok',*}");
    dm(x.alice, "robert", "three", "5");
    EXPECT(x.alice, "{'type':'ok','id':'5',*'username':'robert'}");
    EXPECT(x.alice, "{'type':'message',*'content':'three',*}");
    EXPECT(again, "{'type':'dm',*'to':'robert',*'content':'three',*}");
    stage_fini(&x.s);
}

/* Two that block each other are each as if the other one didn't. */
static void both_block(void **state)
{
    (void)state;
    struct two x;
    set_up(&x);
    struct probe *tab = stage_enter_as(&x.s, DIALECT_FULL, x.bob->user_id, "bob");
    struct probe *old = stage_enter_as(&x.s, DIALECT_CLASSIC, x.bob->user_id, "bob");
    probe_skip(tab);
    act(x.bob, REQUEST_BLOCK, NULL, "alice");
    EXPECT(x.bob, "{'type':'ok',*}");
    EXPECT(tab, "{'type':'block','userId':'*','username':'alice'}");
    EXPECT_NOTHING(tab);
    EXPECT_NOTHING(old);
    EXPECT_NOTHING(x.alice);
    act(x.alice, REQUEST_BLOCK, NULL, "bob");
    EXPECT(x.alice, "{'type':'leave','room':'dm:*','username':'alice','content':'alice left the "
                    "room','userId':'*','count':2}");
    EXPECT(x.alice, "{'type':'ok',*}");
    for (int i = 0; i < 2; i++) {
        struct probe *one = i == 0 ? x.alice : x.bob;
        dm(one, i == 0 ? "bob" : "alice", "x", "1");
        EXPECT(one, "{'type':'error','id':'1','code':'blocked',*}");
        join_too(one, x.room, "2");
        EXPECT(one, "{'type':'error','id':'2','code':'blocked',*}");
        act(one, REQUEST_BLOCKS, NULL, NULL);
        EXPECT(one, "{'type':'ok',*'blocks':[{'userId':'*','username':'*','ts':*}]}");
    }
    stage_fini(&x.s);
}

/* A reply to what isn't there begins no conversation. */
static void what_is_refused_begins_nothing(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, NULL);
    struct probe *alice = stage_enter(&s, DIALECT_FULL, "alice");
    struct probe *bob = stage_enter(&s, DIALECT_FULL, "bob");
    probe_skip(alice);
    probe_skip(bob);
    struct event *e = about(alice, REQUEST_DM, "some room", "bob");
    e->request.text = xstrdup("\"x\"");
    e->request.text_len = 3;
    e->request.reply_to = 1;
    ask(alice, e);
    EXPECT(alice, "{'type':'error','id':'1','code':'unknown_message','message':'*'}");
    act(alice, REQUEST_CONVERSATIONS, NULL, NULL);
    EXPECT(alice, "{'type':'ok','id':'1','conversations':[]}");
    EXPECT_NOTHING(bob);
    stage_fini(&s);
}

/* Without a store the oldest in which nobody is makes room. */
static void so_many_are_in_memory(void **state)
{
    (void)state;
    enum { MOST = 2000 };
    struct two x;
    char name[16];
    set_up(&x); /* alice is in the first */
    for (int i = 0; i < MOST; i++) {
        snprintf(name, sizeof name, "u%d", i);
        struct probe *other = stage_enter(&x.s, DIALECT_FULL, name);
        dm(other, "bob", "x", NULL);
        probe_skip(other);
        probe_leave(other);
        probe_skip(x.bob);
    }
    say(x.alice, x.room, "two", "3");
    EXPECT(x.alice, "{'type':'ok','id':'3',*}");
    EXPECT(x.alice, "{'type':'message',*'seq':2,*}");
    EXPECT(x.bob, "{'type':'dm',*'seq':2,*}");
    unsigned gone = 0;
    for (int i = 0; i < MOST; i++) {
        snprintf(name, sizeof name, "u%d", i);
        dm(x.bob, name, "x", name);
        gone += strstr(probe_next(x.bob, DEADLINE_NOW), "unknown_user") != NULL;
    }
    assert_int_equal(gone, 1); /* with all that was said in it */
    stage_fini(&x.s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_told_who_comes_and_goes),
        cmocka_unit_test(the_classic_dialect_hears_it_in_no_room),
        cmocka_unit_test(names_stand_still_while_one_blocks),
        cmocka_unit_test(both_block),
        cmocka_unit_test(what_is_refused_begins_nothing),
        cmocka_unit_test(so_many_are_in_memory),
    };
    return RUN_STAGED(argc, argv, "private", tests);
}
