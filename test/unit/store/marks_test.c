/* How far people have read, and what mentions them: kept, found again, and gone with what was said. */
#include "helpers.h"

#include <hubbub/archive.h>

static void add_mark(struct change *c, const char *room, const char *user_id, uint64_t seq,
                     int64_t ts)
{
    struct record *r = add_user(c, RECORD_MARK, room, user_id);
    r->seq = seq;
    r->ts = clock_wall_ms() + ts;
}

/* Said at that moment; mentions as on the wire. */
static void add_mention(struct change *c, const char *room, uint64_t seq, int64_t ts,
                        const char *mentions)
{
    struct message *plain = a_message(seq, ts, "", "x"), like = *plain;
    like.mentions = mentions;
    add_said(c, room, message_new(&like));
    message_unref(plain);
}

static struct change *two_logs(void)
{
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    add_epoch(c, "pub", "e", 0);
    return c;
}

/* ---- marks --------------------------------------------------------------------------------------- */

static void a_mark_goes_on_and_never_back(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = two_logs();
    add_mark(c, "den", "u1", 3, 0);
    add_mark(c, "pub", "u1", 1, 1);
    add_mark(c, "den", "u2", 9, 0);
    shop_put(s, c, 0);
    shop_marked(s, "u1", "pub 1, den 3");
    c = change_new();
    add_mark(c, "den", "u1", 5, 2);
    add_mark(c, "pub", "u1", 0, 2);
    add_mark(c, "den", "u2", 8, 2);
    add_mark(c, "nowhere", "u1", 8, 2);
    shop_put(s, c, 0);
    for (int life = 0; life < 2; life++) {
        shop_marked(s, "u1", "den 5");
        shop_marked(s, "u2", "den 9");
        shop_marked(s, "u3", "");
        shop_kept(s, "");
    }
    shop_free(s);
}

static void since_when_is_said_once(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = two_logs();
    add_mark(c, "den", "u1", 0, 0);
    c->last->since = 1; /* nothing was said there yet */
    add_mark(c, "pub", "u1", 6, 1);
    c->last->since = 7;
    shop_put(s, c, 0);
    shop_marked(s, "u1", "pub 6 since 7, den 0 since 1");
    c = change_new();
    add_mark(c, "den", "u1", 4, 2);
    c->last->since = 5;
    add_mark(c, "pub", "u1", 6, 3);
    c->last->since = 3;
    shop_put(s, c, 0);
    for (int life = 0; life < 2; life++) {
        shop_marked(s, "u1", "den 4 since 1, pub 6 since 7");
        shop_kept(s, "");
    }
    shop_start(s);
    c = change_new();
    add_mark(c, "pub", "u1", 0, 4);
    shop_put(s, c, 0);
    shop_marked(s, "u1", "den 4 since 1");
    shop_free(s);
}

static void marks_go_with_the_log_and_with_time(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = two_logs();
    add_messages(c, "den", 1, 2);
    add_mark(c, "den", "u1", 2, 0);
    add_mark(c, "pub", "u1", 1, INT64_C(-1000) * 86400 * 401);
    shop_put(s, c, 0);
    shop_marked(s, "u1", "den 2, pub 1");
    c = change_new();
    name(change_add(c, RECORD_LOG_GONE)->room, "den");
    add_epoch(c, "den", "f", 0);
    shop_put(s, c, 0);
    shop_marked(s, "u1", "pub 1");
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM marks") == 1);
    shop_kept(s, "");
    shop_marked(s, "u1", "");
    assert_int_equal(shop_count(s, "SELECT count(*) FROM marks"), 0);
    shop_free(s);
}

static void the_latest_thousand_are_read(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = change_new();
    char room[24];
    for (int i = 0; i <= MARKS_MAX; i++) {
        snprintf(room, sizeof room, "r%d", i);
        add_epoch(c, room, "e", 0);
        add_mark(c, room, "u1", 1, i);
    }
    shop_put(s, c, 0);
    struct mark_page page;
    assert_int_equal(store_marks(s->store, "u1", &page), 0);
    assert_int_equal(page.n, MARKS_MAX);
    snprintf(room, sizeof room, "r%d", MARKS_MAX);
    assert_string_equal(page.rows[0].room, room);
    assert_string_equal(page.rows[MARKS_MAX - 1].room, "r1");
    free(page.rows);
    shop_free(s);
}

/* ---- mentions ------------------------------------------------------------------------------------ */

