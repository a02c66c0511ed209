/* Passwords of rooms: Argon2id (RFC 9106) by libsodium at its "interactive" cost, 64 MiB and two passes.
 *
 * Readers' threads; one at a time, so that a crowd at a door takes 64 MiB and not all there is. */
#include "identity_private.h"

#include <hubbub/check.h>
#include <hubbub/metrics.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

_Static_assert(PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "a hash fits");

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_sodium(void)
{
    int err = sodium_init();
    INSIST(err >= 0);
}

void ready_sodium(void)
{
    pthread_once(&once, start_sodium);
}

bool password_hash(const char *password, char out[PASSWORD_HASH_MAX])
{
    ready_sodium();
    pthread_mutex_lock(&one_at_a_time);
    int err = crypto_pwhash_str(out, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                crypto_pwhash_MEMLIMIT_INTERACTIVE);
    pthread_mutex_unlock(&one_at_a_time);
    metric_add(METRIC_PASSWORD_CHECKS, 1);
    return err == 0;
}

bool password_fits(const char *hash, const char *password)
{
    ready_sodium();
    pthread_mutex_lock(&one_at_a_time);
    int err = crypto_pwhash_str_verify(hash, password, strlen(password));
    pthread_mutex_unlock(&one_at_a_time);
    metric_add(METRIC_PASSWORD_CHECKS, 1);
    return err == 0;
}
