/* Kept rooms: the hub changes settings, ranks, bans and operators while others read them without asking it. What
 * is replaced is replaced whole, and who never changes is always seen. */
#include "helpers.h"

#include <hubbub/hub.h>
#include <hubbub/listing.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <hubbub/outbox.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READERS = 3, USERS = 20, ROUNDS = 12000 / SLOWER };

static struct hub *hub;
static struct relay *relay;
static struct outbox sink;
static bool over;
static struct session *owner, *root, *users[USERS];

static struct session *enter(const char *user_id)
{
    struct session *s = session_new(DIALECT_FULL, user_id, user_id, &sink);
    struct event *e = event_new(EVENT_REGISTER);
    e->session = s;
    hub_post(hub, &e, DEADLINE_NEVER);
    return s;
}

static void leave(struct session *s)
{
    struct event *e = event_new(EVENT_UNREGISTER);
    e->session = s;
    hub_post(hub, &e, DEADLINE_NEVER);
}

static struct event *by(struct session *s, enum request_type type)
{
    struct event *e = event_new(EVENT_REQUEST);
    e->session = s;
    e->request.type = type;
    strcpy(e->request.room, "den");
    e->request.args = xcalloc(1, sizeof(*e->request.args));
    return e;
}

static void ask(struct event *e)
{
    hub_post(hub, &e, DEADLINE_NEVER);
}

static void set_operators(uint32_t n)
{
    char id[] = "operator", other[] = "another";
    char *ids[] = {id, other};
    struct settings settings = {.max_rooms = 100,
                                .max_rooms_per_client = 10,
                                .notice_limit = 10,
                                .open_rooms = true,
                                .operators = ids,
                                .noperators = 1 + n % 2};
    struct event *e = event_new(EVENT_SETTINGS);
    e->settings = settings_copy(&settings);
    ask(e);
}

/* The same letter everywhere, so that a mixture shows. */
static void look_like(enum request_type type, char letter)
{
    struct event *e = by(owner, type);
    char text[101];
    memset(text, letter, 100);
    text[100] = '\0';
    e->request.args->given = ROOM_TITLE | ROOM_TOPIC | ROOM_PASSWORD;
    e->request.args->title = xstrdup(text);
    e->request.args->topic = xstrdup(text);
    e->request.args->password_hash = xstrdup(text);
    ask(e);
}

/* ---- readers --------------------------------------------------------------------------------------- */

struct reader {
    struct thread *thread;
    uint64_t rounds;
    uint32_t lost, broken;
};

static bool is_uniform(const char *text, size_t n)
{
    return strlen(text) == n && strspn(text, (char[2]){text[0], '\0'}) == n;
}

static bool info_is_whole(void)
{
    rcu_read_lock();
    const struct room *r = directory_find_room(hub_directory(hub), "den");
    const struct room_info *info = r == NULL ? NULL : room_info(r);
    bool whole = info != NULL && is_uniform(info->title, 100) &&
                 strcmp(info->title, info->topic) == 0 && strcmp(info->title, info->password) == 0;
    rcu_read_unlock();
    return whole;
}

static void read_once(struct reader *me, struct buf *text)
{
    static const struct asker as_owner = {.user_id = "owner"}, as_guest = {.user_id = "nobody"};
    const struct directory *d = hub_directory(hub);
    char hash[129];
    me->broken += !info_is_whole();
    me->lost += !directory_password(d, "den", hash);
    me->broken += !is_uniform(hash, 100);
    me->lost += !directory_is_operator(d, "operator");
    me->broken += directory_is_operator(d, "owner");
    me->lost += directory_rank(d, owner, "den") != RANK_OWNER;
    me->lost += !directory_is_barred(d, "elsewhere0");
    me->broken += directory_is_barred(d, "owner");

    buf_clear(text);
    me->lost += listing_members(d, text, false, NULL, &as_owner, "den") != 0;
    me->lost += strstr(text->data,
                       "\"username\":\"owner\",\"role\":\"owner\",\"status\":\"online\"") == NULL;
    buf_clear(text);
    listing_rooms(d, text, false, NULL, &as_owner, NULL, NULL, 0);
    me->lost += strstr(text->data, "\"role\":\"owner\"") == NULL;
    buf_clear(text);
    listing_rooms(d, text, false, NULL, &as_guest, "den", NULL, 0);
    me->broken += strstr(text->data, "\"role\"") != NULL;
}

