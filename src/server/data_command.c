/* `hubbub backup`, `hubbub export` and `hubbub erase`: see the texts of their --help.
 *
 * Main thread of a process of its own. They ask the database, not the server, which doesn't notice the first two and
 * must not be running for the third. */
#include "server/data_command.h"

#include "server/command.h"

#include <errno.h>
#include <hubbub/archive.h>
#include <hubbub/buf.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/protocol.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HELP_DATA                                                                                 \
    "  --data DIR            the server's data directory (./hubbub-data)\n"                       \
    "  --store WHERE         the server's --store, if it is not sqlite; better in HUBBUB_STORE\n" \
    "  --config FILE         the server's configuration, to learn both from\n"                    \
    "  --help                print this, then exit\n\n"

static const char backup_help[] =
    "Usage: hubbub backup FILE [--data DIR] [--store WHERE] [--config FILE]\n\n"
    "Copies the database of a server (rooms, ranks, bans, messages) into the new file FILE, as it\n"
    "is at one moment. The server goes on meanwhile. FILE is there whole or not at all. What is "
    "in\n"
    "PostgreSQL is for pg_dump.\n\n" HELP_DATA
    "A backup is three things. After FILE copy from the data directory what is not in it: files/\n"
    "(what people shared) and server.key (without it guests come back as others).\n\n"
    "To restore: stop the server, put FILE, named hubbub.db, into an empty directory, with files/\n"
    "and server.key beside it, and start a server with --data on that. Clients notice that it is\n"
    "an older state, and load what is there.\n";

static const char export_help[] =
    "Usage: hubbub export --room ROOM [--data DIR] [--store WHERE] [--config FILE]\n\n"
    "Prints what was said in a room and is kept, oldest first, one JSON object a line, with the\n"
    "names that messages have on the wire, and for each reaction who chose it. The server goes on\n"
    "meanwhile.\n\n"
    "  --room ROOM           the room, whether somebody is in it or not\n" HELP_DATA;

static const char erase_help[] =
    "Usage: hubbub erase --user ID [--data DIR] [--store WHERE] [--config FILE]\n\n"
    "Forgets a user, while no server is running: messages become deleted ones of nobody; "
    "reactions,\n"
    "mentions, read markers, ranks and invitations go; ledgers keep what happened, not to whom or "
    "by whom. The file\n"
    "(or, in PostgreSQL, each table) is written anew, so that nothing is left in it. What keeps "
    "the\n"
    "user out stays in force: bans, mutes and banned addresses keep the id; lift them first to be\n"
    "rid of that, too. Backups that were made before are as they were, and so are the logs of\n"
    "PostgreSQL until it writes over them.\n\n"
    "  --user ID             the id, not the name (/members?room=lobby shows both)\n" HELP_DATA;

/* ---- in common ----------------------------------------------------------------------------------- */

static bool set_name(const char *command, const char **to, const char *option, const char *value)
{
    *to = value;
    return text_is_name(value, strlen(value)) ||
           command_refuse(
               command, "%s: 1 to 64 bytes, without control characters or white space at the ends",
               option);
}

