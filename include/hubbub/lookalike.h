/* Names that a person would take for the same. Pure; any thread. */
#ifndef HUBBUB_LOOKALIKE_H
#define HUBBUB_LOOKALIKE_H

#include <stddef.h>
#include <stdint.h>

enum { LOOKALIKE_MAX = 255 };

/* Once, before the first thread. */
void lookalike_init(void);

/* The key of a valid name: the same for names that look alike, as far as ICU tells: case and width are
 * folded (NFKC_Casefold), letters that can be confused are one (UTS #39, skeletons). A name whose key
 * would be longer than LOOKALIKE_MAX bytes is only like itself. */
void lookalike_key(const char *name, char out[LOOKALIKE_MAX + 1]);

/* What the name looks like as it is written, its case kept, as a number: a capital I is an l, which the key, where it is
 * an i, cannot say. Names that look different have as good as never the same. It is another one in every process. */
uint64_t lookalike_glance(const char *name);

#endif
