/* What the files of client/ share. */
#ifndef CLIENT_PRIVATE_H
#define CLIENT_PRIVATE_H

#include <hubbub/client.h>
#include <hubbub/outbox.h>
#include <hubbub/room.h>
#include <netinet/in.h>
#include <pthread.h>

struct clients {
    struct clients_config config; /* set once */
    uint32_t sessions;            /* atomic: upgrades admitted and not yet over */
    bool refusing;                /* atomic */

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

    /* reader only; admitted, echo, username and room are set during the upgrade */
    bool admitted;
    bool echo;
    char username[NAME_MAX_BYTES + 1];
    char room[NAME_MAX_BYTES + 1]; /* to join first, or "" */
    bool bad_room;                 /* asked for one whose name is none */
    struct session *session;
    bool unfenced; /* something was posted that the hub may not have done yet */

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
/* reader.c */
void reader_main(void *client);
/* request.c: one message of the client; false ends the connection. */
void handle_message(struct client *c, const struct conn_message *m);
void enter_first_room(struct client *c);
/* writer.c */
void writer_main(void *client);
bool writer_carry(struct relay_task *t); /* relay_run_fn */

#endif
