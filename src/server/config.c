/*
 * Loading the configuration from its sources, weak to strong: defaults, file, environment, command
 * line. The first thing that is wrong ends it, with one line that names where it stands.
 *
 * Runs on the main thread, at start and on SIGHUP; reads a file, so it blocks.
 * What an option is and how its value reads: options.h. What fits together: config_together.h.
 * Printing: config_print.c.
 */
#include <hubbub/config.h>

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hubbub/buf.h>
#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>

#include "server/config_together.h"
#include "server/options.h"

enum { MAX_OPTIONS = 96 };

/* One load in progress. */
struct loader {
    struct config *c;
    char *err;
    size_t errlen;
    bool failed;
    enum config_source now;              /* being read */
    enum config_source set[MAX_OPTIONS]; /* what set each option last */
    int at[MAX_OPTIONS];                 /* the line of the file that did */

    /* the file being read */
    FILE *file;
    const char *path;
    int line, section; /* section: the line of the last one's name */
};

/* Writes the one line that the user will see; the first error is the one that is kept. */
__attribute__((format(printf, 2, 3))) static void fail(struct loader *l, const char *format, ...)
{
    if (l->failed)
        return;
    l->failed = true;
    va_list args;
    va_start(args, format);
    vsnprintf(l->err, l->errlen, format, args);
    va_end(args);
}

/* `where` names the source for the user: "--port", "HUBBUB_PORT", "chat.ini:3: port". */
static void set(struct loader *l, const struct option_row *row, const char *where, const char *text)
{
    char why[512];
    size_t i = (size_t)(row - options);

    INSIST(i < MAX_OPTIONS);
    if (row->type == OPTION_LIST && l->set[i] < l->now)
        option_clear(row, l->c); // replaces what a weaker source said
    l->set[i] = l->now;
    l->at[i] = l->line;
    if (option_set(row, l->c, text, why, sizeof(why)) != NULL)
        fail(l, "%s: %s", where, why);
}

/* `like` is the name that may have been meant, as it is written in this source, or "". */
static void fail_unknown(struct loader *l, const char *where, const char *like)
{
    if (like[0] != '\0')
        fail(l, "%s: no such option, did you mean %s?", where, like);
    else
        fail(l, "%s: no such option, see hubbub --help", where);
}

/* ---- defaults ------------------------------------------------------------------------------------ */

static void load_defaults(struct loader *l)
{
    for (const struct option_row *row = options; row->name != NULL; row++)
        if (row->initial != NULL)
            set(l, row, row->name, row->initial);
}

/* ---- file ---------------------------------------------------------------------------------------- */

/* inih's view of the file. It has no word for lines longer than its buffer, so they stop here. */
static char *read_line(char *buffer, int space, void *stream)
{
    struct loader *l = stream;
    if (l->failed || fgets(buffer, space, l->file) == NULL)
        return NULL;
    l->line++;
    if (buffer[strspn(buffer, " \t")] == '[')
        l->section = l->line;
    if (strchr(buffer, '\n') == NULL && !feof(l->file)) {
        fail(l, "%s:%d: longer than %d bytes; a list may be given on several lines", l->path,
             l->line, space - 2);
        return NULL;
    }
    return buffer;
}

static int on_entry(void *user, const char *section, const char *name, const char *value)
{
    struct loader *l = user;
    char where[PATH_MAX + 300];

    snprintf(where, sizeof(where), "%s:%d: %s", l->path, l->line, name);
    const struct option_row *row = option_find(name, strlen(name));
    const char *like = option_suggest(name, strlen(name));
    if (section[0] != '\0')
        fail(l, "%s:%d: no sections here, but there is [%s]", l->path, l->section, section);
    else if (row == NULL)
        fail_unknown(l, where, like != NULL ? like : "");
    else if (row->type == OPTION_ACTION || strcmp(name, "config") == 0)
        fail(l, "%s: only on the command line", where);
    else
        set(l, row, where, value);
    return !l->failed;
}

static void load_file(struct loader *l, const char *path)
{
    l->path = path;
    l->file = fopen(path, "re");
    if (l->file == NULL) {
        fail(l, "--config: cannot read %s: %s", path, strerror(errno));
        return;
    }
    int bad_line = ini_parse_stream(read_line, l, on_entry, l);
    if (bad_line != 0)
        fail(l, "%s:%d: want name = value", path, bad_line);
    if (ferror(l->file))
        fail(l, "--config: cannot read %s: %s", path, strerror(errno));
    fclose(l->file);
}

/* ---- environment --------------------------------------------------------------------------------- */

