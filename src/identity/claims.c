/* What a genuine token says: RFC 7519 section 4.1, and the claims `name` and `rooms`.
 *
 * Pure functions, any thread. */
#include "token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEEWAY_S = 5, /* for nbf: clocks differ; none for exp, whose end was known before */
};

/* A deadline further away than this is none: what is added to a clock in nanoseconds must not overflow. */
#define FOR_EVER_MS (INT64_C(100) * 366 * 86400 * 1000)

bool claim_text(jwt_t *jwt, const char *name, const char **out)
{
    *out = jwt_get_grant(jwt, name);
    return *out != NULL || errno == ENOENT;
}

/* Seconds since 1970. NumericDate may have a fraction, so it is taken as JSON text. False: it is of another type. */
static bool claim_time(jwt_t *jwt, const char *name, double *out, bool *there)
{
    char *json = jwt_get_grants_json(jwt, name), *end;
    *there = json != NULL;
    if (json == NULL)
        return true;
    bool number = json[0] == '-' || (json[0] >= '0' && json[0] <= '9');
    *out = strtod(json, &end);
    number = number && *end == '\0';
    free(json);
    return number;
}

/* Where the JSON string at s ends, behind its quote. */
static const char *string_end(const char *s)
{
    for (s++; *s != '"' && *s != '\0'; s++)
        if (*s == '\\' && s[1] != '\0')
            s++;
    return *s == '"' ? s + 1 : s;
}

/* json: an array as the library writes it, compact; text: a string, written by it as well. */
static bool array_has(const char *json, const char *text)
{
    size_t n = strlen(text);
    for (const char *p = json + 1; *p == '"' || *p == ',';) {
        const char *end = *p == '"' ? string_end(p) : p + 1;
        if ((size_t)(end - p) == n && memcmp(p, text, n) == 0)
            return true;
        p = end;
    }
    return false;
}

bool claim_has_audience(jwt_t *jwt, const char *audience)
{
    jwt_t *wanted = NULL;
    char *json = jwt_get_grants_json(jwt, "aud"), *text = NULL;
    if (jwt_new(&wanted) == 0 && jwt_add_grant(wanted, "aud", audience) == 0)
        text = jwt_get_grants_json(wanted, "aud");
    bool found = json != NULL && text != NULL &&
                 (json[0] == '[' ? array_has(json, text) : strcmp(json, text) == 0);
    jwt_free(wanted);
    free(text);
    free(json);
    return found;
}

static enum problem refuse(const char **detail, const char *text)
{
    *detail = text;
    return PROBLEM_NOT_AUTHENTICATED;
}

static enum problem read_times(jwt_t *jwt, int64_t now_ms, struct identity *out,
                               const char **detail)
{
    double exp, nbf, iat, now = (double)now_ms / 1000;
    bool has_exp, has_nbf, has_iat;
    if (!claim_time(jwt, "exp", &exp, &has_exp) || !claim_time(jwt, "nbf", &nbf, &has_nbf) ||
        !claim_time(jwt, "iat", &iat, &has_iat))
        return refuse(detail, "a time in the token is no number");
    if (has_exp && exp <= now) {
        *detail = NULL;
        return PROBLEM_TOKEN_EXPIRED;
    }
    if (has_nbf && nbf > now + LEEWAY_S)
        return refuse(detail, "the token is not valid yet");
    bool ends = has_exp && exp * 1000 < (double)(now_ms + FOR_EVER_MS);
    out->expires_ms = ends ? (int64_t)(exp * 1000) : 0;
    return PROBLEM_NONE;
}

static enum problem read_names(jwt_t *jwt, struct identity *out, const char **detail)
{
    const char *sub, *name;
    if (!claim_text(jwt, "sub", &sub) || sub == NULL || !text_is_name(sub, strlen(sub)))
        return refuse(detail, "the claim sub is no valid user id");
    if (!claim_text(jwt, "name", &name) || (name != NULL && !text_is_name(name, strlen(name))))
        return refuse(detail, "the claim name is no valid name");
    text_copy(out->user_id, sizeof out->user_id, sub, strlen(sub));
    if (name != NULL)
        text_copy(out->username, sizeof out->username, name, strlen(name));
    return PROBLEM_NONE;
}

static enum problem read_rooms(jwt_t *jwt, struct identity *out, const char **detail)
{
    char *json = jwt_get_grants_json(jwt, "rooms");
    if (json == NULL)
        return PROBLEM_NONE;
    out->grants = protocol_decode_grants(json);
    free(json);
    return out->grants != NULL ? PROBLEM_NONE
                               : refuse(detail, "the claim rooms is no list of rooms");
}

enum problem claims_read(jwt_t *jwt, int64_t now_ms, struct identity *out, const char **detail)
{
    enum problem p = read_times(jwt, now_ms, out, detail);
    if (p == PROBLEM_NONE)
        p = read_names(jwt, out, detail);
    if (p == PROBLEM_NONE)
        p = read_rooms(jwt, out, detail);
    return p;
}
