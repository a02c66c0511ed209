/* What goes on the wire for each problem: rows of PROBLEM_TABLE. Pure. */
#include <hubbub/protocol.h>

#include <hubbub/check.h>

static const struct {
    const char *code, *text;
    int status;
} PROBLEMS[PROBLEM_COUNT] = {[PROBLEM_NONE] = {"none", "no problem", 200},
#define X(name, wire, http, english) [PROBLEM_##name] = {wire, english, http},
                             PROBLEM_TABLE(X)
#undef X
};

const char *problem_code(enum problem p)
{
    REQUIRE(p < PROBLEM_COUNT);
    return PROBLEMS[p].code;
}

const char *problem_text(enum problem p)
{
    REQUIRE(p < PROBLEM_COUNT);
    return PROBLEMS[p].text;
}

int problem_status(enum problem p)
{
    REQUIRE(p < PROBLEM_COUNT);
    return PROBLEMS[p].status;
}
