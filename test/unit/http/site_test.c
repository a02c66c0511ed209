/* The files of the page: which are there, and what is known of each. */
#include <support/test_main.h>

#include "http/http_private.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hubbub/web_asset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/hubbub-site-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static struct site *load(const char *web)
{
    char why[256] = "";
    struct http_settings settings = {.web = web};
    struct site *s = site_new(&settings, why, sizeof(why));
    if (s == NULL)
        fail_msg("%s", why);
    assert_string_equal(why, "");
    return s;
}

static void assert_not_loaded(const char *web, const char *reason)
{
    char why[256] = "";
    struct http_settings settings = {.web = web};
    assert_null(site_new(&settings, why, sizeof(why)));
    if (strstr(why, reason) == NULL)
        fail_msg("'%s' does not say '%s'", why, reason);
}

static const struct asset *find(const struct site *s, const char *name)
{
    const struct asset *a = site_find(s, name);
    if (a == NULL)
        fail_msg("%s is not there", name);
    return a;
}

static void assert_unzips_to(const struct asset *a)
{
    unsigned char *out = malloc(a->len + 1);
    z_stream z = {.next_in = a->gzip, .avail_in = (uInt)a->gzip_len, .next_out = out};
    z.avail_out = (uInt)a->len + 1;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, a->len);
    assert_memory_equal(out, a->bytes, a->len);
    inflateEnd(&z);
    free(out);
}

static void the_page_is_built_in(void **state)
{
    (void)state;
    struct site *s = load(NULL);
    size_t n = 0;
    for (const struct web_asset *w = web_assets; w->name != NULL; w++, n++) {
        const struct asset *a = find(s, w->name);
        assert_int_equal(a->len, w->end - w->start);
        assert_memory_equal(a->bytes, w->start, a->len);
        if (a->gzip != NULL)
            assert_unzips_to(a);
    }
    assert_int_equal(s->nassets, n);
    assert_string_equal(find(s, "index.html")->type, "text/html; charset=utf-8");
    assert_non_null(find(s, "index.html")->gzip);
    assert_string_equal(find(s, "hubbub.js")->type, "text/javascript; charset=utf-8");
    site_free(s);
}

static void names_must_match_exactly(void **state)
{
    (void)state;
    struct site *s = load(NULL);
    static const char *const names[] = {"",
                                        "/index.html",
                                        "INDEX.HTML",
                                        "index",
                                        "index.html/",
                                        "./index.html",
                                        "../index.html",
                                        "index.htm",
                                        "index.html.bak",
                                        "etc/passwd"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_null(site_find(s, names[i]));
    site_free(s);
}

static void a_directory_is_served_with_what_is_below(void **state)
{
    (void)state;
    put("index.html", "<p>ours</p>");
    assert_int_equal(mkdir(in_folder("css"), 0700), 0);
    assert_int_equal(mkdir(in_folder("css/deep"), 0700), 0);
    put("css/page.css", "p {}");
    put("css/deep/more.css", "");
    struct site *s = load(folder);
    assert_int_equal(s->nassets, 3);
    assert_int_equal(find(s, "index.html")->len, strlen("<p>ours</p>"));
    assert_memory_equal(find(s, "index.html")->bytes, "<p>ours</p>", strlen("<p>ours</p>"));
    assert_string_equal(find(s, "css/page.css")->type, "text/css; charset=utf-8");
    assert_int_equal(find(s, "css/deep/more.css")->len, 0);
    assert_null(site_find(s, "css"));
    assert_null(site_find(s, "chat.js")); // the files built in are not mixed in
    site_free(s);
}

static void an_empty_directory_has_nothing(void **state)
{
    (void)state;
    struct site *s = load(folder);
    assert_int_equal(s->nassets, 0);
    assert_null(site_find(s, "index.html"));
    site_free(s);
}

static void hidden_and_strange_files_are_not_served(void **state)
{
    (void)state;
    put("index.html", "x");
    put(".htpasswd", "secret");
    assert_int_equal(mkdir(in_folder(".git"), 0700), 0);
    put(".git/config", "secret");
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0); // opening it would block
    assert_int_equal(symlink("nowhere", in_folder("dangling")), 0);
    struct site *s = load(folder);
    assert_int_equal(s->nassets, 1);
    assert_null(site_find(s, ".htpasswd"));
    assert_null(site_find(s, ".git/config"));
    assert_null(site_find(s, "pipe"));
    site_free(s);
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    assert_not_loaded(in_folder("missing"), strerror(ENOENT));
    put("file", "x");
    assert_not_loaded(in_folder("file"), strerror(ENOTDIR));
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    (void)state;
    put("large.txt", "");
    assert_int_equal(truncate(in_folder("large.txt"), 16 * 1024 * 1024 + 1), 0); // sparse
    assert_not_loaded(folder, "large.txt: more than 16 MiB");
}

