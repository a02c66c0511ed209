/* Messages and what becomes of them, byte for byte, and as the parser reads them. */
#include <support/test_main.h>

#include "encoded.h"

#include <stdio.h>

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

#define TS "1700000000123"

static struct message *said(uint64_t seq, const char *username, const char *content_json)
{
    return message_new(&(struct message){.seq = seq,
                                         .ts = 1700000000123,
                                         .user_id = "u1",
                                         .username = username,
                                         .id = "",
                                         .content = content_json,
                                         .content_len = strlen(content_json)});
}

static void a_message_in_three_parts(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct request r;
    struct request_error e;
    static const char said_so[] = "{\"type\":\"message\",\"content\":\"say \\\"hi\\\"\\n\\u20ac\"}";

    for (uint64_t reply_to = 0; reply_to <= 7; reply_to += 7) {
        assert_int_equal(protocol_decode(said_so, sizeof(said_so) - 1, &r, &e), 0);
        encode_message_open(&b, "a", NASTY, "u1");
        buf_add(&b, r.text, r.text_len);
        encode_message_close(&b, 41, 1700000000123, reply_to);
        char want[300];
        snprintf(want, sizeof(want),
                 "{'type':'message','room':'a','username':'" NASTY_JSON "','userId':'u1',"
                 "'content':'say \\\"hi\\\"\\n\u20ac','seq':41,'ts':" TS "%s}",
                 reply_to ? ",'replyTo':7" : "");
        assert_says(&b, want);
        request_fini(&r);
    }
    buf_fini(&b);
}

static void acknowledged(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_ok_message(&b, "1", "a", 8, 1700000000123, false, false);
    assert_says(&b, "{'type':'ok','id':'1','room':'a','seq':8,'ts':" TS ",'durable':false}");
    encode_ok_message(&b, "1", "a", 8, 1700000000123, true, false);
    assert_says(&b, "{'type':'ok','id':'1','room':'a','seq':8,'ts':" TS ",'durable':true}");
    encode_ok_message(&b, "1", "a", 8, 1700000000123, true, true);
    assert_says(&b, "{'type':'ok','id':'1','room':'a','seq':8,'ts':" TS ",'durable':true,"
                    "'dup':true}");
    encode_ok_edit(&b, "1", "a", 8, 1700000000123);
    assert_says(&b, "{'type':'ok','id':'1','room':'a','seq':8,'editedTs':" TS "}");
    encode_ok_reaction(&b, "1", "a", 8, "\"\\", 0);
    assert_says(&b, "{'type':'ok','id':'1','room':'a','seq':8,'emoji':'\\\"\\\\','count':0}");
    buf_fini(&b);
}

/* What is said live and what is read back later differ in nothing but what has happened since. */
static void read_back_as_it_was_said(void **state)
{
    (void)state;
    struct buf live = BUF_INIT, later = BUF_INIT;
    struct message *m = said(41, NASTY, "\"tab\\t\u20ac\"");
    m->reply_to = 7;
    m->mentions = "\"mentionsRoom\":true";

    encode_message_open(&live, "r\"m", m->username, m->user_id);
    buf_add(&live, m->content, m->content_len);
    encode_message_mentions(&live, m->mentions);
    encode_message_close(&live, m->seq, m->ts, m->reply_to);
    encode_message(&later, "r\"m", m, NULL, 0);
    assert_string_equal(live.data, later.data);
    buf_clear(&later);
    encode_message(&later, "r\"m", m, &(struct reactions){0}, 5);
    assert_string_equal(live.data, later.data);

    message_unref(m);
    buf_fini(&live);
    buf_fini(&later);
}

static void mentions(void **state)
{
    (void)state;
    static const char *const ids[] = {"u1", "o\"n\\"};
    struct buf b = BUF_INIT;
    encode_mentions(&b, ids, 2, true);
    buf_add_char(&b, '\0');
    assert_string_equal(b.data, "\"mentions\":[\"u1\",\"o\\\"n\\\\\"],\"mentionsRoom\":true");
    buf_clear(&b);
    encode_mentions(&b, ids, 0, true);
    buf_add_char(&b, '\0');
    assert_string_equal(b.data, "\"mentionsRoom\":true");
    buf_clear(&b);

    struct message *m = said(3, "alice", "\"@bob\"");
    m->mentions = "\"mentions\":[\"u1\"]";
    encode_message(&b, "a", m, NULL, 0);
    assert_says(&b,
                "{'type':'message','room':'a','username':'alice','userId':'u1','content':'@bob',"
                "'mentions':['u1'],'seq':3,'ts':" TS "}");
    m->deleted = true;
    encode_message(&b, "a", m, NULL, 0);
    assert_null(strstr(b.data, "mentions"));
    message_unref(m);
    buf_clear(&b);

    encode_read(&b, "r\"m", 9007199254740991);
    assert_says(&b, "{'type':'read','room':'r\\\"m','seq':9007199254740991}");
    encode_block(&b, true, "u1", "a\"b");
    assert_says(&b, "{'type':'block','userId':'u1','username':'a\\\"b'}");
    encode_block(&b, false, "u1", "alice");
    assert_says(&b, "{'type':'unblock','userId':'u1','username':'alice'}");
    encode_search(&b, true, "1", NULL, NULL, 0, "1.2.3", false, 0);
    assert_says(&b, "{'type':'ok','id':'1','messages':[],'cursor':'1.2.3'}");
    encode_search(&b, true, "1", NULL, NULL, 0, "", false, 0);
    assert_says(&b, "{'type':'ok','id':'1','messages':[]}");
    buf_fini(&b);
}

