/* Texts as JSON strings. Pure; any thread. */
#include "json.h"

#include <cjson/cJSON.h>
#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORST_ESCAPE = 6, // \u001f
    PRINT_SLACK = 8,  // quotes and a NUL, and what cJSON_PrintPreallocated() asks for besides
};

/* cJSON's printer, for what has to be escaped. */
static void quote_escaped(struct buf *to, const char *s, size_t n)
{
    size_t most = WORST_ESCAPE * n + PRINT_SLACK;
    char *copy = memcpy(xmalloc(n + 1), s, n);
    copy[n] = '\0';

    cJSON item = {.type = cJSON_String, .valuestring = copy};
    buf_reserve(to, most);
    INSIST(cJSON_PrintPreallocated(&item, to->data + to->len, (int)most, false));
    to->len += strlen(to->data + to->len);
    free(copy);
}

void protocol_quote(struct buf *to, const char *s, size_t n)
{
    REQUIRE(n < INT32_MAX / (2 * WORST_ESCAPE));
    if (json_plain_bytes(s, n) < n) {
        quote_escaped(to, s, n);
        return;
    }
    // the printer would do just this
    buf_reserve(to, n + 2);
    buf_add_char(to, '"');
    buf_add(to, s, n);
    buf_add_char(to, '"');
}
