/*
 * The main() of a test binary (see test_main.h). Runs on the main thread.
 */
#include "support/test_main.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [-l] [-t PATTERN]\n", program);
    return 2;
}

int run_tests(int argc, char **argv, const char *name, const struct CMUnitTest *tests, size_t n,
              CMFixtureFunction setup, CMFixtureFunction teardown)
{
    char pattern[256] = "*";
    int list = 0, opt;
    size_t matching = 0;

    while ((opt = getopt(argc, argv, "lt:")) != -1) {
        if (opt == 'l')
            list = 1;
        else if (opt == 't')
            snprintf(pattern, sizeof(pattern), strpbrk(optarg, "*?") ? "%s" : "*%s*", optarg);
        else
            return usage(argv[0]);
    }
    if (optind < argc)
        return usage(argv[0]);

    for (size_t i = 0; i < n; i++) {
        if (fnmatch(pattern, tests[i].name, 0) != 0)
            continue;
        matching++;
        if (list)
            puts(tests[i].name);
    }
    if (list)
        return 0;
    // cmocka calls a run of no test a success; a pattern with a typing error is none.
    if (matching == 0) {
        fprintf(stderr, "%s: no test matches '%s'\n", name, pattern);
        return 2;
    }
    cmocka_set_test_filter(pattern);
    return _cmocka_run_group_tests(name, tests, n, setup, teardown);
}
