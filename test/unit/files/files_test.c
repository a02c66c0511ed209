/* Uploads from their first byte to their name, and what files look like. */
#include <support/test_main.h>

#include "files/files_private.h"

#include <dirent.h>
#include <hubbub/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static struct files *files;

static int open_files(void **state)
{
    (void)state;
    char why[256] = "";
    strcpy(directory, "/tmp/hubbub-files-XXXXXX");
    assert_non_null(mkdtemp(directory));
    files = files_open(
        &(struct files_config){
            .directory = directory, .max_file = 1000, .quota = 2500, .wait = NS_PER_S},
        why, sizeof(why));
    assert_string_equal(why, "");
    return 0;
}

static unsigned count(bool remove)
{
    unsigned n = 0;
    DIR *d = opendir(directory);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.') {
            n++;
            if (remove)
                unlinkat(dirfd(d), e->d_name, 0);
        }
    closedir(d);
    return n;
}

static int close_files(void **state)
{
    (void)state;
    files_free(files);
    count(true);
    return rmdir(directory);
}

static struct upload *begin(const char *user, uint64_t size)
{
    struct upload *u = NULL;
    assert_int_equal(upload_begin(files, user, NULL, size, &u), UPLOAD_FINE);
    return u;
}

static void a_file_gets_its_name_when_it_is_whole(void **state)
{
    (void)state;
    struct file f = {.size = 0};
    struct upload *u = begin("alice", 8);
    assert_int_equal(upload_write(u, "some", 4), UPLOAD_FINE);
    assert_int_equal(count(false), 1);
    assert_int_equal(upload_write(u, "text", 4), UPLOAD_FINE);
    assert_int_equal(upload_finish(u, "../a.txt", &f), UPLOAD_FINE);
    upload_end(u, true);
    assert_true(file_is_id(f.id, strlen(f.id)));
    assert_string_equal(f.name, "a.txt");
    assert_string_equal(f.type, "text/plain");
    assert_int_equal(f.size, 8);
    assert_int_equal(count(false), 1);

    uint64_t size = 0;
    char text[16] = "";
    int fd = files_get(files, f.id, false, &size);
    assert_true(fd >= 0);
    assert_int_equal(size, 8);
    assert_int_equal(read(fd, text, sizeof(text)), 8);
    assert_string_equal(text, "sometext");
    close(fd);
    assert_int_equal(files_get(files, f.id, true, &size), -1);
    assert_int_equal(files_get(files, "..", false, &size), -1);
    assert_int_equal(files_get(files, "", false, &size), -1);
}

static void what_is_given_up_leaves_nothing(void **state)
{
    (void)state;
    struct file f = {.size = 0};
    struct upload *u = begin("alice", 4);
    assert_int_equal(upload_write(u, "abc", 3), UPLOAD_FINE);
    upload_end(u, false);
    u = begin("alice", 4);
    assert_int_equal(upload_write(u, "abcd", 4), UPLOAD_FINE);
    assert_int_equal(upload_finish(u, "x", &f), UPLOAD_FINE);
    upload_end(u, false); // the store would not know it
    assert_int_equal(count(false), 0);
}

static void sizes_are_kept(void **state)
{
    (void)state;
    struct upload *u = NULL;
    assert_int_equal(upload_begin(files, "alice", NULL, 1001, &u), UPLOAD_TOO_LARGE);
    u = begin("alice", 1000);
    char bytes[1001] = "";
    assert_int_equal(upload_write(u, bytes, 1000), UPLOAD_FINE);
    assert_int_equal(upload_write(u, bytes, 1), UPLOAD_TOO_LARGE);
    upload_end(u, false);
}

static void uploads_under_way_count(void **state)
{
    (void)state;
    struct upload *u[UPLOADS_OF_USER], *more = NULL, *other;
    u[0] = begin("alice", 1000);
    assert_int_equal(upload_allowed(u[0], 1500), UPLOAD_FINE);
    assert_int_equal(upload_allowed(u[0], 1501), UPLOAD_QUOTA);
    u[1] = begin("alice", 1000);
    assert_int_equal(upload_allowed(u[1], 500), UPLOAD_FINE);
    assert_int_equal(upload_allowed(u[1], 501), UPLOAD_QUOTA);
    u[2] = begin("alice", 1);
    assert_int_equal(upload_begin(files, "alice", NULL, 1, &more), UPLOAD_TOO_MANY);
    other = begin("bob", 1000);
    assert_int_equal(upload_allowed(other, 1500), UPLOAD_FINE);
    upload_end(other, false);
    upload_end(u[1], false);
    u[1] = begin("alice", 1);
    for (int i = 0; i < UPLOADS_OF_USER; i++)
        upload_end(u[i], false);
}

