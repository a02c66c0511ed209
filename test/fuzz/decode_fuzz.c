/* libFuzzer target: any bytes as a text frame and as the body of a room call.
 *
 * What is taken must keep the promises of struct request, and its content must survive being
 * decoded once more; what is refused must say why. Memory errors are the sanitizers' to find. */
#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/protocol.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool room_ok(const char *room)
{
    return !*room || text_is_name(room, strlen(room));
}

static void check_error(int rc, const struct request_error *e)
{
    INSIST(rc == ERR_INVALID);
    INSIST(e->problem > PROBLEM_NONE && e->problem < PROBLEM_COUNT);
    INSIST(strnlen(e->id, sizeof(e->id)) <= REQUEST_ID_MAX);
    INSIST(text_is_utf8(e->id, strlen(e->id)));
    INSIST(room_ok(e->room));

    // the reply that goes out is as good as what comes in must be
    struct buf b = BUF_INIT;
    struct request r;
    struct request_error of_reply;
    encode_error(&b, DIALECT_CLASSIC, e->problem, e->detail, e->id, e->room, 0);
    INSIST(protocol_decode(b.data, b.len, &r, &of_reply) == ERR_INVALID);
    INSIST(of_reply.problem == PROBLEM_UNKNOWN_TYPE);
    INSIST(strcmp(of_reply.id, e->id) == 0 && strcmp(of_reply.room, e->room) == 0);
    buf_fini(&b);
}

static void check_text(const char *s, size_t most)
{
    INSIST(!s || (strlen(s) <= most && text_is_utf8(s, strlen(s))));
}

/* Which types have struct request_args in any case: all that are not of the everyday. */
static bool has_args(enum request_type type)
{
    switch (type) {
    case REQUEST_JOIN:
    case REQUEST_LEAVE:
    case REQUEST_MESSAGE:
    case REQUEST_TYPING:
    case REQUEST_MEMBERS:
    case REQUEST_ROOMS:
    case REQUEST_SETTINGS:
    case REQUEST_PING: return false;
    default: return true;
    }
}

