/* What the decoder takes, what it refuses and with which words. Every input is decoded from an
 * allocation of its exact size, so that ASan and valgrind see a byte too many. */
#include <support/test_main.h>

#include <hubbub/err.h>
#include <hubbub/protocol.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int decode_bytes(const char *bytes, size_t n, struct request *r, struct request_error *e)
{
    char *exact = malloc(n ? n : 1);
    memcpy(exact, bytes, n);
    memset(r, 0x55, sizeof(*r));
    memset(e, 0x55, sizeof(*e));
    int rc = protocol_decode(exact, n, r, e);
    free(exact);

    struct request untouched_request;
    struct request_error untouched_error;
    memset(&untouched_request, 0x55, sizeof(untouched_request));
    memset(&untouched_error, 0x55, sizeof(untouched_error));
    if (rc == 0)
        assert_memory_equal(e, &untouched_error, sizeof(*e));
    else
        assert_memory_equal(r, &untouched_request, sizeof(*r));
    return rc;
}

#define S16 "0123456789abcdef"
#define S64 S16 S16 S16 S16

/* ---- what is taken -----------------------------------------------------------------------------
 */

static const struct {
    const char *json;
    enum request_type type;
    const char *id, *room, *text, *cursor;
    bool stay, paused;
} TAKEN[] = {
    {"{\"type\":\"join\",\"room\":\"general\"}", REQUEST_JOIN, "", "general", NULL, "", 0, 0},
    {"{\"type\":\"join\",\"room\":\"a\",\"stay\":true,\"id\":\"1\"}", REQUEST_JOIN, "1", "a", NULL,
     "", 1, 0},
    {"{\"type\":\"join\",\"room\":\"a\",\"stay\":false}", REQUEST_JOIN, "", "a", NULL, "", 0, 0},
    {" \r\n\t{ \"type\" : \"join\" , \"room\" : \"a\" } \n", REQUEST_JOIN, "", "a", NULL, "", 0, 0},
    {"{\"type\":\"join\",\"room\":\"" S64 "\",\"id\":\"" S64 "\"}", REQUEST_JOIN, S64, S64, NULL,
     "", 0, 0},
    {"{\"type\":\"leave\"}", REQUEST_LEAVE, "", "", NULL, "", 0, 0},
    {"{\"type\":\"leave\",\"room\":\"a\"}", REQUEST_LEAVE, "", "a", NULL, "", 0, 0},
    {"{\"type\":\"leave\",\"room\":\"\",\"id\":\"\"}", REQUEST_LEAVE, "", "", NULL, "", 0, 0},

    {"{\"type\":\"message\",\"content\":\"hi\"}", REQUEST_MESSAGE, "", "", "\"hi\"", "", 0, 0},
    {"{\"type\":\"message\",\"content\":\"hi\",\"room\":\"a\",\"id\":\"x\"}", REQUEST_MESSAGE, "x",
     "a", "\"hi\"", "", 0, 0},
    {"{\"type\":\"chat\",\"text\":\"hi\",\"room\":\"a\"}", REQUEST_MESSAGE, "", "a", "\"hi\"", "",
     0, 0},
    {"{\"type\":\"chat\",\"text\":\"this\",\"content\":\"not this\"}", REQUEST_MESSAGE, "", "",
     "\"this\"", "", 0, 0},
    {"{\"type\":\"message\",\"content\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u007f\"}",
     REQUEST_MESSAGE, "", "", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\"", "", 0, 0},
    {"{\"type\":\"message\",\"content\":\"\\u00e9\\u20AC\\ud83d\\ude00\u00e9\u2028\"}",
     REQUEST_MESSAGE, "", "", "\"\u00e9\u20ac\U0001F600\u00e9\u2028\"", "", 0, 0},
    {"{\"type\":\"message\",\"content\":\"\\\\u0000\"}", REQUEST_MESSAGE, "", "", "\"\\\\u0000\"",
     "", 0, 0},
    {"{\"type\":\"message\",\"content\":\" \"}", REQUEST_MESSAGE, "", "", "\" \"", "", 0, 0},
    {"{\"\\u0074ype\":\"mess\\u0061ge\",\"content\":\"{[}]\\\"{\"}", REQUEST_MESSAGE, "", "",
     "\"{[}]\\\"{\"", "", 0, 0},

    {"{\"type\":\"typing\"}", REQUEST_TYPING, "", "", NULL, "", 0, 0},
    {"{\"type\":\"typing\",\"state\":\"active\",\"room\":\"a\"}", REQUEST_TYPING, "", "a", NULL, "",
     0, 0},
    {"{\"type\":\"typing\",\"state\":\"paused\"}", REQUEST_TYPING, "", "", NULL, "", 0, 1},
    {"{\"type\":\"members\",\"id\":\"m\"}", REQUEST_MEMBERS, "m", "", NULL, "", 0, 0},
    {"{\"type\":\"members\",\"room\":\"a\"}", REQUEST_MEMBERS, "", "a", NULL, "", 0, 0},
    {"{\"type\":\"rooms\"}", REQUEST_ROOMS, "", "", NULL, "", 0, 0},
    {"{\"type\":\"rooms\",\"query\":\"\",\"cursor\":\"\"}", REQUEST_ROOMS, "", "", "", "", 0, 0},
    {"{\"type\":\"rooms\",\"query\":\"ge\\\"n\",\"cursor\":\"" S64 "\"}", REQUEST_ROOMS, "", "",
     "ge\"n", S64, 0, 0},

    {"{\"type\":\"ping\"}", REQUEST_PING, "", "", NULL, "", 0, 0},
    {"{\"type\":\"ping\",\"t\":1700000000123}", REQUEST_PING, "", "", "1700000000123", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":-1.5}", REQUEST_PING, "", "", "-1.5", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":1.0000000000000002}", REQUEST_PING, "", "", "1.0000000000000002", "",
     0, 0},
    {"{\"type\":\"ping\",\"t\":0}", REQUEST_PING, "", "", "0", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":-0}", REQUEST_PING, "", "", "-0", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":0.0}", REQUEST_PING, "", "", "0", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":10}", REQUEST_PING, "", "", "10", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":-10.25}", REQUEST_PING, "", "", "-10.25", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":1E5}", REQUEST_PING, "", "", "100000", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":1e+05}", REQUEST_PING, "", "", "100000", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":2e-2}", REQUEST_PING, "", "", "0.02", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":0.1}", REQUEST_PING, "", "", "0.1", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":9007199254740993}", REQUEST_PING, "", "", "9007199254740992", "", 0,
     0},
    {"{\"type\":\"ping\",\"t\":1e300}", REQUEST_PING, "", "", "1e+300", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":-1.2345678901234568e-300}", REQUEST_PING, "", "",
     "-1.2345678901234568e-300", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":\"\"}", REQUEST_PING, "", "", "\"\"", "", 0, 0},
    {"{\"type\":\"ping\",\"t\":\"a\\nb\",\"id\":\"p\"}", REQUEST_PING, "p", "", "\"a\\nb\"", "", 0,
     0},

    // unknown fields, and what belongs to other requests, change nothing
    {"{\"type\":\"join\",\"room\":\"a\",\"Room\":5,\"x\":[null,true,{\"type\":1}],\"\":0,\"after\":"
     "\"s\"}",
     REQUEST_JOIN, "", "a", NULL, "", 0, 0},
    {"{\"type\":\"leave\",\"content\":\"\",\"stay\":true,\"state\":\"x\",\"t\":1,\"cursor\":\" \"}",
     REQUEST_LEAVE, "", "", NULL, "", 0, 0},
    {"{\"type\":\"leave\",\"a\":{\"twice\":1,\"twice\":2}}", REQUEST_LEAVE, "", "", NULL, "", 0, 0},
};

