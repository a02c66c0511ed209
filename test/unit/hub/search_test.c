/* Looking for words: who may see what was found, and what has become of it since it was on the disk. What is found there
 * at all is the store's business (store/search_test.c). */
#include "past.h"

static struct event *wish(struct probe *p, const char *room, const char *query, uint32_t limit)
{
    struct event *e = about(p, REQUEST_SEARCH, room, NULL);
    e->request.text = xstrdup(query);
    e->request.text_len = strlen(query);
    e->request.args->limit = limit;
    return e;
}

static void look_for(struct probe *p, const char *room, const char *query)
{
    probe_skip(p);
    ask(p, wish(p, room, query, 0));
}

#define FOUND(what) "{'type':'ok','id':'1','messages':[" what "]}"
#define FOUND_IN(room, what) "{'type':'ok','id':'1','room':'" room "','messages':[" what "]}"
#define ONE(room, content) "{'type':'message','room':'" room "',*'content':'" content "',*}"
#define EXPECT_FOUND(p, room, query, pattern) \
    do {                                      \
        look_for(p, room, query);             \
        AWAIT(p, pattern);                    \
    } while (0)

/* Says it, and it is on the disk. */
static void say_kept(struct probe *p, const char *room, const char *content)
{
    static int n; /* the same twice is said once */
    char id[32], pattern[128];
    snprintf(id, sizeof id, "kept %d", ++n);
    snprintf(pattern, sizeof pattern, "{'type':'ok','id':'%s',*'durable':true}", id);
    say(p, room, content, id);
    AWAIT(p, pattern);
}

/* ---- without a store ------------------------------------------------------------------------------- */

static void what_is_in_memory_is_looked_through(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s, &usual);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(alice, "den");
    static const char *const said[] = {"a fox", "no Foxes here", "hen \\\"and\\\" fox",
                                       "tab\\there"};
    for (int i = 0; i < 4; i++)
        say(alice, "den", said[i], NULL);
    EXPECT_FOUND(bob, "den", "FOX", FOUND_IN("den", "{*'seq':3,*},{*'seq':2,*},{*'seq':1,*}"));
    EXPECT_FOUND(bob, "den", "fox hen", FOUND_IN("den", "{*'seq':3,*}"));
    EXPECT_FOUND(bob, "den", "\"a fox\"", FOUND_IN("den", ONE("den", "a fox")));
    EXPECT_FOUND(bob, "den", "fox cow", FOUND_IN("den", ""));
    EXPECT_FOUND(bob, "den", "\"", FOUND_IN("den", ""));
    EXPECT_FOUND(bob, "den", "\"tab\there\"", FOUND_IN("den", "{*'seq':4,*}"));
    EXPECT_FOUND(bob, "den", "there", FOUND_IN("den", "")); /* as it would be written in JSON */
    EXPECT_FOUND(bob, "den", "bthere", FOUND_IN("den", ""));
    take_back(alice, "den", 3);
    FIND_OK(alice);
    EXPECT_FOUND(bob, "den", "fox", FOUND_IN("den", "{*'seq':2,*},{*'seq':1,*}"));
    ask(bob, wish(bob, "den", "fox", 1));
    AWAIT(bob, FOUND_IN("den", "{*'seq':2,*}"));
    look_for(bob, "pub", "fox");
    AWAIT_REFUSED(bob, "no_such_room");
    look_for(bob, "", "fox"); /* that would be all rooms there are */
    AWAIT_REFUSED(bob, "bad_request");
    stage_fini(&s);
}

/* ---- with one -------------------------------------------------------------------------------------- */

static void all_rooms_are_searched_also_those_that_are_empty(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 0);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(alice, "den");
    come_in(alice, "pub");
    say_kept(alice, "den", "the first fox");
    await_clock();
    say_kept(alice, "pub", "another fox");
    part(alice, "pub", "2");
    AWAIT(alice, "{'type':'ok','id':'2',*}");
    EXPECT_FOUND(bob, "", "fox", FOUND(ONE("pub", "another fox") "," ONE("den", "the first fox")));
    EXPECT_FOUND(bob, "den", "fox", FOUND_IN("den", ONE("den", "the first fox")));
    EXPECT_FOUND(bob, "pub", "fox", FOUND_IN("pub", ONE("pub", "another fox")));
    EXPECT_FOUND(bob, "den", "hen", FOUND_IN("den", ""));
    look_for(bob, "pub",
             "hen"); /* of a room where nobody is, no more is known than what is found */
    AWAIT_REFUSED(bob, "no_such_room");
    look_for(bob, "nowhere", "fox");
    AWAIT_REFUSED(bob, "no_such_room");
    stage_fini(&s);
}

