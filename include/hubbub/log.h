/* Structured log lines on standard error: logfmt or JSON, one write(2) a line.
 *
 *   log_info("listening", LOG_STR("address", "[::]:8080"), LOG_INT("connections", 16000));
 *
 * Any thread; never called for each message of a client. The message is a fixed text, what varies
 * goes into fields, so that lines can be searched and counted. */
#ifndef HUBBUB_LOG_H
#define HUBBUB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LEVEL_TABLE(X) X(ERROR, "error") X(WARN, "warn") X(INFO, "info") X(DEBUG, "debug")
enum log_level {
#define X(name, text) LOG_##name,
    LOG_LEVEL_TABLE(X)
#undef X
};
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
    const char *key; /* NULL: no field */
    const char *str; /* the value, or NULL for num */
    int64_t num;
};
#define LOG_STR(k, v) \
    {                 \
        (k), (v), 0   \
    }
#define LOG_INT(k, v)           \
    {                           \
        (k), NULL, (int64_t)(v) \
    }

/* May be called again at any time: the next line obeys. */
void log_configure(enum log_level level, enum log_format format);

/* True for the first who asks, and to one more every ten seconds: for what a client can bring about as often as it likes.
 * *next: atomic, 0 at first; of the place that would say it. */
bool log_seldom(int64_t *next);

void log_write(enum log_level level, const char *message, const struct log_field *fields, int n);

/* The empty first field lets the list of fields be empty. */
#define LOG_AT_(level, message, ...)                                                      \
    log_write(level, message, (const struct log_field[]){{NULL, NULL, 0}, ##__VA_ARGS__}, \
              (int)(sizeof((const struct log_field[]){{NULL, NULL, 0}, ##__VA_ARGS__}) /  \
                    sizeof(struct log_field)))
#define log_error(message, ...) LOG_AT_(LOG_ERROR, message, ##__VA_ARGS__)
#define log_warn(message, ...) LOG_AT_(LOG_WARN, message, ##__VA_ARGS__)
#define log_info(message, ...) LOG_AT_(LOG_INFO, message, ##__VA_ARGS__)
#define log_debug(message, ...) LOG_AT_(LOG_DEBUG, message, ##__VA_ARGS__)

#endif
