/* A connection to PostgreSQL with deadlines. libpq's own calls that wait have none once it is connected, and a network
 * that is dead says nothing: so all here is asynchronous below, and poll(2) waits. */
#include "store/postgres_link.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libpq likes to say more in further lines. */
static void first_line(char *to, size_t space, const char *text)
{
    snprintf(to, space, "%.*s", (int)strcspn(text, "\n"), text);
}

static int broken(struct link *l)
{
    first_line(l->error, sizeof l->error, PQerrorMessage(l->conn));
    l->state[0] = '\0';
    return ERR_SYSTEM;
}

static int silent(struct link *l)
{
    snprintf(l->error, sizeof l->error, "the database does not answer");
    l->state[0] = '\0';
    link_close(l);
    return ERR_SYSTEM;
}

int link_blame(struct link *l, const PGresult *res)
{
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY),
               *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    first_line(l->error, sizeof l->error, text != NULL ? text : PQresultErrorMessage(res));
    snprintf(l->state, sizeof l->state, "%s", state != NULL ? state : "");
    return ERR_SYSTEM;
}

bool link_alive(const struct link *l)
{
    return l->conn != NULL && PQstatus(l->conn) == CONNECTION_OK;
}

bool link_still_there(struct link *l)
{
    return link_alive(l) && PQconsumeInput(l->conn) == 1 && link_alive(l);
}

/* ---- addresses ----------------------------------------------------------------------------------- */

/* libpq quotes the whole of an address that it cannot read, password and all. */
int link_check(const char *url, char *why, size_t space)
{
    char *said = NULL;
    PQconninfoOption *parts = PQconninfoParse(url, &said);
    if (parts == NULL)
        snprintf(why, space, "%.*s",
                 said != NULL && strstr(said, "://") == NULL ? (int)strcspn(said, "\n") : 200,
                 said != NULL && strstr(said, "://") == NULL
                     ? said
                     : "want postgres://user:password@host:port/database");
    PQfreemem(said);
    PQconninfoFree(parts);
    return parts != NULL ? 0 : ERR_INVALID;
}

void link_describe(const struct link *l, char *to, size_t space)
{
    snprintf(to, space, "postgres://%s@%s:%s/%s", PQuser(l->conn), PQhost(l->conn), PQport(l->conn),
             PQdb(l->conn));
}

/* ---- connecting ---------------------------------------------------------------------------------- */

/* What the address itself says is stronger, being last. */
void link_begin(struct link *l, const char *url)
{
    static const char *const names[] = {
        "fallback_application_name", "client_encoding",  "keepalives_idle", "keepalives_interval",
        "keepalives_count",          "tcp_user_timeout", "dbname",          NULL};
    const char *const values[] = {"hubbub", "UTF8", "20", "5", "3", "20000", url, NULL};
    link_close(l);
    l->conn = PQconnectStartParams(names, values, 1);
    INSIST(l->conn != NULL);
}

int link_poll(struct link *l)
{
    if (PQstatus(l->conn) == CONNECTION_BAD)
        return broken(l);
    /* libpq wants to be called when its socket is ready, and not before. */
    struct pollfd p = {.fd = PQsocket(l->conn), .events = POLLIN | POLLOUT};
    if (p.fd >= 0 && poll(&p, 1, 0) == 0)
        return ERR_AGAIN;
    switch (PQconnectPoll(l->conn)) {
    case PGRES_POLLING_OK: PQsetnonblocking(l->conn, 1); return 0;
    case PGRES_POLLING_FAILED: return broken(l);
    default: return ERR_AGAIN;
    }
}

int link_open(struct link *l, const char *url)
{
    int64_t deadline = clock_now() + CONNECT_MS * NS_PER_MS;
    int err;
    link_begin(l, url);
    while ((err = link_poll(l)) == ERR_AGAIN) {
        if (clock_now() > deadline)
            return silent(l);
        nanosleep(&(struct timespec){.tv_nsec = 2 * NS_PER_MS}, NULL);
    }
    return err;
}

void link_close(struct link *l)
{
    PQfinish(l->conn);
    l->conn = NULL;
}

/* ---- asking -------------------------------------------------------------------------------------- */

int link_wait(struct link *l, int64_t deadline)
{
    if (l->conn == NULL)
        return ERR_SYSTEM;
    int more = PQflush(l->conn);
    if (more < 0)
        return broken(l);
    struct pollfd p = {.fd = PQsocket(l->conn), .events = POLLIN};
    if (more > 0)
        p.events |= POLLOUT;
    int n = poll(&p, 1, clock_poll_ms(deadline));
    if (n == 0)
        return silent(l);
    if (n > 0 && p.revents & ~POLLOUT && PQconsumeInput(l->conn) == 0)
        return broken(l);
    return 0;
}

PGresult *link_next(struct link *l, int *err)
{
    int64_t ms = l->silence_ms > 0 ? l->silence_ms : SILENCE_MS,
            deadline = clock_now() + ms * NS_PER_MS;
    *err = 0;
    while (l->conn == NULL || PQisBusy(l->conn))
        if ((*err = link_wait(l, deadline)) != 0)
            return NULL;
    return PQgetResult(l->conn);
}

/* The last result of what was sent, if all went well. */
static PGresult *collect(struct link *l, int sent)
{
    PGresult *res, *last = NULL;
    int err = sent == 1 ? 0 : broken(l);
    bool failed = err != 0;
    while (err == 0 && (res = link_next(l, &err)) != NULL) {
        PQclear(last);
        last = res;
        if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK) {
            failed = true;
            link_blame(l, res);
        }
    }
    if (failed || err != 0) {
        PQclear(last);
        return NULL;
    }
    return last;
}

PGresult *link_ask(struct link *l, const char *sql, int n, const char *const *params)
{
    if (l->conn == NULL)
        return NULL;
    return collect(l, n == 0 ? PQsendQuery(l->conn, sql)
                             : PQsendQueryParams(l->conn, sql, n, NULL, params, NULL, NULL, 0));
}

PGresult *link_ask_prepared(struct link *l, const char *name, int n, const char *const *params)
{
    if (l->conn == NULL)
        return NULL;
    return collect(l, PQsendQueryPrepared(l->conn, name, n, params, NULL, NULL, 0));
}

int link_run(struct link *l, const char *sql)
{
    PGresult *res = link_ask(l, sql, 0, NULL);
    PQclear(res);
    return res != NULL ? 0 : ERR_SYSTEM;
}

int link_prepare(struct link *l, const char *name, const char *sql)
{
    PGresult *res = l->conn == NULL ? NULL : collect(l, PQsendPrepare(l->conn, name, sql, 0, NULL));
    PQclear(res);
    return res != NULL ? 0 : ERR_SYSTEM;
}
