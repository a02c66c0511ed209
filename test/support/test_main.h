/*
 * The main() of a test binary: every one runs, lists (-l) and filters (-t PATTERN) its tests alike.
 *
 *     int main(int argc, char **argv)
 *     {
 *         const struct CMUnitTest tests[] = {
 *             cmocka_unit_test(recv_takes_all_that_waits),
 *         };
 *         return RUN_TESTS(argc, argv, "channel", tests);
 *     }
 */
#ifndef HUBBUB_TEST_MAIN_H
#define HUBBUB_TEST_MAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef run_tests // cmocka's old name for something else

/*
 * Runs the n tests, or those whose name matches PATTERN (* and ? are wild; a bare word matches any
 * name that has it). Returns the exit status: 0 when all passed, the number of failures else, 2 on
 * bad usage. setup and teardown (NULL: none) run once around the group.
 */
int run_tests(int argc, char **argv, const char *name, const struct CMUnitTest *tests, size_t n,
              CMFixtureFunction setup, CMFixtureFunction teardown);

#define RUN_TESTS(argc, argv, name, tests) \
    run_tests(argc, argv, name, tests, sizeof(tests) / sizeof(tests)[0], NULL, NULL)

#endif