static void edited_deleted_and_reacted_to(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct reactions none = {0}, some = {0};
    struct message *m = said(3, "alice", "\"new\"");
    uint64_t me = user_mark("u1"), you = user_mark("u2");

    m->edited_ts = 1700000000456;
    encode_message(&b, "a", m, &none, me);
    assert_says(&b, "{'type':'message','room':'a','username':'alice','userId':'u1','content':'new',"
                    "'seq':3,'ts':" TS ",'editedTs':1700000000456}");

    assert_int_equal(reactions_set(&some, "\u2764\uFE0F", you, true), REACTION_DONE);
    assert_int_equal(reactions_set(&some, "\u2764\uFE0F", me, true), REACTION_DONE);
    assert_int_equal(reactions_set(&some, "\"", you, true), REACTION_DONE);
    m->edited_ts = 0;
    encode_message(&b, "a", m, &some, me);
    assert_says(&b, "{'type':'message','room':'a','username':'alice','userId':'u1','content':'new',"
                    "'seq':3,'ts':" TS ",'reactions':[{'emoji':'\u2764\uFE0F','count':2,"
                    "'mine':true},{'emoji':'\\\"','count':1}]}");
    encode_message(&b, "a", m, &some, 0);
    assert_null(strstr(b.data, "mine"));
    buf_clear(&b);

    m->deleted = true;
    m->reply_to = 2;
    encode_message(&b, "a", m, &none, me);
    assert_says(&b, "{'type':'message','room':'a','username':'alice','userId':'u1','content':'',"
                    "'seq':3,'ts':" TS ",'replyTo':2,'deleted':true}");
    m->taken_back = true;
    encode_message(&b, "a", m, &none, 0);
    assert_non_null(strstr(b.data, ",\"deleted\":true,\"takenBack\":true}"));
    reactions_fini(&some);
    message_unref(m);
    buf_fini(&b);
}

static void events(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    encode_edit(&b, "a", 3, "u1", NASTY, "\"ne\\nw\"", 1700000000123);
    assert_says(&b, "{'type':'edit','room':'a','seq':3,'userId':'u1','username':'" NASTY_JSON "',"
                    "'content':'ne\\nw','editedTs':" TS "}");
    encode_delete(&b, "a", 41, "u1", NASTY, "");
    assert_says(&b,
                "{'type':'delete','room':'a','seq':41,'userId':'u1','username':'" NASTY_JSON "'}");
    encode_delete(&b, "a", 41, "u1", "alice", "rude");
    assert_says(&b, "{'type':'delete','room':'a','seq':41,'userId':'u1','username':'alice',"
                    "'reason':'rude'}");
    encode_reaction(&b, "a", 3, "u1", NASTY, "+1", true, 2);
    assert_says(&b, "{'type':'reaction','room':'a','seq':3,'emoji':'+1','count':2,'userId':'u1',"
                    "'username':'" NASTY_JSON "'}");
    encode_reaction(&b, "a", 3, "u1", "alice", "+1", false, 0);
    assert_says(&b, "{'type':'reaction','room':'a','seq':3,'emoji':'+1','count':0,'userId':'u1',"
                    "'username':'alice','removed':true}");
    encode_reaction(&b, "a", 3, NULL, NULL, "+1", true, 7);
    assert_says(&b, "{'type':'reaction','room':'a','seq':3,'emoji':'+1','count':7}");
    encode_gap(&b, "r\"m", 3, 9007199254740991, true, false);
    assert_says(&b, "{'type':'gap','room':'r\\\"m','from':3,'to':9007199254740991,'kept':true}");
    encode_gap(&b, "a", 1, 1, false, false);
    assert_says(&b, "{'type':'gap','room':'a','from':1,'to':1,'kept':false}");
    encode_gap(&b, "a", 2, 1, true, true);
    assert_says(&b, "{'type':'gap','room':'a','from':2,'to':1,'kept':true,'changed':true}");
    buf_fini(&b);
}

