/*
 * Keys: every algorithm the library has, from files and from JWK sets; which are refused at start; and
 * their replacement while the server runs.
 */
#include "forge.h"

#include <hubbub/thread.h>
#include <openssl/x509.h>

static EVP_PKEY *rsa, *rsa2, *weak, *p256, *p384, *p521, *ed;
static const char secret[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char secret2[] = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

static int begin(void **state)
{
    rsa = EVP_RSA_gen(2048);
    rsa2 = EVP_RSA_gen(2048);
    weak = EVP_RSA_gen(1024);
    p256 = EVP_EC_gen("P-256");
    p384 = EVP_EC_gen("P-384");
    p521 = EVP_EC_gen("P-521");
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return forge_begin(state) != 0 || !rsa || !rsa2 || !weak || !p256 || !p384 || !p521 || !ed;
}

static int end(void **state)
{
    EVP_PKEY *all[] = {rsa, rsa2, weak, p256, p384, p521, ed};
    for (size_t n = 0; n < sizeof all / sizeof all[0]; n++)
        EVP_PKEY_free(all[n]);
    return forge_end(state);
}

static struct signer with(const char *alg, EVP_PKEY *pkey)
{
    return pkey != NULL ? (struct signer){alg, pkey, NULL, 0}
                        : (struct signer){alg, NULL, secret, sizeof secret - 1};
}

static char *token_of(const char *alg, EVP_PKEY *pkey, const char *kid)
{
    struct signer s = with(alg, pkey);
    char header[200];
    snprintf(header, sizeof header, "{'alg':'%s'%s%s%s}", alg, kid != NULL ? ",'kid':'" : "",
             kid != NULL ? kid : "", kid != NULL ? "'" : "");
    return forge(&s, header, "{'sub':'alice'}");
}

static struct identity_config with_file(const char *alg, char *path)
{
    static char *keys[1];
    keys[0] = path;
    return (struct identity_config){.mode = AUTH_BOTH, .alg = alg, .keys = keys, .nkeys = 1};
}

static struct identity_config with_set(const char *alg, const char *path)
{
    return (struct identity_config){.mode = AUTH_BOTH, .alg = alg, .jwks = path};
}

/* ---- JWK sets -------------------------------------------------------------------------------------- */

static void add_number(struct buf *b, const char *name, EVP_PKEY *key, const char *param, int len)
{
    BIGNUM *n = NULL;
    unsigned char bytes[600];
    assert_int_equal(EVP_PKEY_get_bn_param(key, param, &n), 1);
    if (len == 0)
        len = BN_num_bytes(n);
    assert_int_equal(BN_bn2binpad(n, bytes, len), len);
    BN_free(n);
    buf_printf(b, ",\"%s\":\"", name);
    add_base64url(b, bytes, (size_t)len);
    buf_add_char(b, '"');
}

/* One key of a set; more: further members, each with a comma before it. */
static void add_jwk(struct buf *b, EVP_PKEY *key, const char *more)
{
    unsigned char raw[32];
    size_t n = sizeof raw;
    if (b->len == 0)
        buf_add_str(b, "{\"keys\":[");
    else
        buf_add_char(b, ',');
    int bits = key != NULL ? EVP_PKEY_get_bits(key) : 0;
    if (key == NULL) {
        buf_add_str(b, "{\"kty\":\"oct\",\"k\":\"");
        add_base64url(b, secret, sizeof secret - 1);
        buf_add_char(b, '"');
    } else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        buf_add_str(b, "{\"kty\":\"RSA\"");
        add_number(b, "n", key, OSSL_PKEY_PARAM_RSA_N, 0);
        add_number(b, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
    } else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        buf_printf(b, "{\"kty\":\"EC\",\"crv\":\"P-%d\"", bits);
        add_number(b, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, (bits + 7) / 8);
        add_number(b, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, (bits + 7) / 8);
    } else {
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &n), 1);
        buf_add_str(b, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
        add_base64url(b, raw, n);
        buf_add_char(b, '"');
    }
    char *members = json_of(more);
    buf_printf(b, "%s}", members);
    free(members);
}

static char *put_set(const char *name, struct buf *b)
{
    buf_add_str(b, "]}");
    char *path = put_file(name, b->data, b->len);
    buf_fini(b);
    return path;
}

/* ---- tests ----------------------------------------------------------------------------------------- */

