/* Changes on their way to PostgreSQL: a whole batch is one transaction and one pipeline, so that it costs one round trip
 * however many records it has. Results are counted: the nth belongs to the nth statement. */
#include "store/postgres.h"

#include <hubbub/check.h>
#include <hubbub/clock.h>
#include <hubbub/err.h>
#include <hubbub/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PUMP = 64 }; /* statements between two looks at the socket */

struct batch {
    struct postgres *p;
    size_t sent, got;
    size_t space;
    uint32_t *owner; /* of each statement: the change */
    bool synced;     /* all results are in */
    bool failed;
    size_t at; /* the statement that failed */
};

/* ---- the pipeline -------------------------------------------------------------------------------- */

static void take_result(struct batch *b)
{
    struct link *l = &b->p->link;
    PGresult *res = PQgetResult(l->conn);
    if (res == NULL) {
        b->got++;
        return;
    }
    switch (PQresultStatus(res)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_PIPELINE_ABORTED: break;
    case PGRES_PIPELINE_SYNC: b->synced = true; break;
    default:
        if (!b->failed) {
            b->failed = true;
            b->at = b->got;
            link_blame(l, res);
        }
    }
    PQclear(res);
}

/* Sends, and takes what has come; to_end: until all results are in. Else until all is sent. */
static int pump(struct batch *b, bool to_end)
{
    struct link *l = &b->p->link;
    for (;;) {
        while (!PQisBusy(l->conn) && (b->got < b->sent || to_end) && !b->synced)
            take_result(b);
        int more = PQflush(l->conn);
        if (more == 0 && (!to_end || b->synced))
            return 0;
        if (link_wait(l, clock_now() + SILENCE_MS * NS_PER_MS) != 0)
            return ERR_SYSTEM;
    }
}

static int send_statement(struct batch *b, char kind, int number, const struct pg_values *v,
                          size_t owner)
{
    char name[16];
    struct link *l = &b->p->link;
    snprintf(name, sizeof name, "%c%d", kind, number);
    if (b->sent == b->space) {
        b->space = b->space == 0 ? 256 : 2 * b->space;
        b->owner = xrealloc(b->owner, b->space * sizeof b->owner[0]);
    }
    b->owner[b->sent++] = (uint32_t)owner;
    if (PQsendQueryPrepared(l->conn, name, v != NULL ? v->n : 0, v != NULL ? v->value : NULL, NULL,
                            NULL, 0) != 1) {
        snprintf(l->error, sizeof l->error, "%.*s", (int)strcspn(PQerrorMessage(l->conn), "\n"),
                 PQerrorMessage(l->conn));
        return ERR_SYSTEM;
    }
    return b->sent % PUMP == 0 ? pump(b, false) : 0;
}

/* ---- records ------------------------------------------------------------------------------------- */

static int send_row(struct batch *b, const struct record *r, size_t owner)
{
    int number = statement_of(r);
    const struct pg_statement *s = &b->p->writes[number];
    struct pg_values v = {.n = 0};
    for (int i = 0; i < s->nparams; i++) {
        struct field_value f = field_get(r, s->field[i]);
        if (f.kind == FIELD_TEXT)
            values_text(&v, f.text);
        else
            values_number(&v, f.number);
    }
    return send_statement(b, 'w', number, &v, owner);
}

static int send_epoch(struct batch *b, const struct record *r, size_t owner)
{
    struct pg_values room = {.n = 0}, epoch = {.n = 0}, kept = {.n = 0};
    values_text(&room, r->room);
    values_text(&epoch, r->room);
    values_text(&epoch, r->epoch);
    values_number(&epoch, (int64_t)r->seq);
    values_text(&kept, r->room);
    values_number(&kept, EPOCHS_KEPT);
    int err = send_statement(b, 'l', DO_MAKE, &room, owner);
    if (err == 0)
        err = send_statement(b, 'l', DO_EPOCH, &epoch, owner);
    return err != 0 ? err : send_statement(b, 'l', DO_OLD_EPOCHS, &kept, owner);
}

