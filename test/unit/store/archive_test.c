/* The data from outside: copied while somebody writes, shown page by page, and forgotten. */
#include "helpers.h"

#include <dirent.h>
#include <hubbub/archive.h>

static char why[512];

static void refuses(int got, int wanted, const char *words)
{
    assert_int_equal(got, wanted);
    if (strstr(why, words) == NULL)
        fail_msg("'%s', want '%s'", why, words);
    assert_null(strchr(why, '\n'));
}

static void in_parent(const struct shop *s, char path[160], const char *file)
{
    snprintf(path, 160, "%s/%s", s->parent, file);
}

static int files_in(const char *directory)
{
    int n = 0;
    DIR *d = opendir(directory);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* ---- backups ---------------------------------------------------------------------------------------- */

/* What another life of the server finds when it is given the copy. */
static struct shop *restored(const char *copy)
{
    struct shop *s = shop_new();
    assert_int_equal(mkdir(s->directory, 0700), 0);
    assert_int_equal(rename(copy, s->file), 0);
    shop_open(s);
    return s;
}

static void a_copy_has_it_all(void **state)
{
    (void)state;
    if (shop_postgres != NULL)
        skip(); /* it has pg_dump */
    char copy[160];
    struct stat st;
    uint64_t bytes = 0;
    struct shop *s = shop_started();
    struct change *c = a_room("den", "Den");
    add_epoch(c, "den", "e1", 0);
    add_messages(c, "den", 1, 2);
    add_reaction(c, RECORD_REACTION, "den", 2, "u2", "+");
    shop_put(s, c, 0);
    in_parent(s, copy, "copy");
    mode_t mask = umask(0);
    assert_int_equal(archive_backup(s->directory, copy, &bytes, why, sizeof why), 0);
    umask(mask);
    assert_int_equal(stat(copy, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, bytes);
    assert_int_equal(files_in(s->parent), 2); /* and nothing beside it */
    shop_put(s, a_room("later", ""), 0);      /* the server goes on */

    struct shop *r = restored(copy);
    shop_said(r, "den", 1, 9, "first 1: 1 u1 alice \"1\" at 1; 2 u1 alice \"2\" at 2, + 1");
    shop_kept(r, "room den: Den, , , public, 0 users, 0 s\n"
                 "epoch den: e1, last 2, first 1\n");
    shop_free(r);
    shop_free(s);
}

/* It is one moment, whatever is written meanwhile: no change is there in part, or without those before it. */
static void a_copy_is_one_moment(void **state)
{
    (void)state;
    if (shop_postgres != NULL)
        skip(); /* it has pg_dump */
    enum { N = 1500, COPIES = 5 };
    char copy[160];
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "a", "e", 0);
    add_epoch(c, "b", "e", 0);
    shop_put(s, c, 0);
    uint64_t seq = 0;
    for (int i = 0; i < COPIES; i++) {
        for (int k = 0; k < N; k++) {
            seq++;
            c = change_new();
            add_messages(c, "a", seq, seq);
            add_messages(c, "b", seq, seq);
            shop_post(s, c);
        }
        uint64_t bytes;
        snprintf(copy, sizeof copy, "%s/copy%d", s->parent, i);
        assert_int_equal(archive_backup(s->directory, copy, &bytes, why, sizeof why), 0);
        struct shop *r = restored(copy);
        struct log_head a, b;
        assert_int_equal(store_head(r->store, "a", &a), 0);
        assert_int_equal(store_head(r->store, "b", &b), 0);
        assert_int_equal(a.last, b.last);
        assert_true(a.last <= seq);
        assert_int_equal(shop_count(r, "SELECT count(*) FROM messages"), 2 * a.last);
        shop_free(r);
        shop_wait(s, (size_t)(i + 1) * N + 1);
    }
    shop_free(s);
}

static void a_copy_of_what_a_crash_has_left(void **state)
{
    (void)state;
    if (shop_postgres != NULL)
        skip(); /* it has pg_dump */
    char copy[160], wal[320], database[320];
    uint64_t bytes;
    struct shop *s = shop_started(), *crashed = shop_new();
    shop_put(s, a_room("den", "Den"), 0);
    /* The files as they are now, in the middle of its life: what was written is only in the log. */
    assert_int_equal(mkdir(crashed->directory, 0700), 0);
    snprintf(database, sizeof database, "cp %s %s", s->file, crashed->file);
    snprintf(wal, sizeof wal, "cp %s-wal %s-wal", s->file, crashed->file);
    assert_int_equal(system(database), 0);
    assert_int_equal(system(wal), 0);
    in_parent(s, copy, "copy");
    assert_int_equal(archive_backup(crashed->directory, copy, &bytes, why, sizeof why), 0);
    struct shop *r = restored(copy);
    shop_kept(r, "room den: Den, , , public, 0 users, 0 s\n");
    shop_free(r);
    shop_free(crashed);
    shop_free(s);
}

static void a_copy_takes_nobodys_place(void **state)
{
    (void)state;
    if (shop_postgres != NULL)
        skip(); /* it has pg_dump */
    char copy[160];
    uint64_t bytes;
    struct shop *s = shop_started();
    in_parent(s, copy, "copy");
    assert_int_equal(archive_backup(s->directory, copy, &bytes, why, sizeof why), 0);
    refuses(archive_backup(s->directory, copy, &bytes, why, sizeof why), ERR_SYSTEM,
            "copy is there already");
    in_parent(s, copy, "no/such/directory");
    refuses(archive_backup(s->directory, copy, &bytes, why, sizeof why), ERR_SYSTEM,
            "No such file or directory");
    assert_int_equal(files_in(s->parent), 2);
    shop_free(s);
}

/* Rather none than one that is no good. */
static void what_is_damaged_is_not_copied(void **state)
{
    (void)state;
    if (shop_postgres != NULL)
        skip(); /* it has pg_dump */
    char copy[160];
    uint64_t bytes;
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    add_messages(c, "den", 1, 2000);
    shop_put(s, c, 0);
    shop_close(s);
    FILE *f = fopen(s->file, "r+");
    assert_non_null(f);
    for (long at = 24 * 4096; at < 42 * 4096; at++) {
        fseek(f, at, SEEK_SET);
        fputc('x', f);
    }
    assert_int_equal(fclose(f), 0);
    in_parent(s, copy, "copy");
    refuses(archive_backup(s->directory, copy, &bytes, why, sizeof why), ERR_SYSTEM,
            "the database is damaged");
    assert_int_equal(files_in(s->parent), 1);
    shop_free(s);
}

static int ignore(void *arg, const struct archived *a)
{
    (void)arg;
    (void)a;
    return 0;
}

static void where_there_is_none_nothing_is_made(void **state)
{
    (void)state;
    char copy[160];
    uint64_t bytes;
    struct erased e;
    struct shop *s = shop_new();
    in_parent(s, copy, "copy");
    const char *none = s->url != NULL ? "nothing of a server" : "hubbub.db: No such file";
    if (s->url == NULL)
        refuses(archive_backup(s->directory, copy, &bytes, why, sizeof why), ERR_NOTFOUND, none);
    refuses(archive_export(s->directory, s->url, "den", ignore, NULL, why, sizeof why),
            ERR_NOTFOUND, none);
    refuses(archive_erase(s->directory, s->url, "u1", &e, why, sizeof why), ERR_NOTFOUND,
            ".db: No such file");
    assert_int_equal(files_in(s->parent), 0);
    if (s->url != NULL)
        assert_int_equal(shop_count(s, "SELECT count(*) FROM pg_class WHERE relname = 'hubbub'"),
                         0);
    shop_free(s);
}

static void other_versions_are_told_apart(void **state)
{
    (void)state;
    if (shop_postgres != NULL)
        skip(); /* see the next */
    char copy[160];
    uint64_t bytes;
    sqlite3 *db;
    struct erased e;
    struct shop *s = shop_new();
    assert_int_equal(mkdir(s->directory, 0700), 0);
    in_parent(s, copy, "copy");
    assert_int_equal(sqlite3_open(s->file, &db), SQLITE_OK);
    assert_int_equal(schema_migrate(db, 2, why, sizeof why), 0);
    refuses(archive_export(s->directory, s->url, "den", ignore, NULL, why, sizeof why), ERR_INVALID,
            "start a server of this version once");
    refuses(archive_erase(s->directory, s->url, "u1", &e, why, sizeof why), ERR_INVALID,
            "start a server of this version once");
    assert_int_equal(archive_backup(s->directory, copy, &bytes, why, sizeof why), 0);
    assert_int_equal(unlink(copy), 0);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1234", NULL, NULL, NULL), SQLITE_OK);
    refuses(archive_backup(s->directory, copy, &bytes, why, sizeof why), ERR_INVALID,
            "a newer one has written it");
    assert_int_equal(sqlite3_exec(db, "PRAGMA application_id = 1", NULL, NULL, NULL), SQLITE_OK);
    refuses(archive_backup(s->directory, copy, &bytes, why, sizeof why), ERR_INVALID,
            "the database of another program");
    sqlite3_close(db);
    shop_free(s);
}

static void other_versions_in_postgresql_are_told_apart(void **state)
{
    (void)state;
    if (shop_postgres == NULL)
        skip();
    struct erased e;
    struct shop *s = shop_started();
    shop_close(s);
    pg_stage_run(s->url, "UPDATE hubbub SET version = 1");
    refuses(archive_export(s->directory, s->url, "den", ignore, NULL, why, sizeof why), ERR_INVALID,
            "start a server of this version once");
    refuses(archive_erase(s->directory, s->url, "u1", &e, why, sizeof why), ERR_INVALID,
            "start a server of this version once");
    pg_stage_run(s->url, "UPDATE hubbub SET version = 1234");
    refuses(archive_export(s->directory, s->url, "den", ignore, NULL, why, sizeof why), ERR_INVALID,
            "a newer one has written it");
    refuses(archive_erase(s->directory, s->url, "u1", &e, why, sizeof why), ERR_SYSTEM,
            "a newer program has written it");
    shop_free(s);
}

/* ---- exports ---------------------------------------------------------------------------------------- */

static int tell(void *arg, const struct archived *a)
{
    struct buf *b = arg;
    show_message(b, a->message);
    for (size_t i = 0; i < a->n; i++)
        buf_printf(b, ", %s %s", a->reactions[i].user_id, a->reactions[i].emoji);
    buf_add_char(b, '\n');
    return 0;
}

static void an_export_shows_all_of_a_room(void **state)
{
    (void)state;
    struct buf b = BUF_INIT, expected = BUF_INIT;
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "pub", "e", 0);
    add_epoch(c, "den", "e", 0);
    add_epoch(c, "silent", "e", 0);
    add_messages(c, "pub", 1, 3);
    add_messages(c, "den", 1, 700);
    add_reaction(c, RECORD_REACTION, "den", 300, "u2", "z");
    add_reaction(c, RECORD_REACTION, "den", 301, "u2", "z");
    add_reaction(c, RECORD_REACTION, "den", 301, "u1", "a");
    struct message *m = a_message(700, 700, "", "");
    m->deleted = true;
    add_said(c, "den", m);
    shop_put(s, c, 0);
    for (int seq = 1; seq < 700; seq++)
        buf_printf(&expected, "%d u1 alice \"%d\" at %d%s\n", seq, seq, seq,
                   seq == 300   ? ", u2 z"
                   : seq == 301 ? ", u2 z, u1 a"
                                : "");
    buf_add_str(&expected, "700 u1 alice \"\" at 700, deleted\n");
    assert_int_equal(archive_export(s->directory, s->url, "den", tell, &b, why, sizeof why), 0);
    assert_string_equal(b.data, expected.data);
    buf_clear(&b);
    assert_int_equal(archive_export(s->directory, s->url, "silent", tell, &b, why, sizeof why), 0);
    assert_int_equal(b.len, 0);
    refuses(archive_export(s->directory, s->url, "nowhere", tell, &b, why, sizeof why),
            ERR_NOTFOUND, "there is no log of a room 'nowhere'");
    buf_fini(&b);
    buf_fini(&expected);
    shop_free(s);
}

