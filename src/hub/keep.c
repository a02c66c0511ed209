/* What outlives the server: changes on their way to the store and back.
 *
 * A change is done in memory at once; whoever asked hears `ok` when it is on the disk. Rooms that are not kept
 * hold no records: then, and without a store, the reply goes out immediately. */
#include "hub/hub_private.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>
#include <stdlib.h>
#include <string.h>

/* Who waits for a change, and what it is told. */
struct note {
    struct note *next; /* others wait for the same */
    char session_id[SESSION_ID_MAX + 1];
    char request_id[REQUEST_ID_MAX + 1];
    char room[NAME_MAX_BYTES + 1];
    struct buf reply;      /* empty: nothing when it went well */
    struct errand *errand; /* of an upload: its asker waits; else NULL */
};

/* ---- records ------------------------------------------------------------------------------------- */

struct change *change_begin(const struct hub *h)
{
    return h->config.store == NULL ? NULL : change_new();
}

/* NULL when there is nothing to keep. r NULL: of the server. */
static struct record *add(struct change *c, const struct room *r, enum record_type type)
{
    if (c == NULL || (r != NULL && !r->kept && type != RECORD_ROOM_GONE))
        return NULL;
    struct record *record = change_add(c, type);
    strcpy(record->room, r == NULL ? "" : r->name);
    return record;
}

void keep_room(struct change *c, const struct room *r)
{
    struct record *record = add(c, r, RECORD_ROOM);
    if (record == NULL)
        return;
    const struct room_info *info = room_info(r);
    record->title = xstrdup(info->title);
    record->topic = xstrdup(info->topic);
    record->password = xstrdup(info->password);
    record->visibility = info->visibility;
    record->max_users = info->max_users;
    record->slow_mode = info->slow_mode;
    record->hides_past = info->hides_past;
}

void keep_room_gone(struct change *c, const struct room *r)
{
    add(c, r, RECORD_ROOM_GONE);
}

void keep_rank(struct change *c, const struct room *r, const char *user_id)
{
    struct record *record = add(c, r, RECORD_RANK);
    if (record == NULL)
        return;
    const struct affiliation *a = roster_find(r->roster, user_id);
    strcpy(record->user_id, user_id);
    if (a != NULL)
        strcpy(record->username, a->username);
    record->rank = a == NULL ? RANK_GUEST : a->rank;
}

static void add_entry(struct change *c, const struct room *r, enum record_type type,
                      const struct entry *e)
{
    struct record *record = add(c, r, type);
    if (record == NULL)
        return;
    record->entry = e->entry;
    record->action = e->action;
    strcpy(record->user_id, e->user_id);
    strcpy(record->username, e->username);
    strcpy(record->by, e->by);
    strcpy(record->by_id, e->by_id);
    record->by_rank = e->by_rank;
    record->rank = e->rank;
    record->reason = xstrdup(e->reason);
    record->ts = e->ts;
    record->until = e->until;
    record->undone = e->undone;
}

void keep_entry(struct change *c, const struct room *r, const struct entry *e)
{
    add_entry(c, r, RECORD_LEDGER, e);
}

void keep_sanction(struct change *c, const struct room *r, const struct entry *e)
{
    add_entry(c, r, RECORD_SANCTION, e);
}

void keep_sanction_gone(struct change *c, const struct room *r, enum action a, const char *user_id)
{
    struct record *record = add(c, r, RECORD_SANCTION_GONE);
    if (record == NULL)
        return;
    record->action = a;
    strcpy(record->user_id, user_id);
}

void keep_address(struct change *c, const char *user_id, const char *address)
{
    struct record *record = add(c, NULL, RECORD_ADDRESS);
    if (record == NULL)
        return;
    strcpy(record->user_id, user_id);
    strcpy(record->address, address);
}

void keep_addresses_gone(struct change *c, const char *user_id)
{
    struct record *record = add(c, NULL, RECORD_ADDRESS_GONE);
    if (record != NULL)
        strcpy(record->user_id, user_id);
}

void keep_invite(struct change *c, const struct room *r, const struct invite *i)
{
    struct record *record = add(c, r, RECORD_INVITE);
    if (record == NULL)
        return;
    strcpy(record->code, i->code);
    strcpy(record->user_id, i->user_id);
    strcpy(record->by_id, i->by_id);
    record->until = i->until;
}

