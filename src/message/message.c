/* Messages as they are kept: see <hubbub/message.h>. */
#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <hubbub/message.h>
#include <stdlib.h>
#include <string.h>

/* Appends n bytes and a NUL; where they are now. */
static const char *put(char **at, const char *bytes, size_t n)
{
    char *to = *at;
    memcpy(to, bytes, n);
    to[n] = '\0';
    *at += n + 1;
    return to;
}

struct message *message_new(const struct message *like)
{
    size_t user_id = strlen(like->user_id), username = strlen(like->username),
           id = strlen(like->id);
    const char *list = like->files == NULL ? "" : like->files;
    const char *named = like->mentions == NULL ? "" : like->mentions;
    size_t files = strlen(list), mentions = strlen(named);
    struct message *m =
        xmalloc(sizeof *m + user_id + username + id + files + mentions + like->content_len + 6);
    *m = *like;
    m->refs = 1;
    char *at = m->text;
    m->user_id = put(&at, like->user_id, user_id);
    m->username = put(&at, like->username, username);
    m->id = put(&at, like->id, id);
    m->files = put(&at, list, files);
    m->mentions = put(&at, named, mentions);
    m->content = put(&at, like->content, like->content_len);
    return m;
}

/* All but the count of references, which others change meanwhile. */
struct message message_draft(const struct message *m)
{
    return (struct message){.deleted = m->deleted,
                            .taken_back = m->taken_back,
                            .seq = m->seq,
                            .ts = m->ts,
                            .edited_ts = m->edited_ts,
                            .reply_to = m->reply_to,
                            .content_len = m->content_len,
                            .user_id = m->user_id,
                            .username = m->username,
                            .id = m->id,
                            .content = m->content,
                            .files = m->files,
                            .mentions = m->mentions};
}

struct message *message_ref(struct message *m)
{
    __atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
    return m;
}

void message_unref(struct message *m)
{
    if (m == NULL)
        return;
    uint32_t before = __atomic_fetch_sub(&m->refs, 1, __ATOMIC_ACQ_REL);
    INSIST(before >= 1);
    if (before == 1)
        free(m);
}

size_t message_size(const struct message *m)
{
    return (size_t)(m->content - (const char *)m) + m->content_len + 1;
}

void history_page_fini(struct history_page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        message_unref(p->rows[i].message);
        reactions_fini(&p->rows[i].reactions);
    }
    free(p->rows);
    *p = (struct history_page){.n = 0};
}

void found_page_cut(struct found_page *p, size_t n)
{
    while (p->n > n) {
        struct history_row *row = &p->rows[--p->n].row;
        message_unref(row->message);
        reactions_fini(&row->reactions);
    }
}

void found_page_fini(struct found_page *p)
{
    found_page_cut(p, 0);
    free(p->rows);
    *p = (struct found_page){.n = 0};
}
