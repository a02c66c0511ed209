/* What is said: every record of it, once and twice, read back, and what the next life is told of it. */
#include "helpers.h"

/* ---- messages -------------------------------------------------------------------------------------- */

/* The longest and oddest there may be. */
static struct change *everything(void)
{
    struct change *c = change_new();
    add_epoch(c, "den", "0123456789abcdef", 0);
    add_said(c, "den",
             message_new(&(struct message){.seq = 1,
                                           .ts = INT64_MAX,
                                           .user_id = "O'Neill; DROP TABLE logs;--",
                                           .username = "日本語",
                                           .id = "a \"b\" c",
                                           .content = "\"\\u0000 \xf0\x9f\xa6\x8a\" cut off here",
                                           .content_len = 13}));
    add_said(c, "den",
             message_new(&(struct message){.seq = 2,
                                           .ts = 5,
                                           .edited_ts = 6,
                                           .reply_to = 1,
                                           .user_id = "u2",
                                           .username = "bob",
                                           .id = "",
                                           .content = "\"\"",
                                           .content_len = 2}));
    add_reaction(c, RECORD_REACTION, "den", 1, "u2", "👍");
    add_reaction(c, RECORD_REACTION, "den", 1, "u1", "👍");
    add_reaction(c, RECORD_REACTION, "den", 1, "u1", "!");
    add_reaction(c, RECORD_REACTION, "den", 2, "u3", "12345678901234567890123456789012");
    return c;
}

#define EVERYTHING                                                                         \
    "first 1: 1 O'Neill; DROP TABLE logs;-- 日本語 \"\\u0000 \xf0\x9f\xa6\x8a\" "       \
    "at 9223372036854775807, id a \"b\" c, 👍 2, ! 1; 2 u2 bob \"\" at 5, to 1, edited " \
    "6, 12345678901234567890123456789012 1"

static void messages_come_back_whole(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, everything(), 0);
    shop_said(s, "den", 1, 2, EVERYTHING);
    shop_close(s);
    shop_open(s);
    shop_said(s, "den", 1, 2, EVERYTHING);
    shop_head(s, "den", "0123456789abcdef", 1, 2);
    shop_free(s);
}

static void twice_is_as_good_as_once(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, everything(), 0);
    shop_put(s, everything(), 0);
    shop_said(s, "den", 1, 2, EVERYTHING);
    shop_head(s, "den", "0123456789abcdef", 1, 2);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM epochs"), 1);
    shop_free(s);
}

static void a_copy_is_alike_and_apart(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = everything(), *copy = change_copy(c);
    change_free(c);
    shop_put(s, copy, 0);
    shop_said(s, "den", 1, 2, EVERYTHING);
    shop_free(s);
}

static void rooms_are_apart(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "a", "ea", 0);
    add_epoch(c, "b", "eb", 0);
    add_epoch(c, "A", "eA", 0);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        add_messages(c, "a", seq, seq);
        if (seq < 3)
            add_messages(c, "b", seq, seq);
    }
    add_messages(c, "A", 1, 1);
    add_reaction(c, RECORD_REACTION, "b", 2, "u1", "+");
    shop_put(s, c, 0);
    shop_said(s, "a", 1, 9,
              "first 1: 1 u1 alice \"1\" at 1; 2 u1 alice \"2\" at 2; 3 u1 alice \"3\" at 3");
    shop_said(s, "b", 1, 9, "first 1: 1 u1 alice \"1\" at 1; 2 u1 alice \"2\" at 2, + 1");
    shop_head(s, "a", "ea", 1, 3);
    shop_head(s, "b", "eb", 1, 2);
    shop_head(s, "A", "eA", 1, 1);
    shop_no_log(s, "c");
    shop_free(s);
}

