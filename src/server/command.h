/* What the subcommands (`hubbub token` and its like) share: options as words, complaints in one line, and where the
 * server's data is. Main thread of a process of its own. */
#ifndef SERVER_COMMAND_H
#define SERVER_COMMAND_H

#include <hubbub/config.h>
#include <stdbool.h>
#include <stdint.h>

enum { COMMAND_RUN = -1 }; /* no exit status: go on */

/* Sets one option of the command itself, --data, --config and --store left out. False after a complaint. */
typedef bool command_set_fn(void *order, const char *option, const char *value);

/* An option without a value. */
struct command_flag {
    const char *option; /* "--list"; NULL: there is none */
    bool given;
    bool alone; /* it stands instead of what the command wants otherwise */
};

struct command {
    const char *name, *help;
    struct command_flag flag;
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

/* ---- of the data ---------------------------------------------------------------------------------- */

#define COMMAND_HELP_DATA                                                                         \
    "  --data DIR            the server's data directory (./hubbub-data)\n"                       \
    "  --store WHERE         the server's --store, if it is not sqlite; better in HUBBUB_STORE\n" \
    "  --config FILE         the server's configuration, to learn both from\n"                    \
    "  --help                print this, then exit\n\n"

/* A name or an id, as everywhere. False after a complaint. */
bool command_set_name(const char *command, const char **to, const char *option, const char *value);
/* Both of the above, for a command that wants one word more (`what` says so) and data to look at. COMMAND_RUN, or the exit
 * status. */
int command_find_data(struct command *command, int argc, char **argv, const char **wanted,
                      const char *what, struct config *c);

/* How many changes wait for PostgreSQL: asked before, and told after, with those of now. */
uint64_t command_waiting(const struct config *c);
void command_tell_waiting(const struct config *c, const char *command, uint64_t before);

#endif