static void mentions_are_found_newest_first(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = two_logs();
    add_mention(c, "den", 1, 10, "\"mentions\":[\"u2\",\"o'\\\"n\\\\\"]");
    add_mention(c, "pub", 1, 20, "\"mentions\":[\"u2\"],\"mentionsRoom\":true");
    add_mention(c, "den", 2, 20, "\"mentionsRoom\":true");
    add_mention(c, "den", 3, 20, "\"mentions\":[\"u2\"]");
    add_mention(c, "pub", 2, 5, "\"mentions\":[\"u2\"]");
    add_reaction(c, RECORD_REACTION, "den", 1, "u1", "+");
    add_reaction(c, RECORD_REACTION, "den", 1, "u2", "+");
    add_reaction(c, RECORD_REACTION, "pub", 2, "u2", "-");
    shop_put(s, c, 0);
    for (int life = 0; life < 2; life++) {
        shop_mentioned(s, "u2", 9, "pub 1, den 3, den 1 + 2, pub 2 - 1");
        shop_mentioned(s, "o'\"n\\", 9, "den 1 + 2");
        shop_mentioned(s, "u1", 9, "");
        struct found_place at = shop_mentioned_after(s, "u2", NULL, 1, "pub 1");
        at = shop_mentioned_after(s, "u2", &at, 2, "den 3, den 1 + 2");
        shop_mentioned_after(s, "u2", &at, 2, "pub 2 - 1");
        shop_kept(s, "");
    }
    struct history_page page;
    assert_int_equal(store_read(s->store, "pub", 1, 1, &page), 0);
    assert_string_equal(page.rows[0].message->mentions,
                        "\"mentions\":[\"u2\"],\"mentionsRoom\":true");
    history_page_fini(&page);
    shop_free(s);
}

static void a_new_version_is_found_once_and_a_tombstone_not(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    for (int twice = 0; twice < 2; twice++) {
        struct change *c = two_logs();
        add_mention(c, "den", 1, 10, "\"mentions\":[\"u2\"]");
        add_mention(c, "den", 2, 11, "\"mentions\":[\"u2\"]");
        shop_put(s, c, 0);
        shop_mentioned(s, "u2", 9, "den 2, den 1");
    }
    struct change *c = change_new();
    struct message *plain = a_message(1, 10, "", ""), like = *plain;
    like.deleted = true;
    add_said(c, "den", message_new(&like));
    message_unref(plain);
    shop_put(s, c, 0);
    shop_mentioned(s, "u2", 9, "den 2");
    assert_int_equal(shop_count(s, "SELECT count(*) FROM mentions"), 1);
    shop_free(s);
}

static void mentions_go_with_what_was_said(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = two_logs();
    for (uint64_t seq = 1; seq <= 5; seq++) {
        add_mention(c, "den", seq, (int64_t)seq, "\"mentions\":[\"u2\"]");
        add_mention(c, "pub", seq, (int64_t)seq, "\"mentions\":[\"u2\"]");
    }
    shop_put(s, c, 0);
    store_set_retention(s->store, &(struct retention){.per_room = 2});
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM mentions") == 4);
    c = change_new();
    name(change_add(c, RECORD_LOG_GONE)->room, "den");
    shop_put(s, c, 0);
    shop_mentioned(s, "u2", 9, "pub 5, pub 4");
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM mentions") == 2);
    /* What is too old to be kept does not come back. */
    c = change_new();
    add_mention(c, "pub", 1, 1, "\"mentions\":[\"u2\"]");
    shop_put(s, c, 0);
    shop_mentioned(s, "u2", 9, "pub 5, pub 4");
    shop_free(s);
}

static void what_is_erased_is_mentioned_no_more(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = two_logs();
    add_mention(c, "den", 1, 1, "\"mentions\":[\"u2\",\"u3\"],\"mentionsRoom\":true");
    add_mention(c, "den", 2, 2, "\"mentions\":[\"u2\"]");
    add_mention(c, "den", 3, 3, "\"mentions\":[\"u2\"],\"mentionsRoom\":true");
    add_mark(c, "den", "u2", 3, 0);
    shop_put(s, c, 0);
    shop_close(s);
    struct erased done;
    char why[256] = "";
    assert_int_equal(archive_erase(s->directory, s->url, "u2", &done, why, sizeof why), 0);
    assert_int_equal(done.mentions, 3);
    assert_int_equal(done.marks, 1);
    shop_open(s);
    shop_mentioned(s, "u2", 9, "");
    shop_marked(s, "u2", "");
    shop_mentioned(s, "u3", 9, "den 1");
    static const char *const left[] = {"\"mentions\":[\"u3\"],\"mentionsRoom\":true", "",
                                       "\"mentionsRoom\":true"};
    struct history_page page;
    assert_int_equal(store_read(s->store, "den", 1, 3, &page), 0);
    for (size_t i = 0; i < 3; i++) {
        /* Patching may put the members in another order. */
        assert_int_equal(strlen(page.rows[i].message->mentions), strlen(left[i]));
        assert_null(strstr(page.rows[i].message->mentions, "u2"));
    }
    history_page_fini(&page);
    /* What the other one said goes, too. */
    shop_close(s);
    assert_int_equal(archive_erase(s->directory, s->url, "u1", &done, why, sizeof why), 0);
    shop_open(s);
    shop_mentioned(s, "u3", 9, "");
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages WHERE mentions <> ''"), 0);
    shop_free(s);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_goes_on_and_never_back),
        cmocka_unit_test(since_when_is_said_once),
        cmocka_unit_test(marks_go_with_the_log_and_with_time),
        cmocka_unit_test(the_latest_thousand_are_read),
        cmocka_unit_test(mentions_are_found_newest_first),
        cmocka_unit_test(a_new_version_is_found_once_and_a_tombstone_not),
        cmocka_unit_test(mentions_go_with_what_was_said),
        cmocka_unit_test(what_is_erased_is_mentioned_no_more),
    };
    return SHOP_TESTS(argc, argv, "marks", tests);
}
