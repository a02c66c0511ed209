/* Rooms: who is where, by every way of looking, and the notes for merged notices. */
#include "helpers.h"

enum { CROWD = 400, STEPS = 4000 };

static void leave(struct session *s, const char *room)
{
    struct member *m = session_find(s, room);
    assert_non_null(m);
    room_remove(m);
}

/* The dense array, the readers' list and the counts must all tell the same story. */
static void assert_consistent(struct room *r)
{
    uint32_t listed = 0, users = 0, by_dialect[DIALECT_COUNT] = {0};
    for (uint32_t i = 0; i < r->nmembers; i++) {
        struct member *m = r->members[i];
        assert_ptr_equal(m->room, r);
        assert_int_equal(m->index, i);
        assert_ptr_equal(session_find(m->session, r->name), m);
        by_dialect[m->session->dialect]++;
        users += !m->shadow;
        if (m->shadow)
            assert_non_null(user_find(m->session->user, r, m));
    }
    assert_int_equal(r->count, users);
    for (int d = 0; d < DIALECT_COUNT; d++)
        assert_int_equal(r->by_dialect[d], by_dialect[d]);
    struct member *m;
    rcu_read_lock();
    cds_list_for_each_entry_rcu(m, &r->list, node)
    {
        assert_ptr_equal(r->members[m->index], m);
        listed++;
    }
    rcu_read_unlock();
    assert_int_equal(listed, r->nmembers);
}

static void assert_rooms(const struct session *s, uint32_t n, const struct room *only)
{
    uint32_t counted = 0;
    for (const struct member *m = s->members; m != NULL; m = m->next) {
        assert_ptr_equal(m->session, s);
        counted++;
    }
    assert_int_equal(counted, n);
    assert_int_equal(s->nmembers, n);
    assert_ptr_equal(s->only, only);
}

/* ---- members -------------------------------------------------------------------------------------- */

static void a_room_begins_empty(void **state)
{
    (void)state;
    struct room *r = room_new("lobby");
    assert_string_equal(r->name, "lobby");
    assert_int_equal(r->count, 0);
    assert_int_equal(r->seq, 0);
    assert_consistent(r);
    room_free_later(r);
}

static void members_are_found_by_room_and_by_session(void **state)
{
    (void)state;
    struct room *lobby = room_new("lobby"), *cafe = room_new("caf\xc3\xa9");
    struct session *alice = named("alice"), *bob = person(DIALECT_CLASSIC, "bob");
    struct member *a = room_add(lobby, alice);
    assert_rooms(alice, 1, lobby);
    struct member *b = room_add(lobby, bob), *c = room_add(cafe, alice);
    assert_rooms(alice, 2, NULL);
    assert_rooms(bob, 1, lobby);
    assert_ptr_equal(alice->members, c); // the latest first
    assert_ptr_equal(session_find(alice, "lobby"), a);
    assert_ptr_equal(session_find(alice, "caf\xc3\xa9"), c);
    assert_ptr_equal(session_find(bob, "lobby"), b);
    assert_null(session_find(bob, "caf\xc3\xa9"));
    assert_null(session_find(alice, "Lobby"));
    assert_null(session_find(alice, ""));
    assert_int_equal(lobby->count, 2);
    assert_int_equal(lobby->by_dialect[DIALECT_FULL], 1);
    assert_int_equal(lobby->by_dialect[DIALECT_CLASSIC], 1);
    assert_consistent(lobby);
    assert_consistent(cafe);

    leave(alice, "lobby");
    assert_rooms(alice, 1, cafe);
    assert_null(session_find(alice, "lobby"));
    assert_consistent(lobby);
    leave(alice, "caf\xc3\xa9");
    assert_rooms(alice, 0, NULL);
    leave(bob, "lobby");
    assert_rooms(bob, 0, NULL);
    assert_consistent(lobby);
    room_free_later(lobby);
    room_free_later(cafe);
    gone(alice);
    gone(bob);
}