static void every_algorithm_from_a_file_and_from_a_set(void **state)
{
    (void)state;
    const struct {
        const char *alg;
        EVP_PKEY *key;
    } all[] = {
        {"HS256", NULL}, {"HS384", NULL}, {"HS512", NULL}, {"RS256", rsa},  {"RS384", rsa},
        {"RS512", rsa},  {"ES256", p256}, {"ES384", p384}, {"ES512", p521}, {"EdDSA", ed},
    };
    for (size_t n = 0; n < sizeof all / sizeof all[0]; n++) {
        char *file = all[n].key != NULL ? put_public("key", all[n].key) : put_text("key", secret);
        struct buf b = BUF_INIT;
        add_jwk(&b, all[n].key, "");
        struct identity_config c[] = {with_file(all[n].alg, file),
                                      with_set(all[n].alg, put_set("set", &b))};
        for (size_t way = 0; way < 2; way++) {
            if (!identity_alg_known(all[n].alg)) { /* libjwt 1 has no EdDSA */
                assert_string_equal(all[n].alg, "EdDSA");
                EXPECT_NO_START(&c[way], "EdDSA: no such algorithm in this build");
                continue;
            }
            struct identities *i = identities_of(&c[way]);
            EXPECT_USER(i, token_of(all[n].alg, all[n].key, NULL), "alice");
            EXPECT_USER(i, token_of(all[n].alg, all[n].key, "any"), "alice");
            identities_free(i);
        }
    }
    EXPECT_NO_START((&(struct identity_config){.mode = AUTH_BOTH, .alg = "hs256", .jwks = "x"}),
                    "no such algorithm");
    EXPECT_NO_START((&(struct identity_config){.mode = AUTH_BOTH, .alg = "none", .jwks = "x"}),
                    "no such algorithm");
}

static void a_key_must_fit_the_algorithm(void **state)
{
    (void)state;
    const struct {
        const char *alg;
        EVP_PKEY *key;
        const char *words;
    } all[] = {
        {"RS256", weak, "RS256 wants an RSA key of at least 2048 bits"},
        {"RS256", p256, "RS256 wants an RSA key"},
        {"ES256", rsa, "ES256 wants P-256"},
        {"ES256", p384, "ES256 wants P-256"},
        {"ES512", p256, "ES512 wants P-521"},
        {"ES256", ed, "ES256 wants P-256"},
        {"HS256", rsa, "is a PEM file, but HS256 wants a secret"},
    };
    for (size_t n = 0; n < sizeof all / sizeof all[0]; n++) {
        struct identity_config c = with_file(all[n].alg, put_public("misfit", all[n].key));
        EXPECT_NO_START(&c, all[n].words);
    }
}

static void a_file_must_hold_a_key(void **state)
{
    (void)state;
    char *path = in_dir("private.pem");
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, rsa, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    struct identity_config c = with_file("RS256", path);
    EXPECT_NO_START(&c, "has a private key: give the server the public one alone");
    c = with_file("HS256", path);
    EXPECT_NO_START(&c, "wants a secret");
    c = with_file("RS256", put_text("text", "not a key\n"));
    EXPECT_NO_START(&c, "no PEM public key in it, which RS256 wants");
    c = with_file("RS256", put_text("text", ""));
    EXPECT_NO_START(&c, "no PEM public key");
    c = with_file("RS256", put_text("text", "-----BEGIN PUBLIC KEY-----\nAAAA\n"
                                            "-----END PUBLIC KEY-----\n"));
    EXPECT_NO_START(&c, "PUBLIC KEY is no public key that can be read");
    c = with_file("RS256", in_dir("nowhere"));
    EXPECT_NO_START(&c, "nowhere: No such file");
    c = with_file("RS256", forge_dir);
    EXPECT_NO_START(&c, "Is a directory");
    char *large = calloc(1, 300000);
    assert_non_null(large);
    c = with_file("HS256", put_file("large", large, 300000));
    EXPECT_NO_START(&c, "File too large");
    free(large);
}

static void secrets_are_long_enough(void **state)
{
    (void)state;
    struct identity_config c = with_file("HS256", put_file("s", secret, 31));
    EXPECT_NO_START(&c, "a secret of 31 bytes, HS256 wants at least 32");
    c = with_file("HS256", put_text("s", "0123456789abcdef0123456789abcde\n"));
    EXPECT_NO_START(&c, "a secret of 31 bytes");
    c = with_file("HS512", put_file("s", secret, 63));
    EXPECT_NO_START(&c, "a secret of 63 bytes, HS512 wants at least 64");
    c = with_file("HS256", put_file("s", secret, 32));
    identities_free(identities_of(&c));
}

/* A newline at the end of a text is the editor's; at the end of random bytes it is one of them. */
static void a_newline_behind_a_secret_is_none_of_it(void **state)
{
    (void)state;
    struct identity_config c =
        with_file("HS256", put_file("s", "a secret of thirty-two bytes, or so\r\n", 37));
    struct identities *i = identities_of(&c);
    struct signer s = {"HS256", NULL, "a secret of thirty-two bytes, or so", 35};
    EXPECT_USER(i, forge(&s, NULL, "{'sub':'alice'}"), "alice");
    identities_free(i);

    char bytes[33];
    memset(bytes, 0xe5, sizeof bytes);
    bytes[5] = '\0';
    bytes[32] = '\n';
    c = with_file("HS256", put_file("s", bytes, sizeof bytes));
    i = identities_of(&c);
    s = (struct signer){"HS256", NULL, bytes, sizeof bytes};
    EXPECT_USER(i, forge(&s, NULL, "{'sub':'alice'}"), "alice");
    s.len--;
    EXPECT_REFUSED(i, forge(&s, NULL, "{'sub':'alice'}"), "no key");
    identities_free(i);
}

