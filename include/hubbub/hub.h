/* The hub: one thread that owns sessions, users, rooms and their order.
 *
 * Everything that changes them is an event in its inbox and is done there, one after the other; that
 * nobody else writes is what makes the rest simple. It never waits for disk, network or a client, but
 * for the bounded wait of outbox_post() when this machine is short of CPU. What has to outlive the server
 * is posted to the store, and confirmed to whoever asked when it is on the disk. */
#ifndef HUBBUB_HUB_H
#define HUBBUB_HUB_H

#include <hubbub/directory.h>
#include <hubbub/event.h>
#include <hubbub/protocol.h>
#include <hubbub/relay.h>
#include <hubbub/settings.h>
#include <hubbub/store.h>
#include <stdint.h>

struct hub_config {
    uint32_t inbox;             /* events waiting at most */
    struct relay *relay;        /* kicked after every batch */
    struct store *store;        /* opened, not started; NULL: nothing is kept */
    struct settings settings;   /* copied */
    const char *node, *version; /* for the welcome; static */
    size_t max_message;         /* bytes; for the welcome, as max_file and ping_period */
    uint64_t max_file;          /* bytes; 0: there are no files */
    uint32_t send_queue;        /* messages that may wait for one member */
    int64_t ping_period;        /* ns */
};

struct hub;
struct asker;

struct hub *hub_new(const struct hub_config *config);
/* Makes the kept rooms from the store. Before hub_start(); ERR_SYSTEM when the store can't be read. */
int hub_load(struct hub *h);
/* Starts the store's thread, too. 0, or ERR_LIMIT: no room for a thread. */
int hub_start(struct hub *h);

/* Gives an event to the hub, waiting for room in the inbox until the deadline; *e is NULL afterwards,
 * whatever the result. 0, ERR_CLOSED, ERR_FULL or ERR_TIMEOUT. */
int hub_post(struct hub *h, struct event **e, int64_t deadline);

/* Waits until everything this thread posted before has been done and put into outboxes. 0 or ERR_CLOSED. */
int hub_fence(struct hub *h);

/* May the hub lack something that is on a disk? Where it cannot, a request of a session may as well be posted: waiting
 * for the answer costs two switches of threads. Any thread. */
bool hub_may_lack(const struct hub *h);
/* Asks for something on behalf of a live session, waits until it is done, and reads from the disk meanwhile what the
 * hub lacks for it. Replies and errors go to the session's outbox. Any thread but the hub's that may block.
 * *request is consumed. 0 or ERR_CLOSED. */
int hub_ask(struct hub *h, struct session *s, struct request *request);
/* The same for REQUEST_HISTORY and REQUEST_SEARCH of somebody who need not be connected: appends the reply as the body
 * of a web response, or an error body. */
int hub_read(struct hub *h, const struct asker *asker, struct request *request, struct buf *answer);

/* Of files, which are uploaded and read over HTTP by whoever shows a token (`asker`), or the id of a live session, else
 * "". May they read this file, which the store knew when it had written so many changes (store_written()), of the room?
 * f NULL: may they say something there? PROBLEM_NONE, and who it is ("": nobody in particular). A file that no message has
 * said yet is its sender's alone. */
enum problem hub_admit(struct hub *h, const struct asker *asker, const char *session_id,
                       const char *room, const struct file *f, uint64_t written,
                       char user_id[NAME_MAX_BYTES + 1]);
/* A file is there, whole. Waits until the disk knows it; then it can be said. Appends the body of the answer, or of an
 * error. 0 or ERR_CLOSED. */
int hub_uploaded(struct hub *h, const struct asker *asker, const char *session_id,
                 const struct file *f, struct buf *answer);

/* Posts a CALL on behalf of the session with this id and waits for the answer, the JSON text of which
 * is appended to `answer`. *request is consumed. 0 or ERR_CLOSED. */
int hub_call(struct hub *h, const char *session_id, struct request *request, struct buf *answer);

/* Whom the names behind each `@` of a message may mean: for the hub, which knows who is there. Any thread. */
void mentions_guess(const struct directory *d, const char *room, struct request *message);

const struct directory *hub_directory(const struct hub *h);
uint32_t hub_max_per_room(const struct hub *h); /* as it is set now; any thread */

/* Every session must be unregistered. Drains the inbox and the store, ends both threads. */
void hub_stop(struct hub *h);
void hub_free(struct hub *h);

#endif
