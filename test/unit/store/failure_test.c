/* A disk that is full, read-only or too slow: what is told, what is kept, and that it is made good once the
 * disk is well, each answer given once. */
#include "helpers.h"

#include <hubbub/metrics.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

/* The file may not grow by a page; and it may. */
#define FULL "PRAGMA max_page_count = 1"
#define ROOMY "PRAGMA max_page_count = 1000000"
/* Every write is refused; and none. */
#define READ_ONLY "PRAGMA query_only = ON"
#define WRITABLE "PRAGMA query_only = OFF"

/* More than a page. */
static struct change *a_large_room(const char *room)
{
    struct change *c = change_new();
    struct record *r = add_room(c, room, "");
    r->topic = xmalloc(100001);
    memset(r->topic, 'x', 100000);
    r->topic[100000] = '\0';
    return c;
}

static void post_numbered(struct shop *s, struct change *c, uintptr_t n)
{
    c->note = (void *)n;
    shop_post(s, c);
}

static void assert_unwell(struct shop *s, const char *words)
{
    char why[256] = "";
    assert_false(store_healthy(s->store, why, sizeof why));
    assert_string_equal(why, words);
}

/* As many answers as were awaited, and no more: the thread has ended. */
static void assert_answered_once(struct shop *s, size_t n)
{
    store_stop(s->store);
    assert_int_equal(s->n, n);
    assert_int_equal(metric_read(METRIC_STORE_BACKLOG), 0);
    store_free(s->store);
    s->store = NULL;
}

#define ROOM_ROW(room, title) "room " room ": " title ", , , public, 0 users, 0 s\n"

static void a_full_disk_is_told_and_made_good(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    int64_t failures = metric_read(METRIC_STORE_FAILURES);
    int64_t changes = metric_read(METRIC_STORE_CHANGES);
    shop_put(s, a_room("den", "before"), 0);
    shop_exec(s, FULL);
    shop_put(s, a_large_room("large"), ERR_SYSTEM);
    assert_int_equal(store_written(s->store), 1);
    assert_unwell(s, "database or disk is full");
    /* It would fit, but order is kept. */
    shop_put(s, a_room("den", "after"), ERR_SYSTEM);
    assert_int_equal(metric_read(METRIC_STORE_BACKLOG), 2);
    assert_int_equal(metric_read(METRIC_STORE_CHANGES) - changes, 1);
    /* Tried again without anybody asking. */
    int64_t asked = metric_read(METRIC_STORE_FAILURES);
    assert_true(asked >= failures + 2);
    SHOP_UNTIL(metric_read(METRIC_STORE_FAILURES) > asked);
    assert_unwell(s, "database or disk is full");

    shop_exec(s, ROOMY);
    SHOP_UNTIL(shop_is_well(s));
    shop_put(s, a_room("den", "well"), 0);
    assert_int_equal(metric_read(METRIC_STORE_CHANGES) - changes, 4);
    assert_int_equal(store_written(s->store), 4); /* those that were handed back as failed, too */
    shop_exec(s, "DELETE FROM rooms WHERE room = 'large' AND length(topic) = 100000");
    assert_answered_once(s, 4);
    shop_kept(s, ROOM_ROW("den", "well"));
    shop_free(s);
}

static void new_changes_bring_the_old_ones_along(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_exec(s, READ_ONLY);
    shop_put(s, a_room("den", ""), ERR_SYSTEM);
    assert_unwell(s, "attempt to write a readonly database");
    shop_exec(s, WRITABLE);
    struct change *c = change_new();
    add_ledger(c, "den", 1); /* needs the room */
    shop_put(s, c, 0);
    assert_true(shop_is_well(s));
    assert_answered_once(s, 2);
    shop_kept(s, ROOM_ROW("den", "") "ledger den 1: kick u1  by   guest, , 0 to 0\n");
    shop_free(s);
}

/* What waits together is written together: the small one would fit if it were alone. */
static void a_batch_is_one_transaction(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_hold(s, true);
    post_numbered(s, a_room("den", ""), 1);
    shop_wait_held(s);
    shop_exec(s, FULL);
    post_numbered(s, a_room("small", ""), 2);
    post_numbered(s, a_large_room("large"), 3);
    shop_hold(s, false);
    shop_wait(s, 3);
    shop_answers(s, 0, 1, 0);
    shop_answers(s, 1, 3, ERR_SYSTEM);
    shop_exec(s, ROOMY);
    SHOP_UNTIL(shop_is_well(s));
    assert_answered_once(s, 3);
    shop_free(s);
}

