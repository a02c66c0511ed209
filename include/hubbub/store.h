/* The store: what outlives the server. A thread of its own with a bounded channel in front of it, and a database
 * behind it: SQLite in the data directory, or PostgreSQL.
 *
 * The hub posts changes and never waits for the disk. A change is one transaction of records; changes are
 * committed in the order they were posted, many at a time when many wait (group commit), and each is then
 * handed back through `done`. Records say what is, not what to add: doing one twice does no harm.
 *
 * A PostgreSQL that is away: changes go into a file of the data directory (backlog.db), are handed back as written when
 * they are on the disk there, and go over into the database, in order, when it is back; reading fails until then. It
 * begins with the database: a store is not opened without.
 *
 * A disk that is full or read-only: what cannot be written is kept, in order, and tried again every second;
 * changes are handed back as failed meanwhile and still made when the disk is well. When more wait than
 * STORE_BACKLOG, or larger ones than STORE_BACKLOG_BYTES, new ones are refused.
 *
 * What belongs to a room needs that room's ROOM before it; a change with a record of a room that isn't there
 * is refused for good (an error in the log: it is a mistake of the program), and holds up nobody. */
#ifndef HUBBUB_STORE_H
#define HUBBUB_STORE_H

#include <hubbub/file.h>
#include <hubbub/message.h>
#include <hubbub/rank.h>
#include <hubbub/request.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STORE_BACKLOG = 4096, /* changes that may wait */
    STORE_BACKLOG_BYTES = 64 << 20,
    STORE_SPARE = 4, /* of them, for whoever found that it was not full */
};
enum { ADDRESS_MAX = 45 }; /* INET6_ADDRSTRLEN - 1 */
enum { EPOCHS_KEPT = 16, DUPLICATE_MS = 5 * 60 * 1000 };

#define RECORD_TABLE(X)                                                                                               \
    X(ROOM) /* name, title, topic, password, visibility, max_users, slow_mode, hides_past: as it is now */            \
    X(ROOM_GONE) /* name: the room and all that belongs to it, its ledger too */                                      \
    X(RANK)      /* room, user_id, username, rank; RANK_GUEST: none any more */                                       \
    X(SANCTION) /* room, user_id, username, action (ban, mute), by, by_id, by_rank, reason, ts,  \
                      * until, entry. One per room, user_id and action */                    \
    X(SANCTION_GONE) /* room, user_id, action */                                                                      \
    X(ADDRESS)       /* user_id, address: banned with the user, from the whole server */                              \
    X(ADDRESS_GONE)  /* user_id: all of that user's */                                                                \
    X(LEDGER) /* room, entry, action, user_id, username, by, by_id, by_rank, rank, reason, ts, until,  \
                      * undone */              \
    X(INVITE)      /* room, code, user_id ("": anybody), by_id, until */                                              \
    X(INVITE_GONE) /* room, code */                                                                                   \
    X(PAIR) /* room, user_id, username, by_id, by, ts: a private conversation that the first has begun */             \
    X(BLOCK)      /* by_id, user_id, username, ts: by_id wants to hear nothing of user_id */                          \
    X(BLOCK_GONE) /* by_id, user_id */                                                                                \
    X(MARK) /* room, user_id, seq, ts: the user has read up to there, what is lower does nothing. since: where what \
             * the user may see begins, if the room hides its past, 0: nowhere; the first one stays. seq 0 and since \
             * 0: forget it. Of a room that has a log; else it does nothing */ \
    X(EPOCH) /* room, epoch, seq: messages after seq are numbered under this epoch; begins the      \
              * room's log if it has none. The latest EPOCHS_KEPT of a room are kept */                 \
    X(MESSAGE) /* room, message: a new one, or a new version of one that is there; a tombstone has no \
                * reactions. Its room needs an EPOCH before it, and no ROOM. What was too old to be \
                * kept doesn't come back by a new version of it */               \
    X(REACTION) /* room, seq, user_id, emoji. Of a message that is there; else it does nothing */                     \
    X(REACTION_GONE) /* room, seq, user_id, emoji */                                                                  \
    X(FILE)          /* room, file: has come, and waits for a MESSAGE whose files have its id */                      \
    X(LOG_GONE)      /* room: all its messages and what belongs to them; ROOM_GONE does it, too */

enum record_type {
#define X(name) RECORD_##name,
    RECORD_TABLE(X)
#undef X
        RECORD_COUNT
};

