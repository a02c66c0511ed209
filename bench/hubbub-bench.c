/*
 * hubbub-bench: load for a chat server, and a check of all it delivers.
 *
 * One thread drives any number of connections. Exit code 0: everything came as it should; 1: it did
 * not, or the server could not be reached; 2: a bad option.
 */
#include "hubbub-bench.h"

int main(int argc, char **argv)
{
    options_parse(argc, argv);
    opt.scenario->run();
    return report() ? 0 : 1;
}