struct guest {
    struct shop *s;
    int n;
};

/* Something happens at the first message. */
static int end_room(void *arg, const struct archived *a)
{
    struct guest *g = arg;
    if (g->n++ == 0) {
        struct change *c = change_new();
        name(change_add(c, RECORD_LOG_GONE)->room, "den");
        add_epoch(c, "den", "e2", 0);
        add_messages(c, "den", 1, 2000);
        shop_put(g->s, c, 0);
    }
    assert_int_equal(a->message->seq, g->n);
    return 0;
}

static int have_enough(void *arg, const struct archived *a)
{
    (void)a;
    struct guest *g = arg;
    return ++g->n == 5 ? ERR_CLOSED : 0;
}

static void an_export_that_is_cut_off_says_so(void **state)
{
    (void)state;
    struct shop *s = shop_started();
    struct change *c = change_new();
    add_epoch(c, "den", "e", 0);
    add_messages(c, "den", 1, 1000);
    shop_put(s, c, 0);
    struct guest g = {.s = s};
    assert_int_equal(archive_export(s->directory, s->url, "den", have_enough, &g, why, sizeof why),
                     ERR_CLOSED);
    assert_int_equal(g.n, 5);
    g.n = 0;
    refuses(archive_export(s->directory, s->url, "den", end_room, &g, why, sizeof why),
            ERR_NOTFOUND, "the room 'den' was destroyed meanwhile");
    assert_true(g.n < 1000);
    shop_free(s);
}

