/* JSON in and out: the only place that knows cJSON. Pure functions, any thread, nothing blocks.
 *
 * Decoding never trusts its input: depth is checked before cJSON recurses, a string with an escaped
 * NUL and a key that appears twice are refused, sizes are bounded by the caller (--max-message).
 * Encoders append one JSON object to a buffer: no WebSocket header, no newline. */
#ifndef HUBBUB_PROTOCOL_H
#define HUBBUB_PROTOCOL_H

#include <hubbub/buf.h>
#include <hubbub/file.h>
#include <hubbub/message.h>
#include <hubbub/request.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Codes of the event `error` and the HTTP status that goes with each. */
#define PROBLEM_TABLE(X)                                                                     \
    X(BAD_JSON, "bad_json", 400, "this is not a JSON object")                                \
    X(BAD_REQUEST, "bad_request", 400, "the request is malformed")                           \
    X(TOO_DEEP, "too_deep", 400, "the JSON is nested too deeply")                            \
    X(TOO_LARGE, "too_large", 413, "the message is too large")                               \
    X(BINARY_UNSUPPORTED, "binary_unsupported", 400, "send text frames, not binary ones")    \
    X(UNKNOWN_TYPE, "unknown_type", 400, "unknown request type")                             \
    X(INVALID_ROOM, "invalid_room", 400,                                                     \
      "a room name is 1 to 64 bytes, without control characters or white space at its ends") \
    X(INVALID_USERNAME, "invalid_username", 400,                                             \
      "a user name is 1 to 64 bytes, without control characters or white space at its ends") \
    X(NOT_IN_ROOM, "not_in_room", 409, "join the room first")                                \
    X(NO_SUCH_ROOM, "no_such_room", 404, "there is no such room")                            \
    X(ROOM_FULL, "room_full", 409, "the room is full")                                       \
    X(ROOM_LIMIT, "room_limit", 409, "you are in as many rooms as one connection may be")    \
    X(FORBIDDEN, "forbidden", 403, "not allowed")                                            \
    X(UNKNOWN_SESSION, "unknown_session", 404, "there is no such session")                   \
    X(ROOM_EXISTS, "room_exists", 409, "there is a room of this name already")               \
    X(WRONG_PASSWORD, "wrong_password", 403, "this room asks for another password")          \
    X(INVITE_REQUIRED, "invite_required", 403, "this room is by invitation")                 \
    X(NOT_MEMBER, "not_member", 403, "this is for members of the room")                      \
    X(NOT_AUTHENTICATED, "not_authenticated", 401, "this server asks for a valid token")     \
    X(TOKEN_EXPIRED, "token_expired", 401, "the token has expired")                          \
    X(BANNED, "banned", 403, "you are banned here")                                          \
    X(MUTED, "muted", 403, "you are muted here")                                             \
    X(SLOW_MODE, "slow_mode", 429, "the room is in slow mode")                               \
    X(RATE_LIMITED, "rate_limited", 429, "too fast")                                         \
    X(UNKNOWN_MESSAGE, "unknown_message", 404, "there is no such message")                   \
    X(TOO_LATE, "too_late", 409, "it is too late for that")                                  \
    X(CONFLICT, "conflict", 409, "this id was used for another message")                     \
    X(UNKNOWN_FILE, "unknown_file", 404, "there is no such file")                            \
    X(UNSUPPORTED, "unsupported", 415, "this kind of body is not understood")                \
    X(QUOTA, "quota_exceeded", 507, "your files take as much room as they may")              \
    X(DISK_FULL, "disk_full", 507, "there is no room on the disk")                           \
    X(BLOCKED, "blocked", 403, "you have blocked this user")                                 \
    X(UNKNOWN_USER, "unknown_user", 404, "there is no such user")                            \
    X(UNAVAILABLE, "unavailable", 503, "not available now, try again")                       \
    X(INTERNAL, "internal", 500, "internal error")

enum problem {
    PROBLEM_NONE,
#define X(name, wire, status, text) PROBLEM_##name,
    PROBLEM_TABLE(X)
#undef X
        PROBLEM_COUNT
};

const char *problem_code(enum problem p); /* "bad_json" */
const char *problem_text(enum problem p); /* the default English text */
int problem_status(enum problem p);       /* HTTP status */

enum {
    PROTOCOL_MAX_DEPTH = 32,   /* objects and arrays inside each other */
    PROTOCOL_MAX_VALUES = 256, /* in all of a request: bounds what parsing allocates */
};

/* Why a request was refused. `id` and `room` are filled in as far as they could be read, so that
 * the reply finds its request; `detail` is a static text, or NULL for problem_text(). */
struct request_error {
    enum problem problem;
    const char *detail;
    char id[REQUEST_ID_MAX + 1];
    char room[NAME_MAX_BYTES + 1];
};

