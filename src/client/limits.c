/* Limits: buckets, the accounts they belong to, and the tables that hold those. See <hubbub/limits.h>. */
#include <hubbub/address.h>
#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/limits.h>
#include <hubbub/mem.h>
#include <hubbub/text.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    REQUESTS_BURST = 60, /* requests without a rate of their own */
    REQUESTS_PER_S = 10,
    STRIKES_BURST = 20, /* refusals */
    STRIKES_PER_S = 1,
    PASSWORDS_BURST = 10,
    PASSWORDS_PER_MINUTE = 6,
    FIRST_SLOTS = 64,
};

/* Messages have two rates: a burst, and what may be kept up for a minute. */
enum { BUCKET_MINUTE = RATE_COUNT, BUCKET_STRIKES, BUCKET_PASSWORDS, BUCKET_COUNT };

/* Of a user or of an address. */
struct account {
    uint32_t hash; /* set once, like key */
    /* under the table's mutex */
    struct account *next; /* in the slot */
    uint32_t visits;
    /* atomic */
    int64_t refused_until;
    struct bucket buckets[BUCKET_COUNT];
    char key[]; /* user id or address_subject() */
};

struct table {
    pthread_mutex_t mu;
    /* under mu */
    struct account **slots;
    uint32_t nslots; /* a power of two */
    uint32_t count;
};

