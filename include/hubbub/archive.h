/* The data of a server from outside of it: copied, shown and erased by commands, each in a process of its own.
 *
 * The database is a file of the directory or, with a url, PostgreSQL, of which a server has used this directory.
 *
 * All block for as long as the disk does. What goes wrong is told in `why`, a whole line. Codes: ERR_NOTFOUND (there is
 * no database in the directory, or not what was asked for), ERR_AGAIN (a server is running, and must not), ERR_INVALID
 * (not a database of this program, or of another version of it), ERR_SYSTEM (all else). */
#ifndef HUBBUB_ARCHIVE_H
#define HUBBUB_ARCHIVE_H

#include <hubbub/message.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies the database, as it is at one moment, into the new file `to`, readable by its owner only, and checks the copy.
 * A server may be running, and doesn't notice. The file is there whole, on the disk, or not at all. *bytes: its size. */
int archive_backup(const char *directory, const char *to, uint64_t *bytes, char *why, size_t space);

struct archived_reaction {
    const char *emoji, *user_id;
};
/* One message, in the order of seq; borrowed for the call. */
struct archived {
    const struct message *message;
    const struct archived_reaction *reactions; /* in the order in which they came */
    size_t n;
};
/* 0 to go on; any other code ends the export and is returned by it. */
typedef int archive_fn(void *arg, const struct archived *a);

/* Calls fn for all messages of a room that are kept. A server may be running; what is said meanwhile is shown, too. */
int archive_export(const char *directory, const char *url, const char *room, archive_fn *fn,
                   void *arg, char *why, size_t space);

/* A room of which an export would show something, or nothing any more. */
struct archived_log {
    const char *room;
    uint64_t first, last; /* seq; 0: nothing is left */
    int64_t first_ts, last_ts;
};
typedef int archive_log_fn(void *arg, const struct archived_log *l);

/* Calls fn for all rooms, in the order of their names, conversations of two among them. A server may be running: fn
 * shall not take long. */
int archive_list(const char *directory, const char *url, archive_log_fn *fn, void *arg, char *why,
                 size_t space);

/* How many changes wait in the directory for PostgreSQL, and so in nothing that is shown here. 0, too, when there is no
 * telling. */
uint64_t archive_waiting(const char *directory);

/* Has a server with --store sqlite left rooms or messages in the directory? False, too, when there is no telling. */
bool archive_has_former(const char *directory);

#define ERASED_NAME "erased" /* what the user is called from then on */

struct erased {
    uint64_t messages, reactions, ranks, ledger, files;
    uint64_t received;        /* reactions of others to the messages */
    uint64_t mentions, marks; /* of the user, by others; how far it has read */
    uint64_t invites, blocks; /* to the user; by it, and of it */
    uint64_t pairs;           /* private conversations, which the others keep */
    uint64_t sanctions;       /* in force: they stay, without the name */
    uint64_t given;           /* sanctions and invitations by the user: they stay, by nobody */
    uint64_t ownerless;       /* rooms that have no owner any more */
};
/* Erases what is kept of a user: messages become tombstones of nobody, reactions, mentions, ranks and invitations go,
 * the ledgers forget who it was; and writes the file anew, so that nothing is left in it. What keeps the user out
 * (bans, mutes and banned addresses) stays, under the user's id. No server may be running.
 * ERR_NOTFOUND: nothing was kept. */
int archive_erase(const char *directory, const char *url, const char *user_id, struct erased *out,
                  char *why, size_t space);

/* What archive_erase() would count. Changes nothing, and a server may be running. */
int archive_count(const char *directory, const char *url, const char *user_id, struct erased *out,
                  char *why, size_t space);

struct archived_name {
    const char *user_id;
    uint64_t messages; /* said under that name */
    int64_t ts;        /* the latest that is known of it; 0: no time is */
};
typedef int archive_name_fn(void *arg, const struct archived_name *n);

/* Calls fn for those who were called so, the latest first; 0 to go on. A server may be running. */
int archive_names(const char *directory, const char *url, const char *username, archive_name_fn *fn,
                  void *arg, char *why, size_t space);

#endif
