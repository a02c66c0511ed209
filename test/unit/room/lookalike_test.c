/* Look-alike names: which count as one, and which do not. */
#include "helpers.h"

#include <hubbub/lookalike.h>

static const char *key_of(const char *name)
{
    static char key[2][LOOKALIKE_MAX + 1];
    static int which;
    which = !which;
    memset(key[which], '#', sizeof(key[which])); /* it must end what it writes */
    lookalike_key(name, key[which]);
    assert_true(strlen(key[which]) <= LOOKALIKE_MAX);
    assert_true(key[which][0] != '\0');
    return key[which];
}

struct pair {
    const char *a, *b, *what;
};

static void a_person_takes_these_for_the_same(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"alice", "alice", "itself"},
        {"alice", "ALICE", "case"},
        {"Alice", "aLiCe", "case"},
        {"\u00e9mile", "\u00c9MILE", "case beyond ASCII"},
        {"stra\u00dfe", "STRASSE", "case that grows"},
        {"alice", "\uff41\uff4c\uff49\uff43\uff45", "full width"},
        {"ALICE", "\uff21\uff2c\uff29\uff23\uff25", "full width and case"},
        {"alice", "\u0430lice", "Cyrillic a"},
        {"alice", "alic\u0435", "Cyrillic ie"},
        {"bob", "b\u043eb", "Cyrillic o"},
        {"bob", "b\u03bfb", "Greek omicron"},
        {"paypal", "\u0440\u0430yp\u0430l", "Cyrillic er and a"},
        {"ALICE", "\u0410LICE", "Cyrillic capital A"},
        {"scope", "\u0455\u0441\u043e\u0440\u0435", "all of it Cyrillic"},
        {"\u00e9mile", "e\u0301mile", "a letter, or one with its accent behind"},
        {"\u1e69", "s\u0323\u0307", "two accents"},
        {"\u1e69", "s\u0307\u0323", "in the other order"},
        {"o", "0", "a digit"},
        {"bill", "bi11", "digits"},
        {"modern", "modem", "two letters for one"},
        {"file", "\ufb01le", "a ligature"},
        {"x2", "x\u00b2", "a superscript"},
        {"bob", "b\u200bob", "a space of no width"},
        {"bob", "bo\u00adb", "a soft hyphen"},
        {"k", "\u212a", "the Kelvin sign"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (strcmp(key_of(pairs[i].a), key_of(pairs[i].b)) != 0)
            fail_msg("%s and %s (%s)", pairs[i].a, pairs[i].b, pairs[i].what);
}

static void and_these_for_two(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"alice", "alicia", "another name"},
        {"alice", "alice2", "one with a suffix"},
        {"alice-2", "alice-3", "suffixes"},
        {"bob", "rob", "one letter"},
        {"anna", "ann", "shorter"},
        {"\u00e9mile", "emile", "an accent that is seen"},
        {"\u0438\u0432\u0430\u043d", "\u0438\u0432\u043e\u043d", "in Cyrillic"},
        {"\u5c71\u7530", "\u5c71\u672c", "in Japanese"},
        {"\U0001f600", "\U0001f601", "two faces"},
        {"john smith", "johnsmith", "a space that is seen"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (strcmp(key_of(pairs[i].a), key_of(pairs[i].b)) == 0)
            fail_msg("%s and %s (%s)", pairs[i].a, pairs[i].b, pairs[i].what);
}

/* In most fonts, where I and l are one stroke. */
static void a_capital_may_look_like_a_small_letter(void **state)
{
    (void)state;
    static const struct pair alike[] = {
        {"alice", "aIice", "I for l"},
        {"Ian", "lan", "l for I"},
        {"Bill", "BiII", "two"},
        {"alice", "a\uff29ice", "full width"},
        {"alice", "aI\u200bice", "and a space of no width"},
        {"alice", "\u0430Iice", "and Cyrillic"},
        {"Bill", "Bi\u0406\u04c0", "Cyrillic ones"},
        {"alice", "a|ice", "a stroke"},
    };
    static const struct pair apart[] = {
        {"Elia", "Ella", "i and l"},   {"Ian", "Lan", "I and L"},        {"ian", "lan", "i and l"},
        {"alice", "aLice", "L and l"}, {"alice-2", "alice-3", "suffix"}, {"Mia", "Mla", "i and l"},
        {"alice", "Alice", "case"},
    };
    for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
        if (lookalike_glance(alike[i].a) != lookalike_glance(alike[i].b))
            fail_msg("%s and %s (%s)", alike[i].a, alike[i].b, alike[i].what);
    for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
        if (lookalike_glance(apart[i].a) == lookalike_glance(apart[i].b))
            fail_msg("%s and %s (%s)", apart[i].a, apart[i].b, apart[i].what);
    assert_true(lookalike_glance("\xff\xfe") != lookalike_glance("\xff\xfd")); /* not UTF-8 */
}

static void a_key_is_its_own_key(void **state)
{
    (void)state;
    static const char *const names[] = {"Alice",       "\u0410LICE", "BILL",
                                        "stra\u00dfe", "x\u00b2",    "\uff21\uff2c"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char once[LOOKALIKE_MAX + 1];
        strcpy(once, key_of(names[i]));
        assert_string_equal(key_of(once), once);
    }
}

/* The longest names of all kinds, those that grow most among them. */
static void every_key_fits(void **state)
{
    (void)state;
    static const char *const pieces[] = {"x",      "m",      "\u00df", "\u0149",
                                         "\ufdfa", "\u1f82", "\ufb03", "\U0001f600",
                                         "\u3300", "\u2474", "w",      "\U0001d400"};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        char name[NAME_MAX_BYTES + 1] = "";
        while (strlen(name) + strlen(pieces[i]) <= NAME_MAX_BYTES)
            strcat(name, pieces[i]);
        const char *key = key_of(name);
        assert_true(text_is_name(name, strlen(name)));
        assert_string_equal(key, key_of(name));
    }
}

static void what_is_not_utf_8_is_only_like_itself(void **state)
{
    (void)state;
    assert_string_equal(key_of("\xff\xfe"), "\xff\xfe");
    assert_string_not_equal(key_of("\xff\xfe"), key_of("\xff\xfd"));
}

static int begin(void **state)
{
    lookalike_init();
    lookalike_init(); /* more than once does no harm */
    return register_thread(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_takes_these_for_the_same),
        cmocka_unit_test(and_these_for_two),
        cmocka_unit_test(a_capital_may_look_like_a_small_letter),
        cmocka_unit_test(a_key_is_its_own_key),
        cmocka_unit_test(every_key_fits),
        cmocka_unit_test(what_is_not_utf_8_is_only_like_itself),
    };
    return run_tests(argc, argv, "lookalike", tests, sizeof(tests) / sizeof(tests)[0], begin,
                     unregister_thread);
}
