/* hubbub: the command. */
#include "server/data_command.h"
#include "server/token_command.h"

#include <hubbub/config.h>
#include <hubbub/server.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} COMMANDS[] = {
    {"token", token_command},
    {"backup", backup_command},
    {"export", export_command},
    {"erase", erase_command},
};

int main(int argc, char **argv)
{
    struct config config;
    char err[512];
    int status = 0;
    for (size_t i = 0; argc > 1 && i < sizeof COMMANDS / sizeof COMMANDS[0]; i++)
        if (strcmp(argv[1], COMMANDS[i].name) == 0)
            return COMMANDS[i].run(argc - 1, argv + 1);
    switch (config_load(&config, argc, argv, err, sizeof err)) {
    case CONFIG_RUN:
        status = server_run(&config, argc, argv);
        config_free(&config);
        return status;
    case CONFIG_CHECK:
        status = server_check(&config);
        config_free(&config);
        return status;
    case CONFIG_HELP: config_help(stdout); return 0;
    case CONFIG_VERSION: printf("hubbub %s\n", HUBBUB_VERSION); return 0;
    default: fprintf(stderr, "hubbub: %s\n", err); return CONFIG_EXIT_USAGE;
    }
}
