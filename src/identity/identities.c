/* The ring of keys in use, and its replacement by another while tokens are checked.
 *
 * Made and reloaded on the main thread, which reads files; identities_ring() on any. */
#include "identity_private.h"

#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static char *copy_text(const char *s)
{
    return s != NULL ? xstrdup(s) : NULL;
}

void keyring_unref(struct keyring *ring)
{
    if (ring == NULL || __atomic_sub_fetch(&ring->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < ring->n; i++) {
        free(ring->keys[i].kid);
        sodium_memzero(ring->keys[i].bytes, ring->keys[i].len);
        free(ring->keys[i].bytes);
    }
    free(ring->keys);
    free(ring->issuer);
    free(ring->audience);
    free(ring);
}

static bool add_keys(struct keyring *ring, const struct identity_config *c, char *why, size_t space)
{
    bool some = c->nkeys > 0 || c->jwks != NULL;
    if (c->alg == NULL)
        return !some || refuse_key(why, space, "keys for tokens, but not which algorithm");
    ring->alg = alg_find(c->alg);
    if (ring->alg == NULL)
        return refuse_key(why, space, "%s: no such algorithm in this build", c->alg);
    if (!some)
        return refuse_key(why, space, "no keys for the %s tokens", c->alg);
    for (size_t i = 0; i < c->nkeys; i++) {
        if (!keyring_add_file(ring, c->keys[i], why, space))
            return false;
        if (ring->alg->kind == KEY_SECRET && !c->quiet)
            warn_of_secret_file(c->keys[i]);
    }
    return c->jwks == NULL || keyring_add_jwks(ring, c->jwks, why, space);
}

struct keyring *keyring_read(const struct identity_config *config, char *why, size_t space)
{
    ready_sodium();
    struct keyring *ring = xcalloc(1, sizeof *ring);
    ring->refs = 1;
    ring->mode = config->mode;
    ring->issuer = copy_text(config->issuer);
    ring->audience = copy_text(config->audience);
    if (add_keys(ring, config, why, space))
        return ring;
    keyring_unref(ring);
    return NULL;
}

struct identities *identities_new(const struct identity_config *config, char *why, size_t space)
{
    struct keyring *ring = keyring_read(config, why, space);
    if (ring == NULL)
        return NULL;
    struct identities *i = xcalloc(1, sizeof *i);
    pthread_mutex_init(&i->mu, NULL);
    i->ring = ring;
    if (config->directory == NULL)
        randombytes_buf(i->own, sizeof i->own);
    else if (!own_key_load(config->directory, i->own, &i->own_is_new, why, space)) {
        identities_free(i);
        return NULL;
    }
    return i;
}

bool identities_made_key(const struct identities *i)
{
    return i->own_is_new;
}

bool identities_try(const struct identity_config *config, char *why, size_t space)
{
    struct keyring *ring = keyring_read(config, why, space);
    keyring_unref(ring);
    return ring != NULL &&
           (config->directory == NULL || own_key_try(config->directory, why, space));
}

void identities_use(struct identities *i, struct keyring **ring)
{
    REQUIRE(ring != NULL && *ring != NULL);
    pthread_mutex_lock(&i->mu);
    struct keyring *old = i->ring;
    i->ring = *ring;
    pthread_mutex_unlock(&i->mu);
    *ring = NULL;
    keyring_unref(old);
}

struct keyring *identities_ring(struct identities *i)
{
    pthread_mutex_lock(&i->mu);
    struct keyring *ring = i->ring;
    __atomic_add_fetch(&ring->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&i->mu);
    return ring;
}

enum auth_mode identities_mode(struct identities *i)
{
    pthread_mutex_lock(&i->mu);
    enum auth_mode mode = i->ring->mode;
    pthread_mutex_unlock(&i->mu);
    return mode;
}

void identities_free(struct identities *i)
{
    if (i == NULL)
        return;
    keyring_unref(i->ring);
    pthread_mutex_destroy(&i->mu);
    sodium_memzero(i->own, sizeof i->own);
    free(i);
}