static void check_args(enum request_type type, const struct request_args *a)
{
    INSIST(!a->user[0] || text_is_name(a->user, strlen(a->user)));
    INSIST(a->seconds >= 0 && a->seconds <= SECONDS_MAX);
    INSIST(a->role < RANK_OPERATOR && a->visibility < VISIBILITY_COUNT);
    INSIST(a->seq >> 53 == 0 && a->entry >> 53 == 0 && a->at >> 53 == 0);
    bool finds = type == REQUEST_SEARCH || type == REQUEST_MENTIONS;
    INSIST(a->limit <= (type == REQUEST_HISTORY ? (uint32_t)HISTORY_MAX
                        : finds                 ? (uint32_t)SEARCH_LIMIT
                                                : 200));
    INSIST(!a->emoji[0] || text_is_word(a->emoji, strnlen(a->emoji, sizeof(a->emoji))));
    INSIST(!a->epoch[0] || text_is_word(a->epoch, strnlen(a->epoch, sizeof(a->epoch))));
    INSIST(a->since >> 53 == 0 && a->since_given == (a->epoch[0] != '\0'));
    INSIST(!a->since_given || type == REQUEST_JOIN);
    INSIST(a->history <= HISTORY_MAX && a->from <= HISTORY_AROUND);
    INSIST(a->from != HISTORY_LATEST || a->at == 0);
    INSIST(a->max_users <= MAX_USERS_MAX && a->slow_mode <= SLOW_MODE_MAX);
    INSIST(strlen(a->invite) == strspn(a->invite, "0123456789_-abcdefghijklmnopqrstuvwxyz"
                                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
    check_text(a->reason, REASON_MAX);
    check_text(a->title, TITLE_MAX);
    check_text(a->topic, TOPIC_MAX);
    check_text(a->password, PASSWORD_MAX);
    check_text(a->token, 8192);
    INSIST(!a->reason || a->reason[0]);
    INSIST(!(a->given & ROOM_TITLE) == !a->title && !(a->given & ROOM_TOPIC) == !a->topic);
    INSIST(!(a->given & ROOM_PASSWORD) == !a->password);
    INSIST(!a->password_hash && a->retry_after == 0);
    INSIST(!a->given || type == REQUEST_CREATE || type == REQUEST_UPDATE || type == REQUEST_JOIN);

    INSIST(type != REQUEST_AUTH || a->token[0]);
    INSIST((type != REQUEST_DELETE && type != REQUEST_EDIT && type != REQUEST_REACT) || a->seq > 0);
    INSIST(type != REQUEST_REACT || a->emoji[0]);
    INSIST(type != REQUEST_UNDO || a->entry > 0);
    INSIST(type != REQUEST_ROLE || a->role > RANK_GUEST);
    INSIST(type != REQUEST_UPDATE || a->given);
    INSIST((type != REQUEST_BAN && type != REQUEST_KICK && type != REQUEST_ADD) || a->user[0]);
}

static void check_request(const struct request *r)
{
    INSIST(r->type < REQUEST_COUNT);
    INSIST(strnlen(r->id, sizeof(r->id)) <= REQUEST_ID_MAX);
    INSIST(text_is_utf8(r->id, strlen(r->id)));
    INSIST(room_ok(r->room) && room_ok(r->cursor));
    INSIST(r->type != REQUEST_JOIN || r->room[0]);
    INSIST(!r->text ? r->text_len == 0 : strlen(r->text) == r->text_len);
    INSIST(!r->text || text_is_utf8(r->text, r->text_len));
    INSIST(r->reply_to >> 53 == 0 && (r->reply_to == 0 || r->type == REQUEST_MESSAGE));
    INSIST(r->args || !has_args(r->type));
    INSIST(!r->args || has_args(r->type) || r->type == REQUEST_JOIN);
    if (r->args)
        check_args(r->type, r->args);
}

/* Says the same again: as a message in the room, or as a ping with the same t. */
static void check_again(const struct request *r)
{
    bool message = r->type == REQUEST_MESSAGE;
    struct buf b = BUF_INIT;
    struct request again;
    struct request_error e;

    buf_add_str(&b, message ? "{\"type\":\"message\",\"content\":" : "{\"type\":\"ping\",\"t\":");
    buf_add(&b, r->text, r->text_len);
    if (r->reply_to) {
        buf_add_str(&b, ",\"replyTo\":");
        buf_add_int(&b, (int64_t)r->reply_to);
    }
    buf_add_str(&b, ",\"id\":");
    protocol_quote(&b, r->id, strlen(r->id));
    buf_add_str(&b, ",\"room\":");
    protocol_quote(&b, r->room, strlen(r->room));
    buf_add_str(&b, "}");

    INSIST(protocol_decode(b.data, b.len, &again, &e) == 0);
    INSIST(again.type == r->type && again.reply_to == r->reply_to);
    INSIST(again.text_len == r->text_len && memcmp(again.text, r->text, r->text_len) == 0);
    INSIST(strcmp(again.id, r->id) == 0 && strcmp(again.room, r->room) == 0);
    request_fini(&again);
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request r;
    struct request_error e;
    char session[24] = "";

    int rc = protocol_decode((const char *)data, size, &r, &e);
    if (rc == 0) {
        check_request(&r);
        INSIST((r.type != REQUEST_MESSAGE && r.type != REQUEST_EDIT && r.type != REQUEST_NOTICE) ||
               r.text_len > 2);
        if (r.type == REQUEST_MESSAGE || (r.type == REQUEST_PING && r.text))
            check_again(&r);
        request_fini(&r);
    } else {
        check_error(rc, &e);
    }

    rc = protocol_decode_room_call((const char *)data, size, session, sizeof(session), &r, &e);
    if (rc == 0) {
        check_request(&r);
        INSIST(r.type == REQUEST_JOIN);
        INSIST(text_is_utf8(session, strnlen(session, sizeof(session))));
        request_fini(&r);
    } else {
        INSIST(!session[0]);
        check_error(rc, &e);
    }
    return 0;
}
