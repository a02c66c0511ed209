/* GET /rooms/ROOM/messages and /search: what was said, for whoever may read the room. Runs on reader threads and waits for
 * the hub, and for the disk when the messages asked for are not in memory. */
#include "http/http_private.h"

#include <hubbub/address.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORTH_PACKING = 1024, QUICKLY = 4 /* zlib's level */ };

/* ---- what is asked ------------------------------------------------------------------------------- */

/* A number stands for itself; all else is a text, which the decoder takes for none. */
static void add_number(struct buf *to, const char *text)
{
    enum { MOST_DIGITS = 16 };
    size_t n = strlen(text);
    if (n > 0 && n <= MOST_DIGITS && strspn(text, "0123456789") == n && (n == 1 || text[0] != '0'))
        buf_add(to, text, n);
    else
        protocol_quote(to, text, n);
}

/* As the request `history` over a WebSocket would be, so that what is good there is good here. */
static int decode(const struct http_request *q, struct request *request,
                  struct request_error *error)
{
    static const char before[] = "/rooms/", after[] = "/messages",
                      *const numbers[] = {"before", "after", "around", "limit"};
    const char *room = q->path + strlen(before);
    struct buf json = BUF_INIT;
    buf_add_str(&json, "{\"type\":\"history\",\"room\":");
    protocol_quote(&json, room, strlen(room) - strlen(after));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const char *value = http_request_arg(q, numbers[i]);
        if (value == NULL)
            continue;
        buf_printf(&json, ",\"%s\":", numbers[i]);
        add_number(&json, value);
    }
    buf_add_str(&json, "}");
    int err = protocol_decode(json.data, json.len, request, error);
    buf_fini(&json);
    if (err == 0 && request->room[0] == '\0') {
        request_fini(request);
        *error = (struct request_error){.problem = PROBLEM_INVALID_ROOM};
        err = ERR_INVALID;
    }
    return err;
}

/* ---- who pays ------------------------------------------------------------------------------------ */

int64_t charge(struct http *h, const struct http_request *q, const char *user, enum rate rate)
{
    char payer[ADDRESS_TEXT + 8];
    struct visit v;
    if (h->limits == NULL || (user == NULL && q->address == NULL) ||
        (user != NULL && directory_is_operator(hub_directory(h->hub), user)))
        return 0;
    if (user == NULL) {
        payer[0] = ' '; /* nobody's user id */
        address_subject(q->address, payer + 1);
        user = payer;
    }
    limits_let_in(h->limits, user, q->address, clock_now(), &v);
    int64_t wait = limits_charge(h->limits, &v, rate, clock_now());
    if (wait > 0) {
        metric_add(rate == RATE_HISTORY ? METRIC_LIMITED_HISTORY
                   : rate == RATE_FILES ? METRIC_LIMITED_FILES
                                        : METRIC_LIMITED_REQUESTS,
                   1);
        if (rate != RATE_FILES) /* which a page asks for, not whoever looks at it */
            limits_strike(h->limits, &v, clock_now());
    }
    limits_leave(h->limits, &v);
    return wait;
}

/* ---- the answer ---------------------------------------------------------------------------------- */

/* `body` becomes the response's, packed when that is wished for and worth it. */
static void respond_body(const struct http_request *q, struct http_response *r, struct buf *body)
{
    char etag[32];
    size_t gzip_len = 0;
    unsigned char *packed = NULL;
    if (body->len >= WORTH_PACKING && accepts_gzip(q))
        packed = gzip(body->data, body->len, QUICKLY, &gzip_len);
    int n = snprintf(etag, sizeof etag, "\"%016llx%s\"",
                     (unsigned long long)digest(body->data, body->len), packed ? "-gz" : "");

    /* Headers borrow from the response, so the tag goes before the body. */
    buf_add(&r->owned, etag, (size_t)n + 1);
    if (packed != NULL)
        buf_add(&r->owned, packed, gzip_len);
    else
        buf_add(&r->owned, body->data, body->len);
    r->status = 200;
    r->type = "application/json";
    r->body = r->owned.data + n + 1;
    r->body_len = r->owned.len - (size_t)n - 1;
    http_response_header(r, "Cache-Control", "private, no-cache"); /* ask, and often hear 304 */
    http_response_header(r, "X-Content-Type-Options", "nosniff");
    if (packed != NULL)
        http_response_header(r, "Content-Encoding", "gzip");
    free(packed);
    respond_unless_known(q, r, r->owned.data);
}

/* Likewise for the request `search`. */
static int decode_search(const struct http_request *q, struct request *request,
                         struct request_error *error)
{
    static const char *const texts[] = {"query", "room"};
    struct buf json = BUF_INIT;
    const char *limit = http_request_arg(q, "limit");
    buf_add_str(&json, "{\"type\":\"search\"");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *value = http_request_arg(q, texts[i]);
        if (value == NULL)
            continue;
        buf_printf(&json, ",\"%s\":", texts[i]);
        protocol_quote(&json, value, strlen(value));
    }
    if (limit != NULL) {
        buf_add_str(&json, ",\"limit\":");
        add_number(&json, limit);
    }
    buf_add_str(&json, "}");
    int err = protocol_decode(json.data, json.len, request, error);
    buf_fini(&json);
    return err;
}

static void look_up(struct http *h, const struct http_request *q, const struct asker *who,
                    struct request *request, struct http_response *r)
{
    struct buf body = BUF_INIT;
    if (hub_read(h->hub, who, request, &body) != 0) {
        respond_problem(r, PROBLEM_UNAVAILABLE, NULL);
    } else if (respond_status(&body) != 200) {
        buf_add(&r->owned, body.data, body.len);
        respond_json(r, respond_status(&r->owned));
    } else {
        respond_body(q, r, &body);
    }
    buf_fini(&body);
}

/* Takes the request. */
static void serve(struct http *h, const struct http_request *q, struct request *request,
                  struct http_response *r)
{
    struct identity who;
    if (identify(h, q, r, &who)) {
        struct asker a = asker_of(&who);
        a.address = q->address;
        int64_t wait = charge(h, q, a.user_id, RATE_HISTORY);
        if (wait > 0)
            respond_too_fast(r, NULL, wait);
        else
            look_up(h, q, &a, request, r);
        free(who.grants);
    }
    request_fini(request);
}

void get_messages(struct http *h, const struct http_request *q, struct http_response *r)
{
    struct request request;
    struct request_error error;
    if (decode(q, &request, &error) != 0)
        respond_problem(r, error.problem, error.detail);
    else
        serve(h, q, &request, r);
}

void get_search(struct http *h, const struct http_request *q, struct http_response *r)
{
    struct request request;
    struct request_error error;
    if (decode_search(q, &request, &error) != 0)
        respond_problem(r, error.problem, error.detail);
    else
        serve(h, q, &request, r);
}
