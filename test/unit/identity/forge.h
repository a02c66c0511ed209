/*
 * Tokens and keys made by OpenSSL alone, true ones and false ones: a second opinion on the library that
 * the server uses, and every header and payload that a library would not write.
 */
#ifndef HUBBUB_TEST_FORGE_H
#define HUBBUB_TEST_FORGE_H

#include "support/test_main.h"

#include <fcntl.h>
#include <hubbub/buf.h>
#include <hubbub/clock.h>
#include <hubbub/identity.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a directory for the files of a test binary ---------------------------------------------------- */

static char forge_dir[] = "/tmp/hubbub-identity-XXXXXX";

static inline int forge_begin(void **state)
{
    (void)state;
    return mkdtemp(forge_dir) == NULL;
}

static inline int forge_end(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", forge_dir);
    return system(command);
}

/* A path in it; sixteen are valid at a time. */
static inline char *in_dir(const char *name)
{
    static char paths[16][128];
    static unsigned next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", forge_dir, name);
    return path;
}

static inline char *put_file(const char *name, const void *bytes, size_t n)
{
    char *path = in_dir(name);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    return path;
}

static inline char *put_text(const char *name, const char *text)
{
    return put_file(name, text, strlen(text));
}

static inline char *put_public(const char *name, EVP_PKEY *key)
{
    char *path = in_dir(name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(PEM_write_PUBKEY(f, key), 1);
    fclose(f);
    return path;
}

/* ---- tokens ---------------------------------------------------------------------------------------- */

static inline void add_base64url(struct buf *to, const void *bytes, size_t n)
{
    unsigned char *text = malloc(n * 2 + 8);
    assert_non_null(text);
    EVP_EncodeBlock(text, bytes, (int)n);
    for (unsigned char *p = text; *p != '\0' && *p != '='; p++)
        buf_add_char(to, *p == '+' ? '-' : *p == '/' ? '_' : (char)*p);
    free(text);
}

/* What signs: a secret, or a private key. */
struct signer {
    const char *alg; /* as it is put into headers, and how it signs */
    EVP_PKEY *pkey;
    const void *secret;
    size_t len;
};

static inline const EVP_MD *digest_of(const char *alg)
{
    return strstr(alg, "512") != NULL   ? EVP_sha512()
           : strstr(alg, "384") != NULL ? EVP_sha384()
                                        : EVP_sha256();
}

/* ECDSA as JWS has it: both numbers at full length (RFC 7518 section 3.4), not DER. */
static inline size_t raw_ecdsa(EVP_PKEY *pkey, unsigned char *der, size_t len)
{
    const unsigned char *p = der;
    int half = (EVP_PKEY_get_bits(pkey) + 7) / 8;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    assert_non_null(sig);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), der, half);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), der + half, half);
    ECDSA_SIG_free(sig);
    return 2 * (size_t)half;
}

static inline size_t sign(const struct signer *s, const struct buf *what, unsigned char sig[1024])
{
    size_t len = 1024;
    unsigned n = 0;
    const void *bytes = what->data;
    if (s->pkey == NULL) {
        assert_non_null(HMAC(digest_of(s->alg), s->secret, (int)s->len, bytes, what->len, sig, &n));
        return n;
    }
    const EVP_MD *md = EVP_PKEY_get_base_id(s->pkey) == EVP_PKEY_ED25519 ? NULL : digest_of(s->alg);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, s->pkey), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig, &len, bytes, what->len), 1);
    EVP_MD_CTX_free(ctx);
    return EVP_PKEY_get_base_id(s->pkey) == EVP_PKEY_EC ? raw_ecdsa(s->pkey, sig, len) : len;
}

/* header and payload byte for byte; free() it. */
static inline char *forge_bytes(const struct signer *s, const char *header, const void *payload,
                                size_t n)
{
    struct buf token = BUF_INIT;
    unsigned char sig[1024];
    add_base64url(&token, header, strlen(header));
    buf_add_char(&token, '.');
    add_base64url(&token, payload, n);
    size_t len = sign(s, &token, sig);
    buf_add_char(&token, '.');
    add_base64url(&token, sig, len);
    return buf_take(&token, NULL);
}

