/* What an encoder wrote: as bytes, and parsed again as one JSON object with no key twice. */
#ifndef TEST_ENCODED_H
#define TEST_ENCODED_H

#include <cjson/cJSON.h>
#include <hubbub/protocol.h>
#include <stdbool.h>
#include <string.h>

/* A name with all that must be escaped in names, as text and as JSON. */
#define NASTY "al\"i\\ce"
#define NASTY_JSON "al\\\"i\\\\ce"

static inline cJSON *parse_whole(const struct buf *b)
{
    const char *end;
    cJSON *json = cJSON_ParseWithLengthOpts(b->data, b->len, &end, false);
    assert_non_null(json);
    assert_ptr_equal(end, b->data + b->len);
    assert_true(cJSON_IsObject(json));

    const cJSON *v;
    cJSON_ArrayForEach(v, json)
    {
        for (const cJSON *w = v->next; w; w = w->next)
            assert_string_not_equal(v->string, w->string);
    }
    return json;
}

/* Encoders append: what is there stays, and nothing else comes behind the object. */
static inline void assert_encoded(struct buf *b, const char *want)
{
    assert_string_equal(b->data, want);
    assert_int_equal(b->len, strlen(want));
    cJSON_Delete(parse_whole(b));
    buf_clear(b);
}

#endif
