/* PostgreSQL that is away, or comes back, or is somebody else's: what is kept on the local disk meanwhile, that it comes
 * over in order, once, also in the next life; and what is refused at the start, in which words. */
#include "helpers.h"

#include "store/postgres.h"

#include <hubbub/metrics.h>

static int start_server(void **state)
{
    (void)state;
    shop_postgres = pg_stage_start();
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    pg_stage_stop(shop_postgres);
    return 0;
}

#define ROOM_ROW(room, title) "room " room ": " title ", , , public, 0 users, 0 s\n"

static void assert_why(struct shop *s, const char *words)
{
    char why[400] = "";
    assert_false(store_healthy(s->store, why, sizeof why));
    if (strstr(why, words) == NULL)
        fail_msg("want '%s' in '%s'", words, why);
}

static void put_messages(struct shop *s, const char *room, uint64_t from, uint64_t to)
{
    struct change *c = change_new();
    if (from == 1)
        add_epoch(c, room, "e", 0);
    add_messages(c, room, from, to);
    shop_put(s, c, 0);
}

static int64_t parked(void)
{
    return metric_read(METRIC_STORE_PARKED);
}

/* ---- away ------------------------------------------------------------------------------------------ */

static void what_is_posted_meanwhile_waits_on_the_local_disk(void **state)
{
    (void)state;
    struct log_head h;
    struct history_page page;
    struct shop *s = shop_started();
    put_messages(s, "den", 1, 3);
    assert_true(shop_is_well(s));
    pg_stage_kill(shop_postgres);
    put_messages(s, "den", 4, 5); /* confirmed all the same */
    put_messages(s, "pub", 1, 1);
    assert_int_equal(parked(), 2);
    assert_why(s, "PostgreSQL: ");
    assert_int_equal(store_head(s->store, "den", &h), ERR_SYSTEM);
    assert_int_equal(store_read(s->store, "den", 1, 3, &page), ERR_SYSTEM);
    assert_int_equal(store_head(s->store, "nobody was ever there", &h), 0);

    pg_stage_again(shop_postgres);
    SHOP_UNTIL(shop_is_well(s));
    assert_int_equal(parked(), 0);
    shop_head(s, "den", "e", 1, 5);
    shop_head(s, "pub", "e", 1, 1);
    put_messages(s, "den", 6, 6);
    shop_said(s, "den", 3, 6,
              "first 1: 3 u1 alice \"3\" at 3; 4 u1 alice \"4\" at 4; 5 u1 alice \"5\" at 5; "
              "6 u1 alice \"6\" at 6");
    shop_free(s);
}

/* Nobody writes, and yet it is noticed. */
static void that_it_is_away_is_told_without_being_asked(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    pg_stage_kill(shop_postgres);
    SHOP_UNTIL(!shop_is_well(s));
    pg_stage_again(shop_postgres);
    SHOP_UNTIL(shop_is_well(s));
    shop_put(s, a_room("den", ""), 0);
    assert_int_equal(parked(), 0);
    shop_free(s);
}

