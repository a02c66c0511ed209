/* Replies to requests and the bodies of HTTP routes as JSON. Any thread, pure. */
#include "wire.h"

static void add_id(struct buf *to, const char *id)
{
    if (wire_given(id))
        STR(to, ",\"id\":", id);
}

static void open_ok(struct buf *to, const char *id, const char *room)
{
    LIT(to, "{\"type\":\"ok\"");
    add_id(to, id);
    if (wire_given(room))
        STR(to, ",\"room\":", room);
}

void encode_ok(struct buf *to, const char *id, const char *room)
{
    open_ok(to, id, room);
    LIT(to, "}");
}

void encode_ok_join(struct buf *to, const char *id, const char *room, uint64_t seq,
                    const char *epoch, size_t members)
{
    open_ok(to, id, room);
    INT(to, ",\"seq\":", seq);
    STR(to, ",\"epoch\":", epoch);
    INT(to, ",\"members\":", members);
    LIT(to, "}");
}

void encode_ok_message(struct buf *to, const char *id, const char *room, uint64_t seq,
                       int64_t ts_ms)
{
    open_ok(to, id, room);
    INT(to, ",\"seq\":", seq);
    INT(to, ",\"ts\":", ts_ms);
    LIT(to, ",\"durable\":false}");
}

void encode_error(struct buf *to, enum dialect dialect, enum problem problem, const char *detail,
                  const char *id, const char *room, unsigned retry_after_s)
{
    const char *text = detail ? detail : problem_text(problem);

    LIT(to, "{\"type\":\"error\"");
    add_id(to, id);
    STR(to, ",\"code\":", problem_code(problem));
    STR(to, ",\"message\":", text);
    if (dialect == DIALECT_CLASSIC) {
        STR(to, ",\"room\":", room ? room : "");
        LIT(to, ",\"username\":\"server\"");
        STR(to, ",\"content\":", text);
    } else if (wire_given(room)) {
        STR(to, ",\"room\":", room);
    }
    if (retry_after_s > 0)
        INT(to, ",\"retryAfter\":", retry_after_s);
    LIT(to, "}");
}

void encode_pong(struct buf *to, const char *id, const char *t_json)
{
    LIT(to, "{\"type\":\"pong\"");
    add_id(to, id);
    if (wire_given(t_json)) {
        LIT(to, ",\"t\":");
        buf_add_str(to, t_json);
    }
    LIT(to, "}");
}

/* Begins what is a reply in one place and the body of an HTTP route in another; a key follows. */
static void open_body(struct buf *to, bool reply, const char *id)
{
    if (reply) {
        open_ok(to, id, NULL);
        LIT(to, ",");
    } else {
        LIT(to, "{");
    }
}

void encode_members(struct buf *to, bool reply, const char *id, const char *room,
                    const struct member_row *rows, size_t n)
{
    open_body(to, reply, id);
    STR(to, "\"room\":", room);
    LIT(to, ",\"members\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            LIT(to, ",");
        STR(to, "{\"userId\":", rows[i].user_id);
        STR(to, ",\"username\":", rows[i].username);
        // nobody has another role or status yet
        LIT(to, ",\"role\":\"member\",\"status\":\"online\"}");
    }
    LIT(to, "]}");
}

void encode_rooms(struct buf *to, bool reply, const char *id, const struct room_row *rows, size_t n,
                  const char *cursor)
{
    open_body(to, reply, id);
    LIT(to, "\"rooms\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            LIT(to, ",");
        STR(to, "{\"room\":", rows[i].room);
        // no room has a title, a topic or a door yet
        LIT(to, ",\"title\":\"\",\"topic\":\"\",\"visibility\":\"public\"");
        INT(to, ",\"members\":", rows[i].members);
        INT(to, ",\"maxUsers\":", rows[i].max_users);
        LIT(to, "}");
    }
    LIT(to, "]");
    if (wire_given(cursor))
        STR(to, ",\"cursor\":", cursor);
    LIT(to, "}");
}

void encode_http_error(struct buf *to, enum problem problem, const char *detail)
{
    STR(to, "{\"error\":{\"code\":", problem_code(problem));
    STR(to, ",\"message\":", detail ? detail : problem_text(problem));
    LIT(to, "}}");
}