static void taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(TAKEN) / sizeof(TAKEN[0]); i++) {
        struct request r;
        struct request_error e;
        if (decode_bytes(TAKEN[i].json, strlen(TAKEN[i].json), &r, &e) != 0)
            fail_msg("%s: %s", TAKEN[i].json, e.detail ? e.detail : problem_code(e.problem));
        assert_int_equal(r.type, TAKEN[i].type);
        assert_string_equal(r.id, TAKEN[i].id);
        assert_string_equal(r.room, TAKEN[i].room);
        assert_string_equal(r.cursor, TAKEN[i].cursor);
        assert_int_equal(r.stay, TAKEN[i].stay);
        assert_int_equal(r.typing_paused, TAKEN[i].paused);
        if (TAKEN[i].text) {
            assert_non_null(r.text);
            assert_string_equal(r.text, TAKEN[i].text);
            assert_int_equal(r.text_len, strlen(TAKEN[i].text));
        } else {
            assert_null(r.text);
            assert_int_equal(r.text_len, 0);
        }
        request_fini(&r);
        assert_null(r.text);
        request_fini(&r); // again is harmless
    }
}

/* ---- what is refused ---------------------------------------------------------------------------
 */

#define MSG "\"type\":\"message\",\"content\":\"hi\""

static const struct {
    const char *json;
    enum problem problem;
    const char *detail, *id, *room;
} REFUSED[] = {
    // no JSON
    {"", PROBLEM_BAD_JSON, NULL, "", ""},
    {"   ", PROBLEM_BAD_JSON, NULL, "", ""},
    {"hello", PROBLEM_BAD_JSON, NULL, "", ""},
    {"[]", PROBLEM_BAD_JSON, NULL, "", ""},
    {"\"text\"", PROBLEM_BAD_JSON, NULL, "", ""},
    {"null", PROBLEM_BAD_JSON, NULL, "", ""},
    {"\xef\xbb\xbf{" MSG "}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"\f{" MSG "}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\v" MSG "}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{", PROBLEM_BAD_JSON, "the object does not end", "", ""},
    {"{" MSG, PROBLEM_BAD_JSON, "the object does not end", "", ""},
    {"{" MSG ",\"a\":[}", PROBLEM_BAD_JSON, "the object does not end", "", ""},
    {"{" MSG ",\"a\":[{]}}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{" MSG "]", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{" MSG "}}", PROBLEM_BAD_JSON, "there is something behind the object", "", ""},
    {"{" MSG "}{" MSG "}", PROBLEM_BAD_JSON, "there is something behind the object", "", ""},
    {"{" MSG "} x", PROBLEM_BAD_JSON, "there is something behind the object", "", ""},
    {"{" MSG ",}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{,}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\"}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\":}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{type:\"leave\"}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{'type':'leave'}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\":\"leave\" \"id\":\"1\"}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\":nul}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\":tru", PROBLEM_BAD_JSON, "the object does not end", "", ""},
    {"{\"t\":-}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":01}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":-01}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":00}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":1.}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":-.5}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":1.e5}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":1e}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":1e+}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":1E-}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":--1}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":0.}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":1.5e}", PROBLEM_BAD_JSON, "a number is malformed", "", ""},
    {"{\"t\":+1}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"t\":.5}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"t\":1-2}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"t\":1.2.3}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"t\":1e5e5}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"t\":0x10}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"t\":NaN}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"t\":Infinity}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"t\":1 2}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\":\"leave", PROBLEM_BAD_JSON, "a string does not end", "", ""},
    {"{\"type\":\"leave\\", PROBLEM_BAD_JSON, "a string does not end", "", ""},
    {"{\"type\":\"leave\\\"", PROBLEM_BAD_JSON, "a string does not end", "", ""},
    {"{\"type\":\"leave\\u00", PROBLEM_BAD_JSON, "\\u wants four hexadecimal digits", "", ""},
    {"{\"type\":\"\\x41\"}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\":\"\\u12g4\"}", PROBLEM_BAD_JSON, "\\u wants four hexadecimal digits", "", ""},
    {"{\"type\":\"\\u\"}", PROBLEM_BAD_JSON, "\\u wants four hexadecimal digits", "", ""},
    {"{\"type\":\"\\ud800\"}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\":\"\\udc00\"}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\":\"\\ud800\\u0041\"}", PROBLEM_BAD_JSON, NULL, "", ""},
    {"{\"type\":\"lea\nve\"}", PROBLEM_BAD_JSON,
     "a string holds a control character that is not escaped", "", ""},
    {"{\"type\":\"message\",\"content\":\"\xff\"}", PROBLEM_BAD_JSON, "this is not UTF-8", "", ""},
    {"{\"type\":\"message\",\"content\":\"\xc3\"}", PROBLEM_BAD_JSON, "this is not UTF-8", "", ""},
    {"{\"type\":\"message\",\"content\":\"\xed\xa0\x80\"}", PROBLEM_BAD_JSON, "this is not UTF-8",
     "", ""},

    // JSON, but not as we want it
    {"{\"type\":\"message\",\"id\":\"1\",\"content\":\"a\\u0000b\"}", PROBLEM_BAD_REQUEST,
     "a string may not hold NUL", "", ""},
    {"{" MSG ",\"\\u0000\":1}", PROBLEM_BAD_REQUEST, "a string may not hold NUL", "", ""},
    {"{" MSG ",\"x\":[\"\\\\\\u0000\"]}", PROBLEM_BAD_REQUEST, "a string may not hold NUL", "", ""},
    {"{" MSG ",\"id\":\"1\",\"type\":\"leave\"}", PROBLEM_BAD_REQUEST, "a key appears twice", "1",
     ""},
    {"{" MSG ",\"x\":1,\"room\":\"a\",\"x\":2}", PROBLEM_BAD_REQUEST, "a key appears twice", "",
     "a"},
    {"{" MSG ",\"t\\u0079pe\":\"leave\"}", PROBLEM_BAD_REQUEST, "a key appears twice", "", ""},
    {"{\"type\":1,\"id\":\"1\",\"room\":\"a\"}", PROBLEM_BAD_REQUEST, "type must be a string", "1",
     "a"},
    {"{\"type\":null}", PROBLEM_BAD_REQUEST, "type must be a string", "", ""},
    {"{" MSG ",\"id\":7}", PROBLEM_BAD_REQUEST, "id must be a string", "", ""},
    {"{" MSG ",\"id\":\"1\",\"room\":[]}", PROBLEM_BAD_REQUEST, "room must be a string", "1", ""},
    {"{\"type\":\"message\",\"content\":{},\"id\":\"1\",\"room\":\"a\"}", PROBLEM_BAD_REQUEST,
     "content must be a string", "1", "a"},
    {"{\"type\":\"chat\",\"text\":1}", PROBLEM_BAD_REQUEST, "text must be a string", "", ""},
    {"{\"type\":\"join\",\"room\":\"a\",\"stay\":1}", PROBLEM_BAD_REQUEST,
     "stay must be true or false", "", "a"},
    {"{\"type\":\"typing\",\"state\":true}", PROBLEM_BAD_REQUEST, "state must be a string", "", ""},
    {"{\"type\":\"ping\",\"t\":true}", PROBLEM_BAD_REQUEST, "t must be a number or a string", "",
     ""},
    {"{\"type\":\"ping\",\"t\":1e999}", PROBLEM_BAD_REQUEST, "t must be a number or a string", "",
     ""},
    {"{\"type\":\"ping\",\"t\":[]}", PROBLEM_BAD_REQUEST, "t must be a number or a string", "", ""},
    {"{\"type\":\"rooms\",\"query\":1}", PROBLEM_BAD_REQUEST, "query must be a string", "", ""},
    {"{\"type\":\"rooms\",\"cursor\":1}", PROBLEM_BAD_REQUEST, "cursor must be a string", "", ""},
    {"{\"type\":\"rooms\",\"cursor\":\"" S64 "+\",\"query\":\"q\"}", PROBLEM_BAD_REQUEST,
     "cursor is the one of an earlier reply", "", ""},
    {"{\"type\":\"leave\",\"stay\":\"yes\"}", PROBLEM_BAD_REQUEST, "stay must be true or false", "",
     ""},
    {"{" MSG ",\"id\":\"" S64 "+\",\"room\":\"a\"}", PROBLEM_BAD_REQUEST,
     "id is longer than 64 bytes", "", "a"},
    {"{}", PROBLEM_BAD_REQUEST, "type is missing", "", ""},
    {"{\"id\":\"1\",\"Type\":\"leave\"}", PROBLEM_BAD_REQUEST, "type is missing", "1", ""},
    {"{\"type\":\"message\",\"id\":\"1\",\"room\":\"a\"}", PROBLEM_BAD_REQUEST,
     "content is missing", "1", "a"},
    {"{\"type\":\"message\",\"text\":\"hi\"}", PROBLEM_BAD_REQUEST, "content is missing", "", ""},
    {"{\"type\":\"message\",\"content\":\"\"}", PROBLEM_BAD_REQUEST, "content is empty", "", ""},
    {"{\"type\":\"chat\",\"content\":\"hi\"}", PROBLEM_BAD_REQUEST, "text is missing", "", ""},
    {"{\"type\":\"chat\",\"text\":\"\"}", PROBLEM_BAD_REQUEST, "text is empty", "", ""},
    {"{\"type\":\"typing\",\"state\":\"gone\"}", PROBLEM_BAD_REQUEST, "state is active or paused",
     "", ""},

    {"{\"type\":\"\"}", PROBLEM_UNKNOWN_TYPE, NULL, "", ""},
    {"{\"type\":\"Join\",\"room\":\"a\",\"id\":\"1\"}", PROBLEM_UNKNOWN_TYPE, NULL, "1", "a"},
    {"{\"type\":\"welcome\"}", PROBLEM_UNKNOWN_TYPE, NULL, "", ""},
    {"{\"type\":\"joinx\"}", PROBLEM_UNKNOWN_TYPE, NULL, "", ""},

    {"{\"type\":\"join\",\"id\":\"1\"}", PROBLEM_INVALID_ROOM, "room is missing", "1", ""},
    {"{\"type\":\"join\",\"room\":\"\"}", PROBLEM_INVALID_ROOM, "room is missing", "", ""},
    {"{\"type\":\"join\",\"room\":\" a\"}", PROBLEM_INVALID_ROOM, NULL, "", ""},
    {"{\"type\":\"join\",\"room\":\"a\\nb\"}", PROBLEM_INVALID_ROOM, NULL, "", ""},
    {"{\"type\":\"join\",\"room\":\"" S64 "+\",\"id\":\"1\"}", PROBLEM_INVALID_ROOM, NULL, "1", ""},
    {"{" MSG ",\"room\":\"\\u200b\"}", PROBLEM_INVALID_ROOM, NULL, "", ""},
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
        struct request r;
        struct request_error e;
        if (decode_bytes(REFUSED[i].json, strlen(REFUSED[i].json), &r, &e) != ERR_INVALID)
            fail_msg("%s was taken", REFUSED[i].json);
        if (e.problem != REFUSED[i].problem)
            fail_msg("%s: %s", REFUSED[i].json, problem_code(e.problem));
        if (REFUSED[i].detail)
            assert_string_equal(e.detail, REFUSED[i].detail);
        else
            assert_null(e.detail);
        assert_string_equal(e.id, REFUSED[i].id);
        assert_string_equal(e.room, REFUSED[i].room);
    }
}

