/* Opening a store: what is made, with which rights, and what is refused in which words, untouched. */
#include "helpers.h"

#include <fcntl.h>
#include <sqlite3.h>

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* Another program's database, or ours from elsewhere. */
static void write_database(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The bytes of a file, to see that nobody has touched it. */
static char *read_file(const char *path, size_t *n)
{
    struct buf b = BUF_INIT;
    char part[4096];
    size_t got;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while ((got = fread(part, 1, sizeof part, f)) > 0)
        buf_add(&b, part, got);
    fclose(f);
    return buf_take(&b, n);
}

static void directory_and_files_are_for_the_owner_only(void **state)
{
    (void)state;
    char wal[160];
    struct shop *s = shop_new();
    mode_t mask = umask(0);
    shop_start(s);
    shop_put(s, a_room("den", ""), 0);
    umask(mask);
    snprintf(wal, sizeof wal, "%s-wal", s->file);
    assert_int_equal(mode_of(s->directory), 0700);
    assert_int_equal(mode_of(s->file), 0600);
    assert_int_equal(mode_of(wal), 0600);
    shop_free(s);
}

static void directories_above_are_made(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    char why[256];
    char deep[160];
    snprintf(deep, sizeof deep, "%s/a//b/", s->directory);
    struct store *store = store_open(deep, NULL, why, sizeof why);
    assert_non_null(store);
    assert_int_equal(mode_of(deep), 0700);
    store_free(store);
    shop_free(s);
}

static void a_directory_that_is_there_keeps_its_rights(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    assert_int_equal(mkdir(s->directory, 0750), 0);
    assert_int_equal(chmod(s->directory, 0750), 0);
    shop_open(s);
    assert_int_equal(mode_of(s->directory), 0750);
    shop_free(s);
}

/* Commits must last through a power cut, rooms must take along what is theirs, and what is removed must be gone. */
static void the_connection_is_set_up(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    shop_open(s);
    shop_exec(s,
              "CREATE TEMP TABLE t (v); INSERT INTO t SELECT journal_mode FROM pragma_journal_mode;"
              "INSERT INTO t SELECT synchronous FROM pragma_synchronous;"
              "INSERT INTO t SELECT foreign_keys FROM pragma_foreign_keys;"
              "INSERT INTO t SELECT secure_delete FROM pragma_secure_delete;"
              "CREATE TEMP TABLE same (v CHECK (v = 'wal 2 1 1'));"
              "INSERT INTO same SELECT group_concat(v, ' ') FROM t");
    shop_free(s);
}

/* Commits that may be lost in a power cut, for whoever wants that. */
static void in_step_with_the_disk_or_not(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    shop_open(s);
    shop_exec(
        s, "CREATE TEMP TABLE full (v CHECK (v = 2)); CREATE TEMP TABLE normal (v CHECK (v = 1))");
    store_set_sync(s->store, false);
    shop_exec(s, "INSERT INTO normal SELECT synchronous FROM pragma_synchronous");
    store_set_sync(s->store, true);
    shop_exec(s, "INSERT INTO full SELECT synchronous FROM pragma_synchronous");
    shop_free(s);
}

static void a_second_server_is_refused(void **state)
{
    (void)state;
    char words[192];
    struct shop *s = shop_started();
    snprintf(words, sizeof words, "data directory %s is in use by another server, process %d",
             s->directory, (int)getpid());
    shop_refused(s, words);
    shop_put(s, a_room("den", ""), 0);                      /* the first goes on */
    shop_kept(s, "room den: , , , public, 0 users, 0 s\n"); /* and leaves it to the next */
    shop_free(s);
}

/* What is in the file stays as it is. */
static void refused_untouched(struct shop *s, const char *words)
{
    size_t before, after;
    char *old = read_file(s->file, &before);
    shop_refused(s, words);
    char *now = read_file(s->file, &after);
    assert_int_equal(before, after);
    assert_memory_equal(old, now, before);
    free(old);
    free(now);
}

static void what_is_no_database_is_refused(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    assert_int_equal(mkdir(s->directory, 0700), 0);
    write_file(s->file, "These are a few lines of text that somebody has put here,\n"
                        "long enough to have a header if they were a database, which they\n"
                        "are not.\n");
    refused_untouched(s, "hubbub.db: file is not a database (put a backup in its place, or move it "
                         "away to begin with nothing)");
    shop_free(s);
}

static void the_database_of_another_program_is_refused(void **state)
{
    (void)state;
    static const char *const FOREIGN[] = {
        "CREATE TABLE bookmarks (url TEXT)",
        "CREATE TABLE rooms (room TEXT); PRAGMA user_version = 1",
        "PRAGMA application_id = 1",
        "PRAGMA user_version = 2",
    };
    for (size_t i = 0; i < sizeof FOREIGN / sizeof FOREIGN[0]; i++) {
        struct shop *s = shop_new();
        assert_int_equal(mkdir(s->directory, 0700), 0);
        write_database(s->file, FOREIGN[i]);
        refused_untouched(s, "hubbub.db: it is the database of another program (choose another "
                             "directory with --data)");
        shop_free(s);
    }
}

static void a_newer_schema_is_refused(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, a_room("den", ""), 0);
    shop_close(s);
    write_database(s->file, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 1234");
    char words[96];
    snprintf(words, sizeof words, "its schema has version 1234, and this program (%s) knows",
             HUBBUB_VERSION);
    refused_untouched(s, words);
    snprintf(words, sizeof words, "versions up to %d: a newer one has written it", schema_latest());
    refused_untouched(s, words);
    shop_free(s);
}

static void an_empty_file_is_a_beginning(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    assert_int_equal(mkdir(s->directory, 0700), 0);
    write_file(s->file, "");
    shop_kept(s, "");
    shop_free(s);
}

static void a_file_in_the_place_of_the_directory_is_refused(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    write_file(s->directory, "");
    shop_refused(s, "cannot write to the data directory");
    shop_refused(s, "Not a directory");
    strcat(s->directory, "/below");
    shop_refused(s, "cannot make the data directory");
    shop_free(s);
}

/* The superuser may write anywhere, so become somebody else for the moment. */
static uid_t become_nobody(struct shop *s)
{
    uid_t me = geteuid();
    if (me == 0) {
        assert_int_equal(chmod(s->parent, 0755), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    return me;
}

static void become(uid_t me)
{
    if (geteuid() != me)
        assert_int_equal(seteuid(me), 0);
}

static void without_permission_it_is_refused(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    assert_int_equal(chmod(s->parent, 0555), 0);
    uid_t me = become_nobody(s);
    if (me == 0 || access(s->parent, W_OK) != 0)
        shop_refused(s, "Permission denied");
    become(me);

    assert_int_equal(chmod(s->parent, 0755), 0);
    assert_int_equal(mkdir(s->directory, 0555), 0);
    become_nobody(s);
    shop_refused(s, "cannot write to the data directory");
    shop_refused(s, "Permission denied");
    become(me);
    assert_int_equal(chmod(s->directory, 0755), 0);
    shop_free(s);
}

static void a_database_that_cannot_be_written_is_refused(void **state)
{
    (void)state;
    char lock[160];
    struct shop *s = shop_new();
    shop_open(s);
    shop_close(s);
    snprintf(lock, sizeof lock, "%s/hubbub.lock", s->directory);
    assert_int_equal(chmod(s->directory, 0777), 0);
    assert_int_equal(chmod(lock, 0666), 0);
    assert_int_equal(chmod(s->file, 0444), 0);
    uid_t me = become_nobody(s);
    shop_refused(s, "hubbub.db: it is read-only");
    become(me);
    shop_free(s);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    struct shop *s = shop_new();
    assert_int_equal(mkdir(s->directory, 0700), 0);
    assert_int_equal(mkdir(s->file, 0700), 0);
    shop_refused(s, "hubbub.db: unable to open database file");
    shop_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directory_and_files_are_for_the_owner_only),
        cmocka_unit_test(directories_above_are_made),
        cmocka_unit_test(a_directory_that_is_there_keeps_its_rights),
        cmocka_unit_test(the_connection_is_set_up),
        cmocka_unit_test(in_step_with_the_disk_or_not),
        cmocka_unit_test(a_second_server_is_refused),
        cmocka_unit_test(what_is_no_database_is_refused),
        cmocka_unit_test(the_database_of_another_program_is_refused),
        cmocka_unit_test(a_newer_schema_is_refused),
        cmocka_unit_test(an_empty_file_is_a_beginning),
        cmocka_unit_test(a_file_in_the_place_of_the_directory_is_refused),
        cmocka_unit_test(without_permission_it_is_refused),
        cmocka_unit_test(a_database_that_cannot_be_written_is_refused),
        cmocka_unit_test(what_is_no_file_is_refused),
    };
    return RUN_TESTS(argc, argv, "open", tests);
}
