/* Questions that are waited for: what happens to a room while something is fetched for it. Here the test is the asker,
 * one step at a time, and what it fetches may be old by the time it brings it. */
#include "past.h"

#include "hub/errand.h"
#include "store/store_private.h"

static void errand_init(struct errand *x)
{
    *x = (struct errand){.have = NEED_MARKS}; /* of who has just come: foreseen */
    outbox_init(&x->done, NULL, NULL, NULL, 1, 0);
}

/* The hub may still be inside outbox_post() when the answer is there already. */
static void errand_fini(struct errand *x)
{
    rcu_barrier();
    history_page_fini(&x->page);
    request_fini(&x->request);
    buf_fini(&x->text);
    outbox_fini(&x->done);
}

/* Asks, and waits until the hub has done what it can: what it lacks is in x->need. */
static void put(struct errand *x, struct probe *p, struct event *e)
{
    struct frame *f;
    x->need = 0;
    e->errand = x;
    assert_int_equal(hub_post(p->stage->hub, &e, DEADLINE_NEVER), 0);
    assert_int_equal(outbox_take(&x->done, &f, 1, DEADLINE_NEVER), 1);
    frame_unref(f, 1);
}

/* The same again, with what was fetched. */
static void bring(struct errand *x, struct probe *p)
{
    struct event *e = event_new(EVENT_REQUEST);
    e->session = p->session;
    e->request = x->request;
    x->request = (struct request){0};
    x->tries++;
    put(x, p, e);
}

static void fetch_head(struct errand *x, struct probe *p)
{
    x->err = store_head(p->stage->store, "den", &x->head);
    assert_int_equal(x->err, 0);
    x->have |= NEED_HEAD;
}

static void fetch_page(struct errand *x, struct probe *p)
{
    history_page_fini(&x->page);
    x->err = store_read(p->stage->store, x->room, x->from, x->to, &x->page);
    assert_int_equal(x->err, 0);
    x->have |= NEED_PAGE;
}

static struct event *coming_with(struct probe *p, uint32_t history)
{
    struct event *e = coming(p, "den");
    e->request.args->history = history;
    return e;
}

static struct event *asking_for(struct probe *p, uint64_t before, uint32_t limit)
{
    struct event *e = about(p, REQUEST_HISTORY, "den", NULL);
    e->request.args->from = HISTORY_BEFORE;
    e->request.args->at = before;
    e->request.args->limit = limit;
    return e;
}

/* Until the room is only on the disk. */
static void await_gone(struct probe *p, const char *room)
{
    const struct directory *d = hub_directory(p->stage->hub);
    int64_t until = clock_now() + STAGE_PATIENCE;
    for (bool there = true; there;) {
        hub_fence(p->stage->hub);
        rcu_read_lock();
        there = directory_find_room(d, room) != NULL;
        rcu_read_unlock();
        assert_true(clock_now() < until);
    }
}

/* alice says this in "den", beginning with number seq, and goes. */
static void visit(struct probe *alice, uint64_t seq, int n)
{
    come_in(alice, "den");
    chat_kept(alice, "den", seq, n);
    part(alice, "den", NULL);
    await_gone(alice, "den");
    probe_skip(alice);
}

/* ---- heads ----------------------------------------------------------------------------------------- */

static void a_room_goes_on_where_its_log_ends(void **state)
{
    (void)state;
    struct stage s;
    struct errand x;
    stage_init_past(&s, 5);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    visit(alice, 1, 10);
    errand_init(&x);
    put(&x, bob, coming_with(bob, 0));
    assert_int_equal(x.need, NEED_HEAD);
    EXPECT_NOTHING(bob); /* nobody is told anything yet */
    fetch_head(&x, bob);
    bring(&x, bob);
    assert_int_equal(x.need, 0);
    EXPECT(bob, "{'type':'ok',*'seq':10,*}");
    errand_fini(&x);
    stage_fini(&s);
}

static void a_head_is_old_when_the_room_was_there_meanwhile(void **state)
{
    (void)state;
    struct stage s;
    struct errand x;
    stage_init_past(&s, 5);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    visit(alice, 1, 10);
    errand_init(&x);
    put(&x, bob, coming_with(bob, 0));
    fetch_head(&x, bob);
    visit(alice, 11, 3); /* it came, something was said, and it is gone again */
    bring(&x, bob);
    assert_int_equal(x.need, NEED_HEAD);
    fetch_head(&x, bob);
    bring(&x, bob);
    assert_int_equal(x.need, 0);
    EXPECT(bob, "{'type':'ok',*'seq':13,*}");
    say(bob, "den", "m14", "7");
    AWAIT(bob, "{'type':'ok','id':'7',*'seq':14,*}");
    errand_fini(&x);
    stage_fini(&s);
}

