/*
 * Tokens that are not what they say: nothing of them is believed, however they are made.
 */
#include "forge.h"

static const char secret[] = "a secret of thirty-two bytes, or more";
static const struct signer hs = {"HS256", NULL, secret, sizeof secret - 1};
static EVP_PKEY *rsa, *other_rsa;
static struct identities *by_secret, *by_rsa;

static struct identities *make(const char *alg, char *key)
{
    char *keys[] = {key};
    return identities_of(
        &(struct identity_config){.mode = AUTH_BOTH, .alg = alg, .keys = keys, .nkeys = 1});
}

static int begin(void **state)
{
    if (forge_begin(state) != 0)
        return -1;
    rsa = EVP_RSA_gen(2048);
    other_rsa = EVP_RSA_gen(2048);
    by_secret = make("HS256", put_text("secret", secret));
    by_rsa = make("RS256", put_public("rsa.pem", rsa));
    return rsa == NULL || other_rsa == NULL;
}

static int end(void **state)
{
    identities_free(by_secret);
    identities_free(by_rsa);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other_rsa);
    return forge_end(state);
}

static struct signer with_rsa(EVP_PKEY *key, const char *alg)
{
    return (struct signer){alg, key, NULL, 0};
}

static char *good(void)
{
    return forge(&hs, NULL, "{'sub':'alice'}");
}

/* The three parts put together anew; a NULL one is left as it is. */
static char *change(char *token, const char *header, const char *payload, const char *sig)
{
    struct buf b = BUF_INIT;
    char *dot = strchr(token, '.'), *last = strrchr(token, '.');
    *dot = *last = '\0';
    if (header != NULL)
        add_base64url(&b, header, strlen(header));
    else
        buf_add_str(&b, token);
    buf_add_char(&b, '.');
    if (payload != NULL)
        add_base64url(&b, payload, strlen(payload));
    else
        buf_add_str(&b, dot + 1);
    buf_add_char(&b, '.');
    buf_add_str(&b, sig != NULL ? sig : last + 1);
    free(token);
    return buf_take(&b, NULL);
}

static void the_true_ones_are_good(void **state)
{
    (void)state;
    struct signer r = with_rsa(rsa, "RS256");
    EXPECT_USER(by_secret, good(), "alice");
    EXPECT_USER(by_secret, change(good(), NULL, NULL, NULL), "alice");
    EXPECT_USER(by_rsa, forge(&r, NULL, "{'sub':'alice'}"), "alice");
}

static void none_is_no_algorithm(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}", "{\"alg\":\"None\",\"typ\":\"JWT\"}",
        "{\"alg\":\"NONE\"}", "{\"alg\":\"\"}",
        "{\"alg\":null}",     "{\"typ\":\"JWT\"}",
        "{\"alg\":0}",        "{\"alg\":[\"HS256\"]}",
    };
    for (size_t n = 0; n < sizeof headers / sizeof headers[0]; n++) {
        EXPECT_REFUSED(by_secret, change(good(), headers[n], NULL, NULL), "");
        EXPECT_REFUSED(by_secret, change(good(), headers[n], NULL, ""), "");
        EXPECT_REFUSED(by_rsa, change(good(), headers[n], NULL, ""), "");
    }
}

/* The public key, which everybody has, taken for a secret. */
static void a_public_key_is_no_secret(void **state)
{
    (void)state;
    char pem[2000];
    FILE *f = fopen(in_dir("rsa.pem"), "re");
    assert_non_null(f);
    size_t n = fread(pem, 1, sizeof pem, f);
    fclose(f);
    static const char *const algs[] = {"HS256", "HS384", "HS512"};
    for (size_t a = 0; a < 3; a++) {
        for (size_t cut = 0; cut < 2; cut++) { /* with and without the last newline */
            struct signer s = {algs[a], NULL, pem, n - cut};
            EXPECT_REFUSED(by_rsa, forge(&s, NULL, "{'sub':'alice'}"), "another algorithm");
        }
    }
    /* and the server doesn't begin with one */
    char *keys[] = {in_dir("rsa.pem")};
    EXPECT_NO_START(
        (&(struct identity_config){.mode = AUTH_BOTH, .alg = "HS256", .keys = keys, .nkeys = 1}),
        "is a PEM file, but HS256 wants a secret");
}

