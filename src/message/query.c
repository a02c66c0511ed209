/* See <hubbub/query.h>. Pure. */
#include <hubbub/query.h>

#include <string.h>

/* Less than that begins too many words. */
enum { OPEN_LEAST = 2 };

static const char SPACE[] = " \t\r\n\v\f", WORD_END[] = " \t\r\n\v\f\"";

size_t query_words(const char *query, struct query_word out[QUERY_WORDS])
{
    size_t n = 0;
    for (const char *at = query + strspn(query, SPACE); *at != '\0' && n < QUERY_WORDS;
         at += strspn(at, SPACE)) {
        bool quoted = *at == '"';
        at += quoted;
        size_t len = strcspn(at, quoted ? "\"" : WORD_END);
        if (len > 0)
            out[n++] = (struct query_word){at, len, at[len] == '\0' && len >= OPEN_LEAST};
        at += len;
        at += quoted && *at == '"';
    }
    return n;
}
