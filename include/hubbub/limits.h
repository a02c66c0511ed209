/* Limits: how fast a user may ask for things, and how many connections a user or an address may have.
 *
 * Every user and every address has an account. An account outlives its connections until its buckets are
 * full again, so that reconnecting gains nothing. Any thread. Charging the account of an open connection
 * takes no lock; finding an account takes one for a few instructions, or while its table grows. The time
 * is passed in: clock_now(). */
#ifndef HUBBUB_LIMITS_H
#define HUBBUB_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* The fourth column of REQUEST_TABLE. */
#define RATE_TABLE(X)                                                  \
    X(MESSAGES, "messages")                                            \
    X(JOINS, "joins")                                                  \
    X(CREATES, "creates")                                              \
    X(MODERATION, "moderation")                                        \
    X(HISTORY, "history")                                              \
    X(FILES, "files")       /* to look at; 300 at once, 30 a second */ \
    X(REQUESTS, "requests") /* all others; 60 at once, 10 a second */

enum rate {
#define X(name, text) RATE_##name,
    RATE_TABLE(X)
#undef X
        RATE_COUNT
};

const char *rate_name(enum rate r);

/* 0: no such limit. */
struct limits_config {
    bool enabled;                         /* false: nothing is ever refused */
    uint32_t message_burst, message_rate; /* at once, and a second */
    uint32_t messages_per_minute;         /* as well */
    uint32_t joins_per_minute, creates_per_hour, moderation_per_minute, history_per_minute;
    uint32_t connections_per_address, connections_per_user;
};

/* ---- one bucket ---------------------------------------------------------------------------------- */

/* A token bucket in one number, when it will be full again (the virtual scheduling form of ITU-T I.371's
 * cell rate algorithm): one compare-and-swap takes a token. */
struct bucket {
    int64_t full_at; /* atomic, ns */
};
struct bucket_rule {
    int64_t interval; /* atomic, ns until a token comes back; 0: there is no limit */
    int64_t burst;    /* atomic, ns in which an empty bucket fills */
};

/* Takes a token: 0, or takes none: ns until there is one. */
int64_t bucket_take(struct bucket *b, const struct bucket_rule *r, int64_t now);
/* The same answer, and nothing taken. */
int64_t bucket_wait(const struct bucket *b, const struct bucket_rule *r, int64_t now);

/* ---- accounts ------------------------------------------------------------------------------------ */

enum { LIMITS_REFUSAL_S = 10 }; /* how long whoever was flooding is turned away */

struct limits;
struct account;

/* One connection that is counted. */
struct visit {
    struct account *user, *address; /* address NULL: not counted (loopback, a Unix socket) */
};

enum admission { ADMITTED, TOO_MANY_OF_ADDRESS, TOO_MANY_OF_USER, TURNED_AWAY };

struct limits *limits_new(const struct limits_config *config);
void limits_free(struct limits *l); /* every visit must have ended */

/* Any time. */
void limits_configure(struct limits *l, const struct limits_config *config);

/* True while the address is turned away. */
bool limits_refuses(struct limits *l, const char *address, int64_t now);

/* Counts a connection, to be ended with limits_leave() when ADMITTED. address: text, IPv6 counts by its /64;
 * NULL: not counted. is_new: a guest that was made up just now, of which an address may have 100 (or as
 * many as connections, if those are more) at once, and one a second: who comes back as somebody else gains nothing
 * either. Refusals are strikes. */
enum admission limits_enter(struct limits *l, const char *user_id, const char *address, bool is_new,
                            int64_t now, struct visit *out);
/* The same whatever the limits are: for operators, and for a web request on behalf of a user. */
void limits_let_in(struct limits *l, const char *user_id, const char *address, int64_t now,
                   struct visit *out);
void limits_leave(struct limits *l, struct visit *v);

/* Charges the user for a request: 0, or not: ns until the rate allows it. */
int64_t limits_charge(struct limits *l, const struct visit *v, enum rate rate, int64_t now);
/* The same answer, and nothing charged. */
int64_t limits_wait(struct limits *l, const struct visit *v, enum rate rate, int64_t now);
/* The same for hashing a password, which costs a tenth of a second: 10 at once and 6 a minute, of the user
 * as of the address. */
int64_t limits_charge_password(struct limits *l, const struct visit *v, int64_t now);

/* A request was refused. False: that was once too often (20, and one a second), and user and address are
 * turned away from now on. */
bool limits_strike(struct limits *l, const struct visit *v, int64_t now);

/* Accounts that are held: users and addresses. For tests. */
uint32_t limits_accounts(struct limits *l);

#endif
