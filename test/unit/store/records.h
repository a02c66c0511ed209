/*
 * Records for tests of the store: made in a line each, and shown as one.
 */
#ifndef HUBBUB_TEST_STORE_RECORDS_H
#define HUBBUB_TEST_STORE_RECORDS_H

#include <support/test_main.h>

#include "store/store_private.h"

#include <hubbub/buf.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <string.h>

/* ---- records -------------------------------------------------------------------------------------- */

static inline void name(char *to, const char *from)
{
    strcpy(to, from);
}

static inline struct record *add_room(struct change *c, const char *room, const char *title)
{
    struct record *r = change_add(c, RECORD_ROOM);
    name(r->room, room);
    r->title = xstrdup(title);
    return r;
}

static inline struct record *add_user(struct change *c, enum record_type type, const char *room,
                                      const char *user_id)
{
    struct record *r = change_add(c, type);
    name(r->room, room);
    name(r->user_id, user_id);
    return r;
}

static inline struct record *add_sanction(struct change *c, const char *room, const char *user_id,
                                          enum action action, int64_t until)
{
    struct record *r = add_user(c, RECORD_SANCTION, room, user_id);
    r->action = action;
    r->until = until;
    return r;
}

static inline struct record *add_ledger(struct change *c, const char *room, uint64_t entry)
{
    struct record *r = add_user(c, RECORD_LEDGER, room, "u1");
    r->entry = entry;
    return r;
}

static inline struct record *add_invite(struct change *c, const char *room, const char *code,
                                        int64_t until)
{
    struct record *r = add_user(c, RECORD_INVITE, room, "");
    name(r->code, code);
    r->until = until;
    return r;
}

static inline struct record *add_address(struct change *c, const char *user_id, const char *address)
{
    struct record *r = add_user(c, RECORD_ADDRESS, "", user_id);
    name(r->address, address);
    return r;
}

/* Begun by u1, alice. */
static inline struct record *add_pair(struct change *c, const char *room, const char *user_id,
                                      const char *username)
{
    struct record *r = add_user(c, RECORD_PAIR, room, "u1");
    name(r->username, "alice");
    name(r->by_id, user_id);
    name(r->by, username);
    r->ts = 5;
    return r;
}

static inline struct record *add_block(struct change *c, enum record_type type, const char *by_id,
                                       const char *user_id, int64_t ts)
{
    struct record *r = add_user(c, type, "", user_id);
    name(r->by_id, by_id);
    r->ts = ts;
    return r;
}

static inline struct record *add_epoch(struct change *c, const char *room, const char *epoch,
                                       uint64_t seq)
{
    struct record *r = change_add(c, RECORD_EPOCH);
    name(r->room, room);
    name(r->epoch, epoch);
    r->seq = seq;
    return r;
}

/* Of alice, said at that moment; content is put into quotes. */
static inline struct message *a_message(uint64_t seq, int64_t ts, const char *id,
                                        const char *content)
{
    char quoted[256];
    snprintf(quoted, sizeof quoted, "\"%s\"", content);
    return message_new(&(struct message){.seq = seq,
                                         .ts = ts,
                                         .user_id = "u1",
                                         .username = "alice",
                                         .id = id,
                                         .content = quoted,
                                         .content_len = strlen(quoted)});
}

/* Takes the message. */
static inline void add_said(struct change *c, const char *room, struct message *m)
{
    struct record *r = change_add(c, RECORD_MESSAGE);
    name(r->room, room);
    r->message = m;
}

/* Messages from..to, each with its seq as its text and its time. */
static inline void add_messages(struct change *c, const char *room, uint64_t from, uint64_t to)
{
    for (uint64_t seq = from; seq <= to; seq++) {
        char content[24];
        snprintf(content, sizeof content, "%llu", (unsigned long long)seq);
        add_said(c, room, a_message(seq, (int64_t)seq, "", content));
    }
}

/* Messages from..to, at the beginning of an epoch. */
static inline struct change *a_log(const char *room, const char *epoch, uint64_t from, uint64_t to)
{
    struct change *c = change_new();
    add_epoch(c, room, epoch, from - 1);
    add_messages(c, room, from, to);
    return c;
}

