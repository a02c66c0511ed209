/* An HTTP request and its response: plain data between net/, which carries them, and whoever answers. */
#ifndef HUBBUB_HTTP_MESSAGE_H
#define HUBBUB_HTTP_MESSAGE_H

#include <hubbub/buf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER };
enum { HTTP_MAX_ARGS = 16, HTTP_MAX_BODY = 16384 };

struct http_request {
    enum http_method method;
    char *path;                /* decoded, without the query; starts with '/' */
    char *args[HTTP_MAX_ARGS]; /* decoded "name=value" of the query; NULL after the last */
    char *host, *origin;       /* headers; NULL when absent */
    char *accept_encoding, *if_none_match, *connection;
    char *authorization, *cookie, *forwarded_for; /* the last: X-Forwarded-For */
    char *content_type, *range;
    /* Set by whoever has it answered. */
    const char *address; /* who asks, as limits count it; NULL: this machine. Borrowed */
    bool peer_is_local;
    struct buf body;
    bool body_too_large;
    /* The body is too large to be waited for, and comes in pieces. Whoever answers may take it: each call brings the
     * next piece, in place of what is in `piece`. Its length; 0: that was all; ERR_TIMEOUT at the deadline; ERR_CLOSED.
     * What is not taken is lost, and the connection ends with the answer. */
    bool streams;
    uint64_t length; /* as it was announced */
    /* The sender waits to be told to go on (RFC 9110, 10.1.1): taking the body does. */
    bool hesitates;
    int (*take_body)(void *arg, struct buf *piece, int64_t deadline);
    void *take_arg;
    bool malformed; /* holds a NUL, or more arguments than HTTP_MAX_ARGS */
    bool foreign;   /* an upgrade that offers subprotocols, and none of ours */
};

void http_request_fini(struct http_request *r);

/* The value of a query argument, or NULL. Borrowed. */
const char *http_request_arg(const struct http_request *r, const char *name);

/* The token that comes with it: of "Authorization: Bearer", else the cookie hubbub_session, else the argument
 * `token`. A copy, free(); NULL when there is none. */
char *http_request_token(const struct http_request *r);

struct http_header {
    const char *name, *value;
};
enum { HTTP_MAX_HEADERS = 12 };

struct http_response {
    int status;
    const char *type; /* of the body; static text */
    const void *body; /* borrowed until it is written; or points into `owned` */
    size_t body_len;
    struct buf owned;
    /* The body is body_len bytes of a file, from offset on; fd is closed with the response. */
    bool from_file;
    int fd;
    uint64_t offset;
    struct http_header headers[HTTP_MAX_HEADERS]; /* static or borrowed; name NULL after the last */
    bool no_body; /* answer to HEAD, and 304: the length is said, the body is not sent */
    bool close;   /* end the connection after it */
};

void http_response_fini(struct http_response *r);
void http_response_header(struct http_response *r, const char *name, const char *value);

/* "Not Found" for 404. */
const char *http_status_text(int status);

#endif
