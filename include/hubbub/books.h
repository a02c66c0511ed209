/* The books of a room, or of the server: what was done to whom (the ledger), which of it is in force, who was
 * invited, and who spoke when. Plain data of the hub thread; grows only by what moderators do and is bounded. */
#ifndef HUBBUB_BOOKS_H
#define HUBBUB_BOOKS_H

#include <hubbub/rank.h>
#include <hubbub/request.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LEDGER_KEPT = 200,       /* entries in memory; the store has them all */
    SANCTIONS_MAX = 10000,   /* in force at once */
    INVITES_MAX = 1000,      /* outstanding */
    UNDO_MS = 10 * 60 * 1000 /* an entry can be taken back for so long */
};

/* An entry of the ledger. Times are ms since 1970; until 0: without end. */
struct entry {
    uint64_t entry; /* counts up from 1 */
    enum action action;
    enum rank by_rank;
    enum rank rank; /* of a `role`: what it gave */
    int64_t ts, until;
    bool undone;
    uint32_t refs;
    const char *user_id, *username, *by, *by_id, *reason; /* never NULL, point into text */
    char text[];
};

struct invite {
    char code[INVITE_MAX + 1];
    char user_id[NAME_MAX_BYTES + 1]; /* "": whoever has it */
    char by_id[NAME_MAX_BYTES + 1];
    int64_t until;
};

/* When a user last said something, in a room with slow mode. */
struct spoke {
    char user_id[NAME_MAX_BYTES + 1];
    int64_t at; /* clock_now() */
};

struct books {
    uint64_t next_entry;
    struct entry **ledger; /* oldest first */
    size_t nledger;
    struct entry **sanctions; /* bans and mutes in force, by user id */
    size_t nsanctions, sanctions_space;
    struct invite *invites;
    size_t ninvites;
    struct spoke *spoke; /* by user id */
    size_t nspoke, spoke_space;
};

struct books *books_new(void);
void books_free(struct books *b); /* may be NULL */

/* A new entry at the end of the ledger; `number` 0: the next one. Borrowed until the ledger has no room for
 * it any more. reason NULL: "". */
struct entry *books_write(struct books *b, const struct entry *like, uint64_t number);
struct entry *books_entry(const struct books *b, uint64_t entry); /* NULL: not (any more) there */

/* Puts a ban or mute in force, instead of an earlier one of the same kind. False: too many. */
bool books_impose(struct books *b, struct entry *e);
/* The same for one that was in force when the server stopped: it need not be in the ledger any more. */
bool books_restore(struct books *b, const struct entry *like, uint64_t number);
/* The one in force at `now_ms`; what has ended is dropped. b may be NULL. */
const struct entry *books_sanction(struct books *b, enum action action, const char *user_id,
                                   int64_t now_ms);
bool books_lift(struct books *b, enum action action, const char *user_id);
/* Drops all sanctions and invitations that have ended. */
void books_expire(struct books *b, int64_t now_ms);
/* One in force on this user, by id or by name (the other is NULL); NULL when there is none. */
const struct entry *books_named(const struct books *b, const char *user_id, const char *username);

/* NULL when there are too many. */
struct invite *books_invite(struct books *b, const char *user_id, const char *by_id, int64_t until);
/* Adds one as it is (from the store), if there are not too many. */
void books_add_invite(struct books *b, const struct invite *invite);
/* May this user use it now? */
bool books_invited(const struct books *b, const char *code, const char *user_id, int64_t now_ms);
/* True, and it is gone, when it may. */
bool books_redeem(struct books *b, const char *code, const char *user_id, int64_t now_ms);
/* Those that are for this user. b may be NULL. */
void books_drop_invites(struct books *b, const char *user_id);

/* Slow mode: ns until this user may speak again, 0: now, and then it has spoken. now: clock_now(). */
int64_t books_speak(struct books *b, const char *user_id, int64_t slow_ns, int64_t now);
/* The same answer, and it has not. b may be NULL. */
int64_t books_silent_for(const struct books *b, const char *user_id, int64_t slow_ns, int64_t now);

#endif
