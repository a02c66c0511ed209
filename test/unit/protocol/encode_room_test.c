/* The encoders of rooms, their people and what is done to them, byte for byte. */
#include <support/test_main.h>

#include "encoded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Expected texts are written with ' for ". */
static void assert_says(struct buf *b, const char *want)
{
    struct buf quoted = BUF_INIT;
    buf_add_str(&quoted, want);
    for (char *p = quoted.data; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    assert_encoded(b, quoted.data);
    buf_fini(&quoted);
}

static const struct room_look OPEN = {.room = "a", .title = "", .topic = ""};
static const struct room_look KEPT = {.room = "r\"m",
                                      .title = NASTY,
                                      .topic = "on\tbooks",
                                      .visibility = VISIBILITY_PRIVATE,
                                      .max_users = 50,
                                      .slow_mode = 10,
                                      .hides_past = true,
                                      .has_password = true,
                                      .kept = true};
#define OPEN_JSON                                                                               \
    "'title':'','topic':'','visibility':'public','maxUsers':0,'slowMode':0,'hidesPast':false,'" \
    "hasPassword':false,'"                                                                      \
    "kept':false"
#define KEPT_JSON                                                                                 \
    "'title':'" NASTY_JSON                                                                        \
    "','topic':'on\\tbooks','visibility':'private','maxUsers':50,'slowMode':10,'hidesPast':true," \
    "'hasPassword':true,'kept':true"

static void joined(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct joined j = {.seq = 7, .epoch = "e1", .members = 3, .rank = RANK_OWNER, .recovered = -1};

    encode_ok_join(&b, "1", &OPEN, &j);
    assert_says(&b, "{'type':'ok','id':'1','room':'a','seq':7,'epoch':'e1','members':3," OPEN_JSON
                    ",'role':'owner'}");
    j.rank = RANK_GUEST;
    j.muted = true;
    encode_ok_join(&b, "1", &KEPT, &j);
    assert_says(&b,
                "{'type':'ok','id':'1','room':'r\\\"m','seq':7,'epoch':'e1','members':3," KEPT_JSON
                ",'role':'guest','mutedUntil':0}");
    j.muted_until = 1700000000123;
    encode_ok_join(&b, "", &OPEN, &j);
    assert_says(&b, "{'type':'ok','room':'a','seq':7,'epoch':'e1','members':3," OPEN_JSON
                    ",'role':'guest','mutedUntil':1700000000123}");
    j.muted = false;
    for (j.recovered = 0; j.recovered < 2; j.recovered++) {
        encode_ok_join(&b, "1", &OPEN, &j);
        assert_says(&b, j.recovered ? "{'type':'ok','id':'1','room':'a','seq':7,'epoch':'e1',"
                                      "'recovered':true,'members':3," OPEN_JSON ",'role':'guest'}"
                                    : "{'type':'ok','id':'1','room':'a','seq':7,'epoch':'e1',"
                                      "'recovered':false,'members':3," OPEN_JSON
                                      ",'role':'guest'}");
    }
    j.recovered = -1;
    j.read = 5;
    j.shown_from = 1; /* everything is */
    encode_ok_join(&b, "1", &OPEN, &j);
    assert_says(
        &b, "{'type':'ok','id':'1','room':'a','seq':7,'epoch':'e1','read':5,'members':3," OPEN_JSON
            ",'role':'guest'}");
    j.shown_from = 6;
    encode_ok_join(&b, "1", &OPEN, &j);
    assert_non_null(strstr(b.data, "\"read\":5,\"shownFrom\":6,\"members\":3"));
    buf_fini(&b);
}

static void members(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    const struct member_row rows[] = {{"u1", "alice", RANK_OPERATOR, true, false},
                                      {"u2", NASTY, RANK_MEMBER, false, false}};

    encode_members(&b, false, NULL, "a", rows, 2);
    assert_says(&b,
                "{'room':'a','members':["
                "{'userId':'u1','username':'alice','role':'operator','status':'online'},"
                "{'userId':'u2','username':'" NASTY_JSON "','role':'member','status':'offline'}]}");
    encode_members(&b, true, "7", "a", rows, 0);
    assert_says(&b, "{'type':'ok','id':'7','room':'a','members':[]}");
    encode_members(&b, true, "", "a", rows, 1);
    assert_says(&b, "{'type':'ok','room':'a','members':["
                    "{'userId':'u1','username':'alice','role':'operator','status':'online'}]}");
    buf_fini(&b);
}

static void rooms(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    const struct room_row rows[] = {{OPEN, 3, RANK_GUEST}, {KEPT, 0, RANK_ADMIN}};

    encode_rooms(&b, false, NULL, rows, 2, NULL);
    assert_says(&b, "{'rooms':[{'room':'a','members':3," OPEN_JSON "},"
                    "{'room':'r\\\"m','members':0," KEPT_JSON ",'role':'admin'}]}");
    encode_rooms(&b, true, "7", rows, 0, "b\"");
    assert_says(&b, "{'type':'ok','id':'7','rooms':[],'cursor':'b\\\"'}");
    buf_fini(&b);
}

static const struct ledger_row ROWS[] = {
    {.entry = 2,
     .action = ACTION_BAN,
     .user_id = "u2",
     .username = NASTY,
     .by = "alice",
     .by_id = "u1",
     .reason = "a\nb",
     .ts = 1700000000123,
     .until = 1700000060123,
     .undone = true},
    {.action = ACTION_MUTE,
     .user_id = "u3",
     .username = "carol",
     .by = "alice",
     .by_id = "",
     .reason = "",
     .ts = 1700000000124},
};
#define BAN_JSON                                                      \
    "{'action':'ban','entry':2,'userId':'u2','username':'" NASTY_JSON \
    "','by':'alice','byId':'u1',"                                     \
    "'reason':'a\\nb','ts':1700000000123,'until':1700000060123"
#define MUTE_JSON \
    "{'action':'mute','userId':'u3','username':'carol','by':'alice','ts':1700000000124"

static void ledger(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_ok_ledger(&b, "1", "a", ROWS, 2);
    assert_says(&b, "{'type':'ok','id':'1','room':'a','entries':[" BAN_JSON
                    ",'undone':true}," MUTE_JSON ",'undone':false}]}");
    encode_ok_ledger(&b, "1", "", NULL, 0);
    assert_says(&b, "{'type':'ok','id':'1','entries':[]}");
    buf_fini(&b);
}

static void settings(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    const struct room_look server = {.room = "", .title = "", .topic = ""};
    const struct roster_row roster[] = {{"u1", "alice", RANK_OWNER}, {"u2", NASTY, RANK_MEMBER}};

    encode_ok_settings(&b, "1", &KEPT, RANK_MODERATOR, roster, 2, ROWS, 2, 5);
    assert_says(&b, "{'type':'ok','id':'1','room':'r\\\"m'," KEPT_JSON
                    ",'role':'moderator','rosterCount':2,"
                    "'roster':[{'userId':'u1','username':'alice','role':'owner'},"
                    "{'userId':'u2','username':'" NASTY_JSON
                    "','role':'member'}],'sanctionCount':2,'sanctions':[" BAN_JSON "}," MUTE_JSON
                    "}],'invites':5}");
    encode_ok_settings(&b, "1", &server, RANK_OPERATOR, NULL, 0, ROWS, 1, 0);
    assert_says(&b, "{'type':'ok','id':'1','role':'operator','rosterCount':0,'roster':[],"
                    "'sanctionCount':1,'sanctions':[" BAN_JSON "}],'invites':0}");
    buf_fini(&b);
}

/* However many there are, a reply stays small. */
static void settings_of_very_many(void **state)
{
    (void)state;
    enum { MANY = 100000, SMALL = 256 * 1024 };
    struct buf b = BUF_INIT;
    struct roster_row *roster = calloc(MANY, sizeof(*roster));
    struct ledger_row *sanctions = calloc(MANY, sizeof(*sanctions));
    assert_non_null(roster);
    assert_non_null(sanctions);
    for (int i = 0; i < MANY; i++) {
        roster[i] = (struct roster_row){"u1", i == 0 ? "first" : "alice", RANK_MEMBER};
        sanctions[i] = ROWS[0];
    }
    encode_ok_settings(&b, "1", &KEPT, RANK_MODERATOR, roster, MANY, sanctions, MANY, 5);
    assert_true(b.len < SMALL);
    assert_non_null(strstr(b.data,
                           "\"rosterCount\":100000,\"roster\":[{\"userId\":\"u1\",\"username\":"
                           "\"first\""));
    assert_non_null(strstr(b.data, "\"sanctionCount\":100000,\"sanctions\":[{"));
    buf_fini(&b);
    free(roster);
    free(sanctions);
}

static void settings_that_changed(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    static const struct {
        unsigned given;
        const char *json;
    } fields[] = {
        {ROOM_TITLE, "'title':'" NASTY_JSON "',"},    {ROOM_TOPIC, "'topic':'on\\tbooks',"},
        {ROOM_VISIBILITY, "'visibility':'private',"}, {ROOM_MAX_USERS, "'maxUsers':50,"},
        {ROOM_SLOW_MODE, "'slowMode':10,"},           {ROOM_HIDES_PAST, "'hidesPast':true,"},
        {ROOM_PASSWORD, "'hasPassword':true,"},       {0, ""},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char want[256];
        snprintf(want, sizeof(want), "{'type':'room','room':'r\\\"m',%s'kept':true,'by':'alice'}",
                 fields[i].json);
        encode_room(&b, &KEPT, fields[i].given, "alice");
        assert_says(&b, want);
    }
    encode_room(&b, &KEPT, ~0U, NASTY);
    assert_says(&b, "{'type':'room','room':'r\\\"m'," KEPT_JSON ",'by':'" NASTY_JSON "'}");
    encode_room_destroyed(&b, "a", "alice", NULL);
    assert_says(&b, "{'type':'room','room':'a','destroyed':true,'by':'alice'}");
    encode_room_destroyed(&b, "a", "alice", "moved");
    assert_says(&b, "{'type':'room','room':'a','destroyed':true,'by':'alice','reason':'moved'}");
    buf_fini(&b);
}

static void moderation(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct moderation m = {.room = "a",
                           .user_id = "u2",
                           .username = NASTY,
                           .by = "alice",
                           .action = ACTION_KICK,
                           .rank = -1,
                           .undone = -1};
    encode_moderation(&b, &m);
    assert_says(&b, "{'type':'moderation','room':'a','action':'kick','userId':'u2','username':"
                    "'" NASTY_JSON "','by':'alice'}");
    m.room = "";
    m.action = ACTION_ROLE;
    m.reason = "";
    m.rank = RANK_GUEST;
    encode_moderation(&b, &m);
    assert_says(&b, "{'type':'moderation','action':'role','userId':'u2','username':"
                    "'" NASTY_JSON "','by':'alice','role':'guest'}");
    m.rank = -1;
    m.action = ACTION_MUTE;
    m.reason = "spam";
    m.until = 1700000000123;
    m.entry = 9;
    encode_moderation(&b, &m);
    assert_says(&b,
                "{'type':'moderation','action':'mute','userId':'u2','username':'" NASTY_JSON "',"
                "'by':'alice','reason':'spam','until':1700000000123,'entry':9}");
    m.action = ACTION_UNDO;
    m.undone = ACTION_MUTE;
    m.reason = NULL;
    m.until = 0;
    encode_moderation(&b, &m);
    assert_says(&b, "{'type':'moderation','action':'undo','userId':'u2','username':"
                    "'" NASTY_JSON "','by':'alice','undone':'mute','entry':9}");
    buf_fini(&b);
}

static void invite(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_invite(&b, "a", NASTY, "x-1", 1700000000123);
    assert_says(&b, "{'type':'invite','room':'a','by':'" NASTY_JSON "','invite':'x-1',"
                    "'expires':1700000000123}");
    buf_fini(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined),
        cmocka_unit_test(members),
        cmocka_unit_test(rooms),
        cmocka_unit_test(ledger),
        cmocka_unit_test(settings),
        cmocka_unit_test(settings_of_very_many),
        cmocka_unit_test(settings_that_changed),
        cmocka_unit_test(moderation),
        cmocka_unit_test(invite),
    };
    return RUN_TESTS(argc, argv, "encode_room", tests);
}
