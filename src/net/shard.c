/* Shards: contexts of the library, and the callback through which it tells what happened.
 *
 * The callback runs on a reader's thread with the shard held. It only takes down what came: decoding,
 * answering and posting happen after the shard is released. */
#include "net/net_private.h"

#include <errno.h>
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <hubbub/text.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    MAX_HEADER_BYTES = 12288, /* of a whole head: the longest token, 8 KiB, and the rest */
    MAX_HEADER_TABLES =
        65535, /* one for each connection that is sending a request; made on demand */
};

/* The first is what a client without Sec-WebSocket-Protocol gets, and what HTTP runs under. */
static const struct lws_protocols protocols[] = {
    {.name = "hubbub.classic",
     .callback = shard_callback,
     .per_session_data_size = sizeof(void *),
     .rx_buffer_size = READ_BYTES,
     .tx_packet_size = BATCH_BYTES},
    {.name = "hubbub.v1",
     .callback = shard_callback,
     .per_session_data_size = sizeof(void *),
     .rx_buffer_size = READ_BYTES,
     .tx_packet_size = BATCH_BYTES},
    {.name = NULL},
};

/* The library ends its lines with a newline, ours must not. */
static void on_library_log(int level, const char *line)
{
    char text[256];
    size_t n = strcspn(line, "\n");
    n = n < sizeof text ? n : sizeof text - 1;
    memcpy(text, line, n);
    text[n] = '\0';
    (void)level; /* what it calls an error is mostly a peer's: not worth a line by default */
    log_debug("libwebsockets", LOG_STR("text", text));
}

static bool shard_init(struct shard *s)
{
    /* All zero: the library keeps no validity timers. They never fire here, and each message received
     * would cost a walk through a sorted list of all connections of the shard. */
    static const lws_retry_bo_t no_timers;
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .max_http_header_data = MAX_HEADER_BYTES,
        .max_http_header_pool = MAX_HEADER_TABLES,
        .pt_serv_buf_size = 4096,
        .retry_and_idle_policy = &no_timers,
        .vhost_name = "hubbub",
        .server_string = "hubbub",
    };
    pthread_mutex_init(&s->mu, NULL);
    s->context = lws_create_context(&info);
    if (s->context == NULL)
        return false;
    s->vhost = lws_get_vhost_by_name(s->context, "hubbub");
    INSIST(s->vhost != NULL);
    s->batch = xmalloc(BATCH_BYTES);
    return true;
}

struct net *net_new(const struct net_config *config)
{
    REQUIRE(config->shards >= 1 && config->shards <= NET_MAX_SHARDS);
    lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);

    struct net *n = xcalloc(1, sizeof *n + config->shards * sizeof n->shards[0]);
    n->config = *config;
    for (unsigned i = 0; i < config->shards; i++) {
        if (!shard_init(&n->shards[i])) {
            n->config.shards = i + 1;
            net_free(n);
            return NULL;
        }
    }
    return n;
}

void net_free(struct net *n)
{
    for (unsigned i = 0; i < n->config.shards; i++) {
        struct shard *s = &n->shards[i];
        if (s->context != NULL)
            lws_context_destroy(s->context);
        free(s->batch);
        pthread_mutex_destroy(&s->mu);
    }
    free(n);
}

/* ---- the callback -------------------------------------------------------------------------------- */

/* RFC 6455, 4.4 */
static bool is_version_13(struct lws *wsi)
{
    char version[8];
    return lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_VERSION) > 0 &&
           strcmp(version, "13") == 0;
}

/* Whether the library would find one of ours among the subprotocols that are offered, in its own words and with
 * its own bounds: where it does not, it hangs up without an answer. */
