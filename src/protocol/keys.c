/* What tokens and their keys are written in: the claim `rooms`, and JWK sets. Any thread, pure. */
#include "json.h"
#include "wire.h"

#include <cjson/cJSON.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

enum {
    GRANTS_DEPTH = 1,
    JWKS_DEPTH = 16,
    JWKS_VALUES = 1 << 16, // of a file that the operator chose: enough for any, and not forever
};

static cJSON *parse(const char *json, size_t len, const struct json_bounds *bounds)
{
    const char *detail;

    if (json_scan_within(json, len, bounds, &detail))
        return NULL;
    return cJSON_ParseWithLength(json, len);
}

/* ---- grants --------------------------------------------------------------------------------- */

/* The rank of an element of the claim: a list names rooms, an object gives each a role. -1:
 * none. */
static int granted(const cJSON *element, bool list)
{
    if (!cJSON_IsString(element))
        return -1;
    int rank = list ? RANK_GUEST : rank_from_name(element->valuestring);
    return rank == RANK_OWNER ? RANK_ADMIN : rank;
}

static bool add_grant(struct grants *g, const char *room, int rank)
{
    if (rank < 0 || !text_is_name(room, strlen(room)))
        return false;
    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->grant[i].room, room) == 0)
            return (int)g->grant[i].rank == rank;
    }
    strcpy(g->grant[g->n].room, room);
    g->grant[g->n++].rank = (enum rank)rank;
    return true;
}

struct grants *protocol_decode_grants(const char *json)
{
    static const struct json_bounds bounds = {"{[", GRANTS_DEPTH, GRANTS_MAX};
    cJSON *claim = parse(json, strlen(json), &bounds);
    struct grants *g = NULL;

    if (!claim)
        return NULL;
    size_t n = (size_t)cJSON_GetArraySize(claim);
    bool list = cJSON_IsArray(claim), good = n <= GRANTS_MAX;
    const cJSON *element;

    g = xcalloc(1, sizeof(*g) + (good ? n : 0) * sizeof(g->grant[0]));
    cJSON_ArrayForEach(element, claim)
    {
        const char *room = list ? cJSON_GetStringValue(element) : element->string;
        good = good && room && add_grant(g, room, granted(element, list));
    }
    cJSON_Delete(claim);
    if (!good) {
        free(g);
        return NULL;
    }
    return g;
}

char *protocol_encode_grants(const struct grants *g)
{
    struct buf b = BUF_INIT;

    LIT(&b, "{");
    for (size_t i = 0; i < g->n; i++) {
        COMMA(&b, i);
        wire_str(&b, g->grant[i].room);
        STR(&b, ":", rank_name(g->grant[i].rank));
    }
    LIT(&b, "}");
    return buf_take(&b, NULL);
}

/* ---- JWK sets ------------------------------------------------------------------------------- */

/* Fills in *key; false when one of its members is no string or there twice, or it has no `kty`.
 * Such keys are to be passed over (RFC 7517 section 5). */
static bool read_jwk(const cJSON *object, struct jwk *key)
{
    const struct {
        const char *name, **to;
    } members[] = {
        {"kty", &key->kty}, {"kid", &key->kid}, {"alg", &key->alg}, {"use", &key->use},
        {"crv", &key->crv}, {"n", &key->n},     {"e", &key->e},     {"x", &key->x},
        {"y", &key->y},     {"k", &key->k},
    };
    const cJSON *v;

    *key = (struct jwk){0};
    cJSON_ArrayForEach(v, object)
    {
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            if (strcmp(members[i].name, v->string) != 0)
                continue;
            if (*members[i].to || !cJSON_IsString(v))
                return false;
            *members[i].to = v->valuestring;
        }
    }
    return key->kty;
}

static bool is_set(const cJSON *keys)
{
    const cJSON *object;

    cJSON_ArrayForEach(object, keys)
    {
        if (!cJSON_IsObject(object))
            return false;
    }
    return cJSON_IsArray(keys);
}

int protocol_decode_jwks(const char *json, size_t len, protocol_jwk_fn *fn, void *arg)
{
    static const struct json_bounds bounds = {"{", JWKS_DEPTH, JWKS_VALUES};
    cJSON *set = parse(json, len, &bounds);
    const cJSON *keys = cJSON_GetObjectItemCaseSensitive(set, "keys"), *object;
    int rc = ERR_INVALID;

    if (is_set(keys)) {
        cJSON_ArrayForEach(object, keys)
        {
            struct jwk key;
            if (read_jwk(object, &key))
                fn(arg, &key);
        }
        rc = 0;
    }
    cJSON_Delete(set);
    return rc;
}