/* Every kind of record goes through the file, and the order is kept. */
static void all_records_pass_through_the_file(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    put_messages(s, "den", 1, 2);
    pg_stage_kill(shop_postgres);
    struct change *c = a_room("den", "It's \"the\" den");
    add_user(c, RECORD_RANK, "den", "u1")->rank = RANK_OWNER;
    struct record *r = add_sanction(c, "den", "u2", ACTION_BAN, INT64_MAX);
    r->by_rank = RANK_OPERATOR;
    r->reason = xstrdup("line 1\nline 2");
    r->ts = 1700000000000;
    add_sanction(c, "", "u3", ACTION_BAN, 0);
    add_address(c, "u3", "192.0.2.1");
    add_ledger(c, "den", 7)->undone = true;
    add_invite(c, "den", "x", 0);
    add_pair(c, "dm:1", "u2", "bob");
    add_epoch(c, "dm:1", "e", 0);
    add_block(c, RECORD_BLOCK, "u2", "u1", 3);
    add_epoch(c, "den", "e2", 2);
    add_reaction(c, RECORD_REACTION, "den", 1, "u2", "z");
    add_reaction(c, RECORD_REACTION, "den", 1, "u2", "a");
    add_reaction(c, RECORD_REACTION, "den", 1, "u3", "b");
    shop_put(s, c, 0);
    c = change_new();
    add_user(c, RECORD_RANK, "den", "u1")->rank = RANK_ADMIN;
    add_reaction(c, RECORD_REACTION_GONE, "den", 1, "u3", "b");
    struct message *m = a_message(2, 2, "", "");
    m->deleted = m->taken_back = true;
    m->edited_ts = 9;
    m->reply_to = 1;
    add_said(c, "den", m);
    struct message *plain = a_message(3, 3, "", "@bob"), like = *plain;
    like.mentions = "\"mentions\":[\"u2\"]";
    add_said(c, "den", message_new(&like));
    message_unref(plain);
    struct record *mark = add_user(c, RECORD_MARK, "den", "u2");
    mark->seq = 2;
    mark->since = 2;
    mark->ts = clock_wall_ms();
    shop_put(s, c, 0);
    struct mark_page none;
    assert_int_equal(store_marks(s->store, "u2", &none), ERR_SYSTEM);
    pg_stage_again(shop_postgres);
    SHOP_UNTIL(shop_is_well(s));
    shop_said(s, "den", 1, 9,
              "first 1: 1 u1 alice \"1\" at 1, z 1, a 1; 2 u1 alice \"\" at 2, to 1, edited 9, "
              "taken back; 3 u1 alice \"@bob\" at 3");
    shop_mentioned(s, "u2", 9, "den 3");
    shop_marked(s, "u2", "den 2 since 2");
    shop_kept(s, "room den: It's \"the\" den, , , public, 0 users, 0 s\n"
                 "rank den: u1  admin\n"
                 "sanction : ban u3  by   guest, , 0 to 0, entry 0\n"
                 "sanction den: ban u2  by   operator, line 1\nline 2, 1700000000000 to "
                 "9223372036854775807, entry 0\n"
                 "address: u3 192.0.2.1\n"
                 "ledger den 7: kick u1  by   guest, , 0 to 0, undone\n"
                 "invite den: x for  by  to 0\n"
                 "block: u2 of u1  at 3\n"
                 "epoch den: e2, last 3, first 1\n"
                 "pair dm:1: u1 alice and u2 bob, last 0 at 5\n");
    shop_free(s);
}

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void add_file(struct change *c, const char *id)
{
    struct record *r = change_add(c, RECORD_FILE);
    name(r->room, "den");
    r->file = xcalloc(1, sizeof *r->file);
    *r->file =
        (struct file){.size = 5, .width = 3, .height = 2, .thumbnail = true, .ts = clock_wall_ms()};
    strcpy(r->file->id, id);
    name(r->file->room, "den");
    name(r->file->user_id, "u1");
    strcpy(r->file->name, "It's a.png");
    strcpy(r->file->type, "image/png");
}

/* One that is said on the way, and one that waits. */
static void files_pass_through_it_too(void **state)
{
    (void)state;
    struct file f;
    uint64_t bytes;
    struct shop *s = shop_started();
    put_messages(s, "den", 1, 1);
    pg_stage_kill(shop_postgres);
    struct change *c = change_new();
    add_file(c, ID_A);
    shop_put(s, c, 0);
    assert_int_equal(store_file(s->store, ID_A, &f), ERR_SYSTEM);
    assert_int_equal(store_files_of(s->store, "u1", &bytes), ERR_SYSTEM);
    c = change_new();
    add_said(c, "den",
             message_new(&(struct message){.seq = 2,
                                           .ts = 2,
                                           .user_id = "u1",
                                           .username = "alice",
                                           .id = "",
                                           .content = "\"\"",
                                           .content_len = 2,
                                           .files = "[{\"id\":\"" ID_A "\"}]"}));
    add_file(c, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    shop_put(s, c, 0);
    pg_stage_again(shop_postgres);
    SHOP_UNTIL(shop_is_well(s));
    assert_int_equal(store_file(s->store, ID_A, &f), 0);
    assert_true(f.seq > 0 && f.thumbnail);
    assert_string_equal(f.name, "It's a.png");
    assert_int_equal(f.width, 3);
    assert_int_equal(store_files_of(s->store, "u1", &bytes), 0);
    assert_int_equal(bytes, 10);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages WHERE files LIKE '%aaa%'"), 1);
    shop_kept(s,
              "file den: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb of u1, It's a.png, image/png, 5 bytes, "
              "3x2, thumbnail\n");
    shop_free(s);
}

/* It has confirmed what it then refuses: that is told, and holds up nobody. */
static void what_makes_no_sense_is_left_out_later(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    pg_stage_kill(shop_postgres);
    shop_put(s, a_room("den", ""), 0);
    struct change *c = a_room("den", "never");
    add_ledger(c, "no such room", 1);
    shop_put(s, c, 0);
    shop_put(s, a_room("pub", ""), 0);
    pg_stage_again(shop_postgres);
    SHOP_UNTIL(shop_is_well(s));
    shop_kept(s, ROOM_ROW("den", "") ROOM_ROW("pub", ""));
    shop_free(s);
}

/* The store ends while it is away; the next life has it all. */
static void the_next_life_carries_it_over(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, a_room("den", "before"), 0);
    pg_stage_kill(shop_postgres);
    shop_put(s, a_room("den", "after"), 0);
    put_messages(s, "den", 1, 3000);
    shop_close(s);
    assert_int_equal(parked(), 0); /* of this life */
    shop_refused(s, "cannot use the database of --store: connection to server on socket");
    pg_stage_again(shop_postgres);
    shop_kept(s, ROOM_ROW("den", "after") "epoch den: e, last 3000, first 1\n");
    shop_head(s, "den", "e", 1, 3000);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), 3000);
    shop_free(s);
}