static void read_on(void *arg)
{
    struct reader *me = arg;
    struct buf text = BUF_INIT;
    while (!LOAD(over)) {
        read_once(me, &text);
        ADD(me->rounds, 1);
    }
    buf_fini(&text);
}

/* ---- the hub's side -------------------------------------------------------------------------------- */

static void ban_from_server(enum request_type type, uint32_t who)
{
    struct event *e = by(root, type);
    e->request.room[0] = '\0';
    snprintf(e->request.args->user, sizeof(e->request.args->user), "id:elsewhere%u", who);
    ask(e);
}

static void change_something(uint32_t *seed, int round)
{
    static const enum request_type what[] = {REQUEST_BAN, REQUEST_UNBAN, REQUEST_ADD,
                                             REQUEST_REMOVE, REQUEST_ROLE};
    uint32_t who = dice(seed) % USERS;
    if (round % 7 == 0) {
        look_like(REQUEST_UPDATE, (char)('a' + round % 26));
        return;
    }
    if (round % 11 == 0)
        set_operators(dice(seed));
    ban_from_server(round % 2 == 0 ? REQUEST_BAN : REQUEST_UNBAN, 1 + who);
    ask(by(users[who], round % 2 == 0 ? REQUEST_JOIN : REQUEST_LEAVE));
    struct event *e = by(owner, what[dice(seed) % 5]);
    snprintf(e->request.args->user, sizeof(e->request.args->user), "u%u", who);
    e->request.args->role = (enum rank)(RANK_MEMBER + dice(seed) % 3);
    ask(e);
}

static void begin(void)
{
    over = false;
    relay = relay_new(1);
    outbox_init(&sink, NULL, NULL, NULL, 1, 0);
    outbox_close(&sink, 1000, "nobody listens"); /* so that all of it is dropped at once */
    hub = hub_new(&(struct hub_config){
        .inbox = 256,
        .relay = relay,
        .settings = {.max_rooms = 100, .max_rooms_per_client = 10, .notice_limit = 10},
        .node = "",
        .version = "",
        .send_queue = 256,
    });
    assert_int_equal(hub_start(hub), 0);
    set_operators(1);
    owner = enter("owner");
    root = enter("operator");
    ban_from_server(REQUEST_BAN, 0);
    for (unsigned i = 0; i < USERS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "u%u", i);
        users[i] = enter(id);
    }
    look_like(REQUEST_CREATE, 'x');
    ask(by(owner, REQUEST_JOIN));
    hub_fence(hub);
}

static void end(void)
{
    leave(owner);
    leave(root);
    for (int i = 0; i < USERS; i++)
        leave(users[i]);
    hub_stop(hub);
    rcu_barrier();
    hub_free(hub);
    relay_free(relay);
    outbox_fini(&sink);
    assert_int_equal(metric_read(METRIC_USERS), 0);
    assert_int_equal(metric_read(METRIC_ROOMS), 0);
    assert_int_equal(metric_read(METRIC_MEMBERS), 0);
}

static void what_is_replaced_is_replaced_whole(void **state)
{
    (void)state;
    static struct reader readers[READERS];
    uint32_t seed = 5;
    begin();
    for (int i = 0; i < READERS; i++)
        readers[i].thread = start_thread(read_on, &readers[i]);
    for (int i = 0; i < ROUNDS; i++)
        change_something(&seed, i);
    for (int i = 0; i < READERS; i++)
        WAIT_UNTIL(LOAD(readers[i].rounds) > 0);
    __atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < READERS; i++)
        thread_join(readers[i].thread);
    hub_fence(hub);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].lost, 0);
        assert_int_equal(readers[i].broken, 0);
    }
    end();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_replaced_is_replaced_whole),
    };
    return RUN_CONCURRENT(argc, argv, "room info", tests);
}