/* More than the store's thread remembers: it looks them up again. */
static void so_many_rooms(void **state)
{
    (void)state;
    enum { N = 9000 };
    struct shop *s = shop_started();
    for (uint64_t seq = 1; seq <= 2; seq++) {
        struct change *c = change_new();
        for (int i = 0; i < N; i++) {
            char room[16];
            snprintf(room, sizeof room, "room %d", i);
            if (seq == 1)
                add_epoch(c, room, "e", 0);
            add_messages(c, room, seq, seq);
        }
        shop_put(s, c, 0);
    }
    assert_int_equal(shop_count(s, "SELECT count(*) FROM logs"), N);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), 2 * N);
    for (int i = 0; i < N; i++) {
        char room[16];
        snprintf(room, sizeof room, "room %d", i);
        shop_head(s, room, "e", 1, 2);
    }
    shop_free(s);
}

static struct change *said_in(const char *room, uint64_t seq, const char *epoch)
{
    struct change *c = change_new();
    add_epoch(c, room, epoch, seq - 1);
    add_said(c, room, a_message(seq, (int64_t)seq, "", "hello"));
    return c;
}

/* Rooms that come when all numbers are taken are not kept; those that are there go on. */
static void there_is_a_last_log(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    if (s->url != NULL) { /* where there is no end */
        shop_free(s);
        skip();
        return;
    }
    shop_put(s, said_in("den", 1, "e1"), 0);
    shop_exec(s, "INSERT INTO logs (log, room, removed) VALUES (8388606, 'pub', 0)");
    shop_put(s, said_in("last", 1, "e1"), 0);
    shop_put(s, said_in("inn", 1, "e1"), ERR_SYSTEM);
    shop_put(s, said_in("den", 2, "e2"), 0);
    shop_put(s, said_in("pub", 1, "e2"), 0);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), 4);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM epochs"), 4);
    assert_true(shop_is_well(s));
    shop_free(s);
}

static void a_message_without_a_log_is_refused(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = a_room("den", "never"); /* a room is not enough */
    add_messages(c, "den", 1, 1);
    shop_put(s, c, ERR_SYSTEM);
    c = change_new();
    add_epoch(c, "den", "e", 0);
    add_said(c, "den", a_message(UINT64_C(1) << 40, 1, "", "too far"));
    shop_put(s, c, ERR_SYSTEM);
    assert_true(shop_is_well(s));
    shop_no_log(s, "den");
    shop_kept(s, "");
    shop_free(s);
}

/* The next log gets its number. */
static void what_was_refused_leaves_no_log_behind(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = a_log("den", "e", 1, 1);
    add_ledger(c, "no such room", 1);
    shop_put(s, c, ERR_SYSTEM);
    shop_put(s, a_log("pub", "e", 1, 1), 0);
    c = change_new();
    add_messages(c, "den", 2, 2);
    shop_put(s, c, ERR_SYSTEM);
    shop_head(s, "pub", "e", 1, 1);
    shop_no_log(s, "den");
    shop_free(s);
}

/* ---- new versions ---------------------------------------------------------------------------------- */

static void a_new_version_takes_the_place_of_the_old_one(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = a_log("den", "e", 1, 3);
    add_reaction(c, RECORD_REACTION, "den", 2, "u2", "+");
    add_reaction(c, RECORD_REACTION, "den", 3, "u2", "+");
    shop_put(s, c, 0);
    c = change_new();
    struct message *m = a_message(2, 2, "", "two");
    m->edited_ts = 9;
    add_said(c, "den", m);
    m = a_message(3, 3, "", "");
    m->deleted = m->taken_back = true;
    add_said(c, "den", m);
    shop_put(s, c, 0);
    shop_said(s, "den", 2, 9,
              "first 1: 2 u1 alice \"two\" at 2, edited 9, + 1; 3 u1 alice \"\" at 3, taken back");
    shop_head(s, "den", "e", 1, 3);
    shop_free(s);
}