static void certificates_and_several_keys_in_a_file(void **state)
{
    (void)state;
    char *path = in_dir("several.pem");
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    X509 *x = X509_new();
    X509_set_pubkey(x, rsa);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    assert_true(X509_sign(x, rsa, EVP_sha256()) > 0);
    fputs("a certificate, and another key\n", f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    assert_int_equal(PEM_write_PUBKEY(f, rsa2), 1);
    fclose(f);
    X509_free(x);
    struct identity_config c = with_file("RS256", path);
    struct identities *i = identities_of(&c);
    EXPECT_USER(i, token_of("RS256", rsa, NULL), "alice");
    EXPECT_USER(i, token_of("RS256", rsa2, NULL), "alice");
    identities_free(i);
}

static void a_set_is_chosen_from_by_kid(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    add_jwk(&b, rsa, ",'kid':'2024','use':'sig','alg':'RS256'");
    add_jwk(&b, rsa2, ",'kid':'2025','use':'sig'");
    add_jwk(&b, p256, ",'kid':'ec'");
    add_jwk(&b, weak, ",'kid':'weak','use':'enc'");
    add_jwk(&b, weak, ",'kid':'weak','alg':'RS512'");
    add_jwk(&b, NULL, ",'kid':'secret'");
    add_jwk(&b, ed, "");
    struct identity_config c = with_set("RS256", put_set("set", &b));
    struct identities *i = identities_of(&c);
    EXPECT_USER(i, token_of("RS256", rsa, "2024"), "alice");
    EXPECT_USER(i, token_of("RS256", rsa2, "2025"), "alice");
    EXPECT_USER(i, token_of("RS256", rsa2, NULL), "alice");
    EXPECT_REFUSED(i, token_of("RS256", rsa, "2025"), "no key");
    EXPECT_REFUSED(i, token_of("RS256", rsa, "2026"), "no key");
    EXPECT_REFUSED(i, token_of("RS256", rsa, ""), "no key");
    EXPECT_REFUSED(i, token_of("RS256", weak, "weak"), "no key");
    EXPECT_REFUSED(i, token_of("ES256", p256, "ec"), "another algorithm");
    EXPECT_REFUSED(i, token_of("HS256", NULL, "secret"), "another algorithm");
    identities_free(i);
}

static void a_bad_set_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } all[] = {
        {"", "is not a JSON Web Key set"},
        {"[]", "is not a JSON Web Key set"},
        {"{'keys':5}", "is not a JSON Web Key set"},
        {"{'keys':[]}", "has no key for RS256"},
        {"{'keys':[{'kty':'oct','k':'AAAA'}]}", "has no key for RS256"},
        {"{'keys':[{'kty':'RSA','kid':'k1'}]}", "the key k1 cannot be read"},
        {"{'keys':[{'kty':'RSA','n':'AQAB','e':'AQAB'}]}", "at least 2048 bits"},
        {"{'keys':[{'kty':'RSA','n':'!!','e':'AQAB'}]}", "cannot be read as RSA key"},
        {"{'keys':[{'kty':'RSA','n':'','e':''}]}", "cannot be read"},
    };
    for (size_t n = 0; n < sizeof all / sizeof all[0]; n++) {
        char *json = json_of(all[n].json);
        struct identity_config c = with_set("RS256", put_text("bad", json));
        EXPECT_NO_START(&c, all[n].words);
        free(json);
    }
    /* a point that is not on its curve */
    struct buf b = BUF_INIT;
    char *json = json_of(
        "{'keys':[{'kty':'EC','crv':'P-256','x':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE',"
        "'y':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE'}]}");
    struct identity_config c = with_set("ES256", put_text("bad", json));
    EXPECT_NO_START(&c, "cannot be read as EC key");
    free(json);
    /* a secret that is too short */
    buf_add_str(&b, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}");
    c = with_set("HS256", put_text("bad", b.data));
    EXPECT_NO_START(&c, "a secret of 3 bytes");
    buf_fini(&b);
}

static void reload(struct identities *i, const struct identity_config *c)
{
    char why[300] = "";
    struct keyring *ring = keyring_read(c, why, sizeof why);
    if (ring == NULL)
        fail_msg("%s", why);
    identities_use(i, &ring);
    assert_null(ring);
}

