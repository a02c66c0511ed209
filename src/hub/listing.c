/* Rows out of the directory: see <hubbub/listing.h>. Texts are copied inside the read section and encoded
 * after it. */
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/listing.h>
#include <hubbub/mem.h>
#include <hubbub/protocol.h>
#include <stdlib.h>
#include <string.h>

/* ---- who may see what ---------------------------------------------------------------------------- */

/* The asker as seen by one room; who is banned is nobody special. */
static enum rank rank_of(const struct directory *d, const struct asker *asker, const struct room *r)
{
    if (asker == NULL || asker->user_id == NULL)
        return RANK_GUEST;
    if (directory_is_operator(d, asker->user_id))
        return RANK_OPERATOR;
    const struct bars *bars = rcu_dereference(r->bars);
    const struct roster *roster = rcu_dereference(r->roster);
    RCU_FOUND();
    if (bars_has(bars, asker->user_id, clock_wall_ms()))
        return RANK_GUEST;
    enum rank rank = roster_rank(roster, asker->user_id);
    int granted = asker->grants == NULL ? -1 : grants_find(asker->grants, r->name);
    return granted > (int)rank ? (enum rank)granted : rank;
}

static bool is_in(const struct asker *asker, const struct room *r)
{
    struct member *m;
    if (asker == NULL || asker->user_id == NULL)
        return false;
    cds_list_for_each_entry_rcu(m, &r->list, node)
    {
        RCU_FOUND();
        if (strcmp(m->session->user_id, asker->user_id) == 0)
            return true;
    }
    return false;
}

/* An open room without members is on its way out; conversations are in no list. */
static bool exists(const struct room *r, size_t members)
{
    return !r->pair && (members > 0 || __atomic_load_n(&r->kept, __ATOMIC_RELAXED));
}

/* Read once: it may change meanwhile. */
static size_t members_of(const struct room *r)
{
    return __atomic_load_n(&r->count, __ATOMIC_RELAXED);
}

static bool may_see(const struct directory *d, const struct asker *asker, const struct room *r)
{
    return room_info(r)->visibility != VISIBILITY_PRIVATE || rank_of(d, asker, r) >= RANK_MEMBER ||
           is_in(asker, r);
}

/* ---- members ------------------------------------------------------------------------------------- */

struct person {
    char user_id[USER_ID_MAX + 1];
    char username[NAME_MAX_BYTES + 1];
    enum rank rank;
    bool online;
};

struct people {
    struct person *row;
    size_t n, space;
};

static void add_person(struct people *p, const char *user_id, const char *username, enum rank rank,
                       bool online)
{
    if (p->n == p->space)
        p->row = xrealloc(p->row, (p->space = 2 * p->space + 16) * sizeof *p->row);
    struct person *one = &p->row[p->n++];
    strcpy(one->user_id, user_id);
    strcpy(one->username, username);
    one->rank = rank;
    one->online = online;
}

static void add_online(struct people *p, const struct room *r)
{
    struct member *m;
    cds_list_for_each_entry_rcu(m, &r->list, node)
    {
        RCU_FOUND();
        if (!__atomic_load_n(&m->shadow, __ATOMIC_RELAXED))
            add_person(p, m->session->user->id, m->session->user->username,
                       (enum rank)__atomic_load_n(&m->rank, __ATOMIC_RELAXED), true);
    }
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct person *)a)->user_id, ((const struct person *)b)->user_id);
}

/* Those of the roster who are not among the first n, who are online. */
static void add_away(struct people *p, const struct roster *roster)
{
    if (roster == NULL)
        return;
    size_t online = p->n;
    struct person *sorted = xmalloc((online + 1) * sizeof *sorted);
    if (online > 0)
        memcpy(sorted, p->row, online * sizeof *sorted);
    qsort(sorted, online, sizeof *sorted, by_id);
    for (size_t i = 0; i < roster->n; i++) {
        const struct affiliation *a = roster->row[i];
        struct person key;
        strcpy(key.user_id, a->user_id);
        if (bsearch(&key, sorted, online, sizeof *sorted, by_id) == NULL)
            add_person(p, a->user_id, a->username, a->rank, false);
    }
    free(sorted);
}

/* Who is in a restricted room is for its people, and a token that opens some rooms opens no others. */
static bool may_look_inside(const struct directory *d, const struct asker *asker,
                            const struct room *r)
{
    enum rank rank = rank_of(d, asker, r);
    if (rank == RANK_OPERATOR || is_in(asker, r))
        return true;
    const struct grants *opens = asker == NULL ? NULL : asker->grants;
    return (opens == NULL || grants_find(opens, r->name) >= 0) &&
           (rank >= RANK_MEMBER || room_info(r)->visibility == VISIBILITY_PUBLIC);
}

