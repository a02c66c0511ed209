/* Guests, and the tokens that the server makes itself. Any thread. */
#include "token.h"

#include <hubbub/clock.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    GUEST_BYTES = 8,
    GUEST_DAYS = 400, /* as long as browsers keep a cookie */
    DAY_S = 86400,
};

void identity_new_guest(struct identity *out)
{
    unsigned char bytes[GUEST_BYTES];
    ready_sodium();
    randombytes_buf(bytes, sizeof bytes);
    *out = (struct identity){.user_id = "g", .guest = true};
    sodium_bin2hex(out->user_id + 1, 2 * GUEST_BYTES + 1, bytes, sizeof bytes);
}

static bool add_grants(jwt_t *jwt, const struct grants *grants)
{
    if (grants == NULL)
        return true;
    char *rooms = protocol_encode_grants(grants);
    struct buf json = BUF_INIT;
    buf_printf(&json, "{\"rooms\":%s}", rooms);
    bool good = jwt_add_grants_json(jwt, json.data) == 0;
    buf_fini(&json);
    free(rooms);
    return good;
}

/* malloc'ed, or NULL. */
static char *make(struct identities *i, const char *user_id, const char *username,
                  const struct grants *grants, int64_t expires_s)
{
    long now = (long)(clock_wall_ms() / 1000);
    jwt_t *jwt = NULL;
    char *token = NULL;
    if (jwt_new(&jwt) == 0 && jwt_set_alg(jwt, jwt_str_alg(OWN_ALG), i->own, sizeof i->own) == 0 &&
        jwt_add_header(jwt, "kid", OWN_NAME) == 0 && jwt_add_grant(jwt, "iss", OWN_NAME) == 0 &&
        jwt_add_grant(jwt, "sub", user_id) == 0 && jwt_add_grant_int(jwt, "iat", now) == 0 &&
        (username == NULL || username[0] == '\0' || jwt_add_grant(jwt, "name", username) == 0) &&
        (expires_s == 0 || jwt_add_grant_int(jwt, "exp", now + (long)expires_s) == 0) &&
        add_grants(jwt, grants))
        token = jwt_encode_str(jwt);
    jwt_free(jwt);
    if (token != NULL && strlen(token) > TOKEN_MAX) { /* identities_check() would not have it */
        free(token);
        token = NULL;
    }
    return token;
}

char *identities_guest_token(struct identities *i, const char *user_id, const char *username)
{
    return make(i, user_id, username, NULL, (int64_t)GUEST_DAYS * DAY_S);
}

char *identities_make_token(struct identities *i, const char *user_id, const char *username,
                            const struct grants *grants, int64_t expires_s)
{
    return text_is_guest_id(user_id) ? NULL : make(i, user_id, username, grants, expires_s);
}
