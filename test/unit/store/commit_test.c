/* The thread that writes: what is answered when, in which order, how many are written at once, and what is refused. */
#include "helpers.h"

#include <dirent.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <string.h>

static void answers_come_in_order_and_are_counted(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct shop *s = shop_started();
    int64_t before = metric_read(METRIC_STORE_CHANGES);
    for (uintptr_t i = 1; i <= N; i++) {
        char title[16];
        snprintf(title, sizeof title, "%d", (int)i);
        struct change *c = a_room("den", title);
        c->note = (void *)i;
        shop_post(s, c);
    }
    shop_wait(s, N);
    shop_answers(s, 0, N, 0);
    assert_int_equal(metric_read(METRIC_STORE_CHANGES) - before, N);
    assert_int_equal(metric_read(METRIC_STORE_BACKLOG), 0);
    assert_true(shop_is_well(s));
    shop_kept(s, "room den: 3000, , , public, 0 users, 0 s\n");
    shop_free(s);
}

/* Not a moment before: while the answer is on its way, others can see what it is about. */
static void an_answer_comes_after_the_commit(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_hold(s, true);
    shop_post(s, a_room("den", "there"));
    shop_wait_held(s);
    int64_t seen = shop_count(s, "SELECT count(*) FROM rooms WHERE title = 'there'");
    shop_hold(s, false);
    assert_int_equal(seen, 1);
    shop_free(s);
}

static void a_change_without_records_is_answered(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, change_new(), 0);
    shop_kept(s, "");
    shop_free(s);
}

static void stop_writes_what_waits(void **state)
{
    (void)state;
    enum { N = 100 };
    struct shop *s = shop_started();
    shop_hold(s, true);
    for (uintptr_t i = 1; i <= N; i++) {
        char room[16];
        snprintf(room, sizeof room, "room %03d", (int)i);
        struct change *c = a_room(room, "");
        c->note = (void *)i;
        shop_post(s, c);
    }
    shop_wait_held(s); /* the first are written, the others are still in the channel */
    shop_hold(s, false);
    store_stop(s->store);
    struct change *late = a_room("late", "");
    assert_int_equal(store_post(s->store, &late), ERR_CLOSED);
    assert_non_null(late);
    change_free(late);
    assert_int_equal(s->n, N);
    shop_answers(s, 0, N, 0);
    assert_int_equal(metric_read(METRIC_STORE_BACKLOG), 0);
    store_free(s->store);
    s->store = NULL;

    struct buf expected = BUF_INIT;
    for (int i = 1; i <= N; i++)
        buf_printf(&expected, "room room %03d: , , , public, 0 users, 0 s\n", i);
    shop_kept(s, expected.data);
    buf_fini(&expected);
    shop_free(s);
}

static void opened_and_closed_without_a_thread(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    shop_kept(s, "");
    shop_kept(s, "");
    shop_free(s);
}

/* As each answer comes, it and all before it are written. */
static void see_written(void *arg, struct change *c, int err)
{
    struct shop *s = arg;
    INSIST(err == 0);
    INSIST(c->number == (uintptr_t)c->note);
    INSIST(store_written(s->store) >= c->number);
    shop_done(arg, c, err);
}

static void changes_are_numbered_and_told_when_written(void **state)
{
    (void)state;
    enum { N = 500 };
    struct shop *s = shop_new();
    shop_open(s);
    assert_int_equal(store_written(s->store), 0);
    assert_int_equal(store_start(s->store, see_written, s), 0);
    for (uintptr_t i = 1; i <= N; i++) {
        struct change *c = a_room("den", "");
        c->note = (void *)i;
        shop_post(s, c);
    }
    shop_wait(s, N);
    assert_int_equal(store_written(s->store), N);
    shop_free(s);
}

static struct change *a_senseless_change(void)
{
    struct change *c = change_new();
    add_ledger(c, "no such room", 1);
    return c;
}

/* One change is all or nothing, and holds up nobody. */
static void a_record_that_is_refused_takes_only_its_change_along(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    int64_t failures = metric_read(METRIC_STORE_FAILURES);
    shop_hold(s, true);
    struct change *c = a_room("den", "before");
    c->note = (void *)1;
    shop_post(s, c);
    shop_wait_held(s);
    /* These make one batch. */
    c = a_room("pub", "");
    c->note = (void *)3;
    shop_post(s, c);
    c = a_room("den", "never");
    add_ledger(c, "no such room", 1);
    c->note = (void *)2;
    shop_post(s, c);
    c = change_new();
    add_ledger(c, "den", 1);
    c->note = (void *)4;
    shop_post(s, c);
    shop_hold(s, false);
    shop_wait(s, 4);
    shop_answers(s, 0, 1, 0);
    shop_answers(s, 1, 2, ERR_SYSTEM);
    assert_int_equal(s->note[1], 2);
    shop_answers(s, 2, 4, 0);
    assert_true(shop_is_well(s));
    assert_int_equal(metric_read(METRIC_STORE_FAILURES) - failures, 1);
    assert_int_equal(metric_read(METRIC_STORE_BACKLOG), 0);
    assert_int_equal(store_written(s->store), 4);
    shop_put(s, a_senseless_change(), ERR_SYSTEM);
    SHOP_UNTIL(store_written(s->store) == 5);
    shop_kept(s, "room den: before, , , public, 0 users, 0 s\n"
                 "room pub: , , , public, 0 users, 0 s\n"
                 "ledger den 1: kick u1  by   guest, , 0 to 0\n");
    shop_free(s);
}

