/* Limits: buckets, what is taken from them, and who is turned away. See <hubbub/limits.h>. */
#include "client/account.h"

#include <hubbub/address.h>
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/limits.h>
#include <hubbub/mem.h>
#include <stdlib.h>

enum {
    REQUESTS_BURST = 60, /* requests without a rate of their own */
    REQUESTS_PER_S = 10,
    FILES_BURST = 300, /* a room full of pictures */
    FILES_PER_S = 30,
    STRIKES_BURST = 20, /* refusals */
    STRIKES_PER_S = 1,
    GUESTS_BURST = 100, /* or as many as an address may have connections */
    GUESTS_PER_S = 1,
    PASSWORDS_BURST = 10,
    PASSWORDS_PER_MINUTE = 6,
};

struct limits {
    /* atomic */
    bool enabled;
    uint32_t per_address, per_user;
    struct bucket_rule rules[BUCKET_COUNT];
    struct accounts users, addresses;
};

#define X(name, text) text,
static const char *const NAMES[] = {RATE_TABLE(X)};
#undef X

const char *rate_name(enum rate r)
{
    REQUIRE(r < RATE_COUNT);
    return NAMES[r];
}

/* ---- one bucket ---------------------------------------------------------------------------------- */

/* What full_at becomes when a token is taken; *wait: how much too early that is. */
static int64_t after_taking(int64_t full_at, const struct bucket_rule *r, int64_t now,
                            int64_t *wait)
{
    int64_t interval = __atomic_load_n(&r->interval, __ATOMIC_RELAXED);
    int64_t then = (full_at > now ? full_at : now) + interval;
    *wait = interval == 0 ? 0 : then - now - __atomic_load_n(&r->burst, __ATOMIC_RELAXED);
    if (*wait < 0)
        *wait = 0;
    return then;
}