static void too_many_files_are_refused(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "%d.txt", i);
        put(name, "");
    }
    struct site *s = load(folder);
    assert_int_equal(s->nassets, 1000);
    site_free(s);
    put("one-more.txt", "");
    assert_not_loaded(folder, "more than 1000 files");
}

static void a_circle_of_links_has_an_end(void **state)
{
    (void)state;
    put("index.html", "x");
    assert_int_equal(symlink(".", in_folder("again")), 0);
    struct site *s = load(folder);
    find(s, "again/again/index.html");
    assert_true(s->nassets < 20);
    site_free(s);
}

static void types_follow_the_ending(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type;
    } cases[] = {
        {"a.html", "text/html; charset=utf-8"},
        {"a.css", "text/css; charset=utf-8"},
        {"a.js", "text/javascript; charset=utf-8"},
        {"a.mjs", "text/javascript; charset=utf-8"},
        {"a.json", "application/json"},
        {"a.svg", "image/svg+xml"},
        {"a.png", "image/png"},
        {"a.ico", "image/x-icon"},
        {"a.webp", "image/webp"},
        {"a.woff2", "font/woff2"},
        {"a.txt", "text/plain; charset=utf-8"},
        {"a.webmanifest", "application/manifest+json"},
        {"a.min.js", "text/javascript; charset=utf-8"},
        {"a.html.bin", "application/octet-stream"},
        {"html", "application/octet-stream"},
    };
    enum { N = sizeof(cases) / sizeof(cases[0]) };
    for (size_t i = 0; i < N; i++)
        put(cases[i].name, "x");
    struct site *s = load(folder);
    for (size_t i = 0; i < N; i++)
        assert_string_equal(find(s, cases[i].name)->type, cases[i].type);
    site_free(s);
}

static void only_what_shrinks_is_compressed(void **state)
{
    (void)state;
    char text[4001], noise[4001];
    uint32_t x = 1;
    for (int i = 0; i < 4000; i++) {
        text[i] = "to be or not to be "[i % 19];
        x = x * 1664525u + 1013904223u;
        noise[i] = (char)((x >> 24) | 1); // no NUL, for put()
    }
    text[4000] = noise[4000] = '\0';
    put("text.txt", text);
    put("noise.bin", noise);
    put("short.txt", "short");
    put("empty.txt", "");
    struct site *s = load(folder);
    const struct asset *a = find(s, "text.txt");
    assert_non_null(a->gzip);
    assert_true(a->gzip_len < a->len);
    assert_unzips_to(a);
    assert_null(find(s, "short.txt")->gzip);
    assert_null(find(s, "empty.txt")->gzip);
    a = find(s, "noise.bin");
    assert_true(a->gzip == NULL || a->gzip_len < a->len);
    site_free(s);
}

static void etags_tell_contents_and_codings_apart(void **state)
{
    (void)state;
    put("a.txt", "one");
    put("b.txt", "two");
    put("c.txt", "one");
    struct site *s = load(folder);
    const struct asset *a = find(s, "a.txt");
    if (a == NULL) { /* in a form that clang-tidy can follow */
        fail();
        return;
    }
    char before[24];
    strcpy(before, a->etag);
    assert_int_equal(a->etag[0], '"');
    assert_int_equal(a->etag[strlen(a->etag) - 1], '"');
    assert_int_equal(a->gzip_etag[strlen(a->gzip_etag) - 1], '"');
    assert_string_not_equal(a->etag, a->gzip_etag);
    assert_null(strstr(a->gzip_etag, a->etag));
    assert_string_not_equal(a->etag, find(s, "b.txt")->etag);
    assert_string_equal(a->etag, find(s, "c.txt")->etag);
    site_free(s);

    put("a.txt", "onf");
    s = load(folder);
    assert_string_not_equal(find(s, "a.txt")->etag, before);
    assert_string_equal(find(s, "c.txt")->etag, before); // and the same after a restart
    site_free(s);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_built_in),
        cmocka_unit_test(names_must_match_exactly),
        IN_FOLDER(a_directory_is_served_with_what_is_below),
        IN_FOLDER(an_empty_directory_has_nothing),
        IN_FOLDER(hidden_and_strange_files_are_not_served),
        IN_FOLDER(what_cannot_be_read_is_said),
        IN_FOLDER(a_file_that_is_too_large_is_refused),
        IN_FOLDER(too_many_files_are_refused),
        IN_FOLDER(a_circle_of_links_has_an_end),
        IN_FOLDER(types_follow_the_ending),
        IN_FOLDER(only_what_shrinks_is_compressed),
        IN_FOLDER(etags_tell_contents_and_codings_apart),
    };
    return RUN_TESTS(argc, argv, "site", tests);
}
