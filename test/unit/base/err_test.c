/* Every code of the table has its own text and number; unknown codes have a text too. */
#include <support/test_main.h>

#include <hubbub/err.h>

static const int CODES[] = {
#define X(name, text) name,
    ERR_TABLE(X)
#undef X
};
static const size_t NCODES = sizeof(CODES) / sizeof(CODES[0]);

static void every_code_has_its_own_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < NCODES; i++) {
        assert_string_not_equal(err_text(CODES[i]), err_text(12345));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(err_text(CODES[i]), err_text(CODES[j]));
    }
}

static void codes_are_negative_and_not_minus_one(void **state)
{
    (void)state;
    assert_int_equal(ERR_OK, 0);
    for (size_t i = 0; i < NCODES; i++)
        assert_true(CODES[i] < -1);
}

static void strangers_have_a_text(void **state)
{
    (void)state;
    assert_string_equal(err_text(0), "success");
    assert_string_equal(err_text(-1), "unknown error");
    assert_string_equal(err_text(ERR_BASE_), "unknown error");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_own_text),
        cmocka_unit_test(codes_are_negative_and_not_minus_one),
        cmocka_unit_test(strangers_have_a_text),
    };
    return RUN_TESTS(argc, argv, "err", tests);
}