static const char variables[] = "HUBBUB_";

/* "MAX_PER_ROOM=5" gives "max-per-room"; returns its length, 0 when it does not fit. */
static size_t option_of_variable(const char *variable, char *name, size_t space)
{
    size_t n = strcspn(variable, "=");
    if (n >= space)
        return 0;
    for (size_t i = 0; i < n; i++)
        name[i] = variable[i] == '_' ? '-' : (char)tolower((unsigned char)variable[i]);
    name[n] = '\0';
    return n;
}

static void fail_unknown_variable(struct loader *l, const char *where, const char *name, size_t n)
{
    char like[64] = "";
    const char *option = option_suggest(name, n);
    if (option != NULL)
        snprintf(like, sizeof(like), "%s%s", variables, option);
    for (char *p = like; *p != '\0'; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    fail_unknown(l, where, like);
}

static void load_environment(struct loader *l)
{
    for (char **e = environ; *e != NULL && !l->failed; e++) {
        char where[100], name[64];
        if (strncmp(*e, variables, sizeof(variables) - 1) != 0)
            continue;
        size_t n = option_of_variable(*e + sizeof(variables) - 1, name, sizeof(name));
        snprintf(where, sizeof(where), "%.*s", (int)strcspn(*e, "="), *e);
        const struct option_row *row = option_find(name, n);
        const char *value = strchr(*e, '=');
        if (row == NULL || value == NULL)
            fail_unknown_variable(l, where, name, n);
        else if (row->type == OPTION_ACTION)
            fail(l, "%s: only on the command line", where);
        else if (strcmp(row->name, "config") != 0) // was taken before the file was read
            set(l, row, where, value + 1);
    }
}

/* ---- command line -------------------------------------------------------------------------------- */

/* One word of the command line, taken apart. */
struct argument {
    const struct option_row *row;
    const char *value; /* NULL: none was given */
    char where[80];    /* "--port" */
};

/* A value that begins so is given as --name=value. */
bool config_is_option(const char *word)
{
    return strncmp(word, "--", 2) == 0 && word[2] != '\0';
}

/* Reads argv[*i] and, where the option takes one, its value; *i moves past both. */
static bool next_argument(struct loader *l, int argc, char **argv, int *i, struct argument *a)
{
    const char *word = argv[(*i)++];
    if (strcmp(word, "-h") == 0)
        word = "--help";
    else if (strcmp(word, "-V") == 0)
        word = "--version";
    if (!config_is_option(word)) {
        fail(l, "%s: want --name value, see hubbub --help", word);
        return false;
    }
    const char *name = word + 2;
    size_t n = strcspn(name, "=");
    snprintf(a->where, sizeof(a->where), "--%.*s", (int)n, name);
    a->value = name[n] == '=' ? name + n + 1 : NULL;
    a->row = option_find(name, n);

    if (a->row == NULL && strncmp(name, "no-", 3) == 0) {
        a->row = option_find(name + 3, n - 3);
        if (a->row != NULL && (a->row->type != OPTION_FLAG || a->value != NULL)) {
            fail(l, "%s: --no- is for flags without a value", a->where);
            return false;
        }
        a->value = "no";
    }
    if (a->row == NULL) {
        char like[64] = "";
        if (option_suggest(name, n) != NULL)
            snprintf(like, sizeof(like), "--%s", option_suggest(name, n));
        fail_unknown(l, a->where, like);
        return false;
    }
    if (a->row->type == OPTION_ACTION) {
        if (a->value != NULL)
            fail(l, "%s: takes no value", a->where);
    } else if (a->row->type == OPTION_FLAG) {
        a->value = a->value != NULL ? a->value : "yes";
    } else if (a->value == NULL) {
        if (*i < argc && !config_is_option(argv[*i]))
            a->value = argv[(*i)++];
        else
            fail(l, "%s: wants a value: %s %s", a->where, a->where,
                 a->row->value != NULL ? a->row->value : a->row->choices);
    }
    return !l->failed;
}

/*
 * Before anything else: which file, and which action. --help wins over whatever else is wrong after
 * it, as a user who asks for help may not get the rest right.
 */
static int scan_arguments(struct loader *l, int argc, char **argv, const char **path)
{
    int outcome = CONFIG_RUN;
    struct argument a;

    *path = getenv("HUBBUB_CONFIG");
    for (int i = 1; i < argc && next_argument(l, argc, argv, &i, &a);) {
        if (a.row->type == OPTION_ACTION) {
            outcome = (int)a.row->field;
            if (outcome == CONFIG_HELP || outcome == CONFIG_VERSION)
                return outcome;
        } else if (strcmp(a.row->name, "config") == 0) {
            *path = a.value;
        }
    }
    return l->failed ? CONFIG_ERROR : outcome;
}

static void load_arguments(struct loader *l, int argc, char **argv)
{
    struct argument a;
    for (int i = 1; i < argc && next_argument(l, argc, argv, &i, &a);)
        if (a.row->type != OPTION_ACTION)
            set(l, a.row, a.where, a.value);
}

/* ---- the whole ----------------------------------------------------------------------------------- */

static enum config_source source_of(const struct loader *l, const char *option)
{
    return l->set[option_find(option, strlen(option)) - options];
}

/* Does the text name the option, as "--name"? */
static bool names_option(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = text; (at = strstr(at, "--")) != NULL;) {
        at += 2;
        if (strncmp(at, name, n) == 0 && !isalnum((unsigned char)at[n]) && at[n] != '-')
            return true;
    }
    return false;
}

