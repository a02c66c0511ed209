/*
 * The bare chat server to compare with: what its files share. One process, one thread, one epoll loop.
 *
 *   peer-bare.c            main, sockets and the loop, frames
 *   peer-bare-handshake.c  the upgrade
 *   peer-bare-chat.c       requests, rooms, and the output of each client
 */
#ifndef PEER_BARE_H
#define PEER_BARE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    RECV_MAX = 256 * 1024,      // bytes taken from a socket at once
    MESSAGE_MAX = 16 * 1024,    // payload of a client's frame
    OUT_FIRST = 16 * 1024,      // size of a pooled output buffer
    OUT_MAX = 16 * 1024 * 1024, // a client further behind than this is dropped
    ROOM_BUCKETS = 4096,
    NAME_MAX_BYTES = 64,
};

struct slice {
    const char *at;
    size_t len;
};

struct room {
    struct room *next; // in its hash bucket
    struct client **members;
    size_t n, cap;
    char name[NAME_MAX_BYTES + 1];
};

struct client {
    int fd;
    bool open;    // the handshake is done
    bool dead;    // close at the end of the turn
    bool closing; // said goodbye: close once the output is out
    bool dirty;   // in the list of clients with fresh output
    bool waiting; // EPOLLOUT is asked for
    struct room *room;
    size_t slot; // index in room->members
    char *rest;  // an incomplete frame or request
    size_t rest_len;
    char *out;
    size_t out_len, out_cap, out_sent;
    char username[NAME_MAX_BYTES + 1];
};

extern int epoll_fd;
extern size_t max_per_room;

/* Ends the program when there is none. */
void *need(void *p);

/* ---- output ---- */

/* To be looked at when the turn ends: sent to, or let go. */
void mark_dirty(struct client *c);
void out_append(struct client *c, const char *bytes, size_t len);
size_t frame_header(char *to, unsigned opcode, size_t len);
void end_turn(void);

/* ---- what clients ask for ---- */

size_t take_handshake(struct client *c, char *buf, size_t len);
void client_join(struct client *c, struct slice name);
void on_text(struct client *c, const char *p, size_t len);

#endif