/* Which fields count: see the table. Times are ms since 1970, until 0: without end. Room "": the server.
 *
 * What is said makes by far the most records, so those that change_add() makes of it end behind what they need. */
struct record {
    enum record_type type;
    struct record *next; /* of the same change */
    uint64_t seq;
    struct message *message; /* a reference */
    char room[NAME_MAX_BYTES + 1];
    /* here ends MESSAGE */
    char user_id[NAME_MAX_BYTES + 1];
    char epoch[EPOCH_MAX + 1];
    char emoji[EMOJI_MAX + 1];
    int64_t ts;
    uint64_t since;
    /* here end MARK, EPOCH, REACTION, REACTION_GONE, LOG_GONE */

    char username[NAME_MAX_BYTES + 1];
    enum rank rank;

    char *title, *topic, *password; /* owned; NULL counts as "". password: its hash */
    enum visibility visibility;
    uint32_t max_users, slow_mode;
    bool hides_past;

    enum action action;
    char by[NAME_MAX_BYTES + 1], by_id[NAME_MAX_BYTES + 1];
    enum rank by_rank;
    char *reason; /* owned; NULL counts as "" */
    int64_t until;
    uint64_t entry;
    bool undone;

    char code[INVITE_MAX + 1];
    char address[ADDRESS_MAX + 1];
    struct file *file; /* owned */
};

/* One transaction, and what whoever posted it wants to know when it comes back. */
struct change {
    struct record *first, *last;
    void *note;      /* not the store's; NULL: nobody waits for this one */
    bool urgent;     /* as if somebody did */
    uint64_t number; /* given by store_post(): they count up by one from 1 */
    size_t bytes;    /* what it takes, for store_full() */
    size_t records;  /* how many */
};

struct change *change_new(void);
/* Adds an empty record and returns it, to be filled in. */
struct record *change_add(struct change *c, enum record_type type);
void change_free(struct change *c); /* with its records; the note must have been taken */

struct store;

/* Owns the change from now on, whole, and gets each one once. err: 0 when it is on the disk, ERR_SYSTEM when it
 * is not (yet). Runs on the store's thread; the store waits for it. */
typedef void store_done_fn(void *arg, struct change *c, int err);
typedef void store_load_fn(void *arg, const struct record *r);

/* Opens or makes the database, and brings its schema up to date: that of PostgreSQL at `url` (postgres://…) or, with
 * NULL, a file of SQLite in `directory`. The directory is made (0700) when it isn't there. NULL with `why`, a whole
 * line, when that fails: a newer schema than this program's, no permission, a second server on the same directory or
 * database, not a database. Passwords are not in the line. */
struct store *store_open(const char *directory, const char *url, char *why, size_t space);

/* Could a server have its data there? Leaves nothing behind. 0; ERR_AGAIN: one has, right now; ERR_SYSTEM: no.
 * `why` is a whole line for both. */
int store_try(const char *directory, const char *url, char *why, size_t space);

/* Is it an address that libpq understands? NULL, or a short text why not. */
const char *store_url_check(const char *url);
/* The address without its passwords, for people: at most space - 1 bytes. Returns `to`. */
char *store_url_show(const char *url, char *to, size_t space);
/* Has it a password, for all to see where it stands? */
bool store_url_has_password(const char *url);

/* Calls fn for all that is kept, rooms before what belongs to them: ROOM, RANK, SANCTION, ADDRESS, LEDGER (of each
 * room the newest `ledger` ones, oldest first), INVITE, BLOCK; PAIR (with the seq and the ts of its last message); of
 * kept rooms EPOCH (epoch: the latest, seq: of the last message, entry: the oldest that is still there); and of all
 * rooms MESSAGE for those with an `id` said in the last DUPLICATE_MS, oldest first; FILE for those that wait for a
 * message. What has ended is left out, and deleted: sanctions, invitations, the addresses of users who are not banned
 * from the server any more. The record is borrowed for the call. Before store_start(). 0, or ERR_SYSTEM, logged. */
int store_load(struct store *s, uint32_t ledger, store_load_fn *fn, void *arg);

/* Before store_start(). False: a commit may be lost in a power cut, though not when the process is killed; twice as
 * fast on some disks. */
void store_set_sync(struct store *s, bool full);
/* Before store_start(). After a commit that nobody waited for (no change in it has a note or is urgent), the next one begins no sooner
 * than that many ns, unless somebody does wait or a quarter of what may wait has come: many small ones would take the
 * time of those who talk. 0, as it is at first: there is no pause. */