/* More than one transaction carries, with what comes meanwhile behind it. */
static void much_that_waits_comes_in_order(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct shop *s = shop_started();
    pg_stage_kill(shop_postgres);
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    shop_put(s, c, 0);
    for (uintptr_t i = 1; i <= N; i++) {
        char title[16];
        if (i == N / 2)
            pg_stage_again(shop_postgres);
        snprintf(title, sizeof title, "%d", (int)i);
        c = a_room("den", title);
        add_messages(c, "den", i, i);
        c->note = (void *)(i + 1);
        shop_post(s, c);
    }
    shop_wait(s, N + 1);
    shop_answers(s, 0, N + 1, 0);
    SHOP_UNTIL(shop_is_well(s));
    shop_head(s, "den", "e", 1, N);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), N);
    shop_kept(s, ROOM_ROW("den", "3000") "epoch den: e, last 3000, first 1\n");
    shop_free(s);
}

/* A full local disk, too: as it is with SQLite, told as failed and made good. */
static void when_both_are_away_it_waits_in_memory(void **state)
{
    (void)state;
    char path[160];
    struct shop *s = shop_started();
    pg_stage_kill(shop_postgres);
    shop_put(s, a_room("den", "parked"), 0);
    snprintf(path, sizeof path, "%s/backlog.db", s->directory);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    shop_put(s, a_room("den", "waiting"), ERR_SYSTEM);
    assert_why(s, "and the local disk: database is locked");
    assert_int_equal(metric_read(METRIC_STORE_BACKLOG), 1);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    pg_stage_again(shop_postgres);
    SHOP_UNTIL(shop_is_well(s));
    shop_kept(s, ROOM_ROW("den", "waiting"));
    shop_free(s);
}

/* It is there and says nothing, as when a cable is pulled. */
static void a_database_that_is_silent_is_given_up(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, a_room("den", "before"), 0);
    pg_stage_freeze(shop_postgres, true);
    shop_put(s, a_room("den", "meanwhile"), 0);
    assert_int_equal(parked(), 1);
    assert_why(s, "does not answer");
    shop_put(s, a_room("den", "later"), 0); /* at once: nobody waits for it again */
    pg_stage_freeze(shop_postgres, false);
    SHOP_UNTIL(shop_is_well(s));
    shop_kept(s, ROOM_ROW("den", "later"));
    shop_free(s);
}

/* Only the connection ends, and the lock with it. */
static void a_connection_that_is_ended_is_made_anew(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    for (uint64_t i = 0; i < 5; i++) {
        put_messages(s, "den", 2 * i + 1, 2 * i + 1);
        pg_stage_run(s->url, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                             " WHERE datname = current_database() AND pid <> pg_backend_pid()");
        put_messages(s, "den", 2 * i + 2, 2 * i + 2);
        SHOP_UNTIL(shop_is_well(s));
        shop_head(s, "den", "e", 1, 2 * i + 2);
    }
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages"), 10);
    shop_free(s);
}

static void a_database_that_is_full_is_like_one_that_is_away(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    put_messages(s, "den", 1, 1);
    shop_exec(s, "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS"
                 " 'BEGIN RAISE EXCEPTION ''no room'' USING ERRCODE = ''53100''; END';"
                 "CREATE TRIGGER stop BEFORE INSERT ON messages EXECUTE FUNCTION stop()");
    put_messages(s, "den", 2, 2);
    assert_why(s, "PostgreSQL: no room");
    put_messages(s, "den", 3, 3);
    assert_int_equal(parked(), 2);
    shop_exec(s, "DROP TRIGGER stop ON messages");
    SHOP_UNTIL(shop_is_well(s));
    shop_head(s, "den", "e", 1, 3);
    shop_free(s);
}

