/* What the directory tells to whoever asks: the rows of `members` and `rooms`, as JSON. Any registered
 * thread; reads without asking the hub. */
#ifndef HUBBUB_LISTING_H
#define HUBBUB_LISTING_H

#include <hubbub/buf.h>
#include <hubbub/directory.h>
#include <stdbool.h>

enum { LISTING_ROOMS_PAGE = 100 }; /* rows of one answer; a cursor leads on */

/* As encode_members() with these arguments; ERR_NOTFOUND, and nothing written, without such a room. */
int listing_members(const struct directory *d, struct buf *to, bool reply, const char *id,
                    const char *room);

/* As encode_rooms(): rooms whose name contains `query` (NULL or "": all), by name, from after `cursor`. */
void listing_rooms(const struct directory *d, struct buf *to, bool reply, const char *id,
                   const char *query, const char *cursor, unsigned max_users);

#endif
