/* Keeping less: what is too old, too many or too much goes, from the front, and seq counts on. */
#include "helpers.h"

#include <inttypes.h>

static void keep(struct shop *s, int64_t age_ms, uint64_t per_room, uint64_t bytes)
{
    store_set_retention(s->store, &(struct retention){age_ms, per_room, bytes});
}

static uint64_t first_of(struct shop *s, const char *room)
{
    struct log_head h;
    assert_int_equal(store_head(s->store, room, &h), 0);
    return h.first;
}

static void say(struct shop *s, const char *room, uint64_t from, uint64_t to)
{
    struct change *c = change_new();
    if (from == 1)
        add_epoch(c, room, "e", 0);
    add_messages(c, room, from, to);
    shop_put(s, c, 0);
}

static void without_limits_all_is_kept(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    say(s, "den", 1, 2000);
    /* Time enough for a look: a log that is gone is swept in one. */
    say(s, "gone", 1, 1);
    struct change *c = change_new();
    name(change_add(c, RECORD_LOG_GONE)->room, "gone");
    shop_put(s, c, 0);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM logs") == 1);
    shop_head(s, "den", "e", 1, 2000);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), 2000);
    shop_free(s);
}

static void what_is_too_old_goes_from_all_rooms(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    int64_t now = clock_wall_ms(), old = now - INT64_C(3600000);
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    add_epoch(c, "pub", "e", 0);
    add_epoch(c, "old", "e", 0);
    for (uint64_t seq = 1; seq <= 1500; seq++) {
        add_said(c, "den", a_message(seq, seq <= 1400 ? old : now, "", "x"));
        add_said(c, "pub", a_message(seq, seq <= 10 ? old - 1 : now, "", "x"));
        if (seq <= 700)
            add_said(c, "old", a_message(seq, old, "", "x"));
    }
    add_reaction(c, RECORD_REACTION, "den", 1400, "u1", "+");
    add_reaction(c, RECORD_REACTION, "den", 1401, "u1", "+");
    shop_put(s, c, 0);
    keep(s, 60000, 0, 0);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM messages") == 100 + 1490);
    shop_head(s, "den", "e", 1401, 1500);
    shop_head(s, "pub", "e", 11, 1500);
    shop_head(s, "old", "e", 0, 700); /* counts on */
    assert_int_equal(shop_count(s, "SELECT count(*) FROM reactions"), 1);
    shop_said(s, "old", 1, 300, "first 0");

    /* A new version of what is gone does not bring it back; a new message comes after it. */
    c = change_new();
    add_said(c, "old", a_message(700, now, "", "again"));
    add_said(c, "old", a_message(701, now, "", "new"));
    add_reaction(c, RECORD_REACTION, "old", 700, "u1", "+");
    shop_put(s, c, 0);
    shop_head(s, "old", "e", 701, 701);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM reactions"), 1);
    shop_kept(s, "");
    shop_head(s, "den", "e", 1401, 1500);
    shop_head(s, "old", "e", 701, 701);
    shop_free(s);
}

/* The clock went back: what is left is one stretch all the same. */
static void a_log_has_no_holes(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    int64_t now = clock_wall_ms(), old = now - INT64_C(3600000);
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    for (uint64_t seq = 1; seq <= 1000; seq++)
        add_said(c, "den", a_message(seq, seq == 900 ? old : now, "", "x"));
    shop_put(s, c, 0);
    keep(s, 60000, 0, 0);
    SHOP_UNTIL(first_of(s, "den") == 901);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), 100);
    shop_free(s);
}

static void of_a_room_so_many_are_kept(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    say(s, "den", 1, 3000);
    say(s, "pub", 1, 10);
    say(s, "bar", 1, 11);
    keep(s, 0, 10, 0);
    SHOP_UNTIL(first_of(s, "den") == 2991 && first_of(s, "bar") == 2);
    shop_head(s, "pub", "e", 1, 10);
    /* From now on, too. */
    say(s, "pub", 11, 30);
    say(s, "den", 3001, 3001);
    SHOP_UNTIL(first_of(s, "pub") == 21 && first_of(s, "den") == 2992);
    shop_head(s, "pub", "e", 21, 30);
    shop_head(s, "bar", "e", 2, 11);
    keep(s, 0, 3, 0);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM messages") == 9);
    keep(s, 0, 0, 0);
    say(s, "bar", 12, 30);
    shop_kept(s, "");
    shop_head(s, "bar", "e", 9, 30);
    shop_free(s);
}

/* More of them than are remembered one by one. */
static void so_many_rooms_with_too_many(void **state)
{
    (void)state;
    enum { N = 2500 };
    struct shop *s = shop_started();
    keep(s, 0, 2, 0);
    struct change *c = change_new();
    for (int i = 0; i < N; i++) {
        char room[16];
        snprintf(room, sizeof room, "room %d", i);
        add_epoch(c, room, "e", 0);
        add_messages(c, room, 1, 4);
    }
    shop_put(s, c, 0);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM messages") == 2 * N);
    assert_int_equal(shop_count(s, "SELECT min(removed) FROM logs"), 2);
    assert_int_equal(shop_count(s, "SELECT max(removed) FROM logs"), 2);
    shop_free(s);
}

/* What is in use, of what is removed when it is too much. */
static int64_t in_use(struct shop *s)
{
    return shop_count(s, s->url != NULL ? "SELECT bytes FROM words_mark"
                                        : "SELECT (page_count - freelist_count) * page_size FROM"
                                          " pragma_page_count, pragma_freelist_count,"
                                          " pragma_page_size");
}