static void expect(const char *bytes, size_t n, int rc, enum problem problem)
{
    struct request r;
    struct request_error e;
    assert_int_equal(decode_bytes(bytes, n, &r, &e), rc);
    if (rc)
        assert_int_equal(e.problem, problem);
    else
        request_fini(&r);
}

/* A request cut anywhere, or with a control character put anywhere, is no JSON, whatever it was. */
static void every_prefix_and_every_raw_control_character(void **state)
{
    (void)state;
    const char whole[] = "{" MSG ",\"t\":-1.5e3,\"x\":[true,null,\"\\ud83d\\ude00\u20ac\"]}";
    char bent[sizeof(whole)];

    for (size_t n = 0; n < sizeof(whole) - 1; n++)
        expect(whole, n, ERR_INVALID, PROBLEM_BAD_JSON);
    expect(whole, sizeof(whole) - 1, 0, PROBLEM_NONE);

    for (size_t at = 0; at < sizeof(whole) - 1; at++) {
        memcpy(bent, whole, sizeof(whole));
        bent[at] = '\0';
        expect(bent, sizeof(whole) - 1, ERR_INVALID, PROBLEM_BAD_JSON);
        bent[at] = '\x1f';
        expect(bent, sizeof(whole) - 1, ERR_INVALID, PROBLEM_BAD_JSON);
    }
}

