/* Looks JSON over before cJSON gets it. Runs in reader threads, on their small stacks: no
 * recursion, no allocation, no blocking. */
#include "json.h"

#include <ctype.h>
#include <string.h>

/* One byte of each of eight, and the SWAR tests "a byte of w is zero" and "is less than n <= 128".
 */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HAS_ZERO(w) (((w)-EACH(1)) & ~(w)&EACH(0x80))
#define HAS_LESS(w, n) (((w)-EACH(n)) & ~(w)&EACH(0x80))

size_t json_plain_bytes(const char *s, size_t n)
{
    size_t i = 0;

    for (uint64_t w; i + 8 <= n; i += 8) {
        memcpy(&w, s + i, 8);
        if (HAS_LESS(w, 0x20) | HAS_ZERO(w ^ EACH('"')) | HAS_ZERO(w ^ EACH('\\')))
            break;
    }
    while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
        i++;
    return i;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The four digits of \uXXXX. cJSON takes those that are none for 0000, and a string with a NUL in
 * it for a shorter one. */
static enum problem scan_hex(const char *p, const char *end, const char **detail)
{
    bool zero = true;

    for (int i = 0; i < 4; i++, p++) {
        if (p == end || !isxdigit((unsigned char)*p)) {
            *detail = "\\u wants four hexadecimal digits";
            return PROBLEM_BAD_JSON;
        }
        zero = zero && *p == '0';
    }
    if (zero) {
        *detail = "a string may not hold NUL";
        return PROBLEM_BAD_REQUEST;
    }
    return PROBLEM_NONE;
}

/* Moves *at, which is behind the opening quote, behind the closing one. */
static enum problem scan_string(const char **at, const char *end, const char **detail)
{
    const char *p = *at;
    enum problem problem;

    for (;;) {
        p += json_plain_bytes(p, (size_t)(end - p));
        if (p == end) {
            *detail = "a string does not end";
            return PROBLEM_BAD_JSON;
        }
        if (*p == '"') {
            *at = p + 1;
            return PROBLEM_NONE;
        }
        if (*p != '\\') {
            *detail = "a string holds a control character that is not escaped";
            return PROBLEM_BAD_JSON;
        }
        if (end - p < 2) {
            p = end;
            continue;
        }
        if (p[1] == 'u' && (problem = scan_hex(p + 2, end, detail)) != PROBLEM_NONE)
            return problem;
        p += 2;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Moves *at over digits; false when there is none. */
static bool scan_digits(const char **at, const char *end)
{
    const char *start = *at;

    while (*at < end && is_digit(**at))
        ++*at;
    return *at > start;
}

/* Moves *at over a number as RFC 8259 section 6 has it. cJSON asks strtod(), which takes more. */
static bool scan_number(const char **at, const char *end)
{
    const char *p = *at, *whole;

    if (p < end && *p == '-')
        p++;
    whole = p;
    if (!scan_digits(&p, end) || (*whole == '0' && p - whole > 1))
        return false;
    if (p < end && *p == '.' && (++p, !scan_digits(&p, end)))
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (!scan_digits(&p, end))
            return false;
    }
    *at = p;
    return true;
}

enum problem json_scan_within(const char *s, size_t n, const struct json_bounds *bounds,
                              const char **detail)
{
    const char *p = s, *end = s + n;
    unsigned depth = 0, values = 0;

    *detail = NULL;
    if (!text_is_utf8(s, n)) {
        *detail = "this is not UTF-8";
        return PROBLEM_BAD_JSON;
    }
    while (p < end && is_space(*p))
        p++;
    if (p == end || !*p || !strchr(bounds->openers, *p))
        return PROBLEM_BAD_JSON;

    do {
        char c = *p++;
        if (c == '"') {
            enum problem problem = scan_string(&p, end, detail);
            if (problem)
                return problem;
        } else if (c == '{' || c == '[') {
            values++;
            if (++depth > bounds->depth)
                return PROBLEM_TOO_DEEP;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',') {
            values++;
        } else if (c == '-' || is_digit(c)) {
            p--;
            if (!scan_number(&p, end)) {
                *detail = "a number is malformed";
                return PROBLEM_BAD_JSON;
            }
        } else if ((unsigned char)c < 0x20 && !is_space(c)) {
            return PROBLEM_BAD_JSON;
        }
    } while (depth > 0 && p < end);

    while (p < end && is_space(*p))
        p++;
    if (depth > 0 || p < end) {
        *detail = depth > 0 ? "the object does not end" : "there is something behind the object";
        return PROBLEM_BAD_JSON;
    }
    if (values > bounds->values) {
        *detail = "too many values";
        return PROBLEM_BAD_REQUEST;
    }
    return PROBLEM_NONE;
}

enum problem json_scan(const char *s, size_t n, const char **detail)
{
    static const struct json_bounds request = {"{", PROTOCOL_MAX_DEPTH, PROTOCOL_MAX_VALUES};

    return json_scan_within(s, n, &request, detail);
}
