/*
 * Verification: every member gets every message of its room, once, all in the same order.
 *
 * A room has one order, a list of chunks: the member that is first to receive something extends it,
 * each other one must find the very same message where its own cursor stands. A chunk that all have
 * passed is freed. What the leader receives is held against the senders' counters, so the order
 * itself has no hole and no repetition. Only when a comparison fails is time spent on why.
 */
#include "hubbub-bench.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 170 }; // entries; close to 4 KiB

struct chunk {
    struct chunk *next;
    uint32_t n, passed;
    struct entry e[CHUNK];
};

struct room *rooms;
size_t rooms_n;

static struct chunk *chunk_new(void)
{
    struct chunk *c = malloc(sizeof *c);
    if (!c)
        fail("out of memory");
    c->next = NULL;
    c->n = c->passed = 0;
    return c;
}

void order_init(size_t n, size_t members)
{
    rooms = calloc(n, sizeof *rooms);
    rooms_n = n;
    if (!rooms)
        fail("out of memory");
    for (size_t r = 0; r < n; r++) {
        rooms[r].last = chunk_new();
        rooms[r].first = (uint32_t)(r * members);
        for (size_t i = r * members; i < (r + 1) * members && i < conns_n; i++) {
            conns[i].room = &rooms[r];
            conns[i].chunk = rooms[r].last;
            rooms[r].n++;
            rooms[r].present += !conns[i].exempt;
        }
    }
}

void order_sent(struct conn *c)
{
    c->sent++;
    c->in_flight++;
    c->room->sent++;
    stats.sent++;
    stats.expected += c->room->present;
}

/* A member that went away is owed nothing more. */
void order_gone(struct conn *c)
{
    if (!c->room || c->exempt)
        return;
    c->exempt = true;
    c->room->present--;
    stats.expected -= c->room->sent - c->accepted;
}

static void next_chunk(struct conn *c)
{
    struct chunk *old = c->chunk;
    if (!old->next)
        c->room->last = old->next = chunk_new();
    c->chunk = old->next;
    c->chunk_at = 0;
    if (++old->passed == c->room->n)
        free(old);
}

static void miss(struct conn *c, const struct entry *e)
{
    if (c->missing_n == c->missing_cap) {
        c->missing_cap = c->missing_cap ? 2 * c->missing_cap : 16;
        c->missing = realloc(c->missing, c->missing_cap * sizeof *c->missing);
        if (!c->missing)
            fail("out of memory");
    }
    c->missing[c->missing_n++] = *e;
}

static bool same(const struct entry *a, const struct entry *b)
{
    return a->sender == b->sender && a->counter == b->counter;
}

/* Whether the room's order has the message somewhere ahead of this member's cursor. */
static bool is_ahead(const struct conn *c, const struct entry *e)
{
    uint32_t i = c->chunk_at;
    for (const struct chunk *ch = c->chunk; ch; ch = ch->next, i = 0)
        for (; i < ch->n; i++)
            if (same(&ch->e[i], e))
                return true;
    return false;
}

/* Moves the cursor over what others got and this member did not: up to e, or to the end. */
static void miss_until(struct conn *c, const struct entry *e)
{
    for (;; c->chunk_at++) {
        if (c->chunk_at == CHUNK)
            next_chunk(c);
        const struct entry *at = &c->chunk->e[c->chunk_at];
        if (c->chunk_at == c->chunk->n || (e && same(at, e)))
            return;
        miss(c, at);
    }
}

static bool take_missing(struct conn *c, const struct entry *e)
{
    for (uint32_t i = 0; i < c->missing_n; i++) {
        if (same(&c->missing[i], e)) {
            c->missing[i] = c->missing[--c->missing_n];
            return true;
        }
    }
    return false;
}

static void append(struct conn *c, const struct entry *e)
{
    if (c->chunk_at == CHUNK)
        next_chunk(c);
    c->chunk->e[c->chunk->n++] = *e;
    c->chunk_at++;
}

/*
 * The message is not the one the cursor shows: new to the room, or a fault. Returns false when the
 * message must not count. The cursor stands behind it otherwise.
 */
static bool take_unexpected(struct conn *c, const struct entry *e)
{
    uint32_t who = marker_decode(e->sender), counter = marker_decode(e->counter);
    struct conn *sender = who < conns_n ? &conns[who] : NULL;
    if (!sender || sender->room != c->room || counter >= sender->sent) {
        stats.wrong++;
        return false;
    }
    if (counter < sender->seen) { // the room knows it
        if (is_ahead(c, e)) {
            miss_until(c, e);
            c->chunk_at++;
            return true;
        }
        if (take_missing(c, e)) {
            stats.reordered++;
            return true;
        }
        stats.duplicate++;
        return false;
    }
    miss_until(c, NULL);
    for (; sender->seen < counter; sender->seen++) { // a hole in what this sender said
        struct entry hole = {e->sender, marker_encode(sender->seen), e->time};
        append(c, &hole);
        miss(c, &hole);
    }
    append(c, e);
    sender->seen++;
    return true;
}

void order_take(struct conn *c, const char *marker, uint64_t now)
{
    uint64_t text[4];
    memcpy(text, marker + 4, sizeof text);
    if (c->state != CONN_OPEN || !c->room) {
        stats.wrong++;
        return;
    }
    uint64_t time;
    const struct entry *e;
    if (c->chunk_at == CHUNK)
        next_chunk(c);
    e = &c->chunk->e[c->chunk_at];
    if (c->chunk_at < c->chunk->n && e->sender == text[0] && e->counter == text[1]) {
        time = e->time;
        c->chunk_at++;
    } else {
        time = (uint64_t)marker_decode(text[2]) << 32 | marker_decode(text[3]);
        struct entry fresh = {text[0], text[1], time};
        if (!take_unexpected(c, &fresh))
            return;
    }
    c->accepted++;
    if (c->exempt)
        return;
    stats.delivered++;
    if (time - stats.measure_from < stats.measure_span) {
        uint64_t late = now > time ? now - time : 0;
        hist_add(&stats.latency, late);
        stats.stalled += late > SECOND;
    }
    if (text[0] == c->self) {
        c->in_flight--;
        conn_touch(c);
    }
}

void order_finish(void)
{
    for (size_t r = 0; r < rooms_n; r++) {
        uint64_t said = 0; // a sender that is gone may not have been heard
        for (uint32_t i = rooms[r].first; i < rooms[r].first + rooms[r].n; i++)
            said += conns[i].state == CONN_OPEN ? conns[i].sent : conns[i].seen;
        for (uint32_t i = rooms[r].first; i < rooms[r].first + rooms[r].n; i++)
            if (conns[i].state == CONN_OPEN && !conns[i].exempt && conns[i].accepted < said)
                stats.lost += said - conns[i].accepted;
    }
}
