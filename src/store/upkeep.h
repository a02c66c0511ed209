/* What the store's thread does for the database between commits, in small steps: it removes what should not be kept any
 * more (retention.c), and adds words to the index (words.c). */
#ifndef STORE_UPKEEP_H
#define STORE_UPKEEP_H

#include "store/pace.h"

#include <hubbub/store.h>
#include <pthread.h>

struct vault;

struct upkeep {
    struct vault *vault;
    pthread_mutex_t mu;

    /* under mu */
    struct retention retention;
    bool is_new;

    /* the thread's */
    struct retention keep;
    int64_t remove_at, index_at;
    struct pace pace;                 /* whoever writes says pace_wrote() */
    bool cannot_remove, cannot_index; /* that was logged */
};

void upkeep_init(struct upkeep *u, struct vault *vault);
void upkeep_fini(struct upkeep *u);
/* From any thread; good from the next look on, within a second. */
void upkeep_set_retention(struct upkeep *u, const struct retention *r);

/* When there may be something to do. */
int64_t upkeep_at(const struct upkeep *u);
/* One step of each, when it is time for one. Errors are logged, once. */
void upkeep_run(struct upkeep *u);

#endif
