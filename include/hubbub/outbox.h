/* An outbox: a channel of frames towards one receiver, what to do when it is full, and why it was closed.
 *
 * The hub knows its members only by this: a browser, a web request that waits for its answer and a test
 * probe are all something with an outbox. Frames are posted by the hub and by the connection's own
 * reader, and taken by one receiver at a time: whoever carries its relay task, or a plain thread when
 * there is no relay.
 *
 * The order of life: init, posts and takes, close (once; more are ignored), takes until ERR_CLOSED, fini.
 */
#ifndef HUBBUB_OUTBOX_H
#define HUBBUB_OUTBOX_H

#include <hubbub/channel.h>
#include <hubbub/clock.h>
#include <hubbub/frame.h>
#include <hubbub/relay.h>
#include <stdbool.h>
#include <stdint.h>

/* How long a socket may have taken nothing before its full outbox counts as that of a slow peer: a peer a
 * moment behind is not lost, and peers that stop reading together are waited for together. However they
 * come, slow peers hold up who posts for no more than a fifth of the time. */
#define OUTBOX_GRACE (100 * NS_PER_MS)
#define OUTBOX_GRACE_ALL (2 * NS_PER_S)
#define OUTBOX_GRACE_EVERY (10 * NS_PER_S)

/* What may wait for one receiver, in bytes, beside the limit in messages. */
enum { OUTBOX_BYTES = 1 << 20 };

/* How full it may become, in tenths, by what can be had otherwise: of a receiver that falls behind first the typing of
 * others is left out, then the talk of whole rooms, so that there is still room for replies. */
enum { OUTBOX_FOR_TYPING = 5, OUTBOX_FOR_ROOMS = 9, OUTBOX_FOR_ALL = 10 };

struct outbox {
    struct channel frames;
    struct relay *relay;      /* set once; NULL: somebody waits in outbox_take() */
    struct relay_task task;   /* "this has frames" */
    uint32_t limit;           /* set once: messages */
    int64_t patience;         /* set once: ns a post waits for a receiver that is short of CPU */
    uint32_t messages;        /* atomic: waiting */
    size_t bytes;             /* atomic: waiting */
    int64_t progress_at;      /* atomic: when the receiver last got rid of something */
    uint32_t close_code;      /* atomic: RFC 6455 status, 0 while open */
    const char *close_reason; /* atomic: static text, set before the code */
};

void outbox_init(struct outbox *o, struct relay *relay, struct parker *owner, relay_run_fn *run,
                 uint32_t limit, int64_t patience);
void outbox_fini(struct outbox *o); /* drops what is left */

/* Adds a frame and takes one reference of it, on failure too. Marks the task; relay_kick() is for the
 * caller, after its batch. When the outbox is full:
 *   the receiver waits for its socket: when that has taken nothing for OUTBOX_GRACE the peer is too slow;
 *   it is closed with 4013 and ERR_CLOSED is returned;
 *   it does not: this machine is short of CPU; lets others run until there is room, up to `patience`.
 * Returns 0 or ERR_CLOSED. The hub calls it: it is the one place where the hub may wait. */
int outbox_post(struct outbox *o, struct frame *f);

/* The same for what a room says, up to OUTBOX_FOR_ROOMS: where outbox_post() would close the outbox this only says
 * ERR_FULL, and whoever posts leaves the room out for a while. */
int outbox_post_talk(struct outbox *o, struct frame *f);

/* For what may be lost when the receiver is busy, up to so many tenths: ERR_FULL instead of waiting. */
int outbox_offer(struct outbox *o, struct frame *f, unsigned tenths);

/* So many tenths are not in use, or it is closed. */
bool outbox_is_free(const struct outbox *o, unsigned tenths);

/* Receiver: up to max frames, whose references it then has; returns how many, ERR_CLOSED, ERR_AGAIN or
 * ERR_TIMEOUT, as channel_recv(). */
int outbox_take(struct outbox *o, struct frame **frames, uint32_t max, int64_t deadline);

/* Receiver: the socket took something. */
void outbox_progress(struct outbox *o);

/* Any thread: what was accepted is still delivered, then the receiver ends with this code. Only the
 * first call counts. relay_kick() is for the caller. */
void outbox_close(struct outbox *o, uint16_t code, const char *reason);
uint16_t outbox_close_code(const struct outbox *o);      /* 0 while open */
const char *outbox_close_reason(const struct outbox *o); /* NULL while open */

#endif
