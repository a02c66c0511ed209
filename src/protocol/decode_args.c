/* Fields of the rarer requests: create and update, what moderators ask for, passwords, tokens, what is
 * asked of and done to messages that were said. Which request takes and needs which is a table, and so is how each is read. Runs where
 * decode.c does. */
#include "decode.h"

#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOKEN_MAX = 8192,
    LEDGER_MAX = 200, // lines of one reply
};

/* One field on its way. */
struct reading {
    cJSON *value;
    enum request_type type;
    struct request_args *args;
    struct request_error *error;
};

static void refuse(struct reading *r, const char *detail)
{
    decode_refuse(r->error, PROBLEM_BAD_REQUEST, detail);
}

/* The string, or NULL when it is none or longer than `most` bytes. */
static char *string_of(struct reading *r, size_t most, const char *detail)
{
    char *s = cJSON_IsString(r->value) ? r->value->valuestring : NULL;

    if (s && strlen(s) <= most)
        return s;
    refuse(r, detail);
    return NULL;
}

/* Whether there are control characters, line and paragraph separators included, in UTF-8. */
static bool has_controls(const char *s, const char *allowed)
{
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        if ((*p < 0x20 && !strchr(allowed, *p)) || *p == 0x7F)
            return true;
        if (p[0] == 0xC2 && p[1] < 0xA0)
            return true;
        if (p[0] == 0xE2 && p[1] == 0x80 && (p[2] & 0xFE) == 0xA8)
            return true;
    }
    return false;
}

/* Text for people: a copy, or NULL. */
static char *prose_of(struct reading *r, size_t most, const char *allowed, const char *detail)
{
    const char *s = string_of(r, most, detail);

    if (!s)
        return NULL;
    if (has_controls(s, allowed)) {
        refuse(r, detail);
        return NULL;
    }
    return xstrdup(s);
}

/* A copy; the original is wiped. */
static char *secret_of(struct reading *r, size_t most, const char *detail)
{
    char *s = string_of(r, most, detail), *copy = NULL;

    if (s) {
        copy = xstrdup(s);
        explicit_bzero(s, strlen(s));
    }
    return copy;
}

/* A whole number from least to most, or `least` with an error. */
static uint64_t number_of(struct reading *r, double least, double most, const char *detail)
{
    if (decode_is_whole(r->value, least, most))
        return (uint64_t)r->value->valuedouble;
    refuse(r, detail);
    return (uint64_t)least;
}

/* ---- one function for each field ------------------------------------------------------------ */

static void read_user(struct reading *r)
{
    static const char detail[] = "user is a userId or a user name, 1 to 64 bytes";
    const char *s = string_of(r, NAME_MAX_BYTES, detail);

    if (s && text_is_name(s, strlen(s)))
        strcpy(r->args->user, s);
    else
        refuse(r, detail);
}

static void read_to(struct reading *r)
{
    read_user(r);
}

static void read_reason(struct reading *r)
{
    r->args->reason = prose_of(r, REASON_MAX, "\n\t", "reason is a text of at most 500 bytes");
}

static void read_seconds(struct reading *r)
{
    r->args->seconds =
        (int64_t)number_of(r, 1, SECONDS_MAX, "seconds is a whole number from 1 to 315360000");
}

static bool bool_of(struct reading *r, const char *detail)
{
    if (!cJSON_IsBool(r->value))
        refuse(r, detail);
    return cJSON_IsTrue(r->value);
}

static void read_address(struct reading *r)
{
    r->args->address = bool_of(r, "address must be true or false");
}

static void read_role(struct reading *r)
{
    static const char detail[] = "role is owner, admin, moderator or member";
    const char *s = string_of(r, NAME_MAX_BYTES, detail);
    int rank = s ? rank_from_name(s) : -1;

    if (rank == RANK_GUEST)
        refuse(r, "role is owner, admin, moderator or member; the request remove takes it away");
    else if (rank < 0)
        refuse(r, detail);
    else
        r->args->role = (enum rank)rank;
}

static void read_seq(struct reading *r)
{
    r->args->seq = number_of(r, 1, SEQ_MAX, "seq is the number of a message");
}

static void read_entry(struct reading *r)
{
    r->args->entry = number_of(r, 1, SEQ_MAX, "entry is the number of an entry of the ledger");
}

/* history: from where. After 0 is from the first message on. */
static void read_place(struct reading *r, enum history_from from, double least, const char *detail)
{
    if (r->args->from != HISTORY_LATEST)
        refuse(r, "history takes one of before, after and around");
    r->args->from = from;
    r->args->at = number_of(r, least, SEQ_MAX, detail);
}

static void read_before(struct reading *r)
{
    if (r->type == REQUEST_HISTORY)
        read_place(r, HISTORY_BEFORE, 1, "before is the number of a message");
    else
        r->args->entry = number_of(r, 1, SEQ_MAX, "before is the number of an entry of the ledger");
}

static void read_after(struct reading *r)
{
    read_place(r, HISTORY_AFTER, 0, "after is the number of a message");
}

