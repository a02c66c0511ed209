/* POST /files and GET /files/ID/NAME: files of rooms, for whoever may say something there, or read it. Runs on reader
 * threads; waits for the sender, the disk, the child that makes thumbnails, and the hub. */
#include "http/http_private.h"

#include <hubbub/address.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAITS_IN_ALL = 40,
    WAITS_AT_ANY_SPEED = 3,
    SLOWEST = 1024 /* bytes a second on average, after that */
};

/* What a file may do where it is opened: nothing, not even as a page of its own. */
static const char SANDBOX[] = "default-src 'none'; sandbox; frame-ancestors 'none'";

/* ---- who ----------------------------------------------------------------------------------------- */

/* Who asks: by "Authorization: Session ID", or ?session=ID, or else as elsewhere. */
struct visitor {
    char session[SESSION_ID_MAX + 2]; /* one more, so that what is too long is none */
    struct identity who;
};

static bool meet(struct http *h, const struct http_request *q, struct http_response *r,
                 struct visitor *v)
{
    static const char scheme[] = "Session ";
    const char *id = http_request_arg(q, "session");
    *v = (struct visitor){.session = ""};
    if (q->authorization != NULL && strncasecmp(q->authorization, scheme, sizeof scheme - 1) == 0)
        id = q->authorization + sizeof scheme - 1;
    if (id == NULL || id[0] == '\0')
        return identify(h, q, r, &v->who);
    snprintf(v->session, sizeof v->session, "%s", id);
    return true;
}

/* A browser lets any page send a body anywhere, and the cookie goes along. */
static bool is_own_page(struct http *h, const struct http_request *q)
{
    rcu_read_lock();
    const struct site *site = rcu_dereference(h->site);
    RCU_FOUND();
    bool own = origin_allowed(site, q->origin, q->host, q->peer_is_local);
    rcu_read_unlock();
    return own;
}

/* ---- uploads ------------------------------------------------------------------------------------- */

static void respond_fault(struct http_response *r, enum upload_fault fault)
{
    switch (fault) {
    case UPLOAD_TOO_MANY:
        respond_problem(r, PROBLEM_RATE_LIMITED, "too many uploads at once");
        http_response_header(r, "Retry-After", "5");
        break;
    case UPLOAD_QUOTA: respond_problem(r, PROBLEM_QUOTA, NULL); break;
    case UPLOAD_TOO_LARGE: respond_problem(r, PROBLEM_TOO_LARGE, "the file is too large"); break;
    case UPLOAD_DISK_FULL: respond_problem(r, PROBLEM_DISK_FULL, NULL); break;
    default: respond_problem(r, PROBLEM_UNAVAILABLE, "the file cannot be written");
    }
}

static bool is_too_slow(uint64_t bytes, int64_t begun, int64_t wait)
{
    int64_t taken = clock_now() - begun;
    return taken > WAITS_AT_ANY_SPEED * wait &&
           bytes < (uint64_t)(taken / NS_PER_MS) * SLOWEST / 1000;
}

/* All of the body. False after the answer. */
static bool receive(const struct http_request *q, struct http_response *r, struct upload *u,
                    int64_t wait)
{
    struct buf piece = BUF_INIT;
    enum upload_fault fault = UPLOAD_FINE;
    int64_t begun = clock_now(), end = begun + wait * WAITS_IN_ALL;
    uint64_t all = 0;
    int got = 1;
    while (fault == UPLOAD_FINE) {
        int64_t deadline = clock_now() + wait;
        got = q->take_body(q->take_arg, &piece, deadline < end ? deadline : end);
        if (got <= 0)
            break;
        all += (uint64_t)got;
        fault = upload_write(u, piece.data, (size_t)got);
        if (fault == UPLOAD_FINE && all < q->length &&
            (clock_now() >= end || is_too_slow(all, begun, wait)))
            got = ERR_TIMEOUT;
        if (got < 0)
            break;
    }
    buf_fini(&piece);
    if (fault != UPLOAD_FINE)
        respond_fault(r, fault);
    else if (got == ERR_TIMEOUT) {
        respond_problem(r, PROBLEM_BAD_REQUEST, "the upload is too slow");
        r->status = 408;
    } else if (got != 0 || all != q->length)
        respond_problem(r, PROBLEM_BAD_REQUEST, "the upload ended too early");
    else
        return true;
    r->close = true;
    return false;
}