static const char *all_counted(void)
{
    return shop_postgres != NULL
               ? "SELECT count(*) FROM messages m, words_mark w WHERE m.ts >= w.ts"
               : "SELECT 0";
}

static void the_file_does_not_grow_beyond_its_limit(void **state)
{
    (void)state;
    const int64_t limit = shop_postgres != NULL ? 4000000 : 1000000;
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "a", "e", 0);
    add_epoch(c, "b", "e", 0);
    for (uint64_t seq = 1; seq <= 20000; seq++)
        add_said(c, seq % 2 == 0 ? "a" : "b", a_message((seq + 1) / 2, (int64_t)seq, "", "x"));
    shop_put(s, c, 0);
    SHOP_UNTIL(in_use(s) > limit && shop_count(s, all_counted()) == 0);
    keep(s, 0, 0, (uint64_t)limit);
    SHOP_UNTIL(in_use(s) <= limit);
    /* The oldest of both, and no more than need be. */
    uint64_t a = first_of(s, "a"), b = first_of(s, "b");
    assert_in_range(a, b - 1, b + 1);
    assert_in_range(a, 2, 9999);
    assert_true(in_use(s) > limit * 9 / 10);
    shop_free(s);
}

/* What PostgreSQL is taken to use is about what its tables have when there is nothing else in them. */
static void what_is_counted_is_what_there_is(void **state)
{
    (void)state;
    if (shop_postgres == NULL)
        skip(); /* its pages are counted */
    static const char words[] =
        "it was a bright cold day in april and the clocks were striking 13 ";
    for (size_t length = 4; length <= 200; length = length == 4 ? 60 : length + 140) {
        struct shop *s = shop_started();
        struct change *c = change_new();
        add_epoch(c, "den", "e", 0);
        for (uint64_t seq = 1; seq <= 6000; seq++) {
            char content[240];
            int n = snprintf(content, sizeof content, "%" PRIu64 " ", seq * seq);
            for (size_t at = (size_t)n; at < length; at++)
                content[at] = words[(seq * 7 + at) % (sizeof words - 1)];
            content[length] = '\0';
            add_said(c, "den", a_message(seq, (int64_t)seq, "c1", content));
        }
        shop_put(s, c, 0);
        SHOP_UNTIL(shop_count(s, all_counted()) == 0);
        shop_exec(s, "VACUUM FULL messages");
        shop_exec(s, "VACUUM FULL words");
        int64_t there = shop_count(s, "SELECT pg_total_relation_size('messages')"
                                      " + pg_total_relation_size('words')");
        assert_in_range(in_use(s), there * 7 / 10, there * 13 / 10);
        shop_free(s);
    }
}

static uint64_t answers; /* atomic */

static void count(void *arg, struct change *c, int err)
{
    (void)arg;
    INSIST(err == 0);
    __atomic_fetch_add(&answers, 1, __ATOMIC_RELAXED);
    change_free(c);
}

/* It is busy, and finds the time. */
static void old_ones_go_while_new_ones_come(void **state)
{
    (void)state;
    enum { AHEAD = 8, EACH = 20, KEPT = 100 };
    struct shop *s = shop_new();
    shop_open(s);
    keep(s, 0, KEPT, 0);
    answers = 0; /* it runs once per database */
    assert_int_equal(store_start(s->store, count, NULL), 0);
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    shop_post(s, c);
    uint64_t posted = 1, seq = 0;
    int64_t end = clock_now() + TEST_SECONDS * NS_PER_S;
    while (first_of(s, "den") < 1000) { /* something always waits */
        assert_true(clock_now() < end);
        while (posted - __atomic_load_n(&answers, __ATOMIC_RELAXED) < AHEAD) {
            c = change_new();
            add_messages(c, "den", seq + 1, seq + EACH);
            seq += EACH;
            posted++;
            shop_post(s, c);
        }
    }
    SHOP_UNTIL(first_of(s, "den") == seq - KEPT + 1);
    shop_free(s);
}

/* It says so once, writes on, and goes on when it can. */
static void what_cannot_be_removed_stays(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    say(s, "den", 1, 20);
    shop_exec(s, s->url != NULL
                     ? "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS"
                       " 'BEGIN RAISE EXCEPTION ''no''; END';"
                       "CREATE TRIGGER stop BEFORE DELETE ON messages EXECUTE FUNCTION stop()"
                     : "CREATE TRIGGER stop BEFORE DELETE ON messages"
                       " BEGIN SELECT raise(ABORT, 'no'); END");
    keep(s, 0, 10, 0);
    say(s, "gone", 1, 1);
    struct change *c = change_new();
    name(change_add(c, RECORD_LOG_GONE)->room, "gone");
    shop_put(s, c, 0);
    say(s, "den", 21, 30);
    shop_head(s, "den", "e", 1, 30);
    assert_true(shop_is_well(s));
    shop_exec(s, s->url != NULL ? "DROP TRIGGER stop ON messages" : "DROP TRIGGER stop");
    SHOP_UNTIL(first_of(s, "den") == 21);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM logs") == 1);
    shop_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_all_is_kept),
        cmocka_unit_test(what_is_too_old_goes_from_all_rooms),
        cmocka_unit_test(a_log_has_no_holes),
        cmocka_unit_test(of_a_room_so_many_are_kept),
        cmocka_unit_test(so_many_rooms_with_too_many),
        cmocka_unit_test(the_file_does_not_grow_beyond_its_limit),
        cmocka_unit_test(what_is_counted_is_what_there_is),
        cmocka_unit_test(old_ones_go_while_new_ones_come),
        cmocka_unit_test(what_cannot_be_removed_stays),
    };
    return SHOP_TESTS(argc, argv, "retention", tests);
}