/* ---- forgetting ------------------------------------------------------------------------------------- */

#define SECRET "the words of the one who goes"

static struct change *a_life(void)
{
    struct change *c = a_room("den", "");
    add_room(c, "pub", "");
    struct record *r = add_user(c, RECORD_RANK, "den", "u1");
    name(r->username, "alice");
    r->rank = RANK_OWNER;
    r = add_user(c, RECORD_RANK, "pub", "u1");
    r->rank = RANK_MEMBER;
    add_user(c, RECORD_RANK, "pub", "u2")->rank = RANK_OWNER;
    r = add_sanction(c, "pub", "u1", ACTION_BAN, 0);
    name(r->username, "alice");
    name(r->by_id, "u2");
    name(r->by, "bob");
    r->reason = xstrdup(SECRET);
    r = add_sanction(c, "den", "u2", ACTION_MUTE, 0);
    name(r->username, "bob");
    name(r->by_id, "u1");
    name(r->by, "alice");
    r = add_ledger(c, "pub", 1);
    name(r->username, "alice");
    r->reason = xstrdup(SECRET);
    r = add_ledger(c, "den", 1);
    name(r->user_id, "u2");
    name(r->username, "bob");
    name(r->by_id, "u1");
    name(r->by, "alice");
    r = add_invite(c, "den", "made", 0);
    name(r->by_id, "u1");
    name(add_invite(c, "den", "got", 0)->user_id, "u1");
    add_pair(c, "dm:1", "u2", "bob");
    add_epoch(c, "dm:1", "e", 0);
    r = add_pair(c, "dm:2", "u1", "alice");
    name(r->user_id, "u3");
    name(r->username, "carol");
    add_epoch(c, "dm:2", "e", 0);
    name(add_block(c, RECORD_BLOCK, "u2", "u1", 3)->username, "alice");
    add_block(c, RECORD_BLOCK, "u1", "u3", 3);
    add_block(c, RECORD_BLOCK, "u3", "u2", 3);
    add_epoch(c, "den", "e", 0);
    add_said(c, "den", a_message(1, 1, "id", SECRET));
    struct message *m = a_message(2, 2, "", SECRET);
    m->edited_ts = 3;
    m->reply_to = 1;
    add_said(c, "den", m);
    m = a_message(3, 3, "", "of bob");
    m->user_id = "u2";
    m->username = "bob";
    add_said(c, "den", m);
    add_reaction(c, RECORD_REACTION, "den", 1, "u2", "+");
    add_reaction(c, RECORD_REACTION, "den", 3, "u1", "+");
    add_reaction(c, RECORD_REACTION, "den", 3, "u2", "+");
    return c;
}

