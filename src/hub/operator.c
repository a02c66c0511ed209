/* What concerns the whole server: who is banned from it, and notices to everybody. */
#include "hub/hub_private.h"

#include <hubbub/clock.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>
#include <string.h>

enum { BANNED = 4003 }; /* PROTOCOL.md */

/* ---- bans ---------------------------------------------------------------------------------------- */

static void send_away(struct hub *h, struct session *s, const char *reason, int64_t until)
{
    int64_t now = clock_wall_ms();
    unsigned left = until > now ? (unsigned)((until - now + 999) / 1000) : 0;
    encode_error(scratch(h), s->dialect, PROBLEM_BANNED, reason[0] != '\0' ? reason : NULL, NULL,
                 NULL, left);
    send_scratch(h, s->outbox);
    outbox_close(s->outbox, BANNED, "banned");
    s->barred = true;
    metric_add(METRIC_BANNED_CLOSED, 1);
}

/* A ban in force of somebody who came from there. */
static const struct entry *ban_of_address(struct hub *h, const char *address, int64_t now)
{
    char subject[ADDRESS_SUBJECT];
    if (h->nbanned == 0 || address[0] == '\0')
        return NULL;
    address_subject(address, subject);
    for (size_t i = 0; i < h->nbanned; i++) {
        if (strcmp(h->banned[i].subject, subject) != 0)
            continue;
        const struct entry *e = books_sanction(h->books, ACTION_BAN, h->banned[i].user_id, now);
        if (e != NULL)
            return e;
    }
    return NULL;
}

/* Rows of bans that have ended go; the store drops its own at the next start. */
static void forget_ended(struct hub *h, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->nbanned; i++)
        if (books_sanction(h->books, ACTION_BAN, h->banned[i].user_id, now) != NULL)
            h->banned[kept++] = h->banned[i];
    h->nbanned = kept;
}

bool is_barred(struct hub *h, struct session *s)
{
    int64_t now = clock_wall_ms();
    const struct entry *e = books_sanction(h->books, ACTION_BAN, s->user_id, now);
    if (e == NULL)
        e = ban_of_address(h, s->address, now);
    if (e == NULL || directory_is_operator(h->directory, s->user_id))
        return false;
    send_away(h, s, e->reason, e->until);
    return true;
}

void note_banned_address(struct hub *h, const char *user_id, const char *address)
{
    if (h->nbanned == BANNED_ADDRESSES_MAX)
        return;
    h->banned = xrealloc(h->banned, (h->nbanned + 1) * sizeof *h->banned);
    struct banned_address *a = &h->banned[h->nbanned++];
    text_copy(a->user_id, sizeof a->user_id, user_id, strlen(user_id));
    address_subject(address, a->subject);
}

static void bar_address(struct hub *h, const char *user_id, const char *address, struct change *c)
{
    char subject[ADDRESS_SUBJECT];
    if (address[0] == '\0')
        return;
    address_subject(address, subject);
    for (size_t i = 0; i < h->nbanned; i++)
        if (strcmp(h->banned[i].subject, subject) == 0 &&
            strcmp(h->banned[i].user_id, user_id) == 0)
            return;
    note_banned_address(h, user_id, address);
    keep_address(c, user_id, address);
}

/* Of those who are online, and of the latest visit of those who are not. */
static void bar_addresses(struct hub *h, const struct target *t, struct change *c)
{
    if (t->online != NULL) {
        for (const struct session *s = t->online->sessions; s != NULL; s = s->next_of_user)
            if (!s->local)
                bar_address(h, t->user_id, s->address, c);
        return;
    }
    size_t n = h->nseen < SEEN_MAX ? h->nseen : SEEN_MAX;
    for (size_t i = 1; i <= n; i++) {
        const struct seen *seen = &h->seen[(h->nseen - i) % SEEN_MAX];
        if (strcmp(seen->user_id, t->user_id) == 0) {
            bar_address(h, t->user_id, seen->address, c);
            return;
        }
    }
}

static void send_all_away(struct hub *h, struct user *u, const struct entry *e)
{
    for (struct session *s = u->sessions; s != NULL; s = s->next_of_user) {
        while (s->members != NULL)
            leave_room(h, s->members, " was banned from the server");
        send_away(h, s, e->reason, e->until);
    }
}

void bar(struct hub *h, const struct target *t, bool address, struct change *c)
{
    const struct entry *e = books_sanction(h->books, ACTION_BAN, t->user_id, clock_wall_ms());
    if (address) {
        forget_ended(h, clock_wall_ms());
        bar_addresses(h, t, c);
    }
    if (t->online != NULL && e != NULL)
        send_all_away(h, t->online, e);
}

void unbar(struct hub *h, const char *user_id, struct change *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->nbanned; i++)
        if (strcmp(h->banned[i].user_id, user_id) != 0)
            h->banned[kept++] = h->banned[i];
    if (kept < h->nbanned)
        keep_addresses_gone(c, user_id);
    h->nbanned = kept;
}

/* ---- notices ------------------------------------------------------------------------------------- */

static void encode_for(struct hub *h, enum dialect d, const struct event *e)
{
    encode_notice(scratch(h), d, e->request.room, e->session->user->username, e->request.text);
}

void on_notice(struct hub *h, struct event *e)
{
    struct room *r = NULL;
    if (e->request.room[0] != '\0' && (r = meant_room(h, e)) == NULL)
        return;
    if (!may(h, e, NULL))
        return;
    for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
        encode_for(h, d, e);
        if (r != NULL) {
            say_scratch(h, r, 1u << d);
            continue;
        }
        struct frame *f = frame_new(FRAME_TEXT, h->scratch.data, h->scratch.len);
        for (const struct session *s = h->sessions; s != NULL; s = s->next) {
            if (s->dialect != d)
                continue;
            frame_ref(f, 1);
            outbox_post(s->outbox, f);
        }
        frame_unref(f, 1);
    }
    confirm(h, e, r == NULL ? NULL : r->name);
}