static bool offers_ours(struct lws *wsi)
{
    char offered[128], name[64];
    int n = lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL);
    if (n == 0)
        return true;
    if (lws_hdr_copy(wsi, offered, sizeof offered - 1, WSI_TOKEN_PROTOCOL) < 0)
        return false;
    struct lws_tokenize t;
    lws_tokenize_init(&t, offered,
                      LWS_TOKENIZE_F_COMMA_SEP_LIST | LWS_TOKENIZE_F_MINUS_NONTERM |
                          LWS_TOKENIZE_F_DOT_NONTERM | LWS_TOKENIZE_F_RFC7230_DELIMS);
    t.len = (size_t)n;
    for (lws_tokenize_elem e = lws_tokenize(&t); e > 0; e = lws_tokenize(&t)) {
        if (e == LWS_TOKZE_DELIMITER)
            continue;
        if (e != LWS_TOKZE_TOKEN || lws_tokenize_cstr(&t, name, sizeof name) != 0)
            return false;
        for (const struct lws_protocols *p = protocols; p->name != NULL; p++)
            if (strcmp(p->name, name) == 0)
                return true;
    }
    return false;
}

static int on_upgrade_wish(struct conn *c, struct lws *wsi, const char *to)
{
    if (strcasecmp(to, "websocket") != 0)
        return -1;
    struct http_request request = {0};
    http_request_read(&request, wsi);
    request.foreign = !offers_ours(wsi);
    struct http_response refusal = {0};
    int verdict = 0;
    if (request.method != HTTP_GET)
        request.malformed = true;
    if (!request.malformed && !is_version_13(wsi)) {
        refusal = (struct http_response){.status = 426};
        http_response_header(&refusal, "Sec-WebSocket-Version", "13");
        verdict = http_response_write(wsi, &refusal) < 0 ? -1 : 1;
    } else if (!c->net->config.upgrade(c->user, &request, &refusal)) {
        verdict = http_response_write(wsi, &refusal) < 0 ? -1 : 1;
        http_response_fini(&refusal);
    }
    http_request_fini(&request);
    return verdict;
}

static void on_established(struct conn *c, struct lws *wsi)
{
    c->websocket = true;
    c->got |= CONN_UPGRADED;
    const struct lws_protocols *p = lws_get_protocol(wsi);
    if (p != &protocols[0] && p->name != NULL && strcmp(p->name, protocols[0].name) != 0)
        strncpy(c->subprotocol, p->name, sizeof c->subprotocol - 1);
    __atomic_store_n(&c->last_pong, clock_now(), __ATOMIC_RELAXED);
}

/* The library ends the connection with this code, once the callback has returned the result. */
static int fail(struct conn *c, struct lws *wsi, enum lws_close_status code, const char *reason)
{
    unsigned char text[124];
    size_t n = text_copy((char *)text, sizeof text, reason, strlen(reason));
    lws_close_reason(wsi, code, text, n);
    conn_begin_end(c);
    return -1;
}

/* Adds a piece of a message; the whole goes to `arrived`. A message that came in one piece is copied
 * once. -1 closes. */
