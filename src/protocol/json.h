/* JSON at the level of bytes: what is done before cJSON sees a text and after it. Pure functions.
 */
#ifndef PROTOCOL_JSON_H
#define PROTOCOL_JSON_H

#include <hubbub/protocol.h>

/* How many of the first n bytes stand for themselves in a JSON string: up to the first quote,
 * backslash or control character. */
size_t json_plain_bytes(const char *s, size_t n);

/* What a text may be. */
struct json_bounds {
    const char *openers;    /* what it may begin with: "{", "[" or both */
    unsigned depth, values; /* objects and arrays inside each other; values in all */
};

/* Looks a text over before it is parsed, in one pass and without recursion: UTF-8, one object
 * (or list) and nothing behind it, within the bounds, no raw control characters, no NUL in a
 * string. What passes may still be no JSON, but is harmless to a recursive parser and to C
 * strings. Returns PROBLEM_NONE, or the problem and its *detail. */
enum problem json_scan_within(const char *s, size_t n, const struct json_bounds *bounds,
                              const char **detail);

/* The same for a request: an object, PROTOCOL_MAX_DEPTH, PROTOCOL_MAX_VALUES. */
enum problem json_scan(const char *s, size_t n, const char **detail);

#endif
