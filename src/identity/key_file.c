/* Keys from files: PEM public keys and certificates, or a secret; checked against the algorithm they are
 * to be used with, so that no public key is ever taken for a secret.
 *
 * Main thread, at start and on reload: reads files, so it blocks. */
#include "identity_private.h"

#include <errno.h>
#include <fcntl.h>
#include <hubbub/log.h>
#include <hubbub/mem.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_MAX = 256 * 1024 };

bool refuse_key(char *why, size_t space, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, space, format, args);
    va_end(args);
    return false;
}

/* All of an open file; NULL when it is larger than a key file can be, or cannot be read. */
static unsigned char *read_all(int fd, size_t *len)
{
    unsigned char *bytes = xmalloc(KEY_FILE_MAX + 1);
    size_t have = 0;
    ssize_t n;
    while ((n = read(fd, bytes + have, KEY_FILE_MAX + 1 - have)) > 0)
        have += (size_t)n;
    if (n == 0 && have <= KEY_FILE_MAX) {
        bytes[have] = '\0';
        *len = have;
        return bytes;
    }
    if (n == 0)
        errno = EFBIG;
    sodium_memzero(bytes, have);
    free(bytes);
    return NULL;
}

unsigned char *read_key_file(const char *path, size_t *len, char *why, size_t space)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char *bytes = fd >= 0 ? read_all(fd, len) : NULL;
    if (bytes == NULL)
        refuse_key(why, space, "cannot read the key file %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return bytes;
}

/* Takes over `bytes`, which is from malloc(). kid may be NULL. */
static void keyring_add(struct keyring *ring, const char *kid, unsigned char *bytes, size_t len)
{
    ring->keys = xrealloc(ring->keys, (ring->n + 1) * sizeof *ring->keys);
    ring->keys[ring->n++] =
        (struct key){.kid = kid != NULL ? xstrdup(kid) : NULL, .bytes = bytes, .len = len};
}

/* ---- secrets ------------------------------------------------------------------------------------- */

bool keyring_add_secret(struct keyring *ring, const char *kid, const unsigned char *bytes,
                        size_t len, const char *where, char *why, size_t space)
{
    size_t least = (size_t)ring->alg->bits / 8; /* RFC 7518 section 3.2: as long as the hash */
    if (len < least)
        return refuse_key(why, space, "%s: a secret of %zu bytes, %s wants at least %zu", where,
                          len, ring->alg->name, least);
    unsigned char *copy = xmalloc(len + 1);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    keyring_add(ring, kid, copy, len);
    return true;
}

/* Without the newline that editors and echo(1) leave; a key of random bytes may end in one of its own. */
static size_t secret_length(const unsigned char *bytes, size_t len)
{
    size_t text = len;
    if (text > 0 && bytes[text - 1] == '\n')
        text--;
    if (text > 0 && bytes[text - 1] == '\r')
        text--;
    for (size_t i = 0; i < text; i++)
        if (bytes[i] < 0x20 || bytes[i] > 0x7e)
            return len;
    return text;
}

static bool add_secret_file(struct keyring *ring, const char *path, const unsigned char *bytes,
                            size_t len, char *why, size_t space)
{
    /* A public key taken for a secret is one that everybody knows. */
    if (memmem(bytes, len, "-----BEGIN", 10) != NULL)
        return refuse_key(why, space, "%s is a PEM file, but %s wants a secret", path,
                          ring->alg->name);
    return keyring_add_secret(ring, NULL, bytes, secret_length(bytes, len), path, why, space);
}

/* ---- public keys --------------------------------------------------------------------------------- */

/* NULL when it fits, else what the algorithm wants. */
static const char *misfit(const struct alg *alg, EVP_PKEY *pkey)
{
    char group[64] = "";
    switch (alg->kind) {
    case KEY_RSA:
        if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
            return "an RSA key";
        return EVP_PKEY_get_bits(pkey) >= alg->bits ? NULL : "an RSA key of at least 2048 bits";
    case KEY_EC:
        EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL);
        return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC && strcmp(group, alg->group) == 0
                   ? NULL
                   : alg->crv;
    case KEY_ED25519:
        return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519 ? NULL : "an Ed25519 key";
    case KEY_SECRET: break;
    }
    return "a secret";
}

bool keyring_add_public(struct keyring *ring, const char *kid, void *pkey, const char *where,
                        char *why, size_t space)
{
    const char *wanted = misfit(ring->alg, pkey);
    if (wanted != NULL)
        return refuse_key(why, space, "%s: %s wants %s", where, ring->alg->name, wanted);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;
    if (bio != NULL && PEM_write_bio_PUBKEY(bio, pkey) == 1)
        len = BIO_get_mem_data(bio, &text);
    if (len > 0) {
        unsigned char *copy = xmalloc((size_t)len + 1);
        memcpy(copy, text, (size_t)len);
        copy[len] = '\0';
        keyring_add(ring, kid, copy, (size_t)len);
    }
    BIO_free(bio);
    return len > 0 || refuse_key(why, space, "%s: OpenSSL cannot use this key", where);
}

/* One block of a PEM file; NULL when it is none that holds a public key. */
static EVP_PKEY *public_of_block(const char *name, const unsigned char *der, long len)
{
    if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        return d2i_PUBKEY(NULL, &der, len);
    if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0)
        return d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, len);
    if (strcmp(name, PEM_STRING_X509) != 0)
        return NULL;
    X509 *certificate = d2i_X509(NULL, &der, len);
    EVP_PKEY *pkey = certificate != NULL ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return pkey;
}

static bool add_block(struct keyring *ring, const char *path, const char *name,
                      const unsigned char *der, long len, char *why, size_t space)
{
    if (strstr(name, "PRIVATE") != NULL)
        return refuse_key(why, space, "%s has a private key: give the server the public one alone",
                          path);
    EVP_PKEY *pkey = public_of_block(name, der, len);
    if (pkey == NULL)
        return refuse_key(why, space, "%s: %s is no public key that can be read", path, name);
    bool good = keyring_add_public(ring, NULL, pkey, path, why, space);
    EVP_PKEY_free(pkey);
    return good;
}

static bool add_pem_file(struct keyring *ring, const char *path, const unsigned char *bytes,
                         size_t len, char *why, size_t space)
{
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    char *name, *header;
    unsigned char *der;
    long derlen;
    size_t before = ring->n;
    bool good = bio != NULL;
    while (good && PEM_read_bio(bio, &name, &header, &der, &derlen) == 1) {
        good = add_block(ring, path, name, der, derlen, why, space);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)derlen);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (good && ring->n == before)
        return refuse_key(why, space, "%s: no PEM public key in it, which %s wants", path,
                          ring->alg->name);
    return good;
}

void warn_of_secret_file(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
        log_warn("a secret that everybody on this machine may read", LOG_STR("file", path));
}

bool keyring_add_file(struct keyring *ring, const char *path, char *why, size_t space)
{
    size_t len;
    unsigned char *bytes = read_key_file(path, &len, why, space);
    if (bytes == NULL)
        return false;
    bool good = ring->alg->kind == KEY_SECRET ? add_secret_file(ring, path, bytes, len, why, space)
                                              : add_pem_file(ring, path, bytes, len, why, space);
    sodium_memzero(bytes, len);
    free(bytes);
    return good;
}
