/* Names of files, made safe. */
#include <support/test_main.h>

#include <hubbub/file.h>
#include <string.h>

static void assert_name(const char *wish, const char *expected)
{
    char name[FILE_NAME_MAX + 1];
    file_name(name, wish, strlen(wish));
    assert_string_equal(name, expected);
}

static void plain_names_stay(void **state)
{
    (void)state;
    assert_name("a.txt", "a.txt");
    assert_name("two words (1).tar.gz", "two words (1).tar.gz");
    assert_name("K\xc3\xa4se \xf0\x9f\x8e\x89.png", "K\xc3\xa4se \xf0\x9f\x8e\x89.png");
    assert_name("-rf", "-rf");
}

static void paths_go(void **state)
{
    (void)state;
    assert_name("../../etc/passwd", "passwd");
    assert_name("C:\\Users\\alice\\a.doc", "a.doc");
    assert_name("/", "file");
    assert_name("a/..", "file");
    assert_name("..", "file");
    assert_name("", "file");
    assert_name(".bashrc", "bashrc");
    assert_name(" . name . ", "name");
    assert_name("c:secret", "c_secret");
}

static void deception_goes(void **state)
{
    (void)state;
    assert_name("photo\xe2\x80\xaegpj.exe", "photogpj.exe"); // right-to-left override
    assert_name("a\xe2\x81\xa6\xe2\x81\xa9.txt", "a.txt");   // isolates
    assert_name("a\nb\r\tc\x7f\x01.txt", "abc.txt");
    assert_name("a\xc2\x85\xc2\xad\xe2\x80\x8b.txt", "a.txt"); // C1, soft hyphen, zero width
    assert_name("a\xe2\x80\xa8\xef\xbb\xbf.txt", "a.txt");     // line separator, BOM
    assert_name("\xe2\x80\x8b", "file");
    assert_name("a\"<b>|c?*:$`.txt", "a__b__c_____.txt");
    assert_name("bad \xff\xfe utf-8", "file");
    assert_name("\xed\xa0\x80", "file");
}

static void reserved_names_are_others(void **state)
{
    (void)state;
    assert_name("con", "_con");
    assert_name("NUL.txt", "_NUL.txt");
    assert_name("com1.log", "_com1.log");
    assert_name("comb", "comb");
    assert_name("thumbnail", "_thumbnail");
}

static void long_names_keep_their_ending(void **state)
{
    (void)state;
    char wish[4096], name[FILE_NAME_MAX + 1];
    for (size_t n = 1; n < sizeof(wish) - 8; n += 7) {
        for (size_t pad = 0; pad < 4; pad++) { // where a character is cut in two
            size_t at = 0;
            for (; at < pad; at++)
                wish[at] = 'a';
            while (at + 4 < n) {
                memcpy(wish + at, "\xf0\x9f\x8e\x89", 4);
                at += 4;
            }
            strcpy(wish + at, ".jpeg");
            file_name(name, wish, strlen(wish));
            assert_true(strlen(name) <= FILE_NAME_MAX);
            assert_true(text_is_utf8(name, strlen(name)));
            if (at > 0)
                assert_string_equal(name + strlen(name) - 5, ".jpeg");
        }
    }
    memset(wish, 'x', 300);
    wish[300] = '\0';
    wish[10] = '.'; // an ending that is none
    file_name(name, wish, 300);
    assert_int_equal(strlen(name), FILE_NAME_MAX);
}

static void ids_are_hexadecimal(void **state)
{
    (void)state;
    assert_true(file_is_id("0123456789abcdef0123456789abcdef", 32));
    assert_false(file_is_id("0123456789abcdef0123456789abcdeF", 32));
    assert_false(file_is_id("0123456789abcdef0123456789abcde", 31));
    assert_false(file_is_id("0123456789abcdef0123456789abcde/", 32));
    assert_false(file_is_id("../../../../../../../../etc/pass", 32));
    assert_false(file_is_id("", 0));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_stay),
        cmocka_unit_test(paths_go),
        cmocka_unit_test(deception_goes),
        cmocka_unit_test(reserved_names_are_others),
        cmocka_unit_test(long_names_keep_their_ending),
        cmocka_unit_test(ids_are_hexadecimal),
    };
    return RUN_TESTS(argc, argv, "file", tests);
}
