/* A question to the hub whose answer its asker waits for, and may have to fetch something from the disk for: the hub
 * itself never reads there. The hub says what it lacks and gives the request back; the asker's own thread reads it and
 * asks again, until the hub has all it needs. */
#ifndef HUB_ERRAND_H
#define HUB_ERRAND_H

#include <hubbub/hub.h>
#include <hubbub/listing.h>
#include <hubbub/outbox.h>
#include <hubbub/rcu.h>

enum need {
    NEED_HEAD = 1,      /* where the log of a room ends that is not in memory */
    NEED_POSITION = 2,  /* whether `since` and `epoch` are a position in the log */
    NEED_PAGE = 4,      /* the messages `from` to `to` */
    NEED_SEARCH = 8,    /* the first `to` that have the words of the request */
    NEED_MENTIONS = 16, /* the first `to` that mention the user, from the request's cursor on */
    NEED_MARKS = 32,    /* how far the user has read */
};

enum { GONE_BUCKETS = 1024 };
enum { ERRAND_TRIES = 8 }; /* times that something may be lacking: a busy room goes on meanwhile */

/* Used by its asker and by the hub in turn. */
struct errand {
    struct outbox done; /* gets one empty frame each time the hub is through */
    struct rcu_head rcu;

    /* the hub's answer */
    unsigned need; /* enum need; 0: it is done */
    struct request request;
    char room[NAME_MAX_BYTES + 1];
    uint64_t from, to;
    struct buf text;      /* of a CALL, a READ or an UPLOADED: JSON for its asker */
    enum problem problem; /* ADMIT: why not */
    /* ADMIT: who it is, "": nobody in particular; else whose session asks */
    char user_id[NAME_MAX_BYTES + 1];

    /* the asker's */
    const struct asker *asker; /* READ, ADMIT, UPLOADED: who looks */
    const char *address;       /* of whoever asks; NULL: this machine */
    const struct file *file;   /* UPLOADED; ADMIT: to be read, NULL: to say something */
    uint64_t file_written;     /* ADMIT: the latest change on the disk before it was found there */
    unsigned tries;
    int err;       /* what is lacking could not be read */
    unsigned have; /* enum need: what follows is there */
    uint32_t gone; /* rooms of this bucket that were gone before any of it was read */
    struct log_head head;
    bool position_good;
    uint32_t amendments; /* of the room by then */
    struct history_page page;
    struct found_page found;
    struct before_search *before; /* of NEED_SEARCH, NEED_MENTIONS */
    bool goes_on;                 /* the hub's: `found` is to get more behind what it has */
    struct found_place last;      /* of what was found */
    uint64_t *without;            /* the hub's, owned: logs that need not be searched */
    size_t nwithout;
    int64_t give_up_at;     /* then no more is looked for */
    int marks_err;          /* then the marks could not be read, which hinders nothing */
    uint64_t marks_written; /* the latest change that was on the disk before they were */
    struct mark_page marks;
};

/* What was so before the disk was searched. */
struct before_search {
    uint64_t written;            /* the latest change that was on it */
    uint32_t gone[GONE_BUCKETS]; /* rooms_gone() of all */
};

/* Hub: asks for what is lacking, unless nothing more can be had: then false, and the hub must do without. */
bool errand_need(struct hub *h, struct event *e, unsigned need, uint64_t from, uint64_t to,
                 const struct room *r);
/* Hub: is what was fetched still so, beside what is in memory? The room may have gone and come again, or a change of
 * an older message have come to the disk just after it was read. */
bool errand_has_page(const struct hub *h, const struct event *e, const struct room *r);
/* Hub: was that message fetched, or would have been if it were kept? */
bool errand_covers(const struct hub *h, const struct event *e, const struct room *r, uint64_t from,
                   uint64_t to);
/* Hub: the message of the page, or NULL. */
struct history_row *errand_row(const struct hub *h, const struct event *e, const struct room *r,
                               uint64_t seq);
/* Hub: for a row of what was found: has no room of this name gone meanwhile? */
bool errand_is_recent(const struct hub *h, const struct event *e, const char *room);
/* Hub: it is through with it. */
void errand_done(struct errand *x);

/* Rooms that went out of memory, counted in buckets by name; a head read before that may be old. */
uint32_t rooms_gone(const struct hub *h, const char *name); /* any thread */
void count_gone(struct hub *h, const char *name);           /* hub */

#endif
