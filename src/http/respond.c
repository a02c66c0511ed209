/* The common shapes of answers. */
#include "http/http_private.h"

#include <string.h>

void respond_json(struct http_response *r, int status)
{
    r->status = status;
    r->type = "application/json";
    r->body = r->owned.data;
    r->body_len = r->owned.len;
    http_response_header(r, "Cache-Control", "no-store");
    http_response_header(r, "X-Content-Type-Options", "nosniff");
}

void respond_text(struct http_response *r, int status, const char *text)
{
    r->status = status;
    r->type = "text/plain; charset=utf-8";
    r->body = text;
    r->body_len = strlen(text);
    http_response_header(r, "Cache-Control", "no-store");
    http_response_header(r, "X-Content-Type-Options", "nosniff");
}

void respond_problem(struct http_response *r, enum problem problem, const char *detail)
{
    buf_clear(&r->owned);
    encode_http_error(&r->owned, problem, detail);
    respond_json(r, problem_status(problem));
}
