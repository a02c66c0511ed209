/* The roster of a room: who has a rank in it. Immutable once published, sorted by user id, so that other
 * threads read it under RCU; a change is a new roster that shares the rows. */
#ifndef HUBBUB_ROSTER_H
#define HUBBUB_ROSTER_H

#include <hubbub/rank.h>
#include <hubbub/rcu.h>
#include <stddef.h>

/* Set once; shared by successive rosters. */
struct affiliation {
    enum rank rank;
    const char *user_id, *username; /* as last known */
    struct rcu_head rcu;
    char text[];
};

struct roster {
    size_t n;
    struct rcu_head rcu;
    struct affiliation *row[];
};

/* NULL when there is none; the roster may be NULL. */
const struct affiliation *roster_find(const struct roster *r, const char *user_id);
const struct affiliation *roster_find_name(const struct roster *r, const char *username);
enum rank roster_rank(const struct roster *r, const char *user_id);
size_t roster_count(const struct roster *r, enum rank rank);

/* Replaces *r by one with this change and frees what is no longer used after a grace period. RANK_GUEST: without
 * that user. NULL when nobody is left. */
void roster_set(struct roster **r, const char *user_id, const char *username, enum rank rank);
void roster_free_later(struct roster *r); /* with its rows; may be NULL */

#endif