/* Everything has come and is on the disk: the hub is told, and answers. */
static bool announce(struct http *h, const struct visitor *v, const struct file *f,
                     struct http_response *r)
{
    const struct asker a = asker_of(&v->who);
    if (hub_uploaded(h->hub, &a, v->session, f, &r->owned) != 0)
        respond_problem(r, PROBLEM_UNAVAILABLE, NULL);
    else
        respond_json(r, respond_status(&r->owned));
    return r->status == 200;
}

static void upload(struct http *h, const struct http_request *q, const struct visitor *v,
                   struct file *f, struct http_response *r)
{
    struct upload *u;
    uint64_t used = 0;
    const char *name = http_request_arg(q, "name");
    enum upload_fault fault = upload_begin(h->files, f->user_id, q->address, q->length, &u);
    if (fault != UPLOAD_FINE) {
        metric_add(METRIC_UPLOADS_REFUSED, 1);
        respond_fault(r, fault);
        return;
    }
    if (store_files_of(h->store, f->user_id, &used) != 0)
        fault = UPLOAD_FAILED;
    else
        fault = upload_allowed(u, used);
    bool whole = fault == UPLOAD_FINE && receive(q, r, u, files_config(h->files)->wait);
    if (whole)
        fault = upload_finish(u, name != NULL ? name : "", f);
    if (fault != UPLOAD_FINE && r->status == 0)
        respond_fault(r, fault);
    upload_end(u, whole && fault == UPLOAD_FINE && announce(h, v, f, r));
}

/* What can be said before anything is asked of anybody; NULL: nothing. */
static const char *why_not_sent(const struct http *h, const struct http_request *q,
                                enum problem *problem)
{
    static const char form[] = "multipart/";
    *problem = PROBLEM_UNSUPPORTED;
    if (q->content_type != NULL && strncasecmp(q->content_type, form, sizeof form - 1) == 0)
        return "send the file as the body, as it is, not a form";
    *problem = PROBLEM_BAD_REQUEST;
    if (!q->streams || q->length == 0)
        return "there is no file: it is the body, and Content-Length says how long it is";
    *problem = PROBLEM_TOO_LARGE;
    return q->length > files_config(h->files)->max_file ? "the file is too large" : NULL;
}

void post_file(struct http *h, const struct http_request *q, struct http_response *r)
{
    struct file f = {.size = 0};
    struct visitor v;
    enum problem problem;
    const char *room = http_request_arg(q, "room");
    if (h->files == NULL || !is_own_page(h, q)) {
        respond_problem(r, PROBLEM_FORBIDDEN,
                        h->files == NULL ? "this server takes no files"
                                         : "pages of this origin may not send files (--origin)");
        return;
    }
    const char *detail = why_not_sent(h, q, &problem);
    if (detail != NULL) {
        respond_problem(r, problem, detail);
    } else if (room == NULL || !text_is_name(room, strlen(room))) {
        respond_problem(r, PROBLEM_INVALID_ROOM, NULL);
    } else if (meet(h, q, r, &v)) {
        const struct asker a = asker_of(&v.who);
        strcpy(f.room, room);
        problem = hub_admit(h->hub, &a, v.session, room, NULL, 0, f.user_id);
        int64_t wait = problem == PROBLEM_NONE ? charge(h, q, f.user_id, RATE_REQUESTS) : 0;
        if (problem != PROBLEM_NONE)
            respond_problem(r, problem, NULL);
        else if (wait > 0)
            respond_too_fast(r, NULL, wait);
        else
            upload(h, q, &v, &f, r);
        free(v.who.grants);
    }
}

