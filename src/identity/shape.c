/* What a token looks like, before anything is believed or parsed: three parts of base64url, not too long,
 * JSON that nests no deeper than a reader's stack allows. libjwt's JSON parser recurses, its base64 skips
 * what it does not know, and it ends strings at a NUL, so all of that is settled here.
 *
 * Pure functions, any thread. */
#include "token.h"

#include <hubbub/mem.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Strings may hold any bracket. What is no JSON may be miscounted, but then libjwt stops no later. */
static bool nests_at_most(const char *s, size_t n, int most)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        if (quoted && s[i] == '\\')
            i++;
        else if (s[i] == '"')
            quoted = !quoted;
        else if (!quoted && (s[i] == '{' || s[i] == '['))
            depth++;
        else if (!quoted && (s[i] == '}' || s[i] == ']'))
            depth--;
        if (depth > most)
            return false;
    }
    return true;
}

/* One part as bytes; false when it is not base64url without padding, or empty. */
static bool decode(const char *part, size_t n, unsigned char *to, size_t *len)
{
    return n > 0 && sodium_base642bin(to, TOKEN_MAX, part, n, NULL, len, NULL,
                                      sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
}

static bool is_plain_json(const unsigned char *s, size_t n)
{
    return n > 0 && s[0] == '{' && memchr(s, '\0', n) == NULL && text_is_utf8((const char *)s, n) &&
           nests_at_most((const char *)s, n, PROTOCOL_MAX_DEPTH);
}

bool token_has_shape(const char *token)
{
    size_t n = strnlen(token, TOKEN_MAX + 1), len;
    if (n > TOKEN_MAX)
        return false;
    const char *dot = memchr(token, '.', n);
    const char *last = memrchr(token, '.', n);
    if (dot == NULL || dot == last)
        return false;
    unsigned char *bytes = xmalloc(TOKEN_MAX);
    bool good = decode(token, (size_t)(dot - token), bytes, &len) && is_plain_json(bytes, len) &&
                decode(dot + 1, (size_t)(last - dot - 1), bytes, &len) &&
                is_plain_json(bytes, len) &&
                decode(last + 1, n - (size_t)(last + 1 - token), bytes, &len);
    free(bytes);
    return good;
}