int64_t bucket_take(struct bucket *b, const struct bucket_rule *r, int64_t now)
{
    int64_t wait;
    int64_t full_at = __atomic_load_n(&b->full_at, __ATOMIC_RELAXED);
    int64_t then;
    do {
        then = after_taking(full_at, r, now, &wait);
        if (wait > 0)
            return wait;
    } while (!__atomic_compare_exchange_n(&b->full_at, &full_at, then, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return 0;
}

int64_t bucket_wait(const struct bucket *b, const struct bucket_rule *r, int64_t now)
{
    int64_t wait;
    after_taking(__atomic_load_n(&b->full_at, __ATOMIC_RELAXED), r, now, &wait);
    return wait;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static void set_rule(struct limits *l, int bucket, uint32_t burst, uint32_t count, int64_t period)
{
    struct bucket_rule *r = &l->rules[bucket];
    int64_t interval = burst == 0 || count == 0 ? 0 : period / count;
    __atomic_store_n(&r->interval, interval, __ATOMIC_RELAXED);
    __atomic_store_n(&r->burst, interval * burst, __ATOMIC_RELAXED);
}

void limits_configure(struct limits *l, const struct limits_config *c)
{
    const int64_t minute = 60 * NS_PER_S;
    set_rule(l, RATE_MESSAGES, c->message_burst, c->message_rate, NS_PER_S);
    set_rule(l, BUCKET_MINUTE, c->messages_per_minute, c->messages_per_minute, minute);
    set_rule(l, RATE_JOINS, c->joins_per_minute, c->joins_per_minute, minute);
    set_rule(l, RATE_CREATES, c->creates_per_hour, c->creates_per_hour, 60 * minute);
    set_rule(l, RATE_MODERATION, c->moderation_per_minute, c->moderation_per_minute, minute);
    set_rule(l, RATE_HISTORY, c->history_per_minute, c->history_per_minute, minute);
    set_rule(l, RATE_FILES, FILES_BURST, FILES_PER_S, NS_PER_S);
    set_rule(l, RATE_REQUESTS, REQUESTS_BURST, REQUESTS_PER_S, NS_PER_S);
    set_rule(l, BUCKET_STRIKES, STRIKES_BURST, STRIKES_PER_S, NS_PER_S);
    set_rule(l, BUCKET_PASSWORDS, PASSWORDS_BURST, PASSWORDS_PER_MINUTE, minute);
    uint32_t guests = c->connections_per_address;
    guests = guests > 0 && guests < GUESTS_BURST ? GUESTS_BURST : guests;
    set_rule(l, BUCKET_GUESTS, guests, GUESTS_PER_S, NS_PER_S);
    __atomic_store_n(&l->per_address, c->connections_per_address, __ATOMIC_RELAXED);
    __atomic_store_n(&l->per_user, c->connections_per_user, __ATOMIC_RELAXED);
    __atomic_store_n(&l->enabled, c->enabled, __ATOMIC_RELAXED);
}

struct limits *limits_new(const struct limits_config *config)
{
    struct limits *l = xcalloc(1, sizeof *l);
    accounts_init(&l->users);
    accounts_init(&l->addresses);
    limits_configure(l, config);
    return l;
}

void limits_free(struct limits *l)
{
    accounts_fini(&l->users);
    accounts_fini(&l->addresses);
    free(l);
}

static bool is_enabled(const struct limits *l)
{
    return __atomic_load_n(&l->enabled, __ATOMIC_RELAXED);
}

/* ---- connections --------------------------------------------------------------------------------- */

static bool is_refused(const struct account *a, int64_t now)
{
    return __atomic_load_n(&a->refused_until, __ATOMIC_RELAXED) > now;
}

bool limits_refuses(struct limits *l, const char *address, int64_t now)
{
    char subject[ADDRESS_TEXT + 4];
    if (!is_enabled(l))
        return false;
    address_subject(address, subject);
    pthread_mutex_lock(&l->addresses.mu);
    const struct account *a = accounts_find_locked(&l->addresses, subject);
    bool refused = a != NULL && is_refused(a, now);
    pthread_mutex_unlock(&l->addresses.mu);
    return refused;
}

static void turn_away(struct account *a, int64_t now)
{
    __atomic_store_n(&a->refused_until, now + LIMITS_REFUSAL_S * NS_PER_S, __ATOMIC_RELAXED);
}

/* False: that was one too many. */
static bool strike(struct limits *l, struct account *a, int64_t now)
{
    return bucket_take(&a->buckets[BUCKET_STRIKES], &l->rules[BUCKET_STRIKES], now) == 0;
}

/* May there be one more, of `most` (0: any number)? A refusal is a strike. */
static bool has_room(struct limits *l, struct account *a, uint32_t most, bool is_new, int64_t now)
{
    if ((most == 0 || a->visits < most) &&
        (!is_new || bucket_take(&a->buckets[BUCKET_GUESTS], &l->rules[BUCKET_GUESTS], now) == 0))
        return true;
    if (!strike(l, a, now))
        turn_away(a, now);
    return false;
}

static enum admission begin_visit(struct limits *l, struct accounts *t, const char *key,
                                  bool strict, bool is_new, int64_t now, struct account **out)
{
    const uint32_t *limit = t == &l->users ? &l->per_user : &l->per_address;
    uint32_t most = __atomic_load_n(limit, __ATOMIC_RELAXED);
    enum admission verdict = ADMITTED;
    pthread_mutex_lock(&t->mu);
    struct account *a = accounts_get_locked(t, key, now);
    if (strict && is_refused(a, now))
        verdict = TURNED_AWAY;
    else if (strict && !has_room(l, a, most, is_new, now))
        verdict = t == &l->users ? TOO_MANY_OF_USER : TOO_MANY_OF_ADDRESS;
    else
        a->visits++;
    pthread_mutex_unlock(&t->mu);
    *out = verdict == ADMITTED ? a : NULL;
    return verdict;
}

/* Its account stays, until it is found idle. */
static void end_visit(struct accounts *t, struct account *a)
{
    if (a == NULL)
        return;
    pthread_mutex_lock(&t->mu);
    REQUIRE(a->visits > 0);
    a->visits--;
    pthread_mutex_unlock(&t->mu);
}

static enum admission enter(struct limits *l, const char *user_id, const char *address, bool strict,
                            bool is_new, int64_t now, struct visit *out)
{
    struct visit v = {NULL, NULL};
    enum admission verdict = ADMITTED;
    if (address != NULL) {
        char subject[ADDRESS_TEXT + 4];
        address_subject(address, subject);
        verdict = begin_visit(l, &l->addresses, subject, strict, is_new, now, &v.address);
    }
    if (verdict == ADMITTED)
        verdict = begin_visit(l, &l->users, user_id, strict, false, now, &v.user);
    if (verdict == ADMITTED)
        *out = v;
    else
        end_visit(&l->addresses, v.address);
    return verdict;
}

enum admission limits_enter(struct limits *l, const char *user_id, const char *address, bool is_new,
                            int64_t now, struct visit *out)
{
    return enter(l, user_id, address, is_enabled(l), is_new, now, out);
}

void limits_let_in(struct limits *l, const char *user_id, const char *address, int64_t now,
                   struct visit *out)
{
    enter(l, user_id, address, false, false, now, out);
}

void limits_leave(struct limits *l, struct visit *v)
{
    end_visit(&l->addresses, v->address);
    end_visit(&l->users, v->user);
    *v = (struct visit){NULL, NULL};
}

/* ---- charging ------------------------------------------------------------------------------------ */

static int64_t wait_of(struct limits *l, const struct account *a, enum rate rate, int64_t now)
{
    int64_t wait = bucket_wait(&a->buckets[rate], &l->rules[rate], now);
    if (rate == RATE_MESSAGES) {
        int64_t minute = bucket_wait(&a->buckets[BUCKET_MINUTE], &l->rules[BUCKET_MINUTE], now);
        wait = minute > wait ? minute : wait;
    }
    return wait;
}

static int64_t charge(struct limits *l, struct account *a, enum rate rate, int64_t now)
{
    if (rate == RATE_MESSAGES) { /* nothing is taken of one when the other has none */
        int64_t wait = wait_of(l, a, rate, now);
        if (wait == 0)
            wait = bucket_take(&a->buckets[BUCKET_MINUTE], &l->rules[BUCKET_MINUTE], now);
        if (wait > 0)
            return wait;
    }
    return bucket_take(&a->buckets[rate], &l->rules[rate], now);
}

/* Of the user and of the address: for what would be free to whoever comes as another guest each time. */
static int64_t charge_both(struct limits *l, const struct visit *v, unsigned bucket, int64_t now)
{
    const struct bucket_rule *rule = &l->rules[bucket];
    int64_t wait = 0;
    if (v->address != NULL)
        wait = bucket_wait(&v->address->buckets[bucket], rule, now);
    if (wait == 0)
        wait = bucket_take(&v->user->buckets[bucket], rule, now);
    if (wait == 0 && v->address != NULL)
        wait = bucket_take(&v->address->buckets[bucket], rule, now);
    return wait;
}

int64_t limits_charge(struct limits *l, const struct visit *v, enum rate rate, int64_t now)
{
    if (!is_enabled(l))
        return 0;
    return rate == RATE_CREATES ? charge_both(l, v, RATE_CREATES, now)
                                : charge(l, v->user, rate, now);
}

int64_t limits_wait(struct limits *l, const struct visit *v, enum rate rate, int64_t now)
{
    return is_enabled(l) ? wait_of(l, v->user, rate, now) : 0;
}

int64_t limits_charge_password(struct limits *l, const struct visit *v, int64_t now)
{
    return is_enabled(l) ? charge_both(l, v, BUCKET_PASSWORDS, now) : 0;
}

bool limits_strike(struct limits *l, const struct visit *v, int64_t now)
{
    if (!is_enabled(l) || strike(l, v->user, now))
        return true;
    turn_away(v->user, now);
    if (v->address != NULL)
        turn_away(v->address, now);
    return false;
}

uint32_t limits_accounts(struct limits *l)
{
    pthread_mutex_lock(&l->users.mu);
    uint32_t n = l->users.count;
    pthread_mutex_unlock(&l->users.mu);
    pthread_mutex_lock(&l->addresses.mu);
    n += l->addresses.count;
    pthread_mutex_unlock(&l->addresses.mu);
    return n;
}
