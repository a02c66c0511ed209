/* The latest messages of a room in memory, from which joins and pages are served without asking the disk, and older
 * ones while a change of theirs is on its way there. Plain data of the hub thread.
 *
 * What is not on the disk yet is never let go: so whatever is not here can be read there. `change` is the number of the
 * store's change that brings a slot to the disk, `written` the latest that is there (UINT64_MAX without a store). */
#ifndef HUBBUB_HISTORY_H
#define HUBBUB_HISTORY_H

#include <hubbub/message.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slot {
    struct message *message; /* a reference */
    struct reactions reactions;
    uint64_t change;
};

/* All zero: empty. */
struct history {
    struct slot *slots; /* by seq modulo space, a power of two */
    uint32_t space, n;
    uint64_t first;     /* seq of the oldest; with n > 0 */
    size_t bytes;       /* of all messages and reactions, the older ones not counted */
    struct slot *aside; /* older messages that were changed, by seq */
    size_t naside;
    /* counts those of them that were let go of, now that their change is on the disk */
    uint32_t amended;
    uint64_t gone; /* the latest change of an edited or removed one that was let go of */
};

/* What may stay when it is on the disk. */
struct history_limit {
    uint32_t messages;
    size_t bytes;
    int64_t since; /* ms since 1970: older ones go, too */
};

void history_fini(struct history *h); /* leaves it empty */

/* Adds the next message, of which it takes the reference; it continues the last one. */
void history_add(struct history *h, struct message *m, uint64_t change);
/* Lets go of the oldest beyond the limit, and of what was set aside. False: more will go when it is on the disk. */
bool history_trim(struct history *h, const struct history_limit *limit, uint64_t written);

/* NULL when it isn't here. Borrowed until the next call that changes h. */
struct slot *history_find(const struct history *h, uint64_t seq);
/* Takes a message, read back from the disk, that is to be changed; row is left empty. */
struct slot *history_set_aside(struct history *h, struct history_row *row);
/* Another version of the message, of which it takes the reference. */
void history_replace(struct history *h, struct slot *slot, struct message *m, uint64_t change);
/* Reactions may be changed in place: to be told how much they grew, and by which change. */
void history_touched(struct history *h, struct slot *slot, size_t size_before, uint64_t change);

/* The oldest from which on all are here; last + 1 when none is. */
uint64_t history_first(const struct history *h, uint64_t last);

#endif
