/* Sessions: made by a client, then the hub's. */
#include <errno.h>
#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <hubbub/room.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* 2n hex digits of randomness that cannot be guessed. */
static void random_hex(char *out, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[32];
    REQUIRE(n <= sizeof bytes);
    while (getrandom(bytes, n, 0) != (ssize_t)n)
        INSIST(errno == EINTR);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

struct session *session_new(enum dialect dialect, const char *user_id, const char *username,
                            struct outbox *outbox)
{
    REQUIRE(strlen(user_id) <= USER_ID_MAX);
    struct session *s = xcalloc(1, sizeof *s);
    s->magic = SESSION_MAGIC;
    random_hex(s->id, SESSION_ID_MAX / 2);
    strcpy(s->user_id, user_id);
    s->dialect = dialect;
    s->outbox = outbox;
    text_copy(s->username, sizeof s->username, username, strlen(username));
    return s;
}

void session_free(struct session *s)
{
    REQUIRE(MAGIC_OK(s, SESSION_MAGIC) && s->members == NULL);
    s->magic = 0;
    if (s->released != NULL)
        s->released(s->owner);
    free(s->token);
    free(s->grants);
    free(s);
}

static void free_session(struct rcu_head *head)
{
    rcu_deferred();
    session_free(caa_container_of(head, struct session, rcu));
}

void session_free_later(struct session *s)
{
    rcu_defer(&s->rcu, free_session);
}

struct member *session_find(const struct session *s, const char *room)
{
    for (struct member *m = s->members; m != NULL; m = m->next)
        if (strcmp(m->room->name, room) == 0)
            return m;
    return NULL;
}