/* ---- downloads ----------------------------------------------------------------------------------- */

/* RFC 9110, 14.1.2: one range of bytes; anything else is as if none were asked for. 0: all of it, 1: a part, -1: there
 * is no such part. */
static int find_range(const char *range, uint64_t size, uint64_t *first, uint64_t *n)
{
    char *end;
    *first = 0;
    *n = size;
    if (range == NULL || strncmp(range, "bytes=", 6) != 0 || strlen(range) > 48 ||
        strspn(range + 6, "0123456789-") != strlen(range + 6))
        return 0;
    range += 6;
    const char *dash = strchr(range, '-');
    if (dash == NULL || dash != strrchr(range, '-') || dash[1 + strspn(dash + 1, "0123456789")] ||
        strlen(range) == 1 || dash - range > 18 || strlen(dash) > 19)
        return 0;
    uint64_t from = strtoull(range, &end, 10), to = strtoull(dash + 1, NULL, 10);
    if (dash == range) { /* so many at the end */
        if (to == 0)
            return -1;
        *first = to < size ? size - to : 0;
        *n = size - *first;
        return 1;
    }
    if (dash[1] == '\0' || to >= size)
        to = size - 1;
    if (dash[1] != '\0' && strtoull(dash + 1, NULL, 10) < from)
        return 0;
    if (from >= size)
        return -1;
    *first = from;
    *n = to - from + 1;
    return 1;
}

/* RFC 6266: the name for those who know only ASCII, and as it is. */
static void add_disposition(struct buf *to, const struct file *f, bool inside)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    buf_add_str(to, inside ? "inline; filename=\"" : "attachment; filename=\"");
    for (const unsigned char *p = (const unsigned char *)f->name; *p != '\0'; p++)
        if (*p < 0x80)
            buf_add_char(to, *p == '"' || *p == '\\' || *p < ' ' ? '_' : (char)*p);
        else if ((*p & 0xC0) != 0x80)
            buf_add_char(to, '_');
    buf_add_str(to, "\"; filename*=UTF-8''");
    for (const unsigned char *p = (const unsigned char *)f->name; *p != '\0'; p++)
        if (strchr(plain, *p) != NULL)
            buf_add_char(to, (char)*p);
        else
            buf_printf(to, "%%%02X", *p);
    buf_add_char(to, '\0');
}

/* Headers borrow from the response: all texts first, then where they are. */
static void describe(const struct http_request *q, struct http_response *r, const struct file *f,
                     bool thumbnail, uint64_t size)
{
    uint64_t first, n;
    int part = find_range(q->range, size, &first, &n);
    bool picture = thumbnail || files_is_picture(f->type);
    size_t etag = 0, disposition, range, type;
    buf_clear(&r->owned);
    buf_printf(&r->owned, "\"%s%s\"", f->id, thumbnail ? "-t" : "");
    buf_add_char(&r->owned, '\0');
    disposition = r->owned.len;
    add_disposition(&r->owned, f, picture);
    range = r->owned.len;
    if (part < 0)
        buf_printf(&r->owned, "bytes */%llu", (unsigned long long)size);
    else
        buf_printf(&r->owned, "bytes %llu-%llu/%llu", (unsigned long long)first,
                   (unsigned long long)(first + n - 1), (unsigned long long)size);
    buf_add_char(&r->owned, '\0');
    type = r->owned.len;
    buf_add_str(&r->owned, thumbnail ? "image/webp" : f->type);
    buf_add_char(&r->owned, '\0');

    const char *texts = r->owned.data;
    bool known = q->if_none_match != NULL && (strcmp(q->if_none_match, "*") == 0 ||
                                              strstr(q->if_none_match, texts + etag) != NULL);
    r->status = known ? 304 : part < 0 ? 416 : part > 0 ? 206 : 200;
    r->type = texts + type;
    r->offset = first;
    r->body_len = r->status == 416 ? 0 : (size_t)n;
    r->no_body = r->status == 304 || r->status == 416;
    http_response_header(r, "ETag", texts + etag);
    http_response_header(r, "Content-Disposition", texts + disposition);
    if (r->status == 206 || r->status == 416)
        http_response_header(r, "Content-Range", texts + range);
    http_response_header(r, "Accept-Ranges", "bytes");
    /* Asked for again each time, because the message may be gone; a tag is all it takes. */
    http_response_header(r, "Cache-Control", "private, no-cache");
    http_response_header(r, "X-Content-Type-Options", "nosniff");
    http_response_header(r, "Content-Security-Policy", SANDBOX);
    http_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
    http_response_header(r, "Referrer-Policy", "no-referrer");
}

