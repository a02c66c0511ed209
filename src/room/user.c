/* Users who are online. */
#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <hubbub/room.h>
#include <stdlib.h>
#include <string.h>

struct user *user_new(const char *id, const char *username, const char *key)
{
    REQUIRE(strlen(id) <= USER_ID_MAX && text_is_name(username, strlen(username)));
    struct user *u = xcalloc(1, sizeof *u);
    u->magic = USER_MAGIC;
    strcpy(u->id, id);
    strcpy(u->username, username);
    strcpy(u->key, key);
    u->next_suffix = 5;
    return u;
}

static void free_user(struct rcu_head *head)
{
    rcu_deferred();
    struct user *u = caa_container_of(head, struct user, rcu);
    u->magic = 0;
    free(u);
}

void user_ref(struct user *u)
{
    u->refs++;
}

void user_unref(struct user *u)
{
    if (u == NULL)
        return;
    REQUIRE(MAGIC_OK(u, USER_MAGIC) && u->refs > 0);
    if (--u->refs == 0)
        rcu_defer(&u->rcu, free_user);
}

void user_add(struct user *u, struct session *s)
{
    RCU_PUBLISHED();
    rcu_assign_pointer(s->user, u); /* its reader looks, perhaps */
    s->next_of_user = u->sessions;
    u->sessions = s;
    u->nsessions++;
    user_ref(u);
}

void user_remove(struct user *u, struct session *s)
{
    struct session **link = &u->sessions;
    while (*link != s)
        link = &(*link)->next_of_user;
    *link = s->next_of_user;
    u->nsessions--;
    user_unref(u);
}

static struct member *place_in(const struct session *s, const struct room *r)
{
    for (struct member *m = s->members; m != NULL; m = m->next)
        if (m->room == r)
            return m;
    return NULL;
}

struct member *user_find(const struct user *u, const struct room *r, const struct member *but)
{
    for (const struct session *s = u->sessions; s != NULL; s = s->next_of_user) {
        struct member *m = place_in(s, r);
        if (m != NULL && m != but)
            return m;
    }
    return NULL;
}
