/* What a room knows besides its people: who wrote the latest messages, what it is like; and how it forgets. */
#include "helpers.h"

#include <hubbub/mem.h>

static void say(struct room *r, struct user *u)
{
    r->seq++;
    room_set_author(r, u);
}

static void the_latest_authors_are_known(void **state)
{
    (void)state;
    struct room *r = room_new("den");
    struct session *alice = named("alice"), *bob = named("bob");
    assert_null(room_author(r, 0));
    assert_null(room_author(r, 1));
    /* Through every size of the ring, and once around the largest. */
    for (uint64_t n = 1; n <= 3 * AUTHORS_MAX; n++) {
        say(r, n % 3 == 0 ? bob->user : alice->user);
        assert_true(r->nauthors <= AUTHORS_MAX);
        uint64_t oldest = n <= AUTHORS_MAX ? 1 : n - AUTHORS_MAX + 1;
        for (uint64_t seq = oldest; seq <= n; seq++)
            assert_ptr_equal(room_author(r, seq), seq % 3 == 0 ? bob->user : alice->user);
        assert_null(room_author(r, n + 1));
        assert_null(room_author(r, 0));
        if (oldest > 1)
            assert_null(room_author(r, oldest - 1));
    }
    assert_null(room_author(r, UINT64_MAX));
    assert_int_equal(r->nauthors, AUTHORS_MAX);
    room_free_later(r);
    gone(alice);
    gone(bob);
}

static void a_message_is_forgotten_once(void **state)
{
    (void)state;
    struct room *r = room_new("den");
    struct session *alice = named("alice");
    for (int i = 0; i < 20; i++)
        say(r, alice->user);
    room_forget_author(r, 7);
    assert_null(room_author(r, 7));
    assert_ptr_equal(room_author(r, 6), alice->user);
    assert_ptr_equal(room_author(r, 8), alice->user);
    room_forget_author(r, 7); /* nothing left to forget */
    for (int i = 20; i < 100; i++)
        say(r, alice->user); /* grown meanwhile */
    assert_null(room_author(r, 7));
    assert_ptr_equal(room_author(r, 8), alice->user);
    room_free_later(r);
    gone(alice);
}

static void authors_who_left_are_kept_as_long(void **state)
{
    (void)state;
    struct room *r = room_new("den");
    struct session *alice = named("alice"), *bob = named("bob");
    struct user *was = alice->user;
    say(r, was);
    say(r, bob->user);
    gone(alice);
    rcu_barrier();
    assert_ptr_equal(room_author(r, 1), was);
    assert_string_equal(was->username, "alice");
    assert_int_equal(was->refs, 1);
    for (int i = 0; i < AUTHORS_MAX; i++)
        say(r, bob->user); /* which lets go of her */
    assert_null(room_author(r, 1));
    assert_int_equal(bob->user->refs, 1 + AUTHORS_MAX);
    room_free_later(r);
    assert_int_equal(bob->user->refs, 1);
    gone(bob);
}

/* ---- what it is like ------------------------------------------------------------------------------ */

static void it_is_like_any_until_it_is_told(void **state)
{
    (void)state;
    struct room *r = room_new("den");
    rcu_read_lock();
    const struct room_info *plain = room_info(r);
    assert_string_equal(plain->title, "");
    assert_string_equal(plain->topic, "");
    assert_string_equal(plain->password, "");
    assert_int_equal(plain->visibility, VISIBILITY_PUBLIC);
    assert_int_equal(plain->max_users, 0);
    assert_int_equal(plain->slow_mode, 0);
    struct room_info like = {.title = "The den", .visibility = VISIBILITY_PRIVATE, .max_users = 7};
    room_set_info(r, &like);
    const struct room_info *first = room_info(r);
    strcpy(like.title, "The cellar"); /* copied */
    assert_string_equal(first->title, "The den");
    room_set_info(r, &like);
    assert_string_equal(first->title, "The den"); /* a reader keeps what it found */
    assert_string_equal(room_info(r)->title, "The cellar");
    assert_int_equal(room_info(r)->max_users, 7);
    rcu_read_unlock();
    room_free_later(r);
}

static void a_reset_room_is_a_new_one(void **state)
{
    (void)state;
    struct room *r = room_new("den");
    struct session *alice = named("alice");
    struct room_info like = {.topic = "wine", .slow_mode = 5};
    struct entry kicked = {
        .action = ACTION_KICK, .user_id = "u", .username = "", .by = "", .by_id = ""};
    struct member *m = room_add(r, alice);
    say(r, alice->user);
    room_set_info(r, &like);
    room_set_rank(r, "u-bob", "bob", RANK_MEMBER);
    r->opened_by = xstrdup("u-alice");
    struct books *b = room_books(r);
    assert_ptr_equal(room_books(r), b); /* the same ever after */
    books_write(b, &kicked, 0);
    room_remove(m);

    room_reset(r);
    assert_string_equal(r->name, "den");
    assert_int_equal(r->seq, 0);
    assert_null(room_author(r, 1));
    assert_int_equal(room_info(r)->slow_mode, 0);
    assert_null(r->roster);
    assert_null(r->books);
    assert_null(r->opened_by);
    assert_int_equal(alice->user->refs, 1);

    room_reset(r); /* with nothing to forget */
    m = room_add(r, alice);
    say(r, alice->user);
    assert_ptr_equal(room_author(r, 1), alice->user);
    assert_int_equal(r->count, 1);
    room_remove(m);
    room_free_later(r);
    gone(alice);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_authors_are_known),
        cmocka_unit_test(a_message_is_forgotten_once),
        cmocka_unit_test(authors_who_left_are_kept_as_long),
        cmocka_unit_test(it_is_like_any_until_it_is_told),
        cmocka_unit_test(a_reset_room_is_a_new_one),
    };
    return RUN_ROOM_TESTS(argc, argv, "authors", tests);
}
