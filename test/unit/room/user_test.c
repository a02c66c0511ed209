/* Users in rooms: several tabs are one user, and one of them stands for all. */
#include "helpers.h"

static struct user *user(const char *name)
{
    return user_new(name, name, name);
}

static void out(struct session *s, const struct room *r)
{
    struct member *m = session_find(s, r->name);
    assert_non_null(m);
    room_remove(m);
}

/* How many of the members stand for their user, counted as a list of members is. */
static uint32_t standing(const struct room *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->nmembers; i++)
        n += !r->members[i]->shadow;
    return n;
}

static void its_sessions_are_counted(void **state)
{
    (void)state;
    struct user *u = user("alice");
    struct session *a = tab_of(u, DIALECT_FULL), *b = tab_of(u, DIALECT_CLASSIC);
    assert_int_equal(u->nsessions, 2);
    assert_ptr_equal(u->sessions, b); /* the latest first */
    assert_ptr_equal(b->next_of_user, a);
    assert_ptr_equal(a->user, u);
    struct session *c = tab_of(u, DIALECT_FULL);
    gone(b); /* from the middle */
    assert_int_equal(u->nsessions, 2);
    assert_ptr_equal(u->sessions, c);
    assert_ptr_equal(c->next_of_user, a);
    gone(c);
    gone(a); /* and with the last, the user */
}

static void two_tabs_are_one_user(void **state)
{
    (void)state;
    struct room *r = room_new("den");
    struct user *alice = user("alice");
    struct session *one = tab_of(alice, DIALECT_FULL), *two = tab_of(alice, DIALECT_CLASSIC);
    struct session *bob = named("bob");
    struct member *first = room_add(r, one);
    assert_false(first->shadow);
    assert_int_equal(r->count, 1);
    struct member *second = room_add(r, two);
    assert_true(second->shadow);
    assert_int_equal(r->count, 1);
    assert_int_equal(r->nmembers, 2);
    assert_int_equal(r->by_dialect[DIALECT_FULL], 1);
    assert_int_equal(r->by_dialect[DIALECT_CLASSIC], 1);
    room_add(r, bob);
    assert_int_equal(r->count, 2);
    assert_int_equal(standing(r), 2);

    assert_ptr_equal(user_find(alice, r, first), second);
    assert_ptr_equal(user_find(alice, r, second), first);
    assert_non_null(user_find(alice, r, NULL));
    assert_null(user_find(bob->user, r, session_find(bob, "den")));

    out(two, r);
    assert_int_equal(r->count, 2);
    assert_false(first->shadow);
    out(one, r);
    assert_int_equal(r->count, 1);
    assert_null(user_find(alice, r, NULL));
    out(bob, r);
    gone(one);
    gone(two);
    gone(bob);
    room_free_later(r);
}

static void a_shadow_takes_over(void **state)
{
    (void)state;
    struct room *r = room_new("den");
    struct user *alice = user("alice");
    struct session *tabs[4];
    for (int i = 0; i < 4; i++) {
        tabs[i] = tab_of(alice, DIALECT_FULL);
        room_add(r, tabs[i]);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(r->count, 1);
        assert_int_equal(standing(r), 1);
        /* Whoever stands for all of them goes. */
        for (uint32_t k = 0; k < r->nmembers; k++) {
            if (r->members[k]->shadow)
                continue;
            room_remove(r->members[k]);
            break;
        }
    }
    assert_int_equal(r->count, 0);
    assert_int_equal(r->nmembers, 0);
    for (int i = 0; i < 4; i++)
        gone(tabs[i]);
    room_free_later(r);
}

/* In each room for itself. */
static void another_room_knows_nothing_of_it(void **state)
{
    (void)state;
    struct room *den = room_new("den"), *attic = room_new("attic");
    struct user *alice = user("alice");
    struct session *one = tab_of(alice, DIALECT_FULL), *two = tab_of(alice, DIALECT_FULL);
    room_add(den, one);
    assert_false(room_add(attic, two)->shadow);
    assert_true(room_add(attic, one)->shadow);
    assert_true(room_add(den, two)->shadow);
    out(one, den);
    assert_false(session_find(two, "den")->shadow);
    assert_true(session_find(one, "attic")->shadow);
    out(two, den);
    out(two, attic);
    assert_int_equal(den->count, 0);
    assert_int_equal(attic->count, 1);
    out(one, attic);
    gone(one);
    gone(two);
    room_free_later(den);
    room_free_later(attic);
}

/* The merged notice of a join goes over to the tab that stays. */
static void a_notice_passes_to_whoever_takes_over(void **state)
{
    (void)state;
    struct room *r = room_new("den");
    struct user *alice = user("alice");
    struct session *one = tab_of(alice, DIALECT_FULL), *two = tab_of(alice, DIALECT_FULL);
    struct session *bob = named("bob");
    room_note_join(room_add(r, bob));
    struct member *first = room_add(r, one);
    room_note_join(first);
    struct member *second = room_add(r, two);
    assert_int_equal(second->joined_index, -1);
    assert_int_equal(first->joined_index, 1);
    out(one, r);
    assert_int_equal(second->joined_index, 1);
    assert_ptr_equal(r->joined[1], second);
    assert_int_equal(r->njoined, 2);

    room_note_leave(second); /* which was never announced */
    out(two, r);
    assert_int_equal(r->njoined, 1);
    assert_int_equal(r->nleft, 0);
    room_notes_clear(r);
    out(bob, r);
    gone(one);
    gone(two);
    gone(bob);
    room_free_later(r);
}

/* A reader may look at somebody who goes until it is done. */
static void who_is_gone_can_still_be_read(void **state)
{
    (void)state;
    struct user *u = user("alice");
    struct session *s = tab_of(u, DIALECT_FULL);
    rcu_read_lock();
    gone(s);
    assert_int_equal(u->magic, USER_MAGIC);
    assert_string_equal(u->username, "alice");
    rcu_read_unlock();
    rcu_barrier();
}

static void references_keep_it(void **state)
{
    (void)state;
    struct user *u = user("alice");
    struct session *s = tab_of(u, DIALECT_FULL);
    user_ref(u);
    gone(s);
    rcu_barrier();
    assert_int_equal(u->magic, USER_MAGIC);
    assert_int_equal(u->nsessions, 0);
    user_unref(u);
    user_unref(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_sessions_are_counted),
        cmocka_unit_test(two_tabs_are_one_user),
        cmocka_unit_test(a_shadow_takes_over),
        cmocka_unit_test(another_room_knows_nothing_of_it),
        cmocka_unit_test(a_notice_passes_to_whoever_takes_over),
        cmocka_unit_test(who_is_gone_can_still_be_read),
        cmocka_unit_test(references_keep_it),
    };
    return RUN_ROOM_TESTS(argc, argv, "users", tests);
}
