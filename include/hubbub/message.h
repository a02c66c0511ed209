/* What was said: one message as it is kept, in memory, on its way to the store and back from it.
 *
 * Immutable and shared by reference count, so any thread may read one that it holds. An edit or a removal is a
 * new message with the same number in the old one's place. */
#ifndef HUBBUB_MESSAGE_H
#define HUBBUB_MESSAGE_H

#include <hubbub/request.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message {
    uint32_t refs;     /* atomic */
    bool deleted;      /* a tombstone: content is "" */
    bool taken_back;   /* by its author; kept as `deleted` 2 */
    uint64_t seq;      /* counts up by one per room, from 1 */
    int64_t ts;        /* ms since 1970: when it was said */
    int64_t edited_ts; /* the latest edit; 0: never */
    uint64_t reply_to; /* the seq of the message it answers; 0: none */
    size_t content_len;
    /* never NULL, point into text */
    const char *user_id, *username; /* of the author, as it was called then */
    const char *id;                 /* the client's own, "" when it gave none */
    const char *content; /* as JSON text, quoted and escaped; content[content_len] is NUL */
    const char *files; /* "", or what encode_files() made: a JSON list of those that came with it */
    /* "", or what encode_mentions() made: who is meant by name, members of a JSON object */
    const char *mentions;
    char text[];
};

/* A copy of `like`, whose strings may be anywhere; content needs no NUL, files and mentions may be NULL. One
 * reference. */
struct message *message_new(const struct message *like);
/* What is known of one that others hold as well, to be changed and read; the strings are borrowed. */
struct message message_draft(const struct message *m);
struct message *message_ref(struct message *m); /* returns m */
void message_unref(struct message *m);          /* may be NULL */
size_t message_size(const struct message *m);   /* bytes of memory */

/* ---- reactions ----------------------------------------------------------------------------------- */

enum { REACTIONS_MAX = 20 }; /* kinds on one message */

/* Everybody who chose this emoji. */
struct reaction {
    char emoji[EMOJI_MAX + 1];
    uint32_t n, space;
    uint64_t *users; /* sorted: user_mark() of each */
};

/* In the order in which they came. All zero: none. Owned by one thread at a time. */
struct reactions {
    struct reaction *kinds;
    uint32_t n;
};

/* Stands for a user: 64 bits of a hash with a key of this process, so not to be kept. */
uint64_t user_mark(const char *user_id);

enum reaction_result { REACTION_DONE, REACTION_ALREADY, REACTION_TOO_MANY };
/* Adds or takes away; what is nobody's any more is gone. TOO_MANY: it would be one kind too many. */
enum reaction_result reactions_set(struct reactions *r, const char *emoji, uint64_t user, bool on);
uint32_t reactions_count(const struct reactions *r, const char *emoji);
bool reactions_has(const struct reaction *r, uint64_t user);
size_t reactions_size(const struct reactions *r); /* bytes of memory, without the struct itself */
void reactions_fini(struct reactions *r);

/* ---- a stretch of a log -------------------------------------------------------------------------- */

struct history_row {
    struct message *message; /* a reference */
    struct reactions reactions;
};

/* Consecutive messages of one room, oldest first. */
struct history_page {
    struct history_row *rows;
    size_t n;
    uint64_t first_kept; /* the oldest that is still kept; 0: none is */
};

void history_page_fini(struct history_page *p); /* leaves it empty */

/* ---- what was found, in all rooms ---------------------------------------------------------------- */

struct found_row {
    char room[NAME_MAX_BYTES + 1];
    uint64_t log; /* the store's number of the room's, 0: it is from memory */
    struct history_row row;
};

/* Newest first. */
struct found_page {
    struct found_row *rows;
    size_t n;
    bool more;    /* there may be others behind them */
    bool late;    /* and there was no time to look for those */
    bool partial; /* so much is not in the index yet that the older of it was not looked at */
};

/* Where what is found goes on: behind this one. */
struct found_place {
    int64_t ts; /* INT64_MAX: from the newest */
    uint64_t log, seq;
};

void found_page_cut(struct found_page *p, size_t n); /* keeps the first n */
void found_page_fini(struct found_page *p);          /* leaves it empty */

#endif
