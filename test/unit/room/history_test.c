/* The latest messages of a room: what stays in memory, what goes, and that nothing goes before the disk has it. */
#include <support/test_main.h>

#include <hubbub/history.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct history_limit all = {UINT32_MAX, SIZE_MAX, 0}, none = {0, 0, 0};

static struct message *version(uint64_t seq, const char *content)
{
    return message_new(&(struct message){.seq = seq,
                                         .user_id = "u-alice",
                                         .username = "alice",
                                         .id = "",
                                         .content = content,
                                         .content_len = strlen(content)});
}

/* Messages first to last, each of them change number seq. */
static void add(struct history *h, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++)
        history_add(h, version(seq, "\"x\""), seq);
}

static void expect_range(const struct history *h, uint64_t first, uint64_t last)
{
    assert_int_equal(h->n, last + 1 - first);
    assert_int_equal(history_first(h, last), first);
    for (uint64_t seq = first; seq <= last; seq++)
        assert_int_equal(history_find(h, seq)->message->seq, seq);
    assert_null(history_find(h, first - 1));
    assert_null(history_find(h, last + 1));
}

static struct slot *set_aside(struct history *h, uint64_t seq)
{
    struct history_row row = {.message = version(seq, "\"old\"")};
    struct slot *s = history_set_aside(h, &row);
    assert_null(row.message);
    return s;
}

/* ---- the ring -------------------------------------------------------------------------------------- */

static void empty_it_has_nothing(void **state)
{
    (void)state;
    struct history h = {0};
    assert_null(history_find(&h, 0));
    assert_null(history_find(&h, 1));
    assert_int_equal(history_first(&h, 0), 1);
    assert_int_equal(history_first(&h, 41), 42);
    assert_true(history_trim(&h, &none, 0));
    history_fini(&h);
}

/* Message n is n ms old, counted from the beginning of time. */
static void what_is_too_old_goes(void **state)
{
    (void)state;
    struct history h = {0};
    const struct history_limit from_fifty = {100, SIZE_MAX, 50};
    for (uint64_t seq = 1; seq <= 80; seq++)
        history_add(&h,
                    message_new(&(struct message){.seq = seq,
                                                  .ts = (int64_t)seq,
                                                  .user_id = "u-alice",
                                                  .username = "alice",
                                                  .id = "",
                                                  .content = "\"x\"",
                                                  .content_len = 3}),
                    seq);
    assert_false(history_trim(&h, &from_fifty, 20)); /* the others are not on the disk */
    expect_range(&h, 21, 80);
    assert_true(history_trim(&h, &from_fifty, 80));
    expect_range(&h, 50, 80);
    history_fini(&h);
}

static void it_grows_and_goes_round(void **state)
{
    (void)state;
    struct history h = {0};
    const struct history_limit ten = {10, SIZE_MAX, 0};
    add(&h, 30, 69); /* it need not begin at 1, nor in step with the space */
    expect_range(&h, 30, 69);
    for (uint64_t seq = 70; seq < 1000; seq++) {
        add(&h, seq, seq);
        assert_true(history_trim(&h, &ten, UINT64_MAX));
        expect_range(&h, seq - 9, seq);
    }
    assert_int_equal(h.space, 64);
    history_fini(&h);
    assert_int_equal(h.bytes, 0);
    add(&h, 5, 6); /* as new */
    expect_range(&h, 5, 6);
    history_fini(&h);
}

static void what_is_empty_takes_no_memory(void **state)
{
    (void)state;
    struct history h = {0};
    add(&h, 1, 100);
    assert_true(history_trim(&h, &none, 100));
    assert_int_equal(h.n, 0);
    assert_int_equal(h.bytes, 0);
    assert_null(h.slots);
    assert_int_equal(history_first(&h, 100), 101);
    add(&h, 101, 130);
    expect_range(&h, 101, 130);
    history_fini(&h);
}

static void bytes_are_a_limit_too(void **state)
{
    (void)state;
    struct history h = {0};
    add(&h, 1, 100);
    size_t each = message_size(history_find(&h, 1)->message);
    assert_int_equal(h.bytes, 100 * each);
    assert_true(history_trim(&h, &(struct history_limit){100, 7 * each + each / 2, 0}, UINT64_MAX));
    expect_range(&h, 94, 100);
    assert_true(history_trim(&h, &(struct history_limit){100, each - 1, 0}, UINT64_MAX));
    assert_int_equal(h.n, 0); /* even the last one, which alone is too large */
    history_fini(&h);
}

