/* libFuzzer target: any bytes as the claim `rooms` of a token, and as a JWK set.
 *
 * Grants that are taken hold valid names and ranks, and are the same when written and read again. */
#include <hubbub/check.h>
#include <hubbub/err.h>
#include <hubbub/protocol.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_grants(const char *json)
{
    struct grants *g = protocol_decode_grants(json);
    if (!g)
        return;
    INSIST(g->n <= GRANTS_MAX);
    char *written = protocol_encode_grants(g);
    struct grants *again = protocol_decode_grants(written);
    INSIST(again && again->n == g->n);
    for (size_t i = 0; i < g->n; i++) {
        const struct grant *a = &g->grant[i], *b = &again->grant[i];
        INSIST(text_is_name(a->room, strlen(a->room)));
        INSIST(a->rank <= RANK_ADMIN);
        INSIST(strcmp(a->room, b->room) == 0 && a->rank == b->rank);
    }
    free(again);
    free(written);
    free(g);
}

static void check_jwk(void *arg, const struct jwk *key)
{
    const char *const all[] = {key->kty, key->kid, key->alg, key->use, key->crv,
                               key->n,   key->e,   key->x,   key->y,   key->k};
    ++*(size_t *)arg;
    INSIST(key->kty);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        INSIST(!all[i] || text_is_utf8(all[i], strlen(all[i])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t keys = 0;
    char *text = malloc(size + 1);

    INSIST(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_grants(text);
    free(text);

    int rc = protocol_decode_jwks((const char *)data, size, check_jwk, &keys);
    INSIST(rc == 0 || (rc == ERR_INVALID && keys == 0));
    return 0;
}
