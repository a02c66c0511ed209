/* The end of the road: says what was violated, where and on which thread, and aborts. */
#include <hubbub/check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

void check_failed(const char *kind, const char *cond, const char *file, int line)
{
    char thread[17] = "";
    prctl(PR_GET_NAME, thread);
    fprintf(stderr, "%s(%s) failed at %s:%d in thread %s\n", kind, cond, file, line, thread);
    abort();
}
