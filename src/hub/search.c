/* Looking for words in what was said, or for whom it mentions, in all rooms that the user may read. Whoever asks searches
 * the disk (errand.h) and brings what was found; here is known who may see it, and what has become of it since. When too
 * little is left, it goes on behind that, and no more in the rooms that the user was seen not to be allowed to read.
 * Without a disk, it is what is in memory of one room, or of those that one is in. */
#include "hub/hub_private.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/query.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    USUAL = 20,
    SPARE = 4,      /* times what is asked for, each time that it wasn't enough */
    WITHOUT = 4096, /* logs, at most */
};

/* What is about to be answered. */
struct result {
    struct found_row rows[SEARCH_LIMIT]; /* the messages are borrowed */
    size_t n, limit, bytes;
    size_t seen;   /* of what was found */
    bool doubtful; /* something was left out that a second look may show */
    bool waits;    /* for what has to be known of the user first */
    bool partial;  /* not all was looked at */
};

static void add(struct result *to, const char *room, const struct history_row *row)
{
    to->bytes += row_weight(row);
    if (to->bytes > PAGE_BYTES && to->n > 0) {
        to->limit = to->n;
        to->seen -= to->seen > 0; /* this one is for the next page */
        return;
    }
    strcpy(to->rows[to->n].room, room);
    to->rows[to->n++].row = *row;
}

static void answer(struct hub *h, struct event *e, const struct viewer *v, const struct result *x)
{
    bool in_room = e->request.type == REQUEST_SEARCH && e->request.room[0] != '\0';
    char cursor[NAME_MAX_BYTES + 1] = "";
    const struct found_page *found = e->errand == NULL ? NULL : &e->errand->found;
    bool more = found != NULL && (x->seen < found->n || found->more);
    if (e->request.type == REQUEST_MENTIONS && more) {
        struct found_place last = e->errand->last;
        if (x->seen < found->n) {
            const struct found_row *row = &found->rows[x->seen - 1];
            last = (struct found_place){row->row.message->ts, row->log, row->row.message->seq};
        }
        snprintf(cursor, sizeof cursor, "%lld.%llu.%llu", (long long)last.ts,
                 (unsigned long long)last.log, (unsigned long long)last.seq);
    }
    encode_search(scratch(h), e->type != EVENT_READ, e->request.id,
                  in_room ? e->request.room : NULL, x->rows, x->n, cursor, x->partial,
                  v->user_id == NULL ? 0 : user_mark(v->user_id));
    reply_scratch(h, e);
}

/* ---- what was found on the disk ------------------------------------------------------------------ */

enum verdict {
    SHOWN,  /* or may be, when the errand has been run again */
    PASSED, /* not this one */
    CLOSED, /* nothing of this room */
};

/* A room that is not in memory is open to all, if the name was nobody else's meanwhile. */
static enum verdict sift_absent(struct hub *h, const struct event *e, const struct viewer *v,
                                const struct found_row *f, struct result *to)
{
    if (!errand_is_recent(h, e, f->room))
        to->doubtful = true;
    else if (text_is_pair_room(f->room) ? why_not_pair(h, f->room, v->user_id) == PROBLEM_NONE
                                        : v->grants == NULL || grants_find(v->grants, f->room) >= 0)
        add(to, f->room, &f->row);
    else
        return CLOSED;
    return SHOWN;
}

/* An edit may take away the words, but not whom the message mentions. */
static bool says_the_same(const struct event *e, const struct message *now,
                          const struct message *found)
{
    return e->request.type == REQUEST_MENTIONS || now->edited_ts == found->edited_ts;
}

static enum verdict sift(struct hub *h, struct event *e, const struct viewer *v,
                         const struct found_row *f, struct result *to)
{
    const struct room *r = room_in_memory(h, f->room);
    const struct message *m = f->row.message;
    uint64_t shown;
    if (r == NULL)
        return sift_absent(h, e, v, f, to);
    if (why_not_read(h, r, v) != PROBLEM_NONE)
        return CLOSED;
    if (m->seq > r->seq || m->ts < r->begun)
        return PASSED; /* the log is another one by now */
    to->waits = !know_shown(h, e, r, v, &shown);
    if (to->waits)
        return SHOWN; /* it is looked at again */
    if (m->seq < shown)
        return PASSED;
    const struct slot *s = history_find(&r->history, m->seq);
    uint64_t then = e->errand->before->written;
    if (s == NULL && (r->history.gone > then || r->begun_by > then))
        to->doubtful = true; /* this one, perhaps */
    else if (s == NULL)
        add(to, f->room, &f->row);
    else if (!s->message->deleted && s->message->ts == m->ts && says_the_same(e, s->message, m))
        add(to, f->room, &(struct history_row){s->message, s->reactions});
    else
        return PASSED;
    return SHOWN;
}

