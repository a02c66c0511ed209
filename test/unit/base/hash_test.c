/* Hashes: the same for the same, spread well, and of no use to whoever doesn't know the key. */
#include <support/test_main.h>

#include <hubbub/hash.h>
#include <stdio.h>
#include <string.h>

static void the_same_is_the_same(void **state)
{
    (void)state;
    assert_true(hash_text(1, "den") == hash_text(1, "den"));
    assert_true(hash_text(1, "den") == hash_bytes(1, "den!", 3));
    assert_true(hash_text(1, "den") != hash_text(1, "dem"));
    assert_true(hash_text(1, "") != hash_bytes(1, "", 1)); /* a NUL counts */
}

static void another_key_is_another_hash(void **state)
{
    (void)state;
    assert_true(hash_text(1, "den") != hash_text(2, "den"));
    assert_true(hash_text(1, "") != hash_text(2, ""));
    assert_true(hash_key() != hash_key());
}

/* Names that differ in their last letters only: every bit is set by about half of them. */
static void every_bit_counts(void **state)
{
    (void)state;
    enum { NAMES = 4096 };
    unsigned set[64] = {0};
    for (int i = 0; i < NAMES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "room %d", i);
        uint64_t h = hash_text(7, name);
        for (int bit = 0; bit < 64; bit++)
            set[bit] += h >> bit & 1;
    }
    for (int bit = 0; bit < 64; bit++)
        assert_in_range(set[bit], NAMES / 2 - NAMES / 16, NAMES / 2 + NAMES / 16);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_the_same),
        cmocka_unit_test(another_key_is_another_hash),
        cmocka_unit_test(every_bit_counts),
    };
    return RUN_TESTS(argc, argv, "hash", tests);
}
