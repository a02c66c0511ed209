/* The fields of the rarer requests: what is taken, what is refused and with which words. */
#include <support/test_main.h>

#include <hubbub/err.h>
#include <hubbub/protocol.h>
#include <stdio.h>
#include <string.h>

/* Inputs are written with ' for ". */
static int decode_in(char *json, struct request *r, struct request_error *e)
{
    for (char *p = json; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    return protocol_decode(json, strlen(json), r, e);
}

static int decode(const char *json, struct request *r, struct request_error *e)
{
    struct buf b = BUF_INIT;
    buf_add_str(&b, json);
    int rc = decode_in(b.data, r, e);
    buf_fini(&b);
    return rc;
}

static void add(struct buf *b, const char *key, const char *value)
{
    if (value)
        buf_printf(b, " %s=%s", key, value);
}

static void add_int(struct buf *b, const char *key, uint64_t value)
{
    if (value)
        buf_printf(b, " %s=%llu", key, (unsigned long long)value);
}

static const char *const PLACES[] = {"latest", "before", "after", "around"};

/* All that a request says, as one line: what is zero, "" or NULL is left out, but not what is
 * given. */
static void describe(struct buf *b, const struct request *r)
{
    const struct request_args *a = r->args;

    buf_clear(b);
    buf_add_str(b, r->room[0] ? r->room : "-");
    add(b, "text", r->text);
    add_int(b, "replyTo", r->reply_to);
    if (!a) {
        buf_add_str(b, " no args");
        return;
    }
    add(b, "user", a->user[0] ? a->user : NULL);
    add(b, "reason", a->reason);
    add_int(b, "seconds", (uint64_t)a->seconds);
    add_int(b, "address", a->address);
    add(b, "role", a->role ? rank_name(a->role) : NULL);
    add_int(b, "seq", a->seq);
    add_int(b, "entry", a->entry);
    add_int(b, "limit", a->limit);
    if (a->from)
        buf_printf(b, " %s=%llu", PLACES[a->from], (unsigned long long)a->at);
    if (a->since_given)
        buf_printf(b, " since=%llu", (unsigned long long)a->since);
    add(b, "epoch", a->epoch[0] ? a->epoch : NULL);
    add_int(b, "history", a->history);
    add(b, "emoji", a->emoji[0] ? a->emoji : NULL);
    add_int(b, "remove", a->remove);
    add(b, "token", a->token);
    add(b, "invite", a->invite[0] ? a->invite : NULL);
    if (a->given & ROOM_TITLE)
        add(b, "title", a->title);
    if (a->given & ROOM_TOPIC)
        add(b, "topic", a->topic);
    if (a->given & ROOM_VISIBILITY)
        add(b, "visibility", visibility_name(a->visibility));
    if (a->given & ROOM_MAX_USERS)
        buf_printf(b, " maxUsers=%u", a->max_users);
    if (a->given & ROOM_SLOW_MODE)
        buf_printf(b, " slowMode=%u", a->slow_mode);
    if (a->given & ROOM_HIDES_PAST)
        buf_printf(b, " hidesPast=%d", a->hides_past);
    add(b, "password", a->password);
    assert_true(!a->password || (a->given & ROOM_PASSWORD));
    assert_null(a->password_hash);
    assert_int_equal(a->retry_after, 0);
}

static const char *const WIRE[] = {
#define X(wire, name, hub, rate) wire,
    REQUEST_TABLE(X)
#undef X
};

#define S16 "0123456789abcdef"
#define S64 S16 S16 S16 S16
#define S128 S64 S64
#define S512 S128 S128 S128 S128
#define CODE "abcdefghijklmnopqrstuvwxyzABC_-9" /* 32 */

/* ---- what is taken -------------------------------------------------------------------------- */

static const struct {
    enum request_type type;
    const char *fields, *want;
} TAKEN[] = {
    {REQUEST_JOIN, "'room':'a'", "a no args"},
    {REQUEST_JOIN, "'room':'a','password':'s3cret'", "a password=s3cret"},
    {REQUEST_JOIN, "'room':'a','invite':'" CODE "'", "a invite=" CODE},
    {REQUEST_JOIN, "'room':'a','password':'','invite':''", "a no args"},
    {REQUEST_JOIN, "'room':'a','since':0,'epoch':'e1'", "a since=0 epoch=e1"},
    {REQUEST_JOIN, "'room':'a','since':9007199254740991,'epoch':'0123456789abcdef','history':300",
     "a since=9007199254740991 epoch=0123456789abcdef history=300"},
    {REQUEST_JOIN, "'room':'a','history':0,'epoch':''", "a"},
    {REQUEST_LEAVE, "'room':'a','user':7", "a no args"},
    {REQUEST_LEAVE, "'room':'a','since':'x'", "a no args"},
    {REQUEST_MESSAGE, "'content':'hi','title':null,'reason':{}", "- text=\"hi\" no args"},
    {REQUEST_MESSAGE, "'content':'hi','replyTo':3", "- text=\"hi\" replyTo=3 no args"},
    {REQUEST_MESSAGE, "'content':'hi','replyTo':9007199254740991",
     "- text=\"hi\" replyTo=9007199254740991 no args"},
    {REQUEST_TYPING, "'state':'active'", "- no args"},
    {REQUEST_TYPING, "'replyTo':3", "- no args"},
    {REQUEST_EDIT, "'room':'a','seq':7,'content':'a \\'b\\''", "a text=\"a \\\"b\\\"\" seq=7"},
    {REQUEST_EDIT, "'seq':7,'content':'b','replyTo':3", "- text=\"b\" seq=7"},
    {REQUEST_DM, "'to':'bob','content':'b'", "- text=\"b\" user=bob"},
    {REQUEST_DM, "'to':'bob','content':'b','replyTo':3,'files':['x']",
     "- text=\"b\" replyTo=3 user=bob"},
    {REQUEST_CONVERSATIONS, "'user':'bob'", "- no args"},
    {REQUEST_BLOCK, "'user':'bob','reason':'x'", "- user=bob"},
    {REQUEST_UNBLOCK, "'user':'id:bob'", "- user=id:bob"},
    {REQUEST_BLOCKS, "'user':7", "- no args"},
    {REQUEST_REACT, "'room':'a','seq':7,'emoji':'\u2764\uFE0F'", "a seq=7 emoji=\u2764\uFE0F"},
    {REQUEST_REACT, "'seq':7,'emoji':'+1','remove':true", "- seq=7 emoji=+1 remove=1"},
    {REQUEST_REACT, "'seq':7,'emoji':'" CODE "','remove':false", "- seq=7 emoji=" CODE},
    {REQUEST_HISTORY, "'room':'a'", "a"},
    {REQUEST_HISTORY, "'limit':300,'before':1", "- limit=300 before=1"},
    {REQUEST_HISTORY, "'after':0,'limit':1", "- limit=1 after=0"},
    {REQUEST_HISTORY, "'around':9007199254740991", "- around=9007199254740991"},
    {REQUEST_SEARCH, "'query':'brown \\'fox'", "- text=brown \"fox"},
    {REQUEST_SEARCH, "'room':'a','query':'x','limit':100,'before':7", "a text=x limit=100"},
    {REQUEST_MENTIONS, "'id':'1'", "-"},
    {REQUEST_MENTIONS, "'cursor':'1.2.3','limit':100,'before':7", "- limit=100"},
    {REQUEST_MARK, "'seq':9007199254740991", "- seq=9007199254740991"},
    {REQUEST_MARK, "'room':'a','seq':1,'limit':0", "a seq=1"},
    {REQUEST_DELETE, "'seq':1", "- seq=1"},
    {REQUEST_DELETE, "'room':'a','seq':9007199254740991,'reason':'rude'",
     "a reason=rude seq=9007199254740991"},
    {REQUEST_DELETE, "'seq':1e3", "- seq=1000"},
    {REQUEST_MEMBERS, "'room':'a','limit':'x'", "a no args"},
    {REQUEST_ROOMS, "'query':'q'", "- text=q no args"},
    {REQUEST_CREATE, "'room':'a'", "a"},
    {REQUEST_CREATE,
     "'room':'a','title':'Le caf\u00e9','topic':'','visibility':'private','maxUsers':0,"
     "'slowMode':0,'password':''",
     "a title=Le caf\u00e9 topic= visibility=private maxUsers=0 slowMode=0 password="},
    {REQUEST_CREATE,
     "'room':'a','title':'" S128 "','topic':'" S512 "','visibility':'restricted',"
     "'maxUsers':1000000,'slowMode':86400,'password':'" S128 "'",
     "a title=" S128 " topic=" S512 " visibility=restricted maxUsers=1000000 slowMode=86400 "
     "password=" S128},
    {REQUEST_UPDATE, "'room':'a','visibility':'public'", "a visibility=public"},
    {REQUEST_UPDATE, "'room':'a','title':''", "a title="},
    {REQUEST_UPDATE, "'room':'a','password':'',  'user':1", "a password="},
    {REQUEST_UPDATE, "'room':'a','slowMode':10.0", "a slowMode=10"},
    {REQUEST_UPDATE, "'room':'a','hidesPast':false", "a hidesPast=0"},
    {REQUEST_CREATE, "'room':'a','hidesPast':true", "a hidesPast=1"},
    {REQUEST_SETTINGS, "'room':'a'", "a no args"},
    {REQUEST_SETTINGS, "'room':''", "- no args"},
    {REQUEST_DESTROY, "'room':'a'", "a"},
    {REQUEST_DESTROY, "'room':'a','reason':''", "a"},
    {REQUEST_DESTROY, "'room':'a','reason':'moved:\\n\\tsee b'", "a reason=moved:\n\tsee b"},
    {REQUEST_INVITE, "'room':'a'", "a"},
    {REQUEST_INVITE, "'room':'a','user':''", "a"},
    {REQUEST_INVITE, "'room':'a','user':'bob'", "a user=bob"},
    {REQUEST_ADD, "'room':'a','user':'" S64 "'", "a user=" S64},
    {REQUEST_REMOVE, "'room':'a','user':'Bob the builder'", "a user=Bob the builder"},
    {REQUEST_KICK, "'room':'a','user':'bob','seconds':'x'", "a user=bob"},
    {REQUEST_KICK, "'room':'a','user':'bob','reason':'spam'", "a user=bob reason=spam"},
    {REQUEST_BAN, "'user':'bob'", "- user=bob"},
    {REQUEST_BAN, "'room':'a','user':'bob','reason':'spam','seconds':315360000,'address':true",
     "a user=bob reason=spam seconds=315360000 address=1"},
    {REQUEST_BAN, "'user':'bob','seconds':1,'address':false", "- user=bob seconds=1"},
    {REQUEST_UNBAN, "'user':'bob','reason':'sorry'", "- user=bob reason=sorry"},
    {REQUEST_MUTE, "'room':'a','user':'bob','seconds':60", "a user=bob seconds=60"},
    {REQUEST_UNMUTE, "'room':'a','user':'bob'", "a user=bob"},
    {REQUEST_ROLE, "'room':'a','user':'bob','role':'moderator'", "a user=bob role=moderator"},
    {REQUEST_ROLE, "'room':'a','user':'bob','role':'owner'", "a user=bob role=owner"},
    {REQUEST_ROLE, "'room':'a','user':'bob','role':'admin'", "a user=bob role=admin"},
    {REQUEST_ROLE, "'room':'a','user':'bob','role':'member'", "a user=bob role=member"},
    {REQUEST_LEDGER, "'room':'a'", "a"},
    {REQUEST_LEDGER, "'limit':200,'before':9", "- entry=9 limit=200"},
    {REQUEST_LEDGER, "'limit':1", "- limit=1"},
    {REQUEST_UNDO, "'room':'a','entry':3,'before':8", "a entry=3"},
    {REQUEST_UNDO, "'entry':3", "- entry=3"},
    {REQUEST_WHY, "'room':'a'", "a"},
    {REQUEST_WHY, "'id':'1'", "-"},
    {REQUEST_NOTICE, "'content':'a \\'b\\''", "- text=\"a \\\"b\\\"\""},
    {REQUEST_NOTICE, "'content':'x','room':'a'", "a text=\"x\""},
    {REQUEST_AUTH, "'token':'a.b.c'", "- token=a.b.c"},
    {REQUEST_PING, "'token':1", "- no args"},
};

static void taken(void **state)
{
    (void)state;
    bool seen[REQUEST_COUNT] = {false};
    struct buf json = BUF_INIT, got = BUF_INIT;

    for (size_t i = 0; i < sizeof(TAKEN) / sizeof(TAKEN[0]); i++) {
        struct request r;
        struct request_error e;
        buf_clear(&json);
        buf_printf(&json, "{'type':'%s',%s}", WIRE[TAKEN[i].type], TAKEN[i].fields);
        if (decode(json.data, &r, &e) != 0)
            fail_msg("%s: %s", json.data, e.detail ? e.detail : problem_code(e.problem));
        assert_int_equal(r.type, TAKEN[i].type);
        describe(&got, &r);
        assert_string_equal(got.data, TAKEN[i].want);
        request_fini(&r);
        assert_null(r.args);
        seen[TAKEN[i].type] = true;
    }
    for (int type = 0; type < REQUEST_COUNT; type++)
        assert_true(seen[type]);
    buf_fini(&json);
    buf_fini(&got);
}

/* A text of \u00e9 is measured in bytes; the longest token; the longest reason. */
static void long_texts(void **state)
{
    (void)state;
    enum { TOKEN = 8192 };
    struct request r;
    struct request_error e;

    for (int extra = 0; extra < 2; extra++) {
        struct buf b = BUF_INIT;
        buf_add_str(&b, "{'type':'auth','token':'");
        for (int i = 0; i < TOKEN + extra; i++)
            buf_add_char(&b, 'x');
        buf_add_str(&b, "'}");
        assert_int_equal(decode(b.data, &r, &e), extra ? ERR_INVALID : 0);
        if (extra) {
            assert_string_equal(e.detail, "token is a string of at most 8192 bytes");
        } else {
            assert_int_equal(strlen(r.args->token), TOKEN);
            request_fini(&r);
        }

        buf_clear(&b);
        buf_add_str(&b, "{'type':'destroy','room':'a','reason':'");
        for (int i = 0; i < REASON_MAX / 2 + extra; i++)
            buf_add_str(&b, "\u00e9");
        buf_add_str(&b, "'}");
        assert_int_equal(decode(b.data, &r, &e), extra ? ERR_INVALID : 0);
        if (extra) {
            assert_string_equal(e.detail, "reason is a text of at most 500 bytes");
        } else {
            assert_int_equal(strlen(r.args->reason), REASON_MAX);
            request_fini(&r);
        }
        buf_fini(&b);
    }
}

/* ---- what is refused ------------------------------------------------------------------------ */

#define USER "user is a userId or a user name, 1 to 64 bytes"
#define REASON "reason is a text of at most 500 bytes"
#define SECONDS "seconds is a whole number from 1 to 315360000"
#define SEQ "seq is the number of a message"
#define ENTRY "entry is the number of an entry of the ledger"
#define BEFORE "before is the number of an entry of the ledger"
#define LIMIT "limit is a whole number from 1 to 200"
#define PAGE_LIMIT "limit is a whole number from 1 to 300"
#define ONE_PLACE "history takes one of before, after and around"
#define TOGETHER "since and epoch go together"
#define SINCE "since is the number of a message, or 0"
#define EPOCH "epoch is the one of an earlier reply"
#define LATEST "history is a whole number from 0 to 300"
#define EMOJI "emoji is 1 to 32 bytes of visible text without white space"
#define REPLY_TO "replyTo must be the number of a message"
#define ROLE "role is owner, admin, moderator or member"
#define INVITE "invite is 1 to 32 characters of 0-9, A-Z, a-z, _ and -"
#define PASSWORD "password is a string of at most 128 bytes"
#define TITLE "title is one line of at most 128 bytes"
#define TOPIC "topic is one line of at most 512 bytes"
#define VISIBILITY "visibility is public, restricted or private"
#define MAX_USERS "maxUsers is a whole number from 0 to 1000000"
#define HIDES_PAST "hidesPast must be true or false"
#define SLOW_MODE "slowMode is a whole number from 0 to 86400"
#define TOKEN "token is a string of at most 8192 bytes"

static const struct {
    enum request_type type;
    const char *fields, *detail;
} REFUSED[] = {
    {REQUEST_ADD, "'user':7", USER},
    {REQUEST_ADD, "'user':' bob'", USER},
    {REQUEST_ADD, "'user':'" S64 "+'", USER},
    {REQUEST_ADD, "'user':'b\\u0007b'", USER},
    {REQUEST_ADD, "'user':['bob']", USER},
    {REQUEST_INVITE, "'user':null", USER},
    {REQUEST_KICK, "'user':''", "user is missing"},

    {REQUEST_KICK, "'user':'bob','reason':7", REASON},
    {REQUEST_KICK, "'user':'bob','reason':'a\\u0001'", REASON},
    {REQUEST_KICK, "'user':'bob','reason':'a\\r\\n'", REASON},
    {REQUEST_KICK, "'user':'bob','reason':'a\\u007f'", REASON},
    {REQUEST_KICK, "'user':'bob','reason':'a\\u0085'", REASON},
    {REQUEST_KICK, "'user':'bob','reason':'a\\u2028'", REASON},
    {REQUEST_DESTROY, "'reason':'" S512 "'", REASON},

    {REQUEST_BAN, "'user':'bob','seconds':0", SECONDS},
    {REQUEST_BAN, "'user':'bob','seconds':-1", SECONDS},
    {REQUEST_BAN, "'user':'bob','seconds':1.5", SECONDS},
    {REQUEST_BAN, "'user':'bob','seconds':315360001", SECONDS},
    {REQUEST_BAN, "'user':'bob','seconds':1e300", SECONDS},
    {REQUEST_BAN, "'user':'bob','seconds':1e999", SECONDS},
    {REQUEST_BAN, "'user':'bob','seconds':'60'", SECONDS},
    {REQUEST_MUTE, "'user':'bob','seconds':null", SECONDS},
    {REQUEST_BAN, "'user':'bob','address':1", "address must be true or false"},

    {REQUEST_ROLE, "'user':'bob'", "role is missing"},
    {REQUEST_ROLE, "'user':'bob','role':''", "role is missing"},
    {REQUEST_ROLE, "'user':'bob','role':1", ROLE},
    {REQUEST_ROLE, "'user':'bob','role':'king'", ROLE},
    {REQUEST_ROLE, "'user':'bob','role':'operator'", ROLE},
    {REQUEST_ROLE, "'user':'bob','role':'Owner'", ROLE},
    {REQUEST_ROLE, "'user':'bob','role':'guest'", ROLE "; the request remove takes it away"},

    {REQUEST_DELETE, "'id':'1'", "seq is missing"},
    {REQUEST_DELETE, "'seq':0", SEQ},
    {REQUEST_DELETE, "'seq':'1'", SEQ},
    {REQUEST_DELETE, "'seq':9007199254740992", SEQ},
    {REQUEST_UNDO, "'id':'1'", "entry is missing"},
    {REQUEST_UNDO, "'entry':0.5", ENTRY},
    {REQUEST_LEDGER, "'before':0", BEFORE},
    {REQUEST_LEDGER, "'limit':0", LIMIT},
    {REQUEST_LEDGER, "'limit':201", LIMIT},
    {REQUEST_LEDGER, "'limit':true", LIMIT},

    {REQUEST_MESSAGE, "'content':'hi','replyTo':0", REPLY_TO},
    {REQUEST_MESSAGE, "'content':'hi','replyTo':-1", REPLY_TO},
    {REQUEST_MESSAGE, "'content':'hi','replyTo':1.5", REPLY_TO},
    {REQUEST_MESSAGE, "'content':'hi','replyTo':'1'", REPLY_TO},
    {REQUEST_MESSAGE, "'content':'hi','replyTo':null", REPLY_TO},
    {REQUEST_MESSAGE, "'content':'hi','replyTo':9007199254740992", REPLY_TO},
    {REQUEST_LEAVE, "'replyTo':{}", REPLY_TO},
    {REQUEST_EDIT, "'seq':1,'content':''", "content is empty"},
    {REQUEST_DM, "'to':'bob','content':''", "content is empty"},
    {REQUEST_DM, "'content':'b'", "to is missing"},
    {REQUEST_BLOCK, "'user':''", "user is missing"},
    {REQUEST_UNBLOCK, "'user':7", "user is a userId or a user name, 1 to 64 bytes"},
    {REQUEST_EDIT, "'seq':0,'content':'a'", SEQ},
    {REQUEST_REACT, "'seq':1,'emoji':''", "emoji is missing"},
    {REQUEST_REACT, "'seq':1,'emoji':7", EMOJI},
    {REQUEST_REACT, "'seq':1,'emoji':'" CODE "+'", EMOJI},
    {REQUEST_REACT, "'seq':1,'emoji':'a b'", EMOJI},
    {REQUEST_REACT, "'seq':1,'emoji':'a\u3000b'", EMOJI},
    {REQUEST_REACT, "'seq':1,'emoji':' a'", EMOJI},
    {REQUEST_REACT, "'seq':1,'emoji':'a\\u0007b'", EMOJI},
    {REQUEST_REACT, "'seq':1,'emoji':'a\\u2028b'", EMOJI},
    {REQUEST_REACT, "'seq':1,'emoji':'\\u200b'", EMOJI},
    {REQUEST_REACT, "'seq':'1','emoji':'a'", SEQ},
    {REQUEST_REACT, "'seq':1,'emoji':'a','remove':1", "remove must be true or false"},
    {REQUEST_SEARCH, "'query':''", "query is 1 to 200 bytes"},
    {REQUEST_SEARCH, "'query':['x']", "query must be a string"},
    {REQUEST_SEARCH, "'query':'x','limit':0", "limit is a whole number from 1 to 100"},
    {REQUEST_SEARCH, "'query':'x','limit':101", "limit is a whole number from 1 to 100"},
    {REQUEST_MENTIONS, "'limit':0", "limit is a whole number from 1 to 100"},
    {REQUEST_MENTIONS, "'limit':101", "limit is a whole number from 1 to 100"},
    {REQUEST_MENTIONS, "'cursor':7", "cursor must be a string"},
    {REQUEST_MENTIONS, "'cursor':'a\\nb'", "cursor is the one of an earlier reply"},
    {REQUEST_MARK, "'id':'1'", "seq is missing"},
    {REQUEST_MARK, "'seq':0", SEQ},
    {REQUEST_MARK, "'seq':'1'", SEQ},
    {REQUEST_HISTORY, "'before':0", "before is the number of a message"},
    {REQUEST_HISTORY, "'after':-1", "after is the number of a message"},
    {REQUEST_HISTORY, "'around':0", "around is the number of a message"},
    {REQUEST_HISTORY, "'around':'9'", "around is the number of a message"},
    {REQUEST_HISTORY, "'limit':0", PAGE_LIMIT},
    {REQUEST_HISTORY, "'limit':301", PAGE_LIMIT},
    {REQUEST_HISTORY, "'before':1,'after':1", ONE_PLACE},
    {REQUEST_HISTORY, "'after':1,'around':1", ONE_PLACE},
    {REQUEST_HISTORY, "'around':1,'before':1", ONE_PLACE},

    {REQUEST_JOIN, "'since':1", TOGETHER},
    {REQUEST_JOIN, "'since':0,'epoch':''", TOGETHER},
    {REQUEST_JOIN, "'epoch':'e1'", TOGETHER},
    {REQUEST_JOIN, "'since':-1,'epoch':'e1'", SINCE},
    {REQUEST_JOIN, "'since':9007199254740992,'epoch':'e1'", SINCE},
    {REQUEST_JOIN, "'since':null,'epoch':'e1'", SINCE},
    {REQUEST_JOIN, "'since':1,'epoch':1", EPOCH},
    {REQUEST_JOIN, "'since':1,'epoch':'" S16 "+'", EPOCH},
    {REQUEST_JOIN, "'since':1,'epoch':'e 1'", EPOCH},
    {REQUEST_JOIN, "'history':-1", LATEST},
    {REQUEST_JOIN, "'history':301", LATEST},
    {REQUEST_JOIN, "'history':true", LATEST},
    {REQUEST_JOIN, "'password':7", PASSWORD},
    {REQUEST_JOIN, "'password':'" S128 "+'", PASSWORD},
    {REQUEST_JOIN, "'invite':7", INVITE},
    {REQUEST_JOIN, "'invite':'a b'", INVITE},
    {REQUEST_JOIN, "'invite':'" CODE "+'", INVITE},
    {REQUEST_JOIN, "'invite':'a\u00e9'", INVITE},

    {REQUEST_CREATE, "'title':7", TITLE},
    {REQUEST_CREATE, "'title':'" S128 "+'", TITLE},
    {REQUEST_CREATE, "'title':'a\\nb'", TITLE},
    {REQUEST_CREATE, "'topic':'a\\nb'", TOPIC},
    {REQUEST_CREATE, "'topic':'" S512 "+'", TOPIC},
    {REQUEST_CREATE, "'topic':'a\\u2029b'", TOPIC},
    {REQUEST_CREATE, "'visibility':'secret'", VISIBILITY},
    {REQUEST_CREATE, "'visibility':''", VISIBILITY},
    {REQUEST_CREATE, "'visibility':1", VISIBILITY},
    {REQUEST_CREATE, "'maxUsers':-1", MAX_USERS},
    {REQUEST_CREATE, "'maxUsers':1000001", MAX_USERS},
    {REQUEST_CREATE, "'maxUsers':0.5", MAX_USERS},
    {REQUEST_CREATE, "'slowMode':86401", SLOW_MODE},
    {REQUEST_CREATE, "'slowMode':false", SLOW_MODE},
    {REQUEST_CREATE, "'hidesPast':1", HIDES_PAST},
    {REQUEST_UPDATE, "'hidesPast':'true'", HIDES_PAST},
    {REQUEST_CREATE, "'password':true", PASSWORD},
    {REQUEST_CREATE, "'title':'good','password':'good','topic':[]", TOPIC},
    {REQUEST_UPDATE, "'password':'" S128 "+'", PASSWORD},
    {REQUEST_UPDATE, "'id':'1'", "there is nothing to change"},
    {REQUEST_UPDATE, "'name':'b'", "there is nothing to change"},

    {REQUEST_NOTICE, "'id':'1'", "content is missing"},
    {REQUEST_NOTICE, "'content':''", "content is empty"},
    {REQUEST_NOTICE, "'content':1", "content must be a string"},
    {REQUEST_AUTH, "'id':'1'", "token is missing"},
    {REQUEST_AUTH, "'token':''", "token is missing"},
    {REQUEST_AUTH, "'token':{}", TOKEN},
};

static void refused(void **state)
{
    (void)state;
    struct buf json = BUF_INIT;

    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
        struct request r;
        struct request_error e = {0};
        buf_clear(&json);
        buf_printf(&json, "{'type':'%s','room':'a',%s}", WIRE[REFUSED[i].type], REFUSED[i].fields);
        if (decode(json.data, &r, &e) == 0)
            fail_msg("%s was taken", json.data);
        assert_int_equal(e.problem, PROBLEM_BAD_REQUEST);
        if (strcmp(e.detail, REFUSED[i].detail) != 0)
            fail_msg("%s: %s", json.data, e.detail);
        assert_string_equal(e.room, "a");
    }
    buf_fini(&json);
}

