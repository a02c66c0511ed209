/* From a text frame to a struct request. Runs in reader threads (and in the HTTP routes) on small
 * stacks: json_scan() bounds what cJSON recurses into. Owns nothing, does not block. */
#include "decode.h"
#include "json.h"

#include <hubbub/err.h>
#include <hubbub/query.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fields of the everyday requests. Their types are checked in all of them; for the rest see
 * decode_args.c. */
#define FIELD_TABLE(X)            \
    X("type", TYPE, STRING)       \
    X("id", ID, STRING)           \
    X("room", ROOM, STRING)       \
    X("content", CONTENT, STRING) \
    X("text", TEXT, STRING)       \
    X("stay", STAY, BOOL)         \
    X("state", STATE, STRING)     \
    X("t", T, SCALAR)             \
    X("query", QUERY, STRING)     \
    X("cursor", CURSOR, STRING)   \
    X("replyTo", REPLY_TO, SEQ)

enum field {
#define X(key, name, kind) FIELD_##name,
    FIELD_TABLE(X)
#undef X
        FIELD_COUNT
};

#define WANT_STRING "must be a string"
#define WANT_BOOL "must be true or false"
#define WANT_SCALAR "must be a number or a string"
#define WANT_SEQ "must be the number of a message"

static bool is_string(const cJSON *v)
{
    return cJSON_IsString(v);
}

static bool is_bool(const cJSON *v)
{
    return cJSON_IsBool(v);
}

static bool is_scalar(const cJSON *v)
{
    return cJSON_IsString(v) || (cJSON_IsNumber(v) && isfinite(v->valuedouble));
}

static bool is_seq(const cJSON *v)
{
    return decode_is_whole(v, 1, SEQ_MAX);
}

#define IS_STRING is_string
#define IS_BOOL is_bool
#define IS_SCALAR is_scalar
#define IS_SEQ is_seq

static const struct {
    const char *key;
    bool (*fits)(const cJSON *value);
    const char *wrong;
} FIELDS[FIELD_COUNT] = {
#define X(key, name, kind) [FIELD_##name] = {key, IS_##kind, key " " WANT_##kind},
    FIELD_TABLE(X)
#undef X
};

static const struct {
    const char *wire;
    enum request_type type;
} TYPES[] = {
#define X(wire, name, hub, rate) {wire, REQUEST_##name},
    REQUEST_TABLE(X)
#undef X
        {"chat", REQUEST_MESSAGE},
};

/* One request on its way. */
struct decoding {
    cJSON *json;
    const cJSON *field[FIELD_COUNT]; // of the right type, or NULL
    struct request request;
    struct request_error error;
};

static void refuse(struct decoding *d, enum problem problem, const char *detail)
{
    decode_refuse(&d->error, problem, detail);
}

static const char *text_of(const struct decoding *d, enum field f)
{
    return d->field[f] ? d->field[f]->valuestring : NULL;
}

/* Sorts the members of the object into d->field. json_scan() has bounded their number, so that
 * comparing each with all before it is cheap. */
static void sort_fields(struct decoding *d)
{
    const cJSON *v, *before;

    cJSON_ArrayForEach(v, d->json)
    {
        for (before = d->json->child; before != v; before = before->next) {
            if (strcmp(before->string, v->string) == 0)
                refuse(d, PROBLEM_BAD_REQUEST, "a key appears twice");
        }
        for (int f = 0; f < FIELD_COUNT; f++) {
            if (strcmp(FIELDS[f].key, v->string) != 0)
                continue;
            if (FIELDS[f].fits(v))
                d->field[f] = v;
            else
                refuse(d, PROBLEM_BAD_REQUEST, FIELDS[f].wrong);
            break;
        }
    }
}

/* What errors repeat, so it is read whatever else is wrong. An empty room is no room: clients
 * written in languages with zero values send it. */
static void read_id_and_room(struct decoding *d)
{
    const char *id = text_of(d, FIELD_ID), *room = text_of(d, FIELD_ROOM);

    if (id && strlen(id) > REQUEST_ID_MAX)
        refuse(d, PROBLEM_BAD_REQUEST, "id is longer than 64 bytes");
    else if (id)
        strcpy(d->request.id, id);

    if (room && *room && !text_is_name(room, strlen(room)))
        refuse(d, PROBLEM_INVALID_ROOM, NULL);
    else if (room)
        strcpy(d->request.room, room);

    strcpy(d->error.id, d->request.id);
    strcpy(d->error.room, d->request.room);
}

/* Parses, and reads what every request has. */
static bool decode_object(struct decoding *d, const char *bytes, size_t len)
{
    const char *detail;
    enum problem problem = json_scan(bytes, len, &detail);

    if (!problem) {
        d->json = cJSON_ParseWithLength(bytes, len);
        if (!d->json)
            problem = PROBLEM_BAD_JSON;
    }
    if (problem) {
        refuse(d, problem, detail);
        return false;
    }
    sort_fields(d);
    read_id_and_room(d);
    return d->error.problem == PROBLEM_NONE;
}

/* The type, and under which name a message says its content. */
static bool read_type(struct decoding *d, bool *chat)
{
    const char *type = text_of(d, FIELD_TYPE);

    if (!type) {
        refuse(d, PROBLEM_BAD_REQUEST, "type is missing");
        return false;
    }
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (strcmp(TYPES[i].wire, type) == 0) {
            d->request.type = TYPES[i].type;
            *chat = i == REQUEST_COUNT;
            return true;
        }
    }
    refuse(d, PROBLEM_UNKNOWN_TYPE, NULL);
    return false;
}

static void take_text(struct decoding *d, struct buf *text)
{
    d->request.text = buf_take(text, &d->request.text_len);
}

