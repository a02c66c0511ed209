/* What was said lately under which id: found for five minutes, however many there are. */
#include <support/test_main.h>

#include "hub/repeats.h"

#include <hubbub/mem.h>
#include <hubbub/store.h>
#include <stdlib.h>
#include <string.h>

static void say(struct repeats *r, uint64_t key, uint64_t seq, int64_t ts)
{
    repeats_add(r, &(struct repeat){.key = key, .body = key ^ 1, .seq = seq, .ts = ts});
}

static void nothing_is_in_none(void **state)
{
    (void)state;
    struct repeats r;
    repeats_init(&r);
    assert_null(repeats_find(&r, 0, 1000));
    repeats_fini(&r);
}

static void for_five_minutes(void **state)
{
    (void)state;
    struct repeats r;
    repeats_init(&r);
    say(&r, 7, 1, 1000);
    say(&r, 8, 2, 2000);
    const struct repeat *found = repeats_find(&r, 7, 1000 + DUPLICATE_MS);
    assert_non_null(found);
    assert_true(found->seq == 1 && found->body == (7 ^ 1) && found->ts == 1000);
    assert_null(repeats_find(&r, 7, 1001 + DUPLICATE_MS));
    assert_non_null(repeats_find(&r, 8, 1001 + DUPLICATE_MS));
    assert_int_equal(r.n, 1);
    say(&r, 7, 3, 400000); /* said again */
    assert_int_equal(repeats_find(&r, 7, 400000)->seq, 3);
    repeats_fini(&r);
}

static void the_latest_one_counts(void **state)
{
    (void)state;
    struct repeats r;
    repeats_init(&r);
    say(&r, 7, 1, 1000);
    say(&r, 7, 2, 1001);
    assert_int_equal(repeats_find(&r, 7, 1002)->seq, 2);
    assert_int_equal(repeats_find(&r, 7, 1001 + DUPLICATE_MS)->seq, 2); /* without the first */
    assert_int_equal(r.n, 1);
    for (uint64_t i = 100; i < 200; i++)
        say(&r, i, i, 1002);
    say(&r, 7, 3, 1003); /* also while it grows */
    for (uint64_t i = 200; i < 300; i++)
        say(&r, i, i, 1004);
    assert_int_equal(repeats_find(&r, 7, 1004)->seq, 3);
    assert_int_equal(repeats_find(&r, 7, 1003 + DUPLICATE_MS)->seq, 3);
    assert_null(repeats_find(&r, 7, 1004 + DUPLICATE_MS));
    repeats_fini(&r);
}

static void keys_tell_apart_user_room_id_and_body(void **state)
{
    (void)state;
    struct repeats r;
    repeats_init(&r);
    uint64_t key = repeats_key(&r, "u-a", "den", "1");
    assert_true(key == repeats_key(&r, "u-a", "den", "1"));
    assert_true(key != repeats_key(&r, "u-b", "den", "1"));
    assert_true(key != repeats_key(&r, "u-a", "pub", "1"));
    assert_true(key != repeats_key(&r, "u-a", "den", "2"));
    assert_true(key != repeats_key(&r, "u-a", "den1", "")); /* nor do they run together */
    assert_true(key != repeats_key(&r, "u-", "aden", "1"));
    uint64_t body = repeats_body(&r, "\"x\"", 3, 0);
    assert_true(body == repeats_body(&r, "\"x\"...", 3, 0));
    assert_true(body != repeats_body(&r, "\"y\"", 3, 0));
    assert_true(body != repeats_body(&r, "\"x\"", 3, 1));
    repeats_fini(&r);
}

/* All keys have the same home in the index, and some wrap around its end. */
static void collisions_are_told_apart(void **state)
{
    (void)state;
    enum { KEYS = 60 };
    struct repeats r;
    repeats_init(&r);
    for (uint64_t i = 0; i < KEYS; i++)
        say(&r, i << 32 | 125, i, (int64_t)i);
    for (int64_t gone = 0; gone < KEYS; gone++) {
        for (uint64_t i = 0; i < KEYS; i++) {
            const struct repeat *found = repeats_find(&r, i << 32 | 125, gone + DUPLICATE_MS);
            assert_int_equal(found != NULL, (int64_t)i >= gone);
            if (found != NULL)
                assert_int_equal(found->seq, i);
        }
    }
    repeats_fini(&r);
}

/* Round the ring many times without growing. */
static void what_is_too_old_makes_room(void **state)
{
    (void)state;
    struct repeats r;
    repeats_init(&r);
    for (int64_t i = 0; i < 100000; i++) {
        int64_t now = i * DUPLICATE_MS / 40;
        assert_null(repeats_find(&r, (uint64_t)i, now));
        say(&r, (uint64_t)i, (uint64_t)i, now);
        assert_true(i < 40 || repeats_find(&r, (uint64_t)i - 40, now) != NULL);
        assert_true(i < 41 || repeats_find(&r, (uint64_t)i - 41, now) == NULL);
    }
    assert_int_equal(r.space, 64);
    repeats_fini(&r);
}

static void there_is_a_most(void **state)
{
    (void)state;
    enum { MORE = 1000 };
    struct repeats r;
    repeats_init(&r);
    for (uint64_t i = 0; i < REPEATS_MAX + MORE; i++)
        say(&r, i * UINT64_C(0x9e3779b97f4a7c15), i, 5);
    assert_int_equal(r.n, REPEATS_MAX);
    assert_int_equal(r.space, REPEATS_MAX);
    for (uint64_t i = 0; i < REPEATS_MAX + MORE; i += 37) {
        const struct repeat *found = repeats_find(&r, i * UINT64_C(0x9e3779b97f4a7c15), 5);
        assert_int_equal(found != NULL, i >= MORE);
        if (found != NULL)
            assert_int_equal(found->seq, i);
    }
    repeats_fini(&r);
}

/* A list of all that was ever said. */
static void it_is_as_a_simple_model_has_it(void **state)
{
    (void)state;
    enum { STEPS = 20000, KEYS = 500 };
    struct repeat *model = xcalloc(KEYS, sizeof(*model)); /* by key; seq 0: never said */
    struct repeats r;
    repeats_init(&r);
    srandom(11);
    int64_t now = 0;
    for (uint64_t step = 1; step <= STEPS; step++) {
        now += random() % 3 == 0 ? random() % (DUPLICATE_MS / 50) : 0;
        size_t i = (size_t)(random() % KEYS);
        uint64_t key = (i % 7) | (uint64_t)i << 40; /* seven homes in the index */
        bool said = model[i].seq > 0 && model[i].ts >= now - DUPLICATE_MS;
        const struct repeat *found = repeats_find(&r, key, now);
        assert_int_equal(found != NULL, said);
        if (found != NULL) {
            assert_int_equal(found->seq, model[i].seq);
            continue;
        }
        model[i] = (struct repeat){.seq = step, .ts = now};
        say(&r, key, step, now);
    }
    free(model);
    repeats_fini(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_in_none),
        cmocka_unit_test(for_five_minutes),
        cmocka_unit_test(the_latest_one_counts),
        cmocka_unit_test(keys_tell_apart_user_room_id_and_body),
        cmocka_unit_test(collisions_are_told_apart),
        cmocka_unit_test(what_is_too_old_makes_room),
        cmocka_unit_test(there_is_a_most),
        cmocka_unit_test(it_is_as_a_simple_model_has_it),
    };
    return RUN_TESTS(argc, argv, "repeats", tests);
}