static int copy_people(const struct directory *d, const struct asker *asker, const char *name,
                       struct people *p)
{
    rcu_read_lock();
    const struct room *r = directory_find_room(d, name);
    int err = r == NULL || !exists(r, members_of(r)) || !may_see(d, asker, r) ? ERR_NOTFOUND
              : !may_look_inside(d, asker, r)                                 ? ERR_DENIED
                                                                              : 0;
    if (err == 0) {
        add_online(p, r);
        if (__atomic_load_n(&r->kept, __ATOMIC_RELAXED) && is_in(asker, r)) {
            const struct roster *roster = rcu_dereference(r->roster);
            RCU_FOUND();
            add_away(p, roster);
        }
    }
    rcu_read_unlock();
    return err;
}

int listing_members(const struct directory *d, struct buf *to, bool reply, const char *id,
                    const struct asker *asker, const char *room)
{
    struct people p = {NULL, 0, 0};
    int err = copy_people(d, asker, room, &p);
    if (err != 0)
        return err;
    struct member_row *rows = xmalloc((p.n + 1) * sizeof *rows);
    for (size_t i = 0; i < p.n; i++)
        rows[i] = (struct member_row){.user_id = p.row[i].user_id,
                                      .username = p.row[i].username,
                                      .rank = p.row[i].rank,
                                      .online = p.row[i].online};
    encode_members(to, reply, id, room, rows, p.n);
    free(rows);
    free(p.row);
    return 0;
}

/* ---- rooms --------------------------------------------------------------------------------------- */

struct place {
    char name[NAME_MAX_BYTES + 1];
    struct room_info info;
    size_t members;
    bool kept;
    enum rank rank;
};

/* The first names after the cursor, in order; one more than a page shows whether there are more. */
struct page {
    const struct directory *directory;
    const struct asker *asker;
    const char *query, *cursor;
    struct place *places[LISTING_ROOMS_PAGE + 1];
    size_t n;
};

static bool matches(const struct page *p, const struct room *r)
{
    return p->query[0] == '\0' || strcasestr(r->name, p->query) != NULL ||
           strcasestr(room_info(r)->title, p->query) != NULL;
}

static struct place *copy_place(const struct page *p, const struct room *r, size_t members)
{
    struct place *place = xmalloc(sizeof *place);
    strcpy(place->name, r->name);
    place->info = *room_info(r);
    place->members = members;
    place->kept = __atomic_load_n(&r->kept, __ATOMIC_RELAXED);
    place->rank = rank_of(p->directory, p->asker, r);
    return place;
}

static bool collect(void *arg, struct room *r)
{
    struct page *p = arg;
    size_t members = members_of(r);
    if (!exists(r, members) || strcmp(r->name, p->cursor) <= 0 || !matches(p, r))
        return true;
    size_t at = p->n;
    while (at > 0 && strcmp(p->places[at - 1]->name, r->name) > 0)
        at--;
    if (at == LISTING_ROOMS_PAGE + 1 || !may_see(p->directory, p->asker, r))
        return true;
    size_t kept = p->n < LISTING_ROOMS_PAGE + 1 ? p->n : LISTING_ROOMS_PAGE;
    if (kept < p->n)
        free(p->places[kept]);
    memmove(&p->places[at + 1], &p->places[at], (kept - at) * sizeof p->places[0]);
    p->places[at] = copy_place(p, r, members);
    p->n = kept + 1;
    return true;
}

void listing_rooms(const struct directory *d, struct buf *to, bool reply, const char *id,
                   const struct asker *asker, const char *query, const char *cursor,
                   unsigned max_users)
{
    struct page p = {.directory = d,
                     .asker = asker,
                     .query = query == NULL ? "" : query,
                     .cursor = cursor == NULL ? "" : cursor};
    rcu_read_lock();
    directory_each_room(d, collect, &p);
    rcu_read_unlock();

    struct room_row *rows = xmalloc((LISTING_ROOMS_PAGE + 1) * sizeof *rows);
    size_t n = p.n < LISTING_ROOMS_PAGE ? p.n : LISTING_ROOMS_PAGE;
    for (size_t i = 0; i < n; i++) {
        const struct place *place = p.places[i];
        const struct room_info *info = &place->info;
        rows[i] = (struct room_row){
            .look = {.room = place->name,
                     .title = info->title,
                     .topic = info->topic,
                     .visibility = info->visibility,
                     .max_users = room_most(info, max_users),
                     .slow_mode = info->slow_mode,
                     .hides_past = info->hides_past,
                     .has_password = info->password[0] != '\0',
                     .kept = place->kept},
            .members = place->members,
            .rank = place->rank,
        };
    }
    encode_rooms(to, reply, id, rows, n, p.n > n ? p.places[n - 1]->name : NULL);
    free(rows);
    for (size_t i = 0; i < p.n; i++)
        free(p.places[i]);
}