static void read_join(struct decoding *d)
{
    d->request.stay = cJSON_IsTrue(d->field[FIELD_STAY]);
}

/* Whether files are said, which need no words. What they are is for decode_args(). */
static bool has_files(const struct decoding *d)
{
    return d->request.type == REQUEST_MESSAGE &&
           cJSON_GetObjectItemCaseSensitive(d->json, "files") != NULL;
}

static void read_message(struct decoding *d, bool chat)
{
    const char *said = text_of(d, chat ? FIELD_TEXT : FIELD_CONTENT);

    if (!said) {
        refuse(d, PROBLEM_BAD_REQUEST, chat ? "text is missing" : "content is missing");
    } else if (!*said && !has_files(d)) {
        refuse(d, PROBLEM_BAD_REQUEST, chat ? "text is empty" : "content is empty");
    } else {
        struct buf text = BUF_INIT;
        protocol_quote(&text, said, strlen(said));
        take_text(d, &text);
    }
    if ((d->request.type == REQUEST_MESSAGE || d->request.type == REQUEST_DM) &&
        d->field[FIELD_REPLY_TO])
        d->request.reply_to = (uint64_t)d->field[FIELD_REPLY_TO]->valuedouble;
}

static void read_typing(struct decoding *d)
{
    const char *state = text_of(d, FIELD_STATE);

    d->request.typing_paused = state && strcmp(state, "paused") == 0;
    if (state && !d->request.typing_paused && strcmp(state, "active") != 0)
        refuse(d, PROBLEM_BAD_REQUEST, "state is active or paused");
}

static void read_cursor(struct decoding *d)
{
    const char *cursor = text_of(d, FIELD_CURSOR);

    if (cursor && *cursor && !text_is_name(cursor, strlen(cursor)))
        refuse(d, PROBLEM_BAD_REQUEST, "cursor is the one of an earlier reply");
    else if (cursor)
        strcpy(d->request.cursor, cursor);
}

static void read_rooms(struct decoding *d)
{
    const char *query = text_of(d, FIELD_QUERY);

    read_cursor(d);
    if (query) {
        struct buf text = BUF_INIT;
        buf_add_str(&text, query);
        take_text(d, &text);
    }
}

static void read_search(struct decoding *d)
{
    const char *query = text_of(d, FIELD_QUERY);
    size_t len = query ? strlen(query) : 0;

    if (len == 0 || len > QUERY_MAX) {
        refuse(d, PROBLEM_BAD_REQUEST, query ? "query is 1 to 200 bytes" : "query is missing");
        return;
    }
    struct buf text = BUF_INIT;
    buf_add(&text, query, len);
    take_text(d, &text);
}

/* The shortest text that is read back as the same number: pages look the answer up by it. (cJSON's
 * printer is content with nearly the same.) */
static void add_number(struct buf *to, double v)
{
    enum { ENOUGH_DIGITS = 17 };
    char text[32];
    int digits = 15;

    do
        snprintf(text, sizeof(text), "%.*g", digits, v);
    while (strtod(text, NULL) != v && ++digits <= ENOUGH_DIGITS);
    buf_add_str(to, text);
}

static void read_ping(struct decoding *d)
{
    const cJSON *t = d->field[FIELD_T];
    struct buf text = BUF_INIT;

    if (!t)
        return;
    if (cJSON_IsString(t))
        protocol_quote(&text, t->valuestring, strlen(t->valuestring));
    else
        add_number(&text, t->valuedouble);
    take_text(d, &text);
}

static void read_request(struct decoding *d)
{
    bool chat = false;

    if (!read_type(d, &chat))
        return;
    switch (d->request.type) {
    case REQUEST_JOIN: read_join(d); break;
    case REQUEST_MESSAGE:
    case REQUEST_EDIT:
    case REQUEST_DM:
    case REQUEST_NOTICE: read_message(d, chat); break;
    case REQUEST_TYPING: read_typing(d); break;
    case REQUEST_ROOMS: read_rooms(d); break;
    case REQUEST_SEARCH: read_search(d); break;
    case REQUEST_MENTIONS: read_cursor(d); break;
    case REQUEST_PING: read_ping(d); break;
    default: break;
    }
    decode_args(d->json, &d->request, &d->error);
}

/* Hands the request or the error to the caller. */
static int finish(struct decoding *d, struct request *out, struct request_error *error)
{
    cJSON_Delete(d->json);
    if (d->error.problem) {
        request_fini(&d->request);
        *error = d->error;
        return ERR_INVALID;
    }
    *out = d->request;
    return 0;
}

int protocol_decode(const char *bytes, size_t len, struct request *out, struct request_error *error)
{
    struct decoding d = {0};

    if (decode_object(&d, bytes, len))
        read_request(&d);
    return finish(&d, out, error);
}

int protocol_decode_room_call(const char *bytes, size_t len, char *session, size_t space,
                              struct request *out, struct request_error *error)
{
    struct decoding d = {.request.type = REQUEST_JOIN};
    const cJSON *who = NULL;

    if (decode_object(&d, bytes, len)) {
        read_join(&d);
        decode_args(d.json, &d.request, &d.error);
        who = cJSON_GetObjectItemCaseSensitive(d.json, "session");
        if (!cJSON_IsString(who))
            refuse(&d, PROBLEM_BAD_REQUEST,
                   who ? "session must be a string" : "session is missing");
        else if (strlen(who->valuestring) >= space)
            refuse(&d, PROBLEM_UNKNOWN_SESSION, NULL);
        else if (!d.error.problem)
            strcpy(session, who->valuestring);
    }
    return finish(&d, out, error);
}
