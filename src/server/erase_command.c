/* `hubbub erase`: see the text of its --help.
 *
 * Main thread of a process of its own. It asks the database, not the server, which must not be running. */
#include "server/data_command.h"

#include "server/command.h"

#include <hubbub/archive.h>
#include <hubbub/buf.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char erase_help[] =
    "Usage: hubbub erase --user ID [--dry-run] [--data DIR] [--store WHERE] [--config FILE]\n\n"
    "Forgets a user, while no server is running: messages become deleted ones of nobody; "
    "reactions,\n"
    "mentions, read markers, ranks and invitations go; ledgers keep what happened, not to whom or "
    "by whom. The file\n"
    "(or, in PostgreSQL, each table) is written anew, so that nothing is left in it. What keeps "
    "the\n"
    "user out stays in force: bans, mutes and banned addresses keep the id; lift them first to be\n"
    "rid of that, too. Backups that were made before are as they were, and so are the logs of\n"
    "PostgreSQL until it writes over them.\n\n"
    "  --user ID             the id, not the name. Of a name it says which ids have had it in\n"
    "                        messages, ranks, bans, ledgers and conversations (read markers,\n"
    "                        reactions and invitations have ids alone); an export and, of who is\n"
    "                        there, /members?room=lobby show both\n"
    "  --dry-run             only say what would be erased; the server may be "
    "running\n" COMMAND_HELP_DATA;

/* A number and what it is of, and what comes then. */
static void tell(uint64_t n, const char *one, const char *many, const char *then)
{
    fprintf(stderr, "%" PRIu64 " %s%s", n, n == 1 ? one : many, then);
}

static void tell_erased(const struct erased *e)
{
    static const char start[] = "hubbub erase: ";
    fputs(start, stderr);
    tell(e->messages, "message", "messages", ", ");
    tell(e->reactions, "reaction", "reactions", ", ");
    tell(e->ranks, "rank", "ranks", ", ");
    tell(e->ledger, "name in ledgers", "names in ledgers", "\n");
    if (e->mentions + e->marks > 0) {
        fputs(start, stderr);
        tell(e->mentions, "mention", "mentions", ", ");
        tell(e->marks, "read marker", "read markers", "\n");
    }
    if (e->files + e->received > 0) {
        fputs(start, stderr);
        tell(e->files, "file", "files", ", ");
        tell(e->received, "reaction of others to the messages",
             "reactions of others to the messages", "\n");
    }
    if (e->invites + e->blocks > 0) {
        fputs(start, stderr);
        tell(e->invites, "invitation", "invitations", ", ");
        tell(e->blocks, "block", "blocks", "\n");
    }
    if (e->pairs > 0) {
        fputs(start, stderr);
        tell(e->pairs, "conversation stays with the other", "conversations stay with the others",
             ", without the name\n");
    }
    if (e->given > 0) {
        fputs(start, stderr);
        tell(e->given, "ban, mute or invitation by the user stays",
             "bans, mutes and invitations by the user stay", ", by nobody\n");
    }
    if (e->sanctions > 0) {
        fputs(start, stderr);
        tell(e->sanctions, "ban or mute stays in force", "bans and mutes stay in force",
             ", by the id alone\n");
    }
    if (e->ownerless > 0) {
        fputs(start, stderr);
        tell(e->ownerless, "room has", "rooms have",
             " no owner any more: an operator (--admin) can make one\n");
    }
}

static bool set_user(void *order, const char *option, const char *value)
{
    return strcmp(option, "--user") == 0 ? command_set_name("erase", order, option, value)
                                         : command_no_such("erase", option);
}

enum { NAMES_SHOWN = 5 };

struct called {
    struct buf text;
    size_t n;
};

static int add_name(void *arg, const struct archived_name *a)
{
    struct called *c = arg;
    char day[16] = "";
    time_t s = (time_t)(a->ts / 1000);
    struct tm tm;
    if (c->n++ == NAMES_SHOWN) {
        buf_add_str(&c->text, " and others");
        return ERR_FULL;
    }
    strftime(day, sizeof day, "%F", gmtime_r(&s, &tm));
    buf_printf(&c->text, "%s %s (%" PRIu64 " message%s%s%s)", c->n > 1 ? "," : "", a->user_id,
               a->messages, a->messages == 1 ? "" : "s", a->ts > 0 ? ", last seen " : "",
               a->ts > 0 ? day : "");
    return 0;
}

/* 0: nobody was ever called so, as far as is kept; negative: there is no telling. */
static int tell_called(const struct config *c, const char *name)
{
    struct called called = {.text = BUF_INIT};
    char why[512];
    int err = archive_names(c->data, config_database(c), name, add_name, &called, why, sizeof why);
    if (called.n > 0)
        command_refuse("erase", "'%s' is a name, and --user wants the id:%s", name,
                       called.text.data);
    buf_fini(&called.text);
    return called.n > 0 ? 1 : err;
}

/* What has no name beside the id is not found by one. */
static const char no_name[] = ", and nobody of that name said anything, had a rank, or is in a "
                              "ledger or a conversation; read "
                              "markers, reactions and invitations are kept by id alone";

static int erase_or_count(const struct config *c, const char *user, bool dry)
{
    struct erased erased;
    char why[512], other[512];
    const char *url = config_database(c);
    int err = dry ? archive_count(c->data, url, user, &erased, why, sizeof why)
                  : archive_erase(c->data, url, user, &erased, why, sizeof why);
    /* A name is told at once, not when the server has been stopped for it. */
    bool none = err == ERR_NOTFOUND ||
                (err == ERR_AGAIN &&
                 archive_count(c->data, url, user, &erased, other, sizeof other) == ERR_NOTFOUND);
    int called = none ? tell_called(c, user) : -1;
    if (called > 0)
        return CONFIG_EXIT_USAGE;
    if (err != 0) {
        command_refuse("erase", "%s%s", why,
                       err == ERR_AGAIN ? ": stop it first"
                       : called == 0    ? no_name
                                        : "");
        return 1;
    }
    if (dry)
        fputs("hubbub erase: nothing is erased yet; without --dry-run it would be:\n", stderr);
    tell_erased(&erased);
    return 0;
}

int erase_command(int argc, char **argv)
{
    const char *user = NULL;
    struct command command = {.name = "erase",
                              .of_data = true,
                              .help = erase_help,
                              .flag = {.option = "--dry-run"},
                              .set = set_user,
                              .order = &user};
    struct config c;
    int status = command_find_data(&command, argc, argv, &user, "--user must say whom", &c);
    if (status != COMMAND_RUN)
        return status;
    log_configure(LOG_WARN,
                  LOG_LOGFMT); /* it does what a server does at its start, and that tells of it */
    uint64_t waiting = command_waiting(&c);
    status = erase_or_count(&c, user, command.flag.given);
    if (command.flag.given)
        command_tell_waiting(&c, "erase", waiting);
    config_free(&c);
    return status;
}