static void whoever_leaves_the_array_stays_dense(void **state)
{
    (void)state;
    static const int order[] = {0, 4, 2, 3, 1}; // first, last, middle, …
    struct room *r = room_new("lobby");
    struct session *s[5];
    for (int i = 0; i < 5; i++) {
        s[i] = person(i % 2 ? DIALECT_FULL : DIALECT_CLASSIC, "alice");
        room_add(r, s[i]);
        assert_consistent(r);
    }
    for (int i = 0; i < 5; i++) {
        leave(s[order[i]], "lobby");
        assert_int_equal(r->count, 4 - i);
        assert_consistent(r);
    }
    for (int i = 0; i < 5; i++)
        gone(s[i]);
    room_free_later(r);
}

/* A fixed sequence that looks random; checked against who should be there. */
static void a_crowd_comes_and_goes(void **state)
{
    (void)state;
    static struct session *s[CROWD];
    struct room *r = room_new("lobby");
    uint32_t x = 12345, expected = 0;
    for (int i = 0; i < CROWD; i++)
        s[i] = person(i % 3 ? DIALECT_FULL : DIALECT_CLASSIC, "alice");
    for (int step = 0; step < STEPS; step++) {
        x = x * 1664525u + 1013904223u;
        struct session *who = s[(x >> 8) % CROWD];
        struct member *m = session_find(who, "lobby");
        if (m == NULL) {
            room_add(r, who);
            expected++;
        } else {
            room_remove(m);
            expected--;
        }
        assert_int_equal(r->count, expected);
        if (step % 100 == 0)
            assert_consistent(r);
    }
    assert_true(expected > 0);
    while (r->nmembers > 0)
        room_remove(r->members[r->nmembers / 2]);
    assert_consistent(r);
    for (int i = 0; i < CROWD; i++) {
        assert_rooms(s[i], 0, NULL);
        gone(s[i]);
    }
    room_free_later(r);
}

static void one_may_be_in_many_rooms(void **state)
{
    (void)state;
    struct room *rooms[20];
    struct session *alice = named("alice");
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof(name), "room %d", i);
        rooms[i] = room_new(name);
        room_add(rooms[i], alice);
    }
    assert_rooms(alice, 20, NULL);
    for (int i = 0; i < 19; i++) {
        leave(alice, rooms[(i * 7) % 20]->name);
        assert_rooms(alice, (uint32_t)(19 - i), i == 18 ? rooms[(19 * 7) % 20] : NULL);
    }
    room_remove(alice->members);
    assert_rooms(alice, 0, NULL);
    for (int i = 0; i < 20; i++)
        room_free_later(rooms[i]);
    gone(alice);
}

/* Whoever found it before it left may look at it until the end of its read section. */
static void who_left_can_still_be_read(void **state)
{
    (void)state;
    struct room *r = room_new("lobby");
    struct session *alice = named("alice");
    struct member *m = room_add(r, alice);
    buf_add_str(&m->open, "what its messages begin with"); // freed with it
    rcu_read_lock();
    room_remove(m);
    user_remove(alice->user, alice);
    session_free_later(alice);
    room_free_later(r);
    assert_string_equal(m->session->user->username, "alice");
    assert_string_equal(m->room->name, "lobby");
    rcu_read_unlock();
    rcu_barrier();
}

/* ---- merged notices ------------------------------------------------------------------------------- */

struct people {
    struct room *room;
    struct session *session[CROWD];
    int n;
};

static struct member *come(struct people *p, const char *name, bool note)
{
    struct session *s = p->session[p->n++] = named(name);
    struct member *m = room_add(p->room, s);
    if (note)
        room_note_join(m);
    return m;
}

static void go(struct member *m)
{
    room_note_leave(m);
    room_remove(m);
}

static void people_fini(struct people *p)
{
    room_notes_clear(p->room);
    while (p->room->nmembers > 0)
        room_remove(p->room->members[0]);
    for (int i = 0; i < p->n; i++)
        gone(p->session[i]);
    room_free_later(p->room);
}