/* Does the database, on the disk? */
static bool holds(const struct shop *s, const char *words)
{
    char command[256];
    if (s->url == NULL) {
        snprintf(command, sizeof command, "grep -qaF '%s' %s*", words, s->file);
    } else {
        pg_stage_run(s->url, "CHECKPOINT");
        snprintf(command, sizeof command, "grep -qaF '%s' $(find /tmp/%s/data/base/%lld -type f)",
                 words, strstr(s->url, "%2Ftmp%2F") + strlen("%2Ftmp%2F"),
                 (long long)shop_count((struct shop *)(uintptr_t)s,
                                       "SELECT oid FROM pg_database WHERE datname ="
                                       " current_database()"));
    }
    return system(command) == 0;
}

static void a_user_is_forgotten(void **state)
{
    (void)state;
    struct erased e;
    struct shop *s = shop_started();
    if (s->url == NULL)
        shop_exec(s, "PRAGMA secure_delete = OFF"); /* a file with the past in it */
    shop_put(s, a_life(), 0);
    struct change *c = change_new();
    add_said(c, "den", a_message(4, 4, "", SECRET " before the edit"));
    shop_put(s, c, 0);
    c = change_new();
    add_said(c, "den", a_message(4, 4, "", "edited"));
    add_epoch(c, "gone", "e", 0);
    for (uint64_t seq = 1; seq <= 300; seq++)
        add_said(c, "gone", a_message(seq, 1, "", SECRET));
    shop_put(s, c, 0);
    c = change_new();
    name(change_add(c, RECORD_LOG_GONE)->room, "gone");
    shop_put(s, c, 0);
    SHOP_UNTIL(shop_count(s, "SELECT count(*) FROM logs") == 3);
    shop_close(s);
    assert_true(holds(s, SECRET));
    assert_int_equal(archive_erase(s->directory, s->url, "u1", &e, why, sizeof why), 0);
    assert_int_equal(e.messages, 3);
    assert_int_equal(e.reactions, 1);
    assert_int_equal(e.ranks, 2);
    assert_int_equal(e.sanctions, 1);
    assert_int_equal(e.ledger, 2);
    assert_int_equal(e.ownerless, 1);
    assert_false(holds(s, SECRET));
    assert_false(holds(s, "alice"));

    shop_open(s);
    shop_said(s, "den", 1, 9,
              "first 1: 1  erased \"\" at 1, deleted; 2  erased \"\" at 2, to 1, deleted; "
              "3 u2 bob \"of bob\" at 3, + 1; 4  erased \"\" at 4, deleted");
    shop_kept(s, "room den: , , , public, 0 users, 0 s\n"
                 "room pub: , , , public, 0 users, 0 s\n"
                 "rank pub: u2  owner\n"
                 "sanction den: mute u2 bob by erased  guest, , 0 to 0, entry 0\n"
                 "sanction pub: ban u1 erased by bob u2 guest, , 0 to 0, entry 0\n"
                 "ledger den 1: kick u2 bob by erased  guest, , 0 to 0\n"
                 "ledger pub 1: kick  erased by   guest, , 0 to 0\n"
                 "invite den: made for  by  to 0\n"
                 "block: u3 of u2  at 3\n"
                 "epoch den: e, last 4, first 1\n"
                 "pair dm:1: dm:1 erased and u2 bob, last 0 at 5\n"
                 "pair dm:2: u3 carol and dm:2 erased, last 0 at 5\n");
    shop_free(s);
}

