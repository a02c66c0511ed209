/* Ledger and sanctions: see <hubbub/books.h>. */
#include <hubbub/books.h>
#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

struct books *books_new(void)
{
    struct books *b = xcalloc(1, sizeof *b);
    b->next_entry = 1;
    return b;
}

static void entry_unref(struct entry *e)
{
    if (--e->refs == 0)
        free(e);
}

void books_free(struct books *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->nledger; i++)
        entry_unref(b->ledger[i]);
    for (size_t i = 0; i < b->nsanctions; i++)
        entry_unref(b->sanctions[i]);
    free(b->ledger);
    free(b->sanctions);
    free(b->invites);
    free(b->spoke);
    free(b);
}

/* ---- the ledger ---------------------------------------------------------------------------------- */

static const char *put(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    const char *there = memcpy(*at, text, size);
    *at += size;
    return there;
}

static struct entry *entry_new(const struct entry *like)
{
    const char *reason = like->reason == NULL ? "" : like->reason;
    size_t text = strlen(like->user_id) + strlen(like->username) + strlen(like->by) +
                  strlen(like->by_id) + strlen(reason) + 5;
    struct entry *e = xmalloc(sizeof *e + text);
    *e = *like;
    e->refs = 1;
    char *at = e->text;
    e->user_id = put(&at, like->user_id);
    e->username = put(&at, like->username);
    e->by = put(&at, like->by);
    e->by_id = put(&at, like->by_id);
    e->reason = put(&at, reason);
    return e;
}

struct entry *books_write(struct books *b, const struct entry *like, uint64_t number)
{
    if (b->ledger == NULL)
        b->ledger = xmalloc(LEDGER_KEPT * sizeof(struct entry *));
    if (b->nledger == LEDGER_KEPT) {
        entry_unref(b->ledger[0]);
        memmove(&b->ledger[0], &b->ledger[1], --b->nledger * sizeof b->ledger[0]);
    }
    struct entry *e = entry_new(like);
    e->entry = number > 0 ? number : b->next_entry;
    if (e->entry >= b->next_entry)
        b->next_entry = e->entry + 1;
    b->ledger[b->nledger++] = e;
    return e;
}

struct entry *books_entry(const struct books *b, uint64_t entry)
{
    for (size_t i = b == NULL ? 0 : b->nledger; i > 0; i--)
        if (b->ledger[i - 1]->entry == entry)
            return b->ledger[i - 1];
    return NULL;
}

/* ---- what is in force ---------------------------------------------------------------------------- */

static int order(const struct entry *e, enum action action, const char *user_id)
{
    int by_user = strcmp(e->user_id, user_id);
    return by_user != 0 ? by_user : (int)e->action - (int)action;
}

static size_t place(const struct books *b, enum action action, const char *user_id, bool *there)
{
    size_t low = 0, high = b == NULL ? 0 : b->nsanctions;
    *there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int o = order(b->sanctions[middle], action, user_id);
        if (o == 0) {
            *there = true;
            return middle;
        }
        if (o < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop(struct books *b, size_t at)
{
    entry_unref(b->sanctions[at]);
    memmove(&b->sanctions[at], &b->sanctions[at + 1],
            (--b->nsanctions - at) * sizeof b->sanctions[0]);
}

bool books_impose(struct books *b, struct entry *e)
{
    REQUIRE(e->action == ACTION_BAN || e->action == ACTION_MUTE);
    bool there;
    size_t at = place(b, e->action, e->user_id, &there);
    if (!there && b->nsanctions == SANCTIONS_MAX)
        return false;
    e->refs++;
    if (there) {
        entry_unref(b->sanctions[at]);
    } else {
        if (b->nsanctions == b->sanctions_space) {
            b->sanctions_space = b->sanctions_space == 0 ? 4 : 2 * b->sanctions_space;
            b->sanctions = xrealloc(b->sanctions, b->sanctions_space * sizeof b->sanctions[0]);
        }
        memmove(&b->sanctions[at + 1], &b->sanctions[at],
                (b->nsanctions++ - at) * sizeof b->sanctions[0]);
    }
    b->sanctions[at] = e;
    return true;
}

bool books_restore(struct books *b, const struct entry *like, uint64_t number)
{
    struct entry *e = entry_new(like);
    e->entry = number;
    bool imposed = books_impose(b, e);
    entry_unref(e);
    return imposed;
}

static bool has_ended(const struct entry *e, int64_t now_ms)
{
    return e->until != 0 && e->until <= now_ms;
}

const struct entry *books_sanction(struct books *b, enum action action, const char *user_id,
                                   int64_t now_ms)
{
    bool there;
    if (b == NULL || b->nsanctions == 0)
        return NULL;
    size_t at = place(b, action, user_id, &there);
    if (!there)
        return NULL;
    if (!has_ended(b->sanctions[at], now_ms))
        return b->sanctions[at];
    drop(b, at);
    return NULL;
}

bool books_lift(struct books *b, enum action action, const char *user_id)
{
    bool there;
    size_t at = place(b, action, user_id, &there);
    if (there)
        drop(b, at);
    return there;
}

void books_expire(struct books *b, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->nsanctions; i++) {
        if (has_ended(b->sanctions[i], now_ms))
            entry_unref(b->sanctions[i]);
        else
            b->sanctions[kept++] = b->sanctions[i];
    }
    b->nsanctions = kept;
    kept = 0;
    for (size_t i = 0; i < b->ninvites; i++)
        if (b->invites[i].until > now_ms)
            b->invites[kept++] = b->invites[i];
    b->ninvites = kept;
}

const struct entry *books_named(const struct books *b, const char *user_id, const char *username)
{
    for (size_t i = 0; b != NULL && i < b->nsanctions; i++)
        if ((user_id != NULL && strcmp(b->sanctions[i]->user_id, user_id) == 0) ||
            (username != NULL && strcmp(b->sanctions[i]->username, username) == 0))
            return b->sanctions[i];
    return NULL;
}
