/* Settings: see <hubbub/settings.h>. */
#include <hubbub/mem.h>
#include <hubbub/settings.h>
#include <stdlib.h>

struct settings *settings_copy(const struct settings *like)
{
    struct settings *s = xmalloc(sizeof *s);
    *s = *like;
    s->operators = xcalloc(like->noperators + 1, sizeof *s->operators);
    for (size_t i = 0; i < like->noperators; i++)
        s->operators[i] = xstrdup(like->operators[i]);
    return s;
}

void settings_free(struct settings *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->noperators; i++)
        free(s->operators[i]);
    free(s->operators);
    free(s);
}