static void whom_nobody_knows_cannot_be_forgotten(void **state)
{
    (void)state;
    struct erased e;
    struct shop *s = shop_started();
    shop_put(s, a_life(), 0);
    shop_close(s);
    refuses(archive_erase(s->directory, s->url, "u9", &e, why, sizeof why), ERR_NOTFOUND,
            "nothing is kept of a user with the id 'u9'");
    shop_open(s);
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages WHERE deleted <> 0"), 0);
    shop_free(s);
}

static void while_a_server_runs_nobody_is_forgotten(void **state)
{
    (void)state;
    struct erased e;
    struct shop *s = shop_started();
    shop_put(s, a_life(), 0);
    refuses(archive_erase(s->directory, s->url, "u1", &e, why, sizeof why), ERR_AGAIN,
            "in use by another server");
    assert_int_equal(shop_count(s, "SELECT count(*) FROM messages WHERE deleted <> 0"), 0);
    shop_put(s, a_room("more", ""), 0);
    shop_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_has_it_all),
        cmocka_unit_test(a_copy_is_one_moment),
        cmocka_unit_test(a_copy_of_what_a_crash_has_left),
        cmocka_unit_test(a_copy_takes_nobodys_place),
        cmocka_unit_test(what_is_damaged_is_not_copied),
        cmocka_unit_test(where_there_is_none_nothing_is_made),
        cmocka_unit_test(other_versions_are_told_apart),
        cmocka_unit_test(other_versions_in_postgresql_are_told_apart),
        cmocka_unit_test(an_export_shows_all_of_a_room),
        cmocka_unit_test(an_export_that_is_cut_off_says_so),
        cmocka_unit_test(a_user_is_forgotten),
        cmocka_unit_test(whom_nobody_knows_cannot_be_forgotten),
        cmocka_unit_test(while_a_server_runs_nobody_is_forgotten),
    };
    return SHOP_TESTS(argc, argv, "archive", tests);
}
