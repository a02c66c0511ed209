/* Changes and their records as plain data. Whoever has a change owns all of it; no locks. */
#include "store/store_private.h"

#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <hubbub/message.h>
#include <stdlib.h>
#include <string.h>

struct change *change_new(void)
{
    return xcalloc(1, sizeof(struct change));
}

size_t record_size(enum record_type type)
{
    if (type == RECORD_MESSAGE)
        return offsetof(struct record, user_id);
    return type >= RECORD_MARK && type != RECORD_FILE ? offsetof(struct record, username)
                                                      : sizeof(struct record);
}

struct record *change_add(struct change *c, enum record_type type)
{
    REQUIRE(type < RECORD_COUNT);
    struct record *r = xcalloc(1, record_size(type));
    r->type = type;
    if (c->last != NULL)
        c->last->next = r;
    else
        c->first = r;
    c->last = r;
    c->records++;
    return r;
}

static bool is_whole(const struct record *r)
{
    return record_size(r->type) == sizeof *r;
}

static void free_owned(struct record *r)
{
    message_unref(r->message);
    if (is_whole(r)) {
        free(r->title);
        free(r->topic);
        free(r->password);
        free(r->reason);
        free(r->file);
    }
}

void record_clear(struct record *r)
{
    free_owned(r);
    *r = (struct record){.type = r->type};
}

void change_free(struct change *c)
{
    REQUIRE(c->note == NULL);
    while (c->first != NULL) {
        struct record *r = c->first;
        c->first = r->next;
        free_owned(r);
        free(r);
    }
    free(c);
}

static char *copy_text(const char *s)
{
    return s != NULL ? xstrdup(s) : NULL;
}

struct change *change_copy(const struct change *c)
{
    struct change *copy = change_new();
    copy->number = c->number;
    copy->bytes = c->bytes;
    for (const struct record *r = c->first; r != NULL; r = r->next) {
        struct record *to = change_add(copy, r->type);
        memcpy(to, r, record_size(r->type));
        to->next = NULL;
        if (r->message != NULL)
            message_ref(r->message);
        if (!is_whole(r))
            continue;
        to->title = copy_text(r->title);
        to->topic = copy_text(r->topic);
        to->password = copy_text(r->password);
        to->reason = copy_text(r->reason);
        if (r->file != NULL) {
            to->file = xmalloc(sizeof *to->file);
            *to->file = *r->file;
        }
    }
    return copy;
}
