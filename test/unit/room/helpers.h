/* What the tests of room/ share: people with their tabs, and a group whose thread RCU knows. */
#ifndef HUBBUB_ROOM_HELPERS_H
#define HUBBUB_ROOM_HELPERS_H

#include <support/test_main.h>

#include <hubbub/room.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A session of somebody who is there already. */
static inline struct session *tab_of(struct user *u, enum dialect dialect)
{
    struct session *s = session_new(dialect, u->id, u->username, NULL);
    user_add(u, s);
    return s;
}

/* The first session of somebody new: another user each time, whatever the name. */
static inline struct session *person(enum dialect dialect, const char *name)
{
    static unsigned n;
    char id[16];
    snprintf(id, sizeof(id), "u%u", n++);
    return tab_of(user_new(id, name, name), dialect);
}

static inline struct session *named(const char *name)
{
    return person(DIALECT_FULL, name);
}

/* It is in no room any more. */
static inline void gone(struct session *s)
{
    user_remove(s->user, s);
    session_free(s);
}

static inline int register_thread(void **state)
{
    (void)state;
    rcu_register_thread();
    return 0;
}

static inline int unregister_thread(void **state)
{
    (void)state;
    rcu_barrier();
    rcu_unregister_thread();
    return 0;
}

#define RUN_ROOM_TESTS(argc, argv, name, tests)                                           \
    run_tests(argc, argv, name, tests, sizeof(tests) / sizeof(tests)[0], register_thread, \
              unregister_thread)

#endif
