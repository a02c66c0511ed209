/* The claim `rooms` and JWK sets. */
#include <support/test_main.h>

#include <hubbub/err.h>
#include <hubbub/protocol.h>
#include <stdlib.h>
#include <string.h>

/* ---- grants --------------------------------------------------------------------------------- */

static void grants_of(const char *json, const char *want)
{
    struct grants *g = protocol_decode_grants(json);
    assert_non_null(g);
    char *back = protocol_encode_grants(g);
    assert_string_equal(back, want);

    struct grants *again = protocol_decode_grants(back);
    assert_non_null(again);
    assert_int_equal(again->n, g->n);
    for (size_t i = 0; i < g->n; i++) {
        assert_string_equal(again->grant[i].room, g->grant[i].room);
        assert_int_equal(again->grant[i].rank, g->grant[i].rank);
    }
    free(again);
    free(back);
    free(g);
}

static void lists_and_objects(void **state)
{
    (void)state;
    grants_of("[]", "{}");
    grants_of("{}", "{}");
    grants_of("[\"lobby\",\"x\"]", "{\"lobby\":\"guest\",\"x\":\"guest\"}");
    grants_of(" {\"lobby\":\"moderator\",\"*\":\"member\"} ",
              "{\"lobby\":\"moderator\",\"*\":\"member\"}");
    grants_of("{\"a\\\"b\":\"guest\",\"caf\\u00e9\":\"admin\"}",
              "{\"a\\\"b\":\"guest\",\"caf\u00e9\":\"admin\"}");
    grants_of("{\"a\":\"owner\"}", "{\"a\":\"admin\"}");
    grants_of("[\"a\",\"b\",\"a\"]", "{\"a\":\"guest\",\"b\":\"guest\"}");
}

static void they_are_found(void **state)
{
    (void)state;
    struct grants *g = protocol_decode_grants("{\"*\":\"member\",\"a\":\"admin\"}");
    assert_non_null(g);
    assert_int_equal(grants_find(g, "a"), RANK_ADMIN);
    assert_int_equal(grants_find(g, "b"), RANK_MEMBER);
    free(g);
    g = protocol_decode_grants("[\"a\"]");
    assert_non_null(g);
    assert_int_equal(grants_find(g, "a"), RANK_GUEST);
    assert_int_equal(grants_find(g, "b"), -1);
    free(g);
}

static void bad_grants(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "null",
        "true",
        "7",
        "\"lobby\"",
        "[\"a\"",
        "[\"a\"]]",
        "[\"a\",]",
        "{\"a\"}",
        "[7]",
        "[null]",
        "[[\"a\"]]",
        "[{\"a\":\"member\"}]",
        "[\"\"]",
        "[\" a\"]",
        "[\"a\\u0000\"]",
        "[\"\xff\"]",
        "{\"a\":null}",
        "{\"a\":3}",
        "{\"a\":\"\"}",
        "{\"a\":\"king\"}",
        "{\"a\":\"operator\"}",
        "{\"a\":{\"b\":\"member\"}}",
        "{\"\":\"member\"}",
        "{\"a\\n\":\"member\"}",
        "{\"a\":\"member\",\"a\":\"admin\"}",
        "[\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef+\"]",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (protocol_decode_grants(bad[i]))
            fail_msg("%s was taken", bad[i]);
    }
}

static void the_number_of_grants_is_limited(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        for (int object = 0; object < 2; object++) {
            struct buf b = BUF_INIT;
            buf_add_str(&b, object ? "{" : "[");
            for (int i = 0; i < GRANTS_MAX + extra; i++)
                buf_printf(&b, "%s\"room %d\"%s", i ? "," : "", i, object ? ":\"member\"" : "");
            buf_add_str(&b, object ? "}" : "]");
            struct grants *g = protocol_decode_grants(b.data);
            if (extra) {
                assert_null(g);
            } else {
                assert_non_null(g);
                assert_int_equal(g->n, GRANTS_MAX);
                assert_string_equal(g->grant[GRANTS_MAX - 1].room, "room 999");
            }
            free(g);
            buf_fini(&b);
        }
    }
}

/* ---- JWK sets ------------------------------------------------------------------------------- */

