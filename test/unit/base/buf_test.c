/* The growable buffer: what it holds, that a NUL always ends it, that memory is kept and given
 * away. */
#include <support/test_main.h>

#include <hubbub/buf.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_holds(const struct buf *b, const void *bytes, size_t n)
{
    assert_int_equal(b->len, n);
    assert_true(b->space > n);
    assert_memory_equal(b->data, bytes, n);
    assert_int_equal(b->data[n], 0);
}

static void starts_without_memory(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_add(&b, "", 0);
    assert_null(b.data);
    buf_clear(&b);
    buf_fini(&b);
    assert_null(b.data);
    assert_int_equal(b.space, 0);
}

static void grows_byte_by_byte(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    char want[5000];

    for (size_t i = 0; i < sizeof(want); i++) {
        want[i] = (char)(i * 7);
        buf_add_char(&b, want[i]);
        assert_holds(&b, want, i + 1);
    }
    buf_fini(&b);
}

static void grows_at_once(void **state)
{
    (void)state;
    static char big[100000];
    struct buf b = BUF_INIT;

    memset(big, 'x', sizeof(big));
    buf_add_str(&b, "ab");
    buf_add(&b, big, sizeof(big));
    assert_int_equal(b.len, 2 + sizeof(big));
    assert_memory_equal(b.data, "ab", 2);
    assert_memory_equal(b.data + 2, big, sizeof(big));
    assert_int_equal(b.data[b.len], 0);
    buf_fini(&b);
}

static void keeps_bytes_that_are_zero(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_add(&b, "a\0b", 3);
    buf_add_str(&b, "c");
    assert_holds(&b, "a\0bc", 4);
    buf_fini(&b);
}

static void reserve_changes_no_content(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_reserve(&b, 10);
    assert_holds(&b, "", 0);
    buf_add_str(&b, "abc");
    buf_reserve(&b, 10000);
    assert_holds(&b, "abc", 3);
    assert_true(b.space >= 10004);
    char *before = b.data;
    for (int i = 0; i < 10000; i++)
        buf_add_char(&b, '.');
    assert_ptr_equal(b.data, before);
    buf_fini(&b);
}

static void clear_keeps_the_memory(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_add_str(&b, "something");
    char *before = b.data;
    buf_clear(&b);
    assert_holds(&b, "", 0);
    buf_add_str(&b, "else");
    assert_holds(&b, "else", 4);
    assert_ptr_equal(b.data, before);
    buf_fini(&b);
}

static void take_gives_the_memory_away(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    size_t len = 99;

    char *empty = buf_take(&b, &len);
    assert_string_equal(empty, "");
    assert_int_equal(len, 0);

    buf_add_str(&b, "abc");
    char *abc = buf_take(&b, &len);
    assert_int_equal(len, 3);
    assert_string_equal(abc, "abc");
    assert_null(b.data);
    assert_int_equal(b.len, 0);

    buf_add_str(&b, "again");
    char *again = buf_take(&b, NULL);
    assert_string_equal(again, "again");
    assert_string_equal(abc, "abc");
    free(empty);
    free(abc);
    free(again);
}

static void integers_are_those_of_printf(void **state)
{
    (void)state;
    static const int64_t borders[] = {0, INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN};
    struct buf b = BUF_INIT;
    char want[32];
    int64_t power = 1;

    for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]) + 19; i++) {
        bool border = i < sizeof(borders) / sizeof(borders[0]);
        int64_t v = border ? borders[i] : power;
        if (!border && power <= INT64_MAX / 10)
            power *= 10;
        for (int step = -1; step <= 1; step++) {
            int64_t near = (int64_t)((uint64_t)v + (uint64_t)step); // wraps at the ends
            for (int sign = 0; sign < 2; sign++) {
                near = (int64_t)(0 - (uint64_t)near);
                buf_clear(&b);
                buf_add_int(&b, near);
                snprintf(want, sizeof(want), "%" PRId64, near);
                assert_string_equal(b.data, want);
                assert_int_equal(b.len, strlen(want));
            }
        }
    }
    buf_fini(&b);
}

/* Every length around the space that is there, so that both ways through buf_printf() are taken. */
static void printf_at_every_length(void **state)
{
    (void)state;
    char filler[300];
    memset(filler, 'y', sizeof(filler));

    for (int before = 0; before < 70; before++) {
        for (int n = 0; n < 140; n++) {
            struct buf b = BUF_INIT;
            buf_add(&b, filler, (size_t)before);
            buf_printf(&b, "%.*s%d", n, filler, 7);
            assert_int_equal(b.len, (size_t)(before + n + 1));
            assert_true(b.len < b.space);
            assert_memory_equal(b.data, filler, (size_t)(before + n));
            assert_string_equal(b.data + before + n, "7");
            buf_fini(&b);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_without_memory),
        cmocka_unit_test(grows_byte_by_byte),
        cmocka_unit_test(grows_at_once),
        cmocka_unit_test(keeps_bytes_that_are_zero),
        cmocka_unit_test(reserve_changes_no_content),
        cmocka_unit_test(clear_keeps_the_memory),
        cmocka_unit_test(take_gives_the_memory_away),
        cmocka_unit_test(integers_are_those_of_printf),
        cmocka_unit_test(printf_at_every_length),
    };
    return RUN_TESTS(argc, argv, "buf", tests);
}