static void reactions_come_and_go(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = a_log("den", "e", 1, 2);
    struct message *m = a_message(2, 2, "", "");
    m->deleted = true;
    add_said(c, "den", m);
    add_reaction(c, RECORD_REACTION, "den", 1, "u1", "z");
    add_reaction(c, RECORD_REACTION, "den", 1, "u1", "a");
    add_reaction(c, RECORD_REACTION, "den", 1, "u2", "a");
    add_reaction(c, RECORD_REACTION, "den", 1, "u1", "z"); /* again: keeps its place */
    add_reaction(c, RECORD_REACTION, "den", 2, "u1", "a"); /* a tombstone has none */
    add_reaction(c, RECORD_REACTION, "den", 3, "u1", "a"); /* is not there */
    shop_put(s, c, 0);
    shop_said(s, "den", 1, 3,
              "first 1: 1 u1 alice \"1\" at 1, z 1, a 2; 2 u1 alice \"\" at 2, deleted");
    c = change_new();
    add_reaction(c, RECORD_REACTION_GONE, "den", 1, "u1", "z");
    add_reaction(c, RECORD_REACTION_GONE, "den", 1, "u2", "z"); /* was not there */
    add_reaction(c, RECORD_REACTION_GONE, "den", 1, "u1", "a");
    shop_put(s, c, 0);
    shop_said(s, "den", 1, 1, "first 1: 1 u1 alice \"1\" at 1, a 1");
    assert_int_equal(shop_count(s, "SELECT count(*) FROM reactions"), 1);
    shop_free(s);
}

/* What follows each message: another, or something that wants to find it. */
static void add_what_follows(struct change *c, const char *room, uint64_t seq)
{
    struct message *m = NULL;
    switch (seq * 7 % 23) {
    case 3: add_reaction(c, RECORD_REACTION, room, seq, "u1", "+"); break;
    case 8:
        m = a_message(seq, (int64_t)seq, "", "other words");
        m->edited_ts = 1000;
        break;
    case 12:
        m = a_message(seq - 1, (int64_t)seq, "", "");
        m->deleted = true;
        break;
    case 16: m = a_message(seq - 1, (int64_t)seq, "an id", "the same once more"); break;
    case 20: add_user(c, RECORD_MARK, room, room)->seq = seq; break;
    }
    if (m != NULL)
        add_said(c, room, m);
}

/* In one change or each in its own: the same is kept. */
static void what_comes_at_once_is_as_if_it_came_singly(void **state)
{
    (void)state;
    enum { N = 200 };
    struct shop *s = shop_started();
    struct change *all = change_new();
    add_epoch(all, "den", "e", 0);
    add_epoch(all, "pub", "e", 0);
    for (uint64_t seq = 1; seq <= N; seq++) {
        add_messages(all, "den", seq, seq);
        add_what_follows(all, "den", seq);
        if (seq % 3 == 0)
            add_messages(all, "pub", seq / 3, seq / 3);
    }
    shop_put(s, all, 0);
    shop_put(s, a_log("inn", "e", 1, 1), 0);
    for (uint64_t seq = 1; seq <= N; seq++) {
        struct change *c = change_new();
        add_messages(c, "inn", seq, seq);
        shop_put(s, c, 0);
        c = change_new();
        add_what_follows(c, "inn", seq);
        shop_put(s, c, 0);
    }
    char *singly = shop_history(s, "inn", 1, N);
    assert_non_null(strstr(singly, "deleted"));
    assert_non_null(strstr(singly, "\"other words\" at 11, edited 1000"));
    assert_non_null(strstr(singly, ", + 1"));
    shop_said(s, "den", 1, N, singly);
    shop_head(s, "pub", "e", 1, N / 3);
    shop_marked(s, "inn", "inn 200");
    shop_marked(s, "den", "den 200");
    free(singly);
    shop_free(s);
}

/* ---- the end of a log ------------------------------------------------------------------------------ */