/* ---- the start ------------------------------------------------------------------------------------- */

static void a_second_server_is_refused(void **state)
{
    (void)state;
    char why[512], elsewhere[128];
    struct shop *s = shop_started();
    shop_put(s, a_room("den", ""), 0);
    snprintf(elsewhere, sizeof elsewhere, "%s/other", s->parent);
    assert_null(store_open(elsewhere, s->url, why, sizeof why));
    assert_string_equal(why, "cannot use the database of --store: it is in use by another server");
    assert_int_equal(store_try(elsewhere, s->url, why, sizeof why), ERR_AGAIN);
    assert_string_equal(why, "cannot use the database of --store: it is in use by another server");
    shop_put(s, a_room("den", "goes on"), 0);
    shop_close(s);
    SHOP_UNTIL(store_try(elsewhere, s->url, why, sizeof why) ==
               0); /* PostgreSQL hears of it a moment later */
    shop_kept(s, ROOM_ROW("den", "goes on"));
    shop_free(s);
}

static void a_newer_schema_is_refused(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    shop_open(s);
    shop_close(s);
    pg_stage_run(s->url, "UPDATE hubbub SET version = 1234");
    shop_refused(s, "its schema has version 1234, and this program (" HUBBUB_VERSION ") knows");
    shop_refused(s, "a newer one has written it");
    shop_free(s);
}

/* It had messages before there was an index of words. */
static void an_older_schema_is_brought_up_to_date(void **state)
{
    (void)state;
    char why[256];
    struct link l = {0};
    struct shop *s = shop_new();
    assert_int_equal(link_open(&l, s->url), 0);
    assert_int_equal(postgres_schema_migrate(&l, 1, why, sizeof why), 0);
    link_close(&l);
    pg_stage_run(s->url, "INSERT INTO logs (room, removed) VALUES ('den', 0);"
                         "INSERT INTO epochs VALUES (1, 1, 'e', 0);"
                         "INSERT INTO messages SELECT 1, n, n / 10, 'u1', 'alice', '', 0, 0, 0,"
                         " '\"fox ' || n || '\"' FROM generate_series(1, 3000) n");
    shop_start(s);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM words") == 3000);
    shop_said(s, "den", 7, 7, "first 1: 7 u1 alice \"fox 7\" at 0");
    shop_found(s, "den", "fox 1234", "den 1234");
    store_set_retention(s->store, &(struct retention){.bytes = 400000});
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM messages") < 2000);
    shop_free(s);
}

