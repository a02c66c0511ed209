/* Hashing: see <hubbub/hash.h>. */
#include <hubbub/check.h>
#include <hubbub/hash.h>
#include <string.h>
#include <sys/random.h>

uint64_t hash_key(void)
{
    uint64_t key;
    INSIST(getrandom(&key, sizeof key, 0) == sizeof key);
    return key;
}

uint64_t hash_bytes(uint64_t key, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t h = key ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

uint64_t hash_text(uint64_t key, const char *s)
{
    return hash_bytes(key, s, strlen(s));
}