static void a_head_is_not_needed_when_the_room_is_there_again(void **state)
{
    (void)state;
    struct stage s;
    struct errand x;
    stage_init_past(&s, 5);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    visit(alice, 1, 10);
    errand_init(&x);
    put(&x, bob, coming_with(bob, 12));
    fetch_head(&x, bob);
    come_in(alice, "den");
    chat_kept(alice, "den", 11, 2);
    bring(&x, bob);
    assert_int_equal(x.need, NEED_PAGE); /* the older ones */
    assert_true(x.from == 1 && x.to == 10);
    fetch_page(&x, bob);
    chat_kept(alice, "den", 13, 1);
    bring(&x, bob);
    assert_int_equal(x.need, 0);
    EXPECT(bob, "{'type':'ok',*'seq':13,*}");
    EXPECT_CHAT(bob, 2, 13); /* twelve, as of now */
    errand_fini(&x);
    stage_fini(&s);
}

static void a_position_in_a_log_that_is_gone_is_none(void **state)
{
    (void)state;
    struct stage s;
    struct errand x;
    stage_init_past(&s, 5);
    struct probe *alice = person(&s, "alice");
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    char epoch[EPOCH_MAX + 1];
    strcpy(epoch, come_in(alice, "den"));
    chat_kept(alice, "den", 1, 10);
    stage_restart(&s);
    alice = person(&s, "alice");
    struct probe *bob = person(&s, "bob");
    come_in(alice, "den");
    errand_init(&x);
    struct event *e = coming(bob, "den");
    e->request.args->since_given = true;
    e->request.args->since = 10;
    strcpy(e->request.args->epoch, epoch);
    put(&x, bob, e);
    assert_int_equal(x.need, NEED_POSITION);
    assert_int_equal(store_knows_position(s.store, "den", epoch, 10, &x.position_good), 0);
    assert_true(x.position_good);
    x.have |= NEED_POSITION;
    await_clock();
    act(alice, REQUEST_DESTROY, "den", NULL); /* and all that was said there */
    AWAIT_OK(alice);
    come_in(alice, "den");
    chat_kept(alice, "den", 1, 12);
    bring(&x, bob);
    assert_int_equal(x.need, NEED_POSITION);
    assert_int_equal(store_knows_position(s.store, "den", epoch, 10, &x.position_good), 0);
    assert_false(x.position_good);
    x.have |= NEED_POSITION;
    bring(&x, bob);
    assert_int_equal(x.need, 0);
    EXPECT(bob, "{'type':'ok',*'seq':12,*'recovered':false,*}");
    errand_fini(&x);
    stage_fini(&s);
}

/* ---- pages ----------------------------------------------------------------------------------------- */

struct look {
    struct stage stage;
    struct errand errand;
    struct probe *alice, *bob;
};

