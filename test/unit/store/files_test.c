/* Files as the store knows them: waiting, said, gone; and when their bytes go. */
#include "helpers.h"

#include <hubbub/archive.h>
#include <hubbub/clock.h>
#include <unistd.h>

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccc"

static char path[512];

static const char *path_of(const struct shop *s, const char *name)
{
    snprintf(path, sizeof path, "%s/files/%s", s->directory, name);
    return path;
}

static void touch(const struct shop *s, const char *name)
{
    snprintf(path, sizeof path, "%s/files", s->directory);
    mkdir(path, 0700);
    FILE *f = fopen(path_of(s, name), "w");
    assert_non_null(f);
    fclose(f);
}

static bool is_there(const struct shop *s, const char *name)
{
    return access(path_of(s, name), F_OK) == 0;
}

static void add_file(struct change *c, const char *room, const char *id, const char *user,
                     uint64_t size)
{
    struct record *r = change_add(c, RECORD_FILE);
    name(r->room, room);
    r->file = xcalloc(1, sizeof *r->file);
    *r->file = (struct file){.size = size, .ts = clock_wall_ms(), .width = 3, .height = 2};
    strcpy(r->file->id, id);
    name(r->file->room, room);
    name(r->file->user_id, user);
    strcpy(r->file->name, "a.png");
    strcpy(r->file->type, "image/png");
}

static void add_with_files(struct change *c, uint64_t seq, const char *files, bool deleted)
{
    add_said(c, "den",
             message_new(&(struct message){.seq = seq,
                                           .ts = clock_wall_ms(),
                                           .user_id = "u1",
                                           .username = "alice",
                                           .id = "",
                                           .content = "\"\"",
                                           .content_len = 2,
                                           .deleted = deleted,
                                           .files = files}));
}

/* A log with a message that says A, and B waiting. */
static struct shop *shop_with_files(void)
{
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "den", "e1", 0);
    add_file(c, "den", ID_A, "u1", 5);
    add_file(c, "den", ID_B, "u1", 7);
    add_file(c, "den", ID_C, "u2", 11);
    add_with_files(c, 1, "[{\"id\":\"" ID_A "\"},{\"id\":\"" ID_C "\"}]", false);
    shop_put(s, c, 0);
    touch(s, ID_A);
    touch(s, ID_A ".webp");
    touch(s, ID_B);
    touch(s, ID_C);
    return s;
}

static uint64_t used(struct shop *s, const char *user)
{
    uint64_t bytes = 99;
    assert_int_equal(store_files_of(s->store, user, &bytes), 0);
    return bytes;
}

static void files_are_known(void **state)
{
    (void)state;
    struct shop *s = shop_with_files();
    struct file f;
    assert_int_equal(store_file(s->store, ID_A, &f), 0);
    assert_int_equal(f.seq, 1);
    assert_string_equal(f.name, "a.png");
    assert_string_equal(f.type, "image/png");
    assert_string_equal(f.room, "den");
    assert_string_equal(f.user_id, "u1");
    assert_int_equal(f.size, 5);
    assert_int_equal(f.width, 3);
    assert_int_equal(f.height, 2);
    assert_false(f.thumbnail);
    assert_int_equal(store_file(s->store, ID_B, &f), 0);
    assert_int_equal(f.seq, 0);
    assert_int_equal(store_file(s->store, "d", &f), ERR_NOTFOUND);
    assert_int_equal(used(s, "u1"), 12);
    assert_int_equal(used(s, "u2"), 11);
    assert_int_equal(used(s, "nobody"), 0);
    shop_free(s);
}

static void a_tombstone_takes_its_files_along(void **state)
{
    (void)state;
    struct shop *s = shop_with_files();
    struct file f;
    struct change *c = change_new();
    add_with_files(c, 1, "", true);
    shop_put(s, c, 0);
    assert_int_equal(store_file(s->store, ID_A, &f), ERR_NOTFOUND);
    assert_int_equal(used(s, "u1"), 7);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM files") == 1);
    assert_false(is_there(s, ID_A));
    assert_false(is_there(s, ID_A ".webp"));
    assert_false(is_there(s, ID_C));
    assert_true(is_there(s, ID_B));
    c = change_new(); // said again by a version that came late: it is gone
    add_with_files(c, 2, "[{\"id\":\"" ID_A "\"}]", false);
    shop_put(s, c, 0);
    assert_int_equal(store_file(s->store, ID_A, &f), ERR_NOTFOUND);
    shop_free(s);
}