/* {"type":"leave","x":[[[…]]]}, or with objects, so that the innermost is `depth` deep. */
static size_t nest(char *to, unsigned depth, bool objects)
{
    char *p = to + sprintf(to, "{\"type\":\"leave\",\"x\":");
    for (unsigned i = 1; i < depth; i++)
        p += sprintf(p, objects ? "{\"x\":" : "[");
    *p++ = '1';
    for (unsigned i = 1; i < depth; i++)
        *p++ = objects ? '}' : ']';
    *p++ = '}';
    return (size_t)(p - to);
}

static void depth_is_limited(void **state)
{
    (void)state;
    static char text[1 << 20];
    for (int objects = 0; objects < 2; objects++) {
        expect(text, nest(text, PROTOCOL_MAX_DEPTH, objects), 0, PROBLEM_NONE);
        expect(text, nest(text, PROTOCOL_MAX_DEPTH + 1, objects), ERR_INVALID, PROBLEM_TOO_DEEP);
        expect(text, nest(text, 500, objects), ERR_INVALID, PROBLEM_TOO_DEEP);
        expect(text, nest(text, 100000, objects), ERR_INVALID, PROBLEM_TOO_DEEP);
    }
    memset(text, '[', sizeof(text));
    text[0] = '{';
    expect(text, sizeof(text), ERR_INVALID, PROBLEM_TOO_DEEP);
}