/* What is wrong, and where the options that it names stand in the file, as far as they do. */
static void fail_together(struct loader *l, const char *wrong)
{
    struct buf where = BUF_INIT;
    for (const struct option_row *row = options; row->name != NULL; row++) {
        size_t i = (size_t)(row - options);
        if (l->set[i] == SOURCE_FILE && l->at[i] > 0 && names_option(wrong, row->name))
            buf_printf(&where, "%s%s:%d: %s", where.len == 0 ? " (" : ", ", l->path, l->at[i],
                       row->name);
    }
    fail(l, "%s%s%s", wrong, where.len > 0 ? where.data : "", where.len > 0 ? ")" : "");
    buf_fini(&where);
}

static void check_together(struct loader *l)
{
    char why[512];
    struct config_sources from = {
        .port = source_of(l, "port"),
        .listen = source_of(l, "listen"),
        .store = source_of(l, "store"),
    };
    for (const struct option_row *row = options; row->name != NULL; row++) {
        if (row->for_disk && l->set[row - options] > from.disk) {
            from.disk = l->set[row - options];
            from.disk_option = row->name;
        }
    }
    const char *wrong = config_fits_together(l->c, &from, why, sizeof(why));
    if (wrong != NULL)
        fail_together(l, wrong);
}

static void name_node(struct config *c)
{
    char host[65] = "";
    if (c->node != NULL)
        return;
    gethostname(host, sizeof(host) - 1);
    c->node = xstrdup(host[0] != '\0' ? host : "hubbub");
}

int config_load(struct config *c, int argc, char **argv, char *err, size_t errlen)
{
    REQUIRE(c != NULL && err != NULL && errlen > 0);
    struct loader l = {.c = c, .err = err, .errlen = errlen};
    const char *path;

    memset(c, 0, sizeof(*c));
    int outcome = scan_arguments(&l, argc, argv, &path);
    if (outcome != CONFIG_RUN && outcome != CONFIG_CHECK)
        return outcome;

    load_defaults(&l);
    l.now = SOURCE_FILE;
    if (path != NULL && path[0] != '\0') {
        set(&l, option_find("config", strlen("config")), "--config", path);
        if (!l.failed)
            load_file(&l, path);
    }
    l.now = SOURCE_ENVIRONMENT;
    load_environment(&l);
    l.now = SOURCE_ARGUMENTS;
    if (!l.failed)
        load_arguments(&l, argc, argv);
    if (!l.failed)
        check_together(&l);
    if (l.failed) {
        config_free(c);
        return CONFIG_ERROR;
    }
    name_node(c);
    return outcome;
}

static void add_name(char *list, size_t space, const char *name)
{
    size_t n = strlen(list);
    snprintf(list + n, space - n, "%s%s", n > 0 ? ", " : "", name);
}

int config_reload(const struct config *old, struct config *fresh, int argc, char **argv, char *kept,
                  size_t keptlen, char *err, size_t errlen)
{
    REQUIRE(old != fresh && keptlen > 0);
    int outcome = config_load(fresh, argc, argv, err, errlen);
    if (outcome != CONFIG_RUN && outcome != CONFIG_CHECK)
        return ERR_INVALID;
    kept[0] = '\0';
    for (const struct option_row *row = options; row->name != NULL; row++) {
        if (row->reloadable || option_equal(row, old, fresh))
            continue;
        add_name(kept, keptlen, row->name);
        option_copy(row, fresh, old);
    }
    return 0;
}

void config_free(struct config *c)
{
    for (const struct option_row *row = options; row->name != NULL; row++)
        option_clear(row, c);
}