static void a_file_is_said_once(void **state)
{
    (void)state;
    struct shop *s = shop_with_files();
    struct file f;
    struct change *c = change_new();
    add_with_files(c, 2, "[{\"id\":\"" ID_A "\"}]", false);
    shop_put(s, c, 0);
    c = change_new();
    add_with_files(c, 2, "", true);
    shop_put(s, c, 0);
    assert_int_equal(store_file(s->store, ID_A, &f), 0);
    shop_free(s);
}

static void a_log_that_is_gone_takes_all(void **state)
{
    (void)state;
    struct shop *s = shop_with_files();
    struct change *c = change_new();
    name(change_add(c, RECORD_LOG_GONE)->room, "den");
    shop_put(s, c, 0);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM files") == 0);
    assert_false(is_there(s, ID_A));
    assert_false(is_there(s, ID_B)); // it waited for a message there
    assert_int_equal(used(s, "u1"), 0);
    shop_free(s);
}

/* More of them than are removed in one step, and before the others. */
static void what_cannot_be_removed_holds_up_nothing(void **state)
{
    (void)state;
    enum { STUCK = 150 };
    struct shop *s = shop_with_files();
    char id[FILE_ID_LEN + 1];
    struct change *c = change_new();
    for (unsigned i = 0; i < STUCK; i++) {
        snprintf(id, sizeof id, "%032x", i);
        add_file(c, "den", id, "u1", 1);
        assert_int_equal(mkdir(path_of(s, id), 0700), 0);
    }
    name(change_add(c, RECORD_LOG_GONE)->room, "den");
    shop_put(s, c, 0);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM files") == STUCK);
    assert_false(is_there(s, ID_A));
    assert_false(is_there(s, ID_B));
    c = change_new(); /* and so it remains */
    add_epoch(c, "den", "e2", 0);
    add_file(c, "den", ID_A, "u1", 5);
    name(change_add(c, RECORD_LOG_GONE)->room, "den");
    shop_put(s, c, 0);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM files") == STUCK);
    for (unsigned i = 0; i < STUCK; i++) {
        snprintf(id, sizeof id, "%032x", i);
        rmdir(path_of(s, id));
    }
    shop_free(s);
}

static void what_waits_too_long_goes(void **state)
{
    (void)state;
    struct shop *s = shop_with_files();
    shop_exec(s, "UPDATE files SET ts = ts - 3500000"); // nearly an hour
    shop_close(s);
    shop_start(s);
    shop_put(s, a_room("later", ""), 0);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM files"), 3);
    shop_exec(s, "UPDATE files SET ts = ts - 200000");
    shop_close(s);
    shop_start(s);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM files") == 2);
    assert_false(is_there(s, ID_B));
    assert_true(is_there(s, ID_A));
    shop_free(s);
}

static void what_nobody_knows_is_swept(void **state)
{
    (void)state;
    struct shop *s = shop_with_files();
    shop_close(s);
    touch(s, "dddddddddddddddddddddddddddddddd");
    touch(s, ID_A ".part");
    touch(s, "stray");
    shop_start(s);
    assert_false(is_there(s, "dddddddddddddddddddddddddddddddd"));
    assert_false(is_there(s, ID_A ".part"));
    assert_false(is_there(s, "stray"));
    assert_true(is_there(s, ID_A));
    assert_true(is_there(s, ID_A ".webp"));
    assert_true(is_there(s, ID_B));
    shop_free(s);
}

static void an_erased_user_leaves_no_files(void **state)
{
    (void)state;
    struct shop *s = shop_with_files();
    char why[256] = "";
    struct erased e;
    shop_close(s);
    assert_int_equal(archive_erase(s->directory, s->url, "u1", &e, why, sizeof why), 0);
    assert_int_equal(e.files, 2);
    assert_false(is_there(s, ID_A));
    assert_false(is_there(s, ID_A ".webp"));
    assert_false(is_there(s, ID_B));
    shop_open(s);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM files WHERE user_id = 'u1'"), 0);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages WHERE files <> ''"), 0);
    shop_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_known),
        cmocka_unit_test(a_tombstone_takes_its_files_along),
        cmocka_unit_test(a_file_is_said_once),
        cmocka_unit_test(a_log_that_is_gone_takes_all),
        cmocka_unit_test(what_cannot_be_removed_holds_up_nothing),
        cmocka_unit_test(what_waits_too_long_goes),
        cmocka_unit_test(what_nobody_knows_is_swept),
        cmocka_unit_test(an_erased_user_leaves_no_files),
    };
    return SHOP_TESTS(argc, argv, "files", tests);
}
