/*
 * The configuration in words: as an ini file (--check) and as help (--help).
 *
 * Runs on the main thread; writes to the given stream, so it blocks as that does.
 */
#include <hubbub/config.h>

#include <limits.h>
#include <string.h>

#include "server/options.h"

enum { HELP_WIDTH = 88, HELP_COLUMN = 30 };

static void print_heading(const struct option_row *row, const char *format, FILE *out)
{
    if (row == options || strcmp(row->group, row[-1].group) != 0)
        fprintf(out, format, row->group);
}

/* What makes an option count for nothing; NULL: it counts. */
static const char *unused_because(const struct option_row *row, const struct config *c)
{
    if (strcmp(row->name, "port") == 0 && c->listen.n > 0)
        return "there is listen";
    if (row->for_disk && !config_keeps(c))
        return "store is memory";
    return NULL;
}

void config_print(const struct config *c, FILE *out)
{
    char text[PATH_MAX];

    for (const struct option_row *row = options; row->name != NULL; row++) {
        // Where it was read from is not part of it.
        if (row->type == OPTION_ACTION || strcmp(row->name, "config") == 0)
            continue;
        print_heading(row, row == options ? "# %s\n" : "\n# %s\n", out);
        size_t n = unused_because(row, c) != NULL ? 0 : option_texts(row, c);
        if (unused_because(row, c) != NULL)
            fprintf(out, "# %s is not used: %s\n", row->name, unused_because(row, c));
        else if (n == 0)
            fprintf(out, "# %s is not set\n", row->name);
        for (size_t i = 0; i < n; i++)
            fprintf(out, "%s = %s\n", row->name, option_text(row, c, i, text, sizeof(text)));
    }
}

/* Writes words from HELP_COLUMN on, wrapped before HELP_WIDTH; `at` is where the line stands. */
static void print_wrapped(const char *text, int at, FILE *out)
{
    while (*text != '\0') {
        int n = (int)strcspn(text, " ");
        if (at + 1 + n > HELP_WIDTH) {
            fputc('\n', out);
            at = 0;
        }
        int gap = at < HELP_COLUMN ? HELP_COLUMN - at : 1;
        at += fprintf(out, "%*s%.*s", gap, "", n, text);
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_option(const struct option_row *row, FILE *out)
{
    char text[600];
    const char *value = row->choices != NULL ? row->choices : row->value;
    int at = fprintf(out, "  --%s%s%s", row->type == OPTION_FLAG ? "[no-]" : "", row->name,
                     value != NULL ? " " : "");
    at += fprintf(out, "%s", value != NULL ? value : "");
    if (at >= HELP_COLUMN) {
        fputc('\n', out);
        at = 0;
    }
    snprintf(text, sizeof(text), "%s%s%s%s%s", row->help, row->initial != NULL ? " (" : "",
             row->initial != NULL ? row->initial : "", row->initial != NULL ? ")" : "",
             row->reloadable ? " *" : "");
    print_wrapped(text, at, out);
}

void config_help(FILE *out)
{
    fprintf(out,
            "hubbub %s: a multi-room WebSocket chat server\n\n"
            "Usage: hubbub [--name value | --name=value | --flag | --no-flag]...\n"
            "       hubbub token --user ID ...    makes a token\n"
            "       hubbub backup FILE ...        copies the data while the server runs\n"
            "       hubbub export --room ROOM ... shows what was said in a room, as JSON lines\n"
            "       hubbub erase --user ID ...    forgets somebody\n"
            "       (each of these has a --help of its own)\n\n"
            "Every option can also be set in the environment (HUBBUB_MAX_PER_ROOM=100) or in a\n"
            "file (--config; lines such as max-per-room = 100). The command line is stronger than\n"
            "the environment, the environment than the file.\n"
            "TIME is 500ms, 54s, 2m, 1h or 30d, a bare number means seconds. BYTES may end in K, "
            "M, G.\n"
            "A value that begins with -- is given as --name=value.\n"
            "Defaults are in (brackets). Options with a * are read again on SIGHUP.\n",
            HUBBUB_VERSION);
    for (const struct option_row *row = options; row->name != NULL; row++) {
        print_heading(row, "\n%s\n", out);
        print_option(row, out);
    }
}
