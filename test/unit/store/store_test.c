/* What is posted is there in the next life: every kind of record, in order, once and twice, and what goes
 * when a room goes or when its time has come. */
#include "helpers.h"

#include <hubbub/metrics.h>

/* ---- records --------------------------------------------------------------------------------------- */

/* Every field of every kind, the longest and oddest it may be. */
static struct change *everything(void)
{
    struct change *c = change_new();
    struct record *r = add_room(c, "den", "It's \"the\" den");
    r->topic = xstrdup("日本語 \xf0\x9f\xa6\x8a; DROP TABLE rooms;--");
    r->password = xstrdup("$argon2id$v=19$hash");
    r->visibility = VISIBILITY_PRIVATE;
    r->max_users = MAX_USERS_MAX;
    r->slow_mode = UINT32_MAX;
    r->hides_past = true;

    add_room(c, "empty", "");

    r = add_user(c, RECORD_RANK, "den", "u1");
    name(r->username, "alice");
    r->rank = RANK_OWNER;

    r = add_sanction(c, "den", "u2", ACTION_BAN, INT64_MAX);
    name(r->username, "bob");
    name(r->by, "alice");
    name(r->by_id, "u1");
    r->by_rank = RANK_OPERATOR;
    r->reason = xstrdup("line 1\nline 2");
    r->ts = 1700000000000;
    r->entry = 7;
    add_sanction(c, "den", "u2", ACTION_MUTE, 0)->by_rank = RANK_MODERATOR;
    add_sanction(c, "", "u3", ACTION_BAN, 0);

    add_address(c, "u3", "192.0.2.1");
    add_address(c, "u3", "2001:db8:ffff:ffff:ffff:ffff:255.255.255.255");

    r = add_ledger(c, "den", (uint64_t)1 << 40);
    r->action = ACTION_UNMUTE;
    name(r->username, "bob");
    name(r->by, "alice");
    name(r->by_id, "u1");
    r->by_rank = RANK_ADMIN;
    r->reason = xstrdup("enough");
    r->ts = 1;
    r->until = 2;
    r->undone = true;

    r = add_invite(c, "den", "0123456789abcdef0123456789abcdef", INT64_MAX);
    name(r->by_id, "u1");
    name(r->user_id, "u4");
    add_invite(c, "den", "x", 0);
    return c;
}

#define EVERYTHING                                                                        \
    "room den: It's \"the\" den, 日本語 \xf0\x9f\xa6\x8a; DROP TABLE rooms;--, "       \
    "$argon2id$v=19$hash, private, 1000000 users, 4294967295 s, hides\n"                  \
    "room empty: , , , public, 0 users, 0 s\n"                                            \
    "rank den: u1 alice owner\n"                                                          \
    "sanction : ban u3  by   guest, , 0 to 0, entry 0\n"                                  \
    "sanction den: ban u2 bob by alice u1 operator, line 1\nline 2, "                     \
    "1700000000000 to 9223372036854775807, entry 7\n"                                     \
    "sanction den: mute u2  by   moderator, , 0 to 0, entry 0\n"                          \
    "address: u3 192.0.2.1\n"                                                             \
    "address: u3 2001:db8:ffff:ffff:ffff:ffff:255.255.255.255\n"                          \
    "ledger den 1099511627776: unmute u1 bob by alice u1 admin, enough, 1 to 2, undone\n" \
    "invite den: 0123456789abcdef0123456789abcdef for u4 by u1 to 9223372036854775807\n"  \
    "invite den: x for  by  to 0\n"

static void every_record_comes_back_whole(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, everything(), 0);
    shop_kept(s, EVERYTHING);
    shop_kept(s, EVERYTHING);
    shop_free(s);
}

static void twice_is_as_good_as_once(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, everything(), 0);
    shop_put(s, everything(), 0);
    shop_kept(s, EVERYTHING);
    shop_free(s);
}

static void a_copy_is_alike_and_apart(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = everything(), *copy;
    c->note = s;
    copy = change_copy(c);
    assert_null(copy->note);
    c->note = NULL;
    change_free(c);
    shop_put(s, copy, 0);
    shop_kept(s, EVERYTHING);
    shop_free(s);
}

static void the_latest_counts(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, a_room("den", "first"), 0);
    struct change *c = a_room("den", "second");
    add_user(c, RECORD_RANK, "den", "u1")->rank = RANK_MEMBER;
    add_user(c, RECORD_RANK, "den", "u1")->rank = RANK_ADMIN;
    add_sanction(c, "den", "u2", ACTION_MUTE, 0)->entry = 1;
    add_sanction(c, "den", "u2", ACTION_MUTE, INT64_MAX)->entry = 2;
    add_ledger(c, "den", 1);
    add_ledger(c, "den", 1)->undone = true;
    shop_put(s, c, 0);
    shop_put(s, a_room("den", "third"), 0);
    shop_kept(s, "room den: third, , , public, 0 users, 0 s\n"
                 "rank den: u1  admin\n"
                 "sanction den: mute u2  by   guest, , 0 to 9223372036854775807, entry 2\n"
                 "ledger den 1: kick u1  by   guest, , 0 to 0, undone\n");
    shop_free(s);
}

