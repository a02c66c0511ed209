/* Events as JSON; those of messages are in said.c. Any thread, pure. */
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
    INT_IF(to, ",\"maxFile\":", w->max_file);
    INT(to, "},\"pingInterval\":", w->ping_interval_ms);
    STR(to, ",\"auth\":", w->guest ? "guest" : "token");
    STR_IF(to, ",\"token\":", w->token);
    INT_IF(to, ",\"tokenExpires\":", w->token_expires_ms);
    if (w->is_operator)
        LIT(to, ",\"operator\":true");
    LIT(to, "}");
}

/* What join and leave share, behind their type. `did` ends the sentence; not closed. */
static void add_notice(struct buf *to, const char *room, const char *username, const char *user_id,
                       const char *did, size_t count)
{
    STR(to, ",\"room\":", room);
    STR(to, ",\"username\":", username);
    STR(to, ",\"content\":", username);
    to->len--; // the sentence goes on
    buf_add_str(to, did);
    STR(to, "\",\"userId\":", user_id);
    INT(to, ",\"count\":", count);
}

void encode_join(struct buf *to, const char *room, const char *username, const char *user_id,
                 enum rank rank, size_t count)
{
    LIT(to, "{\"type\":\"join\"");
    add_notice(to, room, username, user_id, " joined the room", count);
    STR(to, ",\"role\":", rank_name(rank));
    LIT(to, "}");
}

void encode_leave_how(struct buf *to, const char *room, const char *username, const char *user_id,
                      const char *did, size_t count)
{
    LIT(to, "{\"type\":\"leave\"");
    add_notice(to, room, username, user_id, did, count);
    LIT(to, "}");
}

void encode_leave(struct buf *to, const char *room, const char *username, const char *user_id,
                  size_t count)
{
    encode_leave_how(to, room, username, user_id, " left the room", count);
}

static void add_names(struct buf *to, const char *const *names, size_t n)
{
    LIT(to, "[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
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

void encode_notice(struct buf *to, enum dialect dialect, const char *room, const char *by,
                   const char *content_json)
{
    if (dialect == DIALECT_CLASSIC) {
        STR(to, "{\"type\":\"message\",\"room\":", room ? room : "");
        LIT(to, ",\"username\":\"server\"");
    } else {
        LIT(to, "{\"type\":\"notice\"");
        STR_IF(to, ",\"room\":", room);
        STR(to, ",\"by\":", by);
    }
    LIT(to, ",\"content\":");
    buf_add_str(to, content_json);
    LIT(to, "}");
}

void encode_dm(struct buf *to, enum dialect dialect, const struct private_message *m)
{
    if (dialect == DIALECT_CLASSIC) {
        STR(to, "{\"type\":\"message\",\"room\":\"\",\"username\":", m->from);
    } else {
        STR(to, "{\"type\":\"dm\",\"room\":", m->room);
        INT(to, ",\"seq\":", m->seq);
        STR(to, ",\"from\":", m->from);
        STR(to, ",\"fromId\":", m->from_id);
        STR(to, ",\"to\":", m->to);
        STR(to, ",\"toId\":", m->to_id);
    }
    LIT(to, ",\"content\":");
    buf_add_str(to, m->content_json);
    INT(to, ",\"ts\":", m->ts);
    LIT(to, "}");
}

void encode_auth(struct buf *to, int64_t expires_ms, int64_t in_s)
{
    INT(to, "{\"type\":\"auth\",\"expires\":", expires_ms);
    INT(to, ",\"in\":", in_s);
    LIT(to, "}");
}
