/*
 * A PostgreSQL server of a test's own: in a temporary directory, on a socket there, gone when the test is.
 */
#ifndef HUBBUB_TEST_PG_STAGE_H
#define HUBBUB_TEST_PG_STAGE_H

#include <stdint.h>

struct pg_stage;

/* Makes a cluster and starts its server. As root: by the user postgres or, failing that, nobody. */
struct pg_stage *pg_stage_start(void);
/* Stops the server, if it runs, and removes all. */
void pg_stage_stop(struct pg_stage *p);

/* The server alone, at once as in a crash; and again. */
void pg_stage_kill(struct pg_stage *p);
void pg_stage_again(struct pg_stage *p);
/* It stands still with all its connections, as a network that is dead; and goes on. */
void pg_stage_freeze(struct pg_stage *p, int frozen);

/* The address of a new, empty database; the caller frees. */
char *pg_stage_database(struct pg_stage *p);

/* Drops it; frees url. */
void pg_stage_drop(struct pg_stage *p, char *url);

/* By a connection of its own: the first value of a query; SQL that must not fail. */
int64_t pg_stage_number(const char *url, const char *query);
void pg_stage_run(const char *url, const char *sql);

#endif
