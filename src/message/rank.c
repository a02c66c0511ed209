/* Names of ranks, kinds of rooms and actions: rows of their tables. Pure. */
#include <hubbub/check.h>
#include <hubbub/rank.h>
#include <string.h>

#define X(name, wire) wire,
static const char *const RANKS[] = {RANK_TABLE(X)};
static const char *const VISIBILITIES[] = {VISIBILITY_TABLE(X)};
static const char *const ACTIONS[] = {ACTION_TABLE(X)};
#undef X

const char *rank_name(enum rank r)
{
    REQUIRE(r < RANK_COUNT);
    return RANKS[r];
}

const char *visibility_name(enum visibility v)
{
    REQUIRE(v < VISIBILITY_COUNT);
    return VISIBILITIES[v];
}

const char *action_name(enum action a)
{
    REQUIRE(a < ACTION_COUNT);
    return ACTIONS[a];
}

static int find(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

int rank_from_name(const char *name)
{
    return find(RANKS, RANK_OPERATOR, name);
}

int visibility_from_name(const char *name)
{
    return find(VISIBILITIES, VISIBILITY_COUNT, name);
}

int grants_find(const struct grants *g, const char *room)
{
    int rank = -1;
    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->grant[i].room, room) == 0)
            return (int)g->grant[i].rank;
        if (strcmp(g->grant[i].room, "*") == 0)
            rank = (int)g->grant[i].rank;
    }
    return rank;
}
