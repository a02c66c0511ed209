/* The algorithms that tokens may be signed by. Constant data, any thread. */
#include "identity_private.h"

#include <jwt.h>
#include <string.h>

static const struct alg algs[] = {
    {"HS256", KEY_SECRET, "oct", NULL, NULL, 256},
    {"HS384", KEY_SECRET, "oct", NULL, NULL, 384},
    {"HS512", KEY_SECRET, "oct", NULL, NULL, 512},
    {"RS256", KEY_RSA, "RSA", NULL, NULL, 2048},
    {"RS384", KEY_RSA, "RSA", NULL, NULL, 2048},
    {"RS512", KEY_RSA, "RSA", NULL, NULL, 2048},
    {"ES256", KEY_EC, "EC", "P-256", "prime256v1", 256},
    {"ES384", KEY_EC, "EC", "P-384", "secp384r1", 384},
    {"ES512", KEY_EC, "EC", "P-521", "secp521r1", 521},
    {"EdDSA", KEY_ED25519, "OKP", "Ed25519", NULL, 256},
};

const struct alg *alg_find(const char *name)
{
    /* libjwt 1 has no EdDSA, later ones have. It ignores case; RFC 7515 does not. */
    for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++)
        if (strcmp(algs[i].name, name) == 0 && jwt_str_alg(name) != JWT_ALG_INVAL)
            return &algs[i];
    return NULL;
}

bool identity_alg_known(const char *name)
{
    return alg_find(name) != NULL;
}
