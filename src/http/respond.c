/* The common shapes of answers. */
#include "http/http_private.h"

#include <hubbub/clock.h>
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

int respond_status(const struct buf *answer)
{
    static const char error[] = "{\"error\":{\"code\":\"";
    if (answer->len < sizeof error || strncmp(answer->data, error, sizeof error - 1) != 0)
        return 200;
    const char *code = answer->data + sizeof error - 1;
    for (enum problem p = 1; p < PROBLEM_COUNT; p++) {
        size_t n = strlen(problem_code(p));
        if (strncmp(code, problem_code(p), n) == 0 && code[n] == '"')
            return problem_status(p);
    }
    return 500;
}

void respond_too_fast(struct http_response *r, const char *detail, int64_t wait)
{
    respond_problem(r, PROBLEM_RATE_LIMITED, detail);
    size_t body_len = r->owned.len;
    buf_add_char(&r->owned, '\0');
    buf_add_int(&r->owned, (wait + NS_PER_S - 1) / NS_PER_S);
    r->body = r->owned.data; /* it may have moved */
    r->body_len = body_len;
    http_response_header(r, "Retry-After", r->owned.data + body_len + 1);
}