/* Some messages, the latest five in memory; bob asks for those before the eleventh. */
static void look_init(struct look *l)
{
    stage_init_past(&l->stage, 5);
    l->alice = person(&l->stage, "alice");
    l->bob = person(&l->stage, "bob");
    create(l->alice, "den", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(l->alice);
    come_in(l->alice, "den");
    chat_kept(l->alice, "den", 1, 20);
    chat_kept(l->alice, "den", 21, 1); /* whereupon memory lets go of the older ones */
    probe_skip(l->alice);
    errand_init(&l->errand);
    put(&l->errand, l->bob, asking_for(l->bob, 11, 10));
    assert_int_equal(l->errand.need, NEED_PAGE);
    assert_true(l->errand.from == 1 && l->errand.to == 10);
    assert_string_equal(l->errand.room, "den");
}

static void look_fini(struct look *l)
{
    errand_fini(&l->errand);
    stage_fini(&l->stage);
}

static void a_page_stands_while_people_talk(void **state)
{
    (void)state;
    struct look l;
    look_init(&l);
    fetch_page(&l.errand, l.bob);
    chat_kept(l.alice, "den", 22, 20);
    edit(l.alice, "den", 40, "better"); /* what is in memory is in no page */
    react(l.alice, "den", 39, "+", true);
    AWAIT_OK(l.alice);
    bring(&l.errand, l.bob);
    assert_int_equal(l.errand.need, 0);
    EXPECT(l.bob, "{'type':'ok',*'first':1,'last':10,*'hasMoreAfter':true}");
    look_fini(&l);
}

/* A change is on its way when the page is read, which has the old version, and on the disk when it is brought. */
static void a_page_is_old_when_a_change_of_it_was_written(void **state)
{
    (void)state;
    struct look l;
    look_init(&l);
    stage_disk(&l.stage, false);
    take_back(l.alice, "den", 3);
    AWAIT_REFUSED(l.alice, "unavailable");
    fetch_page(&l.errand, l.bob);
    assert_false(l.errand.page.rows[2].message->deleted);
    stage_disk(&l.stage, true);
    take_back(l.alice, "den", 4);
    AWAIT_OK(l.alice);
    chat_kept(l.alice, "den", 22, 1); /* whereupon memory lets go of it */
    bring(&l.errand, l.bob);
    assert_int_equal(l.errand.need, NEED_PAGE);
    fetch_page(&l.errand, l.bob);
    assert_true(l.errand.page.rows[2].message->deleted);
    bring(&l.errand, l.bob);
    assert_int_equal(l.errand.need, 0);
    EXPECT(l.bob, "{'type':'ok',*{*'content':'','seq':3,*'deleted':true,'takenBack':true},*'first':"
                  "1,'last':10,*}");
    look_fini(&l);
}

static void a_page_of_a_log_that_is_gone_is_not_shown(void **state)
{
    (void)state;
    struct look l;
    look_init(&l);
    fetch_page(&l.errand, l.bob);
    await_clock();
    act(l.alice, REQUEST_DESTROY, "den", NULL);
    AWAIT_OK(l.alice);
    come_in(l.alice, "den");
    chat_kept(l.alice, "den", 1, 20);
    chat_kept(l.alice, "den", 21, 1);
    bring(&l.errand, l.bob);
    assert_int_equal(l.errand.need, NEED_PAGE);
    fetch_page(&l.errand, l.bob);
    bring(&l.errand, l.bob);
    assert_int_equal(l.errand.need, 0);
    EXPECT(l.bob, "{'type':'ok',*'first':1,'last':10,*'hasMoreAfter':true}");
    look_fini(&l);
}

static void it_is_not_asked_for_without_end(void **state)
{
    (void)state;
    struct look l;
    look_init(&l);
    l.errand.tries = ERRAND_TRIES - 1;
    bring(&l.errand, l.bob); /* empty-handed */
    assert_int_equal(l.errand.need, 0);
    EXPECT_REFUSED(l.bob, "unavailable");
    look_fini(&l);
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    struct look l;
    look_init(&l);
    l.errand.err = -1;
    l.errand.have = NEED_PAGE;
    bring(&l.errand, l.bob);
    assert_int_equal(l.errand.need, 0);
    EXPECT_REFUSED(l.bob, "unavailable");
    look_fini(&l);
}

/* Two want to change the same old message at once: neither undoes what the other did. */
static void two_changes_of_an_old_message_both_count(void **state)
{
    (void)state;
    struct look l;
    look_init(&l);
    struct errand *x = &l.errand;
    fetch_page(x, l.bob);
    bring(x, l.bob);
    probe_skip(l.bob);
    join_too(l.bob, "den", NULL);
    x->tries = 0;
    x->have = 0;
    struct event *e = about_message(l.bob, REQUEST_REACT, "den", 3);
    strcpy(e->request.args->emoji, "+");
    put(x, l.bob, e);
    assert_int_equal(x->need, NEED_PAGE);
    assert_true(x->from == 3 && x->to == 3);
    fetch_page(x, l.bob);
    edit(l.alice, "den", 3, "better");
    AWAIT_OK(l.alice);
    hub_fence(l.stage.hub);
    bring(x, l.bob);
    if (x->need != 0) { /* the edit is on the disk, and memory has let go of it */
        fetch_page(x, l.bob);
        bring(x, l.bob);
    }
    AWAIT_OK(l.bob);
    page(l.bob, "den", HISTORY_AROUND, 3, 1);
    AWAIT(l.bob, "{'type':'ok',*'content':'better',*'reactions':[{'emoji':'+','count':1,*}]*}");
    look_fini(&l);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_room_goes_on_where_its_log_ends),
        cmocka_unit_test(a_head_is_old_when_the_room_was_there_meanwhile),
        cmocka_unit_test(a_head_is_not_needed_when_the_room_is_there_again),
        cmocka_unit_test(a_position_in_a_log_that_is_gone_is_none),
        cmocka_unit_test(a_page_stands_while_people_talk),
        cmocka_unit_test(a_page_is_old_when_a_change_of_it_was_written),
        cmocka_unit_test(a_page_of_a_log_that_is_gone_is_not_shown),
        cmocka_unit_test(it_is_not_asked_for_without_end),
        cmocka_unit_test(what_cannot_be_read_is_said),
        cmocka_unit_test(two_changes_of_an_old_message_both_count),
    };
    return RUN_STAGED(argc, argv, "hub and its errands", tests);
}