static void brackets_in_strings_are_not_depth(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_add_str(&b, "{\"type\":\"message\",\"content\":\"\\\"");
    for (int i = 0; i < 5000; i++)
        buf_add_str(&b, i % 2 ? "[{" : "\\\"");
    buf_add_str(&b, "\"}");
    expect(b.data, b.len, 0, PROBLEM_NONE);
    buf_fini(&b);
}

static void the_number_of_values_is_limited(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        struct buf b = BUF_INIT;
        buf_add_str(&b, "{\"type\":\"leave\""); // one for the object, one for each comma
        for (int i = 1; i < PROTOCOL_MAX_VALUES + extra; i++)
            buf_printf(&b, ",\"k%d\":%d", i, i);
        buf_add_str(&b, "}");
        expect(b.data, b.len, extra ? ERR_INVALID : 0, PROBLEM_BAD_REQUEST);
        buf_fini(&b);
    }
}

/* Two million bytes of one kind: no pass over the text may be quadratic, recursive or overflow. */
static void long_texts(void **state)
{
    (void)state;
    enum { LONG = 2000000 };
    static const char fillers[] = "x\\ ,{\"";
    char *text = malloc(LONG);
    for (const char *f = fillers; *f; f++) {
        memset(text, *f, LONG);
        text[0] = '{';
        expect(text, LONG, ERR_INVALID, *f == '{' ? PROBLEM_TOO_DEEP : PROBLEM_BAD_JSON);
    }
    size_t head = (size_t)sprintf(text, "{\"type\":\"message\",\"content\":\"");
    memset(text + head, 'x', LONG - head);
    memcpy(text + LONG - 2, "\"}", 2);
    expect(text, LONG, 0, PROBLEM_NONE);
    free(text);
}