static void tables_of_another_program_are_left_alone(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    pg_stage_run(s->url, "CREATE TABLE rooms (number integer)");
    shop_refused(s, "there are tables of another program in it");
    assert_int_equal(shop_count(s, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
                     1);
    /* A schema of its own will do. */
    char url[256];
    pg_stage_run(s->url, "CREATE SCHEMA chat");
    snprintf(url, sizeof url, "%s&options=-csearch_path%%3Dchat", s->url);
    char *plain = s->url;
    s->url = url;
    shop_start(s);
    shop_put(s, a_room("den", ""), 0);
    shop_kept(s, ROOM_ROW("den", ""));
    shop_close(s);
    s->url = plain;
    shop_free(s);
}

static void other_encodings_are_refused(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    pg_stage_run(s->url, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    char url[256], why[512];
    snprintf(url, sizeof url, "postgres://hubbub@/latin%s", strchr(s->url, '?'));
    assert_null(store_open(s->directory, url, why, sizeof why));
    assert_string_equal(why,
                        "cannot use the database of --store: the database's encoding must be UTF8");
    pg_stage_run(s->url, "DROP DATABASE latin");
    shop_free(s);
}

/* Its files would not be known, and so be removed. */
static void the_files_of_another_database_are_left_alone(void **state)
{
    (void)state;
    char path[160], file[200];
    struct shop *s = shop_started();
    shop_close(s);
    snprintf(path, sizeof path, "%s/files", s->directory);
    snprintf(file, sizeof file, "%s/" ID_A, path);
    char *first = s->url, *second = pg_stage_database(shop_postgres);
    s->url = second; /* there are none yet */
    shop_open(s);
    shop_close(s);
    assert_int_equal(mkdir(path, 0700), 0);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fclose(f);
    s->url = first;
    shop_refused(s, "files has files of another database");
    s->url = NULL; /* SQLite's is another, too */
    shop_refused(s, "files has files of another database");
    assert_int_equal(access(file, F_OK), 0);
    s->url = second;
    shop_open(s);
    assert_int_not_equal(access(file, F_OK), 0); /* swept: nobody knows it */
    shop_close(s);
    s->url = NULL;
    shop_open(s);
    shop_close(s);
    pg_stage_drop(shop_postgres, second);
    s->url = first;
    shop_free(s);
}

/* What waits belongs to the database that it was said to be in. */
static void a_backlog_of_another_database_is_refused(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    pg_stage_kill(shop_postgres);
    shop_put(s, a_room("den", ""), 0);
    shop_close(s);
    pg_stage_again(shop_postgres);
    char *url = s->url;
    s->url = pg_stage_database(shop_postgres);
    shop_refused(s, "backlog.db has 1 changes for another database than that of --store");
    pg_stage_drop(shop_postgres, s->url);
    s->url = url;
    shop_kept(s, ROOM_ROW("den", ""));
    shop_free(s);
}

static void passwords_are_not_shown(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"postgres://u:secret@h/d", "postgres://u:***@h/d"},
        {"postgres://u:se@cret@h:5/d?x=1", "postgres://u:***@h:5/d?x=1"},
        {"postgres://u:se/cret@h/d", "postgres://u:***@h/d"},
        {"postgresql://u@h/d?password=secret&a=b", "postgresql://u@h/d?password=***&a=b"},
        {"postgres://u:a@h/d?a=b&sslpassword=secret&password=x",
         "postgres://u:***@h/d?a=b&sslpassword=***&password=***"},
        {"postgres://h/d", "postgres://h/d"},
        {"postgres:///d?host=/run", "postgres:///d?host=/run"},
        {"postgres://[::1]:5432/d", "postgres://[::1]:5432/d"},
        {"postgres://u@[::1]:5432/d", "postgres://u@[::1]:5432/d"},
        {"postgres://u:s@[::1]:5432/d", "postgres://u:***@[::1]:5432/d"},
        {"postgre://u:secret@h/d", "postgre://u:***@h/d"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char shown[128], tight[8];
        assert_string_equal(store_url_show(CASES[i][0], shown, sizeof shown), CASES[i][1]);
        assert_int_equal(store_url_has_password(CASES[i][0]),
                         strcmp(CASES[i][0], CASES[i][1]) != 0);
        store_url_show(CASES[i][0], tight, sizeof tight);
        assert_string_equal(tight, "postgre");
    }
    assert_null(store_url_check("postgres://u:secret@h/d?connect_timeout=3"));
    assert_non_null(store_url_check("postgres://u:secret@h/d?colour=red"));
    assert_null(strstr(store_url_check("postgres://u:secret@[h/d"), "secret"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_posted_meanwhile_waits_on_the_local_disk),
        cmocka_unit_test(that_it_is_away_is_told_without_being_asked),
        cmocka_unit_test(all_records_pass_through_the_file),
        cmocka_unit_test(files_pass_through_it_too),
        cmocka_unit_test(what_makes_no_sense_is_left_out_later),
        cmocka_unit_test(the_next_life_carries_it_over),
        cmocka_unit_test(much_that_waits_comes_in_order),
        cmocka_unit_test(when_both_are_away_it_waits_in_memory),
        cmocka_unit_test(a_database_that_is_silent_is_given_up),
        cmocka_unit_test(a_connection_that_is_ended_is_made_anew),
        cmocka_unit_test(a_database_that_is_full_is_like_one_that_is_away),
        cmocka_unit_test(a_second_server_is_refused),
        cmocka_unit_test(a_newer_schema_is_refused),
        cmocka_unit_test(an_older_schema_is_brought_up_to_date),
        cmocka_unit_test(tables_of_another_program_are_left_alone),
        cmocka_unit_test(other_encodings_are_refused),
        cmocka_unit_test(the_files_of_another_database_are_left_alone),
        cmocka_unit_test(a_backlog_of_another_database_is_refused),
        cmocka_unit_test(passwords_are_not_shown),
    };
    return run_tests(argc, argv, "postgres", tests, sizeof tests / sizeof tests[0], start_server,
                     stop_server);
}