/* ---- what must be there --------------------------------------------------------------------- */

/* With everything that any request needs, and then without one of it. */
static int decode_without(enum request_type type, const char *omitted, struct request_error *e)
{
    static const char *const fields[] = {"'room':'a'",    "'user':'bob'", "'role':'member'",
                                         "'seq':1",       "'entry':1",    "'token':'t'",
                                         "'content':'c'", "'title':'t'",  "'emoji':'e'",
                                         "'query':'q'",   "'to':'bob'"};
    struct buf b = BUF_INIT;
    struct request r;

    buf_printf(&b, "{'type':'%s'", WIRE[type]);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        size_t n = strlen(omitted);
        if (strncmp(fields[i] + 1, omitted, n) != 0 || fields[i][1 + n] != '\'')
            buf_printf(&b, ",%s", fields[i]);
    }
    buf_add_str(&b, "}");
    int rc = decode(b.data, &r, e);
    if (rc == 0)
        request_fini(&r);
    buf_fini(&b);
    return rc;
}

static void what_is_needed(void **state)
{
    (void)state;
    static const struct {
        const char *key, *detail;
        enum problem problem;
        const char *types; // those that need it
    } needed[] = {
        {"room", "room is missing", PROBLEM_INVALID_ROOM,
         " join create update destroy invite add remove kick mute unmute role "},
        {"user", "user is missing", PROBLEM_BAD_REQUEST,
         " add remove kick ban unban mute unmute role block unblock "},
        {"role", "role is missing", PROBLEM_BAD_REQUEST, " role "},
        {"seq", "seq is missing", PROBLEM_BAD_REQUEST, " edit delete react read "},
        {"emoji", "emoji is missing", PROBLEM_BAD_REQUEST, " react "},
        {"entry", "entry is missing", PROBLEM_BAD_REQUEST, " undo "},
        {"to", "to is missing", PROBLEM_BAD_REQUEST, " dm "},
        {"token", "token is missing", PROBLEM_BAD_REQUEST, " auth "},
        {"query", "query is missing", PROBLEM_BAD_REQUEST, " search "},
        {"content", "content is missing", PROBLEM_BAD_REQUEST, " message edit notice dm "},
        {"title", "there is nothing to change", PROBLEM_BAD_REQUEST, " update "},
    };
    for (int type = 0; type < REQUEST_COUNT; type++) {
        struct request_error e = {0};
        char word[32];
        snprintf(word, sizeof(word), " %s ", WIRE[type]);
        assert_int_equal(decode_without((enum request_type)type, "", &e), 0);
        for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
            bool must = strstr(needed[i].types, word);
            int rc = decode_without((enum request_type)type, needed[i].key, &e);
            if (rc != (must ? ERR_INVALID : 0))
                fail_msg("%s without %s: %d", WIRE[type], needed[i].key, rc);
            if (must) {
                assert_int_equal(e.problem, needed[i].problem);
                assert_string_equal(e.detail, needed[i].detail);
            }
        }
    }
}

