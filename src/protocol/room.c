/* Rooms and their people as JSON: what a room is like, who is there, what was done to whom;
 * replies, events and HTTP bodies. Any thread, pure. */
#include "wire.h"

enum { LOOK_ALL = ~0U };

/* The settings of a room that are in `given`, enum room_field. */
static void add_look(struct buf *to, const struct room_look *look, unsigned given)
{
    if (given & ROOM_TITLE)
        STR(to, ",\"title\":", look->title);
    if (given & ROOM_TOPIC)
        STR(to, ",\"topic\":", look->topic);
    if (given & ROOM_VISIBILITY)
        STR(to, ",\"visibility\":", visibility_name(look->visibility));
    if (given & ROOM_MAX_USERS)
        INT(to, ",\"maxUsers\":", look->max_users);
    if (given & ROOM_SLOW_MODE)
        INT(to, ",\"slowMode\":", look->slow_mode);
    if (given & ROOM_HIDES_PAST)
        BOOL(to, ",\"hidesPast\":", look->hides_past);
    if (given & ROOM_PASSWORD)
        BOOL(to, ",\"hasPassword\":", look->has_password);
    BOOL(to, ",\"kept\":", look->kept);
}

void encode_ok_join(struct buf *to, const char *id, const struct room_look *look,
                    const struct joined *j)
{
    wire_open_ok(to, id, look->room);
    INT(to, ",\"seq\":", j->seq);
    STR(to, ",\"epoch\":", j->epoch);
    if (j->recovered >= 0)
        BOOL(to, ",\"recovered\":", j->recovered);
    INT_IF(to, ",\"read\":", j->read);
    if (j->shown_from > 1)
        INT(to, ",\"shownFrom\":", j->shown_from);
    INT(to, ",\"members\":", j->members);
    add_look(to, look, LOOK_ALL);
    STR(to, ",\"role\":", rank_name(j->rank));
    if (j->muted)
        INT(to, ",\"mutedUntil\":", j->muted_until);
    LIT(to, "}");
}

void encode_members(struct buf *to, bool reply, const char *id, const char *room,
                    const struct member_row *rows, size_t n)
{
    wire_open_body(to, reply, id);
    STR(to, "\"room\":", room);
    LIT(to, ",\"members\":[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        STR(to, "{\"userId\":", rows[i].user_id);
        STR(to, ",\"username\":", rows[i].username);
        STR(to, ",\"role\":", rank_name(rows[i].rank));
        if (!rows[i].secret)
            STR(to, ",\"status\":", rows[i].online ? "online" : "offline");
        LIT(to, "}");
    }
    LIT(to, "]}");
}

void encode_rooms(struct buf *to, bool reply, const char *id, const struct room_row *rows, size_t n,
                  const char *cursor)
{
    wire_open_body(to, reply, id);
    LIT(to, "\"rooms\":[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        STR(to, "{\"room\":", rows[i].look.room);
        INT(to, ",\"members\":", rows[i].members);
        add_look(to, &rows[i].look, LOOK_ALL);
        if (rows[i].rank != RANK_GUEST)
            STR(to, ",\"role\":", rank_name(rows[i].rank));
        LIT(to, "}");
    }
    LIT(to, "]");
    STR_IF(to, ",\"cursor\":", cursor);
    LIT(to, "}");
}

/* One thing that was done; not closed. */
static void add_deed(struct buf *to, const struct ledger_row *row)
{
    STR(to, "{\"action\":", action_name(row->action));
    INT_IF(to, ",\"entry\":", row->entry);
    STR(to, ",\"userId\":", row->user_id);
    STR(to, ",\"username\":", row->username);
    STR(to, ",\"by\":", row->by);
    STR_IF(to, ",\"byId\":", row->by_id);
    if (row->rank > RANK_GUEST)
        STR(to, ",\"role\":", rank_name(row->rank));
    STR_IF(to, ",\"reason\":", row->reason);
    INT(to, ",\"ts\":", row->ts);
    INT_IF(to, ",\"until\":", row->until);
}

void encode_ok_ledger(struct buf *to, const char *id, const char *room,
                      const struct ledger_row *rows, size_t n)
{
    wire_open_ok(to, id, room);
    LIT(to, ",\"entries\":[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        add_deed(to, &rows[i]);
        BOOL(to, ",\"undone\":", rows[i].undone);
        LIT(to, "}");
    }
    LIT(to, "]}");
}

void encode_ok_settings(struct buf *to, const char *id, const struct room_look *look, enum rank own,
                        const struct roster_row *roster, size_t nroster,
                        const struct ledger_row *sanctions, size_t nsanctions, size_t invites)
{
    wire_open_ok(to, id, look->room);
    if (wire_given(look->room)) // the server has no such settings
        add_look(to, look, LOOK_ALL);
    STR(to, ",\"role\":", rank_name(own));
    INT(to, ",\"rosterCount\":", nroster);
    LIT(to, ",\"roster\":[");
    for (size_t i = 0; i < nroster && i < SETTINGS_ROWS; i++) {
        COMMA(to, i);
        STR(to, "{\"userId\":", roster[i].user_id);
        STR(to, ",\"username\":", roster[i].username);
        STR(to, ",\"role\":", rank_name(roster[i].rank));
        LIT(to, "}");
    }
    INT(to, "],\"sanctionCount\":", nsanctions);
    LIT(to, ",\"sanctions\":[");
    for (size_t i = 0; i < nsanctions && i < SETTINGS_ROWS; i++) {
        COMMA(to, i);
        add_deed(to, &sanctions[i]);
        LIT(to, "}");
    }
    INT(to, "],\"invites\":", invites);
    LIT(to, "}");
}

void encode_room(struct buf *to, const struct room_look *look, unsigned given, const char *by)
{
    STR(to, "{\"type\":\"room\",\"room\":", look->room);
    add_look(to, look, given);
    STR(to, ",\"by\":", by);
    LIT(to, "}");
}

void encode_room_destroyed(struct buf *to, const char *room, const char *by, const char *reason)
{
    STR(to, "{\"type\":\"room\",\"room\":", room);
    STR(to, ",\"destroyed\":true,\"by\":", by);
    STR_IF(to, ",\"reason\":", reason);
    LIT(to, "}");
}

void encode_moderation(struct buf *to, const struct moderation *m)
{
    LIT(to, "{\"type\":\"moderation\"");
    STR_IF(to, ",\"room\":", m->room);
    STR(to, ",\"action\":", action_name(m->action));
    STR(to, ",\"userId\":", m->user_id);
    STR(to, ",\"username\":", m->username);
    STR(to, ",\"by\":", m->by);
    STR_IF(to, ",\"reason\":", m->reason);
    if (m->rank >= 0)
        STR(to, ",\"role\":", rank_name((enum rank)m->rank));
    if (m->undone >= 0)
        STR(to, ",\"undone\":", action_name((enum action)m->undone));
    INT_IF(to, ",\"until\":", m->until);
    INT_IF(to, ",\"entry\":", m->entry);
    LIT(to, "}");
}

void encode_invite(struct buf *to, const char *room, const char *by, const char *invite,
                   int64_t expires_ms)
{
    STR(to, "{\"type\":\"invite\",\"room\":", room);
    STR(to, ",\"by\":", by);
    STR(to, ",\"invite\":", invite);
    INT(to, ",\"expires\":", expires_ms);
    LIT(to, "}");
}
