/* The directory: the hub adds and removes rooms, users and sessions while others read it without asking. What
 * a reader finds is whole, as long as its read section lasts, and who never leaves is always found. */
#include "helpers.h"

#include <hubbub/hub.h>
#include <hubbub/listing.h>
#include <hubbub/lookalike.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READERS = 3,
    POSTERS = 2,
    EACH = 40,     /* sessions of a poster, two of a user */
    STAYING = 300, /* rooms that are always there: more than one page */
    PASSING = 50,
    ROUNDS = 20000 / SLOWER,
    MANY = 1 << 30, /* messages: nobody takes them before the end */
};

static struct hub *hub;
static struct relay *relay;
static struct outbox sink;
static bool over;
static uint32_t released;
static struct session *anchor;

/* ---- posters --------------------------------------------------------------------------------------- */

static void on_released(void *owner)
{
    (void)owner;
    ADD(released, 1);
}

static struct session *enter_as(const char *user_id, const char *name)
{
    struct session *s = session_new(DIALECT_CLASSIC, user_id, name, &sink);
    s->released = on_released;
    struct event *e = event_new(EVENT_REGISTER);
    e->session = s;
    hub_post(hub, &e, DEADLINE_NEVER);
    return s;
}

/* Somebody new each time. */
static struct session *enter(const char *name)
{
    static uint32_t n;
    char user_id[USER_ID_MAX + 1];
    snprintf(user_id, sizeof(user_id), "u%u", ADD(n, 1));
    return enter_as(user_id, name);
}

static void leave(struct session *s)
{
    struct event *e = event_new(EVENT_UNREGISTER);
    e->session = s;
    hub_post(hub, &e, DEADLINE_NEVER);
}

static void join(struct session *s, const char *room, bool stay)
{
    struct event *e = event_new(EVENT_REQUEST);
    e->session = s;
    e->request.type = REQUEST_JOIN;
    e->request.stay = stay;
    strcpy(e->request.room, room);
    hub_post(hub, &e, DEADLINE_NEVER);
}

struct poster {
    struct thread *thread;
    struct session *sessions[EACH];
    uint32_t number, seed, made;
};

static void come_and_go(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t which = dice(&p->seed) % EACH;
        struct session **s = &p->sessions[which];
        char room[16], user_id[16];
        if (*s == NULL) {
            snprintf(user_id, sizeof(user_id), "b%u-%u", p->number, which / 2);
            *s = enter_as(user_id, "bob");
            p->made++;
        }
        snprintf(room, sizeof(room), "passing-%u", dice(&p->seed) % PASSING);
        join(*s, room, dice(&p->seed) % 2 == 0);
        if (dice(&p->seed) % 3 == 0) {
            leave(*s);
            *s = NULL;
        }
    }
    for (int i = 0; i < EACH; i++)
        if (p->sessions[i] != NULL)
            leave(p->sessions[i]);
}

/* ---- readers --------------------------------------------------------------------------------------- */

struct reader {
    struct thread *thread;
    uint32_t seed;
    uint64_t rounds;
    uint32_t lost;   /* who is always there, not found */
    uint32_t broken; /* what was found is not what was looked for, or not whole */
};

static bool is_name(const char *name)
{
    return strncmp(name, "bob", 3) == 0 || strcmp(name, "anchor") == 0;
}

static bool look_at(void *arg, struct room *r)
{
    struct reader *me = arg;
    const struct member *m;
    if (r->magic != ROOM_MAGIC || !text_is_name(r->name, strlen(r->name)))
        me->broken++;
    cds_list_for_each_entry_rcu(m, &r->list, node)
    {
        RCU_FOUND(); // it may have come since the last
        const struct user *u = m->session->user;
        const struct room *only = rcu_dereference(m->session->only);
        if (m->session->magic != SESSION_MAGIC || strlen(m->session->id) != SESSION_ID_MAX)
            me->broken++;
        if (u->magic != USER_MAGIC || !is_name(u->username) ||
            strcmp(u->id, m->session->user_id) != 0)
            me->broken++;
        if (only != NULL && only->magic != ROOM_MAGIC)
            me->broken++;
    }
    return true;
}

static void find(struct reader *me, const struct directory *d)
{
    char name[16], key[LOOKALIKE_MAX + 1];
    rcu_read_lock();
    if (directory_find_session(d, anchor->id) != anchor ||
        directory_find_user(d, "anchor's") != anchor->user ||
        directory_find_key(d, anchor->user->key) != anchor->user)
        me->lost++;
    snprintf(name, sizeof(name), "staying-%03u", dice(&me->seed) % STAYING);
    const struct room *r = directory_find_room(d, name);
    if (r == NULL)
        me->lost++;
    else if (strcmp(r->name, name) != 0 || r->magic != ROOM_MAGIC)
        me->broken++;
    snprintf(name, sizeof(name), "bob-%u", 2 + dice(&me->seed) % EACH);
    lookalike_key(name, key);
    const struct user *u = directory_find_key(d, key);
    if (u != NULL && (u->magic != USER_MAGIC || strcmp(u->username, name) != 0))
        me->broken++;
    directory_each_room(d, look_at, me);
    rcu_read_unlock();
}

static uint32_t count(const char *text, const char *piece)
{
    uint32_t n = 0;
    while ((text = strstr(text, piece)) != NULL) {
        text += strlen(piece);
        n++;
    }
    return n;
}

