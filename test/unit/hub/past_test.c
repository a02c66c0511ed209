/* Rooms that hide what was said before one joined: where the log begins for whom, what is left out, and what becomes of it
 * when marks are forgotten or the disk is not well. */
#include "past.h"

static void hide(struct probe *owner, const char *room, enum request_type type, bool on)
{
    struct event *e = with(owner, type, room);
    e->request.args->given = ROOM_HIDES_PAST;
    e->request.args->hides_past = on;
    ask(owner, e);
    AWAIT_OK(owner);
}

/* A den of alice's that hides what she has said in it. */
static struct probe *den(struct stage *s, uint64_t said)
{
    struct probe *alice = person(s, "alice");
    hide(alice, "den", REQUEST_CREATE, true);
    come_in(alice, "den");
    chat(alice, "den", 1, (int)said);
    probe_skip(alice);
    return alice;
}

/* The page of all there is. */
static void sees(struct probe *p, uint64_t from, uint64_t to, const char *file, int line)
{
    char pattern[128];
    bool none = from > to;
    probe_skip(p);
    page(p, "den", HISTORY_LATEST, 0, 300);
    snprintf(pattern, sizeof pattern,
             "{'type':'ok',*'messages':[*],'first':%llu,'last':%llu,'hasMoreBefore':false,"
             "'hasMoreAfter':false}",
             none ? 0 : (unsigned long long)from, none ? 0 : (unsigned long long)to);
    probe_expect(p, pattern, clock_now() + STAGE_PATIENCE, file, line);
}
#define SEES(p, from, to) sees(p, from, to, __FILE__, __LINE__)

static void a_newcomer_begins_where_it_came(void **state)
{
    (void)state;
    for (int in_memory = 0; in_memory <= 256; in_memory += 128) {
        struct stage s;
        stage_init_past(&s, (uint32_t)in_memory);
        struct probe *alice = den(&s, 5), *bob = person(&s, "bob");
        come(bob, "den", 300);
        AWAIT(bob, "{'type':'ok',*'seq':5,*'read':5,*}");
        EXPECT(bob, "{'type':'join',*}");
        EXPECT_NOTHING(bob);
        SEES(bob, 1, 0);
        chat_kept(alice, "den", 6, 3);
        SEES(bob, 6, 8);
        page(bob, "den", HISTORY_BEFORE, 8, 1);
        AWAIT(bob, "{*'content':'m7'*'first':7,'last':7,'hasMoreBefore':true,'hasMoreAfter':true}");
        page(bob, "den", HISTORY_BEFORE, 7, 300);
        AWAIT(bob, "{*'first':6,'last':6,'hasMoreBefore':false,'hasMoreAfter':true}");
        page(bob, "den", HISTORY_BEFORE, 6, 300);
        AWAIT(bob, "{*'messages':[],*'hasMoreBefore':false,'hasMoreAfter':true}");
        SEES(alice, 1, 8);
        SEES(person(&s, "carol"), 1, 0);
        stage_fini(&s);
    }
}

static void who_comes_back_goes_on_above_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 2);
    struct probe *alice = den(&s, 3), *bob = person(&s, "bob");
    char epoch[EPOCH_MAX + 1];
    strcpy(epoch, come_in(bob, "den"));
    chat_kept(alice, "den", 4, 4);
    for (int life = 0; life < 2; life++) {
        probe_leave(bob);
        bob = person(&s, "bob");
        come_back(bob, "den", 1, epoch);
        AWAIT(bob, "{'type':'ok',*'recovered':true,*}");
        EXPECT_CHAT(bob, 4, 7); /* no gap for what is hidden */
        EXPECT(bob, "{'type':'join',*}");
        SEES(bob, 4, 7);
        if (life == 0) {
            stage_restart(&s);
            bob = person(&s, "bob");
        }
    }
    stage_fini(&s);
}

/* A gap names what is gone, but not what was never there to be seen. */
static void a_gap_begins_there(void **state)
{
    (void)state;
    struct settings few = usual;
    struct stage s;
    few.history_memory = 2;
    stage_init(&s, &few);
    struct probe *alice = den(&s, 3), *bob = person(&s, "bob");
    char epoch[EPOCH_MAX + 1];
    strcpy(epoch, come_in(bob, "den"));
    part(bob, "den", NULL);
    chat(alice, "den", 4, 5);
    probe_skip(bob);
    come_back(bob, "den", 0, epoch);
    AWAIT(bob, "{'type':'ok',*'recovered':true,*}");
    EXPECT_GAP(bob, 4, 6, false);
    EXPECT_CHAT(bob, 7, 8);
    stage_fini(&s);
}