static void read_around(struct reading *r)
{
    read_place(r, HISTORY_AROUND, 1, "around is the number of a message");
}

static void read_limit(struct reading *r)
{
    double most = LEDGER_MAX;
    const char *detail = "limit is a whole number from 1 to 200";

    if (r->type == REQUEST_HISTORY) {
        most = HISTORY_MAX;
        detail = "limit is a whole number from 1 to 300";
    } else if (r->type == REQUEST_SEARCH || r->type == REQUEST_MENTIONS) {
        most = SEARCH_LIMIT;
        detail = "limit is a whole number from 1 to 100";
    }
    r->args->limit = (uint32_t)number_of(r, 1, most, detail);
}

static void read_since(struct reading *r)
{
    r->args->since = number_of(r, 0, SEQ_MAX, "since is the number of a message, or 0");
    r->args->since_given = true;
}

static void read_epoch(struct reading *r)
{
    static const char detail[] = "epoch is the one of an earlier reply";
    const char *s = string_of(r, EPOCH_MAX, detail);

    if (s && text_is_word(s, strlen(s)))
        strcpy(r->args->epoch, s);
    else
        refuse(r, detail);
}

static void read_history(struct reading *r)
{
    r->args->history =
        (uint32_t)number_of(r, 0, HISTORY_MAX, "history is a whole number from 0 to 300");
}

static void read_emoji(struct reading *r)
{
    static const char detail[] = "emoji is 1 to 32 bytes of visible text without white space";
    const char *s = string_of(r, EMOJI_MAX, detail);

    if (s && text_is_word(s, strlen(s)))
        strcpy(r->args->emoji, s);
    else
        refuse(r, detail);
}

static void read_remove(struct reading *r)
{
    r->args->remove = bool_of(r, "remove must be true or false");
}

static void read_files(struct reading *r)
{
    static const char detail[] = "files is a list of 1 to 10 ids of files, none of them twice";
    const cJSON *v;
    size_t n = cJSON_IsArray(r->value) ? (size_t)cJSON_GetArraySize(r->value) : 0;

    if (n == 0 || n > FILES_PER_MESSAGE) {
        refuse(r, detail);
        return;
    }
    cJSON_ArrayForEach(v, r->value)
    {
        const char *id = cJSON_GetStringValue(v);
        bool good = id && file_is_id(id, strlen(id));
        for (uint32_t i = 0; good && i < r->args->nfiles; i++)
            good = strcmp(r->args->files[i], id) != 0;
        if (!good) {
            refuse(r, detail);
            return;
        }
        strcpy(r->args->files[r->args->nfiles++], id);
    }
}

static void read_token(struct reading *r)
{
    r->args->token = secret_of(r, TOKEN_MAX, "token is a string of at most 8192 bytes");
}

static void read_invite(struct reading *r)
{
    static const char detail[] = "invite is 1 to 32 characters of 0-9, A-Z, a-z, _ and -";
    static const char letters[] =
        "0123456789_-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *s = string_of(r, INVITE_MAX, detail);

    if (s && s[strspn(s, letters)] == '\0')
        strcpy(r->args->invite, s);
    else
        refuse(r, detail);
}

static void read_password(struct reading *r)
{
    r->args->password = secret_of(r, PASSWORD_MAX, "password is a string of at most 128 bytes");
    r->args->given |= ROOM_PASSWORD;
}

static void read_title(struct reading *r)
{
    r->args->title = prose_of(r, TITLE_MAX, "", "title is one line of at most 128 bytes");
    r->args->given |= ROOM_TITLE;
}

static void read_topic(struct reading *r)
{
    r->args->topic = prose_of(r, TOPIC_MAX, "", "topic is one line of at most 512 bytes");
    r->args->given |= ROOM_TOPIC;
}

static void read_visibility(struct reading *r)
{
    const char *s = cJSON_GetStringValue(r->value);
    int visibility = s ? visibility_from_name(s) : -1;

    if (visibility < 0)
        refuse(r, "visibility is public, restricted or private");
    else
        r->args->visibility = (enum visibility)visibility;
    r->args->given |= ROOM_VISIBILITY;
}

static void read_max_users(struct reading *r)
{
    r->args->max_users =
        (uint32_t)number_of(r, 0, MAX_USERS_MAX, "maxUsers is a whole number from 0 to 1000000");
    r->args->given |= ROOM_MAX_USERS;
}

static void read_slow_mode(struct reading *r)
{
    r->args->slow_mode =
        (uint32_t)number_of(r, 0, SLOW_MODE_MAX, "slowMode is a whole number from 0 to 86400");
    r->args->given |= ROOM_SLOW_MODE;
}

static void read_hides_past(struct reading *r)
{
    r->args->hides_past = bool_of(r, "hidesPast must be true or false");
    r->args->given |= ROOM_HIDES_PAST;
}

/* ---- tables --------------------------------------------------------------------------------- */

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
#define X(key, name, reader, empty) {key, key " is missing", read_##reader, empty},
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