static void only_what_one_may_read_is_found(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob"),
                 *carol = person(&s, "carol"),
                 *op = stage_enter_as(&s, DIALECT_FULL, OPERATOR_ID, "op");
    create(alice, "den", VISIBILITY_PRIVATE, NULL);
    AWAIT_OK(alice);
    create(alice, "vault", VISIBILITY_PUBLIC, "a hash");
    AWAIT_OK(alice);
    create(alice, "pub", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    static const char *const rooms[] = {"den", "vault", "pub"};
    for (int i = 0; i < 3; i++) {
        come_in(alice, rooms[i]);
        say_kept(alice, rooms[i], "a fox");
        await_clock();
    }
    act(alice, REQUEST_ADD, "den", "u-bob");
    AWAIT_OK(alice);
    EXPECT_FOUND(alice, "", "fox",
                 FOUND(ONE("pub", "a fox") "," ONE("vault", "a fox") "," ONE("den", "a fox")));
    EXPECT_FOUND(bob, "", "fox", FOUND(ONE("pub", "a fox") "," ONE("den", "a fox")));
    EXPECT_FOUND(carol, "", "fox", FOUND(ONE("pub", "a fox")));
    look_for(carol, "den", "fox");
    AWAIT_REFUSED(carol, "no_such_room");
    look_for(carol, "vault", "fox");
    AWAIT_REFUSED(carol, "not_member");
    knock(carol, "vault", "a hash", NULL);
    AWAIT_OK(carol);
    EXPECT_FOUND(carol, "", "fox", FOUND(ONE("pub", "a fox") "," ONE("vault", "a fox")));
    EXPECT_FOUND(op, "den", "fox", FOUND_IN("den", ONE("den", "a fox")));
    act(alice, REQUEST_BAN, "pub", "carol");
    AWAIT_OK(alice);
    EXPECT_FOUND(carol, "", "fox", FOUND(ONE("vault", "a fox")));
    look_for(carol, "pub", "fox");
    AWAIT_REFUSED(carol, "banned");
    stage_fini(&s);
}

/* A token that names rooms is for those alone, also where nobody is. */
static void a_token_for_some_rooms_finds_in_those(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice");
    for (int i = 0; i < 2; i++) {
        const char *room = i == 0 ? "den" : "pub";
        come_in(alice, room);
        say_kept(alice, room, "a fox");
    }
    struct grants *grants = xcalloc(1, sizeof(*grants) + sizeof(grants->grant[0]));
    grants->n = 1;
    strcpy(grants->grant[0].room, "den");
    struct probe *bob = stage_enter_with(
        &s, &(struct visitor){.dialect = DIALECT_FULL, .username = "bob", .grants = grants});
    EXPECT_FOUND(bob, "", "fox", FOUND(ONE("den", "a fox")));
    part(alice, "den", "2");
    part(alice, "pub", "3");
    AWAIT(alice, "{'type':'ok','id':'3',*}");
    EXPECT_FOUND(bob, "", "fox", FOUND(ONE("den", "a fox")));
    stage_fini(&s);
}

/* What was edited or removed meanwhile is so at once, whatever the disk says. */
static void what_has_become_of_it_since_counts(void **state)
{
    (void)state;
    for (uint32_t in_memory = 0; in_memory <= 100; in_memory += 100) {
        struct stage s;
        stage_init_past(&s, in_memory);
        struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
        come_in(alice, "den");
        for (int i = 0; i < 3; i++)
            say_kept(alice, "den", "a fox");
        react(bob, "den", 3, "+", true);
        edit(alice, "den", 1, "a hen");
        AWAIT(alice, "{'type':'ok','id':'1',*'editedTs':*}");
        take_back(alice, "den", 2);
        AWAIT_OK(alice);
        EXPECT_FOUND(bob, "", "fox", FOUND("{*'seq':3,*}"));
        EXPECT_FOUND(bob, "", "hen", FOUND("{*'content':'a hen','seq':1,*'editedTs':*}"));
        stage_fini(&s);
    }
}

static void while_the_disk_is_behind_memory_knows_better(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(alice, "den");
    for (int i = 0; i < 2; i++)
        say_kept(alice, "den", "a fox");
    stage_disk(&s, false);
    edit(alice, "den", 1, "a hen");
    take_back(alice, "den", 2);
    EXPECT_FOUND(bob, "", "fox", FOUND(""));
    stage_disk(&s, true);
    stage_fini(&s);
}

/* A room of the same name is another one. */
static void what_was_destroyed_is_not_found(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 100);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    create(alice, "den", VISIBILITY_PUBLIC, NULL);
    AWAIT_OK(alice);
    come_in(alice, "den");
    say_kept(alice, "den", "a fox");
    EXPECT_FOUND(bob, "", "fox", FOUND(ONE("den", "a fox")));
    stage_disk(&s, false); /* it still has it */
    act(alice, REQUEST_DESTROY, "den", NULL);
    await_clock();
    come_in(alice, "den");
    EXPECT_FOUND(bob, "", "fox", FOUND(""));
    stage_disk(&s, true);
    EXPECT_FOUND(bob, "", "fox", FOUND(""));
    stage_fini(&s);
}

