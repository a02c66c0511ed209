/* The end of a request. Pure. */
#include <hubbub/request.h>

#include <stdlib.h>

void request_fini(struct request *r)
{
    free(r->text);
    r->text = NULL;
    r->text_len = 0;
}
