/* Files between their upload and the message that says them: known to the hub alone, which lets each be said once, by
 * whoever has uploaded it, in the room that it was meant for. And who may upload and read them. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/hash.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

enum { WAITING_OF_USER = 100, WAITING_MAX = 16384 };

struct waiting {
    struct waiting *next;
    struct file file;
};

static struct waiting **bucket(struct hub *h, const char *id)
{
    return &h->waiting[hash_text(0, id) % WAITING_BUCKETS]; /* ids are random as it is */
}

static void forget(struct hub *h, struct waiting **link)
{
    struct waiting *w = *link;
    *link = w->next;
    free(w);
    h->nwaiting--;
}

/* Forgets all that are too old, of that room, or with that id; NULL: of none. */
static void forget_some(struct hub *h, const char *room, const char *id)
{
    int64_t oldest = clock_wall_ms() - FILE_WAIT_MS;
    for (size_t i = 0; i < WAITING_BUCKETS && h->nwaiting > 0; i++)
        for (struct waiting **link = &h->waiting[i]; *link != NULL;) {
            const struct file *f = &(*link)->file;
            if (f->ts < oldest || (room != NULL && strcmp(f->room, room) == 0) ||
                (id != NULL && strcmp(f->id, id) == 0))
                forget(h, link);
            else
                link = &(*link)->next;
        }
}

void forget_uploads(struct hub *h, const char *room)
{
    forget_some(h, room, NULL);
}

void forget_upload(struct hub *h, const char *id)
{
    forget_some(h, NULL, id);
}

void end_uploads(struct hub *h)
{
    for (size_t i = 0; i < WAITING_BUCKETS; i++)
        while (h->waiting[i] != NULL)
            forget(h, &h->waiting[i]);
}

void note_upload(struct hub *h, const struct file *f)
{
    struct waiting *w = xmalloc(sizeof *w), **first = bucket(h, f->id);
    *w = (struct waiting){.next = *first, .file = *f};
    *first = w;
    h->nwaiting++;
}

static bool may_wait(struct hub *h, const char *user_id)
{
    uint32_t own = 0;
    forget_some(h, NULL, NULL);
    for (size_t i = 0; i < WAITING_BUCKETS; i++)
        for (const struct waiting *w = h->waiting[i]; w != NULL; w = w->next)
            own += strcmp(w->file.user_id, user_id) == 0;
    return own < WAITING_OF_USER && h->nwaiting < WAITING_MAX;
}

/* ---- being said ---------------------------------------------------------------------------------- */

/* Not if it came before `oldest`. */
static struct waiting **find(struct hub *h, const struct member *m, const char *id, int64_t oldest)
{
    struct waiting **link = bucket(h, id);
    while (*link != NULL && strcmp((*link)->file.id, id) != 0)
        link = &(*link)->next;
    if (*link == NULL || strcmp((*link)->file.user_id, m->session->user_id) != 0 ||
        strcmp((*link)->file.room, m->room->name) != 0 || (*link)->file.ts < oldest)
        return NULL;
    return link;
}

bool has_files(struct hub *h, const struct event *e, const struct member *m)
{
    const struct request_args *a = e->request.args;
    int64_t oldest = clock_wall_ms() - FILE_WAIT_MS;
    for (uint32_t i = 0; a != NULL && i < a->nfiles; i++)
        if (find(h, m, a->files[i], oldest) == NULL) {
            refuse(h, e, PROBLEM_UNKNOWN_FILE,
                   "upload a file to this room first, and say it once, within an hour");
            return false;
        }
    return true;
}

const char *take_files(struct hub *h, const struct request *q, const struct member *m)
{
    const struct request_args *a = q->args;
    const struct file *files[FILES_PER_MESSAGE];
    if (a == NULL || a->nfiles == 0)
        return "";
    for (uint32_t i = 0; i < a->nfiles; i++)
        files[i] = &(*find(h, m, a->files[i], INT64_MIN))->file; /* as has_files() has seen */
    buf_clear(&h->files);
    encode_files(&h->files, files, a->nfiles);
    buf_add_char(&h->files, '\0');
    for (uint32_t i = 0; i < a->nfiles; i++)
        forget(h, find(h, m, a->files[i], INT64_MIN));
    return h->files.data;
}

/* ---- who may ------------------------------------------------------------------------------------- */