static int send_mentions(struct batch *b, const struct record *r, size_t owner)
{
    struct pg_values v = {.n = 0};
    values_text(&v, r->room);
    values_number(&v, (int64_t)r->message->seq);
    values_number(&v, r->message->ts);
    values_text(&v, r->message->mentions);
    return send_statement(b, 'l', DO_MENTION, &v, owner);
}

/* Of one that was said before the mark, as it is edited, or late. */
static int send_words(struct batch *b, const struct message *m, const struct pg_values *key,
                      size_t owner)
{
    struct buf words = BUF_INIT;
    struct pg_values v = {.n = 0};
    if (!postgres_is_indexed(b->p, m->ts)) {
        b->p->wordless = true;
        return 0;
    }
    int err = postgres_words_of(b->p, m, &words);
    values_text(&v, key->value[0]);
    values_text(&v, key->value[1]);
    values_text(&v, words.data);
    if (err == 0)
        err = send_statement(b, 'l', DO_WORDS_PUT, &v, owner);
    buf_fini(&words);
    return err;
}

/* They are said. */
static int send_files(struct batch *b, const struct message *m, const struct pg_values *key,
                      size_t owner)
{
    struct pg_values v = {.n = 0};
    values_text(&v, key->value[0]);
    values_text(&v, key->value[1]);
    values_text(&v, m->files);
    return send_statement(b, 'l', DO_SAY_FILES, &v, owner);
}

/* What goes with a message that is a tombstone from now on. */
static int send_removal(struct batch *b, const struct pg_values *key, size_t owner)
{
    int err = send_statement(b, 'l', DO_NO_REACTIONS, key, owner);
    if (err == 0)
        err = send_statement(b, 'l', DO_NO_MENTIONS, key, owner);
    b->p->gone_files = true;
    return err != 0 ? err : send_statement(b, 'l', DO_LET_GO_FILES, key, owner);
}

static int send_message(struct batch *b, const struct record *r, size_t owner)
{
    const struct message *m = r->message;
    struct pg_values v = {.n = 0};
    values_text(&v, r->room);
    values_number(&v, (int64_t)m->seq);
    if (b->p->per_room > 0)
        postgres_touch(b->p, r->room);
    struct pg_values key = v;
    key.value[1] = key.digits[1];
    values_number(&v, m->ts);
    values_text(&v, m->user_id);
    values_text(&v, m->username);
    values_text(&v, m->id);
    values_number(&v, (int64_t)m->reply_to);
    values_number(&v, m->edited_ts);
    values_number(&v, m->deleted + m->taken_back);
    values_text(&v, m->content);
    values_text(&v, m->files);
    values_text(&v, m->mentions);
    bool is_new = m->edited_ts == 0 && !m->deleted && !postgres_is_indexed(b->p, m->ts);
    int err = is_new ? 0 : send_statement(b, 'l', DO_WORDS_TAKE, &key, owner);
    if (err == 0)
        err = send_statement(b, 'l', DO_MESSAGE, &v, owner);
    if (err == 0)
        err = send_words(b, m, &key, owner);
    if (err == 0 && m->files[0] != '\0')
        err = send_files(b, m, &key, owner);
    if (err == 0 && m->mentions[0] != '\0')
        err = send_mentions(b, r, owner);
    return err != 0 || !m->deleted ? err : send_removal(b, &key, owner);
}

static int send_file(struct batch *b, const struct record *r, size_t owner)
{
    struct pg_values v = {.n = 0};
    postgres_file_values(r->file, &v);
    return send_statement(b, 'l', DO_FILE, &v, owner);
}

static int send_reaction(struct batch *b, const struct record *r, size_t owner)
{
    struct pg_values v = {.n = 0};
    values_text(&v, r->room);
    values_number(&v, (int64_t)r->seq);
    values_text(&v, r->user_id);
    values_text(&v, r->emoji);
    return send_statement(b, 'l', r->type == RECORD_REACTION ? DO_REACTION : DO_REACTION_GONE, &v,
                          owner);
}

