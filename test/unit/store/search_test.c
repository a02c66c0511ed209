/* Words: what is found, before and after it is in the index, and that the index has just what is there. */
#include "helpers.h"

#include "store/postgres_link.h"

#include <hubbub/query.h>
#include <sqlite3.h>

#define CHECK "INSERT INTO words (words, rank) VALUES ('integrity-check', 1)"
#define ALL_INDEXED(s) SHOP_UNTIL(behind(s) == 0)
/* Which messages have words, and that what they take is added up. */
#define PG_CHECK                                                                               \
    "SELECT (SELECT count(*) FROM messages m FULL JOIN words w USING (log, seq), words_mark k" \
    " WHERE m.seq IS NULL OR (w.seq IS NULL) <> (m.ts >= k.ts) OR w.ts <> m.ts"                \
    " OR NOT w.words @@ ('#' || log)::tsquery)"                                                \
    " + abs((SELECT bytes FROM words_mark) - (SELECT coalesce(sum(bytes), 0) FROM words))"

static int64_t behind(struct shop *s)
{
    return shop_count(s, s->url != NULL
                             ? "SELECT count(*) FROM messages m, words_mark w WHERE m.ts >= w.ts"
                             : "SELECT count(*) FROM messages m, words_mark w"
                               " WHERE (m.ts, m.id) > (w.ts, w.id)");
}

static int64_t indexed(struct shop *s)
{
    return shop_count(s, s->url != NULL ? "SELECT count(*) FROM words"
                                        : "SELECT count(*) FROM words_docsize");
}

static struct change *said(const char *room, uint64_t seq, int64_t ts, const char *content)
{
    struct change *c = change_new();
    add_epoch(c, room, "e", 0);
    add_said(c, room, a_message(seq, ts, "", content));
    return c;
}

