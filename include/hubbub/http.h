/* Web requests: the page, the lists, health, metrics; and which pages may open a WebSocket.
 *
 * http_serve() runs on the reader threads, many at once. What a reload changes (files, origins) is one
 * immutable struct, swapped under them and freed after a grace period. */
#ifndef HUBBUB_HTTP_H
#define HUBBUB_HTTP_H

#include <hubbub/files.h>
#include <hubbub/http_message.h>
#include <hubbub/hub.h>
#include <hubbub/identity.h>
#include <hubbub/limits.h>
#include <hubbub/relay.h>
#include <hubbub/store.h>
#include <stdbool.h>
#include <stddef.h>

struct http;

struct http_settings {
    const char *web;      /* directory to serve, or NULL for the files built in */
    char *const *origins; /* allowed Origin values; none: the same host; "*": any */
    size_t norigins;
};

/* Everything in settings is copied. store: NULL when nothing is kept. NULL when the directory cannot be
 * read; `why` says why. */
struct http *http_new(struct hub *hub, struct relay *relay, struct identities *identities,
                      struct store *store, const struct http_settings *settings, char *why,
                      size_t space);
/* Before the first request: what joins, pages, searches and files are charged against. Without: nothing. */
void http_use_limits(struct http *h, struct limits *limits);
/* Likewise: what /files gives and takes. Without: there are no files. */
void http_use_files(struct http *h, struct files *files);
/* As net_config wants it: uploads of files come in pieces. */
bool http_streams(const struct http_request *request);
void http_free(struct http *h);

/* Any time. 0; or ERR_SYSTEM with `why`, and the old settings stay. */
int http_reload(struct http *h, const struct http_settings *settings, char *why, size_t space);

/* From now on /readyz says 503. */
void http_drain(struct http *h);

/* As clients_config wants them; arg is the struct http. */
void http_serve(void *arg, const struct http_request *request, struct http_response *response);
bool http_admit(void *arg, const struct http_request *request, bool peer_is_local,
                struct http_response *refusal);

#endif