static void who_is_in_has_seen_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 0);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob"),
                 *carol = person(&s, "carol");
    act(alice, REQUEST_CREATE, "den", NULL);
    AWAIT_OK(alice);
    come_in(alice, "den");
    come_in(bob, "den");
    chat_kept(alice, "den", 1, 2);
    hide(alice, "den", REQUEST_UPDATE, true);
    AWAIT(bob, "{'type':'room','room':'den','hidesPast':true,'kept':true,'by':'alice'}");
    come_in(carol, "den");
    chat_kept(alice, "den", 3, 1);
    SEES(bob, 1, 3);
    SEES(carol, 3, 3);
    stage_restart(&s);
    alice = person(&s, "alice");
    carol = person(&s, "carol");
    SEES(person(&s, "bob"), 1, 3);
    SEES(carol, 3, 3);
    hide(alice, "den", REQUEST_UPDATE, false);
    SEES(carol, 1, 3);
    stage_fini(&s);
}

static void an_open_room_hides_nothing(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice");
    come_in(alice, "den");
    struct event *e = with(alice, REQUEST_UPDATE, "den");
    e->request.args->given = ROOM_HIDES_PAST;
    e->request.args->hides_past = true;
    ask(alice, e);
    AWAIT_REFUSED(alice, "forbidden");
    stage_fini(&s);
}

static void what_is_hidden_is_not_told_of(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = den(&s, 2), *bob = person(&s, "bob"), *carol = person(&s, "carol");
    make(alice, "den", "carol", RANK_MODERATOR);
    come_in(bob, "den");
    come_in(carol, "den");
    probe_skip(bob);
    probe_skip(carol);
    say(alice, "den", "m3", NULL);
    edit(alice, "den", 1, "secret");
    react(alice, "den", 2, "+", true);
    ask(alice, about_message(alice, REQUEST_DELETE, "den", 1));
    EXPECT(carol, "{'type':'message',*'seq':3,*}"); /* in order */
    EXPECT(carol, "{'type':'edit',*'seq':1,*'content':'secret',*}");
    EXPECT(carol, "{'type':'reaction',*'seq':2,*}");
    EXPECT(carol, "{'type':'delete',*'seq':1,*}");
    EXPECT(bob, "{'type':'message',*'seq':3,*}");
    EXPECT_NOTHING(bob);
    react(bob, "den", 2, "+", true);
    EXPECT_REFUSED(bob, "unknown_message");
    edit(alice, "den", 3, "m3, that is");
    EXPECT(bob, "{'type':'edit',*'seq':3,*}");
    make(alice, "den", "carol", RANK_MEMBER); /* she came when there were two */
    AWAIT(carol, "{'type':'moderation',*'action':'role',*}");
    edit(alice, "den", 2, "secret");
    EXPECT_NOTHING(carol);
    stage_fini(&s);
}

/* One who has been in too many rooms is new in the first again, whatever it reads there. */
static void who_is_forgotten_sees_less(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = den(&s, 1), *bob = person(&s, "bob");
    come_in(bob, "den");
    chat(alice, "den", 2, 2);
    SEES(bob, 2, 3);
    come_in(bob, "busy");
    say(bob, "busy", "m1", NULL);
    for (int i = 0; i < MARKS_MAX; i++) {
        char room[16];
        snprintf(room, sizeof room, "r%d", i);
        join_too(bob, room, NULL);
        say(bob, room, "m1", NULL);
        ask(bob, about_message(bob, REQUEST_MARK, room, 1));
        part(bob, room, NULL);
        probe_skip(bob);
    }
    probe_skip(alice);
    SEES(bob, 1, 0);
    ask(bob, about_message(bob, REQUEST_MARK, "den", 3));
    chat(alice, "den", 4, 1);
    SEES(bob, 4, 4);
    stage_fini(&s);
}

static void it_is_known_when_the_disk_is_well_again(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 256);
    struct probe *alice = den(&s, 0), *bob;
    chat_kept(alice, "den", 1, 2);
    stage_disk(&s, false);
    bob = person(&s, "bob");
    come_in(bob, "den");
    chat(alice, "den", 3, 2);
    SEES(bob, 3, 4);
    stage_disk(&s, true);
    chat_kept(alice, "den", 5, 1);
    stage_restart(&s);
    SEES(person(&s, "bob"), 3, 5);
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_begins_where_it_came),
        cmocka_unit_test(who_comes_back_goes_on_above_it),
        cmocka_unit_test(a_gap_begins_there),
        cmocka_unit_test(who_is_in_has_seen_it),
        cmocka_unit_test(an_open_room_hides_nothing),
        cmocka_unit_test(what_is_hidden_is_not_told_of),
        cmocka_unit_test(who_is_forgotten_sees_less),
        cmocka_unit_test(it_is_known_when_the_disk_is_well_again),
    };
    return RUN_STAGED(argc, argv, "hub and rooms that hide their past", tests);
}