static void what_is_gone_is_gone(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, everything(), 0);
    struct change *c = change_new();
    add_user(c, RECORD_RANK, "den", "u1")->rank = RANK_GUEST;
    add_user(c, RECORD_SANCTION_GONE, "den", "u2")->action = ACTION_BAN;
    add_user(c, RECORD_ADDRESS_GONE, "", "u3");
    name(add_user(c, RECORD_INVITE_GONE, "den", "")->code, "x");
    add_user(c, RECORD_ROOM_GONE, "empty", "");
    /* and what was never there */
    add_user(c, RECORD_RANK, "nowhere", "u1")->rank = RANK_GUEST;
    add_user(c, RECORD_SANCTION_GONE, "den", "u1")->action = ACTION_MUTE;
    add_user(c, RECORD_ADDRESS_GONE, "", "u1");
    add_user(c, RECORD_ROOM_GONE, "nowhere", "");
    shop_put(s, c, 0);
    shop_kept(s, "room den: It's \"the\" den, 日本語 \xf0\x9f\xa6\x8a; DROP TABLE rooms;--, "
                 "$argon2id$v=19$hash, private, 1000000 users, 4294967295 s, hides\n"
                 "sanction : ban u3  by   guest, , 0 to 0, entry 0\n"
                 "sanction den: mute u2  by   moderator, , 0 to 0, entry 0\n"
                 "ledger den 1099511627776: unmute u1 bob by alice u1 admin, enough, 1 to 2, "
                 "undone\n"
                 "invite den: 0123456789abcdef0123456789abcdef for u4 by u1 "
                 "to 9223372036854775807\n");
    shop_free(s);
}

static void a_room_takes_along_what_belongs_to_it(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, everything(), 0);
    struct change *c = change_new();
    add_user(c, RECORD_ROOM_GONE, "den", "");
    add_user(c, RECORD_ROOM_GONE, "", ""); /* the server itself does not go */
    shop_put(s, c, 0);
#define WITHOUT_DEN                                      \
    "room empty: , , , public, 0 users, 0 s\n"           \
    "sanction : ban u3  by   guest, , 0 to 0, entry 0\n" \
    "address: u3 192.0.2.1\n"                            \
    "address: u3 2001:db8:ffff:ffff:ffff:ffff:255.255.255.255\n"
    shop_kept(s, WITHOUT_DEN);
    shop_start(s);
    shop_put(s, a_room("den", "new"), 0);
    shop_kept(s, "room den: new, , , public, 0 users, 0 s\n" WITHOUT_DEN);
    shop_free(s);
}

/* With what was said last in them; one in which nothing was said is none yet. */
static void conversations_and_blocks(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_pair(c, "dm:1", "u2", "bob");
    add_epoch(c, "dm:1", "e", 0);
    add_said(c, "dm:1", a_message(1, 7, "", "x"));
    add_said(c, "dm:1", a_message(2, 9, "", "y"));
    add_pair(c, "dm:2", "u3", "carol");
    add_pair(c, "dm:3", "u4", "dave");
    add_epoch(c, "dm:3", "e", 0);
    name(add_block(c, RECORD_BLOCK, "u2", "u1", 3)->username, "alice");
    add_block(c, RECORD_BLOCK, "u2", "u3", 2);
    add_block(c, RECORD_BLOCK, "u1", "u2", 1);
    shop_put(s, c, 0);
    c = change_new();
    add_pair(c, "dm:1", "u2", "robert");       /* has another name now */
    add_block(c, RECORD_BLOCK, "u2", "u1", 4); /* since 3 */
    add_block(c, RECORD_BLOCK_GONE, "u2", "u3", 0);
    add_block(c, RECORD_BLOCK_GONE, "u3", "u2", 0); /* there was none */
    shop_put(s, c, 0);
#define PAIRS                                          \
    "block: u1 of u2  at 1\n"                          \
    "block: u2 of u1 alice at 3\n"                     \
    "pair dm:1: u1 alice and u2 robert, last 2 at 9\n" \
    "pair dm:3: u1 alice and u4 dave, last 0 at 5\n"
    shop_kept(s, PAIRS);
    shop_kept(s, PAIRS);
    shop_free(s);
}

/* ---- loading --------------------------------------------------------------------------------------- */