static void all_users_together_are_bounded(void **state)
{
    (void)state;
    struct upload *u[UPLOADS_AT_ONCE], *more;
    char user[8];
    for (int i = 0; i < UPLOADS_AT_ONCE; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        u[i] = begin(user, 1);
    }
    assert_int_equal(upload_begin(files, "alice", NULL, 1, &more), UPLOAD_TOO_MANY);
    for (int i = 0; i < UPLOADS_AT_ONCE; i++)
        upload_end(u[i], false);
    assert_int_equal(count(false), 0);
}

/* Of a network as one: see address_subject(). */
static void an_address_cannot_have_all_places(void **state)
{
    (void)state;
    struct upload *u[UPLOADS_OF_ADDRESS], *more, *own;
    char user[8], address[32];
    for (int i = 0; i < UPLOADS_OF_ADDRESS; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        snprintf(address, sizeof(address), "2001:db8::%d", i + 1);
        assert_int_equal(upload_begin(files, user, address, 1, &u[i]), UPLOAD_FINE);
    }
    assert_int_equal(upload_begin(files, "alice", "2001:db8::99", 1, &more), UPLOAD_TOO_MANY);
    assert_int_equal(upload_begin(files, "alice", "192.0.2.1", 1, &more), UPLOAD_FINE);
    own = begin("bob", 1);
    upload_end(u[0], false);
    assert_int_equal(upload_begin(files, "carol", "2001:db8::99", 1, &u[0]), UPLOAD_FINE);
    upload_end(own, false);
    upload_end(more, false);
    for (int i = 0; i < UPLOADS_OF_ADDRESS; i++)
        upload_end(u[i], false);
}

/* Whichever ends in between: what was under way is counted, and what is known is read after that. */
static void what_ends_meanwhile_still_counts(void **state)
{
    (void)state;
    struct upload *first = begin("alice", 1000), *second = begin("alice", 1000);
    upload_end(first, false);
    assert_int_equal(upload_allowed(second, 500), UPLOAD_FINE);
    assert_int_equal(upload_allowed(second, 501), UPLOAD_QUOTA);
    upload_end(second, false);
}

static void assert_type(const char *bytes, size_t n, const char *expected)
{
    char type[FILE_TYPE_MAX + 1];
    sniff(files, bytes, n, type);
    assert_string_equal(type, expected);
}

static void types_are_what_the_bytes_are(void **state)
{
    (void)state;
    assert_type("hello", 5, "text/plain");
    assert_type("\0\1\2\3", 4, "application/octet-stream");
    assert_type("<html><script>x</script></html>", 31, "text/html");
    assert_type("<svg xmlns=\"http://www.w3.org/2000/svg\"/>", 41, "image/svg+xml");
    assert_type("GIF89a\1\0\1\0\0\0\0;", 14, "image/gif");
    assert_type("GIF80a\1\0\1\0\0\0\0;", 14, "application/octet-stream");
    assert_type("", 0, "application/x-empty");
    assert_true(files_is_picture("image/webp"));
    assert_false(files_is_picture("image/svg+xml"));
    assert_false(files_is_picture("text/html"));
}

static void a_place_that_is_none_is_told(void **state)
{
    (void)state;
    char why[256] = "";
    assert_null(
        files_open(&(struct files_config){.directory = "/proc/nothing/files"}, why, sizeof(why)));
    assert_non_null(strstr(why, "/proc/nothing/files"));
    assert_null(strchr(why, '\n'));
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, open_files, close_files)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_FILES(a_file_gets_its_name_when_it_is_whole),
        WITH_FILES(what_is_given_up_leaves_nothing),
        WITH_FILES(sizes_are_kept),
        WITH_FILES(uploads_under_way_count),
        WITH_FILES(all_users_together_are_bounded),
        WITH_FILES(an_address_cannot_have_all_places),
        WITH_FILES(what_ends_meanwhile_still_counts),
        WITH_FILES(types_are_what_the_bytes_are),
        cmocka_unit_test(a_place_that_is_none_is_told),
    };
    return RUN_TESTS(argc, argv, "files", tests);
}
