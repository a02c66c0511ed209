/* What the rarer requests have besides the fields of all: create and update, what moderators ask for, passwords,
 * tokens, what is asked of and done to messages that were said. Which request takes and needs which is a table; how
 * each is read is in decode_fields.c. Runs where decode.c does. */
#include "decode_fields.h"

#include <hubbub/mem.h>

enum arg_index {
#define X(key, name, reader, empty) ARG_INDEX_##name,
    ARG_TABLE(X)
#undef X
        ARG_COUNT
};

enum arg {
#define X(key, name, reader, empty) ARG_##name = 1 << ARG_INDEX_##name,
    ARG_TABLE(X)
#undef X
        ARG_ROOM = 1 << ARG_COUNT, // read already; only needed
};

static const struct {
    const char *key, *missing;
    void (*read)(struct reading *r);
    bool empty;
} ARGS[ARG_COUNT] = {
#define X(key, name, reader, empty) {key, key " is missing", decode_##reader, empty},
    ARG_TABLE(X)
#undef X
};

enum {
    SETTINGS = ARG_TITLE | ARG_TOPIC | ARG_VISIBILITY | ARG_MAX_USERS | ARG_PASSWORD |
               ARG_SLOW_MODE | ARG_HIDES_PAST,
};

/* What a request must and may have. `args`: it has struct request_args in any case. */
static const struct {
    unsigned needs, takes;
    bool args;
} REQUESTS[REQUEST_COUNT] = {
    [REQUEST_JOIN] = {ARG_ROOM, ARG_PASSWORD | ARG_INVITE | ARG_SINCE | ARG_EPOCH | ARG_HISTORY,
                      false},
    [REQUEST_MESSAGE] = {0, ARG_FILES, false},
    [REQUEST_EDIT] = {ARG_SEQ, 0, true},
    [REQUEST_DM] = {ARG_TO, 0, true},
    [REQUEST_BLOCK] = {ARG_USER, 0, true},
    [REQUEST_UNBLOCK] = {ARG_USER, 0, true},
    [REQUEST_REACT] = {ARG_SEQ | ARG_EMOJI, ARG_REMOVE, true},
    [REQUEST_HISTORY] = {0, ARG_BEFORE | ARG_AFTER | ARG_AROUND | ARG_LIMIT, true},
    [REQUEST_SEARCH] = {0, ARG_LIMIT, true},
    [REQUEST_MENTIONS] = {0, ARG_LIMIT, true},
    [REQUEST_MARK] = {ARG_SEQ, 0, true},
    [REQUEST_CREATE] = {ARG_ROOM, SETTINGS, true},
    [REQUEST_UPDATE] = {ARG_ROOM, SETTINGS, true},
    [REQUEST_DESTROY] = {ARG_ROOM, ARG_REASON, true},
    [REQUEST_INVITE] = {ARG_ROOM, ARG_USER, true},
    [REQUEST_ADD] = {ARG_ROOM | ARG_USER, 0, true},
    [REQUEST_REMOVE] = {ARG_ROOM | ARG_USER, 0, true},
    [REQUEST_KICK] = {ARG_ROOM | ARG_USER, ARG_REASON, true},
    [REQUEST_BAN] = {ARG_USER, ARG_REASON | ARG_SECONDS | ARG_ADDRESS, true},
    [REQUEST_UNBAN] = {ARG_USER, ARG_REASON, true},
    [REQUEST_MUTE] = {ARG_ROOM | ARG_USER, ARG_REASON | ARG_SECONDS, true},
    [REQUEST_UNMUTE] = {ARG_ROOM | ARG_USER, ARG_REASON, true},
    [REQUEST_ROLE] = {ARG_ROOM | ARG_USER | ARG_ROLE, 0, true},
    [REQUEST_DELETE] = {ARG_SEQ, ARG_REASON, true},
    [REQUEST_LEDGER] = {0, ARG_LIMIT | ARG_BEFORE, true},
    [REQUEST_UNDO] = {ARG_ENTRY, 0, true},
    [REQUEST_WHY] = {0, 0, true},
    [REQUEST_NOTICE] = {0, 0, true},
    [REQUEST_AUTH] = {ARG_TOKEN, 0, true},
};

static bool is_empty(const cJSON *v)
{
    return cJSON_IsString(v) && !*v->valuestring;
}

/* What is wrong with the fields of a request taken together. */
static const char *clash_of(const struct request *r)
{
    const struct request_args *a = r->args;

    if (r->type == REQUEST_UPDATE && !a->given)
        return "there is nothing to change";
    if (r->type == REQUEST_JOIN && a && a->since_given != (a->epoch[0] != '\0'))
        return "since and epoch go together";
    return NULL;
}

void decode_args(cJSON *json, struct request *r, struct request_error *e)
{
    unsigned needs = REQUESTS[r->type].needs, takes = needs | REQUESTS[r->type].takes;

    if ((needs & ARG_ROOM) && !r->room[0])
        decode_refuse(e, PROBLEM_INVALID_ROOM, "room is missing");
    if (REQUESTS[r->type].args)
        r->args = xcalloc(1, sizeof(*r->args));

    for (unsigned i = 0; (takes & ~ARG_ROOM) >> i; i++) {
        if (!(takes & 1U << i))
            continue;
        cJSON *v = cJSON_GetObjectItemCaseSensitive(json, ARGS[i].key);
        bool absent = !v || (is_empty(v) && (ARGS[i].empty || r->type == REQUEST_JOIN));
        if (absent) {
            if (needs & 1U << i)
                decode_refuse(e, PROBLEM_BAD_REQUEST, ARGS[i].missing);
            continue;
        }
        if (!r->args)
            r->args = xcalloc(1, sizeof(*r->args));
        ARGS[i].read(&(struct reading){.value = v, .type = r->type, .args = r->args, .error = e});
    }
    const char *clash = clash_of(r);
    if (clash)
        decode_refuse(e, PROBLEM_BAD_REQUEST, clash);
}