static void assert_joined(const struct room *r, uint32_t n)
{
    assert_int_equal(r->njoined, n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(r->joined[i]->joined_index, i);
}

static void who_comes_and_goes_is_not_worth_a_notice(void **state)
{
    (void)state;
    struct people p = {.room = room_new("lobby")};
    struct member *alice = come(&p, "alice", true), *bob = come(&p, "bob", true),
                  *carol = come(&p, "carol", true);
    assert_joined(p.room, 3);
    go(alice); // the first: the last takes its place
    assert_joined(p.room, 2);
    assert_int_equal(p.room->nleft, 0);
    go(carol);
    assert_joined(p.room, 1);
    assert_ptr_equal(p.room->joined[0], bob);
    go(bob);
    assert_joined(p.room, 0);
    assert_int_equal(p.room->nleft, 0);
    people_fini(&p);
}

static void who_goes_and_comes_again_did_both(void **state)
{
    (void)state;
    struct people p = {.room = room_new("lobby")};
    struct member *before = come(&p, "alice", false); // announced long ago
    go(before);
    assert_int_equal(p.room->nleft, 1);
    assert_string_equal(p.room->left[0], "alice");
    struct member *again = room_add(p.room, p.session[0]);
    room_note_join(again);
    assert_joined(p.room, 1);
    assert_ptr_equal(p.room->joined[0], again);
    assert_int_equal(p.room->nleft, 1);
    go(again); // the second visit cancels out, that the first one ended does not
    assert_joined(p.room, 0);
    assert_int_equal(p.room->nleft, 1);
    people_fini(&p);
}

static void what_was_announced_is_forgotten(void **state)
{
    (void)state;
    struct people p = {.room = room_new("lobby")};
    struct member *alice = come(&p, "alice", true), *bob = come(&p, "bob", false);
    go(bob);
    p.room->announce_at = 1;
    room_notes_clear(p.room);
    assert_int_equal(p.room->njoined, 0);
    assert_int_equal(p.room->nleft, 0);
    assert_int_equal(p.room->announce_at, 0);
    assert_int_equal(alice->joined_index, -1);
    room_notes_clear(p.room); // nothing to forget
    go(alice);                // announced: her leave is news
    assert_int_equal(p.room->nleft, 1);
    assert_string_equal(p.room->left[0], "alice");
    people_fini(&p);
}

static void names_beyond_the_limit_are_only_counted(void **state)
{
    (void)state;
    struct people p = {.room = room_new("lobby")};
    char name[16];
    for (int i = 0; i < NOTICE_MAX_NAMES + 20; i++) {
        snprintf(name, sizeof(name), "user %d", i);
        come(&p, name, true);
    }
    assert_joined(p.room, NOTICE_MAX_NAMES);
    assert_int_equal(p.room->count, NOTICE_MAX_NAMES + 20);
    assert_int_equal(p.room->members[NOTICE_MAX_NAMES]->joined_index, -1);

    room_notes_clear(p.room);
    while (p.room->nmembers > 0)
        go(p.room->members[p.room->nmembers - 1]);
    assert_int_equal(p.room->nleft, NOTICE_MAX_NAMES);
    snprintf(name, sizeof(name), "user %d", NOTICE_MAX_NAMES + 19);
    assert_string_equal(p.room->left[0], name);
    assert_int_equal(p.room->njoined, 0);
    people_fini(&p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_room_begins_empty),
        cmocka_unit_test(members_are_found_by_room_and_by_session),
        cmocka_unit_test(whoever_leaves_the_array_stays_dense),
        cmocka_unit_test(a_crowd_comes_and_goes),
        cmocka_unit_test(one_may_be_in_many_rooms),
        cmocka_unit_test(who_left_can_still_be_read),
        cmocka_unit_test(who_comes_and_goes_is_not_worth_a_notice),
        cmocka_unit_test(who_goes_and_comes_again_did_both),
        cmocka_unit_test(what_was_announced_is_forgotten),
        cmocka_unit_test(names_beyond_the_limit_are_only_counted),
    };
    return RUN_ROOM_TESTS(argc, argv, "room", tests);
}
