/* What is read from the store at the start, before the hub's thread runs. */
#include "hub/hub_private.h"

#include <hubbub/check.h>
#include <hubbub/metrics.h>
#include <string.h>

static void load_room(struct hub *h, const struct record *record)
{
    struct room *r = open_room(h, record->room, NULL);
    struct room_info info = {.visibility = record->visibility,
                             .max_users = record->max_users,
                             .slow_mode = record->slow_mode,
                             .hides_past = record->hides_past};
    text_copy(info.title, sizeof info.title, record->title, strlen(record->title));
    text_copy(info.topic, sizeof info.topic, record->topic, strlen(record->topic));
    text_copy(info.password, sizeof info.password, record->password, strlen(record->password));
    room_set_info(r, &info);
    room_set_kept(r, true);
    h->nrooms++;
    metric_add(METRIC_KEPT_ROOMS, 1);
}

static void load_epoch(struct room *r, const struct record *record)
{
    REQUIRE(r != NULL); /* the server itself has no log */
    r->seq = record->seq;
    r->first = record->entry;
}

static void load_repeat(struct hub *h, const struct record *record)
{
    const struct message *m = record->message;
    const struct repeat what = {
        .key = repeats_key(&h->repeats, m->user_id, record->room, m->id),
        .body = m->deleted || m->edited_ts != 0 ? 0 : repeats_said(&h->repeats, m),
        .seq = m->seq,
        .ts = m->ts,
    };
    repeats_add(&h->repeats, &what);
}

static void load_entry(struct books *b, const struct record *record)
{
    const struct entry e = {
        .action = record->action,
        .by_rank = record->by_rank,
        .rank = record->rank,
        .ts = record->ts,
        .until = record->until,
        .undone = record->undone,
        .user_id = record->user_id,
        .username = record->username,
        .by = record->by,
        .by_id = record->by_id,
        .reason = record->reason,
    };
    if (record->type == RECORD_SANCTION)
        books_restore(b, &e, record->entry);
    else
        books_write(b, &e, record->entry);
}

static void load_invite(struct books *b, const struct record *record)
{
    struct invite i = {.until = record->until};
    strcpy(i.code, record->code);
    strcpy(i.user_id, record->user_id);
    strcpy(i.by_id, record->by_id);
    books_add_invite(b, &i);
}

static void load_record(void *arg, const struct record *record)
{
    struct hub *h = arg;
    if (record->type == RECORD_ROOM) {
        load_room(h, record);
        return;
    }
    if (record->type == RECORD_ADDRESS) {
        note_banned_address(h, record->user_id, record->address);
        return;
    }
    if (record->type == RECORD_PAIR || record->type == RECORD_BLOCK) {
        (record->type == RECORD_PAIR ? load_pair : load_block)(h, record);
        return;
    }
    if (record->type == RECORD_FILE) {
        note_upload(h, record->file);
        return;
    }
    if (record->type == RECORD_MESSAGE) {
        load_repeat(h, record);
        return;
    }
    struct room *r = record->room[0] == '\0' ? NULL : find_room(h, record->room);
    if (r == NULL && record->room[0] != '\0')
        return; /* of a room that is gone: harmless */
    switch (record->type) {
    case RECORD_RANK: room_set_rank(r, record->user_id, record->username, record->rank); break;
    case RECORD_LEDGER:
    case RECORD_SANCTION: load_entry(books_of(h, r), record); break;
    case RECORD_EPOCH: load_epoch(r, record); break;
    case RECORD_INVITE: load_invite(books_of(h, r), record); break;
    default: INSIST(!"a record that is not loaded");
    }
}

static bool show_bars(void *arg, struct room *r)
{
    refresh_bars(arg, r);
    return true;
}

int hub_load(struct hub *h)
{
    int err =
        h->config.store == NULL ? 0 : store_load(h->config.store, LEDGER_KEPT, load_record, h);
    rcu_read_lock();
    directory_each_room(h->directory, show_bars, h);
    rcu_read_unlock();
    refresh_bars(h, NULL);
    return err;
}