void store_set_commit_delay(struct store *s, int64_t ns);

/* 0 or ERR_LIMIT: no room for a thread. */
int store_start(struct store *s, store_done_fn *done, void *arg);

/* What is not full takes STORE_SPARE more changes of the thread that posts, however large. */
bool store_full(const struct store *s);
/* After store_start(), one thread at a time; never waits. Takes *c and nulls it, or leaves it: ERR_FULL, ERR_CLOSED. */
int store_post(struct store *s, struct change **c);

/* Any thread: the number of the latest change that is on the disk with all before it (those that were refused for
 * good do not count). Never goes back. */
uint64_t store_written(const struct store *s);

/* ---- reading back --------------------------------------------------------------------------------
 * Any thread that may block for as long as the disk does; a few at a time, the others wait. What they see is what is
 * written: changes that still wait are not in it. 0, or ERR_SYSTEM, logged. */

/* Where the log of a room ends. */
struct log_head {
    bool exists;
    char epoch[EPOCH_MAX + 1]; /* the latest */
    uint64_t last;  /* seq of the last message, 0: none yet. Counts on where all were removed */
    uint64_t first; /* the oldest that is still there, 0: none */
};
int store_head(struct store *s, const char *room, struct log_head *out);

/* Was `seq` a position in the numbering called `epoch`, and is what came before it still the same? That is so when
 * the log has this epoch, and the next one, or the end of the log, does not come before seq. False: the log is another
 * one, or was put back to an earlier state. */
int store_knows_position(struct store *s, const char *room, const char *epoch, uint64_t seq,
                         bool *out);

/* The messages from `from` to `to`, HISTORY_MAX of them at most, with their reactions; from > to: none. */
int store_read(struct store *s, const char *room, uint64_t from, uint64_t to,
               struct history_page *out);

/* How far a user has read: of the rooms in which that changed last, at most MARKS_MAX, the latest change first. */
enum { MARKS_MAX = 1000 };
struct mark_row {
    char room[NAME_MAX_BYTES + 1];
    uint64_t seq, since;
};
struct mark_page {
    struct mark_row *rows; /* owned: free() */
    size_t n;
};
int store_marks(struct store *s, const char *user_id, struct mark_page *out);

/* The messages that mention a user, behind `after`, at most `limit` (1 to SEARCH_MAX), newest first. */
int store_mentions(struct store *s, const char *user_id, const struct found_place *after,
                   unsigned limit, struct found_page *out);

/* What is known of a file; ERR_NOTFOUND: there is none of this id, or none any more. */
int store_file(struct store *s, const char *id, struct file *out);
/* Bytes of all the files of a user. */
int store_files_of(struct store *s, const char *user_id, uint64_t *bytes);

/* Where their bytes are kept, each under its id, its thumbnail with FILE_THUMBNAIL behind it. The store removes them
 * with their message, FILE_WAIT_MS after they came when none has said them, and what is there but not known when it
 * is opened. */
#define FILES_DIRECTORY "files"
#define FILE_THUMBNAIL ".webp"

enum { SEARCH_MAX = 1000 };
struct search {
    const char *room;  /* NULL: all */
    const char *query; /* <hubbub/query.h> */
    unsigned limit;    /* 1 to SEARCH_MAX */
    struct found_place after;
    const uint64_t *without; /* logs that are passed over */
    size_t nwithout;
};
/* The messages that have all words, newest first. Also ERR_TIMEOUT, when none was found in a second. */
int store_search(struct store *s, const struct search *x, struct found_page *out);

/* ---- keeping less --------------------------------------------------------------------------------- */

/* What is removed in the background, oldest first, a few hundred at a time; 0: no such limit. */
struct retention {
    int64_t age_ms;    /* older messages */
    uint64_t per_room; /* more messages than that in one room */
    /* What the file has in use is more; it doesn't shrink, but uses its free pages again. In PostgreSQL: what messages
     * and their words take, in tables and indexes, by an estimate from the length of each row. */
    uint64_t bytes;
};
/* Any thread. */
void store_set_retention(struct store *s, const struct retention *r);

/* Any thread: true while what is posted reaches the disk; else `why` has a short text. */
bool store_healthy(struct store *s, char *why, size_t space);

/* Writes what waits (trying once more), hands all back, ends the thread. */
void store_stop(struct store *s);
/* After store_stop(), or when it was never started. Another server may have the directory then. */
void store_free(struct store *s);

#endif