static void keys_are_rotated_while_it_runs(void **state)
{
    (void)state;
    char *old = put_public("old.pem", rsa), *next = put_public("next.pem", rsa2);
    char *both[] = {next, old};
    struct identity_config c = with_file("RS256", old);
    struct identities *i = identities_of(&c);
    char *guest = identities_guest_token(i, "g0123456789abcdef", "carol");
    EXPECT_REFUSED(i, token_of("RS256", rsa2, NULL), "no key");

    c.keys = both;
    c.nkeys = 2;
    reload(i, &c);
    EXPECT_USER(i, token_of("RS256", rsa, NULL), "alice");
    EXPECT_USER(i, token_of("RS256", rsa2, NULL), "alice");

    c.nkeys = 1;
    c.issuer = "me";
    reload(i, &c);
    EXPECT_REFUSED(i, token_of("RS256", rsa, NULL), "no key");
    EXPECT_REFUSED(i, token_of("RS256", rsa2, NULL), "issuer");

    c.mode = AUTH_GUEST; /* whatever keys are listed */
    reload(i, &c);
    assert_int_equal(identities_mode(i), AUTH_GUEST);
    EXPECT_REFUSED(i, token_of("RS256", rsa2, NULL), "guests in, and nobody else");
    EXPECT_USER(i, guest, "g0123456789abcdef"); /* the own key stays the same */

    char why[300];
    c = with_file("RS256", in_dir("nowhere"));
    assert_null(keyring_read(&c, why, sizeof why));
    assert_int_equal(identities_mode(i), AUTH_GUEST);
    identities_free(i);
}

/* ---- while tokens are checked ---------------------------------------------------------------------- */

struct crowd {
    struct identities *i;
    const char *token;
    bool *stop;         /* atomic */
    unsigned good, bad; /* tallied by the thread */
};

static void check_on(void *arg)
{
    struct crowd *c = arg;
    while (!__atomic_load_n(c->stop, __ATOMIC_ACQUIRE) || c->good == 0) {
        struct identity who;
        const char *detail;
        if (identities_check(c->i, c->token, &who, &detail) == PROBLEM_NONE)
            c->good++;
        else
            c->bad++;
    }
}

static void checks_go_on_while_keys_change(void **state)
{
    (void)state;
    enum { THREADS = 3, RELOADS = 200 };
    char *keys[] = {put_text("s2", secret2), put_text("s", secret)};
    struct identity_config c = {.mode = AUTH_BOTH, .alg = "HS256", .keys = keys, .nkeys = 2};
    struct identities *i = identities_of(&c);
    char *token = token_of("HS256", NULL, NULL);
    struct crowd crowd[THREADS];
    struct thread *threads[THREADS];
    bool stop = false;
    for (int n = 0; n < THREADS; n++) {
        crowd[n] = (struct crowd){.i = i, .token = token, .stop = &stop};
        assert_int_equal(thread_start(&threads[n], "check", 256 * 1024, check_on, &crowd[n]), 0);
    }
    for (int n = 0; n < RELOADS; n++) {
        c.keys = keys + n % 2;
        c.nkeys = 2 - (size_t)n % 2;
        reload(i, &c);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (int n = 0; n < THREADS; n++) {
        thread_join(threads[n]);
        assert_true(crowd[n].good > 0);
        assert_int_equal(crowd[n].bad, 0);
    }
    thread_end_all();
    free(token);
    identities_free(i);
}

static void settings_that_contradict_each_other(void **state)
{
    (void)state;
    struct identity_config c = with_file(NULL, put_text("s", secret2));
    EXPECT_NO_START(&c, "not which algorithm");
    c = (struct identity_config){.mode = AUTH_TOKEN, .alg = "HS256"};
    EXPECT_NO_START(&c, "no keys for the HS256 tokens");
    c = (struct identity_config){.mode = AUTH_TOKEN}; /* `hubbub token` makes some */
    identities_free(identities_of(&c));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_from_a_file_and_from_a_set),
        cmocka_unit_test(a_key_must_fit_the_algorithm),
        cmocka_unit_test(a_file_must_hold_a_key),
        cmocka_unit_test(secrets_are_long_enough),
        cmocka_unit_test(a_newline_behind_a_secret_is_none_of_it),
        cmocka_unit_test(certificates_and_several_keys_in_a_file),
        cmocka_unit_test(a_set_is_chosen_from_by_kid),
        cmocka_unit_test(a_bad_set_is_refused),
        cmocka_unit_test(keys_are_rotated_while_it_runs),
        cmocka_unit_test(checks_go_on_while_keys_change),
        cmocka_unit_test(settings_that_contradict_each_other),
    };
    return run_tests(argc, argv, "keys", tests, sizeof tests / sizeof tests[0], begin, end);
}