/* However much it is. */
static void what_one_may_not_read_hides_nothing(void **state)
{
    (void)state;
    enum { HIDDEN = 1200 };
    struct settings settings = usual;
    settings.history_memory = 10;
    struct stage s;
    stage_init_kept(&s, &settings, NULL);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(bob, "pub");
    for (int i = 0; i < 3; i++)
        say_kept(bob, "pub", "a fox");
    await_clock();
    static const char *const rooms[] = {"den", "vault"};
    for (int i = 0; i < 2; i++) {
        create(alice, rooms[i], VISIBILITY_PRIVATE, NULL);
        AWAIT_OK(alice);
        come_in(alice, rooms[i]);
    }
    for (int i = 0; i < HIDDEN; i++)
        say_kept(alice, rooms[i % 2], "fox");
    EXPECT_FOUND(bob, "", "fox", FOUND("{*'seq':3,*},{*'seq':2,*},{*'seq':1,*}"));
    say_kept(bob, "pub", "fox");
    EXPECT_FOUND(bob, "", "fox", FOUND("{*'seq':4,*},{*'seq':3,*},{*'seq':2,*},{*'seq':1,*}"));
    stage_fini(&s);
}

/* Enough is looked through to find what is one's own behind what is not. */
static void more_is_looked_for_when_little_is_left(void **state)
{
    (void)state;
    struct stage s;
    stage_init_past(&s, 10);
    struct probe *alice = person(&s, "alice"), *bob = person(&s, "bob");
    come_in(bob, "pub");
    say_kept(bob, "pub", "a fox");
    await_clock();
    create(alice, "den", VISIBILITY_PRIVATE, NULL);
    AWAIT_OK(alice);
    come_in(alice, "den");
    for (int i = 0; i < 300; i++)
        say(alice, "den", "fox", NULL);
    say_kept(alice, "den", "fox");
    probe_skip(bob);
    ask(bob, wish(bob, "", "fox", 1));
    AWAIT(bob, FOUND(ONE("pub", "a fox")));
    stage_fini(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_memory_is_looked_through),
        cmocka_unit_test(all_rooms_are_searched_also_those_that_are_empty),
        cmocka_unit_test(only_what_one_may_read_is_found),
        cmocka_unit_test(a_token_for_some_rooms_finds_in_those),
        cmocka_unit_test(what_has_become_of_it_since_counts),
        cmocka_unit_test(while_the_disk_is_behind_memory_knows_better),
        cmocka_unit_test(what_was_destroyed_is_not_found),
        cmocka_unit_test(what_one_may_not_read_hides_nothing),
        cmocka_unit_test(more_is_looked_for_when_little_is_left),
    };
    return RUN_STAGED(argc, argv, "hub and searches", tests);
}