/* The deepest that is taken, on a stack an eighth the size of a reader's. The thread only tallies.
 */
static void *decode_on_a_small_stack(void *arg)
{
    char text[1024];
    struct request r;
    struct request_error e;
    int *taken_count = arg;
    for (int objects = 0; objects < 2; objects++) {
        size_t n = nest(text, PROTOCOL_MAX_DEPTH, objects);
        if (protocol_decode(text, n, &r, &e) == 0) {
            request_fini(&r);
            ++*taken_count;
        }
    }
    return NULL;
}

static void a_small_stack_is_enough(void **state)
{
    (void)state;
    pthread_t thread;
    pthread_attr_t attr;
    int taken_count = 0;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    enum { STACK = 128 << 10 }; // sanitizers need a part of it
#else
    enum { STACK = 16 << 10 };
#endif
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, decode_on_a_small_stack, &taken_count), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(taken_count, 2);
    pthread_attr_destroy(&attr);
}

/* ---- the bodies of /join-room and /leave-room --------------------------------------------------
 */

static const struct {
    const char *json;
    enum problem problem;
    const char *detail, *room;
    bool stay;
} CALLS[] = {
    {"{\"session\":\"s123\",\"room\":\"a\"}", PROBLEM_NONE, NULL, "a", false},
    {"{\"session\":\"s123\",\"room\":\"a\",\"stay\":true,\"x\":1}", PROBLEM_NONE, NULL, "a", true},
    {"{\"session\":\"12345678\",\"room\":\"a\"}", PROBLEM_UNKNOWN_SESSION, NULL, "a", false},
    {"{\"room\":\"a\"}", PROBLEM_BAD_REQUEST, "session is missing", "a", false},
    {"{\"session\":1,\"room\":\"a\"}", PROBLEM_BAD_REQUEST, "session must be a string", "a", false},
    {"{\"session\":\"s\",\"session\":\"s\",\"room\":\"a\"}", PROBLEM_BAD_REQUEST,
     "a key appears twice", "a", false},
    {"{\"session\":\"s\"}", PROBLEM_INVALID_ROOM, "room is missing", "", false},
    {"{\"session\":\"s\",\"room\":\"\"}", PROBLEM_INVALID_ROOM, "room is missing", "", false},
    {"{\"session\":\"s\",\"room\":\"a \"}", PROBLEM_INVALID_ROOM, NULL, "", false},
    {"{\"session\":\"s\",\"room\":1}", PROBLEM_BAD_REQUEST, "room must be a string", "", false},
    {"session=s&room=a", PROBLEM_BAD_JSON, NULL, "", false},
    {"", PROBLEM_BAD_JSON, NULL, "", false},
};