/* The first thing that is wrong counts, and the reply still finds its request. */
static void errors_have_id_and_room(void **state)
{
    (void)state;
    struct request r;
    struct request_error e;

    assert_int_equal(decode("{'type':'kick','id':'k','room':'a','user':1,'reason':1}", &r, &e),
                     ERR_INVALID);
    assert_string_equal(e.detail, USER);
    assert_string_equal(e.id, "k");
    assert_string_equal(e.room, "a");
    assert_int_equal(decode("{'type':'kick','id':'k','room':' '}", &r, &e), ERR_INVALID);
    assert_int_equal(e.problem, PROBLEM_INVALID_ROOM);
    assert_int_equal(decode("{'type':'kick','user':'bob','user':'eve','room':'a'}", &r, &e),
                     ERR_INVALID);
    assert_string_equal(e.detail, "a key appears twice");
}

static void room_calls_take_password_and_invite(void **state)
{
    (void)state;
    static const char good[] = "{\"session\":\"s\",\"room\":\"a\",\"password\":\"p\",\"invite\":"
                               "\"i-1\"}",
                      bad[] = "{\"session\":\"s\",\"room\":\"a\",\"invite\":\"i 1\"}";
    char session[8] = "before";
    struct request r;
    struct request_error e;

    assert_int_equal(
        protocol_decode_room_call(good, sizeof(good) - 1, session, sizeof(session), &r, &e), 0);
    assert_string_equal(session, "s");
    assert_string_equal(r.args->password, "p");
    assert_string_equal(r.args->invite, "i-1");
    request_fini(&r);

    strcpy(session, "before");
    assert_int_equal(
        protocol_decode_room_call(bad, sizeof(bad) - 1, session, sizeof(session), &r, &e),
        ERR_INVALID);
    assert_string_equal(e.detail, INVITE);
    assert_string_equal(session, "before");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(refused),
        cmocka_unit_test(what_is_needed),
        cmocka_unit_test(errors_have_id_and_room),
        cmocka_unit_test(room_calls_take_password_and_invite),
    };
    return RUN_TESTS(argc, argv, "args", tests);
}
