/* What the tests of histories share: words for joins that bring what was said, for pages, edits and reactions, and
 * how to wait for an answer that comes from the disk. */
#ifndef HUBBUB_HUB_PAST_H
#define HUBBUB_HUB_PAST_H

#include "helpers.h"

/* Passes over what comes before. */
static inline void await(struct probe *p, const char *pattern, const char *file, int line)
{
    const char *text;
    char seen[1024] = "";
    while ((text = probe_next(p, clock_now() + STAGE_PATIENCE)) != NULL) {
        if (text_matches(pattern, text))
            return;
        snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "\n  %.200s", text);
    }
    print_error("expected %s\namong %s\n", pattern, seen);
    _fail(file, line);
}
#define AWAIT(p, pattern) await(p, pattern, __FILE__, __LINE__)
#define AWAIT_OK(p) AWAIT(p, "{'type':'ok','id':'1',*}")
#define AWAIT_REFUSED(p, code) AWAIT(p, "{'type':'error','id':'1','code':'" code "','message':*}")

/* What was said before, and what will be, has another time. */
static inline void await_clock(void)
{
    int64_t now = clock_wall_ms();
    while (clock_wall_ms() <= now)
        continue;
}

/* ---- asking: all with the id "1" ------------------------------------------------------------------- */

static inline struct event *coming(struct probe *p, const char *room)
{
    struct event *e = about(p, REQUEST_JOIN, room, NULL);
    e->request.stay = true;
    return e;
}

static inline void come(struct probe *p, const char *room, uint32_t history)
{
    struct event *e = coming(p, room);
    e->request.args->history = history;
    ask(p, e);
}

static inline void come_back(struct probe *p, const char *room, uint64_t since, const char *epoch)
{
    struct event *e = coming(p, room);
    e->request.args->since_given = true;
    e->request.args->since = since;
    strcpy(e->request.args->epoch, epoch);
    ask(p, e);
}

/* Joins, and reads the reply, which no other request has: the name of the numbering. */
static inline const char *come_in(struct probe *p, const char *room)
{
    static char epoch[EPOCH_MAX + 1];
    const char *text;
    probe_skip(p);
    come(p, room, 0);
    do
        text = probe_next(p, clock_now() + STAGE_PATIENCE);
    while (text != NULL && !text_matches("{'type':'ok','id':'1',*'epoch':'*}", text));
    const char *at = text == NULL ? NULL : strstr(text, "\"epoch\":\"");
    if (at == NULL)
        fail_msg("not let in");
    snprintf(epoch, sizeof(epoch), "%s", at + 9);
    return epoch;
}

static inline void page(struct probe *p, const char *room, enum history_from from, uint64_t at,
                        uint32_t limit)
{
    struct event *e = about(p, REQUEST_HISTORY, room, NULL);
    e->request.args->from = from;
    e->request.args->at = at;
    e->request.args->limit = limit;
    ask(p, e);
}

static inline struct event *about_message(struct probe *p, enum request_type type, const char *room,
                                          uint64_t seq)
{
    struct event *e = about(p, type, room, NULL);
    e->request.args->seq = seq;
    return e;
}

static inline void edit(struct probe *p, const char *room, uint64_t seq, const char *content)
{
    struct event *e = about_message(p, REQUEST_EDIT, room, seq);
    struct buf text = BUF_INIT;
    buf_printf(&text, "\"%s\"", content);
    e->request.text = buf_take(&text, &e->request.text_len);
    ask(p, e);
}

static inline void react(struct probe *p, const char *room, uint64_t seq, const char *emoji,
                         bool on)
{
    struct event *e = about_message(p, REQUEST_REACT, room, seq);
    strcpy(e->request.args->emoji, emoji);
    e->request.args->remove = !on;
    ask(p, e);
}

/* ---- saying ---------------------------------------------------------------------------------------- */

/* n messages, the first of which is number `seq` and says so. */
static inline void chat(struct probe *p, const char *room, uint64_t seq, int n)
{
    for (int i = 0; i < n; i++) {
        char content[32];
        snprintf(content, sizeof(content), "m%llu", (unsigned long long)seq + (unsigned)i);
        say(p, room, content, NULL);
    }
}

/* The same, and all of it is on the disk. */
static inline void chat_kept(struct probe *p, const char *room, uint64_t seq, int n)
{
    char content[32], id[32];
    chat(p, room, seq, n - 1);
    seq += (unsigned)n - 1;
    snprintf(content, sizeof(content), "m%llu", (unsigned long long)seq);
    snprintf(id, sizeof(id), "said %llu", (unsigned long long)seq);
    say(p, room, content, id);
    char pattern[128];
    snprintf(pattern, sizeof(pattern), "{'type':'ok','id':'%s',*'seq':%llu,*'durable':true}", id,
             (unsigned long long)seq);
    AWAIT(p, pattern);
}

/* Messages as chat() said them, and nothing between. */
static inline void expect_chat(struct probe *p, uint64_t from, uint64_t to, const char *file,
                               int line)
{
    for (uint64_t seq = from; seq <= to; seq++) {
        char pattern[128];
        snprintf(pattern, sizeof(pattern), "{'type':'message',*'content':'m%llu','seq':%llu,*}",
                 (unsigned long long)seq, (unsigned long long)seq);
        probe_expect(p, pattern, DEADLINE_NOW, file, line);
    }
}
#define EXPECT_CHAT(p, from, to) expect_chat(p, from, to, __FILE__, __LINE__)

/* The next message of a type that isn't one of a coming or going. */
#define EXPECT_GAP(p, from, to, kept) \
    EXPECT(p, "{'type':'gap','room':'den','from':" #from ",'to':" #to ",'kept':" #kept "}")

/* ---- a stage --------------------------------------------------------------------------------------- */

/* With a store, and only so many messages in memory. */
static inline void stage_init_past(struct stage *s, uint32_t in_memory)
{
    struct settings settings = usual;
    settings.history_memory = in_memory;
    stage_init_kept(s, &settings, NULL);
}

static inline struct probe *person(struct stage *s, const char *name)
{
    char user_id[32];
    snprintf(user_id, sizeof(user_id), "u-%s", name);
    struct probe *p = stage_enter_as(s, DIALECT_FULL, user_id, name);
    probe_skip(p);
    return p;
}

#endif
