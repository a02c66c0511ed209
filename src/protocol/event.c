/* Events as JSON. Any thread, pure. encode_message_close() runs in the hub, once per message. */
#include "wire.h"

void encode_welcome(struct buf *to, const struct welcome *w)
{
    STR(to, "{\"type\":\"welcome\",\"session\":", w->session);
    STR(to, ",\"userId\":", w->user_id);
    STR(to, ",\"username\":", w->username);
    STR(to, ",\"node\":", w->node);
    STR(to, ",\"version\":", w->version);
    INT(to, ",\"limits\":{\"maxMessage\":", w->max_message);
    INT(to, ",\"maxRooms\":", w->max_rooms);
    INT(to, ",\"maxPerRoom\":", w->max_per_room);
    INT(to, ",\"sendQueue\":", w->send_queue);
    INT(to, "},\"pingInterval\":", w->ping_interval_ms);
    LIT(to, "}");
}

void encode_message_open(struct buf *to, const char *room, const char *username,
                         const char *user_id)
{
    STR(to, "{\"type\":\"message\",\"room\":", room);
    STR(to, ",\"username\":", username);
    STR(to, ",\"userId\":", user_id);
    LIT(to, ",\"content\":");
}

void encode_message_close(struct buf *to, uint64_t seq, int64_t ts_ms)
{
    INT(to, ",\"seq\":", seq);
    INT(to, ",\"ts\":", ts_ms);
    LIT(to, "}");
}

/* What join and leave share, behind their type. `did` ends the sentence and its quotes. */
static void add_notice(struct buf *to, const char *room, const char *username, const char *user_id,
                       const char *did, size_t count)
{
    STR(to, ",\"room\":", room);
    STR(to, ",\"username\":", username);
    STR(to, ",\"content\":", username);
    to->len--; // the sentence goes on
    buf_add_str(to, did);
    STR(to, ",\"userId\":", user_id);
    INT(to, ",\"count\":", count);
    LIT(to, "}");
}

void encode_join(struct buf *to, const char *room, const char *username, const char *user_id,
                 size_t count)
{
    LIT(to, "{\"type\":\"join\"");
    add_notice(to, room, username, user_id, " joined the room\"", count);
}

void encode_leave(struct buf *to, const char *room, const char *username, const char *user_id,
                  size_t count)
{
    LIT(to, "{\"type\":\"leave\"");
    add_notice(to, room, username, user_id, " left the room\"", count);
}

static void add_names(struct buf *to, const char *const *names, size_t n)
{
    LIT(to, "[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            LIT(to, ",");
        wire_str(to, names[i]);
    }
    LIT(to, "]");
}

void encode_presence(struct buf *to, const char *room, const char *const *joined, size_t njoined,
                     const char *const *left, size_t nleft, size_t count)
{
    STR(to, "{\"type\":\"presence\",\"room\":", room);
    LIT(to, ",\"joined\":");
    add_names(to, joined, njoined);
    LIT(to, ",\"left\":");
    add_names(to, left, nleft);
    INT(to, ",\"count\":", count);
    LIT(to, "}");
}

void encode_typing(struct buf *to, const char *room, const char *user_id, const char *username,
                   bool paused)
{
    STR(to, "{\"type\":\"typing\",\"room\":", room);
    STR(to, ",\"userId\":", user_id);
    STR(to, ",\"username\":", username);
    STR(to, ",\"state\":", paused ? "paused" : "active");
    LIT(to, "}");
}

void encode_goaway(struct buf *to, const char *reason, int64_t retry_after_ms)
{
    STR(to, "{\"type\":\"goaway\",\"reason\":", reason);
    INT(to, ",\"retryAfterMs\":", retry_after_ms);
    LIT(to, "}");
}
