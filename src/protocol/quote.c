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

/* Four hexadecimal digits, which are there. */
static unsigned unit(const char *at)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (unsigned)(at[i] <= '9' ? at[i] - '0' : (at[i] & 15) + 9);
    return value;
}

static void add_rune(struct buf *to, unsigned c)
{
    if (c < 0x80) {
        buf_add_char(to, (char)(c == 0 ? ' ' : c));
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    buf_add_char(to, (char)((0xFF00 >> (more + 1) & 0xFF) | c >> 6 * more));
    while (more-- > 0)
        buf_add_char(to, (char)(0x80 | (c >> 6 * more & 0x3F)));
}

/* At what follows the backslash and the u; returns what follows that. */
static const char *add_unit(struct buf *to, const char *at)
{
    unsigned c = unit(at);
    at += 4;
    if (c >= 0xD800 && c < 0xDC00 && at[0] == '\\' && at[1] == 'u' && unit(at + 2) >> 10 == 0x37) {
        c = 0x10000 + ((c & 0x3FF) << 10 | (unit(at + 2) & 0x3FF));
        at += 6;
    }
    add_rune(to, c >> 11 == 0x1B ? 0xFFFD : c);
    return at;
}

void protocol_unquote(struct buf *to, const char *json)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    bool text = json[0] == '"';
    for (const char *at = json + text; *at != '\0' && !(text && *at == '"');) {
        size_t plain = text ? strcspn(at, "\\\"") : strlen(at);
        buf_add(to, at, plain);
        at += plain;
        if (!text || *at != '\\')
            continue;
        const char *letter = strchr(letters, at[1]);
        if (at[1] == 'u') {
            at = add_unit(to, at + 2);
            continue;
        }
        buf_add_char(to, letter != NULL ? meant[letter - letters] : at[1]);
        at += 2;
    }
}
