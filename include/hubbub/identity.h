/* Who somebody is: tokens (JWT, RFC 7519) of the server itself and of other systems, and passwords of rooms.
 *
 * Any thread. Checking a token costs ten microseconds (HMAC) to half a millisecond (RSA and ECDSA, whose
 * keys the library parses each time), a password a tenth of a second and 64 MiB on purpose, one at a time: on
 * readers' threads, never on the hub's. */
#ifndef HUBBUB_IDENTITY_H
#define HUBBUB_IDENTITY_H

#include <hubbub/protocol.h>
#include <hubbub/rank.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum auth_mode { AUTH_GUEST, AUTH_TOKEN, AUTH_BOTH }; /* --auth */

struct identity_config {
    const char *directory; /* where the server's own key is kept, 0600; NULL: a new one in memory */
    enum auth_mode mode;
    const char *alg; /* the one algorithm of outside tokens: "HS256" … ; NULL: no outside tokens */
    /* Files: PEM public keys, or the secret for HS*. All are tried, so that the previous one goes on being accepted
     * while it is listed. */
    char *const *keys;
    size_t nkeys;
    const char *jwks;     /* file, a JWK set; chosen by `kid` */
    const char *issuer;   /* wanted `iss`, NULL: any */
    const char *audience; /* wanted in `aud`, NULL: any */
    bool quiet; /* only to try it: of a secret that others may read the log is told later */
};

struct identity {
    char user_id[NAME_MAX_BYTES + 1];
    char username[NAME_MAX_BYTES + 1]; /* the claim `name`, or "" */
    bool guest;
    int64_t expires_ms;    /* ms since 1970; 0: never (guests: not told) */
    struct grants *grants; /* owned, free(); NULL: all rooms */
};

struct identities;

/* NULL with `why` when a key cannot be read or made, or does not fit the algorithm. */
struct identities *identities_new(const struct identity_config *config, char *why, size_t space);
void identities_free(struct identities *i);

/* Whether it would succeed, as far as the keys go that are there. Makes nothing. */
bool identities_try(const struct identity_config *config, char *why, size_t space);

/* There was no key in `directory`, so one was made. */
bool identities_made_key(const struct identities *i);

/* A reload: everything but `directory` is read anew. NULL with `why`, and the old ring stays. */
struct keyring;
struct keyring *keyring_read(const struct identity_config *config, char *why, size_t space);
/* Takes *ring and nulls it: all checks that begin from now on go by it. */
void identities_use(struct identities *i, struct keyring **ring);
void keyring_unref(struct keyring *ring);

/* Whether this build can check tokens of that algorithm. */
bool identity_alg_known(const char *name);

enum auth_mode identities_mode(struct identities *i);

/* PROBLEM_NONE and *out filled in; or PROBLEM_NOT_AUTHENTICATED, PROBLEM_TOKEN_EXPIRED, and *detail, a static
 * text or NULL for problem_text(). A token has at most 8 KiB. `exp` is exact, `nbf` has 5 s of leeway. The
 * server's own tokens are known by `iss` and the header `kid`, both "hubbub"; only they may name guests. */
enum problem identities_check(struct identities *i, const char *token, struct identity *out,
                              const char **detail);

/* A new guest: "g" and 16 hex digits. */
void identity_new_guest(struct identity *out);

/* A token for a guest, to come back with; malloc'ed. */
char *identities_guest_token(struct identities *i, const char *user_id, const char *username);

/* `hubbub token`: a token signed with the server's own key. grants NULL: all rooms. expires_s 0: never.
 * malloc'ed; NULL for the id of a guest, and when it would be too long. */
char *identities_make_token(struct identities *i, const char *user_id, const char *username,
                            const struct grants *grants, int64_t expires_s);

enum { PASSWORD_HASH_MAX = 128 }; /* bytes, with its NUL */

/* Argon2id (RFC 9106) by libsodium, its "interactive" cost. False when there is no memory for it. */
bool password_hash(const char *password, char out[PASSWORD_HASH_MAX]);
bool password_fits(const char *hash, const char *password);

#endif
