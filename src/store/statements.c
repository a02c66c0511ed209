/* What all databases are told in the same words: the rows of rooms and of what belongs to them. Parameters are
 * members of a record by the names of their columns (fields.c), or :now and :ledger. Constant data.
 *
 * What was said has statements of each database's own, as it is most of what there is. */
#include "store/statements.h"

/* An INSERT OR REPLACE of a room would take along what belongs to it. */
const char *const WRITES[NWRITES] = {
    [RECORD_ROOM] =
        "INSERT INTO rooms"
        " (room, title, topic, password, visibility, max_users, slow_mode, hides_past) VALUES"
        " (:room, :title, :topic, :password, :visibility, :max_users, :slow_mode, :hides_past)"
        " ON CONFLICT (room) DO UPDATE SET title = excluded.title, topic = excluded.topic,"
        " password = excluded.password, visibility = excluded.visibility,"
        " max_users = excluded.max_users, slow_mode = excluded.slow_mode,"
        " hides_past = excluded.hides_past",
    [RECORD_ROOM_GONE] = "DELETE FROM rooms WHERE room = :room AND room <> ''",
    [RECORD_RANK] = "INSERT INTO ranks (room, user_id, username, rank)"
                    " VALUES (:room, :user_id, :username, :rank) ON CONFLICT (room, user_id)"
                    " DO UPDATE SET username = excluded.username, rank = excluded.rank",
    [RANK_GONE] = "DELETE FROM ranks WHERE room = :room AND user_id = :user_id",
    [RECORD_SANCTION] =
        "INSERT INTO sanctions (room, user_id, username, action, by_name, by_id,"
        " by_rank, reason, ts, until, entry)"
        " VALUES (:room, :user_id, :username, :action, :by_name, :by_id,"
        " :by_rank, :reason, :ts, :until, :entry) ON CONFLICT (room, user_id, action)"
        " DO UPDATE SET username = excluded.username, by_name = excluded.by_name,"
        " by_id = excluded.by_id, by_rank = excluded.by_rank, reason = excluded.reason,"
        " ts = excluded.ts, until = excluded.until, entry = excluded.entry",
    [RECORD_SANCTION_GONE] = "DELETE FROM sanctions"
                             " WHERE room = :room AND user_id = :user_id AND action = :action",
    [RECORD_ADDRESS] = "INSERT INTO addresses (user_id, address) VALUES (:user_id, :address)"
                       " ON CONFLICT DO NOTHING",
    [RECORD_ADDRESS_GONE] = "DELETE FROM addresses WHERE user_id = :user_id",
    [RECORD_LEDGER] =
        "INSERT INTO ledger (room, entry, action, user_id, username, by_name, by_id,"
        " by_rank, rank, reason, ts, until, undone)"
        " VALUES (:room, :entry, :action, :user_id, :username, :by_name, :by_id,"
        " :by_rank, :rank, :reason, :ts, :until, :undone) ON CONFLICT (room, entry)"
        " DO UPDATE SET action = excluded.action, user_id = excluded.user_id,"
        " username = excluded.username, by_name = excluded.by_name, by_id = excluded.by_id,"
        " by_rank = excluded.by_rank, rank = excluded.rank, reason = excluded.reason,"
        " ts = excluded.ts, until = excluded.until, undone = excluded.undone",
    [RECORD_INVITE] = "INSERT INTO invites (room, code, user_id, by_id, until)"
                      " VALUES (:room, :code, :user_id, :by_id, :until) ON CONFLICT (room, code)"
                      " DO UPDATE SET user_id = excluded.user_id, by_id = excluded.by_id,"
                      " until = excluded.until",
    [RECORD_PAIR] = "INSERT INTO pairs (room, user_id, username, by_id, by_name, ts)"
                    " VALUES (:room, :user_id, :username, :by_id, :by_name, :ts) ON CONFLICT (room)"
                    " DO UPDATE SET username = excluded.username, by_name = excluded.by_name",
    [RECORD_BLOCK] = "INSERT INTO blocks (by_id, user_id, username, ts)"
                     " VALUES (:by_id, :user_id, :username, :ts) ON CONFLICT DO NOTHING",
    [RECORD_BLOCK_GONE] = "DELETE FROM blocks WHERE by_id = :by_id AND user_id = :user_id",
    [RECORD_INVITE_GONE] = "DELETE FROM invites WHERE room = :room AND code = :code",
    [RECORD_MARK] = "INSERT INTO marks (user_id, log, seq, ts, since) SELECT :user_id,"
                    " log, CAST(:seq AS bigint), CAST(:ts AS bigint), CAST(:since AS bigint)"
                    " FROM logs WHERE room = :room ON CONFLICT (user_id, log) DO UPDATE SET"
                    " seq = excluded.seq, ts = excluded.ts WHERE excluded.seq > marks.seq",
    [MARK_GONE] = "DELETE FROM marks WHERE user_id = :user_id"
                  " AND log IN (SELECT log FROM logs WHERE room = :room)",
};

int statement_of(const struct record *r)
{
    if (r->type == RECORD_RANK && r->rank == RANK_GUEST)
        return RANK_GONE;
    return r->type == RECORD_MARK && r->seq == 0 && r->since == 0 ? (int)MARK_GONE : (int)r->type;
}

#define RUNS "(until = 0 OR until > :now)"
#define BANNED "(SELECT user_id FROM sanctions WHERE room = '' AND action = 'ban' AND " RUNS ")"

const struct load_query READS[] = {
    {RECORD_ROOM, "SELECT * FROM rooms WHERE room <> '' ORDER BY room"},
    {RECORD_RANK, "SELECT * FROM ranks ORDER BY room, user_id"},
    {RECORD_SANCTION, "SELECT * FROM sanctions WHERE " RUNS " ORDER BY room, user_id, action"},
    {RECORD_ADDRESS,
     "SELECT * FROM addresses WHERE user_id IN " BANNED " ORDER BY user_id, address"},
    {RECORD_LEDGER,
     "WITH oldest (room, entry) AS MATERIALIZED"
     " (SELECT room, (SELECT min(entry) FROM (SELECT entry FROM ledger l"
     "  WHERE l.room = r.room ORDER BY entry DESC LIMIT :ledger) newest) FROM rooms r)"
     "SELECT l.* FROM oldest o JOIN ledger l"
     " ON l.room = o.room AND l.entry >= o.entry ORDER BY l.room, l.entry"},
    {RECORD_INVITE, "SELECT * FROM invites WHERE " RUNS " ORDER BY room, code"},
    {RECORD_BLOCK, "SELECT * FROM blocks ORDER BY ts"},
    {RECORD_COUNT, NULL},
};

const char *const SWEEPS[] = {
    "DELETE FROM sanctions WHERE NOT " RUNS,
    "DELETE FROM addresses WHERE user_id NOT IN " BANNED,
    "DELETE FROM invites WHERE NOT " RUNS,
    "DELETE FROM marks WHERE ts < :now - 34560000000", /* 400 days, as long as a guest's token holds */
    NULL,
};

static const char *const TYPES[] = {
#define X(name) #name,
    RECORD_TABLE(X)
#undef X
};

const char *record_type_name(enum record_type type)
{
    return TYPES[type];
}
