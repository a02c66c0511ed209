/* Inside identity/: tokens as text, and the claims in them. */
#ifndef IDENTITY_TOKEN_H
#define IDENTITY_TOKEN_H

#include "identity_private.h"

#include <jwt.h>

enum { TOKEN_MAX = 8192 }; /* bytes */

bool token_has_shape(const char *token);

/* claims.c. NULL is for a claim that is not there. False: it is there, but of another type. */
bool claim_text(jwt_t *jwt, const char *name, const char **out);
/* Whether `aud` is this text, or an array with it in it. */
bool claim_has_audience(jwt_t *jwt, const char *audience);

/* Fills in everything but `guest` from the claims of a token that is known to be genuine. */
enum problem claims_read(jwt_t *jwt, int64_t now_ms, struct identity *out, const char **detail);

#endif
