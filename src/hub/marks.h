/* How far people have read, between marks.c, which keeps it, and past.c. Hub thread. */
#ifndef HUB_MARKS_H
#define HUB_MARKS_H

#include "hub/hub_private.h"

/* Of one room. */
struct mark {
    struct cds_list_head node;   /* of its user's */
    struct mark *others, **link; /* all users' of rooms in the same bucket */
    struct marks *of;
    uint64_t seq;
    uint64_t since; /* with this message begins what the user may see, if the room hides its past */
    uint64_t
        life;     /* of the hub's lives, when it was noted: what was said there may be gone since */
    bool changed; /* and not on its way to the disk */
    char room[];
};

/* Of one user. */
struct marks {
    struct cds_list_head all; /* the one that was noted last comes first */
    uint32_t n;
    bool changed;              /* in the hub's list */
    uint64_t change;           /* the latest of the store that has one of them */
    struct marks *next;        /* changed, too; or away, in the same bucket */
    struct cds_list_head node; /* away */
    bool waits;                /* away: some are in the hub's change to come */
    bool known;                /* away: what the disk had is among them */
    char user_id[];
};

const struct mark *marks_find(struct marks *k,
                              const struct room *r); /* NULL: there is none, or k is NULL */
/* At the front, and on its way to the disk some time. Who has none in a room that hides its past is new there, as far
 * as is known. */
struct mark *marks_put(struct hub *h, struct marks *k, const struct room *r, uint64_t seq);
/* What has changed, at once, if the store can take it; else it goes with the others. */
void marks_post(struct hub *h, struct marks *k);
struct marks *marks_of(struct hub *h, struct user *u);        /* made when there are none */
struct marks *marks_away(struct hub *h, const char *user_id); /* of who has just left, or NULL */
/* Is what the errand has read of the log that the room has now? r NULL: it is not in memory. */
bool marks_are_recent(const struct errand *x, const struct room *r);
struct user *user_of(struct hub *h, const struct event *e,
                     const struct viewer *v); /* NULL: is not here */

#endif