/* Decodes one text frame. Returns 0 and fills `out` (release with request_fini()), or
 * ERR_INVALID and fills `error`; the other one is untouched. `chat` with `text` is `message`
 * with `content`.
 *
 * Checked here: what json_scan() checks (UTF-8, one object, depth, number of values, no NUL), no
 * key twice, id length, and that what the request takes is of its type, within the bounds of
 * request.h, and there when it is needed. A room that is no name, or missing where the request
 * needs one, is invalid_room ("" counts as absent); all else is bad_request with a detail.
 * Errors that are seen before parsing (all of json_scan()) have no id and no room. */
int protocol_decode(const char *bytes, size_t len, struct request *out,
                    struct request_error *error);

/* POST /join-room and /leave-room: {"session":…,"room":…,"stay":…?,"password":…?,"invite":…?}.
 * Fills `out` as for a join (for /leave-room the caller sets the type) and `session`, which has
 * `space` bytes; a longer one is unknown_session. */
int protocol_decode_room_call(const char *bytes, size_t len, char *session, size_t space,
                              struct request *out, struct request_error *error);

/* Of outside tokens: the claim `rooms`, ["a","b"] or {"a":"moderator"}. NULL when it is neither,
 * a room is no name or has two roles, a role is none, or there are more than GRANTS_MAX. Owners by
 * token are admins; a list gives guests. The caller frees it. */
enum { GRANTS_MAX = 1000 };
struct grants *protocol_decode_grants(const char *json);
/* The other way, as an object. The caller frees it. */
char *protocol_encode_grants(const struct grants *g);

/* A JWK set (RFC 7517): calls fn for every key of it that has a `kty`; strings are borrowed,
 * NULL when absent, and still base64url. ERR_INVALID when it is not a set, and then fn was not
 * called. */
struct jwk {
    const char *kty, *kid, *alg, *use, *crv, *n, *e, *x, *y, *k;
};
typedef void protocol_jwk_fn(void *arg, const struct jwk *key);
int protocol_decode_jwks(const char *json, size_t len, protocol_jwk_fn *fn, void *arg);

/* Appends s, UTF-8 without NUL, as a JSON string, quotes included. */
void protocol_quote(struct buf *to, const char *s, size_t n);
/* Appends the text that a JSON string stands for, a space for NUL; other JSON as it is. It is valid. */
void protocol_unquote(struct buf *to, const char *json);

/* ---- what encoders are told -----------------------------------------------------------------
 * Strings are borrowed. Times are ms since 1970. An `id` that is NULL or "" is absent, and so is a
 * `room`, which is "" where the server as a whole is meant. */

struct welcome {
    const char *session, *user_id, *username, *node, *version;
    size_t max_message; /* bytes of one message */
    uint64_t max_file;  /* bytes of one file; 0: there are none, absent */
    unsigned max_rooms, max_per_room, send_queue;
    int64_t ping_interval_ms;
    const char *token;        /* of a guest, to come back with; else NULL */
    bool guest, is_operator;  /* guest: not by an outside token */
    int64_t token_expires_ms; /* 0: absent */
};

/* What a room is like, to those who may know. */
struct room_look {
    const char *room, *title, *topic; /* never NULL */
    enum visibility visibility;
    unsigned max_users; /* 0: the server's limit */
    unsigned slow_mode; /* s, 0: none */
    bool hides_past, has_password, kept;
};

/* What else one who joins is told. */
struct joined {
    uint64_t seq;        /* of the last message */
    uint64_t read;       /* of the last that the user has read; 0: absent */
    uint64_t shown_from; /* what is before is hidden from the user; 0, 1: nothing is, absent */
    const char *epoch;
    size_t members; /* how many */
    enum rank rank;
    bool muted;
    int64_t muted_until; /* with `muted` only; 0: without end */
    int recovered; /* of a join with `since`: 1 it goes on from there, 0 it does not; -1: absent */
};

struct member_row {
    const char *user_id, *username;
    enum rank rank;
    bool online;
    bool secret; /* whether online is not told */
};

struct conversation_row {
    const char *room, *user_id, *username;
    uint64_t seq; /* of the last message */
    int64_t ts;
    bool blocked; /* by whoever asks */
};

struct block_row {
    const char *user_id, *username;
    int64_t ts;
};

struct room_row {
    struct room_look look;
    size_t members;
    enum rank rank; /* the asker's; guest: absent */
};

struct roster_row {
    const char *user_id, *username;
    enum rank rank;
};

