/* Network addresses, and who is behind a proxy: see <hubbub/address.h>. Pure. */
#include <hubbub/address.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAPPED = 12,
    SITE_BITS = 64
}; /* bytes before a mapped IPv4 address; what one customer is given */

static const unsigned char mapped_prefix[MAPPED] = {[10] = 0xff, [11] = 0xff};

static bool is_mapped(const struct address *a)
{
    return memcmp(a->bytes, mapped_prefix, MAPPED) == 0;
}

/* Exactly what inet_pton(3) takes. */
static bool parse_plain(const char *text, struct address *out)
{
    struct address a;
    memcpy(a.bytes, mapped_prefix, MAPPED);
    if (inet_pton(AF_INET, text, a.bytes + MAPPED) != 1 && inet_pton(AF_INET6, text, a.bytes) != 1)
        return false;
    *out = a;
    return true;
}

static bool is_port(const char *text)
{
    return *text == '\0' || (*text == ':' && strspn(text + 1, "0123456789") == strlen(text + 1));
}

bool address_parse(const char *text, struct address *out)
{
    char host[ADDRESS_TEXT];
    bool bracketed = text[0] == '[';
    bool dotted = strchr(text, '.') != NULL && strchr(text, ':') == strrchr(text, ':');
    text += bracketed ? 1 : 0;
    size_t n = bracketed ? strcspn(text, "]") : dotted ? strcspn(text, ":") : strlen(text);
    if (n >= sizeof host || (bracketed && text[n] != ']'))
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    return is_port(text + n + (bracketed ? 1 : 0)) && parse_plain(host, out);
}

void address_text(const struct address *a, char out[ADDRESS_TEXT])
{
    if (is_mapped(a))
        inet_ntop(AF_INET, a->bytes + MAPPED, out, ADDRESS_TEXT);
    else
        inet_ntop(AF_INET6, a->bytes, out, ADDRESS_TEXT);
}

bool address_is_loopback(const struct address *a)
{
    static const unsigned char loopback[16] = {[15] = 1};
    return is_mapped(a) ? a->bytes[MAPPED] == 127 : memcmp(a->bytes, loopback, 16) == 0;
}

/* ---- networks ------------------------------------------------------------------------------------ */

bool network_parse(const char *text, struct network *out)
{
    struct network n = {.bits = 128};
    char host[ADDRESS_TEXT];
    size_t len = strcspn(text, "/");
    if (strcmp(text, "unix") == 0) {
        *out = (struct network){.local_socket = true};
        return true;
    }
    if (len >= sizeof host)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (!parse_plain(host, &n.address))
        return false;
    if (text[len] == '/') {
        const char *digits = text + len + 1;
        unsigned most = strchr(host, ':') == NULL ? 32 : 128;
        size_t ndigits = strspn(digits, "0123456789");
        if (ndigits == 0 || ndigits > 3 || digits[ndigits] != '\0' ||
            strtoul(digits, NULL, 10) > most)
            return false;
        n.bits = (unsigned)strtoul(digits, NULL, 10) + (128 - most);
    }
    *out = n;
    return true;
}

bool network_has(const struct network *n, const struct address *a)
{
    unsigned whole = n->bits / 8;
    unsigned rest = n->bits % 8;
    if (n->local_socket || memcmp(n->address.bytes, a->bytes, whole) != 0)
        return false;
    return rest == 0 || (n->address.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0;
}

void address_subject(const char *text, char out[ADDRESS_SUBJECT])
{
    struct address a;
    if (!address_parse(text, &a)) {
        snprintf(out, ADDRESS_TEXT, "%s", text);
        return;
    }
    if (!is_mapped(&a))
        memset(a.bytes + SITE_BITS / 8, 0, sizeof a.bytes - SITE_BITS / 8);
    address_text(&a, out);
    if (!is_mapped(&a))
        strcat(out, "/64");
}

/* ---- proxies ------------------------------------------------------------------------------------- */

static bool is_trusted(const struct network *trusted, size_t n, const struct address *a)
{
    for (size_t i = 0; i < n; i++)
        if (a == NULL ? trusted[i].local_socket : network_has(&trusted[i], a))
            return true;
    return false;
}

/* The hop that ends before `end`, without white space; *end moves to its beginning. */
static bool previous_hop(const char *list, size_t *end, struct address *out)
{
    char text[ADDRESS_TEXT + 8]; /* brackets and a port */
    size_t to = *end;
    size_t from = to;
    while (from > 0 && list[from - 1] != ',')
        from--;
    *end = from > 0 ? from - 1 : 0;
    while (from < to && (list[from] == ' ' || list[from] == '\t'))
        from++;
    while (from < to && (list[to - 1] == ' ' || list[to - 1] == '\t'))
        to--;
    if (to - from >= sizeof text)
        return false;
    memcpy(text, list + from, to - from);
    text[to - from] = '\0';
    return address_parse(text, out);
}

void address_of_client(const char *peer, const char *forwarded_for, const struct network *trusted,
                       size_t n, char out[ADDRESS_TEXT])
{
    struct address at, hop;
    bool known = address_parse(peer, &at);
    size_t end = forwarded_for == NULL ? 0 : strlen(forwarded_for);
    /* Each hop is what the one after it says: believed as far as those are trusted. */
    while (end > 0 && is_trusted(trusted, n, known ? &at : NULL) &&
           previous_hop(forwarded_for, &end, &hop)) {
        at = hop;
        known = true;
    }
    if (known)
        address_text(&at, out);
    else
        out[0] = '\0';
}
