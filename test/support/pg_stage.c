/*
 * A PostgreSQL server of a test's own: see pg_stage.h. It dies with the test, however that ends.
 */
#include "support/pg_stage.h"

#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <hubbub/check.h>
#include <hubbub/mem.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READY_S = 60 };

struct pg_stage {
    char directory[64], data[80], bin[128];
    pid_t server;
    int databases;
    struct passwd *owner; /* NULL: whoever runs the test */
};

static void find_programs(struct pg_stage *p)
{
    glob_t found;
    INSIST(glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) == 0);
    snprintf(p->bin, sizeof p->bin, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

/* In the child: what a server must not be run as is left behind. */
static void become(const struct pg_stage *p)
{
    if (p->owner != NULL &&
        (setgroups(0, NULL) != 0 || setgid(p->owner->pw_gid) != 0 || setuid(p->owner->pw_uid) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (chdir(p->directory) != 0 || freopen("log", "a", stdout) == NULL || dup2(1, 2) < 0)
        _exit(125);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static pid_t launch(const struct pg_stage *p, const char *program, char *const *args)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", p->bin, program);
    fflush(NULL);
    pid_t pid = fork();
    INSIST(pid >= 0);
    if (pid == 0) {
        become(p);
        execv(path, args);
        _exit(127);
    }
    return pid;
}

static void make_cluster(struct pg_stage *p)
{
    char name[] = "initdb", no_sync[] = "--no-sync", trust[] = "--auth=trust",
         user[] = "--username=hubbub", utf8[] = "--encoding=UTF8", locale[] = "--locale=C",
         where[] = "-D";
    char *args[] = {name, no_sync, trust, user, utf8, locale, where, p->data, NULL};
    int status;
    pid_t pid = launch(p, "initdb", args);
    INSIST(waitpid(pid, &status, 0) == pid && status == 0);
}

static PGconn *connect_to(const char *url)
{
    PGconn *c = PQconnectdb(url);
    if (PQstatus(c) == CONNECTION_OK)
        return c;
    PQfinish(c);
    return NULL;
}

static void url_of(const struct pg_stage *p, const char *database, char *to, size_t space)
{
    snprintf(to, space, "postgres://hubbub@/%s?host=%%2Ftmp%%2F%s", database,
             p->directory + strlen("/tmp/"));
}

void pg_stage_again(struct pg_stage *p)
{
    char name[] = "postgres", data[] = "-D", sockets[] = "-k", no_tcp[] = "-h", nothing[] = "",
         no_fsync[] = "-F", slots[] = "-N", many[] = "40";
    char *args[] = {name,    data,     p->data, sockets, p->directory, no_tcp,
                    nothing, no_fsync, slots,   many,    NULL};
    char url[160];
    p->server = launch(p, "postgres", args);
    url_of(p, "postgres", url, sizeof url);
    for (int i = 0; i < READY_S * 100; i++) {
        PGconn *c = connect_to(url);
        if (c != NULL) {
            PQfinish(c);
            return;
        }
        INSIST(waitpid(p->server, NULL, WNOHANG) == 0);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    INSIST(!"PostgreSQL does not start");
}

struct pg_stage *pg_stage_start(void)
{
    struct pg_stage *p = xcalloc(1, sizeof *p);
    if (geteuid() == 0) {
        p->owner = getpwnam("postgres");
        p->owner = p->owner != NULL ? p->owner : getpwnam("nobody");
    }
    find_programs(p);
    snprintf(p->directory, sizeof p->directory,
             "/tmp/hubbub-postgres-XXXXXX"); /* a socket's path is short */
    INSIST(mkdtemp(p->directory) != NULL);
    snprintf(p->data, sizeof p->data, "%s/data", p->directory);
    if (p->owner != NULL)
        INSIST(chown(p->directory, p->owner->pw_uid, p->owner->pw_gid) == 0);
    INSIST(chmod(p->directory, 0755) == 0);
    make_cluster(p);
    pg_stage_again(p);
    return p;
}

void pg_stage_kill(struct pg_stage *p)
{
    if (p->server > 0) {
        kill(p->server, SIGQUIT); /* its own word for it: nothing is written, all connections end */
        waitpid(p->server, NULL, 0);
    }
    p->server = 0;
}

static void signal_all(const struct pg_stage *p, int sig)
{
    char path[64];
    int child;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)p->server, (int)p->server);
    kill(p->server, sig);
    FILE *f = fopen(path, "r");
    INSIST(f != NULL);
    while (fscanf(f, "%d", &child) == 1)
        kill(child, sig);
    fclose(f);
}

void pg_stage_freeze(struct pg_stage *p, int frozen)
{
    signal_all(p, frozen ? SIGSTOP : SIGCONT);
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void)st;
    (void)what;
    (void)at;
    return remove(path);
}

void pg_stage_stop(struct pg_stage *p)
{
    pg_stage_kill(p);
    nftw(p->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(p);
}

char *pg_stage_database(struct pg_stage *p)
{
    char sql[64], name[16], url[160];
    snprintf(name, sizeof name, "d%d", ++p->databases);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
    url_of(p, "postgres", url, sizeof url);
    pg_stage_run(url, sql);
    url_of(p, name, url, sizeof url);
    return xstrdup(url);
}

void pg_stage_drop(struct pg_stage *p, char *url)
{
    char sql[64], any[160];
    const char *name = strrchr(url, '/') + 1;
    snprintf(sql, sizeof sql, "DROP DATABASE %.*s WITH (FORCE)", (int)strcspn(name, "?"), name);
    url_of(p, "postgres", any, sizeof any);
    pg_stage_run(any, sql);
    free(url);
}

static PGresult *ask(const char *url, const char *sql, PGconn **c)
{
    *c = connect_to(url);
    INSIST(*c != NULL);
    PGresult *res = PQexec(*c, sql);
    ExecStatusType status = PQresultStatus(res);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(*c));
    INSIST(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK);
    return res;
}

int64_t pg_stage_number(const char *url, const char *query)
{
    PGconn *c;
    PGresult *res = ask(url, query, &c);
    int64_t n = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    PQfinish(c);
    return n;
}

void pg_stage_run(const char *url, const char *sql)
{
    PGconn *c;
    PQclear(ask(url, sql, &c));
    PQfinish(c);
}
