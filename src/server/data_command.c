/* `hubbub backup` and `hubbub export`: see the texts of their --help.
 *
 * Main thread of a process of its own. They ask the database, not the server, which doesn't notice. */
#include "server/data_command.h"

#include "server/command.h"

#include <errno.h>
#include <hubbub/archive.h>
#include <hubbub/buf.h>
#include <hubbub/err.h>
#include <hubbub/protocol.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char backup_help[] =
    "Usage: hubbub backup FILE [--data DIR] [--store WHERE] [--config FILE]\n\n"
    "Copies the database of a server (rooms, ranks, bans, messages) into the new file FILE, as it\n"
    "is at one moment. The server goes on meanwhile. FILE is there whole or not at all. What is "
    "in\n"
    "PostgreSQL is for pg_dump.\n\n" COMMAND_HELP_DATA
    "A backup is three things. After FILE copy from the data directory what is not in it: files/\n"
    "(what people shared) and server.key (without it guests come back as others).\n\n"
    "To restore: stop the server, put FILE, named hubbub.db, into an empty directory, with files/\n"
    "and server.key beside it, and start a server with --data on that. Clients notice that it is\n"
    "an older state, and load what is there.\n";

static const char export_help[] =
    "Usage: hubbub export --room ROOM [--data DIR] [--store WHERE] [--config FILE]\n"
    "       hubbub export --list [--data DIR] [--store WHERE] [--config FILE]\n\n"
    "Prints what was said in a room and is kept, oldest first, one JSON object a line, with the\n"
    "names that messages have on the wire, and for each reaction who chose it. The server goes on\n"
    "meanwhile. What waits on the server's disk for a PostgreSQL that is away is not in it; when\n"
    "something does, standard error says so.\n\n"
    "  --room ROOM           the room, whether somebody is in it or not\n"
    "  --list                which rooms there are, one JSON object a line, conversations of two\n"
    "                        among them: first and last (seq), firstTs and lastTs (ms since "
    "1970),\n"
    "                        where something is left\n" COMMAND_HELP_DATA;

/* ---- backup -------------------------------------------------------------------------------------- */

int backup_command(int argc, char **argv)
{
    const char *file = NULL;
    struct command command = {
        .name = "backup", .of_data = true, .help = backup_help, .operand = &file};
    struct config c;
    char why[512];
    uint64_t bytes = 0;
    int status = command_find_data(&command, argc, argv, &file, "the file must be named", &c);
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
    return strcmp(option, "--room") == 0 ? command_set_name("export", order, option, value)
                                         : command_no_such("export", option);
}

/* Gathered, so that whoever reads slowly keeps nobody from tidying up. */
static int add_log(void *arg, const struct archived_log *l)
{
    struct buf *b = arg;
    buf_add_str(b, "{\"room\":");
    protocol_quote(b, l->room, strlen(l->room));
    if (l->last > 0) {
        add_number(b, "first", (int64_t)l->first);
        add_number(b, "last", (int64_t)l->last);
        add_number(b, "firstTs", l->first_ts);
        add_number(b, "lastTs", l->last_ts);
    }
    buf_add_str(b, "}\n");
    return 0;
}

static int list_logs(const struct config *c, struct buf *b, char *why, size_t space)
{
    int err = archive_list(c->data, config_database(c), add_log, b, why, space);
    if (err != 0 || b->len == 0)
        return err;
    return fwrite(b->data, 1, b->len, stdout) == b->len ? 0 : ERR_CLOSED;
}

int export_command(int argc, char **argv)
{
    struct shown s = {.line = BUF_INIT};
    struct command command = {.name = "export",
                              .of_data = true,
                              .help = export_help,
                              .flag = {.option = "--list", .alone = true},
                              .set = set_room,
                              .order = &s.room};
    struct config c;
    char why[512];
    int status = command_find_data(&command, argc, argv, &s.room,
                                   "--room must say which, or --list stand alone", &c);
    if (status != COMMAND_RUN)
        return status;
    uint64_t waiting = command_waiting(&c);
    int err = command.flag.given
                  ? list_logs(&c, &s.line, why, sizeof why)
                  : archive_export(c.data, config_database(&c), s.room, show, &s, why, sizeof why);
    if (err == 0 && fflush(stdout) != 0)
        err = ERR_CLOSED;
    if (err == ERR_CLOSED)
        command_refuse("export", "cannot write: %s", strerror(errno));
    else if (err != 0)
        command_refuse("export", "%s", why);
    else
        command_tell_waiting(&c, "export", waiting);
    buf_fini(&s.line);
    config_free(&c);
    return err == 0 ? 0 : 1;
}