static int on_receive(struct conn *c, struct lws *wsi, const char *data, size_t len)
{
    if (c->refusing || c->peer_closing)
        return 0;
    size_t total = c->partial.len + len;
    if (total + lws_remaining_packet_payload(wsi) > c->net->config.max_message)
        return fail(c, wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too large");
    bool whole = lws_remaining_packet_payload(wsi) == 0 && lws_is_final_fragment(wsi);
    if (!whole) {
        buf_add(&c->partial, data, len);
        return 0;
    }
    struct arrived_head head = {.len = (uint32_t)total,
                                .binary = lws_frame_is_binary(wsi) ? 1u : 0u};
    buf_reserve(&c->arrived, sizeof head + total);
    buf_add(&c->arrived, &head, sizeof head);
    buf_add(&c->arrived, c->partial.data, c->partial.len);
    buf_add(&c->arrived, data, len);
    buf_fini(&c->partial);
    if (!head.binary && !text_is_utf8(c->arrived.data + c->arrived.len - total, total)) {
        c->arrived.len -= sizeof head + total;
        return fail(c, wsi, LWS_CLOSE_STATUS_INVALID_PAYLOAD, "not UTF-8");
    }
    c->got |= CONN_MESSAGES;
    return 0;
}

/* Somebody is still there to be told why. */
static bool peer_is_there(const struct conn *c)
{
    char byte;
    ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* The WebSocket ends. When it is the library's own decision, a frame broke the rules (RFC 6455, 5.2 and
 * 5.5): for some of them it would hang up without a word. */
static void on_drop(struct conn *c, struct lws *wsi)
{
    if (!c->refusing && !c->killing && peer_is_there(c))
        fail(c, wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, "protocol error");
    conn_begin_end(c);
    c->failing = true;
}

/* What is wrong with the payload of a close frame (RFC 6455, 5.5.1 and 7.4); 0: nothing. The library
 * looks at less. */
static uint16_t close_fault(const unsigned char *payload, size_t len)
{
    if (len == 0)
        return 0;
    unsigned code = len < 2 ? 0 : (unsigned)payload[0] << 8 | payload[1];
    bool known = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                 (code >= 3000 && code <= 4999);
    if (!known)
        return LWS_CLOSE_STATUS_PROTOCOL_ERR;
    return text_is_utf8((const char *)payload + 2, len - 2) ? 0 : LWS_CLOSE_STATUS_INVALID_PAYLOAD;
}

static int on_peer_close(struct conn *c, const unsigned char *payload, size_t len)
{
    if (c->close_sent) /* the answer to ours */
        return -1;
    uint16_t fault = close_fault(payload, len);
    if (fault != 0) {
        conn_write_close(c, fault, "bad close frame");
        return -1;
    }
    c->peer_closing = true;
    c->got |= CONN_CLOSING;
    return 0;
}

/* A request with a body that the library kept while another was answered: it would take the head for the body, from
 * memory that it has freed, and the rest for the head again, without end (4.1 and 4.3). */
static int refuse_held_over(struct conn *c, struct lws *wsi)
{
    static const char text[] = "{\"error\":{\"code\":\"bad_request\",\"message\":"
                               "\"wait for the answer before a request with a body\"}}";
    const struct http_response r = {.status = 400,
                                    .type = "application/json",
                                    .body = text,
                                    .body_len = sizeof text - 1,
                                    .close = true};
    http_response_write(wsi, &r);
    http_request_fini(&c->request);
    conn_begin_end(c);
    return -1;
}

static int on_http(struct conn *c, struct lws *wsi)
{
    http_request_fini(&c->request);
    http_request_read(&c->request, wsi);
    if (c->held_over && c->request.length > 0)
        return refuse_held_over(c, wsi);
    c->request_open = true;
    c->body_whole = false;
    bool has_body = c->request.length > 0;
    c->request.streams = c->request.method == HTTP_POST && has_body && !c->request.malformed &&
                         c->net->config.streams != NULL && c->net->config.streams(&c->request);
    if (c->request.method != HTTP_POST || !has_body || c->request.malformed || c->request.streams)
        c->got |= CONN_REQUEST;
    return 0;
}

/* One that streams is taken between two rounds of servicing, so that what waits here is no more than a few of the
 * library's reads. */
static void on_body(struct conn *c, const void *data, size_t len)
{
    if (c->request.streams)
        buf_add(&c->request.body, data, len);
    else if (c->request.body.len + len > HTTP_MAX_BODY)
        c->request.body_too_large = true;
    else
        buf_add(&c->request.body, data, len);
}

int shard_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t len)
{
    (void)user;
    struct conn *c = lws_get_opaque_user_data(wsi);
    if (c == NULL) /* events of the context itself, or before conn_open() is done */
        return 0;

    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return on_upgrade_wish(c, wsi, in);
    case LWS_CALLBACK_HTTP: return on_http(c, wsi);
    case LWS_CALLBACK_HTTP_BODY: on_body(c, in, len); return 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        c->body_whole = true;
        if (!c->request.streams)
            c->got |= CONN_REQUEST;
        return 0;
    case LWS_CALLBACK_ESTABLISHED: on_established(c, wsi); return 0;
    case LWS_CALLBACK_RECEIVE: return on_receive(c, wsi, in, len);
    case LWS_CALLBACK_RECEIVE_PONG:
        __atomic_store_n(&c->last_pong, clock_now(), __ATOMIC_RELAXED);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return on_peer_close(c, in, len);
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL: on_drop(c, wsi); return 0;
    case LWS_CALLBACK_CLOSED:
        shutdown(c->fd, SHUT_RDWR); /* a writer may be waiting for this socket in poll(2) */
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        c->wsi = NULL;
        c->refusing = true;
        return 0;
    default: return 0;
    }
}