static void what_has_ended_is_left_out_and_deleted(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    int64_t now = clock_wall_ms(), later = now + INT64_C(3600000);
    struct change *c = a_room("den", "");
    add_sanction(c, "den", "past", ACTION_BAN, now - 1);
    add_sanction(c, "den", "past", ACTION_MUTE, 1);
    add_sanction(c, "den", "ever", ACTION_BAN, 0);
    add_sanction(c, "den", "later", ACTION_BAN, later);
    add_sanction(c, "", "past", ACTION_BAN, now - 1);
    add_sanction(c, "", "later", ACTION_BAN, later);
    add_sanction(c, "", "muted", ACTION_MUTE, 0);
    add_address(c, "past", "192.0.2.1");
    add_address(c, "later", "192.0.2.2");
    add_address(c, "muted", "192.0.2.3");
    add_address(c, "unheard of", "192.0.2.4");
    add_ledger(c, "den", 1)->until = now - 1; /* what happened has happened */
    add_invite(c, "den", "past", now - 1);
    add_invite(c, "den", "ever", 0);
    add_invite(c, "den", "later", later);
    shop_put(s, c, 0);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "room den: , , , public, 0 users, 0 s\n"
             "sanction : ban later  by   guest, , 0 to %lld, entry 0\n"
             "sanction : mute muted  by   guest, , 0 to 0, entry 0\n"
             "sanction den: ban ever  by   guest, , 0 to 0, entry 0\n"
             "sanction den: ban later  by   guest, , 0 to %lld, entry 0\n"
             "address: later 192.0.2.2\n"
             "ledger den 1: kick u1  by   guest, , 0 to %lld\n"
             "invite den: ever for  by  to 0\n"
             "invite den: later for  by  to %lld\n",
             (long long)later, (long long)later, (long long)now - 1, (long long)later);
    shop_kept(s, expected);
    /* Gone from the file, too: turning back time does not bring it back. */
    shop_exec(s, "UPDATE sanctions SET until = 0; UPDATE invites SET until = 0;"
                 "UPDATE ledger SET until = 0");
    shop_exec(s,
              "INSERT INTO sanctions SELECT '', 'past', '', 'ban', '', '', 'guest', '', 0, 0, 0");
    shop_kept(s, "room den: , , , public, 0 users, 0 s\n"
                 "sanction : ban later  by   guest, , 0 to 0, entry 0\n"
                 "sanction : mute muted  by   guest, , 0 to 0, entry 0\n"
                 "sanction : ban past  by   guest, , 0 to 0, entry 0\n"
                 "sanction den: ban ever  by   guest, , 0 to 0, entry 0\n"
                 "sanction den: ban later  by   guest, , 0 to 0, entry 0\n"
                 "address: later 192.0.2.2\n"
                 "ledger den 1: kick u1  by   guest, , 0 to 0\n"
                 "invite den: ever for  by  to 0\n"
                 "invite den: later for  by  to 0\n");
    shop_free(s);
}

static void of_a_ledger_the_newest_are_loaded(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = a_room("den", "");
    add_room(c, "pub", "");
    for (uint64_t entry = 1; entry <= 12; entry++) {
        add_ledger(c, "den", entry * 2);
        if (entry <= 2)
            add_ledger(c, "pub", entry);
        add_ledger(c, "", entry);
    }
    shop_put(s, c, 0);
#define ENTRY(room, n) "ledger " room " " n ": kick u1  by   guest, , 0 to 0\n"
#define TWO_ROOMS                            \
    "room den: , , , public, 0 users, 0 s\n" \
    "room pub: , , , public, 0 users, 0 s\n"
    shop_kept_newest(s, 3,
                     TWO_ROOMS ENTRY("", "10") ENTRY("", "11") ENTRY("", "12") ENTRY("den", "20")
                         ENTRY("den", "22") ENTRY("den", "24") ENTRY("pub", "1") ENTRY("pub", "2"));
    shop_kept_newest(s, 1, TWO_ROOMS ENTRY("", "12") ENTRY("den", "24") ENTRY("pub", "2"));
    shop_kept_newest(s, 0, TWO_ROOMS);
    shop_free(s);
}

static void a_row_that_makes_no_sense_stops_the_load(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "UPDATE rooms SET visibility = 'invisible' WHERE room = 'den'",
        "UPDATE rooms SET max_users = -1 WHERE room = 'den'",
        "INSERT INTO rooms (room, title, topic, password, visibility, max_users, slow_mode) VALUES "
        "('1234567890123456789012345678901234567890123456789012345678901234+',"
        " '', '', '', 'public', 0, 0)",
        "INSERT INTO ranks VALUES ('den', 'u9', '', 'emperor')",
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        struct buf b = BUF_INIT;
        struct shop *s = shop_started();
        shop_put(s, everything(), 0);
        shop_close(s);
        shop_open(s);
        shop_exec(s, WRONG[i]);
        assert_int_equal(store_load(s->store, 10, show, &b), ERR_SYSTEM);
        buf_fini(&b);
        shop_free(s);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_comes_back_whole),
        cmocka_unit_test(twice_is_as_good_as_once),
        cmocka_unit_test(a_copy_is_alike_and_apart),
        cmocka_unit_test(the_latest_counts),
        cmocka_unit_test(what_is_gone_is_gone),
        cmocka_unit_test(a_room_takes_along_what_belongs_to_it),
        cmocka_unit_test(conversations_and_blocks),
        cmocka_unit_test(what_has_ended_is_left_out_and_deleted),
        cmocka_unit_test(of_a_ledger_the_newest_are_loaded),
        cmocka_unit_test(a_row_that_makes_no_sense_stops_the_load),
    };
    return SHOP_TESTS(argc, argv, "store", tests);
}