static void what_is_not_written_stays(void **state)
{
    (void)state;
    struct history h = {0};
    add(&h, 1, 100);
    assert_false(history_trim(&h, &none, 0));
    expect_range(&h, 1, 100);
    assert_false(history_trim(&h, &(struct history_limit){10, SIZE_MAX, 0}, 60));
    expect_range(&h, 61, 100);
    assert_true(history_trim(&h, &(struct history_limit){10, SIZE_MAX, 0}, 95));
    expect_range(&h, 91, 100);
    assert_false(history_trim(&h, &none, 99));
    expect_range(&h, 100, 100);
    assert_true(history_trim(&h, &none, 100));
    history_fini(&h);
}

static void a_new_version_has_to_be_written_anew(void **state)
{
    (void)state;
    struct history h = {0};
    add(&h, 1, 10);
    struct slot *s = history_find(&h, 3);
    history_replace(&h, s, version(3, "\"edited\""), 50);
    assert_string_equal(history_find(&h, 3)->message->content, "\"edited\"");
    assert_false(history_trim(&h, &none, 49));
    expect_range(&h, 3, 10);
    size_t before = reactions_size(&s->reactions);
    reactions_set(&s->reactions, "+", 1, true);
    history_touched(&h, s, before, 60);
    assert_false(history_trim(&h, &none, 59));
    expect_range(&h, 3, 10);
    assert_true(history_trim(&h, &none, 60));
    assert_int_equal(h.bytes, 0);
    history_fini(&h);
}

/* ---- older ones ------------------------------------------------------------------------------------ */

static void older_ones_are_set_aside_until_they_are_written(void **state)
{
    (void)state;
    struct history h = {0};
    add(&h, 100, 110);
    size_t bytes = h.bytes;
    struct slot *s = set_aside(&h, 7);
    assert_ptr_equal(history_find(&h, 7), s);
    history_replace(&h, s, version(7, "\"edited\""), 200);
    s = set_aside(&h, 9);
    size_t before = reactions_size(&s->reactions);
    reactions_set(&s->reactions, "+", 1, true);
    history_touched(&h, s, before, 201);
    assert_int_equal(h.bytes, bytes); /* they don't count */
    assert_int_equal(history_first(&h, 110), 100);
    assert_false(history_trim(&h, &all, 199));
    assert_string_equal(history_find(&h, 7)->message->content, "\"edited\"");
    assert_false(history_trim(&h, &all, 200));
    assert_null(history_find(&h, 7));
    assert_int_equal(reactions_count(&history_find(&h, 9)->reactions, "+"), 1);
    assert_true(history_trim(&h, &all, 201));
    assert_null(history_find(&h, 9));
    assert_int_equal(h.amended, 2);
    expect_range(&h, 100, 110);
    history_fini(&h);
}

/* What was found on the disk before that may be older than what is there. */
static void which_change_of_an_edited_one_went_last_is_known(void **state)
{
    (void)state;
    struct history h = {0};
    struct message edited = {.seq = 2,
                             .user_id = "u-alice",
                             .username = "alice",
                             .id = "",
                             .content = "\"y\"",
                             .content_len = 3,
                             .edited_ts = 1};
    add(&h, 1, 9);
    history_replace(&h, history_find(&h, 2), message_new(&edited), 20);
    history_trim(&h, &(struct history_limit){8, SIZE_MAX, 0}, 20);
    assert_int_equal(h.gone, 0); /* nobody edited the first */
    history_trim(&h, &(struct history_limit){7, SIZE_MAX, 0}, 19);
    assert_non_null(history_find(&h, 2));
    assert_int_equal(h.gone, 0);
    history_trim(&h, &(struct history_limit){7, SIZE_MAX, 0}, 20);
    assert_null(history_find(&h, 2));
    assert_int_equal(h.gone, 20);
    history_trim(&h, &none, 20);
    assert_int_equal(h.gone, 20);
    history_fini(&h);
}

static void what_was_set_aside_and_left_alone_goes_at_once(void **state)
{
    (void)state;
    struct history h = {0};
    set_aside(&h, 7);
    assert_true(history_trim(&h, &all, 0));
    assert_null(history_find(&h, 7));
    assert_null(h.aside);
    assert_int_equal(h.amended, 0);
    history_fini(&h);
}

/* ---- against a simple model ------------------------------------------------------------------------ */

enum { MODEL = 4096 };

/* Every message by its number, whether it ought to be there or not. */
struct model {
    struct {
        size_t size; /* of the message and its reactions */
        uint64_t change;
        bool in_ring, aside;
    } of[MODEL];
    uint64_t first, last; /* of the ring; first > last: none */
    uint64_t posted, written;
};