static inline struct record *add_reaction(struct change *c, enum record_type type, const char *room,
                                          uint64_t seq, const char *user_id, const char *emoji)
{
    struct record *r = add_user(c, type, room, user_id);
    name(r->emoji, emoji);
    r->seq = seq;
    return r;
}

/* A change of one room. */
static inline struct change *a_room(const char *room, const char *title)
{
    struct change *c = change_new();
    add_room(c, room, title);
    return c;
}

/* ---- shown ---------------------------------------------------------------------------------------- */

static inline const char *shown(const char *text)
{
    return text != NULL ? text : "NULL";
}

static inline void show_message(struct buf *b, const struct message *m)
{
    assert_int_equal(m->content_len, strlen(m->content));
    buf_printf(b, "%llu %s %s %s at %lld", (unsigned long long)m->seq, m->user_id, m->username,
               m->content, (long long)m->ts);
    if (m->id[0] != '\0')
        buf_printf(b, ", id %s", m->id);
    if (m->reply_to != 0)
        buf_printf(b, ", to %llu", (unsigned long long)m->reply_to);
    if (m->edited_ts != 0)
        buf_printf(b, ", edited %lld", (long long)m->edited_ts);
    if (m->deleted)
        buf_add_str(b, m->taken_back ? ", taken back" : ", deleted");
}

static inline void show(void *arg, const struct record *r)
{
    struct buf *b = arg;
    switch (r->type) {
    case RECORD_ROOM:
        buf_printf(b, "room %s: %s, %s, %s, %s, %u users, %u s%s\n", r->room, shown(r->title),
                   shown(r->topic), shown(r->password), visibility_name(r->visibility),
                   r->max_users, r->slow_mode, r->hides_past ? ", hides" : "");
        break;
    case RECORD_RANK:
        buf_printf(b, "rank %s: %s %s %s\n", r->room, r->user_id, r->username, rank_name(r->rank));
        break;
    case RECORD_SANCTION:
        buf_printf(b, "sanction %s: %s %s %s by %s %s %s, %s, %lld to %lld, entry %llu\n", r->room,
                   action_name(r->action), r->user_id, r->username, r->by, r->by_id,
                   rank_name(r->by_rank), shown(r->reason), (long long)r->ts, (long long)r->until,
                   (unsigned long long)r->entry);
        break;
    case RECORD_ADDRESS: buf_printf(b, "address: %s %s\n", r->user_id, r->address); break;
    case RECORD_LEDGER:
        buf_printf(b, "ledger %s %llu: %s %s %s by %s %s %s, %s, %lld to %lld%s\n", r->room,
                   (unsigned long long)r->entry, action_name(r->action), r->user_id, r->username,
                   r->by, r->by_id, rank_name(r->by_rank), shown(r->reason), (long long)r->ts,
                   (long long)r->until, r->undone ? ", undone" : "");
        break;
    case RECORD_INVITE:
        buf_printf(b, "invite %s: %s for %s by %s to %lld\n", r->room, r->code, r->user_id,
                   r->by_id, (long long)r->until);
        break;
    case RECORD_PAIR:
        buf_printf(b, "pair %s: %s %s and %s %s, last %llu at %lld\n", r->room, r->user_id,
                   r->username, r->by_id, r->by, (unsigned long long)r->seq, (long long)r->ts);
        break;
    case RECORD_BLOCK:
        buf_printf(b, "block: %s of %s %s at %lld\n", r->by_id, r->user_id, r->username,
                   (long long)r->ts);
        break;
    case RECORD_EPOCH:
        buf_printf(b, "epoch %s: %s, last %llu, first %llu\n", r->room, r->epoch,
                   (unsigned long long)r->seq, (unsigned long long)r->entry);
        break;
    case RECORD_MESSAGE:
        buf_printf(b, "said %s: ", r->room);
        show_message(b, r->message);
        buf_add_char(b, '\n');
        break;
    case RECORD_FILE:
        buf_printf(b, "file %s: %s of %s, %s, %s, %llu bytes, %ux%u%s\n", r->room, r->file->id,
                   r->file->user_id, r->file->name, r->file->type,
                   (unsigned long long)r->file->size, r->file->width, r->file->height,
                   r->file->thumbnail ? ", thumbnail" : "");
        break;
    default: buf_printf(b, "record %d\n", (int)r->type);
    }
}

#endif
