/* The command line: one table of options, one of scenarios. */
#include "hubbub-bench.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options opt;

const struct scenario scenarios[] = {
    {"fanout",
     "one room; --senders of --members talk",
     run_traffic,
     {.rooms = 1, .members = 100, .senders = 1, .window = 32}},
    {"rooms",
     "--rooms of --members, everybody talks; --rate is deliveries/s",
     run_traffic,
     {.rooms = 100, .members = 10, .window = 1}},
    {"burst",
     "one room, every member sends --count messages at once, again and again",
     run_traffic,
     {.rooms = 1, .members = 100, .count = 20}},
    {"slow",
     "one room, --slow of --members read at a trickle or not at all",
     run_traffic,
     {.rooms = 1, .members = 100, .senders = 1, .window = 8, .slow = 10, .trickle = 512}},
    {"crowd",
     "--connections in rooms of --members, a message a second in every tenth room",
     run_traffic,
     {.connections = 15000, .members = 10, .senders = 1}},
    {"idle",
     "--connections that say nothing (in rooms of --members, or none)",
     run_idle,
     {.connections = 10000}},
    {"churn",
     "--rate times a second connect, join, leave and close",
     run_churn,
     {.rate = 2000, .rooms = 50, .connections = 4000}},
    {"return",
     "--connections in rooms of --members hang up, miss --missed, and come back at once",
     run_return,
     {.connections = 10000, .members = 100, .count = 10, .missed = 20, .rate = 100, .full = true}},
    {"joins",
     "--rate joins/s into --rooms, every other one with the latest 50 messages",
     run_joins,
     {.rate = 500, .rooms = 10, .connections = 200, .full = true}},
    {"acked",
     "--senders have --window messages under way until each is confirmed",
     run_acked,
     {.senders = 1, .window = 1, .full = true}},
    {0},
};

enum kind { TEXT, NUMBER, REAL, FLAG };

static const struct row {
    const char *name;
    enum kind kind;
    size_t at;
    const char *arg, *help;
} rows[] = {
#define ROW(name, kind, field, arg, help)                      \
    {                                                          \
        name, kind, offsetof(struct options, field), arg, help \
    }
    ROW("host", TEXT, host, "ADDRESS", "server (127.0.0.1)"),
    ROW("port", NUMBER, port, "N", "its port (8080)"),
    ROW("unix", TEXT, unix_path, "PATH", "its Unix socket instead"),
    ROW("remote", FLAG, remote, NULL, "allow an address that is not loopback"),
    ROW("full", FLAG, full, NULL, "ask for the dialect hubbub.v1 (classic)"),
    ROW("duration", REAL, duration, "SECONDS", "time measured (5)"),
    ROW("warmup", REAL, warmup, "SECONDS", "traffic before that (1)"),
    ROW("drain", REAL, drain, "SECONDS", "longest wait for the rest (10)"),
    ROW("connections", NUMBER, connections, "N", "idle, crowd"),
    ROW("rooms", NUMBER, rooms, "N", "number of rooms"),
    ROW("members", NUMBER, members, "N", "members of each"),
    ROW("senders", NUMBER, senders, "N", "how many of them talk (all, if not named above)"),
    ROW("window", NUMBER, window, "N", "a sender's messages not yet back, closed loop"),
    ROW("rate", REAL, rate, "N", "messages/s instead of --window; latency from the time meant"),
    ROW("size", NUMBER, size, "BYTES", "of a message's content (128)"),
    ROW("count", NUMBER, count, "N", "burst: messages each"),
    ROW("missed", NUMBER, missed, "N", "return: messages to each room meanwhile"),
    ROW("slow", NUMBER, slow, "N", "slow readers"),
    ROW("trickle", NUMBER, trickle, "BYTES", "what half of them read a second; the rest: nothing"),
    ROW("parallel", NUMBER, parallel, "N", "handshakes and joins under way at once (64)"),
    ROW("server-pid", NUMBER, server_pid, "PID", "report CPU, threads and memory of this process"),
    ROW("json", TEXT, json, "FILE", "write the results there too"),
    ROW("quiet", FLAG, quiet, NULL, "no table, only failures"),
#undef ROW
};
enum { ROWS = sizeof rows / sizeof *rows };

static void print_defaults(FILE *to, const struct scenario *s)
{
    for (const struct row *r = rows; r < rows + ROWS; r++) {
        const char *field = (const char *)&s->defaults + r->at;
        double v = r->kind == NUMBER ? (double)*(const long *)field
                   : r->kind == REAL ? *(const double *)field
                                     : 0;
        if (v > 0)
            fprintf(to, " --%s %.0f", r->name, v);
    }
    fputc('\n', to);
}

