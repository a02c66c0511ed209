/* The end of a request. Pure. */
#include <hubbub/request.h>

#include <stdlib.h>
#include <string.h>

static void free_secret(char *s)
{
    if (s != NULL)
        explicit_bzero(s, strlen(s));
    free(s);
}

void request_fini(struct request *r)
{
    free(r->text);
    r->text = NULL;
    r->text_len = 0;
    struct request_args *a = r->args;
    if (a == NULL)
        return;
    free(a->reason);
    free(a->title);
    free(a->topic);
    free(a->password_hash);
    free(a->guesses);
    free_secret(a->token);
    free_secret(a->password);
    free(a);
    r->args = NULL;
}