/* A line of a ledger, or a ban or mute in force. */
struct ledger_row {
    uint64_t entry; /* 0: absent */
    enum action action;
    const char *user_id, *username, *by;
    const char *by_id, *reason; /* NULL, "": absent */
    enum rank rank;             /* that was given; guest: absent */
    int64_t ts, until;          /* until 0: without end, absent */
    bool undone;                /* shown in ledgers only */
};

/* A rule that keeps somebody from talking. */
struct reason_row {
    const char *rule;
    int64_t until;        /* 0: absent */
    unsigned retry_after; /* s, 0: absent */
};

struct moderation {
    const char *room, *user_id, *username, *by;
    const char *reason; /* NULL, "": absent */
    enum action action;
    int rank;       /* -1: absent */
    int undone;     /* of an `undo`: the enum action that it took back; -1: absent */
    int64_t until;  /* 0: absent */
    uint64_t entry; /* 0: absent */
};

/* ---- replies -------------------------------------------------------------------------------- */

void encode_ok(struct buf *to, const char *id, const char *room);
void encode_ok_join(struct buf *to, const char *id, const struct room_look *look,
                    const struct joined *j);
/* dup: it was said before, and this is what it was then. */
void encode_ok_message(struct buf *to, const char *id, const char *room, uint64_t seq,
                       int64_t ts_ms, bool durable, bool dup);
/* The same for `dm`, with whom it is for. */
void encode_ok_dm(struct buf *to, const char *id, const char *room, const char *user_id,
                  const char *username, uint64_t seq, int64_t ts_ms, bool durable, bool dup);
void encode_ok_conversations(struct buf *to, const char *id, const struct conversation_row *rows,
                             size_t n);
void encode_ok_blocks(struct buf *to, const char *id, const struct block_row *rows, size_t n);
/* What was done to whom. entry 0, until 0, rank -1: absent. */
void encode_ok_user(struct buf *to, const char *id, const char *room, const char *user_id,
                    const char *username, uint64_t entry, int64_t until, int rank);
void encode_ok_seq(struct buf *to, const char *id, const char *room, uint64_t seq);
/* edited_ts: when it was edited */
void encode_ok_edit(struct buf *to, const char *id, const char *room, uint64_t seq,
                    int64_t edited_ts);
void encode_ok_reaction(struct buf *to, const char *id, const char *room, uint64_t seq,
                        const char *emoji, uint32_t count);
/* The reply to `history` (with `reply`), and the body of GET /rooms/ROOM/messages. `rows` as the event `message`, of
 * which viewer is the user_mark() of whoever looks, 0: nobody. n 0: first and last are 0. */
void encode_history(struct buf *to, bool reply, const char *id, const char *room, const char *epoch,
                    const struct history_row *rows, size_t n, bool more_before, bool more_after,
                    uint64_t viewer);
/* The reply to `search` and `mentions` (with `reply`), and the body of GET /search. room NULL: absent; the rows name
 * theirs. cursor NULL: absent. partial: not all was looked at. */
void encode_search(struct buf *to, bool reply, const char *id, const char *room,
                   const struct found_row *rows, size_t n, const char *cursor, bool partial,
                   uint64_t viewer);
void encode_ok_entry(struct buf *to, const char *id, const char *room, uint64_t entry);
void encode_ok_invite(struct buf *to, const char *id, const char *room, const char *invite,
                      int64_t expires_ms);
void encode_ok_auth(struct buf *to, const char *id, const char *user_id,
                    int64_t expires_ms); /* 0: absent */
void encode_ok_ledger(struct buf *to, const char *id, const char *room,
                      const struct ledger_row *rows, size_t n);
enum { SETTINGS_ROWS = 500 }; /* the first of each list */
/* look->room "": the server, of which there is no look to show. The n are how many there are. */
void encode_ok_settings(struct buf *to, const char *id, const struct room_look *look, enum rank own,
                        const struct roster_row *roster, size_t nroster,
                        const struct ledger_row *sanctions, size_t nsanctions, size_t invites);
void encode_ok_why(struct buf *to, const char *id, const char *room, const struct reason_row *rows,
                   size_t n);
void encode_pong(struct buf *to, const char *id, const char *t_json); /* t_json "", NULL: absent */

/* detail NULL: problem_text(). retry_after_s 0: absent. Classic adds username "server" and
 * content equal to message, and has always a room, if need be "". */
void encode_error(struct buf *to, enum dialect dialect, enum problem problem, const char *detail,
                  const char *id, const char *room, unsigned retry_after_s);

/* The body of GET /members, and with `reply` the reply to `members` ({"type":"ok","id":…,…}). */
void encode_members(struct buf *to, bool reply, const char *id, const char *room,
                    const struct member_row *rows, size_t n);
/* Likewise for GET /rooms and `rooms`; cursor NULL: that was all. */
void encode_rooms(struct buf *to, bool reply, const char *id, const struct room_row *rows, size_t n,
                  const char *cursor);

