/* Assertions that stay on in release builds, and magic numbers that mark live structs.
 *
 * REQUIRE states what a caller must have done, INSIST what this code believes. Both print the
 * place, the thread and the condition, then abort: a chat server that has lost track of its own
 * state must not go on talking. What can happen in a correct program is returned, never checked. */
#ifndef HUBBUB_CHECK_H
#define HUBBUB_CHECK_H

#include <stdint.h>

__attribute__((noreturn, cold)) void check_failed(const char *kind, const char *cond,
                                                  const char *file, int line);

#define REQUIRE(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : check_failed("REQUIRE", #cond, __FILE__, __LINE__))
#define INSIST(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : check_failed("INSIST", #cond, __FILE__, __LINE__))

/* A struct begins with `uint32_t magic`; every door into its module checks it, freeing clears it. */
#define MAGIC_OK(p, m) ((p) != NULL && (p)->magic == (m))

#endif
