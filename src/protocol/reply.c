/* Replies to requests and the bodies of HTTP routes as JSON. Any thread, pure. */
#include "wire.h"

void encode_ok(struct buf *to, const char *id, const char *room)
{
    wire_open_ok(to, id, room);
    LIT(to, "}");
}

void encode_ok_seq(struct buf *to, const char *id, const char *room, uint64_t seq)
{
    wire_open_ok(to, id, room);
    INT(to, ",\"seq\":", seq);
    LIT(to, "}");
}

void encode_ok_entry(struct buf *to, const char *id, const char *room, uint64_t entry)
{
    wire_open_ok(to, id, room);
    INT(to, ",\"entry\":", entry);
    LIT(to, "}");
}

void encode_ok_user(struct buf *to, const char *id, const char *room, const char *user_id,
                    const char *username, uint64_t entry, int64_t until, int rank)
{
    wire_open_ok(to, id, room);
    STR(to, ",\"userId\":", user_id);
    STR(to, ",\"username\":", username);
    if (rank >= 0)
        STR(to, ",\"role\":", rank_name((enum rank)rank));
    INT_IF(to, ",\"entry\":", entry);
    INT_IF(to, ",\"until\":", until);
    LIT(to, "}");
}

void encode_ok_conversations(struct buf *to, const char *id, const struct conversation_row *rows,
                             size_t n)
{
    wire_open_ok(to, id, NULL);
    LIT(to, ",\"conversations\":[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        STR(to, "{\"room\":", rows[i].room);
        STR(to, ",\"userId\":", rows[i].user_id);
        STR(to, ",\"username\":", rows[i].username);
        INT(to, ",\"seq\":", rows[i].seq);
        INT(to, ",\"ts\":", rows[i].ts);
        if (rows[i].blocked)
            LIT(to, ",\"blocked\":true");
        LIT(to, "}");
    }
    LIT(to, "]}");
}

void encode_ok_blocks(struct buf *to, const char *id, const struct block_row *rows, size_t n)
{
    wire_open_ok(to, id, NULL);
    LIT(to, ",\"blocks\":[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        STR(to, "{\"userId\":", rows[i].user_id);
        STR(to, ",\"username\":", rows[i].username);
        INT(to, ",\"ts\":", rows[i].ts);
        LIT(to, "}");
    }
    LIT(to, "]}");
}

void encode_ok_invite(struct buf *to, const char *id, const char *room, const char *invite,
                      int64_t expires_ms)
{
    wire_open_ok(to, id, room);
    STR(to, ",\"invite\":", invite);
    INT(to, ",\"expires\":", expires_ms);
    LIT(to, "}");
}

void encode_ok_auth(struct buf *to, const char *id, const char *user_id, int64_t expires_ms)
{
    wire_open_ok(to, id, NULL);
    STR(to, ",\"userId\":", user_id);
    INT_IF(to, ",\"expires\":", expires_ms);
    LIT(to, "}");
}

void encode_ok_why(struct buf *to, const char *id, const char *room, const struct reason_row *rows,
                   size_t n)
{
    wire_open_ok(to, id, room);
    LIT(to, ",\"reasons\":[");
    for (size_t i = 0; i < n; i++) {
        COMMA(to, i);
        STR(to, "{\"rule\":", rows[i].rule);
        INT_IF(to, ",\"until\":", rows[i].until);
        INT_IF(to, ",\"retryAfter\":", rows[i].retry_after);
        LIT(to, "}");
    }
    LIT(to, "]}");
}

void encode_error(struct buf *to, enum dialect dialect, enum problem problem, const char *detail,
                  const char *id, const char *room, unsigned retry_after_s)
{
    const char *text = detail ? detail : problem_text(problem);

    LIT(to, "{\"type\":\"error\"");
    STR_IF(to, ",\"id\":", id);
    STR(to, ",\"code\":", problem_code(problem));
    STR(to, ",\"message\":", text);
    if (problem == PROBLEM_BANNED || problem == PROBLEM_MUTED) /* not our own words */
        STR_IF(to, ",\"reason\":", detail);
    if (dialect == DIALECT_CLASSIC) {
        STR(to, ",\"room\":", room ? room : "");
        LIT(to, ",\"username\":\"server\"");
        STR(to, ",\"content\":", text);
    } else if (wire_given(room)) {
        STR(to, ",\"room\":", room);
    }
    INT_IF(to, ",\"retryAfter\":", retry_after_s);
    LIT(to, "}");
}

void encode_pong(struct buf *to, const char *id, const char *t_json)
{
    LIT(to, "{\"type\":\"pong\"");
    STR_IF(to, ",\"id\":", id);
    if (wire_given(t_json)) {
        LIT(to, ",\"t\":");
        buf_add_str(to, t_json);
    }
    LIT(to, "}");
}

void encode_http_error(struct buf *to, enum problem problem, const char *detail)
{
    STR(to, "{\"error\":{\"code\":", problem_code(problem));
    STR(to, ",\"message\":", detail ? detail : problem_text(problem));
    LIT(to, "}}");
}