static void usage(FILE *to)
{
    fprintf(to, "usage: hubbub-bench [--scenario NAME] [options]\n\n"
                "scenarios, each with the options it starts from\n");
    for (const struct scenario *s = scenarios; s->name; s++) {
        fprintf(to, "  %-10s %s\n            ", s->name, s->help);
        print_defaults(to, s);
    }
    fprintf(to,
            "\noptions, defaults for all scenarios in (brackets)\n"
            "  --%-12s %-8s one of those above (fanout)\n",
            "scenario", "NAME");
    for (const struct row *r = rows; r < rows + ROWS; r++)
        fprintf(to, "  --%-12s %-8s %s\n", r->name, r->arg ? r->arg : "", r->help);
}

static void bad(const char *what, const char *value)
{
    fprintf(stderr, "hubbub-bench: %s: %s (see --help)\n", what, value);
    exit(2);
}

static void set(const struct row *r, const char *value)
{
    void *field = (char *)&opt + r->at;
    char *end = NULL;
    if (r->kind == TEXT) {
        *(const char **)field = value;
    } else if (r->kind == FLAG) {
        *(bool *)field = true;
    } else if (r->kind == NUMBER) {
        long v = strtol(value, &end, 10);
        if (*end || end == value || v < 0)
            bad(r->name, value);
        *(long *)field = v;
    } else {
        double v = strtod(value, &end);
        if (*end || end == value || v < 0)
            bad(r->name, value);
        *(double *)field = v;
    }
}

/* The scenario's own defaults come first, wherever on the line it is named. */
static void set_defaults(int argc, char **argv)
{
    const char *name = "fanout";
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--scenario=", 11))
            name = argv[i] + 11;
        else if (!strcmp(argv[i], "--scenario") && i + 1 < argc)
            name = argv[i + 1];
    }
    const struct scenario *s = scenarios;
    while (s->name && strcmp(s->name, name))
        s++;
    if (!s->name)
        bad("no such scenario", name);
    opt = s->defaults;
    opt.scenario = s;
    opt.host = "127.0.0.1";
    opt.port = 8080;
    opt.duration = 5;
    opt.warmup = 1;
    opt.drain = 10;
    opt.size = 128;
    opt.parallel = 64;
}

static void derive(void)
{
    if (opt.size < MARKER_LEN || opt.size > 60000)
        bad("--size must be 36 to 60000", "too small or too large");
    if (opt.scenario->run == run_churn) {
        opt.warmup = 0;
        if (opt.rate <= 0 || !opt.rooms)
            bad("churn", "needs --rate and --rooms");
        return;
    }
    if (opt.scenario->run == run_joins || opt.scenario->run == run_acked) {
        opt.connections = opt.connections ? opt.connections : opt.senders;
        if (opt.scenario->run == run_joins ? opt.rate <= 0 || opt.connections <= opt.rooms
                                           : !opt.senders || !opt.window)
            bad(opt.scenario->name, "needs more than that");
        return;
    }
    if (opt.connections && opt.members)
        opt.rooms = (opt.connections + opt.members - 1) / opt.members;
    else if (!opt.connections)
        opt.connections = opt.rooms * opt.members;
    if (opt.scenario->run == run_idle)
        return;
    if (!opt.members || !opt.rooms)
        bad(opt.scenario->name, "needs members");
    if (!opt.senders || opt.senders > opt.members)
        opt.senders = opt.members;
    if (opt.slow >= opt.members || opt.senders + opt.slow > opt.members)
        bad("--slow", "leaves no reader");
    if (!opt.window && !opt.count && opt.rate <= 0)
        opt.rate = ceil((double)opt.rooms / 10); // crowd
    else if (!strcmp(opt.scenario->name, "rooms"))
        opt.rate /= (double)opt.members;
}

void options_parse(int argc, char **argv)
{
    struct option longs[ROWS + 3] = {{"scenario", required_argument, NULL, 'S'},
                                     {"help", no_argument, NULL, 'h'}};
    for (int i = 0; i < ROWS; i++)
        longs[i + 2] = (struct option){
            rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument, NULL, 256 + i};
    set_defaults(argc, argv);
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'h') {
            usage(stdout);
            exit(0);
        }
        if (c == '?') {
            fprintf(stderr, "hubbub-bench: see --help\n");
            exit(2);
        }
        if (c != 'S')
            set(&rows[c - 256], optarg);
    }
    if (optind < argc)
        bad("unexpected argument", argv[optind]);
    derive();
}