void keep_invite_gone(struct change *c, const struct room *r, const char *code)
{
    struct record *record = add(c, r, RECORD_INVITE_GONE);
    if (record != NULL)
        strcpy(record->code, code);
}

/* ---- there and back ------------------------------------------------------------------------------ */

static struct note *note_new(struct hub *h, const struct event *e)
{
    struct note *n = xcalloc(1, sizeof *n);
    strcpy(n->session_id, e->session->id);
    strcpy(n->request_id, e->request.id);
    strcpy(n->room, e->request.room);
    if (wants_reply(e))
        buf_add(&n->reply, h->scratch.data, h->scratch.len);
    return n;
}

/* What its asker hears when it didn't go well. */
static void fail_errand(struct hub *h, struct note *n, const char *detail)
{
    if (n->errand == NULL)
        return;
    forget_upload(h, n->errand->file->id);
    buf_clear(&n->errand->text);
    encode_http_error(&n->errand->text, PROBLEM_DISK_FULL, detail);
    errand_done(n->errand);
    n->errand = NULL;
}

static void drop(struct hub *h, struct change *c)
{
    for (struct note *n = c->note, *next; n != NULL; n = next) {
        next = n->next;
        fail_errand(h, n, "the server is stopping");
        buf_fini(&n->reply);
        free(n);
    }
    c->note = NULL;
    change_free(c);
}

/* In the order in which it was done. */
static int post(struct hub *h, struct change **c)
{
    if (*c != h->log)
        flush_log(h);
    int err = store_post(h->config.store, c);
    if (err == 0)
        h->posted++;
    return err;
}

void confirm_change(struct hub *h, const struct event *e, struct change **c)
{
    struct change *change = *c;
    *c = NULL;
    if (change == NULL || change->first == NULL) {
        if (change != NULL)
            change_free(change);
        if (wants_reply(e))
            reply_scratch(h, e);
        return;
    }
    if (is_for_web(e))
        reply_scratch(h, e); /* a web request does not wait for the disk */
    else
        change->note = note_new(h, e);
    if (post(h, &change) != 0) { /* of a join: others were refused before */
        drop(h, change);
        if (!is_for_web(e))
            refuse(h, e, PROBLEM_UNAVAILABLE, "done, but not saved: the disk is behind");
    }
}

void keep_upload(struct hub *h, struct event *e, const struct file *f)
{
    struct change *c = change_new();
    struct record *record = change_add(c, RECORD_FILE);
    strcpy(record->room, f->room);
    record->file = xmalloc(sizeof *record->file);
    *record->file = *f;
    struct note *n = xcalloc(1, sizeof *n);
    n->errand = e->errand;
    e->errand = NULL; /* its asker waits on */
    c->note = n;
    note_upload(h, f);
    encode_uploaded(&n->errand->text, f);
    if (post(h, &c) != 0)
        drop(h, c);
}

uint64_t keep_quietly(struct hub *h, struct change **c)
{
    struct change *change = *c;
    *c = NULL;
    if (change == NULL)
        return 0;
    if (change->first != NULL && post(h, &change) == 0)
        return h->posted;
    change_free(change); /* a name that is old in the roster after a restart is no harm */
    return 0;
}

static void tell_stored(struct hub *h, struct note *n, int err)
{
    if (n->errand != NULL && err == 0) {
        errand_done(n->errand);
        n->errand = NULL;
        return;
    }
    fail_errand(h, n, "the disk is full or read-only");
    rcu_read_lock();
    struct session *s = directory_find_session(h->directory, n->session_id);
    rcu_read_unlock(); /* the hub alone removes sessions */
    if (s != NULL && err != 0) {
        encode_error(scratch(h), s->dialect, PROBLEM_UNAVAILABLE,
                     "done, but not saved yet: the disk is full or read-only", n->request_id,
                     n->room, 0);
        send_scratch(h, s->outbox);
    } else if (s != NULL && n->reply.len > 0) {
        outbox_post(s->outbox, frame_new(FRAME_TEXT, n->reply.data, n->reply.len));
    }
}

void on_stored(struct hub *h, struct event *e)
{
    for (struct note *n = e->change->note; n != NULL; n = n->next)
        tell_stored(h, n, e->err);
    drop(h, e->change);
}

/* ---- logs ---------------------------------------------------------------------------------------- */

enum { LOG_RECORDS = 512 }; /* of one change */

