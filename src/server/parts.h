/* The parts of a running server, and who puts them together. Main thread only. */
#ifndef SERVER_PARTS_H
#define SERVER_PARTS_H

#include <hubbub/client.h>
#include <hubbub/config.h>
#include <hubbub/files.h>
#include <hubbub/http.h>
#include <hubbub/hub.h>
#include <hubbub/identity.h>
#include <hubbub/net.h>
#include <hubbub/relay.h>
#include <hubbub/store.h>

struct parts {
    struct listener *listener;
    struct relay *relay;
    struct store *store; /* NULL: nothing is kept */
    struct identities *identities;
    struct hub *hub;
    struct net *net;
    struct files *files; /* NULL: none are shared */
    struct http *http;
    struct clients *clients;
};

/* Makes and starts all of them; false with `why`, and then only some are there. */
bool parts_start(struct parts *p, const struct config *c, unsigned cores, uint32_t max_sessions,
                 char *why, size_t space);

/* Takes apart what is there. */
void parts_stop(struct parts *p);

/* The sockets of this configuration, bound; NULL with `why`. */
struct listener *listen_on_all(const struct config *c, char *why, size_t space);

/* The number of libwebsockets contexts for this configuration. */
int shards_of(const struct config *c, unsigned cores);

#endif
