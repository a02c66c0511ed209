/* Allocation that cannot fail: out of memory is reported and the process aborts. Freed by free(). Any thread. */
#ifndef HUBBUB_MEM_H
#define HUBBUB_MEM_H

#include <stddef.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t n) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

#endif