static void room_calls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CALLS) / sizeof(CALLS[0]); i++) {
        char session[8] = "before";
        struct request r;
        struct request_error e;
        int rc = protocol_decode_room_call(CALLS[i].json, strlen(CALLS[i].json), session,
                                           sizeof(session), &r, &e);
        if (CALLS[i].problem == PROBLEM_NONE) {
            assert_int_equal(rc, 0);
            assert_string_equal(session, "s123");
            assert_int_equal(r.type, REQUEST_JOIN);
            assert_string_equal(r.room, CALLS[i].room);
            assert_int_equal(r.stay, CALLS[i].stay);
            request_fini(&r);
            continue;
        }
        assert_int_equal(rc, ERR_INVALID);
        assert_string_equal(problem_code(e.problem), problem_code(CALLS[i].problem));
        assert_string_equal(e.room, CALLS[i].room);
        assert_string_equal(session, "before");
        if (CALLS[i].detail)
            assert_string_equal(e.detail, CALLS[i].detail);
        else
            assert_null(e.detail);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken),
        cmocka_unit_test(refused),
        cmocka_unit_test(every_prefix_and_every_raw_control_character),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(brackets_in_strings_are_not_depth),
        cmocka_unit_test(the_number_of_values_is_limited),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(a_small_stack_is_enough),
        cmocka_unit_test(room_calls),
    };
    return RUN_TESTS(argc, argv, "decode", tests);
}
