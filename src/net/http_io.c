/* HTTP between the library and our plain structs. */
#include "net/net_private.h"

#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ------------------------------------------------------------------------------------- */

/* A copy of a header or of one of its fragments (frag >= 0); NULL when absent. A value with a NUL in it
 * marks the request as malformed. */
static char *copy_token(struct http_request *r, struct lws *wsi, enum lws_token_indexes token,
                        int frag)
{
    int len =
        frag >= 0 ? lws_hdr_fragment_length(wsi, token, frag) : lws_hdr_total_length(wsi, token);
    if (len <= 0)
        return NULL;
    char *text = xcalloc(1, (size_t)len + 1);
    int got = frag >= 0 ? lws_hdr_copy_fragment(wsi, text, len + 1, token, frag)
                        : lws_hdr_copy(wsi, text, len + 1, token);
    if (got < 0 || strlen(text) != (size_t)got)
        r->malformed = true;
    return text;
}

static const struct {
    enum lws_token_indexes token;
    enum http_method method;
} methods[] = {
    {WSI_TOKEN_GET_URI, HTTP_GET},       {WSI_TOKEN_HEAD_URI, HTTP_HEAD},
    {WSI_TOKEN_POST_URI, HTTP_POST},     {WSI_TOKEN_PUT_URI, HTTP_OTHER},
    {WSI_TOKEN_DELETE_URI, HTTP_OTHER},  {WSI_TOKEN_PATCH_URI, HTTP_OTHER},
    {WSI_TOKEN_OPTIONS_URI, HTTP_OTHER},
};

/* The library takes a body by its length, and only that: anything else would be read as the next
 * request. One length, of digits (RFC 9112, 6.3). */
static bool body_is_plain(struct lws *wsi)
{
    char length[24] = "";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return false;
    int n = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    if (n == 0)
        return true;
    return lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 && n <= 15 &&
           strspn(length, "0123456789") == (size_t)n;
}

void http_request_read(struct http_request *r, struct lws *wsi)
{
    *r = (struct http_request){.method = HTTP_OTHER};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (lws_hdr_total_length(wsi, methods[i].token) > 0) {
            r->method = methods[i].method;
            r->path = copy_token(r, wsi, methods[i].token, -1);
            break;
        }
    }
    if (r->path == NULL)
        r->path = xstrdup("/");
    /* An escaped newline in the query ends the request line for the library, which then has no version. */
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP) <= 0)
        r->malformed = true;
    if (!body_is_plain(wsi))
        r->malformed = true;
    int n = 0;
    for (char *arg; (arg = copy_token(r, wsi, WSI_TOKEN_HTTP_URI_ARGS, n)) != NULL; n++) {
        if (n == HTTP_MAX_ARGS) {
            r->malformed = true;
            free(arg);
            break;
        }
        r->args[n] = arg;
    }
    r->host = copy_token(r, wsi, WSI_TOKEN_HOST, -1);
    r->origin = copy_token(r, wsi, WSI_TOKEN_ORIGIN, -1);
    r->accept_encoding = copy_token(r, wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, -1);
    r->if_none_match = copy_token(r, wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, -1);
    r->connection = copy_token(r, wsi, WSI_TOKEN_CONNECTION, -1);
    r->authorization = copy_token(r, wsi, WSI_TOKEN_HTTP_AUTHORIZATION, -1);
    r->cookie = copy_token(r, wsi, WSI_TOKEN_HTTP_COOKIE, -1);
    r->forwarded_for = copy_token(r, wsi, WSI_TOKEN_X_FORWARDED_FOR, -1);
    r->content_type = copy_token(r, wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, -1);
    r->range = copy_token(r, wsi, WSI_TOKEN_HTTP_RANGE, -1);
    char length[24];
    if (lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0)
        r->length = strtoull(length, NULL, 10);
    char expect[16];
    r->hesitates = lws_hdr_copy(wsi, expect, sizeof expect, WSI_TOKEN_HTTP_EXPECT) > 0 &&
                   strcasecmp(expect, "100-continue") == 0;
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* One write for head and body; the library buffers what the socket does not take. */
int http_response_write(struct lws *wsi, const struct http_response *r)
{
    struct buf out = BUF_INIT;
    buf_printf(&out, "HTTP/1.1 %d %s\r\n", r->status, http_status_text(r->status));
    if (r->type != NULL)
        buf_printf(&out, "Content-Type: %s\r\n", r->type);
    if (r->status != 304)
        buf_printf(&out, "Content-Length: %zu\r\n", r->body_len);
    for (int i = 0; i < HTTP_MAX_HEADERS && r->headers[i].name != NULL; i++)
        buf_printf(&out, "%s: %s\r\n", r->headers[i].name, r->headers[i].value);
    if (r->close)
        buf_add_str(&out, "Connection: close\r\n");
    buf_add_str(&out, "\r\n");
    if (!r->no_body && !r->from_file)
        buf_add(&out, r->body, r->body_len);
    int n = lws_write(wsi, (unsigned char *)out.data, out.len,
                      r->from_file ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL);
    buf_fini(&out);
    return n < 0 ? -1 : 0;
}