static void other_algorithms_than_the_pinned_one_are_refused(void **state)
{
    (void)state;
    static const char *const relatives[] = {"HS384", "HS512", "RS256", "hs256", "HS256 ", "ES256"};
    for (size_t n = 0; n < sizeof relatives / sizeof relatives[0]; n++) {
        struct signer s = {relatives[n], NULL, secret, sizeof secret - 1};
        EXPECT_REFUSED(by_secret, forge(&s, NULL, "{'sub':'alice'}"), "");
    }
    struct signer r = with_rsa(rsa, "RS512"); /* by the right key */
    EXPECT_REFUSED(by_rsa, forge(&r, NULL, "{'sub':'alice'}"), "another algorithm");
    EXPECT_REFUSED(by_rsa, good(), "another algorithm");
}

static void what_was_changed_is_refused(void **state)
{
    (void)state;
    EXPECT_REFUSED(by_secret, change(good(), NULL, "{\"sub\":\"bob\"}", NULL), "no key");
    EXPECT_REFUSED(by_secret, change(good(), "{\"alg\":\"HS256\"}", NULL, NULL), "no key");
    EXPECT_REFUSED(by_secret,
                   change(good(), NULL, NULL, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                   "no key");
    /* every character of it */
    char *token = good();
    size_t len = strlen(token);
    for (size_t n = 0; n < len; n++) {
        char *copy = strdup(token);
        copy[n] = copy[n] == 'A' ? 'Q' : 'A';
        EXPECT_REFUSED(by_secret, copy, "");
    }
    for (size_t n = 1; n < len; n++) { /* every length */
        char *copy = strdup(token);
        copy[n] = '\0';
        EXPECT_REFUSED(by_secret, copy, "");
    }
    free(token);
}

static void other_keys_are_refused(void **state)
{
    (void)state;
    struct signer s = {"HS256", NULL, "a secret of thirty-two bytes, or less", 37};
    EXPECT_REFUSED(by_secret, forge(&s, NULL, "{'sub':'alice'}"), "no key");
    s.secret = "";
    s.len = 0;
    EXPECT_REFUSED(by_secret, forge(&s, NULL, "{'sub':'alice'}"), "no key");
    struct signer r = with_rsa(other_rsa, "RS256");
    EXPECT_REFUSED(by_rsa, forge(&r, NULL, "{'sub':'alice'}"), "no key");
    /* a key that the token brings along */
    EXPECT_REFUSED(by_rsa,
                   forge(&r, "{'alg':'RS256','jwk':{'kty':'RSA'},'jku':'http://x/','x5u':'/'}",
                         "{'sub':'alice'}"),
                   "no key");
    /* expired or not is no business of who can't sign */
    EXPECT_REFUSED(by_rsa, forge(&r, NULL, "{'sub':'alice','exp':1}"), "no key");
}

/* The server's own mark does not help whoever has another key. */
static void the_own_mark_is_checked_with_the_own_key(void **state)
{
    (void)state;
    static const char own[] = "{'alg':'HS256','kid':'hubbub'}";
    static const char claims[] = "{'iss':'hubbub','sub':'g0123456789abcdef'}";
    EXPECT_REFUSED(by_secret, forge(&hs, own, claims), "not of this server");
    struct signer r = with_rsa(rsa, "RS256");
    EXPECT_REFUSED(by_rsa, forge(&r, "{'alg':'RS256','kid':'hubbub'}", claims),
                   "not of this server");
    EXPECT_REFUSED(by_rsa, forge(&r, "{'alg':'RS256','kid':'other'}", claims), "guest");
    struct identities *another = make("HS256", put_text("secret2", secret));
    EXPECT_REFUSED(by_secret, identities_guest_token(another, "g0123456789abcdef", "bob"),
                   "not of this server");
    /* own tokens by none */
    char *mine = identities_guest_token(by_secret, "g0123456789abcdef", "bob");
    EXPECT_REFUSED(by_secret, change(mine, "{\"alg\":\"none\",\"kid\":\"hubbub\"}", NULL, NULL),
                   "not of this server");
    identities_free(another);
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiJ9..",
        "eyJhbGciOiJIUzI1NiJ9.e30.",
        "eyJhbGciOiJIUzI1NiJ9.e30",
        "Bearer x",
        "\xff\xfe.x.y",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA",
        "{}.{}.x",
        "bnVsbA.bnVsbA.AAAA",
        "W10.W10.AAAA",
        "MQ.MQ.AAAA",
        "e30.e30.AAAA",
        "\n",
        "%2e.%2e.%2e",
    };
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++)
        EXPECT_REFUSED(by_secret, strdup(bad[n]), "");
    EXPECT_REFUSED(by_secret, NULL, NULL);
    EXPECT_REFUSED(by_secret, strdup(""), NULL);

    /* The library's base64 would skip these. */
    static const char *const odd[] = {"=", "==", "\n", " ", "!", "+", "/"};
    for (size_t n = 0; n < sizeof odd / sizeof odd[0]; n++) {
        struct buf b = BUF_INIT;
        char *token = good();
        buf_printf(&b, "%s%s", token, odd[n]);
        EXPECT_REFUSED(by_secret, buf_take(&b, NULL), "this is not a token");
        buf_printf(&b, "%s%s", odd[n], token);
        EXPECT_REFUSED(by_secret, buf_take(&b, NULL), "this is not a token");
        free(token);
    }
}

