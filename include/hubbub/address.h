/* Network addresses as numbers: whether one belongs to a network, and who a client is behind proxies. Pure. */
#ifndef HUBBUB_ADDRESS_H
#define HUBBUB_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a text with its NUL: INET6_ADDRSTRLEN, and for "/64". */
enum { ADDRESS_TEXT = 46, ADDRESS_SUBJECT = ADDRESS_TEXT + 4 };

/* IPv6, or IPv4 mapped into it (RFC 4291, 2.5.5.2). */
struct address {
    unsigned char bytes[16];
};

struct network {
    struct address address;
    unsigned bits;     /* of the 128 */
    bool local_socket; /* "unix": peers that come by a Unix socket */
};

/* "192.0.2.1", "2001:db8::1", and as proxies write them "192.0.2.1:80", "[2001:db8::1]:80". */
bool address_parse(const char *text, struct address *out);
/* Mapped IPv4 as IPv4. */
void address_text(const struct address *a, char out[ADDRESS_TEXT]);
bool address_is_loopback(const struct address *a);

/* An address with an optional "/bits", or "unix". */
bool network_parse(const char *text, struct network *out);
bool network_has(const struct network *n, const struct address *a);

/* What limits count by and bans are for: the address, or the /64 it belongs to ("2001:db8::/64"). */
void address_subject(const char *text, char out[ADDRESS_SUBJECT]);

/* Who asks: the peer ("unix" for a Unix socket); when that is a trusted proxy, the last hop of its
 * X-Forwarded-For (may be NULL) that is none, or the first hop when all are. "" for a Unix socket. */
void address_of_client(const char *peer, const char *forwarded_for, const struct network *trusted,
                       size_t n, char out[ADDRESS_TEXT]);

#endif
