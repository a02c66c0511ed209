/* Names and ids of files: see <hubbub/file.h>. */
#include <hubbub/file.h>

#include <string.h>

/* One character of well-formed UTF-8; how many bytes it has. */
static size_t decode(const char *s, uint32_t *c)
{
    const unsigned char *p = (const unsigned char *)s;
    if (p[0] < 0x80) {
        *c = p[0];
        return 1;
    }
    size_t n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    *c = p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        *c = *c << 6 | (p[i] & 0x3Fu);
    return n;
}

/* Not seen, or makes what is around it look like something else. */
static bool is_deceptive(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0, 0x1F},        {0x7F, 0x9F},      {0xAD, 0xAD},     {0x34F, 0x34F},   {0x61C, 0x61C},
        {0x115F, 0x1160}, {0x17B4, 0x17B5},  {0x180B, 0x180F}, {0x200B, 0x200F}, {0x2028, 0x202E},
        {0x2060, 0x206F}, {0x3164, 0x3164},  {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0},
        {0xFFF0, 0xFFFB}, {0xE0000, 0xE0FFF}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* Its first `space - 1` bytes, or fewer so that its ending fits, too. */
static void shorten(char *out, size_t len)
{
    enum { ENDING_MAX = 16 };
    char ending[ENDING_MAX + 1] = "";
    if (len <= FILE_NAME_MAX)
        return;
    const char *dot = strrchr(out, '.');
    if (dot != NULL && strlen(dot) <= ENDING_MAX)
        strcpy(ending, dot);
    size_t keep = FILE_NAME_MAX - strlen(ending);
    while (((unsigned char)out[keep] & 0xC0) == 0x80)
        keep--;
    strcpy(out + keep, ending);
}

/* What some system takes for a device, whatever its ending; and the last word of a thumbnail's address. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {"con", "prn", "aux", "nul", "com", "lpt", "thumbnail"};
    size_t n = strcspn(name, ".");
    if (n == 4 && name[3] >= '0' && name[3] <= '9')
        n = 3;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == n && strncasecmp(name, names[i], n) == 0)
            return true;
    return false;
}

/* Dots and blanks at the ends are hidden files, or get lost. */
static void trim(char *s)
{
    size_t n = strlen(s), skip = strspn(s, ". ");
    memmove(s, s + skip, n - skip + 1);
    for (n -= skip; n > 0 && (s[n - 1] == '.' || s[n - 1] == ' '); n--)
        s[n - 1] = '\0';
}

void file_name(char out[FILE_NAME_MAX + 1], const char *wish, size_t n)
{
    enum { LONGEST = 1024 }; /* of what is looked at: the end of it */
    char name[LONGEST + 8] = "";
    size_t len = 0;
    if (!text_is_utf8(wish, n))
        n = 0;
    for (size_t i = n; i > 0; i--)
        if (wish[i - 1] == '/' || wish[i - 1] == '\\') {
            wish += i;
            n -= i;
            break;
        }
    if (n > LONGEST) {
        wish += n - LONGEST;
        n = LONGEST;
        for (; n > 0 && ((unsigned char)*wish & 0xC0) == 0x80; n--)
            wish++;
    }
    for (size_t i = 0, step; i < n; i += step) {
        uint32_t c;
        step = decode(wish + i, &c);
        if (is_deceptive(c))
            continue;
        if (c < 0x80 && strchr("<>:\"|?*%`$&;'", (int)c) != NULL)
            name[len++] = '_';
        else
            for (size_t k = 0; k < step; k++)
                name[len++] = wish[i + k];
    }
    name[len] = '\0';
    trim(name);
    if (is_reserved(name)) {
        memmove(name + 1, name, strlen(name) + 1);
        name[0] = '_';
    }
    shorten(name, strlen(name));
    trim(name);
    strcpy(out, name[0] != '\0' ? name : "file");
}

bool file_is_id(const char *s, size_t n)
{
    return n == FILE_ID_LEN && strspn(s, "0123456789abcdef") >= n;
}