static void tell(void *arg, const struct jwk *key)
{
    struct buf *b = arg;
    const struct {
        const char *name, *value;
    } members[] = {{"kty", key->kty}, {"kid", key->kid}, {"alg", key->alg}, {"use", key->use},
                   {"crv", key->crv}, {"n", key->n},     {"e", key->e},     {"x", key->x},
                   {"y", key->y},     {"k", key->k}};

    buf_add_str(b, "[");
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].value)
            buf_printf(b, " %s=%s", members[i].name, members[i].value);
    }
    buf_add_str(b, " ]");
}

static void keys_of(const char *json, const char *want)
{
    struct buf b = BUF_INIT;
    buf_add_str(&b, "");
    assert_int_equal(protocol_decode_jwks(json, strlen(json), tell, &b), 0);
    assert_int_equal(b.len, strlen(want));
    assert_memory_equal(b.data ? b.data : "", want, b.len);
    buf_fini(&b);
}

static void keys_are_told(void **state)
{
    (void)state;
    keys_of("{\"keys\":[]}", "");
    keys_of("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1\",\"kid\":\"1\",\"alg\":\"HS256\"}]}",
            "[ kty=oct kid=1 alg=HS256 k=AyM1 ]");
    keys_of("{\"next\":1,\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBC\",\"y\":\"4Etl\","
            "\"use\":\"sig\",\"kid\":\"a\"},{\"kty\":\"RSA\",\"n\":\"0vx7\",\"e\":\"AQAB\","
            "\"key_ops\":[\"verify\"],\"x5c\":[\"MIIE\"],\"oth\":[{\"r\":\"1\"}]}]}",
            "[ kty=EC kid=a use=sig crv=P-256 x=MKBC y=4Etl ][ kty=RSA n=0vx7 e=AQAB ]");
}

/* RFC 7517 section 5: keys that are not understood are passed over. */
static void odd_keys_are_passed_over(void **state)
{
    (void)state;
    keys_of("{\"keys\":[{},{\"kid\":\"1\"},{\"kty\":7},{\"kty\":\"oct\",\"k\":null},"
            "{\"kty\":\"oct\",\"kid\":\"1\",\"kid\":\"2\"},{\"kty\":\"OKP\"}]}",
            "[ kty=OKP ]");
}

static void bad_sets(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":null}",
        "{\"Keys\":[]}",
        "{\"keys\":[",
        "{\"keys\":[]}}",
        "{\"keys\":[{\"kty\":\"oct\"},7]}",
        "{\"keys\":[{\"kty\":\"oct\"},[]]}",
        "{\"keys\":[{\"kty\":\"oct\"}],\"x\":nope}",
        "{\"keys\":[{\"kty\":\"o\\u0000ct\"}]}",
        "{\"keys\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}",
        "-----BEGIN PUBLIC KEY-----\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf b = BUF_INIT;
        if (protocol_decode_jwks(bad[i], strlen(bad[i]), tell, &b) != ERR_INVALID)
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(b.len, 0);
        buf_fini(&b);
    }
}

/* A set of a thousand keys is one; a million brackets are not. */
static void large_sets(void **state)
{
    (void)state;
    enum { KEYS = 1000, BRACKETS = 1000000 };
    struct buf b = BUF_INIT, told = BUF_INIT;

    buf_add_str(&b, "{\"keys\":[");
    for (int i = 0; i < KEYS; i++)
        buf_printf(&b, "%s{\"kty\":\"x\",\"kid\":\"%d\"}", i ? "," : "", i);
    buf_add_str(&b, "]}");
    assert_int_equal(protocol_decode_jwks(b.data, b.len, tell, &told), 0);
    assert_non_null(strstr(told.data, "[ kty=x kid=999 ]"));

    buf_clear(&b);
    buf_clear(&told);
    buf_add_str(&b, "{\"keys\":[");
    for (int i = 0; i < BRACKETS; i++)
        buf_add_str(&b, i % 2 ? "[]," : "{},");
    buf_add_str(&b, "{}]}");
    assert_int_equal(protocol_decode_jwks(b.data, b.len, tell, &told), ERR_INVALID);
    assert_int_equal(told.len, 0);
    buf_fini(&b);
    buf_fini(&told);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_objects), cmocka_unit_test(they_are_found),
        cmocka_unit_test(bad_grants),        cmocka_unit_test(the_number_of_grants_is_limited),
        cmocka_unit_test(keys_are_told),     cmocka_unit_test(odd_keys_are_passed_over),
        cmocka_unit_test(bad_sets),          cmocka_unit_test(large_sets),
    };
    return RUN_TESTS(argc, argv, "keys", tests);
}