/* payload: JSON with ' for ", in which NOW stands for the time, NOW+n and NOW-n for other times. */
static inline char *json_of(const char *pattern)
{
    struct buf b = BUF_INIT;
    for (const char *p = pattern; *p != '\0';) {
        if (strncmp(p, "NOW", 3) == 0) {
            char *end;
            long offset = strtol(p + 3, &end, 10);
            buf_add_int(&b, clock_wall_ms() / 1000 + offset);
            p = end > p + 3 ? end : p + 3;
        } else {
            buf_add_char(&b, *p == '\'' ? '"' : *p);
            p++;
        }
    }
    return buf_take(&b, NULL);
}

/* A token with this header; NULL: the plain one of the algorithm. */
static inline char *forge(const struct signer *s, const char *header, const char *payload)
{
    char plain[64], *claims = json_of(payload);
    snprintf(plain, sizeof plain, "{'typ':'JWT','alg':'%s'}", s->alg);
    char *head = json_of(header != NULL ? header : plain);
    char *token = forge_bytes(s, head, claims, strlen(claims));
    free(head);
    free(claims);
    return token;
}

/* ---- what the server says to them ------------------------------------------------------------------ */

static inline struct identities *identities_of(const struct identity_config *config)
{
    char why[300] = "";
    struct identities *i = identities_new(config, why, sizeof why);
    if (i == NULL)
        fail_msg("%s", why);
    return i;
}

/* Consumes the token, which must be good, and returns whose it is. */
static inline struct identity expect_good(struct identities *i, char *token, const char *file,
                                          int line)
{
    struct identity who = {.guest = false};
    const char *detail = NULL;
    enum problem p = identities_check(i, token, &who, &detail);
    free(token);
    if (p != PROBLEM_NONE) {
        print_error("refused: %s\n", detail != NULL ? detail : problem_text(p));
        _fail(file, line);
    }
    return who;
}

#define EXPECT_GOOD(i, token) expect_good(i, token, __FILE__, __LINE__)
#define EXPECT_USER(i, token, wanted)               \
    do {                                            \
        struct identity u_ = EXPECT_GOOD(i, token); \
        assert_string_equal(u_.user_id, wanted);    \
        free(u_.grants);                            \
    } while (0)

/* why: a part of the detail, or NULL when there is none. */
static inline void expect_refusal(struct identities *i, char *token, enum problem wanted,
                                  const char *why, const char *file, int line)
{
    struct identity who;
    const char *detail = NULL;
    memset(&who, 0, sizeof who);
    enum problem p = identities_check(i, token, &who, &detail);
    free(token);
    if (p == wanted && (why == NULL) == (detail == NULL) &&
        (why == NULL || strstr(detail, why) != NULL) && who.user_id[0] == '\0')
        return;
    print_error("wanted %s (%s), got %s (%s) %s\n", problem_code(wanted), why != NULL ? why : "-",
                p == PROBLEM_NONE ? "in" : problem_code(p), detail != NULL ? detail : "-",
                who.user_id);
    _fail(file, line);
}

#define EXPECT_REFUSED(i, token, why) \
    expect_refusal(i, token, PROBLEM_NOT_AUTHENTICATED, why, __FILE__, __LINE__)
#define EXPECT_EXPIRED(i, token) \
    expect_refusal(i, token, PROBLEM_TOKEN_EXPIRED, NULL, __FILE__, __LINE__)

/* identities_new() must fail and say this. */
static inline void expect_no_start(const struct identity_config *config, const char *words,
                                   const char *file, int line)
{
    char why[300] = "";
    struct identities *i = identities_new(config, why, sizeof why);
    if (i == NULL && strstr(why, words) != NULL && strchr(why, '\n') == NULL)
        return;
    print_error("wanted '%s', got '%s'\n", words, i != NULL ? "a start" : why);
    _fail(file, line);
}

#define EXPECT_NO_START(config, words) expect_no_start(config, words, __FILE__, __LINE__)

#endif
