/* Who may do what: every rank beside every request, and beside every other rank, written out. A table here
 * says what the server promises; it is not how the server works it out. */
#include "helpers.h"

/* One column for each rank: guest, member, moderator, admin, owner, operator. y: may. */
static const char *const may[REQUEST_COUNT] = {
    /* anybody, as far as the room lets them in */
    [REQUEST_JOIN] = "yyyyyy",
    [REQUEST_LEAVE] = "yyyyyy",
    [REQUEST_MESSAGE] = "yyyyyy",
    [REQUEST_TYPING] = "yyyyyy",
    [REQUEST_MEMBERS] = "yyyyyy",
    [REQUEST_ROOMS] = "yyyyyy",
    [REQUEST_CREATE] = "yyyyyy",
    [REQUEST_WHY] = "yyyyyy",
    [REQUEST_AUTH] = "yyyyyy",
    [REQUEST_PING] = "yyyyyy",
    [REQUEST_EDIT] = "yyyyyy",
    [REQUEST_DM] = "yyyyyy",
    [REQUEST_CONVERSATIONS] = "yyyyyy",
    [REQUEST_BLOCK] = "yyyyyy",
    [REQUEST_UNBLOCK] = "yyyyyy",
    [REQUEST_BLOCKS] = "yyyyyy",
    [REQUEST_REACT] = "yyyyyy",
    [REQUEST_HISTORY] = "yyyyyy",
    [REQUEST_SEARCH] = "yyyyyy",
    [REQUEST_MENTIONS] = "yyyyyy",
    [REQUEST_MARK] = "yyyyyy",
    /* of what others have said */
    [REQUEST_DELETE] = "..yyyy",
    [REQUEST_SETTINGS] = "..yyyy",
    [REQUEST_INVITE] = "..yyyy",
    [REQUEST_KICK] = "..yyyy",
    [REQUEST_BAN] = "..yyyy",
    [REQUEST_UNBAN] = "..yyyy",
    [REQUEST_MUTE] = "..yyyy",
    [REQUEST_UNMUTE] = "..yyyy",
    [REQUEST_LEDGER] = "..yyyy",
    [REQUEST_UNDO] = "..yyyy",
    [REQUEST_UPDATE] = "...yyy",
    [REQUEST_ADD] = "...yyy",
    [REQUEST_REMOVE] = "...yyy",
    [REQUEST_ROLE] = "...yyy",
    [REQUEST_DESTROY] = "....yy",
    [REQUEST_NOTICE] = ".....y",
};

/* Whom a rank may act on. */
static const char *const over[RANK_COUNT] = {
    [RANK_GUEST] = "......", [RANK_MEMBER] = "y.....", [RANK_MODERATOR] = "yy....",
    [RANK_ADMIN] = "yyy...", [RANK_OWNER] = "yyyy..",  [RANK_OPERATOR] = "yyyyy.",
};

/* [own][of the other, now]: what it may be made. */
static const char *const give[RANK_COUNT][RANK_COUNT] = {
    [RANK_GUEST] = {"......", "......", "......", "......", "......", "......"},
    [RANK_MEMBER] = {"yy....", "......", "......", "......", "......", "......"},
    [RANK_MODERATOR] = {"yyy...", "yyy...", "......", "......", "......", "......"},
    [RANK_ADMIN] = {"yyyy..", "yyyy..", "yyyy..", "......", "......", "......"},
    [RANK_OWNER] = {"yyyyy.", "yyyyy.", "yyyyy.", "yyyyy.", "......", "......"},
    [RANK_OPERATOR] = {"yyyyy.", "yyyyy.", "yyyyy.", "yyyyy.", "yyyyy.", "......"},
};

static const char *const names[REQUEST_COUNT] = {
#define X(wire, name, hub, rate) [REQUEST_##name] = wire,
    REQUEST_TABLE(X)
#undef X
};

static void every_rank_and_every_request(void **state)
{
    (void)state;
    for (int what = 0; what < REQUEST_COUNT; what++) {
        if (may[what] == NULL)
            fail_msg("no row for %s", names[what]);
        assert_int_equal(strlen(may[what]), RANK_COUNT);
        for (int own = 0; own < RANK_COUNT; own++) {
            bool allowed = own >= (int)rights_needed((enum request_type)what);
            if (allowed != (may[what][own] == 'y'))
                fail_msg("%s by %s: %d", names[what], rank_name((enum rank)own), allowed);
        }
    }
}

static void nobody_acts_on_an_equal_or_higher_rank(void **state)
{
    (void)state;
    for (int own = 0; own < RANK_COUNT; own++)
        for (int other = 0; other < RANK_COUNT; other++)
            if (rights_over((enum rank)own, (enum rank)other) != (over[own][other] == 'y'))
                fail_msg("%s on %s", rank_name((enum rank)own), rank_name((enum rank)other));
}

static void nobody_gives_a_rank_above_the_own(void **state)
{
    (void)state;
    for (int own = 0; own < RANK_COUNT; own++)
        for (int other = 0; other < RANK_COUNT; other++)
            for (int to = 0; to < RANK_COUNT; to++)
                if (rights_give((enum rank)own, (enum rank)other, (enum rank)to) !=
                    (give[own][other][to] == 'y'))
                    fail_msg("%s makes %s %s", rank_name((enum rank)own),
                             rank_name((enum rank)other), rank_name((enum rank)to));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rank_and_every_request),
        cmocka_unit_test(nobody_acts_on_an_equal_or_higher_rank),
        cmocka_unit_test(nobody_gives_a_rank_above_the_own),
    };
    return RUN_ROOM_TESTS(argc, argv, "rights", tests);
}
