/* Connections to PostgreSQL that only read, a few of them, lent to whoever asks. Any thread; who comes when all are
 * lent waits. What is asked over them: postgres_read.c. */
#ifndef HUBBUB_STORE_POSTGRES_READERS_H
#define HUBBUB_STORE_POSTGRES_READERS_H

#include "store/lender.h"
#include "store/postgres.h"

#include <stdbool.h>

#define PG_FOUND                                                                 \
    "SELECT log, seq, ts AS said_at, room FROM mentions JOIN logs USING (log)"   \
    " WHERE user_id = $1 AND (ts, log, seq) < ($2, $3, $4) AND room IS NOT NULL" \
    " ORDER BY ts DESC, log DESC, seq DESC LIMIT $5"

/* $1 is the room. */
#define READER_STATEMENTS(X)                                                                     \
    X(HEAD, "SELECT " PG_EPOCH ", " PG_LAST ", " PG_FIRST " FROM logs l WHERE room = $1")        \
    /* Where the numbering after that epoch begins, or the log ends. */                          \
    X(POSITION, "SELECT coalesce((SELECT n.seq FROM epochs n WHERE n.log = l.log AND n.n > e.n"  \
                " ORDER BY n.n LIMIT 1), " PG_LAST ")"                                           \
                " FROM logs l JOIN epochs e ON e.log = l.log WHERE room = $1 AND e.epoch = $2")  \
    X(FIRST, "SELECT " PG_FIRST " FROM logs l WHERE room = $1")                                  \
    X(FILE, "SELECT " PG_FILE " FROM files WHERE id = $1 AND log >= 0")                          \
    X(FILES_OF, "SELECT coalesce(sum(size), 0) FROM files WHERE user_id = $1 AND log >= 0")      \
    X(MESSAGES, "SELECT " PG_MESSAGE " FROM messages"                                            \
                " WHERE log = (SELECT log FROM logs WHERE room = $1) AND seq BETWEEN $2 AND $3"  \
                " ORDER BY seq")                                                                 \
    X(REACTIONS, "SELECT seq, user_id, emoji FROM reactions"                                     \
                 " WHERE log = (SELECT log FROM logs WHERE room = $1) AND seq BETWEEN $2 AND $3" \
                 " ORDER BY seq, at")                                                            \
    /* $1 is the user. */                                                                        \
    X(MARKS, "SELECT room, m.seq, since FROM marks m JOIN logs USING (log) WHERE user_id = $1"   \
             " AND room IS NOT NULL ORDER BY ts DESC LIMIT $2")                                  \
    X(MENTIONS, "SELECT " PG_MESSAGE ", room, log FROM (" PG_FOUND ") n"                         \
                " JOIN messages m USING (log, seq) ORDER BY said_at DESC, log DESC, seq DESC")   \
    X(MENTION_REACTIONS, "SELECT log, seq, r.user_id, emoji FROM (" PG_FOUND ") n"               \
                         " JOIN reactions r USING (log, seq)"                                    \
                         " ORDER BY said_at DESC, log DESC, seq DESC, at")

enum {
#define X(name, text) READ_##name,
    READER_STATEMENTS(X)
#undef X
        NREADS
};

/* Of one thread while it is lent. */
struct reader {
    struct lent lent; /* first */
    struct link link;
    struct readers *of;
    bool in_page; /* within a transaction */
};

/* NULL: there is no connection to be had. */
struct reader *reader_borrow(struct readers *p);
void reader_give_back(struct reader *r);

/* A connection that has ended, anew: 0 or ERR_SYSTEM. After one has failed (logged) nobody tries for a moment, but is
 * told so at once. */
int reader_reconnect(struct reader *r);

/* Asks one of the statements, over a new connection if this one has ended, but not within a page. The result is the
 * caller's; NULL: it failed, which is logged. */
PGresult *reader_ask(struct reader *r, int statement, const struct pg_values *v);

#endif
