/* What was said lately under which id, so that a message that is sent twice is said once. */
#ifndef HUB_REPEATS_H
#define HUB_REPEATS_H

#include <stddef.h>
#include <stdint.h>

struct message;

/* One message with an id. */
struct repeat {
    uint64_t key;  /* hash of user, room and id */
    uint64_t body; /* hash of what was said; 0: not known, it was changed before the server began */
    uint64_t seq;
    int64_t ts;    /* ms since 1970 */
    uint64_t life; /* logs that the hub had begun by then */
};

/* Those of the last five minutes (DUPLICATE_MS), at most REPEATS_MAX: a ring in the order in which they were said, and
 * an index by key. Of the hub thread. */
struct repeats {
    uint64_t hash_key;
    struct repeat *ring;
    uint32_t space, first, n; /* space: a power of two, or 0 */
    uint32_t *index;          /* 2 * space: 1 + place in the ring, 0: none; open addressing */
};

enum { REPEATS_MAX = 1 << 20 };

void repeats_init(struct repeats *r);
void repeats_fini(struct repeats *r);

uint64_t repeats_key(const struct repeats *r, const char *user_id, const char *room,
                     const char *id);
uint64_t repeats_body(const struct repeats *r, const char *content, size_t len, uint64_t reply_to);
uint64_t repeats_file(uint64_t body, const char *id); /* the same, with this file behind it */
uint64_t repeats_said(const struct repeats *r, const struct message *m); /* of one that was kept */

/* NULL: not said. Forgets what is too old at now_ms. */
const struct repeat *repeats_find(struct repeats *r, uint64_t key, int64_t now_ms);
/* From now on this one is found under its key. */
void repeats_add(struct repeats *r, const struct repeat *what);

#endif
