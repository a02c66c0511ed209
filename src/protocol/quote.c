/* Texts as JSON strings. Pure, allocates nothing but the buffer; any thread. */
#include "json.h"

#include <string.h>

/* What stands for c, which does not stand for itself. Returns its length. */
static size_t escape(char to[6], unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt",
                      hex[] = "0123456789abcdef";
    const char *known = c ? strchr(from, c) : NULL;

    to[0] = '\\';
    if (known) {
        to[1] = letters[known - from];
        return 2;
    }
    memcpy(to + 1, "u00", 3);
    to[4] = hex[c >> 4];
    to[5] = hex[c & 15];
    return 6;
}

void protocol_quote(struct buf *to, const char *s, size_t n)
{
    buf_reserve(to, n + 2);
    buf_add_char(to, '"');
    for (;;) {
        size_t plain = json_plain_bytes(s, n);
        buf_add(to, s, plain);
        if (plain == n)
            break;
        char escaped[6];
        buf_add(to, escaped, escape(escaped, (unsigned char)s[plain]));
        s += plain + 1;
        n -= plain + 1;
    }
    buf_add_char(to, '"');
}
