/* The fields of the rarer requests: what they are called, and the function that reads each. Private to protocol/. */
#ifndef PROTOCOL_DECODE_FIELDS_H
#define PROTOCOL_DECODE_FIELDS_H

#include "decode.h"

/* One field on its way. */
struct reading {
    cJSON *value;
    enum request_type type;
    struct request_args *args;
    struct request_error *error;
};

/* Key, name, how it is read, and whether "" counts as absent. (In a join it does for all.) */
#define ARG_TABLE(X)                               \
    X("user", USER, user, true)                    \
    X("to", TO, to, true)                          \
    X("reason", REASON, reason, true)              \
    X("seconds", SECONDS, seconds, false)          \
    X("address", ADDRESS, address, false)          \
    X("role", ROLE, role, true)                    \
    X("seq", SEQ, seq, false)                      \
    X("entry", ENTRY, entry, false)                \
    X("before", BEFORE, before, false)             \
    X("after", AFTER, after, false)                \
    X("around", AROUND, around, false)             \
    X("limit", LIMIT, limit, false)                \
    X("since", SINCE, since, false)                \
    X("epoch", EPOCH, epoch, true)                 \
    X("history", HISTORY, history, false)          \
    X("emoji", EMOJI, emoji, true)                 \
    X("remove", REMOVE, remove, false)             \
    X("files", FILES, files, false)                \
    X("token", TOKEN, token, true)                 \
    X("invite", INVITE, invite, true)              \
    X("password", PASSWORD, password, false)       \
    X("title", TITLE, title, false)                \
    X("topic", TOPIC, topic, false)                \
    X("visibility", VISIBILITY, visibility, false) \
    X("maxUsers", MAX_USERS, max_users, false)     \
    X("slowMode", SLOW_MODE, slow_mode, false)     \
    X("hidesPast", HIDES_PAST, hides_past, false)

/* Each takes one value: into r->args, or its first problem into r->error. */
#define X(key, name, reader, empty) void decode_##reader(struct reading *r);
ARG_TABLE(X)
#undef X

#endif
