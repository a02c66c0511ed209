/*
 * A hub with members but without sockets (see stage.h). Runs on the test's thread; only the release
 * of a session is told by liburcu's.
 */
#include "support/stage.h"

#include "store/store_private.h"

#include <ftw.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <hubbub/metrics.h>
#include <hubbub/room.h>
#include <hubbub/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What other tests, failed ones, have left behind is not this one's fault. */
static int64_t sessions, rooms, members;
static int standing; /* stages that have not been taken down */

/* ---- the stage ------------------------------------------------------------------------------------- */

static void raise_curtain(struct stage *s)
{
    s->relay = relay_new(1);
    s->hub = hub_new(&(struct hub_config){
        .inbox = 1024,
        .relay = s->relay,
        .store = s->store,
        .settings = *s->settings,
        .node = "here",
        .version = "1.2.3",
        .max_message = 4096,
        .send_queue = STAGE_SEND_QUEUE,
        .ping_period = 30 * NS_PER_S,
    });
    assert_int_equal(hub_load(s->hub), 0);
    assert_int_equal(hub_start(s->hub), 0);
}

static void begin(struct stage *s, const struct settings *settings)
{
    static const struct settings generous = {.max_rooms = 10000,
                                             .max_rooms_per_client = 1000,
                                             .notice_limit = 1000,
                                             .open_rooms = true,
                                             .history_memory = 256,
                                             .history_memory_bytes = 1 << 18,
                                             .edit_window_ms = INT64_MAX,
                                             .delete_window_ms = INT64_MAX};
    standing++;
    sessions = metric_read(METRIC_SESSIONS);
    rooms = metric_read(METRIC_ROOMS);
    members = metric_read(METRIC_MEMBERS);
    *s = (struct stage){.settings = settings_copy(settings != NULL ? settings : &generous)};
}

void stage_init(struct stage *s, const struct settings *settings)
{
    begin(s, settings);
    raise_curtain(s);
}

/* ---- what is kept ---------------------------------------------------------------------------------- */

static void open_store(struct stage *s)
{
    char why[256];
    s->store = store_open(s->directory, NULL, why, sizeof(why));
    if (s->store == NULL)
        fail_msg("%s", why);
}

static void count_done(void *arg, struct change *c, int err)
{
    int *failed = arg;
    *failed += err != 0;
    change_free(c);
}

/* As an earlier server has left it. */
static void put_before(struct stage *s, struct change *before)
{
    int failed = 0;
    open_store(s);
    assert_int_equal(store_start(s->store, count_done, &failed), 0);
    assert_int_equal(store_post(s->store, &before), 0);
    store_stop(s->store);
    store_free(s->store);
    assert_int_equal(failed, 0);
}

void stage_init_kept(struct stage *s, const struct settings *settings, struct change *before)
{
    const char *tmp = getenv("TMPDIR");
    begin(s, settings);
    snprintf(s->directory, sizeof(s->directory), "%s/hubbub-stage-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(s->directory));
    if (before != NULL)
        put_before(s, before);
    open_store(s);
    raise_curtain(s);
}

void stage_disk(struct stage *s, bool well)
{
    assert_int_equal(
        store_exec(s->store, well ? "PRAGMA query_only = OFF" : "PRAGMA query_only = ON"), 0);
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void)st;
    (void)what;
    (void)at;
    return remove(path);
}

/* ---- the end --------------------------------------------------------------------------------------- */

static void probe_free(struct probe *p)
{
    assert_int_equal(__atomic_load_n(&p->released, __ATOMIC_ACQUIRE), 1);
    if (p->frame != NULL)
        frame_unref(p->frame, 1);
    outbox_fini(&p->outbox);
    buf_fini(&p->text);
    free(p);
}

static void drop_curtain(struct stage *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->probes[i]->session != NULL)
            probe_leave(s->probes[i]);
    hub_stop(s->hub);
    rcu_barrier();
    hub_free(s->hub); /* insists that it is empty */
    relay_free(s->relay);
    if (s->store != NULL)
        store_free(s->store);
    s->store = NULL;
}

void stage_restart(struct stage *s)
{
    drop_curtain(s);
    open_store(s);
    raise_curtain(s);
}