/* Its terms are those of the messages up to the mark, no others. */
static void assert_sound(struct shop *s)
{
    sqlite3 *db;
    if (s->url != NULL) {
        assert_int_equal(shop_count(s, PG_CHECK), 0);
        return;
    }
    assert_int_equal(sqlite3_open(s->file, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, TEST_SECONDS * 1000);
    assert_int_equal(sqlite3_exec(db, CHECK, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void the_newest_come_first(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, said("den", 1, 10, "fox"), 0);
    shop_put(s, said("den", 2, 20, "a fox among very many other words of no weight"), 0);
    shop_put(s, said("pub", 1, 30, "fox"), 0);
    shop_found(s, NULL, "fox", "pub 1, den 2, den 1");
    ALL_INDEXED(s);
    shop_found(s, NULL, "fox", "pub 1, den 2, den 1");
    shop_found(s, "den", "fox", "den 2, den 1");
    shop_found(s, "nowhere", "fox", "");
    shop_put(s, said("den", 3, 40, "fox of late"), 0);
    shop_found(s, NULL, "fo", "den 3, pub 1, den 2, den 1");
    ALL_INDEXED(s);
    assert_sound(s);
    shop_free(s);
}

/* "den 3, pub 1", then what comes behind the last of them, and so on, which is all of it. */
static void found_in_pieces(struct shop *s, struct search *x, const char *expected)
{
    struct buf b = BUF_INIT;
    struct found_page page = {.more = true};
    x->after = (struct found_place){.ts = INT64_MAX};
    for (buf_add_str(&b, ""); page.more;) {
        assert_int_equal(store_search(s->store, x, &page), 0);
        assert_true(page.n <= x->limit);
        for (size_t i = 0; i < page.n; i++) {
            const struct found_row *f = &page.rows[i];
            buf_printf(&b, "%s%s %llu", b.len == 0 ? "" : ", ", f->room,
                       (unsigned long long)f->row.message->seq);
            x->after = (struct found_place){f->row.message->ts, f->log, f->row.message->seq};
        }
        bool more = page.more;
        found_page_fini(&page);
        page.more = more;
    }
    assert_string_equal(b.data == NULL ? "" : b.data, expected);
    buf_fini(&b);
}

static void it_goes_on_behind_what_was_found(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    for (int indexed = 0; indexed < 2; indexed++) {
        if (indexed) {
            ALL_INDEXED(s);
        } else {
            for (uint64_t n = 1; n <= 4; n++) {
                shop_put(s, said("den", n, (int64_t)(10 * n), "fox"), 0);
                shop_put(s, said("pub", n, (int64_t)(10 * n), "fox"), 0);
                shop_put(s, said("inn", n, 25, "fox"), 0);
            }
        }
        uint64_t den = (uint64_t)shop_count(s, "SELECT log FROM logs WHERE room = 'den'"),
                 inn = (uint64_t)shop_count(s, "SELECT log FROM logs WHERE room = 'inn'");
        for (unsigned limit = 1; limit < 6; limit++) {
            found_in_pieces(s, &(struct search){.room = "den", .query = "fox", .limit = limit},
                            "den 4, den 3, den 2, den 1");
            found_in_pieces(s, &(struct search){.query = "fox", .limit = limit},
                            "pub 4, den 4, pub 3, den 3, inn 4, inn 3, inn 2, inn 1, pub 2, den 2,"
                            " pub 1, den 1");
            found_in_pieces(s,
                            &(struct search){.query = "fox",
                                             .limit = limit,
                                             .without = (uint64_t[]){inn, den},
                                             .nwithout = 2},
                            "pub 4, pub 3, pub 2, pub 1");
        }
    }
    shop_free(s);
}

/* The messages are gone through, then. */
static void what_very_many_have_is_found(void **state)
{
    (void)state;
    enum { VERY_MANY = 20100 }; /* more than are sorted */
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    for (uint64_t seq = 1; seq <= VERY_MANY; seq++)
        add_said(c, "den", a_message(seq, (int64_t)seq + 100, "", "fox"));
    shop_put(s, c, 0);
    shop_put(s, said("pub", 1, 40000, "a fox"), 0);
    shop_put(s, said("pub", 2, 50, "fox, late"), 0);
    ALL_INDEXED(s);
    struct found_page page;
    uint64_t den = (uint64_t)shop_count(s, "SELECT log FROM logs WHERE room = 'den'");
    struct search x = {.query = "fox", .limit = 3, .after.ts = INT64_MAX};
    assert_int_equal(store_search(s->store, &x, &page), 0);
    assert_int_equal(page.n, 3);
    assert_string_equal(page.rows[0].room, "pub");
    for (uint64_t i = 1; i < 3; i++)
        assert_int_equal(page.rows[i].row.message->seq, VERY_MANY + 1 - i);
    found_page_fini(&page);
    x.room = "den";
    x.after = (struct found_place){100 + 500, den, 500};
    assert_int_equal(store_search(s->store, &x, &page), 0);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(page.rows[i].row.message->seq, 499 - i);
    found_page_fini(&page);
    found_in_pieces(s, &(struct search){.query = "fox", .limit = 1, .without = &den, .nwithout = 1},
                    "pub 1, pub 2");
    shop_free(s);
}

/* The mark cannot move on. */
static void stop_index(struct shop *s, bool stop)
{
    static const char *const sqlite[] = {"DROP TRIGGER stop",
                                         "CREATE TRIGGER stop BEFORE UPDATE ON words_mark"
                                         " BEGIN SELECT raise(ABORT, 'stopped'); END"};
    static const char *const postgres[] = {
        "DROP TRIGGER stop ON words_mark",
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'stopped'; END $$;"
        " CREATE TRIGGER stop BEFORE UPDATE ON words_mark EXECUTE FUNCTION stop()"};
    assert_int_equal(store_exec(s->store, s->url != NULL ? postgres[stop] : sqlite[stop]), 0);
}

/* How many, and was all looked at? */
static void finds(struct shop *s, const char *room, const char *query, size_t n, bool partial)
{
    struct found_page page;
    struct search x = {.room = room, .query = query, .limit = 3, .after.ts = INT64_MAX};
    assert_int_equal(store_search(s->store, &x, &page), 0);
    assert_int_equal(page.n, n);
    assert_int_equal(page.partial, partial);
    found_page_fini(&page);
}

static void what_is_not_looked_at_is_not_passed_over_in_silence(void **state)
{
    (void)state;
    enum { LATEST = 20000 };
    struct shop *s = shop_started();
    stop_index(s, true);
    shop_put(s, said("den", 1, 10, "fox"), 0);
    shop_put(s, said("pub", 1, 11, "cow"), 0);
    finds(s, NULL, "fox", 1, false);
    struct change *c = change_new();
    for (uint64_t seq = 2; seq <= LATEST; seq++)
        add_said(c, "den", a_message(seq, (int64_t)seq + 100, "", "hen"));
    shop_put(s, c, 0);
    finds(s, NULL, "fox", 0, true);
    finds(s, NULL, "hen", 3, true);
    finds(s, "den", "fox", 1,
          true); /* so many are looked at, and it cannot be known that this is all */
    finds(s, "pub", "cow", 1, false);
    shop_put(s, said("den", LATEST + 1, 40000, "hen"), 0);
    finds(s, "den", "fox", 0, true);
    stop_index(s, false);
    ALL_INDEXED(s);
    finds(s, NULL, "fox", 1, false);
    finds(s, "den", "fox", 1, false);
    shop_free(s);
}

static void changes_reach_the_index_at_once(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    shop_put(s, said("den", 1, 10, "fox"), 0);
    shop_put(s, said("den", 2, 20, "fox"), 0);
    ALL_INDEXED(s);
    struct message *m = a_message(1, 10, "", "hen");
    m->edited_ts = 30;
    struct change *c = change_new();
    add_said(c, "den", m);
    m = a_message(2, 20, "", "");
    m->deleted = true;
    add_said(c, "den", m);
    add_said(c, "den", a_message(3, 15, "", "late fox")); /* the clock went back */
    shop_put(s, c, 0);
    assert_int_equal(behind(s), 0);
    shop_found(s, NULL, "fox", "den 3");
    shop_found(s, NULL, "hen", "den 1");
    assert_sound(s);
    c = change_new();
    name(change_add(c, RECORD_LOG_GONE)->room, "den");
    shop_put(s, c, 0);
    shop_found(s, NULL, "hen", "");
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM messages") == 0);
    assert_int_equal(indexed(s), 0);
    assert_sound(s);
    shop_free(s);
}

static void what_is_not_kept_leaves_the_index(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    add_messages(c, "den", 1, 1000);
    shop_put(s, c, 0);
    ALL_INDEXED(s);
    assert_int_equal(indexed(s), 1000);
    store_set_retention(s->store, &(struct retention){.per_room = 10});
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM messages") == 10);
    assert_int_equal(indexed(s), 10);
    assert_sound(s);
    shop_free(s);
}

/* In whatever state: messages are written, and it is made anew. */
static void a_damaged_index_holds_up_nobody(void **state)
{
    (void)state;
    if (shop_postgres != NULL)
        skip(); /* it is the database that minds its pages there */
    struct shop *s = shop_started();
    shop_put(s, said("den", 1, 10, "fox"), 0);
    ALL_INDEXED(s);
    shop_close(s);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(s->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE words_data SET block = x'00'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    shop_open(s);
    shop_start(s);
    struct message *m = a_message(1, 10, "", "hen");
    m->edited_ts = 20;
    struct change *c = change_new();
    add_said(c, "den", m);
    shop_put(s, c, 0);
    ALL_INDEXED(s);
    shop_found(s, NULL, "hen", "den 1");
    assert_sound(s);
    shop_free(s);
}

/* ---- PostgreSQL ------------------------------------------------------------------------------------ */

/* What it has meanwhile is not the whole: edits may wait. */
static void while_the_database_is_away_nothing_is_found(void **state)
{
    (void)state;
    struct found_page page;
    if (shop_postgres == NULL)
        skip(); /* it is never away */
    struct shop *s = shop_started();
    shop_put(s, said("den", 1, 10, "fox"), 0);
    ALL_INDEXED(s);
    pg_stage_kill(shop_postgres);
    struct message *m = a_message(1, 10, "", "hen");
    m->edited_ts = 20;
    struct change *c = change_new();
    add_said(c, "den", m);
    shop_put(s, c, 0);
    shop_put(s, said("den", 2, 5, "late hen"), 0);
    assert_int_equal(shop_search(s, NULL, "fox", &page), ERR_SYSTEM);
    pg_stage_again(shop_postgres);
    SHOP_UNTIL(shop_is_well(s));
    shop_found(s, NULL, "fox", "");
    shop_found(s, NULL, "hen", "den 1, den 2");
    assert_sound(s);
    shop_free(s);
}

/* Here it is somebody's lock that it waits for. */
static void a_search_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    struct found_page page;
    struct link other = {0};
    if (shop_postgres == NULL)
        skip();
    struct shop *s = shop_started();
    shop_put(s, said("den", 1, 10, "fox"), 0);
    ALL_INDEXED(s);
    assert_int_equal(link_open(&other, s->url), 0);
    assert_int_equal(link_run(&other, "BEGIN; LOCK TABLE words"), 0);
    assert_int_equal(shop_search(s, NULL, "fox", &page), ERR_TIMEOUT);
    assert_int_equal(link_run(&other, "ROLLBACK"), 0);
    shop_found(s, NULL, "fox", "den 1");
    link_close(&other);
    shop_free(s);
}

/* As many words as there may be, of any length, and those that mean something to others. */
static void no_message_holds_up_the_index(void **state)
{
    (void)state;
    enum { LARGE = 1 << 20 };
    struct shop *s = shop_started();
    struct buf b = BUF_INIT;
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    for (uint64_t seq = 1; seq <= 6; seq++) {
        buf_clear(&b);
        buf_add_char(&b, '"');
        for (unsigned n = 0; b.len < LARGE; n++)
            switch (seq) {
            case 1: buf_printf(&b, "%u ", n); break; /* many that differ */
            case 2: buf_add_str(&b, "same "); break; /* one, often */
            case 3: buf_add_str(&b, "М"); break;     /* one, long */
            case 4: buf_printf(&b, "%0*u ", 1000 + (int)(n % 3000), n); break;
            case 5: buf_add_str(&b, "'\\\\:\\\"*&|!(){}, "); break;
            default: buf_add_str(&b, "no json \" here"); break;
            }
        buf_add_str(&b, "\"");
        add_said(c, "den",
                 message_new(&(struct message){.seq = seq,
                                               .ts = (int64_t)seq,
                                               .user_id = "u1",
                                               .username = "alice",
                                               .id = "",
                                               .content = b.data,
                                               .content_len = b.len}));
    }
    add_said(c, "den", a_message(7, 7, "", "fox"));
    shop_put(s, c, 0);
    ALL_INDEXED(s);
    shop_found(s, NULL, "fox", "den 7");
    shop_found(s, NULL, "17 18", "den 1");
    shop_found(s, NULL, "\"same same\"", "den 2");
    shop_found(s, NULL, "мм", "den 3");
    shop_found(s, NULL, "json", "");
    assert_sound(s);
    buf_fini(&b);
    shop_free(s);
}

/* ---- the same in both ------------------------------------------------------------------------------ */

enum { CORPUS = 600, QUERIES = 300 };

static uint64_t dice;

static unsigned roll(unsigned n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice >> 32) % n;
}

/* Of JSON text; what stands between words in the other. */
static const char *const WORDS[] = {
    "fox",    "Fox",        "foxes",   "f",           "hen",      "HEN",
    "den",    "caf\\u00e9", "cafe",    "Café",        "naïve",    "Größe",
    "x86_64", "3.14",       "-5",      "1e10",        "a@b.org",  "fox.org/?a=1",
    "<b>",    "&amp;",      "it's",    "\\\"hen\\\"", "\\u00e9t", "\\ud83d\\ude00",
    "Мир",    "東京",       "\\u0301", "été",         "AND",      "OR",
    "NOT",    "NEAR",       "the",     "a",           "aa",       "aaa",
    "ab",     "#1",         "1",       "fat-fox",     "fox_den",  "\\\\",
    "'",      "''",         ":*",      "&",           "|",        "!",
    "()",     "™",          "½",       "ﬁx"};
static const char *const GAPS[] = {" ", " ", " ",   " ",   " ",  ", ", ".",
                                   "-", "/", "\\n", "\\t", "  ", ": ", "—"};
static const char *const ASKED[] = {
    "fox",     "FOX",         "fo",      "f",    "hen",  "den", "cafe", "café", "naive",   "groß",
    "grosse",  "x86",         "86_64",   "3.14", "14",   "-5",  "5",    "1e10", "a@b.org", "b.org",
    "http",    "fox.org/den", "b",       "amp",  "it's", "its", "s",    "été",  "ete",     "ми",
    "東",      "and",         "or",      "near", "the",  "a",   "aa",   "ab",   "#1",      "1",
    "fat-fox", "fat",         "fox_den", "\\",   "'",    ":*",  "&",    "|",    "!",       "(",
    "tm",      "½",           "fix",     "fi",   "ﬁ"};

#define PICK(of) of[roll(sizeof(of) / sizeof(of)[0])]

/* One of many, of a moment that may be before that of the one before. */
static struct message *gossip(uint64_t seq)
{
    char text[250] = "";
    for (unsigned n = roll(9); n > 0 && strlen(text) < sizeof text - 64; n--)
        snprintf(text + strlen(text), 64, "%s%s", PICK(WORDS), PICK(GAPS));
    return a_message(seq, (int64_t)(seq / 3 + seq * 7 % 5), "", text);
}

static void put_gossip(struct shop *s, struct message *m)
{
    static const char *const rooms[] = {"den", "pub", "a room"};
    struct change *c = change_new();
    add_epoch(c, rooms[m->seq % 3], "e", 0);
    add_said(c, rooms[m->seq % 3], m);
    shop_put(s, c, 0);
}

static struct message *amended(uint64_t last)
{
    struct message *m = gossip(1 + roll((unsigned)last));
    m->edited_ts = 9999;
    if (roll(3) > 0)
        return m;
    struct message *gone = a_message(m->seq, m->ts, "", "");
    gone->deleted = true;
    message_unref(m);
    return gone;
}

/* The same in each life. */
static void put_corpus(struct shop *s, uint64_t seed, uint64_t from, uint64_t to)
{
    dice = (seed + from) * 2654435761 + 1;
    for (uint64_t seq = from; seq <= to; seq++) {
        put_gossip(s, gossip(seq));
        if (roll(8) == 0)
            put_gossip(s, amended(seq));
    }
}

static void ask_for(char query[QUERY_MAX + 1])
{
    query[0] = '\0';
    for (unsigned n = 1 + roll(4); n > 0 && strlen(query) < 100; n--) {
        bool quoted = roll(3) == 0;
        strcat(query, quoted ? "\"" : "");
        for (unsigned k = quoted ? 1 + roll(3) : 1; k > 0; k--) {
            strcat(query, PICK(ASKED));
            strcat(query, k > 1 ? " " : "");
        }
        strcat(query, quoted && roll(4) > 0 ? "\"" : "");
        strcat(query, n > 1 && roll(5) > 0 ? " " : "");
    }
}

static int by_place(const void *a, const void *b)
{
    const struct found_row *x = a, *y = b;
    int order = strcmp(x->room, y->room);
    return order != 0 ? order
                      : (x->row.message->seq > y->row.message->seq) -
                            (x->row.message->seq < y->row.message->seq);
}

static size_t assert_same(struct shop *one, struct shop *other, const char *room, const char *query)
{
    struct found_page a, b;
    assert_int_equal(shop_search(one, room, query, &a), 0);
    assert_int_equal(shop_search(other, room, query, &b), 0);
    if (room == NULL) { /* they have numbers of their own for rooms */
        qsort(a.rows, a.n, sizeof a.rows[0], by_place);
        qsort(b.rows, b.n, sizeof b.rows[0], by_place);
    }
    size_t n = a.n, same = 0;
    while (same < a.n && same < b.n && by_place(&a.rows[same], &b.rows[same]) == 0)
        same++;
    if (same < a.n || same < b.n)
        fail_msg(
            "'%s' in %s: %zu and %zu, first %s", query, room != NULL ? room : "all rooms", a.n, b.n,
            same < a.n ? a.rows[same].row.message->content : b.rows[same].row.message->content);
    found_page_fini(&a);
    found_page_fini(&b);
    return n;
}

static void both_databases_find_the_same(void **state)
{
    (void)state;
    struct pg_stage *stage = shop_postgres;
    if (stage == NULL)
        skip(); /* once is enough */
    const char *seed = getenv("HUBBUB_SEED");
    uint64_t begun = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)clock_wall_ms();
    print_message("HUBBUB_SEED=%llu\n", (unsigned long long)begun);
    struct shop *shops[2] = {shop_started()};
    shop_postgres = NULL;
    shops[1] = shop_started();
    shop_postgres = stage;
    size_t found = 0;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++) {
            put_corpus(shops[i], begun, 1 + (uint64_t)round * CORPUS / 2,
                       (uint64_t)(round + 1) * CORPUS / 2);
            if (round > 0)
                ALL_INDEXED(shops[i]);
        }
        for (int n = 0; n < QUERIES; n++) {
            char query[QUERY_MAX + 1];
            ask_for(query);
            found += assert_same(shops[0], shops[1], roll(3) == 0 ? "den" : NULL, query);
        }
    }
    assert_true(found > QUERIES);
    assert_sound(shops[0]);
    assert_sound(shops[1]);
    shop_free(shops[0]);
    shop_free(shops[1]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_come_first),
        cmocka_unit_test(it_goes_on_behind_what_was_found),
        cmocka_unit_test(what_very_many_have_is_found),
        cmocka_unit_test(what_is_not_looked_at_is_not_passed_over_in_silence),
        cmocka_unit_test(changes_reach_the_index_at_once),
        cmocka_unit_test(what_is_not_kept_leaves_the_index),
        cmocka_unit_test(a_damaged_index_holds_up_nobody),
        cmocka_unit_test(no_message_holds_up_the_index),
        cmocka_unit_test(while_the_database_is_away_nothing_is_found),
        cmocka_unit_test(a_search_that_takes_too_long_is_given_up),
        cmocka_unit_test(both_databases_find_the_same),
    };
    return SHOP_TESTS(argc, argv, "search", tests);
}
