/* What the subcommands share: see command.h. */
#include "server/command.h"

#include <hubbub/archive.h>
#include <hubbub/text.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool command_refuse(const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "hubbub %s: ", name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

bool command_no_such(const char *name, const char *option)
{
    return command_refuse(name, "%s: no such option, see hubbub %s --help", option, name);
}

static bool set(struct command *c, const char *option, char *value)
{
    if (strcmp(option, "--data") == 0)
        c->data = value;
    else if (strcmp(option, "--config") == 0)
        c->config = value;
    else if (strcmp(option, "--store") == 0 && c->of_data)
        c->store = value;
    else
        return c->set != NULL ? c->set(c->order, option, value) : command_no_such(c->name, option);
    return true;
}

static bool set_operand(struct command *c, const char *word)
{
    if (c->operand == NULL || *c->operand != NULL)
        return command_refuse(c->name, "%s: want --name value, see hubbub %s --help", word,
                              c->name);
    *c->operand = word;
    return true;
}

/* One option with its value, as two words or as --name=value; *i moves past them. */
static bool read_word(struct command *c, int argc, char **argv, int *i)
{
    char option[32];
    char *word = argv[(*i)++], *equals = strchr(word, '=');
    if (strncmp(word, "--", 2) != 0)
        return set_operand(c, word);
    if (c->flag.option != NULL && strcmp(word, c->flag.option) == 0) {
        c->flag.given = true;
        return true;
    }
    if (equals == NULL && (*i == argc || config_is_option(argv[*i])))
        return command_refuse(c->name, "%s: wants a value, see hubbub %s --help", word, c->name);
    int n = equals != NULL ? (int)(equals - word) : (int)strlen(word);
    snprintf(option, sizeof option, "%.*s", n, word);
    return set(c, option, equals != NULL ? equals + 1 : argv[(*i)++]);
}

int command_read(struct command *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(c->help, stdout);
            return 0;
        }
    for (int i = 1; i < argc;)
        if (!read_word(c, argc, argv, &i))
            return CONFIG_EXIT_USAGE;
    return COMMAND_RUN;
}

int command_config(const struct command *c, struct config *out)
{
    char program[] = "hubbub", config[] = "--config", data[] = "--data", store[] = "--store",
         err[512];
    char *argv[8] = {program};
    int argc = 1;
    if (c->config != NULL) {
        argv[argc++] = config;
        argv[argc++] = c->config;
    }
    if (c->data != NULL) {
        argv[argc++] = data;
        argv[argc++] = c->data;
    }
    if (c->store != NULL) {
        argv[argc++] = store;
        argv[argc++] = c->store;
    }
    if (config_load(out, argc, argv, err, sizeof err) == CONFIG_RUN)
        return COMMAND_RUN;
    command_refuse(c->name, "%s", err);
    return CONFIG_EXIT_USAGE;
}

/* ---- of the data ---------------------------------------------------------------------------------- */

bool command_set_name(const char *command, const char **to, const char *option, const char *value)
{
    *to = value;
    return text_is_name(value, strlen(value)) ||
           command_refuse(
               command, "%s: 1 to 64 bytes, without control characters or white space at the ends",
               option);
}

int command_find_data(struct command *command, int argc, char **argv, const char **wanted,
                      const char *what, struct config *c)
{
    int status = command_read(command, argc, argv);
    bool instead = command->flag.given && command->flag.alone;
    if (status == COMMAND_RUN && (*wanted == NULL) != instead) {
        command_refuse(command->name, "%s, see hubbub %s --help", what, command->name);
        status = CONFIG_EXIT_USAGE;
    }
    if (status == COMMAND_RUN)
        status = command_config(command, c);
    if (status == COMMAND_RUN && !config_keeps(c)) {
        command_refuse(command->name, "a server with --store memory keeps nothing");
        config_free(c);
        status = 1;
    }
    return status;
}

uint64_t command_waiting(const struct config *c)
{
    return config_database(c) == NULL ? 0 : archive_waiting(c->data);
}

/* Before and after: what came into the database meanwhile may be missing, too. */
void command_tell_waiting(const struct config *c, const char *command, uint64_t before)
{
    uint64_t after = command_waiting(c), n = after > before ? after : before;
    if (n > 0)
        command_refuse(command,
                       "not in this: %" PRIu64 " change%s waiting in %s/backlog.db for the database"
                       " (carried over when it is back)",
                       n, n == 1 ? "" : "s", c->data);
}
