/* Keys from a JWK set (RFC 7517): those of it that fit the algorithm, each with its `kid`. A set may hold
 * keys for other purposes, they are passed over; one that claims to fit and does not is an error.
 *
 * Main thread, at start and on reload: reads a file, so it blocks. */
#include "identity_private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_MAX = 2048 }; /* bytes of a number: RSA of 16384 bits */

/* One set being read. */
struct reading {
    struct keyring *ring;
    const char *path;
    char *why;
    size_t space;
    bool failed;
};

struct field {
    unsigned char bytes[FIELD_MAX];
    size_t len;
};

/* base64url without padding, as RFC 7518 has all its numbers. */
static bool decode_field(struct field *to, const char *text)
{
    return text != NULL &&
           sodium_base642bin(to->bytes, sizeof to->bytes, text, strlen(text), NULL, &to->len, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           to->len > 0;
}

static EVP_PKEY *make_public(const char *type, OSSL_PARAM_BLD *with)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(with);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *rsa_key(const struct jwk *jwk)
{
    struct field n, e;
    if (!decode_field(&n, jwk->n) || !decode_field(&e, jwk->e))
        return NULL;
    OSSL_PARAM_BLD *with = OSSL_PARAM_BLD_new();
    BIGNUM *bn = BN_bin2bn(n.bytes, (int)n.len, NULL), *be = BN_bin2bn(e.bytes, (int)e.len, NULL);
    EVP_PKEY *pkey = NULL;
    if (with != NULL && bn != NULL && be != NULL &&
        OSSL_PARAM_BLD_push_BN(with, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
        OSSL_PARAM_BLD_push_BN(with, OSSL_PKEY_PARAM_RSA_E, be) == 1)
        pkey = make_public("RSA", with);
    OSSL_PARAM_BLD_free(with);
    BN_free(bn);
    BN_free(be);
    return pkey;
}

static EVP_PKEY *ec_key(const struct alg *alg, const struct jwk *jwk)
{
    struct field x, y;
    unsigned char point[1 + 2 * FIELD_MAX] = {4}; /* uncompressed, SEC 1 section 2.3.3 */
    size_t size = ((size_t)alg->bits + 7) / 8;
    if (!decode_field(&x, jwk->x) || !decode_field(&y, jwk->y) || x.len != size || y.len != size)
        return NULL;
    memcpy(point + 1, x.bytes, size);
    memcpy(point + 1 + size, y.bytes, size);
    OSSL_PARAM_BLD *with = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    if (with != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(with, OSSL_PKEY_PARAM_GROUP_NAME, alg->group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(with, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size) == 1)
        pkey = make_public("EC", with);
    OSSL_PARAM_BLD_free(with);
    return pkey;
}

static EVP_PKEY *ed25519_key(const struct jwk *jwk)
{
    struct field x;
    return decode_field(&x, jwk->x)
               ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.bytes, x.len)
               : NULL;
}

static bool add_public(struct reading *r, const struct jwk *jwk, const char *where)
{
    const struct alg *alg = r->ring->alg;
    EVP_PKEY *pkey = alg->kind == KEY_RSA  ? rsa_key(jwk)
                     : alg->kind == KEY_EC ? ec_key(alg, jwk)
                                           : ed25519_key(jwk);
    bool good = pkey != NULL
                    ? keyring_add_public(r->ring, jwk->kid, pkey, where, r->why, r->space)
                    : refuse_key(r->why, r->space, "%s cannot be read as %s key", where, alg->kty);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return good;
}

static bool add_secret(struct reading *r, const struct jwk *jwk, const char *where)
{
    struct field k;
    if (!decode_field(&k, jwk->k))
        return refuse_key(r->why, r->space, "%s cannot be read as a secret", where);
    bool good = keyring_add_secret(r->ring, jwk->kid, k.bytes, k.len, where, r->why, r->space);
    sodium_memzero(&k, sizeof k);
    return good;
}

/* Whether the key is for this algorithm: RFC 7517 sections 4.1, 4.2 and 4.4. */
static bool is_for(const struct alg *alg, const struct jwk *jwk)
{
    return jwk->kty != NULL && strcmp(jwk->kty, alg->kty) == 0 &&
           (jwk->use == NULL || strcmp(jwk->use, "sig") == 0) &&
           (jwk->alg == NULL || strcmp(jwk->alg, alg->name) == 0) &&
           (alg->crv == NULL || (jwk->crv != NULL && strcmp(jwk->crv, alg->crv) == 0));
}

static void on_jwk(void *arg, const struct jwk *jwk)
{
    struct reading *r = arg;
    char where[512];
    if (r->failed || !is_for(r->ring->alg, jwk))
        return;
    snprintf(where, sizeof where, "%s: the key%s%.64s", r->path, jwk->kid != NULL ? " " : "",
             jwk->kid != NULL ? jwk->kid : "");
    r->failed =
        r->ring->alg->kind == KEY_SECRET ? !add_secret(r, jwk, where) : !add_public(r, jwk, where);
}

bool keyring_add_jwks(struct keyring *ring, const char *path, char *why, size_t space)
{
    struct reading r = {.ring = ring, .path = path, .why = why, .space = space};
    size_t len, before = ring->n;
    unsigned char *bytes = read_key_file(path, &len, why, space);
    if (bytes == NULL)
        return false;
    int err = protocol_decode_jwks((const char *)bytes, len, on_jwk, &r);
    sodium_memzero(bytes, len);
    free(bytes);
    if (r.failed)
        return false;
    if (err != 0)
        return refuse_key(why, space, "%s is not a JSON Web Key set", path);
    if (ring->n == before)
        return refuse_key(why, space, "%s has no key for %s", path, ring->alg->name);
    return true;
}
