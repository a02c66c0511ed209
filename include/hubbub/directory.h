/* The directory: rooms by name, sessions by id and by name. Written by the hub, read by every thread
 * without asking it.
 *
 * Lock-free hash tables of liburcu. Readers: everything found is valid inside the read section only;
 * copy what you need, wait for nothing meanwhile. */
#ifndef HUBBUB_DIRECTORY_H
#define HUBBUB_DIRECTORY_H

#include <hubbub/room.h>
#include <stdbool.h>
#include <stddef.h>

struct directory;

struct directory *directory_new(void);
void directory_free(struct directory *d); /* must be empty; after the threads that read it */

/* Any thread, inside a read section. NULL when there is none. */
struct room *directory_find_room(const struct directory *d, const char *name);
struct session *directory_find_session(const struct directory *d, const char *id);
struct session *directory_find_name(const struct directory *d, const char *username);

/* Calls fn for every room, in no particular order, until it returns false. */
typedef bool directory_room_fn(void *arg, struct room *r);
void directory_each_room(const struct directory *d, directory_room_fn *fn, void *arg);

/* Hub only. Names must not be there yet. What was removed is freed later by the caller. */
void directory_add_room(struct directory *d, struct room *r);
void directory_remove_room(struct directory *d, struct room *r);
void directory_add_session(struct directory *d, struct session *s);
void directory_remove_session(struct directory *d, struct session *s);

#endif
