/* The steps of the schema: from nothing and from every version before this one to the same tables, keeping
 * what was there; a step that fails leaves the database as it was. */
#include "helpers.h"

#include <sqlite3.h>

/* A file of this version, as a program of its day would have left it. */
static sqlite3 *open_version(const char *path, int version)
{
    char why[256] = "";
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(schema_migrate(db, version, why, sizeof why), 0);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

/* The first value of a query as text. */
static char *ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    char *text = xstrdup((const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    return text;
}

static char *tables(sqlite3 *db)
{
    return ask(db, "SELECT group_concat(sql, char(10)) FROM"
                   " (SELECT sql FROM sqlite_schema ORDER BY type, name)");
}

/* What each version could keep, and what the next life finds of it. */
static const struct {
    const char *rows, *kept;
} VERSIONS[] = {
    {"INSERT INTO rooms (room, title, topic, password, visibility, max_users, slow_mode) VALUES"
     " ('den', 'Den', 'of it', 'hash', 'restricted', 9, 3);"
     "INSERT INTO ranks VALUES ('den', 'u1', 'alice', 'owner');"
     "INSERT INTO sanctions VALUES ('den', 'u2', 'bob', 'mute', 'alice', 'u1', 'owner', 'why', 1,"
     " 0, 2);"
     "INSERT INTO ledger (room, entry, action, user_id, username, by_name, by_id, by_rank, reason, "
     "ts, until, undone) VALUES ('den', 2, 'mute', 'u2', 'bob', 'alice', 'u1', 'owner', 'why', 1,"
     " 0, 0);"
     "INSERT INTO ledger (room, entry, action, user_id, username, by_name, by_id, by_rank, reason, "
     "ts, until, undone) VALUES ('', 1, 'ban', 'u3', 'carol', 'alice', 'u1', 'operator', '', 1, 0,"
     " 1);"
     "INSERT INTO invites VALUES ('den', 'abc', '', 'u1', 0);"
     "INSERT INTO sanctions VALUES ('', 'u3', 'carol', 'ban', 'alice', 'u1', 'operator', '', 1, 0,"
     " 1);",
     "room den: Den, of it, hash, restricted, 9 users, 3 s%s\n"
     "rank den: u1 alice owner\n"
     "sanction : ban u3 carol by alice u1 operator, , 1 to 0, entry 1\n"
     "sanction den: mute u2 bob by alice u1 owner, why, 1 to 0, entry 2\n"
     "%s"
     "ledger  1: ban u3 carol by alice u1 operator, , 1 to 0, undone\n"
     "ledger den 2: mute u2 bob by alice u1 owner, why, 1 to 0\n"
     "invite den: abc for  by u1 to 0\n"
     "%s"},
    {"INSERT INTO addresses VALUES ('u3', '192.0.2.1');", "address: u3 192.0.2.1\n"},
    {"INSERT INTO logs VALUES (7, 'den', 2), (8, 'open', 0);"
     "INSERT INTO epochs VALUES (7, 1, 'e1', 0), (7, 2, 'e2', 3);"
     "INSERT INTO messages (id, ts, user_id, username, request_id, reply_to, edited, deleted, "
     "content)"
     "  VALUES (7 << 40 | 3, 1, 'u1', 'alice', 'id', 0, 0, 0, '\"three\"'),"
     "  (7 << 40 | 4, 2, 'u2', 'bob', '', 3, 0, 0, '\"four\"');"
     "INSERT INTO reactions VALUES (7 << 40 | 4, 'u1', '+', 1);",
     "epoch den: e2, last 4, first 3\n"},
    {"INSERT INTO words (rowid, text) SELECT id, text FROM said WHERE id = 7 << 40 | 3;"
     "UPDATE words_mark SET ts = 1, id = 7 << 40 | 3;",
     ""},
    {"INSERT INTO files VALUES ('0123456789abcdef0123456789abcdef', 0, 'den', 'u1', 'a.png',"
     " 'image/png', 5, 2, 1, 1, 4000000000000);",
     "file den: 0123456789abcdef0123456789abcdef of u1, a.png, image/png, 5 bytes, 2x1, "
     "thumbnail\n"},
    {"UPDATE messages SET mentions = '\"mentions\":[\"u2\"]' WHERE id = 7 << 40 | 3;"
     "INSERT INTO mentions VALUES ('u2', 1, 7 << 40 | 3);"
     "INSERT INTO marks (user_id, log, seq, ts) VALUES ('u2', 7, 3, 4000000000000);",
     ""},
    {"UPDATE rooms SET hides_past = 1 WHERE room = 'den'; UPDATE marks SET since = 2;", ""},
    {"INSERT INTO pairs VALUES ('open', 'u1', 'alice', 'u2', 'bob', 5);",
     "pair open: u1 alice and u2 bob, last 0 at 5\n"},
};

static void every_version_has_its_rows_here(void **state)
{
    (void)state;
    assert_int_equal(schema_latest(), sizeof VERSIONS / sizeof VERSIONS[0]);
}

static void every_version_becomes_the_latest(void **state)
{
    (void)state;
    sqlite3 *fresh = open_version(":memory:", schema_latest());
    char *wanted = tables(fresh);
    for (int version = 0; version <= schema_latest(); version++) {
        struct shop *s = shop_new();
        assert_int_equal(mkdir(s->directory, 0700), 0);
        sqlite3 *db = open_version(s->file, version);
        for (int i = 0; i < version; i++)
            run(db, VERSIONS[i].rows);
        sqlite3_close(db);

        char expected[1024] = "";
        if (version > 0)
            snprintf(expected, sizeof expected, VERSIONS[0].kept, version > 6 ? ", hides" : "",
                     version > 1 ? VERSIONS[1].kept : "", version > 2 ? VERSIONS[2].kept : "");
        if (version > 7)
            strcat(expected, VERSIONS[7].kept);
        if (version > 4)
            strcat(expected, VERSIONS[4].kept);
        shop_kept(s, expected);
        if (version > 2) /* in the index, if there was one, or not yet */
            shop_found(s, "den", "THREE", "den 3");
        if (version > 2)
            shop_said(
                s, "den", 1, 9,
                "first 3: 3 u1 alice \"three\" at 1, id id; 4 u2 bob \"four\" at 2, to 3, + 1");
        shop_mentioned(s, "u2", 9, version > 5 ? "den 3" : "");
        shop_marked(s, "u2", version > 6 ? "den 3 since 2" : version > 5 ? "den 3" : "");
        shop_start(s);
        struct change *c = a_room("later", "");
        add_address(c, "u3", "192.0.2.2");
        shop_put(s, c, 0);
        shop_close(s);

        assert_int_equal(sqlite3_open(s->file, &db), SQLITE_OK);
        char *got = tables(db), *sound = ask(db, "PRAGMA integrity_check"),
             *keys = ask(db, "SELECT count(*) FROM pragma_foreign_key_check"),
             *now = ask(db, "PRAGMA user_version");
        assert_string_equal(got, wanted);
        assert_string_equal(sound, "ok");
        assert_string_equal(keys, "0");
        assert_int_equal(atoi(now), schema_latest());
        free(got);
        free(sound);
        free(keys);
        free(now);
        sqlite3_close(db);
        shop_free(s);
    }
    free(wanted);
    sqlite3_close(fresh);
}

static void one_step_at_a_time_is_the_same(void **state)
{
    (void)state;
    char why[256];
    sqlite3 *fresh = open_version(":memory:", schema_latest()), *slow = open_version(":memory:", 1);
    for (int version = 1; version <= schema_latest(); version++) {
        assert_int_equal(schema_migrate(slow, version, why, sizeof why), 0);
        assert_int_equal(schema_migrate(slow, version, why, sizeof why), 0); /* nothing to do */
        char *now = ask(slow, "PRAGMA user_version");
        assert_int_equal(atoi(now), version);
        free(now);
    }
    char *a = tables(fresh), *b = tables(slow);
    assert_string_equal(a, b);
    free(a);
    free(b);
    sqlite3_close(fresh);
    sqlite3_close(slow);
}

/* Something is in the way of the last step: it is told, and all is as before it. */
static void a_step_that_fails_leaves_the_version_before(void **state)
{
    (void)state;
    char why[256] = "";
    int before = schema_latest() - 1;
    sqlite3 *db = open_version(":memory:", before);
    run(db, "CREATE TABLE pairs (something TEXT)");
    char *old = tables(db);
    assert_int_equal(schema_migrate(db, schema_latest(), why, sizeof why), ERR_SYSTEM);
    assert_string_equal(why, "table pairs already exists");
    char *now = tables(db), *version = ask(db, "PRAGMA user_version");
    assert_string_equal(now, old);
    assert_int_equal(atoi(version), before);
    assert_true(sqlite3_get_autocommit(db));
    run(db, "DROP TABLE pairs");
    assert_int_equal(schema_migrate(db, schema_latest(), why, sizeof why), 0);
    free(old);
    free(now);
    free(version);
    sqlite3_close(db);
}

static void an_older_program_refuses(void **state)
{
    (void)state;
    char why[256] = "";
    sqlite3 *db = open_version(":memory:", schema_latest());
    assert_int_equal(schema_migrate(db, schema_latest() - 1, why, sizeof why), ERR_INVALID);
    assert_non_null(strstr(why, "a newer one has written it"));
    sqlite3_close(db);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_has_its_rows_here),
        cmocka_unit_test(every_version_becomes_the_latest),
        cmocka_unit_test(one_step_at_a_time_is_the_same),
        cmocka_unit_test(a_step_that_fails_leaves_the_version_before),
        cmocka_unit_test(an_older_program_refuses),
    };
    return RUN_TESTS(argc, argv, "schema", tests);
}
