/*
 * Passwords of rooms: hashes that fit their password and no other.
 */
#include "support/test_main.h"

#include <hubbub/identity.h>
#include <hubbub/metrics.h>
#include <string.h>

static void a_hash_fits_its_password_alone(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];
    assert_true(password_hash("open sesame", hash));
    assert_true(password_hash("open sesame", again));
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0);
    assert_string_not_equal(hash, again); /* salted */
    assert_true(strlen(hash) < PASSWORD_HASH_MAX);
    assert_true(password_fits(hash, "open sesame"));
    assert_true(password_fits(again, "open sesame"));
    assert_false(password_fits(hash, "open sesam"));
    assert_false(password_fits(hash, "open sesame "));
    assert_false(password_fits(hash, "Open sesame"));
    assert_false(password_fits(hash, ""));
}

static void any_text_is_a_password(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_MAX], longest[129];
    memset(longest, 'x', sizeof longest - 1);
    longest[128] = '\0';
    assert_true(password_hash(longest, hash));
    assert_true(password_fits(hash, longest));
    longest[127] = '\0';
    assert_false(password_fits(hash, longest));
    assert_true(password_hash("\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c", hash));
    assert_true(password_fits(hash, "\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c"));
}

static void what_is_no_hash_fits_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "x",
                                      "open sesame",
                                      "$argon2id$",
                                      "$argon2id$v=19$m=65536",
                                      "$2b$12$abcdefghijklmnopqrstuv"};
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++) {
        assert_false(password_fits(bad[n], "open sesame"));
        assert_false(password_fits(bad[n], ""));
        assert_false(password_fits(bad[n], bad[n]));
    }
}

static void every_check_is_counted(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_MAX];
    int64_t before = metric_read(METRIC_PASSWORD_CHECKS);
    assert_true(password_hash("open sesame", hash));
    assert_true(password_fits(hash, "open sesame"));
    assert_false(password_fits(hash, "closed"));
    assert_int_equal(metric_read(METRIC_PASSWORD_CHECKS), before + 3);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_fits_its_password_alone),
        cmocka_unit_test(any_text_is_a_password),
        cmocka_unit_test(what_is_no_hash_fits_nothing),
        cmocka_unit_test(every_check_is_counted),
    };
    return RUN_TESTS(argc, argv, "password", tests);
}
