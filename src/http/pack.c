/* What makes a body small on its way, and what tells two bodies apart. Pure; any thread. */
#define ZLIB_CONST /* what is packed is only read */
#include "http/http_private.h"

#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* The coding is named, and not with q=0 (RFC 9110, 12.5.3). */
bool accepts_gzip(const struct http_request *q)
{
    const char *at = q->accept_encoding == NULL ? NULL : strstr(q->accept_encoding, "gzip");
    if (at == NULL)
        return false;
    at += strlen("gzip");
    at += strspn(at, " ;");
    if (strncmp(at, "q=0", 3) != 0)
        return true;
    return at[3] == '.' && strspn(at + 4, "0") < strcspn(at + 4, ", ");
}

unsigned char *gzip(const void *bytes, size_t len, int level, size_t *gzip_len)
{
    z_stream z = {0};
    enum { GZIP = 15 + 16 }; /* zlib.h: the largest window, with a gzip header */
    INSIST(deflateInit2(&z, level, Z_DEFLATED, GZIP, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t space = deflateBound(&z, len);
    unsigned char *out = xmalloc(space);
    z.next_in = bytes;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)space;
    INSIST(deflate(&z, Z_FINISH) == Z_STREAM_END);
    *gzip_len = z.total_out;
    deflateEnd(&z);
    if (*gzip_len < len)
        return out;
    free(out);
    return NULL;
}

/* FNV-1a: tells versions of one body apart, which is all an ETag is for. */
uint64_t digest(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

void respond_unless_known(const struct http_request *q, struct http_response *r, const char *etag)
{
    http_response_header(r, "ETag", etag);
    http_response_header(r, "Vary", "Accept-Encoding");
    if (q->if_none_match == NULL ||
        (strcmp(q->if_none_match, "*") != 0 && strstr(q->if_none_match, etag) == NULL))
        return;
    r->status = 304;
    r->no_body = true;
}
