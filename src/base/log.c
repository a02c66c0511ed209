/* Log lines: built in a buffer on the stack, written with one write(2), so that lines of different
 * threads never mix. Too long a line is cut. */
#include <hubbub/clock.h>
#include <hubbub/log.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level current_level = LOG_INFO;
static enum log_format current_format = LOG_LOGFMT;

static const char *const level_names[] = {
#define X(name, text) text,
    LOG_LEVEL_TABLE(X)
#undef X
};

struct line {
    char text[1024];
    size_t len;
};

void log_configure(enum log_level level, enum log_format format)
{
    __atomic_store_n(&current_level, level, __ATOMIC_RELAXED);
    __atomic_store_n(&current_format, format, __ATOMIC_RELAXED);
}

static void __attribute__((format(printf, 2, 3))) add(struct line *l, const char *fmt, ...)
{
    size_t left = sizeof l->text - 1 - l->len; /* room for the newline */
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->text + l->len, left, fmt, ap);
    va_end(ap);
    if (n > 0)
        l->len += (size_t)n < left ? (size_t)n : left - 1;
}

/* Both formats quote alike: what is not printable becomes an escape, so a name that a client chose
 * cannot start a line of its own. */
static void add_quoted(struct line *l, const char *s)
{
    add(l, "\"");
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            add(l, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            add(l, "\\u%04x", c);
        else
            add(l, "%c", c);
    }
    add(l, "\"");
}

static bool is_bare_word(const char *s)
{
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++)
        if ((unsigned char)*s <= 0x20 || *s == '"' || *s == '=' || *s == '\\' || *s == 0x7f)
            return false;
    return true;
}

static void add_field(struct line *l, enum log_format format, const char *key, const char *str,
                      int64_t num)
{
    if (format == LOG_JSON)
        add(l, "%s\"%s\":", l->len > 1 ? "," : "", key);
    else
        add(l, "%s%s=", l->len > 0 ? " " : "", key);
    if (str == NULL)
        add(l, "%lld", (long long)num);
    else if (format == LOG_LOGFMT && is_bare_word(str))
        add(l, "%s", str);
    else
        add_quoted(l, str);
}

bool log_seldom(int64_t *next)
{
    int64_t now = clock_now(), then = __atomic_load_n(next, __ATOMIC_RELAXED);
    return now >= then && __atomic_compare_exchange_n(next, &then, now + 10 * NS_PER_S, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, int n)
{
    if (level > __atomic_load_n(&current_level, __ATOMIC_RELAXED))
        return;
    enum log_format format = __atomic_load_n(&current_format, __ATOMIC_RELAXED);

    int64_t ms = clock_wall_ms();
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    char when[40];
    size_t at = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(when + at, sizeof when - at, ".%03dZ", (int)(ms % 1000));

    struct line l = {.len = 0};
    if (format == LOG_JSON)
        add(&l, "{");
    add_field(&l, format, "ts", when, 0);
    add_field(&l, format, "level", level_names[level], 0);
    add_field(&l, format, "msg", message, 0);
    for (int i = 0; i < n; i++)
        if (fields[i].key != NULL)
            add_field(&l, format, fields[i].key, fields[i].str, fields[i].num);
    if (format == LOG_JSON)
        add(&l, "}");
    l.text[l.len++] = '\n';
    ssize_t done = write(STDERR_FILENO, l.text, l.len);
    (void)done; /* there is nowhere to report a failing log to */
}
