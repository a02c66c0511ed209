/* UTF-8 and names. Pure functions, any thread. */
#include <hubbub/text.h>

#include <hubbub/check.h>
#include <stdint.h>
#include <string.h>

typedef unsigned char byte;

struct range {
    uint32_t from, to;
};

// White_Space of Unicode; those that are control characters are refused anyway
static const struct range SPACE[] = {
    {0x0020, 0x0020}, {0x00A0, 0x00A0}, {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
};

// Default_Ignorable_Code_Point of Unicode, and the braille blank: they leave no ink
static const struct range INVISIBLE[] = {
    {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x061C, 0x061C},   {0x115F, 0x1160}, {0x17B4, 0x17B5},
    {0x180B, 0x180F},   {0x200B, 0x200F},   {0x202A, 0x202E},   {0x2060, 0x206F}, {0x2800, 0x2800},
    {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8},
    {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

#define IN(table, c) in_ranges(table, sizeof(table) / sizeof((table)[0]), c)

static bool in_ranges(const struct range *table, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++) {
        if (c >= table[i].from && c <= table[i].to)
            return true;
    }
    return false;
}

/* Controls of the writing direction, too: what stands behind them is not what it looks like. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* The length of the character at s, whose first byte is not ASCII, or 0. RFC 3629 section 4: only
 * the second byte has bounds that depend on the first. */
static size_t multibyte_length(const byte *s, size_t n)
{
    size_t length;
    byte low = 0x80, high = 0xBF;

    if (s[0] >= 0xC2 && s[0] <= 0xDF) {
        length = 2;
    } else if (s[0] >= 0xE0 && s[0] <= 0xEF) {
        length = 3;
        if (s[0] == 0xE0)
            low = 0xA0; // shorter would do
        else if (s[0] == 0xED)
            high = 0x9F; // surrogates
    } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        length = 4;
        if (s[0] == 0xF0)
            low = 0x90;
        else if (s[0] == 0xF4)
            high = 0x8F; // above U+10FFFF
    } else {
        return 0;
    }

    if (n < length || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    }
    return length;
}

bool text_is_utf8(const char *text, size_t n)
{
    const byte *s = (const byte *)text, *end = s + n;

    while (s < end) {
        uint64_t eight;
        while (end - s >= 8) { // most text is ASCII
            memcpy(&eight, s, 8);
            if (eight & UINT64_C(0x8080808080808080))
                break;
            s += 8;
        }
        while (s < end && *s < 0x80)
            s++;
        while (s < end && *s >= 0x80) {
            size_t length = multibyte_length(s, (size_t)(end - s));
            if (length == 0)
                return false;
            s += length;
        }
    }
    return true;
}

/* Decodes the character at *s, which is valid UTF-8, and moves *s behind it. */
static uint32_t next_char(const byte **s)
{
    static const byte payload[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const byte *p = *s;
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    uint32_t c = p[0] & payload[length];

    for (size_t i = 1; i < length; i++)
        c = c << 6 | (p[i] & 0x3F);
    *s += length;
    return c;
}

/* spaces: white space may stand between other characters. */
static bool is_line(const char *name, size_t n, bool spaces)
{
    if (n < 1 || n > NAME_MAX_BYTES || !text_is_utf8(name, n))
        return false;

    const byte *s = (const byte *)name, *end = s + n;
    bool first = true, visible = false, space = false;
    while (s < end) {
        uint32_t c = next_char(&s);
        space = IN(SPACE, c);
        if (is_control(c) || (space && (first || !spaces)))
            return false;
        first = false;
        visible |= !space && !(c > 0x7F && IN(INVISIBLE, c));
    }
    return visible && !space;
}

bool text_is_name(const char *s, size_t n)
{
    return is_line(s, n, true);
}

bool text_is_word(const char *s, size_t n)
{
    return is_line(s, n, false);
}

bool text_is_guest_id(const char *s)
{
    return s[0] == 'g' && strlen(s) == 17 && strspn(s + 1, "0123456789abcdefABCDEF") == 16;
}

bool text_is_pair_room(const char *s)
{
    return strncmp(s, "dm:", 3) == 0 && strlen(s) == PAIR_ROOM_LEN &&
           strspn(s + 3, "0123456789abcdef") == PAIR_ROOM_LEN - 3;
}

size_t text_copy(char *to, size_t space, const char *s, size_t n)
{
    REQUIRE(space > 0);
    if (n > space - 1) {
        n = space - 1;
        while (n > 0 && ((byte)s[n] & 0xC0) == 0x80)
            n--;
    }
    if (n > 0)
        memcpy(to, s, n);
    to[n] = '\0';
    return n;
}