static void garbage_in_the_header_is_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{'alg':'HS256'",
        "{'alg':'HS256'}x",
        "['alg','HS256']",
        "{'alg':'HS256',}",
        "{'alg':'HS256','crit':['exp'],'exp':1}",
        "{'alg':'HS256','crit':[]}",
        "{'alg':'HS256','b64':false,'crit':['b64']}",
        " {'alg':'HS256'}",
        "{'alg':'HS256','typ':'JWE'}",
    };
    for (size_t n = 0; n < sizeof headers / sizeof headers[0]; n++)
        EXPECT_REFUSED(by_secret, forge(&hs, headers[n], "{'sub':'alice'}"), "");
    EXPECT_USER(by_secret, forge(&hs, "{'alg':'HS256','kid':5,'x':'y'}", "{'sub':'a'}"), "a");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    static const char head[] = "{\"alg\":\"HS256\"}";
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"{\"sub\":\"a\xff\"}", 12},        {"{\"sub\":\"\xc0\x80\"}", 12},
        {"{\"sub\":\"\xed\xa0\x80\"}", 13}, {"{\"sub\":\"a\"}\0", 12},
        {"{\"sub\":\"a\0b\"}", 13},         {"{\"sub\":\"a\\u0000b\"}", 18},
        {"{\"sub\":\"a\\ud800\"}", 17},     {"\xef\xbb\xbf{\"sub\":\"a\"}", 14},
    };
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++)
        EXPECT_REFUSED(by_secret, forge_bytes(&hs, head, bad[n].bytes, bad[n].n),
                       "this is not a token");
}

/* Larger than any good one, or nested deeper than a thread's stack allows. */
static void huge_ones_are_refused(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_add_str(&b, "{'sub':'alice','x':'");
    while (b.len < 6080)
        buf_add_char(&b, 'x');
    buf_add_str(&b, "'}");
    char *token = forge(&hs, NULL, b.data);
    assert_in_range(strlen(token), 8000, 8192);
    EXPECT_USER(by_secret, token, "alice");
    buf_add_char(&b, ' ');
    for (int n = 0; n < 200; n++)
        buf_add_str(&b, "  ");
    EXPECT_REFUSED(by_secret, forge(&hs, NULL, b.data), "this is not a token");
    buf_clear(&b);
    for (int n = 0; n < 1000000; n++)
        buf_add_str(&b, "a.b.");
    EXPECT_REFUSED(by_secret, buf_take(&b, NULL), "this is not a token");

    static const struct {
        int depth;
        bool fine;
    } nests[] = {{31, true}, {32, false}, {2500, false}};
    for (size_t n = 0; n < 3; n++) {
        buf_add_str(&b, "{'sub':'alice','x':");
        for (int d = 0; d < nests[n].depth; d++)
            buf_add_char(&b, '[');
        for (int d = 0; d < nests[n].depth; d++)
            buf_add_char(&b, ']');
        buf_add_str(&b, "}");
        token = forge(&hs, NULL, b.data);
        if (nests[n].fine)
            EXPECT_USER(by_secret, token, "alice");
        else
            EXPECT_REFUSED(by_secret, token, "this is not a token");
        buf_clear(&b);
    }
    buf_fini(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_true_ones_are_good),
        cmocka_unit_test(none_is_no_algorithm),
        cmocka_unit_test(a_public_key_is_no_secret),
        cmocka_unit_test(other_algorithms_than_the_pinned_one_are_refused),
        cmocka_unit_test(what_was_changed_is_refused),
        cmocka_unit_test(other_keys_are_refused),
        cmocka_unit_test(the_own_mark_is_checked_with_the_own_key),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(garbage_in_the_header_is_refused),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(huge_ones_are_refused),
    };
    return run_tests(argc, argv, "forgery", tests, sizeof tests / sizeof tests[0], begin, end);
}
