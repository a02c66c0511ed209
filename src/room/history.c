/* The latest messages of a room: see <hubbub/history.h>. */
#include <hubbub/check.h>
#include <hubbub/history.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SPACE = 16 };

static size_t slot_size(const struct slot *s)
{
    return message_size(s->message) + reactions_size(&s->reactions);
}

static void empty(struct slot *s)
{
    message_unref(s->message);
    reactions_fini(&s->reactions);
    *s = (struct slot){.message = NULL};
}

static void let_go(struct history *h, struct slot *s)
{
    const struct message *m = s->message;
    if ((m->edited_ts > 0 || m->deleted) && s->change > h->gone)
        h->gone = s->change;
    empty(s);
}

static struct slot *at(const struct history *h, uint64_t seq)
{
    return &h->slots[seq & (h->space - 1)];
}

void history_fini(struct history *h)
{
    for (; h->n > 0; h->n--)
        empty(at(h, h->first++));
    for (size_t i = 0; i < h->naside; i++)
        empty(&h->aside[i]);
    free(h->slots);
    free(h->aside);
    *h = (struct history){.n = 0};
}

static void grow(struct history *h)
{
    struct history old = *h;
    h->space = old.space == 0 ? FIRST_SPACE : 2 * old.space;
    h->slots = xcalloc(h->space, sizeof *h->slots);
    for (uint64_t seq = old.first; seq < old.first + old.n; seq++)
        *at(h, seq) = *at(&old, seq);
    free(old.slots);
}

void history_add(struct history *h, struct message *m, uint64_t change)
{
    REQUIRE(h->n == 0 || m->seq == h->first + h->n);
    if (h->n == h->space)
        grow(h);
    if (h->n++ == 0)
        h->first = m->seq;
    *at(h, m->seq) = (struct slot){.message = m, .change = change};
    h->bytes += message_size(m);
}

static void trim_aside(struct history *h, uint64_t written)
{
    size_t left = 0;
    for (size_t i = 0; i < h->naside; i++) {
        if (h->aside[i].change > written) {
            h->aside[left++] = h->aside[i];
            continue;
        }
        h->amended += h->aside[i].change > 0; /* else it was looked at only */
        let_go(h, &h->aside[i]);
    }
    h->naside = left;
    if (left == 0) {
        free(h->aside);
        h->aside = NULL;
    }
}

static bool is_too_much(const struct history *h, const struct history_limit *limit)
{
    return h->n > 0 && (h->n > limit->messages || h->bytes > limit->bytes ||
                        at(h, h->first)->message->ts < limit->since);
}

bool history_trim(struct history *h, const struct history_limit *limit, uint64_t written)
{
    while (is_too_much(h, limit) && at(h, h->first)->change <= written) {
        h->bytes -= slot_size(at(h, h->first));
        let_go(h, at(h, h->first++));
        h->n--;
    }
    if (h->n == 0) {
        free(h->slots);
        h->slots = NULL;
        h->space = 0;
    }
    if (h->naside > 0)
        trim_aside(h, written);
    return !is_too_much(h, limit) && h->naside == 0;
}

/* The first of those aside that is not older; there may be thousands while the disk takes nothing. */
static size_t place_aside(const struct history *h, uint64_t seq)
{
    size_t low = 0;
    for (size_t high = h->naside; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (h->aside[middle].message->seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct slot *history_find(const struct history *h, uint64_t seq)
{
    if (h->n > 0 && seq >= h->first && seq < h->first + h->n)
        return at(h, seq);
    size_t i = place_aside(h, seq);
    return i < h->naside && h->aside[i].message->seq == seq ? &h->aside[i] : NULL;
}

struct slot *history_set_aside(struct history *h, struct history_row *row)
{
    REQUIRE(history_find(h, row->message->seq) == NULL);
    size_t i = place_aside(h, row->message->seq);
    h->aside = xrealloc(h->aside, (h->naside + 1) * sizeof *h->aside);
    struct slot *s = &h->aside[i];
    memmove(s + 1, s, (h->naside++ - i) * sizeof *s);
    *s = (struct slot){.message = row->message, .reactions = row->reactions};
    *row = (struct history_row){.message = NULL};
    return s;
}

static bool is_aside(const struct history *h, const struct slot *s)
{
    return h->naside > 0 && s >= h->aside && s < h->aside + h->naside;
}

void history_replace(struct history *h, struct slot *s, struct message *m, uint64_t change)
{
    REQUIRE(m->seq == s->message->seq);
    if (!is_aside(h, s))
        h->bytes += message_size(m) - message_size(s->message);
    message_unref(s->message);
    s->message = m;
    s->change = change;
}

void history_touched(struct history *h, struct slot *s, size_t size_before, uint64_t change)
{
    if (!is_aside(h, s))
        h->bytes += reactions_size(&s->reactions) - size_before;
    s->change = change;
}

uint64_t history_first(const struct history *h, uint64_t last)
{
    return h->n > 0 ? h->first : last + 1;
}