/* What is gone is gone at once; the rows go a little later, and the name is free meanwhile. */
static void gone_with(enum record_type type)
{
    struct shop *s = shop_started();
    struct change *c = a_log("den", "e1", 1, 1000);
    add_room(c, "den", "");
    add_epoch(c, "pub", "e1", 0);
    add_messages(c, "pub", 1, 2);
    add_reaction(c, RECORD_REACTION, "den", 999, "u1", "+");
    add_reaction(c, RECORD_REACTION, "pub", 2, "u1", "+");
    shop_put(s, c, 0);
    c = change_new();
    name(change_add(c, type)->room, "den");
    name(change_add(c, type)->room, "never was");
    shop_put(s, c, 0);
    shop_no_log(s, "den");
    c = change_new();
    add_messages(c, "den", 1001, 1001);
    shop_put(s, c, ERR_SYSTEM);

    shop_put(s, a_log("den", "e2", 1, 1), 0);
    shop_head(s, "den", "e2", 1, 1);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM logs") == 2);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), 3);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM reactions"), 1);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM epochs"), 2);
    shop_said(s, "den", 1, 9, "first 1: 1 u1 alice \"1\" at 1");
    shop_said(s, "pub", 2, 2, "first 1: 2 u1 alice \"2\" at 2, + 1");
    shop_free(s);
}

static void a_log_is_gone_by_itself(void **state)
{
    (void)state;
    gone_with(RECORD_LOG_GONE);
}

static void a_log_is_gone_with_its_room(void **state)
{
    (void)state;
    gone_with(RECORD_ROOM_GONE);
}

/* Stopped in the middle, it goes on in the next life. */
static void what_was_left_of_it_goes_in_the_next_life(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    shop_open(s);
    shop_exec(s, "INSERT INTO logs VALUES (1, NULL, 0), (2, NULL, 0);"
                 "INSERT INTO epochs VALUES (1, 1, 'e', 0);"
                 "INSERT INTO epochs VALUES (2, 1, 'e', 0);");
    shop_exec(
        s,
        s->url != NULL
            ? "INSERT INTO messages VALUES (1, 1, 1, '', '', '', 0, 0, 0, '\"\"')"
            : "INSERT INTO messages VALUES (1 << 40 | 1, 1, '', '', '', 0, 0, 0, '\"\"', '', '')");
    shop_close(s);
    shop_start(s);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM logs") == 0);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), 0);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM epochs"), 0);
    shop_free(s);
}

/* ---- epochs and positions -------------------------------------------------------------------------- */

static void assert_position(struct shop *s, const char *epoch, uint64_t seq, bool known)
{
    bool got = !known;
    assert_int_equal(store_knows_position(s->store, "den", epoch, seq, &got), 0);
    assert_int_equal(got, known);
}

static void positions_are_known_or_not(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    assert_position(s, "e1", 0, false);
    shop_put(s, a_log("den", "e1", 1, 5), 0);
    assert_position(s, "e1", 0, true);
    assert_position(s, "e1", 5, true);
    assert_position(s, "e1", 6,
                    false); /* it was said, and is not here: another log, or an older state */
    assert_position(s, "e1", UINT64_MAX, false);
    assert_position(s, "e2", 5, false);
    assert_position(s, "", 0, false);

    shop_put(s, a_log("den", "e2", 6, 8), 0);
    assert_position(s, "e1", 5, true);
    assert_position(s, "e1", 6, false); /* what was said under e1 was another one */
    assert_position(s, "e2", 6, true);
    assert_position(s, "e2", 3, true); /* on the way to catch up */
    assert_position(s, "e2", 8, true);
    assert_position(s, "e2", 9, false);

    struct change *c = change_new();
    add_epoch(c, "den", "e3", 8); /* and nothing was said */
    add_epoch(c, "den", "e4", 8);
    shop_put(s, c, 0);
    assert_position(s, "e2", 8, true);
    assert_position(s, "e3", 8, true);
    assert_position(s, "e3", 9, false);
    shop_head(s, "den", "e4", 1, 8);

    c = change_new();
    name(change_add(c, RECORD_LOG_GONE)->room, "den");
    add_epoch(c, "den", "e5", 0);
    shop_put(s, c, 0);
    assert_position(s, "e4", 0, false);
    assert_position(s, "e5", 0, true);
    shop_head(s, "den", "e5", 0, 0);
    shop_free(s);
}

