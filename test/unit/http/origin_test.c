/* Which pages may open a WebSocket. */
#include <support/test_main.h>

#include "http/http_private.h"

#include <stdlib.h>
#include <string.h>

enum { ELSEWHERE, HERE }; // where the peer is

struct rule {
    const char *origin, *host;
    bool peer_is_local, allowed;
};

static void assert_rules(const char *const *origins, size_t n, const struct rule *rules,
                         size_t nrules)
{
    char *copies[4] = {0};
    char why[256];
    for (size_t i = 0; i < n; i++)
        copies[i] = strdup(origins[i]);
    struct http_settings settings = {.origins = copies, .norigins = n};
    struct site *s = site_new(&settings, why, sizeof(why));
    for (size_t i = 0; i < n; i++)
        free(copies[i]); // the site has its own
    assert_non_null(s);
    for (size_t i = 0; i < nrules; i++) {
        const struct rule *r = &rules[i];
        if (origin_allowed(s, r->origin, r->host, r->peer_is_local) != r->allowed)
            fail_msg("rule %zu: origin %s at host %s should be %s", i,
                     r->origin ? r->origin : "(none)", r->host ? r->host : "(none)",
                     r->allowed ? "allowed" : "refused");
    }
    site_free(s);
}

#define ASSERT_RULES(origins, n, rules) \
    assert_rules(origins, n, rules, sizeof(rules) / sizeof((rules)[0]))

static void without_a_list_the_own_host_is_allowed(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {NULL, "chat.example", ELSEWHERE, true}, // a program
        {NULL, NULL, ELSEWHERE, true},
        {"http://chat.example", "chat.example", ELSEWHERE, true},
        {"https://chat.example", "chat.example", ELSEWHERE, true}, // behind a proxy with TLS
        {"https://Chat.Example", "chat.example", ELSEWHERE, true},
        {"http://chat.example:8080", "chat.example:8080", ELSEWHERE, true},
        {"http://[::1]:8080", "[::1]:8080", HERE, true},
        {"http://chat.example", "chat.example:8080", ELSEWHERE, false},
        {"http://chat.example:8080", "chat.example", ELSEWHERE, false},
        {"http://chat.example.evil.example", "chat.example", ELSEWHERE, false},
        {"http://evil.example", "chat.example", ELSEWHERE, false},
        {"http://evil.example", "chat.example", HERE, false},
        {"http://evil.example/chat.example", "chat.example", ELSEWHERE, false},
        {"http://a@chat.example", "chat.example", ELSEWHERE, false},
        {"chat.example", "chat.example", ELSEWHERE, false}, // not what a browser sends
        {"http://chat.example", NULL, ELSEWHERE, false},
        {"", "chat.example", ELSEWHERE, false},
        {"", "", ELSEWHERE, false},
    };
    ASSERT_RULES(NULL, 0, rules);
}

static void a_page_from_disk_may_talk_to_its_own_machine(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {"null", "localhost:8080", HERE, true},
        {"null", "chat.example", ELSEWHERE, false},
        {"null", NULL, HERE, true},
        {"NULL", "localhost:8080", HERE, false},
    };
    ASSERT_RULES(NULL, 0, rules);
}

static void a_list_replaces_the_own_host(void **state)
{
    (void)state;
    static const char *const origins[] = {"https://one.example", "https://two.example:8443"};
    static const struct rule rules[] = {
        {NULL, "chat.example", ELSEWHERE, true},
        {"https://one.example", "chat.example", ELSEWHERE, true},
        {"HTTPS://ONE.EXAMPLE", "chat.example", ELSEWHERE, true},
        {"https://two.example:8443", "chat.example", ELSEWHERE, true},
        {"http://one.example", "chat.example", ELSEWHERE, false},
        {"https://two.example", "chat.example", ELSEWHERE, false},
        {"https://one.example.evil.example", "chat.example", ELSEWHERE, false},
        {"https://one", "chat.example", ELSEWHERE, false},
        {"https://chat.example", "chat.example", ELSEWHERE, false},
        {"null", "chat.example", HERE, false},
    };
    ASSERT_RULES(origins, 2, rules);
}

static void null_can_be_listed(void **state)
{
    (void)state;
    static const char *const origins[] = {"null"};
    static const struct rule rules[] = {
        {"null", "chat.example", ELSEWHERE, true},
        {"https://chat.example", "chat.example", ELSEWHERE, false},
    };
    ASSERT_RULES(origins, 1, rules);
}

static void a_star_allows_all(void **state)
{
    (void)state;
    static const char *const origins[] = {"https://one.example", "*"};
    static const struct rule rules[] = {
        {"https://one.example", "chat.example", ELSEWHERE, true},
        {"https://evil.example", "chat.example", ELSEWHERE, true},
        {"null", NULL, ELSEWHERE, true},
        {"", NULL, ELSEWHERE, true},
    };
    ASSERT_RULES(origins, 2, rules);
}

static void a_star_is_no_pattern(void **state)
{
    (void)state;
    static const char *const origins[] = {"https://*.example"};
    static const struct rule rules[] = {
        {"https://one.example", "chat.example", ELSEWHERE, false},
        {"https://*.example", "chat.example", ELSEWHERE, true},
    };
    ASSERT_RULES(origins, 1, rules);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_list_the_own_host_is_allowed),
        cmocka_unit_test(a_page_from_disk_may_talk_to_its_own_machine),
        cmocka_unit_test(a_list_replaces_the_own_host),
        cmocka_unit_test(null_can_be_listed),
        cmocka_unit_test(a_star_allows_all),
        cmocka_unit_test(a_star_is_no_pattern),
    };
    return RUN_TESTS(argc, argv, "origin", tests);
}