void stage_fini(struct stage *s)
{
    drop_curtain(s);
    for (size_t i = 0; i < s->n; i++)
        probe_free(s->probes[i]);
    free(s->probes);
    settings_free(s->settings);
    if (s->directory[0] != '\0')
        assert_int_equal(nftw(s->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    standing--;
    assert_int_equal(metric_read(METRIC_SESSIONS), sessions);
    assert_int_equal(metric_read(METRIC_ROOMS), rooms);
    assert_int_equal(metric_read(METRIC_MEMBERS), members);
}

/* As a reader does: what may have to be fetched from the disk is waited for. */
static bool is_waited_for(const struct event *e)
{
    enum request_type type = e->request.type;
    return e->type == EVENT_REQUEST &&
           (type == REQUEST_JOIN || type == REQUEST_HISTORY || type == REQUEST_SEARCH ||
            type == REQUEST_MENTIONS || type == REQUEST_EDIT || type == REQUEST_DELETE ||
            type == REQUEST_REACT);
}

void stage_post(struct stage *s, struct event *e)
{
    if (is_waited_for(e)) {
        assert_int_equal(hub_ask(s->hub, e->session, &e->request), 0);
        event_free(e);
        return;
    }
    assert_int_equal(hub_post(s->hub, &e, DEADLINE_NEVER), 0);
}

void stage_settings(struct stage *s, const struct settings *settings)
{
    struct event *e = event_new(EVENT_SETTINGS);
    e->settings = settings_copy(settings);
    stage_post(s, e);
}

void stage_drain(struct stage *s, int64_t drain_ns)
{
    struct event *e = event_new(EVENT_DRAIN);
    e->drain_ns = drain_ns;
    stage_post(s, e);
}

/* ---- members --------------------------------------------------------------------------------------- */

static void released(void *owner)
{
    struct probe *p = owner;
    __atomic_fetch_add(&p->released, 1, __ATOMIC_RELEASE);
}

static struct probe *enter(struct stage *s, const struct visitor *v)
{
    struct probe *p = xcalloc(1, sizeof(*p));
    s->probes = xrealloc(s->probes, (s->n + 1) * sizeof(*s->probes));
    s->probes[s->n++] = p;
    p->stage = s;
    outbox_init(&p->outbox, NULL, NULL, NULL, v->limit > 0 ? v->limit : PROBE_LIMIT, v->patience);
    p->session = session_new(v->dialect, v->user_id, v->username, &p->outbox);
    p->session->guest = true;
    p->session->local = v->local;
    p->session->grants = v->grants;
    if (v->address != NULL)
        strcpy(p->session->address, v->address);
    p->session->released = released;
    p->session->owner = p;
    strcpy(p->id, p->session->id);
    strcpy(p->user_id, p->session->user_id);
    struct event *e = event_new(EVENT_REGISTER);
    e->session = p->session;
    stage_post(s, e);
    return p;
}

/* Another person each time. */
static void new_user_id(const struct stage *s, char id[USER_ID_MAX + 1])
{
    snprintf(id, USER_ID_MAX + 1, "g%016zx", s->n);
}

struct probe *stage_enter_with(struct stage *s, const struct visitor *v)
{
    struct visitor named = *v;
    char user_id[USER_ID_MAX + 1];
    new_user_id(s, user_id);
    if (v->user_id == NULL)
        named.user_id = user_id;
    return enter(s, &named);
}

struct probe *stage_enter_slow(struct stage *s, enum dialect dialect, const char *username,
                               uint32_t limit, int64_t patience)
{
    return stage_enter_with(
        s, &(struct visitor){
               .dialect = dialect, .username = username, .limit = limit, .patience = patience});
}

struct probe *stage_enter(struct stage *s, enum dialect dialect, const char *username)
{
    return stage_enter_as(s, dialect, NULL, username);
}

struct probe *stage_enter_as(struct stage *s, enum dialect dialect, const char *user_id,
                             const char *username)
{
    return stage_enter_with(
        s, &(struct visitor){.dialect = dialect, .user_id = user_id, .username = username});
}

struct probe *stage_member(struct stage *s, enum dialect dialect, const char *username,
                           const char *room)
{
    struct probe *p = stage_enter(s, dialect, username);
    join(p, room, NULL);
    return p;
}

void probe_leave(struct probe *p)
{
    struct event *e = event_new(EVENT_UNREGISTER);
    e->session = p->session;
    p->session = NULL;
    stage_post(p->stage, e);
}

const char *probe_name(const struct probe *p)
{
    assert_int_equal(hub_fence(p->stage->hub), 0);
    return p->session->user->username;
}

/* ---- the group ------------------------------------------------------------------------------------- */

int stage_enter_group(void **state)
{
    (void)state;
    rcu_register_thread();
    return 0;
}

int stage_leave_group(void **state)
{
    (void)state;
    if (standing > 0) /* a test has failed, and its hub would never end */
        return 0;
    thread_end_all();
    rcu_barrier();
    rcu_unregister_thread();
    return 0;
}
