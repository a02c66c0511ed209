/* One hash for all tables that clients can fill: keyed, so that nobody can choose what collides. Any thread. */
#ifndef HUBBUB_HASH_H
#define HUBBUB_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_key(void); /* a new random key */
/* FNV-1a from the key, then the finisher of MurmurHash3 (both in the public domain). */
uint64_t hash_bytes(uint64_t key, const void *bytes, size_t n);
uint64_t hash_text(uint64_t key, const char *s);

#endif
