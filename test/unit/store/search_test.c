/* Words: what is found, before and after it is in the index, and that the index has just what is there. */
#include "helpers.h"

#include <sqlite3.h>

#define CHECK "INSERT INTO words (words, rank) VALUES ('integrity-check', 1)"
#define ALL_INDEXED(s) SHOP_UNTIL(behind(s) == 0)
/* Which messages have words, and that what they take is added up. */
#define PG_CHECK                                                                                \
    "SELECT (SELECT count(*) FROM messages m FULL JOIN words w USING (log, seq), words_mark k" \
    " WHERE m.seq IS NULL OR (w.seq IS NULL) <> (m.ts >= k.ts) OR w.ts <> m.ts"                \
    " OR NOT w.words @@ ('#' || log)::tsquery)"                                                \
    " + abs((SELECT bytes FROM words_mark) - (SELECT coalesce(sum(bytes), 0) FROM words))"

static int64_t behind(struct shop *s)
{
    return shop_count(s, s->url != NULL
                             ? "SELECT count(*) FROM messages m, words_mark w WHERE m.ts >= w.ts"
                             : "SELECT count(*) FROM messages m, words_mark w"
                               " WHERE (m.ts, m.id) > (w.ts, w.id)");
}

static int64_t indexed(struct shop *s)
{
    return shop_count(s, s->url != NULL ? "SELECT count(*) FROM words"
                                        : "SELECT count(*) FROM words_docsize");
}

static struct change *said(const char *room, uint64_t seq, int64_t ts, const char *content)
{
    struct change *c = change_new();
    add_epoch(c, room, "e", 0);
    add_said(c, room, a_message(seq, ts, "", content));
    return c;
}

/* Its terms are those of the messages up to the mark, no others. */
static void assert_sound(struct shop *s)
{
    sqlite3 *db;
    if (s->url != NULL) {
        assert_int_equal(shop_count(s, PG_CHECK), 0);
        return;
    }
    assert_int_equal(sqlite3_open(s->file, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, TEST_SECONDS * 1000);
    assert_int_equal(sqlite3_exec(db, CHECK, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void the_latest_come_first_then_what_fits(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, said("den", 1, 10, "fox"), 0);
    shop_put(s, said("den", 2, 20, "a fox among very many other words of no weight"), 0);
    shop_put(s, said("pub", 1, 30, "fox"), 0);
    shop_found(s, NULL, "fox", "pub 1, den 2, den 1");
    ALL_INDEXED(s);
    shop_found(s, NULL, "fox", "pub 1, den 1, den 2");
    shop_found(s, "den", "fox", "den 1, den 2");
    shop_found(s, "nowhere", "fox", "");
    shop_put(s, said("den", 3, 40, "fox of late"), 0);
    shop_found(s, NULL, "fo", "den 3, pub 1, den 1, den 2");
    ALL_INDEXED(s);
    assert_sound(s);
    shop_free(s);
}

static void changes_reach_the_index_at_once(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, said("den", 1, 10, "fox"), 0);
    shop_put(s, said("den", 2, 20, "fox"), 0);
    ALL_INDEXED(s);
    struct message *m = a_message(1, 10, "", "hen");
    m->edited_ts = 30;
    struct change *c = change_new();
    add_said(c, "den", m);
    m = a_message(2, 20, "", "");
    m->deleted = true;
    add_said(c, "den", m);
    add_said(c, "den", a_message(3, 15, "", "late fox")); /* the clock went back */
    shop_put(s, c, 0);
    assert_int_equal(behind(s), 0);
    shop_found(s, NULL, "fox", "den 3");
    shop_found(s, NULL, "hen", "den 1");
    assert_sound(s);
    c = change_new();
    name(change_add(c, RECORD_LOG_GONE)->room, "den");
    shop_put(s, c, 0);
    shop_found(s, NULL, "hen", "");
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM messages") == 0);
    assert_int_equal(indexed(s), 0);
    assert_sound(s);
    shop_free(s);
}

static void what_is_not_kept_leaves_the_index(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    add_messages(c, "den", 1, 1000);
    shop_put(s, c, 0);
    ALL_INDEXED(s);
    assert_int_equal(indexed(s), 1000);
    store_set_retention(s->store, &(struct retention){.per_room = 10});
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM messages") == 10);
    assert_int_equal(indexed(s), 10);
    assert_sound(s);
    shop_free(s);
}

/* In whatever state: messages are written, and it is made anew. */
static void a_damaged_index_holds_up_nobody(void **state)
{
    (void)state;
    if (shop_postgres != NULL)
        skip(); /* it is the database that minds its pages there */
    struct shop *s = shop_started();
    shop_put(s, said("den", 1, 10, "fox"), 0);
    ALL_INDEXED(s);
    shop_close(s);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(s->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE words_data SET block = x'00'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    shop_open(s);
    shop_start(s);
    struct message *m = a_message(1, 10, "", "hen");
    m->edited_ts = 20;
    struct change *c = change_new();
    add_said(c, "den", m);
    shop_put(s, c, 0);
    ALL_INDEXED(s);
    shop_found(s, NULL, "hen", "den 1");
    assert_sound(s);
    shop_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_come_first_then_what_fits),
        cmocka_unit_test(changes_reach_the_index_at_once),
        cmocka_unit_test(what_is_not_kept_leaves_the_index),
        cmocka_unit_test(a_damaged_index_holds_up_nobody),
    };
    return SHOP_TESTS(argc, argv, "search", tests);
}
