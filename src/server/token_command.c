/* `hubbub token`: lets whoever may read the server's own key say who somebody is, and what they may enter.
 * A running server takes such tokens at once: it has the same key.
 *
 * Main thread of a process of its own; reads the configuration and the key, or makes the key. */
#include "server/token_command.h"

#include "server/command.h"
#include "server/options.h"

#include <errno.h>
#include <hubbub/clock.h>
#include <hubbub/identity.h>
#include <hubbub/mem.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: hubbub token --user ID [--name NAME] [--room ROOM[:ROLE]]... [--expires TIME]\n"
    "                    [--data DIR | --config FILE]\n\n"
    "Prints a token by which somebody is let in as that user, signed with the server's own key.\n"
    "Servers take it with --auth token or both: /ws?token=…, Authorization: Bearer …, or the "
    "cookie\n"
    "hubbub_session. The key is made if there is none yet; a running server needs no restart.\n"
    "The token alone goes to standard output; standard error says which key has signed it.\n\n"
    "  --user ID             who it is: 1 to 64 bytes, not as guests are called (g and 16 hex "
    "digits)\n"
    "  --name NAME           what they are called in rooms (as --user)\n"
    "  --room ROOM[:ROLE]    a room that it opens, with at least this role there: guest, member,\n"
    "                        moderator or admin (guest), but not owner; * stands for every room;\n"
    "                        may be repeated; none given: all rooms, as everybody\n"
    "  --expires TIME        how long it is good: 90s, 30m or 12h, a bare number means seconds,\n"
    "                        up to ten years; 0 = for ever (1h)\n"
    "  --data DIR            the server's data directory (./hubbub-data)\n"
    "  --config FILE         the server's configuration, to learn --data from\n"
    "  --help                print this, then exit\n\n"
    "Defaults are in (brackets).\n";

/* What was asked for. */
struct order {
    const char *user, *name;
    int64_t expires_ns;
    struct grants *grants;
};

/* How long it may be good for, in the words of any other option. */
static const struct option_row expires_row = {.name = "expires",
                                              .type = OPTION_TIME,
                                              .field = offsetof(struct config, drain_ns),
                                              .min = 0,
                                              .max = INT64_C(10) * 366 * 86400 * NS_PER_S};

#define refuse(...) command_refuse("token", __VA_ARGS__)

/* ---- what was asked for -------------------------------------------------------------------------- */

static bool add_room(struct order *o, const char *text)
{
    const char *colon = strrchr(text, ':');
    int rank = colon != NULL ? rank_from_name(colon + 1) : RANK_GUEST;
    size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text), have;
    if (rank < 0 || rank > RANK_ADMIN)
        return refuse("--room: '%s' is no role, want guest, member, moderator or admin", colon + 1);
    if (!text_is_name(text, n))
        return refuse("--room: '%.*s' is no room name", (int)n, text);
    have = o->grants != NULL ? o->grants->n : 0;
    if (have == GRANTS_MAX)
        return refuse("--room: no more than %d rooms", GRANTS_MAX);
    o->grants = xrealloc(o->grants, sizeof *o->grants + (have + 1) * sizeof o->grants->grant[0]);
    o->grants->n = have + 1;
    struct grant *g = &o->grants->grant[have];
    text_copy(g->room, sizeof g->room, text, n);
    g->rank = (enum rank)rank;
    return true;
}

static bool set_expires(struct order *o, const char *text)
{
    struct config scratch;
    char why[200];
    if (option_set(&expires_row, &scratch, text, why, sizeof why) != NULL)
        return refuse("--expires: %s", why);
    o->expires_ns = scratch.drain_ns;
    return o->expires_ns == 0 || o->expires_ns >= NS_PER_S ||
           refuse("--expires: want at least 1s, or 0 for ever");
}

static bool set_name(const char **to, const char *option, const char *text)
{
    *to = text;
    return text_is_name(text, strlen(text)) ||
           refuse("%s: 1 to 64 bytes, without control characters or white space at the ends",
                  option);
}

static bool set_user(struct order *o, const char *text)
{
    return set_name(&o->user, "--user", text) &&
           (!text_is_guest_id(text) ||
            refuse("--user: '%s' is how the server calls its guests, who bring their own tokens",
                   text));
}

static bool set(void *order, const char *option, const char *value)
{
    struct order *o = order;
    if (strcmp(option, "--user") == 0)
        return set_user(o, value);
    if (strcmp(option, "--name") == 0)
        return set_name(&o->name, "--name", value);
    if (strcmp(option, "--room") == 0)
        return add_room(o, value);
    if (strcmp(option, "--expires") == 0)
        return set_expires(o, value);
    return command_no_such("token", option);
}

/* ---- the token ----------------------------------------------------------------------------------- */

/* A key in the wrong place is a token that no server takes, so the place is said. */
static void tell_key(const struct identities *i, const char *directory)
{
    char path[PATH_MAX];
    const char *whole = realpath(directory, path) != NULL ? path : directory;
    if (identities_made_key(i))
        fprintf(stderr,
                "hubbub token: there was no key in %s, a new one was made: only a server with "
                "--data %s takes this token\n",
                whole, whole);
    else
        fprintf(stderr, "hubbub token: signed with the key in %s\n", whole);
}

static bool print_token(const struct order *o, const struct config *c)
{
    char why[512];
    if (!config_keeps(c))
        return refuse("a server with --store memory keeps no key: nobody else can sign for it");
    if (c->auth == AUTH_GUEST)
        return refuse("a server with --auth guest lets nobody in by a token");
    struct identities *i =
        identities_new(&(struct identity_config){.directory = c->data}, why, sizeof why);
    if (i == NULL)
        return refuse("%s", why);
    char *token = identities_make_token(i, o->user, o->name, o->grants, o->expires_ns / NS_PER_S);
    bool good = token != NULL || refuse("the token would be too long: give it fewer rooms");
    if (good && (puts(token) == EOF || fflush(stdout) != 0))
        good = refuse("cannot write the token: %s", strerror(errno));
    if (good)
        tell_key(i, c->data);
    free(token);
    identities_free(i);
    return good;
}

int token_command(int argc, char **argv)
{
    struct order o = {.expires_ns = 3600 * NS_PER_S};
    struct command command = {.name = "token", .help = help, .set = set, .order = &o};
    struct config c;
    int status = command_read(&command, argc, argv);
    if (status == COMMAND_RUN && o.user == NULL) {
        refuse("--user must say who it is for, see hubbub token --help");
        status = CONFIG_EXIT_USAGE;
    }
    if (status == COMMAND_RUN && (status = command_config(&command, &c)) == COMMAND_RUN) {
        status = print_token(&o, &c) ? 0 : 1;
        config_free(&c);
    }
    free(o.grants);
    return status;
}