static void list(struct reader *me, const struct directory *d, struct buf *text)
{
    static const struct asker the_anchor = {.user_id = "anchor's"};
    char name[16];
    snprintf(name, sizeof(name), "staying-%03u", dice(&me->seed) % STAYING);
    buf_clear(text);
    if (listing_members(d, text, false, NULL, &the_anchor, name) != 0)
        me->lost++;
    else if (count(text->data, "\"username\":\"anchor\"") != 1)
        me->broken++;
    snprintf(name, sizeof(name), "passing-%u", dice(&me->seed) % PASSING);
    buf_clear(text);
    if (listing_members(d, text, false, NULL, NULL, name) == 0 &&
        strstr(text->data, "anchor") != NULL)
        me->broken++;

    /* Rooms come and go, but a page behind them is always the same. */
    buf_clear(text);
    listing_rooms(d, text, false, NULL, &the_anchor, NULL, "q", 0);
    if (count(text->data, "{\"room\":\"staying-") != LISTING_ROOMS_PAGE ||
        strstr(text->data, "\"cursor\":\"staying-099\"") == NULL)
        me->lost++;
    buf_clear(text);
    listing_rooms(d, text, false, NULL, NULL, "passing", NULL, 0);
    if (count(text->data, "{\"room\":") > PASSING || count(text->data, "\"members\":0") > 0)
        me->broken++;
}

static void read_on(void *arg)
{
    struct reader *me = arg;
    const struct directory *d = hub_directory(hub);
    struct buf text = BUF_INIT;
    while (!LOAD(over)) {
        find(me, d);
        list(me, d, &text);
        ADD(me->rounds, 1);
    }
    buf_fini(&text);
}

/* ---- the test -------------------------------------------------------------------------------------- */

static void begin(void)
{
    over = false;
    released = 0;
    relay = relay_new(1);
    outbox_init(&sink, NULL, NULL, NULL, MANY, 0);
    outbox_close(&sink, 1000, "nobody listens"); /* so that all of it is dropped at once */
    hub = hub_new(&(struct hub_config){
        .inbox = 256,
        .relay = relay,
        .settings = {.max_rooms = 10000,
                     .max_rooms_per_client = 1000,
                     .notice_limit = 10,
                     .open_rooms = true},
        .node = "",
        .version = "",
        .send_queue = 256,
    });
    assert_int_equal(hub_start(hub), 0);
    anchor = enter_as("anchor's", "anchor");
    for (int i = 0; i < STAYING; i++) {
        char room[16];
        snprintf(room, sizeof(room), "staying-%03d", i);
        join(anchor, room, true);
    }
    hub_fence(hub);
}

static void end(uint32_t sessions)
{
    leave(anchor);
    hub_stop(hub);
    rcu_barrier();
    assert_int_equal(LOAD(released), sessions);
    hub_free(hub);
    relay_free(relay);
    outbox_fini(&sink);
    assert_int_equal(metric_read(METRIC_SESSIONS), 0);
    assert_int_equal(metric_read(METRIC_USERS), 0);
    assert_int_equal(metric_read(METRIC_ROOMS), 0);
    assert_int_equal(metric_read(METRIC_MEMBERS), 0);
}

static void readers_find_whole_things(void **state)
{
    (void)state;
    static struct poster posters[POSTERS];
    struct reader readers[READERS];
    uint32_t made = 1;
    begin();
    for (uint32_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.seed = 31 * i + 1};
        readers[i].thread = start_thread(read_on, &readers[i]);
    }
    for (uint32_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.number = i, .seed = 77 * i + 1};
        posters[i].thread = start_thread(come_and_go, &posters[i]);
    }
    for (int i = 0; i < POSTERS; i++) {
        thread_join(posters[i].thread);
        made += posters[i].made;
    }
    hub_fence(hub);
    assert_int_equal(metric_read(METRIC_SESSIONS), 1);
    assert_int_equal(metric_read(METRIC_ROOMS), STAYING);
    assert_int_equal(metric_read(METRIC_MEMBERS), STAYING);
    for (int i = 0; i < READERS; i++)
        WAIT_UNTIL(LOAD(readers[i].rounds) > 0);
    __atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < READERS; i++)
        thread_join(readers[i].thread);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].lost, 0);
        assert_int_equal(readers[i].broken, 0);
    }
    assert_true(made > 1);
    end(made);
}

/* What somebody has posted and fenced, it finds; others may come between. */
static void a_fence_makes_it_visible(void *arg)
{
    uint32_t *missed = arg;
    const struct directory *d = hub_directory(hub);
    for (int i = 0; i < 500 / SLOWER; i++) {
        struct session *s = enter("carol");
        char id[SESSION_ID_MAX + 1], room[32];
        strcpy(id, s->id);
        snprintf(room, sizeof(room), "of-%.16s", id);
        join(s, room, false);
        hub_fence(hub);
        rcu_read_lock();
        *missed += directory_find_session(d, id) != s || directory_find_room(d, room) == NULL;
        rcu_read_unlock();
        leave(s);
        hub_fence(hub);
        rcu_read_lock();
        *missed += directory_find_session(d, id) != NULL || directory_find_room(d, room) != NULL;
        rcu_read_unlock();
    }
}

static void what_one_did_one_finds(void **state)
{
    (void)state;
    struct thread *t[4];
    uint32_t missed[4] = {0};
    begin();
    for (int i = 0; i < 4; i++)
        t[i] = start_thread(a_fence_makes_it_visible, &missed[i]);
    for (int i = 0; i < 4; i++)
        thread_join(t[i]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(missed[i], 0);
    end(1 + 4 * (500 / SLOWER));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_find_whole_things),
        cmocka_unit_test(what_one_did_one_finds),
    };
    return RUN_CONCURRENT(argc, argv, "directory", tests);
}
