/* What the subcommands (`hubbub token` and its like) share: options as words, complaints in one line, and where the
 * server's data is. Main thread of a process of its own. */
#ifndef SERVER_COMMAND_H
#define SERVER_COMMAND_H

#include <hubbub/config.h>
#include <stdbool.h>

enum { COMMAND_RUN = -1 }; /* no exit status: go on */

/* Sets one option of the command itself, --data, --config and --store left out. False after a complaint. */
typedef bool command_set_fn(void *order, const char *option, const char *value);

struct command {
    const char *name, *help;
    command_set_fn *set;
    void *order;
    const char **operand; /* the one word that is no option goes here; NULL: none is wanted */
    bool of_data;         /* there is --store, too */
    char *data, *config, *store;
};

/* "hubbub NAME: …" on standard error. Returns false. */
bool command_refuse(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool command_no_such(const char *name, const char *option);

/* Reads argv, of which the first is the name. COMMAND_RUN, or the exit status: --help was printed, or something is
 * wrong. */
int command_read(struct command *c, int argc, char **argv);

/* The server's configuration, as far as it says where its data is. COMMAND_RUN, or the exit status. */
int command_config(const struct command *c, struct config *out);

#endif
