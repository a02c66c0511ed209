/* The server: puts the parts together, runs them, and takes them apart in reverse order. */
#ifndef HUBBUB_SERVER_H
#define HUBBUB_SERVER_H

#include <hubbub/config.h>

/* Runs until SIGTERM or SIGINT and returns the exit status. argc and argv are read again on SIGHUP. */
int server_run(const struct config *config, int argc, char **argv);

/* --check: tries keys, data directory and addresses, prints the configuration and what this machine carries.
 * Returns the exit status, 1 when one of those is in the way of a start, said on standard error. */
int server_check(const struct config *config);

#endif