static void close_log(struct errand *x, uint64_t log)
{
    for (size_t i = 0; i < x->nwithout; i++)
        if (x->without[i] == log)
            return;
    if (x->nwithout == WITHOUT)
        return;
    if (x->without == NULL)
        x->without = xmalloc(WITHOUT * sizeof x->without[0]);
    x->without[x->nwithout++] = log;
}

/* What cannot be shown goes. */
static void sift_all(struct hub *h, struct event *e, const struct viewer *v, struct result *to)
{
    struct found_page *found = &e->errand->found;
    size_t kept = 0;
    for (size_t i = 0; i < found->n; i++) {
        struct found_row *f = &found->rows[i];
        enum verdict verdict = SHOWN;
        if (to->n < to->limit && !to->waits) {
            to->seen++;
            verdict = sift(h, e, v, f, to);
        }
        if (verdict == SHOWN) {
            found->rows[kept++] = *f;
            continue;
        }
        to->seen--;
        if (verdict == CLOSED)
            close_log(e->errand, f->log);
        message_unref(f->row.message);
        reactions_fini(&f->row.reactions);
    }
    found->n = kept;
}

/* True: more is being looked for. */
static bool look_again(struct hub *h, struct event *e, enum need need, const struct result *x)
{
    struct errand *errand = e->errand;
    uint64_t had = errand->to, next = had * SPARE < SEARCH_MAX ? had * SPARE : SEARCH_MAX;
    if (x->n >= x->limit)
        return false;
    if (x->doubtful)
        return errand_need(h, e, need, 0, had, NULL);
    if (!errand->found.more || errand->found.late || clock_now() >= errand->give_up_at ||
        !errand_need(h, e, need, 0, next, NULL))
        return false;
    errand->goes_on = true;
    return true;
}

static void refuse_to_search(struct hub *h, struct event *e, int err)
{
    refuse(h, e, PROBLEM_UNAVAILABLE,
           err == ERR_TIMEOUT ? "too much has these words: look for rarer ones, or in one room"
           : err == ERR_FULL  ? "too many are searching, try again"
                              : "what is kept cannot be read, try again");
}

static void search_disk(struct hub *h, struct event *e, enum need need, const struct viewer *v,
                        size_t limit)
{
    const struct errand *x = e->errand;
    bool had = x != NULL && x->have & need;
    if (!had && errand_need(h, e, need, 0, limit * SPARE, NULL))
        return;
    if (!had || x->err != 0) {
        refuse_to_search(h, e, had ? x->err : ERR_SYSTEM);
        return;
    }
    struct result result = {.limit = limit};
    sift_all(h, e, v, &result);
    if (result.waits || look_again(h, e, need, &result))
        return;
    bool more = x->found.more || result.seen < x->found.n;
    result.partial =
        need == NEED_SEARCH && result.n < limit && (more || result.doubtful || x->found.partial);
    if (need == NEED_SEARCH && result.n == 0 && x->found.more) {
        refuse_to_search(h, e, ERR_TIMEOUT);
        return;
    }
    /* Of a room where nobody is, no more is known than what was found. */
    const char *room = e->request.room;
    if (need == NEED_SEARCH && result.n == 0 && room[0] != '\0' && !text_is_pair_room(room) &&
        find_room(h, room) == NULL)
        refuse(h, e, PROBLEM_NO_SUCH_ROOM, NULL);
    else
        answer(h, e, v, &result);
}

/* ---- what is in memory --------------------------------------------------------------------------- */

/* Of those that may be seen. Where nothing is kept, nothing has to be fetched to know that. */
static uint64_t first_in_memory(struct hub *h, struct event *e, const struct room *r,
                                const struct viewer *v)
{
    uint64_t shown = 0, first = history_first(&r->history, r->seq);
    INSIST(know_shown(h, e, r, v, &shown));
    return shown > first ? shown : first;
}

/* Does it have all the words? */
static bool has_words(const struct message *m, const struct query_word *words, size_t n,
                      struct buf *text)
{
    char word[QUERY_MAX + 1];
    buf_clear(text);
    protocol_unquote(text, m->content);
    buf_add_char(text, '\0');
    for (size_t i = 0; i < n; i++) {
        memcpy(word, words[i].text, words[i].len);
        word[words[i].len] = '\0';
        if (strcasestr(text->data, word) == NULL)
            return false;
    }
    return n > 0;
}