uint64_t written(const struct hub *h)
{
    return h->config.store == NULL ? UINT64_MAX : store_written(h->config.store);
}

bool is_unwritten(const struct hub *h, const struct room *r)
{
    return r->change > 0 && r->change > written(h);
}

void flush_log(struct hub *h)
{
    if (h->log == NULL)
        return;
    if (post(h, &h->log) != 0) { /* only when the store was stopped: see STORE_SPARE */
        log_error("hub: what was said is not kept: the disk is behind");
        drop(h, h->log);
    }
    h->log = NULL;
    h->log_notes = NULL;
    h->nlog = 0;
}

/* NULL without a store. */
static struct record *log_add(struct hub *h, struct room *r, enum record_type type)
{
    if (h->config.store == NULL)
        return NULL;
    if (h->nlog == LOG_RECORDS)
        flush_log(h);
    if (h->log == NULL)
        h->log = change_new();
    h->nlog++;
    struct record *record = change_add(h->log, type);
    strcpy(record->room, r->name);
    r->change = h->posted + 1;
    return record;
}

void log_epoch(struct hub *h, struct room *r)
{
    if (r->epoch_noted || h->config.store == NULL || store_full(h->config.store))
        return;
    struct record *record = log_add(h, r, RECORD_EPOCH);
    strcpy(record->epoch, r->epoch);
    record->seq = r->seq;
    r->epoch_noted = true;
}

uint64_t log_message(struct hub *h, struct room *r, struct message *m)
{
    struct record *record = log_add(h, r, RECORD_MESSAGE);
    if (record != NULL)
        record->message = message_ref(m);
    return r->change;
}

uint64_t log_reaction(struct hub *h, struct room *r, uint64_t seq, const char *user_id,
                      const char *emoji, bool on)
{
    struct record *record = log_add(h, r, on ? RECORD_REACTION : RECORD_REACTION_GONE);
    if (record != NULL) {
        record->seq = seq;
        strcpy(record->user_id, user_id);
        strcpy(record->emoji, emoji);
    }
    return r->change;
}

void hurry_log(struct hub *h)
{
    if (h->log != NULL)
        h->log->urgent = true;
}

void wait_for_log(struct hub *h)
{
    if (h->log == NULL && h->config.store != NULL)
        h->log = change_new(); /* one that changes nothing comes back after those before it */
}

void log_gone(struct hub *h, struct room *r)
{
    forget_uploads(h, r->name);
    log_add(h, r, RECORD_LOG_GONE);
}

void log_entry(struct hub *h, struct room *r, const struct entry *e)
{
    if (h->log != NULL)
        keep_entry(h->log, r, e);
}

void confirm_log(struct hub *h, const struct event *e)
{
    if (!wants_reply(e))
        return;
    if (h->log == NULL) {
        reply_scratch(h, e);
        return;
    }
    struct note *n = note_new(h, e);
    if (h->log_notes == NULL)
        h->log->note = n;
    else
        h->log_notes->next = n;
    h->log_notes = n;
}

/* On the store's thread. */
static void hand_back(void *arg, struct change *c, int err)
{
    struct hub *h = arg;
    if (c->note == NULL) {
        change_free(c);
        return;
    }
    struct event *e = event_new(EVENT_STORED);
    e->change = c;
    e->err = err;
    if (hub_post(h, &e, DEADLINE_NEVER) != 0)
        drop(h, c); /* the hub has stopped, so nobody waits */
}

int hub_start(struct hub *h)
{
    enum { HUB_STACK = 256 * 1024 };
    if (h->config.store != NULL && store_start(h->config.store, hand_back, h) != 0)
        return ERR_LIMIT;
    return thread_start(&h->thread, "hub", HUB_STACK, hub_main, h);
}

static bool drop_room(void *arg, struct room *r)
{
    struct hub *h = arg;
    directory_remove_room(h->directory, r);
    count_rooms(r, -1);
    room_free_later(r);
    return true;
}

void hub_stop(struct hub *h)
{
    channel_close(&h->inbox);
    if (h->thread != NULL) /* it never started */
        thread_join(h->thread);
    flush_log(h);
    end_marks(h);
    if (h->config.store != NULL)
        store_stop(h->config.store);
    rcu_read_lock();
    directory_each_room(h->directory, drop_room, h); /* the kept ones: the others are gone */
    rcu_read_unlock();
}
