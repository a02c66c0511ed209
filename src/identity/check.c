/* Whether a token is genuine, and whose it is.
 *
 * The algorithm is the server's choice, never the token's: what the header says is only compared with it,
 * and a key is not touched before they are equal. Tokens with this server's `iss` and `kid` are checked with
 * its own key, all others with the keys of the ring.
 *
 * Readers' threads. Allocates, computes, waits for nothing. */
#include "token.h"

#include <hubbub/clock.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static enum problem refuse(const char **detail, const char *text)
{
    *detail = text;
    return PROBLEM_NOT_AUTHENTICATED;
}

static const char only_guests[] = "this server lets guests in, and nobody else";

static bool is(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

/* Extensions that must be understood (RFC 7515 section 4.1.11): there are none. */
static bool wants_extensions(jwt_t *jwt)
{
    char *crit = jwt_get_headers_json(jwt, "crit");
    bool some = crit != NULL;
    free(crit);
    return some;
}

static bool is_signed_by(const char *token, const unsigned char *key, size_t len)
{
    jwt_t *jwt = NULL;
    bool good = jwt_decode(&jwt, token, key, (int)len) == 0;
    jwt_free(jwt);
    ERR_clear_error(); /* what a wrong key left behind */
    return good;
}

/* Keys without a kid are tried for every token, so is every key for a token without one. */
static bool is_signed_by_ring(const struct keyring *ring, const char *token, const char *kid)
{
    for (size_t i = 0; i < ring->n; i++) {
        const struct key *k = &ring->keys[i];
        if ((kid == NULL || k->kid == NULL || strcmp(k->kid, kid) == 0) &&
            is_signed_by(token, k->bytes, k->len))
            return true;
    }
    return false;
}

static enum problem check_own(struct identities *i, const struct keyring *ring, jwt_t *jwt,
                              const char *token, struct identity *out, const char **detail)
{
    if (!is(jwt_get_header(jwt, "alg"), OWN_ALG) || !is_signed_by(token, i->own, sizeof i->own))
        return refuse(detail, "the token is not of this server");
    enum problem p = claims_read(jwt, clock_wall_ms(), out, detail);
    if (p != PROBLEM_NONE)
        return p;
    out->guest = text_is_guest_id(out->user_id);
    if (out->guest && ring->mode == AUTH_TOKEN)
        return refuse(detail, "this server lets no guests in");
    if (!out->guest && ring->mode == AUTH_GUEST)
        return refuse(detail, only_guests);
    if (out->guest)
        out->expires_ms = 0; /* a new one comes with every welcome */
    return PROBLEM_NONE;
}

static enum problem check_outside(const struct keyring *ring, jwt_t *jwt, const char *token,
                                  struct identity *out, const char **detail)
{
    const char *iss;
    if (ring->mode == AUTH_GUEST)
        return refuse(detail, only_guests);
    if (ring->alg == NULL)
        return refuse(detail, "this server takes no tokens of others");
    if (!is(jwt_get_header(jwt, "alg"), ring->alg->name))
        return refuse(detail, "the token is signed by another algorithm than this server asks for");
    if (!is_signed_by_ring(ring, token, jwt_get_header(jwt, "kid")))
        return refuse(detail, "the token is signed by no key that this server knows");
    enum problem p = claims_read(jwt, clock_wall_ms(), out, detail);
    if (p != PROBLEM_NONE)
        return p;
    if (ring->issuer != NULL && (!claim_text(jwt, "iss", &iss) || !is(iss, ring->issuer)))
        return refuse(detail, "the token is of another issuer");
    if (ring->audience != NULL && !claim_has_audience(jwt, ring->audience))
        return refuse(detail, "the token is for another audience");
    if (text_is_guest_id(out->user_id))
        return refuse(detail, "the claim sub looks like a guest of this server");
    return PROBLEM_NONE;
}

enum problem identities_check(struct identities *i, const char *token, struct identity *out,
                              const char **detail)
{
    struct identity found = {.guest = false};
    jwt_t *jwt = NULL;
    *detail = NULL;
    if (token == NULL || token[0] == '\0')
        return refuse(detail, NULL);
    /* Without a key nothing is verified: this is only to see which key to ask for. */
    if (!token_has_shape(token) || jwt_decode(&jwt, token, NULL, 0) != 0)
        return refuse(detail, "this is not a token");
    struct keyring *ring = identities_ring(i);
    enum problem p = PROBLEM_NOT_AUTHENTICATED;
    if (wants_extensions(jwt))
        *detail = "the token has extensions that this server does not know";
    else if (is(jwt_get_header(jwt, "kid"), OWN_NAME) && is(jwt_get_grant(jwt, "iss"), OWN_NAME))
        p = check_own(i, ring, jwt, token, &found, detail);
    else
        p = check_outside(ring, jwt, token, &found, detail);
    keyring_unref(ring);
    jwt_free(jwt);
    if (p == PROBLEM_NONE)
        *out = found;
    else
        free(found.grants);
    return p;
}