static void the_latest_epochs_are_kept(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    for (uint64_t i = 1; i <= EPOCHS_KEPT + 4; i++) {
        char epoch[24];
        snprintf(epoch, sizeof epoch, "e%llu", (unsigned long long)i);
        shop_put(s, a_log("den", epoch, i, i), 0);
    }
    shop_put(s, a_log("pub", "e1", 1, 1), 0);
    assert_position(s, "e4", 4, false);
    assert_position(s, "e5", 5, true);
    assert_position(s, "e20", 20, true);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM epochs"), EPOCHS_KEPT + 1);
    shop_head(s, "den", "e20", 1, 20);
    shop_free(s);
}

/* ---- the next life --------------------------------------------------------------------------------- */

static void the_ends_of_kept_rooms_are_loaded(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = a_log("den", "e1", 1, 7);
    add_epoch(c, "den", "e2", 7);
    add_room(c, "den", "");
    add_room(c, "silent", "");
    add_room(c, "new", "");
    add_epoch(c, "new", "e3", 0);
    add_epoch(c, "open", "e4", 0);
    add_messages(c, "open", 1, 2);
    shop_put(s, c, 0);
    shop_kept(s, "room den: , , , public, 0 users, 0 s\n"
                 "room new: , , , public, 0 users, 0 s\n"
                 "room silent: , , , public, 0 users, 0 s\n"
                 "epoch den: e2, last 7, first 1\n"
                 "epoch new: e3, last 0, first 0\n");
    shop_head(s, "open", "e4", 1, 2);
    shop_free(s);
}

/* For those who say it again because they got no answer. */
static void what_was_said_just_now_is_loaded(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    int64_t now = clock_wall_ms();
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    add_epoch(c, "pub", "e", 0);
    add_epoch(c, "gone", "e", 0);
    add_said(c, "den", a_message(1, now - DUPLICATE_MS - 1, "old", "1"));
    add_said(c, "den", a_message(2, now - 2000, "a", "2"));
    add_said(c, "den", a_message(3, now - 1900, "", "3"));
    add_said(c, "den", a_message(4, now - 500, "c", "4"));
    add_said(c, "pub", a_message(1, now - 1000, "b", "5"));
    add_said(c, "gone", a_message(1, now, "d", "6"));
    name(change_add(c, RECORD_LOG_GONE)->room, "gone");
    shop_put(s, c, 0);
    char expected[512];
    snprintf(expected, sizeof expected,
             "said den: 2 u1 alice \"2\" at %lld, id a\n"
             "said pub: 1 u1 alice \"5\" at %lld, id b\n"
             "said den: 4 u1 alice \"4\" at %lld, id c\n",
             (long long)now - 2000, (long long)now - 1000, (long long)now - 500);
    shop_kept(s, expected);
    shop_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_whole),
        cmocka_unit_test(twice_is_as_good_as_once),
        cmocka_unit_test(a_copy_is_alike_and_apart),
        cmocka_unit_test(rooms_are_apart),
        cmocka_unit_test(so_many_rooms),
        cmocka_unit_test(there_is_a_last_log),
        cmocka_unit_test(a_message_without_a_log_is_refused),
        cmocka_unit_test(what_was_refused_leaves_no_log_behind),
        cmocka_unit_test(a_new_version_takes_the_place_of_the_old_one),
        cmocka_unit_test(reactions_come_and_go),
        cmocka_unit_test(what_comes_at_once_is_as_if_it_came_singly),
        cmocka_unit_test(a_log_is_gone_by_itself),
        cmocka_unit_test(a_log_is_gone_with_its_room),
        cmocka_unit_test(what_was_left_of_it_goes_in_the_next_life),
        cmocka_unit_test(positions_are_known_or_not),
        cmocka_unit_test(the_latest_epochs_are_kept),
        cmocka_unit_test(the_ends_of_kept_rooms_are_loaded),
        cmocka_unit_test(what_was_said_just_now_is_loaded),
    };
    return SHOP_TESTS(argc, argv, "logs", tests);
}
