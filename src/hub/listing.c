/* Rows out of the directory: see <hubbub/listing.h>. Names are copied inside the read section and encoded
 * after it. */
#include <hubbub/err.h>
#include <hubbub/listing.h>
#include <hubbub/mem.h>
#include <hubbub/protocol.h>
#include <stdlib.h>
#include <string.h>

/* ---- members ------------------------------------------------------------------------------------- */

struct person {
    char user_id[USER_ID_MAX + 1];
    char username[NAME_MAX_BYTES + 1];
};

static struct person *copy_members(const struct directory *d, const char *name, size_t *count)
{
    rcu_read_lock();
    struct room *r = directory_find_room(d, name);
    struct person *people = NULL;
    if (r != NULL && __atomic_load_n(&r->count, __ATOMIC_RELAXED) > 0) { /* an empty one is going */
        size_t n = 0, space = __atomic_load_n(&r->count, __ATOMIC_RELAXED) + 16;
        people = xmalloc(space * sizeof *people);
        struct member *m;
        cds_list_for_each_entry_rcu(m, &r->list, node)
        {
            RCU_FOUND();
            if (n == space)
                people = xrealloc(people, (space *= 2) * sizeof *people);
            memcpy(people[n].user_id, m->session->user_id, sizeof people[n].user_id);
            memcpy(people[n++].username, m->session->username, sizeof people[n].username);
        }
        *count = n;
    }
    rcu_read_unlock();
    return people;
}

int listing_members(const struct directory *d, struct buf *to, bool reply, const char *id,
                    const char *room)
{
    size_t n = 0;
    struct person *people = copy_members(d, room, &n);
    if (people == NULL)
        return ERR_NOTFOUND;
    struct member_row *rows = xmalloc((n + 1) * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct member_row){people[i].user_id, people[i].username};
    encode_members(to, reply, id, room, rows, n);
    free(rows);
    free(people);
    return 0;
}

/* ---- rooms --------------------------------------------------------------------------------------- */

struct place {
    char name[NAME_MAX_BYTES + 1];
    size_t members;
};

/* The first names after the cursor, in order; one more than a page shows whether there are more. */
struct page {
    const char *query, *cursor;
    struct place places[LISTING_ROOMS_PAGE + 1];
    size_t n;
};

static bool collect(void *arg, struct room *r)
{
    struct page *p = arg;
    size_t members = __atomic_load_n(&r->count, __ATOMIC_RELAXED);
    if (members == 0 || strcmp(r->name, p->cursor) <= 0 ||
        (p->query[0] != '\0' && strstr(r->name, p->query) == NULL))
        return true;
    size_t at = p->n;
    while (at > 0 && strcmp(p->places[at - 1].name, r->name) > 0)
        at--;
    if (at == LISTING_ROOMS_PAGE + 1)
        return true;
    size_t kept = p->n < LISTING_ROOMS_PAGE + 1 ? p->n : LISTING_ROOMS_PAGE;
    memmove(&p->places[at + 1], &p->places[at], (kept - at) * sizeof p->places[0]);
    strcpy(p->places[at].name, r->name);
    p->places[at].members = members;
    p->n = kept + 1;
    return true;
}

void listing_rooms(const struct directory *d, struct buf *to, bool reply, const char *id,
                   const char *query, const char *cursor, unsigned max_users)
{
    struct page *p = xcalloc(1, sizeof *p);
    p->query = query == NULL ? "" : query;
    p->cursor = cursor == NULL ? "" : cursor;
    rcu_read_lock();
    directory_each_room(d, collect, p);
    rcu_read_unlock();

    struct room_row rows[LISTING_ROOMS_PAGE];
    size_t n = p->n < LISTING_ROOMS_PAGE ? p->n : LISTING_ROOMS_PAGE;
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct room_row){p->places[i].name, p->places[i].members, max_users};
    encode_rooms(to, reply, id, rows, n, p->n > n ? p->places[n - 1].name : NULL);
    free(p);
}
