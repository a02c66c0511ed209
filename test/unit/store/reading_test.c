/* Pages of a log: what was asked for, one moment of it, while others read and one writes. */
#include "helpers.h"

static void pages_are_what_was_asked_for(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct history_page page;
    shop_put(s, a_log("den", "e", 1, 1000), 0);
    shop_said(s, "den", 1000, 1003, "first 1: 1000 u1 alice \"1000\" at 1000");
    shop_said(s, "den", 1001, 1300, "first 1");
    shop_said(s, "den", 5, 4, "first 1");
    shop_said(s, "den", 0, 1, "first 1: 1 u1 alice \"1\" at 1");
    assert_int_equal(store_read(s->store, "den", 401, 400 + HISTORY_MAX, &page), 0);
    assert_int_equal(page.n, HISTORY_MAX);
    for (size_t i = 0; i < page.n; i++)
        assert_int_equal(page.rows[i].message->seq, 401 + i);
    history_page_fini(&page);
    shop_free(s);
}

struct looker {
    struct shop *s;
    pthread_t thread;
    uint64_t seen;
    bool wrong, over; /* over: atomic */
};

enum { MANY = 3000 };

/* Until all is there: what is there never gets less, and has no holes. */
static void *look_on(void *arg)
{
    struct looker *l = arg;
    while (l->seen < MANY && !l->wrong) {
        struct log_head h;
        struct history_page page;
        l->wrong = store_head(l->s->store, "den", &h) != 0 || !h.exists || h.last < l->seen;
        if (l->wrong)
            break;
        l->seen = h.last;
        uint64_t from = h.last > 50 ? h.last - 50 : 1;
        l->wrong = store_read(l->s->store, "den", from, from + 60, &page) != 0;
        if (l->wrong)
            break;
        l->wrong = page.n < h.last - from + 1;
        for (size_t i = 0; i < page.n; i++)
            l->wrong |= page.rows[i].message->seq != from + i || page.rows[i].reactions.n != 1;
        history_page_fini(&page);
    }
    return NULL;
}

static void many_read_while_one_writes(void **state)
{
    (void)state;
    enum { LOOKERS = 5, EACH = 10 };
    struct looker lookers[LOOKERS];
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    shop_put(s, c, 0);
    for (int i = 0; i < LOOKERS; i++) {
        lookers[i] = (struct looker){.s = s};
        assert_int_equal(pthread_create(&lookers[i].thread, NULL, look_on, &lookers[i]), 0);
    }
    for (uint64_t seq = 1; seq <= MANY; seq += EACH) {
        c = change_new();
        for (uint64_t i = seq; i < seq + EACH; i++) {
            add_messages(c, "den", i, i);
            add_reaction(c, RECORD_REACTION, "den", i, "u1", "+");
        }
        shop_post(s, c);
    }
    for (int i = 0; i < LOOKERS; i++) {
        assert_int_equal(pthread_join(lookers[i].thread, NULL), 0);
        assert_false(lookers[i].wrong);
        assert_int_equal(lookers[i].seen, MANY);
    }
    shop_free(s);
}

/* Message and reaction change together, again and again. */
static struct change *turned(uint64_t round)
{
    struct change *c = change_new();
    bool on = round % 2 == 0;
    add_said(c, "den", a_message(1, 1, "", on ? "on" : "off"));
    add_reaction(c, on ? RECORD_REACTION : RECORD_REACTION_GONE, "den", 1, "u1", "+");
    return c;
}

static void *watch_turns(void *arg)
{
    struct looker *l = arg;
    while (!__atomic_load_n(&l->over, __ATOMIC_RELAXED) && !l->wrong) {
        struct history_page page;
        l->wrong = store_read(l->s->store, "den", 1, 1, &page) != 0;
        if (l->wrong)
            break;
        bool on = strcmp(page.rows[0].message->content, "\"on\"") == 0;
        l->wrong = page.rows[0].reactions.n != (on ? 1 : 0);
        l->seen++;
        history_page_fini(&page);
    }
    return NULL;
}

static void a_page_is_one_moment(void **state)
{
    (void)state;
    enum { TURNS = 3000 };
    struct shop *s = shop_started();
    struct looker l = {.s = s};
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    shop_put(s, c, 0);
    shop_put(s, turned(0), 0);
    assert_int_equal(pthread_create(&l.thread, NULL, watch_turns, &l), 0);
    for (uint64_t i = 1; i <= TURNS; i++)
        shop_put(s, turned(i), 0);
    __atomic_store_n(&l.over, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(l.thread, NULL), 0);
    assert_false(l.wrong);
    assert_true(l.seen > 0);
    shop_free(s);
}

static void what_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct log_head h = {.last = 77};
    struct history_page page = {.n = 0};
    bool known = true;
    struct shop *s = shop_started();
    shop_put(s, a_log("den", "e", 1, 1), 0);
    shop_exec(s, "DROP TABLE messages");
    assert_int_equal(store_head(s->store, "den", &h), ERR_SYSTEM);
    assert_int_equal(h.last, 77);
    assert_int_equal(store_read(s->store, "den", 1, 1, &page), ERR_SYSTEM);
    assert_int_equal(store_knows_position(s->store, "den", "e", 1, &known), ERR_SYSTEM);
    shop_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_what_was_asked_for),
        cmocka_unit_test(many_read_while_one_writes),
        cmocka_unit_test(a_page_is_one_moment),
        cmocka_unit_test(what_cannot_be_read_is_told),
    };
    return SHOP_TESTS(argc, argv, "reading", tests);
}
