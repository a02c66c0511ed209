/* Inside identity/: algorithms, keys and the ring they hang on. */
#ifndef IDENTITY_PRIVATE_H
#define IDENTITY_PRIVATE_H

#include <hubbub/identity.h>
#include <pthread.h>

enum { OWN_KEY_BYTES = 32 };

/* What the server's own tokens say in `iss` and in the header `kid`, to be told from all others. */
#define OWN_NAME "hubbub"
#define OWN_ALG "HS256"

enum key_kind { KEY_SECRET, KEY_RSA, KEY_EC, KEY_ED25519 };

/* One row of RFC 7518 section 3.1 (EdDSA: RFC 8037). */
struct alg {
    const char *name;
    enum key_kind kind;
    const char *kty;   /* of a JWK */
    const char *crv;   /* of a JWK; NULL: none */
    const char *group; /* the curve, as OpenSSL calls it */
    int bits;          /* of the key: the least of a secret or of RSA, the size of a curve */
};

/* The row of that exact name, if libjwt has the algorithm, too; else NULL. */
const struct alg *alg_find(const char *name);

/* One key as libjwt takes it: the secret, or a public key as PEM. */
struct key {
    char *kid; /* NULL: for tokens with any `kid` or none */
    unsigned char *bytes;
    size_t len;
};

/* What decides whether an outside token is good. Immutable but for the count: whoever checks a token holds
 * a reference meanwhile, and a reload puts another ring in its place. */
struct keyring {
    int refs; /* atomic */
    enum auth_mode mode;
    const struct alg *alg; /* NULL: no outside tokens */
    char *issuer, *audience;
    struct key *keys;
    size_t n;
};

struct identities {
    unsigned char own[OWN_KEY_BYTES]; /* set once */
    bool own_is_new;                  /* likewise */
    pthread_mutex_t mu;               /* ring: the pointer, and taking a reference */
    struct keyring *ring;
};

struct keyring *identities_ring(struct identities *i); /* a new reference */

/* Writes one line to `why`, and returns false. */
__attribute__((format(printf, 3, 4))) bool refuse_key(char *why, size_t space, const char *format,
                                                      ...);

/* key_file.c: adds what the file holds. `where` names it for people. */
bool keyring_add_file(struct keyring *ring, const char *path, char *why, size_t space);
/* In the log, when others may read the file. */
void warn_of_secret_file(const char *path);
/* A public key, borrowed (OpenSSL's EVP_PKEY), that must fit the ring's algorithm. */
bool keyring_add_public(struct keyring *ring, const char *kid, void *pkey, const char *where,
                        char *why, size_t space);
bool keyring_add_secret(struct keyring *ring, const char *kid, const unsigned char *bytes,
                        size_t len, const char *where, char *why, size_t space);
/* jwks.c: adds those keys of a set that fit the algorithm. */
bool keyring_add_jwks(struct keyring *ring, const char *path, char *why, size_t space);

/* The bytes of a file with a NUL behind them, from malloc(). */
unsigned char *read_key_file(const char *path, size_t *len, char *why, size_t space);

/* own_key.c: whether directory/server.key can be used, if there is one. */
bool own_key_try(const char *directory, char *why, size_t space);
/* Reads it into `key`, or makes both. */
bool own_key_load(const char *directory, unsigned char key[OWN_KEY_BYTES], bool *made, char *why,
                  size_t space);

/* libsodium, ready to be used. */
void ready_sodium(void);

#endif
