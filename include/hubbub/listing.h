/* What the directory tells to whoever asks: the rows of `members` and `rooms`, as JSON. Any registered
 * thread; reads without asking the hub. Private rooms show themselves to their own people only. */
#ifndef HUBBUB_LISTING_H
#define HUBBUB_LISTING_H

#include <hubbub/buf.h>
#include <hubbub/directory.h>
#include <stdbool.h>

enum { LISTING_ROOMS_PAGE = 100 }; /* rows of one answer; a cursor leads on */

/* Who asks. NULL, or without user id: nobody in particular. */
struct asker {
    const char *user_id;
    const struct grants *grants; /* may be NULL */
    const char *address;         /* as limits count it; NULL: this machine, or it does not matter */
};

/* As encode_members() with these arguments. Members who are away are listed to those who are in the room. 0;
 * ERR_NOTFOUND without such a room, or when the asker must not know of it; ERR_DENIED when it must not know who is in
 * it; nothing is written then. */
int listing_members(const struct directory *d, struct buf *to, bool reply, const char *id,
                    const struct asker *asker, const char *room);

/* As encode_rooms(): rooms whose name or title contains `query` (NULL or "": all; a is A), by name, from after
 * `cursor`. max_users: the server's own limit. */
void listing_rooms(const struct directory *d, struct buf *to, bool reply, const char *id,
                   const struct asker *asker, const char *query, const char *cursor,
                   unsigned max_users);

#endif