struct limits {
    uint32_t seed; /* set once: nobody outside knows which keys collide */
    /* atomic */
    bool enabled;
    uint32_t per_address, per_user;
    struct bucket_rule rules[BUCKET_COUNT];
    struct table users, addresses;
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

/* ---- tables -------------------------------------------------------------------------------------- */

/* FNV-1a, from a secret start, stirred (the end of MurmurHash3). */
static uint32_t hash_of(const struct limits *l, const char *key)
{
    uint32_t h = UINT32_C(0x811c9dc5) ^ l->seed;
    for (; *key != '\0'; key++)
        h = (h ^ (unsigned char)*key) * UINT32_C(0x01000193);
    h = (h ^ h >> 16) * UINT32_C(0x85ebca6b);
    h = (h ^ h >> 13) * UINT32_C(0xc2b2ae35);
    return h ^ h >> 16;
}

static void table_init(struct table *t)
{
    pthread_mutex_init(&t->mu, NULL);
    t->nslots = FIRST_SLOTS;
    t->slots = xcalloc(t->nslots, sizeof *t->slots);
}

static void table_fini(struct table *t)
{
    for (uint32_t i = 0; i < t->nslots; i++) {
        for (struct account *a = t->slots[i], *next; a != NULL; a = next) {
            REQUIRE(a->visits == 0);
            next = a->next;
            free(a);
        }
    }
    free(t->slots);
    pthread_mutex_destroy(&t->mu);
}

/* As if it had just been made. */
static bool is_idle(const struct account *a, int64_t now)
{
    if (a->visits > 0 || __atomic_load_n(&a->refused_until, __ATOMIC_RELAXED) > now)
        return false;
    for (int i = 0; i < BUCKET_COUNT; i++)
        if (__atomic_load_n(&a->buckets[i].full_at, __ATOMIC_RELAXED) > now)
            return false;
    return true;
}

/* Into twice the slots, unless dropping idle accounts makes room enough. */
static void make_room_locked(struct table *t, int64_t now)
{
    struct account *kept = NULL;
    for (uint32_t i = 0; i < t->nslots; i++) {
        for (struct account *a = t->slots[i], *next; a != NULL; a = next) {
            next = a->next;
            if (is_idle(a, now)) {
                t->count--;
                free(a);
            } else {
                a->next = kept;
                kept = a;
            }
        }
    }
    uint32_t nslots = t->count > t->nslots / 2 ? t->nslots * 2 : t->nslots;
    free(t->slots);
    t->slots = xcalloc(nslots, sizeof *t->slots);
    t->nslots = nslots;
    for (struct account *a = kept, *next; a != NULL; a = next) {
        next = a->next;
        struct account **slot = &t->slots[a->hash & (nslots - 1)];
        a->next = *slot;
        *slot = a;
    }
}

static struct account *find_locked(const struct table *t, uint32_t hash, const char *key)
{
    struct account *a = t->slots[hash & (t->nslots - 1)];
    while (a != NULL && (a->hash != hash || strcmp(a->key, key) != 0))
        a = a->next;
    return a;
}

static struct account *get_locked(struct limits *l, struct table *t, const char *key, int64_t now)
{
    uint32_t hash = hash_of(l, key);
    struct account *a = find_locked(t, hash, key);
    if (a != NULL)
        return a;
    if (t->count == t->nslots)
        make_room_locked(t, now);
    size_t n = strlen(key) + 1;
    a = xcalloc(1, sizeof *a + n);
    a->hash = hash;
    memcpy(a->key, key, n);
    struct account **slot = &t->slots[hash & (t->nslots - 1)];
    a->next = *slot;
    *slot = a;
    t->count++;
    return a;
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
    set_rule(l, RATE_REQUESTS, REQUESTS_BURST, REQUESTS_PER_S, NS_PER_S);
    set_rule(l, BUCKET_STRIKES, STRIKES_BURST, STRIKES_PER_S, NS_PER_S);
    set_rule(l, BUCKET_PASSWORDS, PASSWORDS_BURST, PASSWORDS_PER_MINUTE, minute);
    __atomic_store_n(&l->per_address, c->connections_per_address, __ATOMIC_RELAXED);
    __atomic_store_n(&l->per_user, c->connections_per_user, __ATOMIC_RELAXED);
    __atomic_store_n(&l->enabled, c->enabled, __ATOMIC_RELAXED);
}

struct limits *limits_new(const struct limits_config *config)
{
    struct limits *l = xcalloc(1, sizeof *l);
    INSIST(getrandom(&l->seed, sizeof l->seed, 0) == sizeof l->seed);
    table_init(&l->users);
    table_init(&l->addresses);
    limits_configure(l, config);
    return l;
}

void limits_free(struct limits *l)
{
    table_fini(&l->users);
    table_fini(&l->addresses);
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
    const struct account *a = find_locked(&l->addresses, hash_of(l, subject), subject);
    bool refused = a != NULL && is_refused(a, now);
    pthread_mutex_unlock(&l->addresses.mu);
    return refused;
}

/* Counts a visit, unless there are `most` already (0: any number), or it is turned away. */
static enum admission begin_visit(struct limits *l, struct table *t, const char *key, uint32_t most,
                                  bool strict, int64_t now, struct account **out)
{
    enum admission verdict = ADMITTED;
    pthread_mutex_lock(&t->mu);
    struct account *a = get_locked(l, t, key, now);
    if (strict && is_refused(a, now))
        verdict = TURNED_AWAY;
    else if (strict && most > 0 && a->visits >= most)
        verdict = t == &l->users ? TOO_MANY_OF_USER : TOO_MANY_OF_ADDRESS;
    else
        a->visits++;
    pthread_mutex_unlock(&t->mu);
    *out = verdict == ADMITTED ? a : NULL;
    return verdict;
}

/* Its account stays, until it is found idle. */
static void end_visit(struct table *t, struct account *a)
{
    if (a == NULL)
        return;
    pthread_mutex_lock(&t->mu);
    REQUIRE(a->visits > 0);
    a->visits--;
    pthread_mutex_unlock(&t->mu);
}

static enum admission enter(struct limits *l, const char *user_id, const char *address, bool strict,
                            int64_t now, struct visit *out)
{
    struct visit v = {NULL, NULL};
    enum admission verdict = ADMITTED;
    if (address != NULL) {
        char subject[ADDRESS_TEXT + 4];
        uint32_t most = __atomic_load_n(&l->per_address, __ATOMIC_RELAXED);
        address_subject(address, subject);
        verdict = begin_visit(l, &l->addresses, subject, most, strict, now, &v.address);
    }
    if (verdict == ADMITTED) {
        uint32_t most = __atomic_load_n(&l->per_user, __ATOMIC_RELAXED);
        verdict = begin_visit(l, &l->users, user_id, most, strict, now, &v.user);
    }
    if (verdict != ADMITTED)
        end_visit(&l->addresses, v.address);
    else
        *out = v;
    return verdict;
}

enum admission limits_enter(struct limits *l, const char *user_id, const char *address, int64_t now,
                            struct visit *out)
{
    return enter(l, user_id, address, is_enabled(l), now, out);
}

void limits_let_in(struct limits *l, const char *user_id, const char *address, int64_t now,
                   struct visit *out)
{
    enter(l, user_id, address, false, now, out);
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

int64_t limits_charge(struct limits *l, const struct visit *v, enum rate rate, int64_t now)
{
    return is_enabled(l) ? charge(l, v->user, rate, now) : 0;
}

int64_t limits_wait(struct limits *l, const struct visit *v, enum rate rate, int64_t now)
{
    return is_enabled(l) ? wait_of(l, v->user, rate, now) : 0;
}

int64_t limits_charge_password(struct limits *l, const struct visit *v, int64_t now)
{
    const struct bucket_rule *rule = &l->rules[BUCKET_PASSWORDS];
    int64_t wait = 0;
    if (!is_enabled(l))
        return 0;
    if (v->address != NULL)
        wait = bucket_wait(&v->address->buckets[BUCKET_PASSWORDS], rule, now);
    if (wait == 0)
        wait = bucket_take(&v->user->buckets[BUCKET_PASSWORDS], rule, now);
    if (wait == 0 && v->address != NULL)
        wait = bucket_take(&v->address->buckets[BUCKET_PASSWORDS], rule, now);
    return wait;
}

bool limits_strike(struct limits *l, const struct visit *v, int64_t now)
{
    if (!is_enabled(l) ||
        bucket_take(&v->user->buckets[BUCKET_STRIKES], &l->rules[BUCKET_STRIKES], now) == 0)
        return true;
    int64_t until = now + LIMITS_REFUSAL_S * NS_PER_S;
    __atomic_store_n(&v->user->refused_until, until, __ATOMIC_RELAXED);
    if (v->address != NULL)
        __atomic_store_n(&v->address->refused_until, until, __ATOMIC_RELAXED);
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
