/* Look-alike names: see <hubbub/lookalike.h>. The only place that knows ICU. Any thread after the start:
 * a spoof checker is read-only in use. */
#include <hubbub/check.h>
#include <hubbub/hash.h>
#include <hubbub/lookalike.h>
#include <hubbub/text.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uspoof.h>
#include <unicode/ustring.h>

enum { UNITS = 1024 }; /* UTF-16: a name of 64 bytes grows by folding, at most 18 times (UAX #15) */

static USpoofChecker *checker;
static const UNormalizer2 *fold, *unify; /* case and width, width alone */
static uint64_t seed;

void lookalike_init(void)
{
    UErrorCode err = U_ZERO_ERROR;
    if (checker != NULL)
        return;
    checker = uspoof_open(&err);
    fold = unorm2_getNFKCCasefoldInstance(&err);
    unify = unorm2_getNFKCInstance(&err);
    seed = hash_key();
    INSIST(U_SUCCESS(err));
}

/* The plain thing to do when ICU has no answer: a name is only like itself. */
static void as_it_is(const char *name, char out[LOOKALIKE_MAX + 1])
{
    text_copy(out, LOOKALIKE_MAX + 1, name, strlen(name));
}

void lookalike_key(const char *name, char out[LOOKALIKE_MAX + 1])
{
    REQUIRE(checker != NULL);
    UErrorCode err = U_ZERO_ERROR;
    UChar plain[UNITS], folded[UNITS], skeleton[UNITS];
    int32_t n = 0;
    u_strFromUTF8(plain, UNITS, &n, name, -1, &err);
    n = unorm2_normalize(fold, plain, n, folded, UNITS, &err);
    n = uspoof_getSkeleton(checker, 0, folded, n, skeleton, UNITS, &err);
    /* Folded once more: the skeleton of some small letters is a capital one. */
    n = unorm2_normalize(fold, skeleton, n, folded, UNITS, &err);
    char utf8[4 * UNITS];
    int32_t len = 0;
    u_strToUTF8(utf8, (int32_t)sizeof utf8, &len, folded, n, &err);
    if (U_FAILURE(err) || len == 0 || len > LOOKALIKE_MAX) /* cut, a suffix would not show */
        as_it_is(name, out);
    else
        text_copy(out, LOOKALIKE_MAX + 1, utf8, (size_t)len);
}

/* As folding does, which this goes without. */
static int32_t drop_what_is_not_seen(UChar *text, int32_t n)
{
    int32_t kept = 0;
    for (int32_t from = 0, to = 0; from < n; from = to) {
        UChar32 c;
        U16_NEXT(text, to, n, c);
        if (!u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
            while (from < to)
                text[kept++] = text[from++];
    }
    return kept;
}

uint64_t lookalike_glance(const char *name)
{
    REQUIRE(checker != NULL);
    UErrorCode err = U_ZERO_ERROR;
    UChar plain[UNITS], unified[UNITS], skeleton[UNITS];
    int32_t n = 0;
    u_strFromUTF8(plain, UNITS, &n, name, -1, &err);
    n = unorm2_normalize(unify, plain, n, unified, UNITS, &err);
    if (U_SUCCESS(err))
        n = drop_what_is_not_seen(unified, n);
    n = uspoof_getSkeleton(checker, 0, unified, n, skeleton, UNITS, &err);
    return U_FAILURE(err) ? hash_text(seed, name)
                          : hash_bytes(seed, skeleton, (size_t)n * sizeof skeleton[0]);
}
