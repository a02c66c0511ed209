/* The plain side of HTTP messages: see <hubbub/http_message.h>. */
#include <hubbub/check.h>
#include <hubbub/http_message.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void free_secret(char *s)
{
    if (s != NULL)
        explicit_bzero(s, strlen(s));
    free(s);
}

void http_request_fini(struct http_request *r)
{
    free(r->path);
    for (int i = 0; i < HTTP_MAX_ARGS; i++)
        free_secret(r->args[i]); // one may be a token
    free(r->host);
    free(r->origin);
    free(r->accept_encoding);
    free(r->if_none_match);
    free(r->connection);
    free_secret(r->authorization);
    free_secret(r->cookie);
    free(r->forwarded_for);
    free(r->content_type);
    free(r->range);
    if (r->body.data != NULL)
        explicit_bzero(r->body.data, r->body.len); /* it may hold a password */
    buf_fini(&r->body);
    memset(r, 0, sizeof *r);
}

const char *http_request_arg(const struct http_request *r, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; i < HTTP_MAX_ARGS && r->args[i] != NULL; i++)
        if (strncmp(r->args[i], name, n) == 0 && r->args[i][n] == '=')
            return r->args[i] + n + 1;
    return NULL;
}

/* ---- tokens -------------------------------------------------------------------------------------- */

static char *copy(const char *s, size_t n)
{
    char *text = xmalloc(n + 1);
    memcpy(text, s, n);
    text[n] = '\0';
    return text;
}

/* RFC 9110, 11.4, and RFC 6750: the scheme in any case, one or more spaces. */
static char *bearer_token(const char *header)
{
    static const char scheme[] = "Bearer ";
    if (header == NULL || strncasecmp(header, scheme, sizeof scheme - 1) != 0)
        return NULL;
    header += sizeof scheme - 1;
    header += strspn(header, " ");
    size_t n = strcspn(header, " \t");
    return n > 0 ? copy(header, n) : NULL;
}

/* RFC 6265, 4.2.1: "a=1; b=2". The first of that name. */
static char *cookie_value(const char *header, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = header; at != NULL && *at != '\0';) {
        at += strspn(at, " \t;");
        if (strncmp(at, name, n) == 0 && at[n] == '=') {
            at += n + 1;
            size_t len = strcspn(at, "; \t");
            bool quoted = len >= 2 && at[0] == '"' && at[len - 1] == '"';
            len -= quoted ? 2 : 0;
            return len > 0 ? copy(at + (quoted ? 1 : 0), len) : NULL;
        }
        at += strcspn(at, ";");
    }
    return NULL;
}

char *http_request_token(const struct http_request *r)
{
    char *token = bearer_token(r->authorization);
    if (token == NULL)
        token = cookie_value(r->cookie, "hubbub_session");
    const char *arg = http_request_arg(r, "token");
    if (token == NULL && arg != NULL && arg[0] != '\0')
        token = copy(arg, strlen(arg));
    return token;
}

/* ---- responses ----------------------------------------------------------------------------------- */

void http_response_fini(struct http_response *r)
{
    buf_fini(&r->owned);
    if (r->from_file)
        close(r->fd);
    memset(r, 0, sizeof *r);
}

void http_response_header(struct http_response *r, const char *name, const char *value)
{
    for (int i = 0; i < HTTP_MAX_HEADERS; i++) {
        if (r->headers[i].name == NULL) {
            r->headers[i] = (struct http_header){name, value};
            return;
        }
    }
    INSIST(!"HTTP_MAX_HEADERS is too small");
}

const char *http_status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return "Unknown";
    }
}