/* Who may not see it is not told that it is there. */
static enum problem why_not_given(struct http *h, const struct visitor *v, const struct file *f,
                                  uint64_t written)
{
    char user_id[NAME_MAX_BYTES + 1];
    const struct asker a = asker_of(&v->who);
    enum problem problem = hub_admit(h->hub, &a, v->session, f->room, f, written, user_id);
    return problem == PROBLEM_NO_SUCH_ROOM ? PROBLEM_UNKNOWN_FILE : problem;
}

static enum problem give(struct http *h, const struct http_request *q, const struct visitor *v,
                         struct http_response *r)
{
    struct file f;
    uint64_t size;
    char id[FILE_ID_LEN + 1];
    const char *at = q->path + strlen("/files/"), *rest = at + strcspn(at, "/");
    bool thumbnail = strcmp(rest, "/thumbnail") == 0;
    if (!file_is_id(at, (size_t)(rest - at)))
        return PROBLEM_UNKNOWN_FILE;
    memcpy(id, at, FILE_ID_LEN);
    id[FILE_ID_LEN] = '\0';
    uint64_t written = store_written(h->store);
    int err = store_file(h->store, id, &f);
    if (err != 0)
        return err == ERR_NOTFOUND ? PROBLEM_UNKNOWN_FILE : PROBLEM_UNAVAILABLE;
    enum problem problem = why_not_given(h, v, &f, written);
    if (problem != PROBLEM_NONE)
        return problem;
    int fd = files_get(h->files, id, thumbnail, &size);
    if (fd < 0)
        return PROBLEM_UNKNOWN_FILE;
    r->from_file = true;
    r->fd = fd;
    describe(q, r, &f, thumbnail, size);
    metric_add(METRIC_DOWNLOADS, 1);
    return PROBLEM_NONE;
}

/* Each user has an allowance, and those that are none by address. 0, or ns until it is in order. */
static int64_t charge_visit(struct http *h, const struct http_request *q, const struct visitor *v)
{
    char user_id[NAME_MAX_BYTES + 1] = "";
    if (v->session[0] == '\0')
        return charge(h, q, asker_of(&v->who).user_id, RATE_FILES);
    rcu_read_lock();
    const struct session *s = directory_find_session(hub_directory(h->hub), v->session);
    if (s != NULL)
        strcpy(user_id, s->user_id);
    rcu_read_unlock();
    return charge(h, q, user_id[0] != '\0' ? user_id : NULL, RATE_FILES);
}

void get_file(struct http *h, const struct http_request *q, struct http_response *r)
{
    struct visitor v;
    if (h->files == NULL) {
        respond_problem(r, PROBLEM_UNKNOWN_FILE, NULL);
        return;
    }
    if (!meet(h, q, r, &v))
        return;
    int64_t wait = charge_visit(h, q, &v);
    enum problem problem = wait > 0 ? PROBLEM_NONE : give(h, q, &v, r);
    if (wait > 0)
        respond_too_fast(r, NULL, wait);
    else if (problem != PROBLEM_NONE)
        respond_problem(r, problem, NULL);
    free(v.who.grants);
}
