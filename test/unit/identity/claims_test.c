/*
 * The claims of a genuine token: each that counts, in every shape it may come in.
 */
#include "forge.h"

static const char secret[] = "a secret of thirty-two bytes, or more";
static const struct signer signer = {"HS256", NULL, secret, sizeof secret - 1};

static struct identity_config config(void)
{
    static char *keys[1];
    keys[0] = put_text("claims.key", secret);
    return (struct identity_config){.mode = AUTH_BOTH, .alg = "HS256", .keys = keys, .nkeys = 1};
}

static struct identities *make(void)
{
    struct identity_config c = config();
    return identities_of(&c);
}

static void sub_is_who_it_is(void **state)
{
    (void)state;
    struct identities *i = make();
    struct identity who = EXPECT_GOOD(i, forge(&signer, NULL, "{'sub':'alice'}"));
    assert_string_equal(who.user_id, "alice");
    assert_string_equal(who.username, "");
    assert_false(who.guest);
    assert_int_equal(who.expires_ms, 0);
    assert_null(who.grants);

    char sub[65], longest[100];
    snprintf(sub, sizeof sub, "%064d", 7);
    snprintf(longest, sizeof longest, "{'sub':'%s'}", sub);
    EXPECT_USER(i, forge(&signer, NULL, longest), sub);
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'auth0|5f7c8ec7'}"), "auth0|5f7c8ec7");
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'Zo\xc3\xab'}"), "Zo\xc3\xab");
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'Zo\\u00eb'}"), "Zo\xc3\xab");
    identities_free(i);
}

static void a_bad_sub_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{'sub':null}",
        "{'sub':5}",
        "{'sub':['alice']}",
        "{'sub':''}",
        "{'sub':' alice'}",
        "{'sub':'a\\u0007b'}",
        "{'sub':'a\\nb'}",
        "{'sub':'\\u200b'}",
        "{'sub':'00000000000000000000000000000000000000000000000000000000000000000'}",
        "{'Sub':'alice'}",
    };
    struct identities *i = make();
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++)
        EXPECT_REFUSED(i, forge(&signer, NULL, bad[n]), "sub");
    identities_free(i);
}

static void a_guest_form_sub_from_outside_is_refused(void **state)
{
    (void)state;
    struct identities *i = make();
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'g0123456789abcdef'}"), "guest");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'g0123456789ABCDEF'}"), "guest");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'g0123456789abcdef','iss':'hubbub'}"), "guest");
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'g0123456789abcde'}"), "g0123456789abcde");
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'g0123456789abcdefg'}"), "g0123456789abcdefg");
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'g0123456789abcdeg'}"), "g0123456789abcdeg");
    identities_free(i);
}

static void name_is_what_it_is_called(void **state)
{
    (void)state;
    struct identities *i = make();
    struct identity who = EXPECT_GOOD(i, forge(&signer, NULL, "{'sub':'u1','name':'Alice B.'}"));
    assert_string_equal(who.user_id, "u1");
    assert_string_equal(who.username, "Alice B.");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','name':''}"), "name");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','name':7}"), "name");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','name':'a\\tb'}"), "name");
    identities_free(i);
}

static void exp_is_exact(void **state)
{
    (void)state;
    struct identities *i = make();
    int64_t before = clock_wall_ms() / 1000 * 1000;
    struct identity who = EXPECT_GOOD(i, forge(&signer, NULL, "{'sub':'u1','exp':NOW+60}"));
    assert_in_range(who.expires_ms, before + 60000, clock_wall_ms() + 60000);
    who = EXPECT_GOOD(i, forge(&signer, NULL, "{'sub':'u1','exp':4102444800.25}"));
    assert_int_equal(who.expires_ms, INT64_C(4102444800250));
    who = EXPECT_GOOD(i, forge(&signer, NULL, "{'sub':'u1','exp':1e300}"));
    assert_int_equal(who.expires_ms, 0); /* no deadline that would overflow */
    who = EXPECT_GOOD(i, forge(&signer, NULL, "{'sub':'u1','exp':9223372036854775807}"));
    assert_int_equal(who.expires_ms, 0);

    EXPECT_EXPIRED(i, forge(&signer, NULL, "{'sub':'u1','exp':NOW}"));
    EXPECT_EXPIRED(i, forge(&signer, NULL, "{'sub':'u1','exp':NOW-1}"));
    EXPECT_EXPIRED(i, forge(&signer, NULL, "{'sub':'u1','exp':0}"));
    EXPECT_EXPIRED(i, forge(&signer, NULL, "{'sub':'u1','exp':-1e300}"));
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','exp':'NOW+60'}"), "no number");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','exp':null}"), "no number");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','exp':true}"), "no number");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','exp':[NOW+60]}"), "no number");
    identities_free(i);
}