static long size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (long)st.st_size : 0;
}

/* The same by the system itself, which says why. */
static void a_file_that_may_not_grow(void **state)
{
    (void)state;
    char wal[160];
    struct rlimit old, tight;
    struct shop *s = shop_started();
    shop_put(s, a_room("den", "before"), 0);
    snprintf(wal, sizeof wal, "%s-wal", s->file);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = (struct rlimit){.rlim_cur = (rlim_t)size_of(wal), .rlim_max = old.rlim_max};
    assert_true(tight.rlim_cur > 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    post_numbered(s, a_room("den", "after"), 2);
    shop_wait(s, 2);
    char why[256] = "";
    bool well = store_healthy(s->store, why, sizeof why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    shop_answers(s, 1, 2, ERR_SYSTEM);
    assert_false(well);
    assert_string_equal(why, "disk I/O error: File too large");
    SHOP_UNTIL(shop_is_well(s));
    assert_answered_once(s, 2);
    shop_kept(s, ROOM_ROW("den", "after"));
    shop_free(s);
}

static void while_somebody_else_writes_it_waits(void **state)
{
    (void)state;
    sqlite3 *other;
    struct shop *s = shop_started();
    assert_int_equal(sqlite3_open(s->file, &other), SQLITE_OK);
    sqlite3_busy_timeout(other, TEST_SECONDS * 1000);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    shop_put(s, a_room("den", ""), ERR_SYSTEM);
    assert_unwell(s, "database is locked");
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    SHOP_UNTIL(shop_is_well(s));
    assert_answered_once(s, 1);
    shop_kept(s, ROOM_ROW("den", ""));
    shop_free(s);
}

static void a_full_backlog_is_told(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_exec(s, READ_ONLY);
    for (uintptr_t i = 1; i <= STORE_BACKLOG; i++)
        post_numbered(s, a_room("den", ""), i);
    struct change *c = a_room("den", "too many"), *same = c;
    assert_int_equal(store_post(s->store, &c), ERR_FULL);
    assert_ptr_equal(c, same);
    shop_wait(s, STORE_BACKLOG);
    shop_answers(s, 0, STORE_BACKLOG, ERR_SYSTEM);
    assert_int_equal(store_post(s->store, &c), ERR_FULL);
    assert_int_equal(metric_read(METRIC_STORE_BACKLOG), STORE_BACKLOG);

    shop_exec(s, WRITABLE);
    SHOP_UNTIL(shop_is_well(s));
    shop_put(s, c, 0);
    assert_answered_once(s, STORE_BACKLOG + 1);
    shop_kept(s, ROOM_ROW("den", "too many"));
    shop_free(s);
}

static struct change *a_large_message(uint64_t seq)
{
    enum { LARGE = 1 << 20 };
    struct change *c = change_new();
    char *content = xmalloc(LARGE);
    memset(content, 'x', LARGE);
    content[0] = content[LARGE - 1] = '"';
    if (seq == 1)
        add_epoch(c, "den", "e", 0);
    add_said(c, "den",
             message_new(&(struct message){.seq = seq,
                                           .user_id = "u1",
                                           .username = "alice",
                                           .id = "",
                                           .content = content,
                                           .content_len = LARGE}));
    free(content);
    return c;
}

/* It may also be full of few large ones; who found that it was not has room for some more. */
static void a_backlog_is_bounded_in_bytes(void **state)
{
    (void)state;
    enum { FITS = STORE_BACKLOG_BYTES >> 20 };
    struct shop *s = shop_started();
    shop_exec(s, READ_ONLY);
    for (uintptr_t i = 1; i <= FITS; i++) {
        assert_false(store_full(s->store));
        post_numbered(s, a_large_message(i), i);
    }
    assert_true(store_full(s->store));
    for (uintptr_t i = FITS + 1; i <= FITS + STORE_SPARE; i++)
        post_numbered(s, a_large_message(i), i);
    shop_wait(s, FITS + STORE_SPARE);
    shop_answers(s, 0, FITS + STORE_SPARE, ERR_SYSTEM);
    assert_true(store_full(s->store)); /* handed back, and still waiting */
    shop_exec(s, WRITABLE);
    SHOP_UNTIL(store_written(s->store) == FITS + STORE_SPARE);
    assert_false(store_full(s->store));
    shop_head(s, "den", "e", 1, FITS + STORE_SPARE);
    assert_answered_once(s, FITS + STORE_SPARE);
    shop_free(s);
}

/* Handed back as failed already, it is not handed back again. */
static void what_is_refused_later_is_left_out_then(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_exec(s, READ_ONLY);
    shop_put(s, a_room("den", ""), ERR_SYSTEM);
    struct change *c = a_room("den", "never");
    add_ledger(c, "no such room", 1);
    shop_put(s, c, ERR_SYSTEM);
    shop_put(s, a_room("pub", ""), ERR_SYSTEM);
    shop_exec(s, WRITABLE);
    SHOP_UNTIL(shop_is_well(s));
    assert_answered_once(s, 3);
    shop_kept(s, ROOM_ROW("den", "") ROOM_ROW("pub", ""));
    shop_free(s);
}

static void stop_hands_back_what_cannot_be_written(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_hold(s, true);
    post_numbered(s, a_room("den", ""), 1);
    shop_wait_held(s);
    shop_exec(s, READ_ONLY);
    for (uintptr_t i = 2; i <= 5; i++)
        post_numbered(s, a_room("pub", ""), i);
    shop_hold(s, false);
    assert_answered_once(s, 5);
    shop_answers(s, 0, 1, 0);
    shop_answers(s, 1, 5, ERR_SYSTEM);
    shop_kept(s, ROOM_ROW("den", ""));
    shop_free(s);
}

static void stop_tries_once_more(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_exec(s, READ_ONLY);
    shop_put(s, a_room("den", ""), ERR_SYSTEM);
    shop_exec(s, WRITABLE);
    assert_answered_once(s, 1);
    shop_kept(s, ROOM_ROW("den", ""));
    shop_free(s);
}

/* What the transaction had made of the log is gone with it, also from memory. */
static void messages_are_made_good_with_their_log(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_hold(s, true);
    post_numbered(s, a_room("den", ""), 1);
    shop_wait_held(s);
    struct change *c = change_new();
    add_epoch(c, "old", "e1", 0);
    add_messages(c, "old", 1, 3);
    post_numbered(s, c, 2);
    c = a_large_room("large");
    add_epoch(c, "den", "e1", 0);
    add_messages(c, "den", 1, 3);
    add_reaction(c, RECORD_REACTION, "den", 2, "u2", "+");
    post_numbered(s, c, 3);
    shop_exec(s, FULL);
    shop_hold(s, false);
    shop_wait(s, 3);
    shop_answers(s, 1, 3, ERR_SYSTEM);
    assert_int_equal(store_written(s->store), 1);
    shop_no_log(s, "den");
    /* More of it, on top of what waits. */
    c = change_new();
    add_messages(c, "den", 4, 4);
    shop_put(s, c, ERR_SYSTEM);
    shop_exec(s, ROOMY);
    SHOP_UNTIL(store_written(s->store) == 4);
    SHOP_UNTIL(shop_is_well(s));
    shop_said(s, "den", 1, 9,
              "first 1: 1 u1 alice \"1\" at 1; 2 u1 alice \"2\" at 2, + 1; 3 u1 alice \"3\" at 3; "
              "4 u1 alice \"4\" at 4");
    shop_head(s, "old", "e1", 1, 3);
    assert_answered_once(s, 4);
    shop_free(s);
}

/* A disk that is full at the start, too: what has ended is left out all the same. */
static void a_store_that_cannot_be_written_can_be_loaded(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct shop *s = shop_started();
    struct change *c = a_room("den", "");
    add_sanction(c, "den", "u1", ACTION_BAN, 1);
    shop_put(s, c, 0);
    shop_close(s);
    shop_open(s);
    shop_exec(s, READ_ONLY);
    assert_int_equal(store_load(s->store, 10, show, &b), 0);
    assert_string_equal(b.data, ROOM_ROW("den", ""));
    buf_fini(&b);
    shop_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_told_and_made_good),
        cmocka_unit_test(new_changes_bring_the_old_ones_along),
        cmocka_unit_test(a_batch_is_one_transaction),
        cmocka_unit_test(a_file_that_may_not_grow),
        cmocka_unit_test(while_somebody_else_writes_it_waits),
        cmocka_unit_test(a_full_backlog_is_told),
        cmocka_unit_test(a_backlog_is_bounded_in_bytes),
        cmocka_unit_test(what_is_refused_later_is_left_out_then),
        cmocka_unit_test(stop_hands_back_what_cannot_be_written),
        cmocka_unit_test(stop_tries_once_more),
        cmocka_unit_test(messages_are_made_good_with_their_log),
        cmocka_unit_test(a_store_that_cannot_be_written_can_be_loaded),
    };
    return RUN_TESTS(argc, argv, "failure", tests);
}