static int send_forget(struct batch *b, const struct record *r, size_t owner)
{
    struct pg_values v = {.n = 0};
    values_text(&v, r->room);
    b->p->nameless = true;
    b->p->gone_files = true;
    int err = send_statement(b, 'l', DO_FORGET_FILES, &v, owner);
    return err != 0 ? err : send_statement(b, 'l', DO_FORGET, &v, owner);
}

static int send_record(struct batch *b, const struct record *r, size_t owner)
{
    int err;
    switch (r->type) {
    case RECORD_EPOCH: return send_epoch(b, r, owner);
    case RECORD_MESSAGE: return send_message(b, r, owner);
    case RECORD_REACTION:
    case RECORD_REACTION_GONE: return send_reaction(b, r, owner);
    case RECORD_FILE: return send_file(b, r, owner);
    case RECORD_LOG_GONE: return send_forget(b, r, owner);
    case RECORD_ROOM_GONE:
        err = send_row(b, r, owner);
        return err != 0 ? err : send_forget(b, r, owner);
    default: return send_row(b, r, owner);
    }
}

/* ---- a batch ------------------------------------------------------------------------------------- */

static int send_all(struct batch *b, struct change *const *changes, size_t n)
{
    int err = send_statement(b, 'l', DO_BEGIN, NULL, n);
    for (size_t i = 0; i < n && err == 0; i++)
        for (const struct record *r = changes[i]->first; r != NULL && err == 0; r = r->next)
            err = send_record(b, r, i);
    return err != 0 ? err : send_statement(b, 'l', DO_COMMIT, NULL, n);
}

/* Is it the record that is wrong: an integrity constraint (23), or data that no column takes (22)? */
static int whose_fault(struct batch *b, size_t n, size_t *at)
{
    const struct link *l = &b->p->link;
    size_t owner = b->at < b->sent ? b->owner[b->at] : n;
    if (owner == n || l->state[0] != '2' || (l->state[1] != '3' && l->state[1] != '2'))
        return ERR_SYSTEM;
    *at = owner;
    return ERR_INVALID;
}

static int run(struct batch *b, struct change *const *changes, size_t n, size_t *at)
{
    struct link *l = &b->p->link;
    if (PQenterPipelineMode(l->conn) != 1)
        return ERR_SYSTEM;
    int err = send_all(b, changes, n);
    if (err == 0 && PQpipelineSync(l->conn) != 1)
        err = ERR_SYSTEM;
    if (err == 0)
        err = pump(b, true);
    if (err != 0) { /* in the middle of a pipeline nothing else can be said on it */
        link_close(l);
        return err;
    }
    while (PQexitPipelineMode(l->conn) != 1) {
        PGresult *res = PQgetResult(l->conn);
        INSIST(res != NULL);
        PQclear(res);
    }
    if (!b->failed)
        return 0;
    struct link blamed = *l; /* keeps the words */
    err = whose_fault(b, n, at);
    if (link_run(l, "ROLLBACK") != 0)
        return ERR_SYSTEM;
    memcpy(l->error, blamed.error, sizeof l->error);
    return err;
}

static bool is_sound(struct postgres *p, struct change *const *changes, size_t n, size_t *at)
{
    for (size_t i = 0; i < n; i++)
        for (const struct record *r = changes[i]->first; r != NULL; r = r->next)
            if ((r->type == RECORD_MESSAGE ? r->message->seq : r->seq) > PG_SEQ_MAX) {
                snprintf(p->error, sizeof p->error, "a seq that is too large");
                *at = i;
                return false;
            }
    return true;
}

int postgres_write(struct db *db, struct change *const *changes, size_t n, size_t *at)
{
    struct postgres *p = postgres_of(db);
    if (p->state != PG_READY)
        return ERR_SYSTEM;
    if (!is_sound(p, changes, n, at))
        return ERR_INVALID;
    struct batch b = {.p = p};
    int err = postgres_words_know(p);
    if (err == 0)
        err = run(&b, changes, n, at);
    free(b.owner);
    if (err != 0)
        postgres_failed(p);
    return err;
}
