/* Messages as JSON: while they are said, as they were said, and what became of them. Pure; on the hub
 * thread for the most part, hundreds at a time, so it only appends: content is JSON text already. */
#include "wire.h"

enum { AROUND_CONTENT = 256 }; // bytes of a message besides its content, more or less

/* ---- events --------------------------------------------------------------------------------- */

void encode_message_open(struct buf *to, const char *room, const char *username,
                         const char *user_id)
{
    STR(to, "{\"type\":\"message\",\"room\":", room);
    STR(to, ",\"username\":", username);
    STR(to, ",\"userId\":", user_id);
    LIT(to, ",\"content\":");
}

/* What follows the content of every message; not closed. */
static void add_place(struct buf *to, uint64_t seq, int64_t ts_ms, uint64_t reply_to)
{
    INT(to, ",\"seq\":", seq);
    INT(to, ",\"ts\":", ts_ms);
    INT_IF(to, ",\"replyTo\":", reply_to);
}

void encode_message_close(struct buf *to, uint64_t seq, int64_t ts_ms, uint64_t reply_to)
{
    add_place(to, seq, ts_ms, reply_to);
    LIT(to, "}");
}

void encode_message_files(struct buf *to, const char *files)
{
    if (!wire_given(files))
        return;
    LIT(to, ",\"files\":");
    buf_add_str(to, files);
}

void encode_message_mentions(struct buf *to, const char *mentions)
{
    if (!wire_given(mentions))
        return;
    LIT(to, ",");
    buf_add_str(to, mentions);
}

void encode_mentions(struct buf *to, const char *const *user_ids, size_t n, bool room)
{
    if (n > 0)
        LIT(to, "\"mentions\":[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        wire_str(to, user_ids[i]);
    }
    if (n > 0)
        LIT(to, "]");
    if (room) {
        COMMA(to, n);
        LIT(to, "\"mentionsRoom\":true");
    }
}

static void add_file(struct buf *to, const struct file *f)
{
    STR(to, "{\"id\":", f->id);
    STR(to, ",\"name\":", f->name);
    STR(to, ",\"type\":", f->type);
    INT(to, ",\"size\":", f->size);
    INT_IF(to, ",\"width\":", f->width);
    INT_IF(to, ",\"height\":", f->height);
    if (f->thumbnail)
        LIT(to, ",\"thumbnail\":true");
    LIT(to, "}");
}

void encode_files(struct buf *to, const struct file *const *files, size_t n)
{
    LIT(to, "[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        add_file(to, files[i]);
    }
    LIT(to, "]");
}

void encode_uploaded(struct buf *to, const struct file *f)
{
    LIT(to, "{\"file\":");
    add_file(to, f);
    LIT(to, "}");
}

static void add_reactions(struct buf *to, const struct reactions *r, uint64_t viewer)
{
    LIT(to, ",\"reactions\":[");
    for (uint32_t i = 0; i < r->n; i++) {
        const struct reaction *kind = &r->kinds[i];
        COMMA(to, i);
        STR(to, "{\"emoji\":", kind->emoji);
        INT(to, ",\"count\":", kind->n);
        if (viewer && reactions_has(kind, viewer))
            LIT(to, ",\"mine\":true");
        LIT(to, "}");
    }
    LIT(to, "]");
}

void encode_message(struct buf *to, const char *room, const struct message *m,
                    const struct reactions *r, uint64_t viewer)
{
    encode_message_open(to, room, m->username, m->user_id);
    if (m->deleted)
        LIT(to, "\"\"");
    else
        buf_add(to, m->content, m->content_len);
    if (!m->deleted) {
        encode_message_files(to, m->files);
        encode_message_mentions(to, m->mentions);
    }
    add_place(to, m->seq, m->ts, m->reply_to);
    INT_IF(to, ",\"editedTs\":", m->edited_ts);
    if (m->deleted)
        LIT(to, ",\"deleted\":true");
    if (m->taken_back)
        LIT(to, ",\"takenBack\":true");
    if (r && r->n > 0)
        add_reactions(to, r, viewer);
    LIT(to, "}");
}

/* Who did it; not closed. */
static void add_who(struct buf *to, const char *user_id, const char *username)
{
    STR(to, ",\"userId\":", user_id);
    STR(to, ",\"username\":", username);
}

void encode_edit(struct buf *to, const char *room, uint64_t seq, const char *user_id,
                 const char *username, const char *content_json, int64_t edited_ts)
{
    STR(to, "{\"type\":\"edit\",\"room\":", room);
    INT(to, ",\"seq\":", seq);
    add_who(to, user_id, username);
    LIT(to, ",\"content\":");
    buf_add_str(to, content_json);
    INT(to, ",\"editedTs\":", edited_ts);
    LIT(to, "}");
}

void encode_delete(struct buf *to, const char *room, uint64_t seq, const char *user_id,
                   const char *username, const char *reason)
{
    STR(to, "{\"type\":\"delete\",\"room\":", room);
    INT(to, ",\"seq\":", seq);
    add_who(to, user_id, username);
    STR_IF(to, ",\"reason\":", reason);
    LIT(to, "}");
}

