/* The plain side of HTTP messages: see <hubbub/http_message.h>. */
#include <hubbub/check.h>
#include <hubbub/http_message.h>
#include <stdlib.h>
#include <string.h>

void http_request_fini(struct http_request *r)
{
    free(r->path);
    for (int i = 0; i < HTTP_MAX_ARGS; i++)
        free(r->args[i]);
    free(r->host);
    free(r->origin);
    free(r->accept_encoding);
    free(r->if_none_match);
    free(r->connection);
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

void http_response_fini(struct http_response *r)
{
    buf_fini(&r->owned);
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
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 426: return "Upgrade Required";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Unknown";
    }
}
