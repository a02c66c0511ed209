/* What the hub may be told anew while it runs: a reload's values, carried by EVENT_SETTINGS. */
#ifndef HUBBUB_SETTINGS_H
#define HUBBUB_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct settings {
    uint32_t max_per_room;         /* users; 0: no limit */
    uint32_t max_rooms;            /* of the whole server */
    uint32_t max_rooms_per_client; /* that one connection may be in */
    uint32_t notice_limit;         /* users above which join and leave notices are merged */
    bool open_rooms;               /* a join makes a room that isn't there */
    bool rate_limits;              /* also for what costs memory for good */
    uint32_t history_memory;       /* latest messages of a room in memory */
    size_t history_memory_bytes;   /* and what they may take */
    int64_t retain_ms;             /* older messages are kept nowhere; 0: for ever */
    uint64_t retain_messages;      /* nor are more of one room; 0: any number */
    int64_t edit_window_ms, delete_window_ms;
    char **operators; /* owned: user ids */
    size_t noperators;
};

/* Everything in it is copied. */
struct settings *settings_copy(const struct settings *like);
void settings_free(struct settings *s);

#endif
