/* What the files of http/ share. */
#ifndef HTTP_PRIVATE_H
#define HTTP_PRIVATE_H

#include <hubbub/http.h>
#include <hubbub/listing.h>
#include <hubbub/protocol.h>
#include <hubbub/rcu.h>

/* One file, held in memory with its gzipped twin; paths are looked up here and nowhere else, so a request
 * cannot name anything outside. */
struct asset {
    char *name;
    const char *type;
    unsigned char *bytes;
    size_t len;
    unsigned char *gzip; /* NULL when it would not be smaller */
    size_t gzip_len;
    char etag[24], gzip_etag[28];
};

/* Immutable once published. */
struct site {
    struct asset *assets; /* sorted by name */
    size_t nassets;
    char **origins;
    size_t norigins;
    struct rcu_head rcu;
};

struct http {
    struct hub *hub;
    struct relay *relay;
    struct identities *identities;
    struct store *store;   /* NULL: nothing is kept */
    struct limits *limits; /* NULL: none */
    struct files *files;   /* NULL: none are shared */
    struct site *site;     /* (rcu) */
    bool draining;         /* atomic */
};

/* site.c */
struct site *site_new(const struct http_settings *settings, char *why, size_t space);
void site_free(struct site *s);
const struct asset *site_find(const struct site *s, const char *name);

/* origin.c */
bool origin_allowed(const struct site *s, const char *origin, const char *host, bool peer_is_local);

/* respond.c */
void respond_json(struct http_response *r, int status); /* with the JSON in r->owned */
void respond_text(struct http_response *r, int status, const char *text); /* static, or owned */
void respond_problem(struct http_response *r, enum problem problem, const char *detail);

/* The hub's answer, {"error":{"code":…}} or anything else: the status is the code's, or 200. */
int respond_status(const struct buf *answer);
/* detail NULL: "too fast"; wait: ns until it would be in order. */
void respond_too_fast(struct http_response *r, const char *detail, int64_t wait);

/* pack.c */
bool accepts_gzip(const struct http_request *q);
/* NULL when it would not be smaller; else free(). */
unsigned char *gzip(const void *bytes, size_t len, int level, size_t *gzip_len);
uint64_t digest(const void *bytes, size_t n);
/* Adds the ETag, which must live as long as the response, and Vary; 304 when the asker has that already. */
void respond_unless_known(const struct http_request *q, struct http_response *r, const char *etag);

/* history.c */
void get_messages(struct http *h, const struct http_request *q, struct http_response *r);
void get_search(struct http *h, const struct http_request *q, struct http_response *r);

/* files.c */
void post_file(struct http *h, const struct http_request *q, struct http_response *r);
void get_file(struct http *h, const struct http_request *q, struct http_response *r);

/* history.c */
/* Whoever shows a token pays as for a request over a WebSocket; all others of one address together. 0, or ns until
 * the rate allows it. */
int64_t charge(struct http *h, const struct http_request *q, const char *user, enum rate rate);

/* calls.c */
/* Fills in who asks: with an empty user id when it is nobody in particular, who may look where guests may
 * come in. False: answered with 401. */
bool identify(struct http *h, const struct http_request *q, struct http_response *r,
              struct identity *who);
struct asker asker_of(const struct identity *who); /* borrows */
void get_rooms(struct http *h, const struct http_request *q, struct http_response *r);
void get_members(struct http *h, const struct http_request *q, struct http_response *r);
void post_join(struct http *h, const struct http_request *q, struct http_response *r);
void post_leave(struct http *h, const struct http_request *q, struct http_response *r);

/* metrics.c */
void respond_metrics(struct http *h, struct http_response *r);

#endif
