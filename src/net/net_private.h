/* What the files of net/ share. */
#ifndef NET_PRIVATE_H
#define NET_PRIVATE_H

#include <hubbub/buf.h>
#include <hubbub/net.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <pthread.h>

enum {
    BATCH_BYTES = 65536, /* the largest single write, and what a shard gathers for one */
    READ_BYTES = 2048,   /* the library reads at most this much at once and keeps a buffer of it per
                          * connection: larger costs memory, smaller costs reads */
};

/* One context of the library and the mutex that every call into it needs. */
struct shard {
    pthread_mutex_t mu;
    struct lws_context *context; /* under mu, like all that belongs to it */
    struct lws_vhost *vhost;
    unsigned char *batch; /* where writes of several pieces are put together */
};

struct net {
    struct net_config config;
    unsigned next_shard; /* atomic */
    struct shard shards[];
};

struct conn {
    uint32_t magic;
    /* set once */
    struct net *net;
    struct shard *shard;
    int fd;
    void *user;
    char peer[INET6_ADDRSTRLEN];

    /* under the shard's mutex */
    struct lws *wsi; /* NULL when the connection has ended */
    bool websocket;
    bool refusing;     /* no more output: a close frame is on its way, or came */
    bool close_sent;   /* by conn_close() */
    bool peer_closing; /* its close frame came; answered later, so that what it said before is dealt
                            * with first */
    bool killing;      /* it is to end at once */
    bool failing;      /* the library ends it, for a reason of its own or of ours */
    bool half_closed;  /* no more output will come, and the peer knows */
    bool mask_checked; /* the first frame has been looked at */
    bool mask_waits;   /* only half of its header is here */
    int64_t kill_at;   /* while refusing: when the reader gives up on the peer */
    unsigned got;      /* enum conn_event bits since the last conn_wait() */
    struct http_request request;
    bool request_open;  /* request is waiting for its answer */
    bool body_whole;    /* all of its body has come; for one that streams */
    bool answered;      /* a request has been */
    bool held_over;     /* what the library looks at now may have come before that */
    struct buf partial; /* the beginning of a fragmented message */
    struct buf arrived; /* complete messages, each with its struct arrived_head before it */
    char subprotocol[32];

    int64_t last_pong; /* atomic */

    size_t next; /* reader only: offset of the next message in arrived */
};

/* Precedes every message in conn.arrived. */
struct arrived_head {
    uint32_t len;
    uint32_t binary;
};

#define CONN_MAGIC 0xc0887c10u

/* conn.c, with the shard held */
void conn_begin_end(struct conn *c); /* no more output; the reader gives up after the close wait */
/* Writes a close frame and nothing after it. */
void conn_write_close(struct conn *c, uint16_t code, const char *reason);

/* shard.c: the library's callback. */
int shard_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t len);

/* http_io.c, all with the shard held. */
void http_request_read(struct http_request *r, struct lws *wsi);
int http_response_write(struct lws *wsi, const struct http_response *r);

/* conn.c, for its reader, holding the shard's mutex. */
void conn_end_locked(struct conn *c);
void conn_service_locked(struct conn *c, short revents);
void conn_go_on_locked(
    struct conn *c); /* a request has been answered: the next may already be here */

#endif
