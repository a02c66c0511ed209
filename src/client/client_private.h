/* What the files of client/ share. */
#ifndef CLIENT_PRIVATE_H
#define CLIENT_PRIVATE_H

#include <hubbub/address.h>
#include <hubbub/client.h>
#include <hubbub/outbox.h>
#include <hubbub/protocol.h>
#include <hubbub/room.h>
#include <netinet/in.h>
#include <pthread.h>

/* Close codes: PROTOCOL.md. */
enum {
    GOING_NOWHERE = 1001,
    TRY_AGAIN_LATER = 1013,
    UNAUTHENTICATED = 4001,
    BANNED_FROM_SERVER = 4003,
    PONG_TIMEOUT = 4008,
    TOO_MANY_CONNECTIONS = 4010,
    SLOW_PEER = 4013,
    FLOODING = 4029,
};

struct clients {
    /* set once */
    struct clients_config config; /* but its limits, which may be reloaded */
    struct limits *limits;
    struct network *trusted; /* proxies */
    size_t ntrusted;

    uint32_t sessions; /* atomic: upgrades admitted and not yet over */
    bool refusing;     /* atomic */

    pthread_mutex_t mu;
    pthread_cond_t changed; /* count or sessions went down */
    /* under mu */
    struct client *first; /* all connections, from accept to the end of the reader */
    uint32_t count;
};

struct client {
    uint32_t magic;
    uint32_t refs; /* atomic: one for the reader, one for the session */
    struct clients *all;
    int fd; /* reader, until conn_open() takes it */
    char peer[INET6_ADDRSTRLEN];

    struct client *next, *prev; /* under all->mu */
    struct conn *conn; /* set by the reader under all->mu; others may use it under that mutex,
                                 * and the writer, which ends before the connection is freed */

    /* reader only; those up to bad_room are set during the upgrade */
    bool admitted;
    bool echo;
    char address
        [ADDRESS_TEXT]; /* who is at the other end, "" on a Unix socket; proxies looked through */
    bool local;         /* that is on this machine */
    char *token;        /* came with the upgrade, until it is checked; or NULL */
    char username[NAME_MAX_BYTES + 1]; /* wished for, or "" */
    char room[NAME_MAX_BYTES + 1];     /* to join first, or "" */
    bool bad_room;                     /* asked for one whose name is none */
    enum dialect dialect;
    struct visit visit; /* while there is a session */
    struct session *session;
    bool unfenced; /* something was posted that the hub may not have done yet */

    int64_t expires_ms; /* atomic: when its token does, ms since 1970; 0: never */

    /* the writer's */
    struct parker parker;
    struct outbox outbox;
    bool has_outbox; /* reader */
    bool ended;      /* atomic: the reader has seen the end of the connection */
    bool stuck;      /* of whoever carries the task: the socket was full, not gone */
    struct rcu_head rcu;
};

#define CLIENT_MAGIC 0xc11e4743u

/* clients.c: drops a reference; the last one frees. */
void client_unref(void *client);
/* Who asks: the peer, or who is behind it when it is a trusted proxy. */
void find_address(struct client *c, const struct http_request *request);
/* reader.c */
void reader_main(void *client);
/* enter.c: who it is, and may it come in? Then it has a session. */
void client_enter(struct client *c);
void client_leave(struct client *c);
/* request.c: one message of the client. */
void handle_message(struct client *c, const struct conn_message *m);
void enter_first_room(struct client *c);
/* answer.c: frames from the reader itself. Texts are taken; id and room may be NULL. */
void answer(struct client *c, struct buf *text);
void answer_error(struct client *c, enum problem problem, const char *detail, const char *id,
                  const char *room, unsigned retry_after);
/* The same, and the last that it hears: nothing more of it is listened to. */
void throw_out(struct client *c, enum problem problem, const char *detail, unsigned retry_after,
               uint16_t code, const char *reason);
bool is_thrown_out(const struct client *c);
unsigned whole_seconds(int64_t ns); /* rounded up */
/* writer.c */
void writer_main(void *client);
bool writer_carry(struct relay_task *t); /* relay_run_fn */

#endif
