/* The directory: rooms by name, sessions by id, users by id and by what their names look like. Written by
 * the hub, read by every thread without asking it.
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
struct user *directory_find_user(const struct directory *d, const char *id);
struct user *directory_find_key(const struct directory *d, const char *key); /* lookalike_key() */
struct user *directory_find_glance(const struct directory *d, uint64_t glance);

/* Calls fn for every room, in no particular order, until it returns false. */
typedef bool directory_room_fn(void *arg, struct room *r);
void directory_each_room(const struct directory *d, directory_room_fn *fn, void *arg);

/* Any thread, inside a read section or outside. */
bool directory_is_operator(const struct directory *d, const char *user_id);
/* Banned from the whole server; operators never are. */
bool directory_is_barred(const struct directory *d, const char *user_id);
/* The rank of a session in a room that it is in; RANK_GUEST elsewhere; operators are that everywhere. */
enum rank directory_rank(const struct directory *d, const struct session *s, const char *room);
/* Moderates it, and it is a kept room: running an open one is too cheap to count. */
bool directory_moderates(const struct directory *d, const struct session *s, const char *room);
/* The hash of the room's password; false when there is no such room, or no password. */
bool directory_password(const struct directory *d, const char *room, char hash[129]);

/* Hub only. What is added must not be there yet. What was removed is freed later by the caller. */
void directory_add_room(struct directory *d, struct room *r);
void directory_remove_room(struct directory *d, struct room *r);
void directory_add_session(struct directory *d, struct session *s);
void directory_remove_session(struct directory *d, struct session *s);
void directory_add_user(struct directory *d, struct user *u);
void directory_remove_user(struct directory *d, struct user *u);
void directory_set_operators(struct directory *d, char *const *ids, size_t n); /* copied */
void directory_set_bars(struct directory *d, const struct books *books); /* from the server's */

#endif
