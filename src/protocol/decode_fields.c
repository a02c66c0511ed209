/* How each field of the rarer requests is read: its type, its bounds, and what is said when it is not as it should be.
 * Which request has which: decode_args.c. Runs where decode.c does. */
#include "decode_fields.h"

#include <hubbub/mem.h>
#include <string.h>

enum {
    TOKEN_MAX = 8192,
    LEDGER_MAX = 200, // lines of one reply
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

static bool bool_of(struct reading *r, const char *detail)
{
    if (!cJSON_IsBool(r->value))
        refuse(r, detail);
    return cJSON_IsTrue(r->value);
}

/* ---- one function for each field ------------------------------------------------------------ */

void decode_user(struct reading *r)
{
    static const char detail[] = "user is a userId or a user name, 1 to 64 bytes";
    const char *s = string_of(r, NAME_MAX_BYTES, detail);

    if (s && text_is_name(s, strlen(s)))
        strcpy(r->args->user, s);
    else
        refuse(r, detail);
}

void decode_to(struct reading *r)
{
    decode_user(r);
}

void decode_reason(struct reading *r)
{
    r->args->reason = prose_of(r, REASON_MAX, "\n\t", "reason is a text of at most 500 bytes");
}

void decode_seconds(struct reading *r)
{
    r->args->seconds =
        (int64_t)number_of(r, 1, SECONDS_MAX, "seconds is a whole number from 1 to 315360000");
}

void decode_address(struct reading *r)
{
    r->args->address = bool_of(r, "address must be true or false");
}

void decode_role(struct reading *r)
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

void decode_seq(struct reading *r)
{
    r->args->seq = number_of(r, 1, SEQ_MAX, "seq is the number of a message");
}

void decode_entry(struct reading *r)
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

void decode_before(struct reading *r)
{
    if (r->type == REQUEST_HISTORY)
        read_place(r, HISTORY_BEFORE, 1, "before is the number of a message");
    else
        r->args->entry = number_of(r, 1, SEQ_MAX, "before is the number of an entry of the ledger");
}

void decode_after(struct reading *r)
{
    read_place(r, HISTORY_AFTER, 0, "after is the number of a message");
}

void decode_around(struct reading *r)
{
    read_place(r, HISTORY_AROUND, 1, "around is the number of a message");
}

void decode_limit(struct reading *r)
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

void decode_since(struct reading *r)
{
    r->args->since = number_of(r, 0, SEQ_MAX, "since is the number of a message, or 0");
    r->args->since_given = true;
}

void decode_epoch(struct reading *r)
{
    static const char detail[] = "epoch is the one of an earlier reply";
    const char *s = string_of(r, EPOCH_MAX, detail);

    if (s && text_is_word(s, strlen(s)))
        strcpy(r->args->epoch, s);
    else
        refuse(r, detail);
}

void decode_history(struct reading *r)
{
    r->args->history =
        (uint32_t)number_of(r, 0, HISTORY_MAX, "history is a whole number from 0 to 300");
}

void decode_emoji(struct reading *r)
{
    static const char detail[] = "emoji is 1 to 32 bytes of visible text without white space";
    const char *s = string_of(r, EMOJI_MAX, detail);

    if (s && text_is_word(s, strlen(s)))
        strcpy(r->args->emoji, s);
    else
        refuse(r, detail);
}

void decode_remove(struct reading *r)
{
    r->args->remove = bool_of(r, "remove must be true or false");
}

void decode_files(struct reading *r)
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

void decode_token(struct reading *r)
{
    r->args->token = secret_of(r, TOKEN_MAX, "token is a string of at most 8192 bytes");
}

void decode_invite(struct reading *r)
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

void decode_password(struct reading *r)
{
    r->args->password = secret_of(r, PASSWORD_MAX, "password is a string of at most 128 bytes");
    r->args->given |= ROOM_PASSWORD;
}

void decode_title(struct reading *r)
{
    r->args->title = prose_of(r, TITLE_MAX, "", "title is one line of at most 128 bytes");
    r->args->given |= ROOM_TITLE;
}

void decode_topic(struct reading *r)
{
    r->args->topic = prose_of(r, TOPIC_MAX, "", "topic is one line of at most 512 bytes");
    r->args->given |= ROOM_TOPIC;
}

void decode_visibility(struct reading *r)
{
    const char *s = cJSON_GetStringValue(r->value);
    int visibility = s ? visibility_from_name(s) : -1;

    if (visibility < 0)
        refuse(r, "visibility is public, restricted or private");
    else
        r->args->visibility = (enum visibility)visibility;
    r->args->given |= ROOM_VISIBILITY;
}

void decode_max_users(struct reading *r)
{
    r->args->max_users =
        (uint32_t)number_of(r, 0, MAX_USERS_MAX, "maxUsers is a whole number from 0 to 1000000");
    r->args->given |= ROOM_MAX_USERS;
}

void decode_slow_mode(struct reading *r)
{
    r->args->slow_mode =
        (uint32_t)number_of(r, 0, SLOW_MODE_MAX, "slowMode is a whole number from 0 to 86400");
    r->args->given |= ROOM_SLOW_MODE;
}

void decode_hides_past(struct reading *r)
{
    r->args->hides_past = bool_of(r, "hidesPast must be true or false");
    r->args->given |= ROOM_HIDES_PAST;
}