static struct shop *shop_in_no_hurry(void)
{
    struct shop *s = shop_new();
    shop_open(s);
    store_set_commit_delay(s->store, 3600 * NS_PER_S);
    shop_start(s);
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    shop_post(s, c);
    shop_wait(s, 1); /* and after that it rests */
    return s;
}

/* It has taken what came, and waits for more. */
static bool store_thread_sleeps(void)
{
    bool sleeps = false;
    DIR *all = opendir("/proc/self/task");
    assert_non_null(all);
    for (struct dirent *task; (task = readdir(all)) != NULL;) {
        char path[64], name[32], state;
        snprintf(path, sizeof path, "/proc/self/task/%.16s/stat", task->d_name);
        FILE *f = fopen(path, "re");
        if (f != NULL && fscanf(f, "%*d (%31[^)]) %c", name, &state) == 2)
            sleeps |= strcmp(name, "store") == 0 && state == 'S';
        if (f != NULL)
            fclose(f);
    }
    closedir(all);
    return sleeps;
}

static void say_one(struct shop *s, uint64_t seq, void *note)
{
    struct change *c = change_new();
    c->note = note;
    add_messages(c, "den", seq, seq);
    shop_post(s, c);
}

static void what_nobody_waits_for_is_gathered(void **state)
{
    (void)state;
    enum { QUIETLY = 50 };
    struct shop *s = shop_in_no_hurry();
    int64_t commits = metric_read(METRIC_STORE_COMMITS);
    for (uint64_t seq = 1; seq <= QUIETLY; seq++)
        say_one(s, seq, NULL);
    SHOP_UNTIL(store_thread_sleeps());
    assert_int_equal(metric_read(METRIC_STORE_COMMITS), commits);
    say_one(s, QUIETLY + 1, s);
    shop_wait(s, QUIETLY + 2);
    assert_int_equal(metric_read(METRIC_STORE_COMMITS), commits + 1);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), QUIETLY + 1);
    shop_free(s);
}

static void nor_is_what_is_urgent(void **state)
{
    (void)state;
    struct shop *s = shop_in_no_hurry();
    say_one(s, 1, NULL);
    SHOP_UNTIL(store_thread_sleeps());
    struct change *c = change_new();
    c->urgent = true;
    add_messages(c, "den", 2, 2);
    shop_post(s, c);
    shop_wait(s, 3);
    shop_free(s);
}

/* Whichever it is of those that are written together. */
static void a_message_that_is_refused_takes_no_other_along(void **state)
{
    (void)state;
    enum { N = 40 };
    static const bool never[N + 1] = {[1] = true, [4] = true, [8] = true, [9] = true, [N] = true};
    struct shop *s = shop_in_no_hurry();
    shop_exec(s, s->url != NULL ? "ALTER TABLE messages ADD CHECK (content <> '\"never\"')"
                                : "CREATE TRIGGER never BEFORE INSERT ON messages"
                                  " WHEN new.content = '\"never\"'"
                                  " BEGIN SELECT raise(ABORT, 'never'); END");
    for (uint64_t seq = 1; seq <= N; seq++) {
        struct change *c = change_new();
        c->note = seq == N ? s : NULL; /* all of them in one batch */
        add_said(c, "den", a_message(seq, (int64_t)seq, "", never[seq] ? "never" : "hello"));
        shop_post(s, c);
    }
    shop_wait(s, 1 + N);
    size_t refused = 0;
    for (size_t i = 1; i <= N; i++)
        refused += s->err[i] != 0;
    assert_int_equal(refused, 5);
    assert_true(shop_is_well(s));
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), N - 5);
    shop_said(s, "den", 1, 12,
              "first 2: 2 u1 alice \"hello\" at 2; 3 u1 alice \"hello\" at 3;"
              " 5 u1 alice \"hello\" at 5; 6 u1 alice \"hello\" at 6; 7 u1 alice \"hello\" at 7;"
              " 10 u1 alice \"hello\" at 10; 11 u1 alice \"hello\" at 11;"
              " 12 u1 alice \"hello\" at 12");
    shop_free(s);
}

/* What is too old goes while it rests, too. */
static void the_rest_is_made_use_of(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    shop_open(s);
    store_set_commit_delay(s->store, 3600 * NS_PER_S);
    store_set_retention(s->store, &(struct retention){.per_room = 10});
    shop_start(s);
    shop_put(s, a_log("den", "e", 1, 2000), 0);
    say_one(s, 2001, NULL);
    shop_wait(s, 2);
    say_one(s, 2002, NULL); /* rests */
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM messages") <= 10);
    shop_free(s);
}

static void a_crowd_is_not_gathered(void **state)
{
    (void)state;
    struct shop *s = shop_in_no_hurry();
    for (uint64_t seq = 1; seq <= STORE_BACKLOG / 4; seq++)
        say_one(s, seq, NULL);
    shop_wait(s, STORE_BACKLOG / 4 + 1);
    shop_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_in_order_and_are_counted),
        cmocka_unit_test(an_answer_comes_after_the_commit),
        cmocka_unit_test(a_change_without_records_is_answered),
        cmocka_unit_test(stop_writes_what_waits),
        cmocka_unit_test(opened_and_closed_without_a_thread),
        cmocka_unit_test(changes_are_numbered_and_told_when_written),
        cmocka_unit_test(a_record_that_is_refused_takes_only_its_change_along),
        cmocka_unit_test(what_nobody_waits_for_is_gathered),
        cmocka_unit_test(nor_is_what_is_urgent),
        cmocka_unit_test(a_message_that_is_refused_takes_no_other_along),
        cmocka_unit_test(the_rest_is_made_use_of),
        cmocka_unit_test(a_crowd_is_not_gathered),
    };
    return SHOP_TESTS(argc, argv, "commit", tests);
}
