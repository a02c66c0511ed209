/* Events: see <hubbub/event.h>. */
#include <hubbub/event.h>
#include <hubbub/mem.h>
#include <stdlib.h>

struct event *event_new(enum event_type type)
{
    struct event *e = xcalloc(1, sizeof *e);
    e->type = type;
    return e;
}

void event_free(struct event *e)
{
    request_fini(&e->request);
    settings_free(e->settings);
    free(e);
}
