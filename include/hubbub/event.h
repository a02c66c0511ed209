/* An event: what a reader, a web request or the server tells the hub. The item of the hub's inbox. */
#ifndef HUBBUB_EVENT_H
#define HUBBUB_EVENT_H

#include <hubbub/request.h>
#include <hubbub/settings.h>
#include <stdbool.h>
#include <stdint.h>

struct errand;
struct session;
struct change;

/* X(name): one handler each in src/hub. */
#define EVENT_TABLE(X)                                                               \
    X(REGISTER)   /* a connection is there: session */                               \
    X(UNREGISTER) /* it is gone: session; the hub lets go of its outbox */           \
    X(REQUEST)    /* what a client asks for: session, request */                     \
    X(CALL)       /* the same from a web request: session_id, request, errand */     \
    X(READ)       /* a page or a search, by who need not be here: request, errand */ \
    X(ADMIT)      /* may somebody read a room, or say something there? errand */     \
    X(UPLOADED)   /* a file has come: errand */                                      \
    X(FENCE)      /* all before it has been done: errand */                          \
    X(STORED)     /* a change is back from the store: change, err */                 \
    X(SETTINGS)   /* new limits: settings */                                         \
    X(DRAIN)      /* the server stops: drain_ns */

enum event_type {
#define X(name) EVENT_##name,
    EVENT_TABLE(X)
#undef X
        EVENT_COUNT
};

enum { SESSION_ID_MAX = 32 };

struct event {
    enum event_type type;
    struct session *session;             /* borrowed: it lives until its UNREGISTER is done */
    char session_id[SESSION_ID_MAX + 1]; /* CALL: looked up by the hub */
    struct errand *errand;               /* who waits for it to be done; borrowed. NULL: nobody */
    struct request request;              /* owned */
    struct settings *settings;           /* owned */
    struct change *change;               /* its handler frees it */
    int err;                             /* STORED: 0, or why it isn't on the disk */
    int64_t drain_ns;
};

struct event *event_new(enum event_type type);
void event_free(struct event *e);

#endif