static void model_trim(struct model *m, const struct history_limit *limit)
{
    size_t bytes = 0;
    for (uint64_t seq = m->first; seq <= m->last; seq++)
        bytes += m->of[seq].size;
    while (m->first <= m->last &&
           (m->last + 1 - m->first > limit->messages || bytes > limit->bytes) &&
           m->of[m->first].change <= m->written) {
        bytes -= m->of[m->first].size;
        m->of[m->first++].in_ring = false;
    }
    for (uint64_t seq = 1; seq <= m->last; seq++)
        if (m->of[seq].aside && m->of[seq].change <= m->written)
            m->of[seq].aside = false;
}

static void compare(const struct history *h, const struct model *m)
{
    size_t bytes = 0;
    for (uint64_t seq = 1; seq <= m->last + 1; seq++) {
        const struct slot *s = history_find(h, seq);
        assert_int_equal(s != NULL, m->of[seq].in_ring || m->of[seq].aside);
        if (s == NULL)
            continue;
        assert_int_equal(s->message->seq, seq);
        assert_int_equal(s->change, m->of[seq].change);
        size_t size = message_size(s->message) + reactions_size(&s->reactions);
        if (m->of[seq].in_ring)
            bytes += size;
    }
    assert_int_equal(h->bytes, bytes);
    assert_int_equal(history_first(h, m->last), m->first);
}

static void note_size(struct model *m, const struct slot *s)
{
    m->of[s->message->seq].size = message_size(s->message) + reactions_size(&s->reactions);
    m->of[s->message->seq].change = m->posted;
}

static void say_one(struct history *h, struct model *m)
{
    char content[64];
    snprintf(content, sizeof(content), "\"%.*s\"", (int)(random() % 60),
             "............................................................");
    struct message *said = version(++m->last, content);
    history_add(h, said, ++m->posted);
    m->of[m->last].in_ring = true;
    note_size(m, history_find(h, m->last));
}

static void change_one(struct history *h, struct model *m)
{
    uint64_t seq = 1 + (uint64_t)random() % m->last;
    struct slot *s = history_find(h, seq);
    if (s == NULL) {
        s = set_aside(h, seq);
        m->of[seq].aside = true;
        m->of[seq].change = 0;
        if (random() % 4 == 0)
            return; /* it was refused */
    }
    m->posted++;
    if (random() % 2 == 0) {
        history_replace(h, s, version(seq, random() % 2 ? "\"\"" : "\"another\""), m->posted);
    } else {
        size_t before = reactions_size(&s->reactions);
        reactions_set(&s->reactions, random() % 2 ? "+" : "-", (uint64_t)random() % 9,
                      random() % 3 > 0);
        history_touched(h, s, before, m->posted);
    }
    note_size(m, s);
}

static void it_is_as_a_simple_model_has_it(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        struct history h = {0};
        struct model *m = xcalloc(1, sizeof(*m));
        m->first = 1;
        srandom(seed);
        for (int step = 0; step < 400; step++) {
            const struct history_limit limit = {
                (uint32_t)(random() % 40), random() % 3 ? SIZE_MAX : (size_t)random() % 4000, 0};
            long what = random() % 10;
            if (what < 5 || m->last == 0) {
                say_one(&h, m);
            } else if (what < 8) {
                change_one(&h, m);
            } else {
                m->written += (uint64_t)random() % (m->posted - m->written + 1);
                model_trim(m, &limit);
                bool done = history_trim(&h, &limit, m->written);
                assert_int_equal(done,
                                 h.n <= limit.messages && h.bytes <= limit.bytes && h.naside == 0);
            }
            compare(&h, m);
        }
        history_fini(&h);
        free(m);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_it_has_nothing),
        cmocka_unit_test(it_grows_and_goes_round),
        cmocka_unit_test(what_is_too_old_goes),
        cmocka_unit_test(what_is_empty_takes_no_memory),
        cmocka_unit_test(bytes_are_a_limit_too),
        cmocka_unit_test(what_is_not_written_stays),
        cmocka_unit_test(a_new_version_has_to_be_written_anew),
        cmocka_unit_test(older_ones_are_set_aside_until_they_are_written),
        cmocka_unit_test(which_change_of_an_edited_one_went_last_is_known),
        cmocka_unit_test(what_was_set_aside_and_left_alone_goes_at_once),
        cmocka_unit_test(it_is_as_a_simple_model_has_it),
    };
    return RUN_TESTS(argc, argv, "history", tests);
}