static void nbf_has_leeway(void **state)
{
    (void)state;
    struct identities *i = make();
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'u1','nbf':NOW-9}"), "u1");
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'u1','nbf':NOW+4}"), "u1");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','nbf':NOW+600}"), "not valid yet");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','nbf':1e300}"), "not valid yet");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','nbf':'now'}"), "no number");
    identities_free(i);
}

static void iat_is_a_number(void **state)
{
    (void)state;
    struct identities *i = make();
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'u1','iat':NOW}"), "u1");
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'u1','iat':NOW+30}"), "u1"); /* only tells an age */
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','iat':'today'}"), "no number");
    identities_free(i);
}

static void iss_must_be_the_one(void **state)
{
    (void)state;
    struct identity_config c = config();
    c.issuer = "https://id.example";
    struct identities *i = identities_of(&c);
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'u1','iss':'https://id.example'}"), "u1");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1'}"), "issuer");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','iss':'https://id.example/'}"), "issuer");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','iss':['https://id.example']}"), "issuer");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','iss':null}"), "issuer");
    identities_free(i);
    i = make(); /* any */
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'u1','iss':'https://id.example'}"), "u1");
    identities_free(i);
}

static void aud_must_have_the_one(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{'sub':'u1','aud':'cha\\u0074'}",
        "{'sub':'u1','aud':['chat']}",
        "{'sub':'u1','aud':['a\\',b','mail','chat']}",
        "{'sub':'u1','aud':['chat','x']}",
    };
    static const char *const bad[] = {
        "{'sub':'u1'}",
        "{'sub':'u1','aud':'chat2'}",
        "{'sub':'u1','aud':'Chat'}",
        "{'sub':'u1','aud':[]}",
        "{'sub':'u1','aud':['mail']}",
        "{'sub':'u1','aud':'[\\'chat\\']'}",
        "{'sub':'u1','aud':['x\\',\\'chat\\',\\'y']}",
        "{'sub':'u1','aud':['\\\\','x,chat']}",
        "{'sub':'u1','aud':[['chat']]}",
        "{'sub':'u1','aud':{'chat':1}}",
        "{'sub':'u1','aud':null}",
        "{'sub':'u1','aud':5}",
    };
    struct identity_config c = config();
    c.audience = "chat";
    struct identities *i = identities_of(&c);
    for (size_t n = 0; n < sizeof good / sizeof good[0]; n++)
        EXPECT_USER(i, forge(&signer, NULL, good[n]), "u1");
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++)
        EXPECT_REFUSED(i, forge(&signer, NULL, bad[n]), "audience");
    identities_free(i);

    c = config();
    c.audience = "b\xc3\xab\"\\/";
    i = identities_of(&c);
    EXPECT_USER(i, forge(&signer, NULL, "{'sub':'u1','aud':['b\\u00eb\\'\\\\\\/']}"), "u1");
    identities_free(i);
}

static void rooms_are_what_it_opens(void **state)
{
    (void)state;
    struct identities *i = make();
    struct identity who =
        EXPECT_GOOD(i, forge(&signer, NULL, "{'sub':'u1','rooms':['lobby','x']}"));
    assert_non_null(who.grants);
    assert_int_equal(grants_find(who.grants, "lobby"), RANK_GUEST);
    assert_int_equal(grants_find(who.grants, "y"), -1);
    free(who.grants);
    who = EXPECT_GOOD(
        i, forge(&signer, NULL, "{'sub':'u1','rooms':{'lobby':'moderator','*':'member'}}"));
    assert_int_equal(grants_find(who.grants, "lobby"), RANK_MODERATOR);
    assert_int_equal(grants_find(who.grants, "elsewhere"), RANK_MEMBER);
    free(who.grants);
    who = EXPECT_GOOD(i, forge(&signer, NULL, "{'sub':'u1','rooms':[]}")); /* none at all */
    assert_non_null(who.grants);
    assert_int_equal(grants_find(who.grants, "lobby"), -1);
    free(who.grants);

    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','rooms':'lobby'}"), "rooms");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','rooms':null}"), "rooms");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','rooms':{'lobby':'emperor'}}"), "rooms");
    EXPECT_REFUSED(i, forge(&signer, NULL, "{'sub':'u1','rooms':[7]}"), "rooms");
    identities_free(i);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sub_is_who_it_is),
        cmocka_unit_test(a_bad_sub_is_refused),
        cmocka_unit_test(a_guest_form_sub_from_outside_is_refused),
        cmocka_unit_test(name_is_what_it_is_called),
        cmocka_unit_test(exp_is_exact),
        cmocka_unit_test(nbf_has_leeway),
        cmocka_unit_test(iat_is_a_number),
        cmocka_unit_test(iss_must_be_the_one),
        cmocka_unit_test(aud_must_have_the_one),
        cmocka_unit_test(rooms_are_what_it_opens),
    };
    return run_tests(argc, argv, "claims", tests, sizeof tests / sizeof tests[0], forge_begin,
                     forge_end);
}