void encode_reaction(struct buf *to, const char *room, uint64_t seq, const char *user_id,
                     const char *username, const char *emoji, bool on, uint32_t count)
{
    STR(to, "{\"type\":\"reaction\",\"room\":", room);
    INT(to, ",\"seq\":", seq);
    STR(to, ",\"emoji\":", emoji);
    INT(to, ",\"count\":", count);
    if (user_id != NULL)
        add_who(to, user_id, username);
    if (!on)
        LIT(to, ",\"removed\":true");
    LIT(to, "}");
}

void encode_read(struct buf *to, const char *room, uint64_t seq)
{
    STR(to, "{\"type\":\"read\",\"room\":", room);
    INT(to, ",\"seq\":", seq);
    LIT(to, "}");
}

void encode_block(struct buf *to, bool on, const char *user_id, const char *username)
{
    STR(to, "{\"type\":", on ? "block" : "unblock");
    add_who(to, user_id, username);
    LIT(to, "}");
}

void encode_gap(struct buf *to, const char *room, uint64_t from, uint64_t to_seq, bool kept,
                bool changed)
{
    STR(to, "{\"type\":\"gap\",\"room\":", room);
    INT(to, ",\"from\":", from);
    INT(to, ",\"to\":", to_seq);
    BOOL(to, ",\"kept\":", kept);
    if (changed)
        LIT(to, ",\"changed\":true");
    LIT(to, "}");
}

/* ---- replies -------------------------------------------------------------------------------- */

/* Not closed. */
static void open_ok_message(struct buf *to, const char *id, const char *room, uint64_t seq,
                            int64_t ts_ms, bool durable, bool dup)
{
    wire_open_ok(to, id, room);
    INT(to, ",\"seq\":", seq);
    INT(to, ",\"ts\":", ts_ms);
    BOOL(to, ",\"durable\":", durable);
    if (dup)
        LIT(to, ",\"dup\":true");
}

void encode_ok_message(struct buf *to, const char *id, const char *room, uint64_t seq,
                       int64_t ts_ms, bool durable, bool dup)
{
    open_ok_message(to, id, room, seq, ts_ms, durable, dup);
    LIT(to, "}");
}

void encode_ok_dm(struct buf *to, const char *id, const char *room, const char *user_id,
                  const char *username, uint64_t seq, int64_t ts_ms, bool durable, bool dup)
{
    open_ok_message(to, id, room, seq, ts_ms, durable, dup);
    STR(to, ",\"userId\":", user_id);
    STR(to, ",\"username\":", username);
    LIT(to, "}");
}

void encode_ok_edit(struct buf *to, const char *id, const char *room, uint64_t seq,
                    int64_t edited_ts)
{
    wire_open_ok(to, id, room);
    INT(to, ",\"seq\":", seq);
    INT(to, ",\"editedTs\":", edited_ts);
    LIT(to, "}");
}

void encode_ok_reaction(struct buf *to, const char *id, const char *room, uint64_t seq,
                        const char *emoji, uint32_t count)
{
    wire_open_ok(to, id, room);
    INT(to, ",\"seq\":", seq);
    STR(to, ",\"emoji\":", emoji);
    INT(to, ",\"count\":", count);
    LIT(to, "}");
}

void encode_history(struct buf *to, bool reply, const char *id, const char *room, const char *epoch,
                    const struct history_row *rows, size_t n, bool more_before, bool more_after,
                    uint64_t viewer)
{
    size_t most = 0;

    for (size_t i = 0; i < n; i++)
        most += AROUND_CONTENT + rows[i].message->content_len + strlen(rows[i].message->files);
    buf_reserve(to, most);

    wire_open_body(to, reply, id);
    STR(to, "\"room\":", room);
    STR(to, ",\"epoch\":", epoch);
    LIT(to, ",\"messages\":[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        encode_message(to, room, rows[i].message, &rows[i].reactions, viewer);
    }
    INT(to, "],\"first\":", n > 0 ? rows[0].message->seq : 0);
    INT(to, ",\"last\":", n > 0 ? rows[n - 1].message->seq : 0);
    BOOL(to, ",\"hasMoreBefore\":", more_before);
    BOOL(to, ",\"hasMoreAfter\":", more_after);
    LIT(to, "}");
}

void encode_search(struct buf *to, bool reply, const char *id, const char *room,
                   const struct found_row *rows, size_t n, const char *cursor, bool partial,
                   uint64_t viewer)
{
    wire_open_body(to, reply, id);
    if (room) {
        STR(to, "\"room\":", room);
        LIT(to, ",");
    }
    LIT(to, "\"messages\":[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        encode_message(to, rows[i].room, rows[i].row.message, &rows[i].row.reactions, viewer);
    }
    LIT(to, "]");
    if (partial)
        LIT(to, ",\"partial\":true");
    STR_IF(to, ",\"cursor\":", cursor);
    LIT(to, "}");
}
