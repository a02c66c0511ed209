/* Sessions: identifiers that nobody guesses, and when they are given back. */
#include "helpers.h"

#include <hubbub/mem.h>

enum { MANY = 500 };

static int released; // atomic: liburcu has a thread of its own, whose barrier TSan does not see

static void count_release(void *owner)
{
    __atomic_fetch_add(&released, *(int *)owner, __ATOMIC_SEQ_CST);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void assert_hex(const char *id, size_t digits)
{
    assert_int_equal(strlen(id), digits);
    assert_int_equal(strspn(id, "0123456789abcdef"), digits);
}

static void a_session_begins_without_rooms(void **state)
{
    (void)state;
    struct outbox *outbox = (struct outbox *)&released; // only passed on
    struct session *s = session_new(DIALECT_FULL, "u1", "alice", outbox);
    assert_int_equal(s->dialect, DIALECT_FULL);
    assert_string_equal(s->user_id, "u1");
    assert_string_equal(s->username, "alice");
    assert_null(s->user); // until the hub finds or makes it
    assert_ptr_equal(s->outbox, outbox);
    assert_null(s->members);
    assert_null(s->only);
    assert_int_equal(s->nmembers, 0);
    assert_null(session_find(s, "lobby"));
    session_free(s);
}

static void ids_are_random_and_unique(void **state)
{
    (void)state;
    static char ids[MANY][SESSION_ID_MAX + 1];
    unsigned seen = 0; // digits of any place: of so many random ones all sixteen
    for (int i = 0; i < MANY; i++) {
        struct session *s = session_new(DIALECT_CLASSIC, "u1", "alice", NULL);
        assert_hex(s->id, SESSION_ID_MAX);
        seen |= 1u << strtol((char[2]){s->id[SESSION_ID_MAX - 1], '\0'}, NULL, 16);
        strcpy(ids[i], s->id);
        session_free(s);
    }
    assert_int_equal(seen, 0xffff);
    qsort(ids, MANY, sizeof(ids[0]), compare);
    for (int i = 1; i < MANY; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

static void a_long_name_is_cut_between_characters(void **state)
{
    (void)state;
    char name[2 * NAME_MAX_BYTES + 2] = "x"; // then characters of two bytes
    for (int i = 0; i < NAME_MAX_BYTES; i++)
        strcat(name, "\xc3\xa9");
    struct session *s = session_new(DIALECT_FULL, "u1", name, NULL);
    assert_int_equal(strlen(s->username), NAME_MAX_BYTES - 1);
    assert_true(text_is_name(s->username, strlen(s->username)));
    session_free(s);
}

/* The sanitizers see to it that all is freed. */
static void it_owns_its_token_and_its_grants(void **state)
{
    (void)state;
    char longest[USER_ID_MAX + 1];
    memset(longest, 'x', USER_ID_MAX);
    longest[USER_ID_MAX] = '\0';
    struct session *s = session_new(DIALECT_FULL, longest, "alice", NULL);
    assert_string_equal(s->user_id, longest);
    assert_null(s->token);
    assert_null(s->grants);
    s->token = xstrdup("a.b.c");
    s->grants = xcalloc(1, sizeof(*s->grants) + sizeof(s->grants->grant[0]));
    session_free(s);
}

static void its_owner_hears_of_the_end_once(void **state)
{
    (void)state;
    int one = 1, ten = 10;
    __atomic_store_n(&released, 0, __ATOMIC_SEQ_CST);
    struct session *s = session_new(DIALECT_FULL, "u1", "alice", NULL);
    s->released = count_release;
    s->owner = &one;
    session_free(s);
    assert_int_equal(__atomic_load_n(&released, __ATOMIC_SEQ_CST), 1);

    s = session_new(DIALECT_FULL, "u1", "bob", NULL);
    s->released = count_release;
    s->owner = &ten;
    rcu_read_lock();
    session_free_later(s);
    assert_string_equal(s->username, "bob"); // a reader may still look
    rcu_read_unlock();
    rcu_barrier();
    assert_int_equal(__atomic_load_n(&released, __ATOMIC_SEQ_CST), 11);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_begins_without_rooms),
        cmocka_unit_test(ids_are_random_and_unique),
        cmocka_unit_test(a_long_name_is_cut_between_characters),
        cmocka_unit_test(it_owns_its_token_and_its_grants),
        cmocka_unit_test(its_owner_hears_of_the_end_once),
    };
    return RUN_ROOM_TESTS(argc, argv, "session", tests);
}