/* COMMAND_RUN, or the exit status. */
static int find_data(struct command *command, int argc, char **argv, const char **wanted,
                     const char *what, struct config *c)
{
    int status = command_read(command, argc, argv);
    if (status == COMMAND_RUN && *wanted == NULL) {
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

/* ---- backup -------------------------------------------------------------------------------------- */

int backup_command(int argc, char **argv)
{
    const char *file = NULL;
    struct command command = {
        .name = "backup", .of_data = true, .help = backup_help, .operand = &file};
    struct config c;
    char why[512];
    uint64_t bytes = 0;
    int status = find_data(&command, argc, argv, &file, "the file must be named", &c);
    if (status != COMMAND_RUN)
        return status;
    if (config_database(&c) != NULL) {
        command_refuse("backup",
                       "it is in PostgreSQL: use pg_dump, which makes a copy while the server "
                       "runs, then copy files/, files.origin and server.key of --data");
        config_free(&c);
        return 1;
    }
    int err = archive_backup(c.data, file, &bytes, why, sizeof why);
    if (err != 0)
        command_refuse("backup", "%s", why);
    else
        fprintf(stderr,
                "hubbub backup: %s has %" PRIu64
                " bytes; not in it, so copy them beside it: %s/files/ and %s/server.key\n",
                file, bytes, c.data, c.data);
    config_free(&c);
    return err == 0 ? 0 : 1;
}

/* ---- export -------------------------------------------------------------------------------------- */

struct shown {
    const char *room;
    struct buf line;
};

static void add_text(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, ",\"%s\":", key);
    protocol_quote(b, text, strlen(text));
}

static void add_number(struct buf *b, const char *key, int64_t number)
{
    buf_printf(b, ",\"%s\":%" PRId64, key, number);
}

/* Those of one emoji together, in the order in which the first of each came. */
static void add_reactions(struct buf *b, const struct archived *a)
{
    const char *separator = ",\"reactions\":[";
    for (size_t i = 0; i < a->n; i++) {
        const char *emoji = a->reactions[i].emoji;
        size_t first = 0;
        while (strcmp(a->reactions[first].emoji, emoji) != 0)
            first++;
        if (first < i)
            continue;
        buf_printf(b, "%s{\"emoji\":", separator);
        protocol_quote(b, emoji, strlen(emoji));
        separator = ",\"users\":[";
        for (size_t k = i; k < a->n; k++)
            if (strcmp(a->reactions[k].emoji, emoji) == 0) {
                buf_add_str(b, separator);
                protocol_quote(b, a->reactions[k].user_id, strlen(a->reactions[k].user_id));
                separator = ",";
            }
        buf_add_str(b, "]}");
    }
    if (a->n > 0)
        buf_add_char(b, ']');
}

static int show(void *arg, const struct archived *a)
{
    struct shown *s = arg;
    const struct message *m = a->message;
    struct buf *b = &s->line;
    buf_clear(b);
    buf_add_str(b, "{\"room\":");
    protocol_quote(b, s->room, strlen(s->room));
    add_number(b, "seq", (int64_t)m->seq);
    add_number(b, "ts", m->ts);
    add_text(b, "userId", m->user_id);
    add_text(b, "username", m->username);
    if (m->id[0] != '\0')
        add_text(b, "id", m->id);
    buf_printf(b, ",\"content\":%s", m->content);
    if (m->reply_to != 0)
        add_number(b, "replyTo", (int64_t)m->reply_to);
    if (m->edited_ts != 0)
        add_number(b, "editedTs", m->edited_ts);
    if (m->deleted)
        buf_add_str(b, ",\"deleted\":true");
    if (m->taken_back)
        buf_add_str(b, ",\"takenBack\":true");
    encode_message_files(b, m->deleted ? "" : m->files);
    encode_message_mentions(b, m->deleted ? "" : m->mentions);
    add_reactions(b, a);
    buf_add_str(b, "}\n");
    return fwrite(b->data, 1, b->len, stdout) == b->len ? 0 : ERR_CLOSED;
}

static bool set_room(void *order, const char *option, const char *value)
{
    return strcmp(option, "--room") == 0 ? set_name("export", order, option, value)
                                         : command_no_such("export", option);
}

int export_command(int argc, char **argv)
{
    struct shown s = {.line = BUF_INIT};
    struct command command = {
        .name = "export", .of_data = true, .help = export_help, .set = set_room, .order = &s.room};
    struct config c;
    char why[512];
    int status = find_data(&command, argc, argv, &s.room, "--room must say which", &c);
    if (status != COMMAND_RUN)
        return status;
    int err = archive_export(c.data, config_database(&c), s.room, show, &s, why, sizeof why);
    if (err == 0 && fflush(stdout) != 0)
        err = ERR_CLOSED;
    if (err == ERR_CLOSED)
        command_refuse("export", "cannot write: %s", strerror(errno));
    else if (err != 0)
        command_refuse("export", "%s", why);
    buf_fini(&s.line);
    config_free(&c);
    return err == 0 ? 0 : 1;
}

/* ---- erase --------------------------------------------------------------------------------------- */

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
    if (e->files > 0) {
        fputs(start, stderr);
        tell(e->files, "file", "files", "\n");
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
    return strcmp(option, "--user") == 0 ? set_name("erase", order, option, value)
                                         : command_no_such("erase", option);
}

int erase_command(int argc, char **argv)
{
    const char *user = NULL;
    struct command command = {
        .name = "erase", .of_data = true, .help = erase_help, .set = set_user, .order = &user};
    struct config c;
    struct erased erased;
    char why[512];
    int status = find_data(&command, argc, argv, &user, "--user must say whom", &c);
    if (status != COMMAND_RUN)
        return status;
    log_configure(LOG_WARN,
                  LOG_LOGFMT); /* it does what a server does at its start, and that tells of it */
    int err = archive_erase(c.data, config_database(&c), user, &erased, why, sizeof why);
    if (err == 0)
        tell_erased(&erased);
    else
        command_refuse("erase", "%s%s", why, err == ERR_AGAIN ? ": stop it first" : "");
    config_free(&c);
    return err == 0 ? 0 : 1;
}
