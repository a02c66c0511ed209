/* Who is meant by the names in a message: @alice. What names look like (lookalike.h) takes a moment to find out, so whoever
 * reads the message guesses, on its own thread, from the directory; the hub takes of the guesses those who are there.
 *
 * A name may hold spaces, so it ends where a word does, and of several that fit the longest one counts. */
#include "hub/hub_private.h"

#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOKUPS = 320, /* for one message: of 20 people, each with a sentence behind */
    GUESSES = 100,
};

/* ---- whoever asks -------------------------------------------------------------------------------- */

/* One message on its way. */
struct guessing {
    const struct directory *directory;
    const char *room;
    struct request_args *args;
    unsigned lookups;
};

/* JSON text as it would be read: what is escaped and can be in a name, the rest as line breaks. */
static char *plain_text(const char *json, size_t len)
{
    char *text = xmalloc(len + 1), *to = text;
    for (size_t i = 1; i + 1 < len; i++) {
        char c = json[i];
        if (c == '\\') {
            c = json[++i];
            if (c != '"' && c != '\\') {
                i += c == 'u' ? 4 : 0;
                c = '\n';
            }
        }
        *to++ = c;
    }
    *to = '\0';
    return text;
}

/* Does the character go on with a word? Scripts that write without spaces begin at U+2E80; symbols before them. */
static bool is_word(const char *at)
{
    const unsigned char *s = (const unsigned char *)at;
    if (s[0] < 0x80)
        return s[0] == '_' || s[0] == '-' || (s[0] >= '0' && s[0] <= '9') ||
               ((s[0] | 0x20) >= 'a' && (s[0] | 0x20) <= 'z');
    return s[0] < 0xE2 && !(s[0] == 0xC2 && s[1] < 0xC0);
}

static bool is_inside(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Of the character before this place. */
static const char *before(const char *s)
{
    do
        s--;
    while (is_inside((unsigned char)*s));
    return s;
}

static void guess(struct guessing *g, uint32_t at, const char *user_id)
{
    struct request_args *a = g->args;
    if (a->nguesses == GUESSES)
        return;
    if ((a->nguesses & (a->nguesses - 1)) == 0) /* all there is room for */
        a->guesses =
            xrealloc(a->guesses, (a->nguesses == 0 ? 1 : 2 * a->nguesses) * sizeof a->guesses[0]);
    struct mention_guess *new = &a->guesses[a->nguesses++];
    new->at = at;
    strcpy(new->user_id, user_id);
}

/* Who is online under the name, and who belongs to the room and had it last. */
static void look_up(struct guessing *g, uint32_t at, const char *name)
{
    char key[LOOKALIKE_MAX + 1];
    g->lookups++;
    lookalike_key(name, key);
    rcu_read_lock();
    const struct user *u = directory_find_key(g->directory, key);
    if (u != NULL)
        guess(g, at, u->id);
    const struct room *r = directory_find_room(g->directory, g->room);
    const struct affiliation *a =
        r == NULL ? NULL : roster_find_name(rcu_dereference(r->roster), name);
    if (a != NULL && (u == NULL || strcmp(a->user_id, u->id) != 0))
        guess(g, at, a->user_id);
    rcu_read_unlock();
}

/* All names that stand here, the longest first. */
static void look_at(struct guessing *g, uint32_t at, const char *text)
{
    char name[NAME_MAX_BYTES + 1];
    size_t len = 0;
    while (len < NAME_MAX_BYTES && (unsigned char)text[len] >= ' ' &&
           !(text[len] == ' ' && text[len + 1] == '@')) /* there the next begins */
        len++;
    while (len > 0 && is_inside((unsigned char)text[len]))
        len--;
    for (; len > 0 && g->lookups < LOOKUPS; len = (size_t)(before(text + len) - text)) {
        if (is_word(text + len) && is_word(before(text + len)))
            continue;
        memcpy(name, text, len);
        name[len] = '\0';
        if (strcmp(name, "room") == 0)
            g->args->names_room = true;
        if (text_is_name(name, len))
            look_up(g, at, name);
    }
}

void mentions_guess(const struct directory *d, const char *room, struct request *q)
{
    if (q->args == NULL)
        q->args = xcalloc(1, sizeof *q->args);
    struct guessing g = {.directory = d, .room = room, .args = q->args};
    char *text = plain_text(q->text, q->text_len);
    for (const char *at = text; (at = strchr(at, '@')) != NULL && g.lookups < LOOKUPS; at++)
        if (at == text || at[-1] == '-' || !is_word(before(at)))
            look_at(&g, (uint32_t)(at - text), at + 1);
    free(text);
}

/* ---- the hub ------------------------------------------------------------------------------------- */

/* In the room, or of it while away. */
static bool is_there(struct hub *h, const struct room *r, const char *user_id)
{
    rcu_read_lock();
    const struct user *u = directory_find_user(h->directory, user_id);
    rcu_read_unlock(); /* the hub alone removes users */
    return (u != NULL && user_find(u, r, NULL) != NULL) || roster_find(r->roster, user_id) != NULL;
}

static bool is_among(const char *const *ids, size_t n, const char *user_id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(ids[i], user_id) == 0)
            return true;
    return false;
}

/* Nobody mentions themselves. */
const char *find_mentions(struct hub *h, const struct request *q, const struct member *from)
{
    const struct request_args *a = q->args;
    const char *ids[MENTIONS_MAX];
    size_t n = 0;
    buf_clear(&h->mentions);
    /* In a conversation they would tell who is there. */
    for (uint32_t i = 0, done = UINT32_MAX;
         a != NULL && !from->room->pair && i < a->nguesses && n < MENTIONS_MAX; i++) {
        const struct mention_guess *g = &a->guesses[i];
        if (g->at == done || !is_there(h, from->room, g->user_id))
            continue;
        done = g->at;
        if (strcmp(g->user_id, from->session->user_id) != 0 && !is_among(ids, n, g->user_id))
            ids[n++] = g->user_id;
    }
    bool room = a != NULL && a->names_room && from->rank >= RANK_MODERATOR;
    if (n == 0 && !room)
        return "";
    encode_mentions(&h->mentions, ids, n, room);
    buf_add_char(&h->mentions, '\0');
    return h->mentions.data;
}