static void search_memory(struct hub *h, struct event *e, const struct viewer *v,
                          const struct room *r, size_t limit)
{
    struct query_word words[QUERY_WORDS];
    struct result result = {.limit = limit};
    struct buf text = BUF_INIT;
    size_t n = query_words(e->request.text, words);
    uint64_t first = first_in_memory(h, e, r, v);
    for (uint64_t seq = r->seq; seq >= first && result.n < result.limit; seq--) {
        const struct slot *s = history_find(&r->history, seq);
        if (s != NULL && !s->message->deleted && has_words(s->message, words, n, &text))
            add(&result, r->name, &(struct history_row){s->message, s->reactions});
    }
    buf_fini(&text);
    answer(h, e, v, &result);
}

/* ---- both ---------------------------------------------------------------------------------------- */

void answer_search(struct hub *h, struct event *e, const struct viewer *v)
{
    const struct request *q = &e->request;
    struct room *r = q->room[0] == '\0' ? NULL : find_room(h, q->room);
    enum problem problem = text_is_pair_room(q->room) ? why_not_pair(h, q->room, v->user_id)
                           : r == NULL                ? PROBLEM_NONE
                                                      : why_not_read(h, r, v);
    size_t limit = q->args->limit == 0 ? USUAL : q->args->limit;
    if (problem != PROBLEM_NONE)
        refuse(h, e, problem, NULL);
    else if (h->config.store != NULL)
        search_disk(h, e, NEED_SEARCH, v, limit);
    else if (r != NULL)
        search_memory(h, e, v, r, limit);
    else if (q->room[0] != '\0')
        refuse(h, e, PROBLEM_NO_SUCH_ROOM, NULL);
    else
        refuse(h, e, PROBLEM_BAD_REQUEST, "nothing is kept here: say in which room");
}

void on_search(struct hub *h, struct event *e)
{
    const struct viewer v = viewer_of(e);
    answer_search(h, e, &v);
}

/* ---- mentions ------------------------------------------------------------------------------------ */

bool place_of(const char *cursor, struct found_place *out)
{
    unsigned long long ts, log, seq;
    int end = 0;
    *out = (struct found_place){.ts = INT64_MAX};
    if (cursor[0] == '\0')
        return true;
    if (strspn(cursor, "0123456789.") != strlen(cursor) ||
        sscanf(cursor, "%15llu.%15llu.%15llu%n", &ts, &log, &seq, &end) != 3 || cursor[end] != '\0')
        return false;
    *out = (struct found_place){.ts = (int64_t)ts, .log = log, .seq = seq};
    return true;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const struct found_row *)a)->row.message->ts,
            y = ((const struct found_row *)b)->row.message->ts;
    return (x < y) - (x > y);
}

/* Of one room, at most `limit`; how many. */
static size_t gather_mentions(const struct room *r, uint64_t first, const char *quoted,
                              struct found_row *rows, size_t limit)
{
    size_t n = 0;
    for (uint64_t seq = r->seq; seq >= first && n < limit; seq--) {
        const struct slot *s = history_find(&r->history, seq);
        if (s == NULL || strstr(s->message->mentions, quoted) == NULL)
            continue;
        strcpy(rows[n].room, r->name);
        rows[n++].row = (struct history_row){s->message, s->reactions};
    }
    return n;
}

static void mentions_in_memory(struct hub *h, struct event *e, const struct viewer *v, size_t limit)
{
    struct found_row rows[2 * SEARCH_LIMIT];
    struct result result = {.limit = limit};
    size_t n = 0;
    struct buf quoted = BUF_INIT;
    protocol_quote(&quoted, v->user_id, strlen(v->user_id));
    buf_add_char(&quoted, '\0');
    for (const struct member *m = e->session->members; m != NULL; m = m->next) {
        n += gather_mentions(m->room, first_in_memory(h, e, m->room, v), quoted.data, rows + n,
                             limit);
        qsort(rows, n, sizeof rows[0], newest_first);
        n = n < limit ? n : limit;
    }
    buf_fini(&quoted);
    for (size_t i = 0; i < n && result.n < result.limit; i++)
        add(&result, rows[i].room, &rows[i].row);
    answer(h, e, v, &result);
}

void on_mentions(struct hub *h, struct event *e)
{
    const struct viewer v = viewer_of(e);
    struct found_place from;
    size_t limit = e->request.args->limit == 0 ? USUAL : e->request.args->limit;
    if (!place_of(e->request.cursor, &from))
        refuse(h, e, PROBLEM_BAD_REQUEST, "cursor is the one of an earlier reply");
    else if (h->config.store != NULL)
        search_disk(h, e, NEED_MENTIONS, &v, limit);
    else
        mentions_in_memory(h, e, &v, limit);
}
