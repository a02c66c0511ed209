/* Who may do what: the rank that each request needs, and nobody acts on an equal or higher one. Pure. */
#include <hubbub/check.h>
#include <hubbub/room.h>

enum rank rights_needed(enum request_type what)
{
    static const uint8_t needed[REQUEST_COUNT] = {
        /* of other people's messages; the own may be taken back by anybody */
        [REQUEST_DELETE] = RANK_MODERATOR, [REQUEST_SETTINGS] = RANK_MODERATOR,
        [REQUEST_INVITE] = RANK_MODERATOR, [REQUEST_KICK] = RANK_MODERATOR,
        [REQUEST_BAN] = RANK_MODERATOR,    [REQUEST_UNBAN] = RANK_MODERATOR,
        [REQUEST_MUTE] = RANK_MODERATOR,   [REQUEST_UNMUTE] = RANK_MODERATOR,
        [REQUEST_LEDGER] = RANK_MODERATOR, [REQUEST_UNDO] = RANK_MODERATOR,
        [REQUEST_UPDATE] = RANK_ADMIN,     [REQUEST_ADD] = RANK_ADMIN,
        [REQUEST_REMOVE] = RANK_ADMIN,     [REQUEST_ROLE] = RANK_ADMIN,
        [REQUEST_DESTROY] = RANK_OWNER,    [REQUEST_NOTICE] = RANK_OPERATOR,
    };
    REQUIRE(what < REQUEST_COUNT);
    return (enum rank)needed[what];
}

bool rights_over(enum rank own, enum rank other)
{
    return own > other;
}

bool rights_give(enum rank own, enum rank other_now, enum rank to)
{
    return rights_over(own, other_now) && to <= own && to < RANK_OPERATOR;
}