/* By the id of a live session, or else by whom a token has named. */
static enum problem find_viewer(struct hub *h, const struct event *e, struct viewer *v,
                                const struct user **u)
{
    const struct asker *a = e->errand->asker;
    *v = (struct viewer){.user_id = a->user_id, .grants = a->grants};
    *u = NULL;
    rcu_read_lock(); /* the hub alone removes sessions and users */
    if (e->session_id[0] != '\0') {
        const struct session *s = directory_find_session(h->directory, e->session_id);
        if (s != NULL && !s->barred) {
            *v = (struct viewer){.user_id = s->user_id, .grants = s->grants};
            *u = s->user;
        }
    } else if (v->user_id != NULL) {
        *u = directory_find_user(h->directory, v->user_id);
    }
    rcu_read_unlock();
    return e->session_id[0] != '\0' && *u == NULL ? PROBLEM_UNKNOWN_SESSION : PROBLEM_NONE;
}

/* Of what is said there now? The disk may still have had the files of a log that is gone, and of what was removed. */
static bool is_of_log(const struct errand *x, const struct room *r)
{
    const struct slot *s = history_find(&r->history, x->file->seq);
    return x->file->seq <= r->seq && r->begun_by <= x->file_written &&
           (s == NULL || !s->message->deleted);
}

static enum problem why_not_of_pair(struct hub *h, const struct event *e, bool to_say,
                                    const char *user_id)
{
    const struct room *r = room_in_memory(h, e->request.room); /* where it need not be */
    enum problem problem = why_not_pair(h, e->request.room, user_id);
    if (problem == PROBLEM_NONE && !to_say && r != NULL && !is_of_log(e->errand, r))
        problem = PROBLEM_UNKNOWN_FILE;
    return problem;
}

static enum problem why_not(struct hub *h, struct event *e, bool to_say, struct viewer *v)
{
    const struct user *u;
    uint64_t shown, seq = to_say ? 0 : e->errand->file->seq;
    enum problem problem = find_viewer(h, e, v, &u);
    if (problem != PROBLEM_NONE)
        return problem;
    if (to_say && v->user_id == NULL)
        return PROBLEM_NOT_AUTHENTICATED;
    if (text_is_pair_room(e->request.room))
        return why_not_of_pair(h, e, to_say, v->user_id);
    struct room *r = find_room(h, e->request.room);
    if (r == NULL)
        return PROBLEM_NO_SUCH_ROOM;
    if (v->grants == NULL || grants_find(v->grants, r->name) >= 0)
        v->user = u;
    problem = why_not_read(h, r, v);
    if (problem == PROBLEM_NONE && !to_say && !is_of_log(e->errand, r))
        return PROBLEM_UNKNOWN_FILE;
    if (problem == PROBLEM_NONE && seq > 0 && (!know_shown(h, e, r, v, &shown) || seq < shown))
        problem = PROBLEM_UNKNOWN_FILE;
    if (problem != PROBLEM_NONE || !to_say)
        return problem;
    return books_sanction(r->books, ACTION_MUTE, v->user_id, clock_wall_ms()) != NULL
               ? PROBLEM_MUTED
               : PROBLEM_NONE;
}

/* What has just been said is known here before it is on the disk. */
static bool is_said(const struct hub *h, const struct file *f)
{
    const struct waiting *w = h->waiting[hash_text(0, f->id) % WAITING_BUCKETS];
    while (w != NULL && strcmp(w->file.id, f->id) != 0)
        w = w->next;
    return f->seq > 0 || (w == NULL && f->ts >= clock_wall_ms() - FILE_WAIT_MS);
}

void on_admit(struct hub *h, struct event *e)
{
    struct viewer v;
    struct errand *x = e->errand;
    x->problem = why_not(h, e, x->file == NULL, &v);
    if (x->problem != PROBLEM_NONE)
        return;
    if (v.user_id != NULL)
        strcpy(x->user_id, v.user_id);
    if (x->file != NULL && strcmp(x->user_id, x->file->user_id) != 0 && !is_said(h, x->file))
        x->problem = PROBLEM_UNKNOWN_FILE;
}

/* It may have changed since the upload began. */
void on_uploaded(struct hub *h, struct event *e)
{
    struct viewer v;
    const struct file *f = e->errand->file;
    enum problem problem = why_not(h, e, true, &v);
    if (problem != PROBLEM_NONE)
        refuse(h, e, problem, NULL);
    else if (!may_wait(h, f->user_id))
        refuse(h, e, PROBLEM_RATE_LIMITED, "too many files wait for a message that says them");
    else if (h->config.store == NULL || store_full(h->config.store))
        refuse(h, e, PROBLEM_UNAVAILABLE, "the disk is behind, try again");
    else
        keep_upload(h, e, f);
}