#define FIRST_ROW                                                                             \
    "{'type':'message','room':'r\\\"m','username':'alice','userId':'u1','content':'1','seq':" \
    "11,'ts':" TS ",'reactions':[{'emoji':'+1','count':1,'mine':true}]}"
#define SECOND_ROW                                                                          \
    "{'type':'message','room':'r\\\"m','username':'bob','userId':'u1','content':'2','seq':" \
    "12,'ts':" TS "}"

static void history(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct history_row rows[] = {{.message = said(11, "alice", "\"1\"")},
                                 {.message = said(12, "bob", "\"2\"")}};
    uint64_t me = user_mark("u1");
    assert_int_equal(reactions_set(&rows[0].reactions, "+1", me, true), REACTION_DONE);

    encode_history(&b, true, "7", "r\"m", "e1", rows, 2, true, false, me);
    assert_says(&b, "{'type':'ok','id':'7','room':'r\\\"m','epoch':'e1','messages':[" FIRST_ROW
                    "," SECOND_ROW "],'first':11,'last':12,'hasMoreBefore':true,"
                    "'hasMoreAfter':false}");
    encode_history(&b, true, "", "r\"m", "e1", rows + 1, 1, false, true, me);
    assert_says(&b, "{'type':'ok','room':'r\\\"m','epoch':'e1','messages':[" SECOND_ROW
                    "],'first':12,'last':12,'hasMoreBefore':false,'hasMoreAfter':true}");
    encode_history(&b, false, NULL, "a", "e1", rows, 0, false, false, 0);
    assert_says(&b, "{'room':'a','epoch':'e1','messages':[],'first':0,'last':0,"
                    "'hasMoreBefore':false,'hasMoreAfter':false}");
    buf_add_str(&b, "before ");
    encode_history(&b, false, NULL, "a", "e1", NULL, 0, true, true, 0);
    assert_memory_equal(b.data, "before {\"room\"", 14);

    for (size_t i = 0; i < 2; i++) {
        message_unref(rows[i].message);
        reactions_fini(&rows[i].reactions);
    }
    buf_fini(&b);
}

static void what_a_search_finds(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct message *tale = said(8, "alice", "\"a \\\"fox\\\"\"");
    struct found_row rows[2] = {{.room = "den", .row.message = tale},
                                {.room = "\"pub\\", .row.message = tale}};
    reactions_set(&rows[1].row.reactions, "+", user_mark("u2"), true);
    reactions_set(&rows[1].row.reactions, "-", user_mark("u3"), true);
#define TALE "'username':'alice','userId':'u1','content':'a \\\"fox\\\"','seq':8,'ts':" TS
    encode_search(&b, true, "1", NULL, rows, 2, NULL, false, user_mark("u2"));
    assert_says(&b, "{'type':'ok','id':'1','messages':[{'type':'message','room':'den'," TALE "},"
                    "{'type':'message','room':'\\\"pub\\\\'," TALE ",'reactions':["
                    "{'emoji':'+','count':1,'mine':true},{'emoji':'-','count':1}]}]}");
    encode_search(&b, true, "1", "\"den", rows, 1, NULL, false, 0);
    assert_says(&b, "{'type':'ok','id':'1','room':'\\\"den','messages':"
                    "[{'type':'message','room':'den'," TALE "}]}");
    encode_search(&b, true, "1", NULL, NULL, 0, NULL, false, 0);
    assert_says(&b, "{'type':'ok','id':'1','messages':[]}");
    encode_search(&b, true, "1", NULL, NULL, 0, NULL, true, 0);
    assert_says(&b, "{'type':'ok','id':'1','messages':[],'partial':true}");
    encode_search(&b, false, NULL, "den", NULL, 0, NULL, false, 0); /* the body of GET /search */
    assert_says(&b, "{'room':'den','messages':[]}");
    reactions_fini(&rows[1].row.reactions);
    message_unref(tale);
    buf_fini(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_in_three_parts),
        cmocka_unit_test(acknowledged),
        cmocka_unit_test(read_back_as_it_was_said),
        cmocka_unit_test(mentions),
        cmocka_unit_test(what_a_search_finds),
        cmocka_unit_test(edited_deleted_and_reacted_to),
        cmocka_unit_test(events),
        cmocka_unit_test(history),
    };
    return RUN_TESTS(argc, argv, "said", tests);
}
