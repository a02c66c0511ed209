/* A connection to PostgreSQL on which nothing waits for ever. One thread at a time. */
#ifndef HUBBUB_STORE_POSTGRES_LINK_H
#define HUBBUB_STORE_POSTGRES_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    CONNECT_MS = 5000,   /* until somebody has let us in */
    STATEMENT_MS = 8000, /* the server gives up a statement */
    SILENCE_MS = 10000,  /* we give up a server that says nothing: it isn't there any more */
};

struct link {
    PGconn *conn;    /* NULL: there is none */
    char error[256]; /* what went wrong last, one line */
    char state[6];   /* its SQLSTATE, "" when it was the connection */
    int silence_ms;  /* how long the server may say nothing; 0: SILENCE_MS */
};

/* 0, or ERR_INVALID with `why`: libpq could make nothing of it. The password is not in it. */
int link_check(const char *url, char *why, size_t space);
/* "postgres://user@host:5432/db", for people. */
void link_describe(const struct link *l, char *to, size_t space);

/* Begins to connect; link_poll() goes on with it and never blocks (but for the name of the host): 0 when there is a
 * connection, ERR_AGAIN, ERR_SYSTEM. */
void link_begin(struct link *l, const char *url);
int link_poll(struct link *l);
/* Both, to the end. 0 or ERR_SYSTEM. */
int link_open(struct link *l, const char *url);
void link_close(struct link *l);

/* What the server says about a failure becomes the link's. Returns ERR_SYSTEM. */
int link_blame(struct link *l, const PGresult *res);
/* Is it what was asked that is wrong, and not the connection? */
bool link_alive(const struct link *l);
/* Of one that was idle: that it has ended may not be seen before it is used. */
bool link_still_there(struct link *l);

/* Sends what is to be sent and takes in what comes, until there is something to take or `deadline` passes; then the
 * connection is closed. 0 or ERR_SYSTEM. */
int link_wait(struct link *l, int64_t deadline);

/* Runs one statement, or several in one text without parameters. The result is the caller's; NULL: it failed. */
PGresult *link_ask(struct link *l, const char *sql, int n, const char *const *params);
/* The same of one that was prepared. */
PGresult *link_ask_prepared(struct link *l, const char *name, int n, const char *const *params);
int link_run(struct link *l, const char *sql); /* 0 or ERR_SYSTEM */
int link_prepare(struct link *l, const char *name, const char *sql);
/* The next result of what was sent: NULL and err 0 at its end. */
PGresult *link_next(struct link *l, int *err);

#endif