/* ---- events --------------------------------------------------------------------------------- */

void encode_welcome(struct buf *to, const struct welcome *w);

/* A message is built in three parts, so that the hub, which alone knows seq and ts, only copies:
 *   encode_message_open()  {"type":"message","room":…,"username":…,"userId":…,"content":   once per member
 *   the content as JSON text, from struct request                                              by the reader
 *   encode_message_close() ,"seq":N,"ts":N}                                                    by the hub
 * The same bytes serve both dialects. */
void encode_message_open(struct buf *to, const char *room, const char *username,
                         const char *user_id);
void encode_message_close(struct buf *to, uint64_t seq, int64_t ts_ms,
                          uint64_t reply_to); /* 0: absent */

/* What comes between the content and the close when there are files; the list is what encode_files() made. */
void encode_message_files(struct buf *to, const char *files);
/* The same for people who are mentioned; the text is what encode_mentions() made. */
void encode_message_mentions(struct buf *to, const char *mentions);
/* Members of a JSON object, for those whom a message mentions (n > 0), or all of its room, or both. */
void encode_mentions(struct buf *to, const char *const *user_ids, size_t n, bool room);
/* A JSON list of at most FILES_PER_MESSAGE; and the body that answers an upload. */
void encode_files(struct buf *to, const struct file *const *files, size_t n);
void encode_uploaded(struct buf *to, const struct file *f);

/* One that was said before, as a whole: with replyTo, editedTs, "deleted":true (content ""), "takenBack":true,
 * and reactions [{"emoji":…,"count":…,"mine":true?}] where there are any. */
void encode_message(struct buf *to, const char *room, const struct message *m,
                    const struct reactions *r, uint64_t viewer);
void encode_edit(struct buf *to, const char *room, uint64_t seq, const char *user_id,
                 const char *username, const char *content_json, int64_t edited_ts);
/* What one user did (on: chose it, else took it back), and how many have chosen it now. user_id NULL: only that. */
void encode_reaction(struct buf *to, const char *room, uint64_t seq, const char *user_id,
                     const char *username, const char *emoji, bool on, uint32_t count);
/* Messages `from` to `to_seq` are not sent; kept: `history` has them. changed: nor is what was changed about others. */
void encode_gap(struct buf *to, const char *room, uint64_t from, uint64_t to_seq, bool kept,
                bool changed);

void encode_join(struct buf *to, const char *room, const char *username, const char *user_id,
                 enum rank rank, size_t count);
void encode_leave(struct buf *to, const char *room, const char *username, const char *user_id,
                  size_t count);
/* did: what follows the name in the sentence, as JSON text: " was banned" and its like. */
void encode_leave_how(struct buf *to, const char *room, const char *username, const char *user_id,
                      const char *did, size_t count);
/* Merged notices: names that came and went, and how many are there now. */
void encode_presence(struct buf *to, const char *room, const char *const *joined, size_t njoined,
                     const char *const *left, size_t nleft, size_t count);
void encode_read(struct buf *to, const char *room, uint64_t seq);
/* on: blocked, else not any more */
void encode_block(struct buf *to, bool on, const char *user_id, const char *username);
void encode_typing(struct buf *to, const char *room, const char *user_id, const char *username,
                   bool paused);
void encode_goaway(struct buf *to, const char *reason, int64_t retry_after_ms);

/* Settings of a room that changed: `given` has those to show, enum room_field; `kept` always is. */
void encode_room(struct buf *to, const struct room_look *look, unsigned given, const char *by);
void encode_room_destroyed(struct buf *to, const char *room, const char *by, const char *reason);
void encode_moderation(struct buf *to, const struct moderation *m);
/* user_id, username: who removed the message. */
void encode_delete(struct buf *to, const char *room, uint64_t seq, const char *user_id,
                   const char *username, const char *reason);
void encode_invite(struct buf *to, const char *room, const char *by, const char *invite,
                   int64_t expires_ms);
/* content_json: quoted already. Classic: a message of "server". */
void encode_notice(struct buf *to, enum dialect dialect, const char *room, const char *by,
                   const char *content_json);
/* Something private, for those who are not in its room. Classic: a message of no room. */
struct private_message {
    const char *room, *from, *from_id, *to, *to_id;
    const char *content_json; /* quoted already */
    uint64_t seq;
    int64_t ts;
};
void encode_dm(struct buf *to, enum dialect dialect, const struct private_message *m);
/* The token expires in so many seconds. */
void encode_auth(struct buf *to, int64_t expires_ms, int64_t in_s);

/* The error body of an HTTP route: {"error":{"code":…,"message":…}} */
void encode_http_error(struct buf *to, enum problem problem, const char *detail);

#endif
