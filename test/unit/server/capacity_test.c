/*
 * Capacity: the arithmetic for each limit, which of them binds, and how they are read from a tree of
 * files that looks like /proc and /sys.
 */
#include "support/test_main.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hubbub/capacity.h>

static struct machine unlimited(void)
{
    struct machine l = {.shards = 16, .threads_each = 2, .mappings_per_thread = 2, .kib_each = 90};
    for (int id = 0; id < LIMITS; id++)
        l.of[id].value = LIMIT_NONE;
    return l;
}

static void check_one(enum limit_id id, int64_t value, int64_t used, int64_t carries,
                      const char *words)
{
    struct machine l = unlimited();
    struct capacity c;
    char text[200];

    l.of[id] = (struct limit){value, used};
    capacity_compute(&l, &c);
    assert_int_equal(c.bound_by, id);
    assert_int_equal(c.connections, carries);
    assert_string_equal(capacity_describe(&c, text, sizeof(text)), words);
}

static void each_limit_alone(void **state)
{
    (void)state;
    check_one(LIMIT_ASKED, 500, 0, 500,
              "room for 500 connections (bound by --max-connections 500: as asked)");
    check_one(LIMIT_NOFILE, 20000, 0, 20000 - 64 - 32,
              "room for 19904 connections (bound by RLIMIT_NOFILE 20000: one descriptor each)");
    check_one(LIMIT_PIDS, 32768, 230, (32768 - 230 - 64) / 2,
              "room for 16237 connections (bound by pid_max 32768: two threads each)");
    check_one(LIMIT_THREADS, 1000, 0, 468,
              "room for 468 connections (bound by threads-max 1000: two threads each)");
    check_one(LIMIT_NPROC, 67, 0, 1,
              "room for 1 connection (bound by RLIMIT_NPROC 67: two threads each)");
    check_one(LIMIT_CGROUP_PIDS, 164, 20, 40,
              "room for 40 connections (bound by pids.max 164: two threads each)");
    check_one(
        LIMIT_MAPS, 65530, 0, (65530 - 512 - 128) / 4,
        "room for 16222 connections (bound by max_map_count 65530: mappings for two stacks each)");
    check_one(
        LIMIT_MEMORY, 65536 + 9000, 0, 100,
        "room for 100 connections (bound by available KiB 74536: memory of threads and queues)");
}

static void the_least_binds(void **state)
{
    (void)state;
    struct machine l = unlimited();
    struct capacity c;
    l.of[LIMIT_NOFILE].value = 1096;
    l.of[LIMIT_PIDS].value = 2064;
    l.of[LIMIT_THREADS].value = 2062;
    capacity_compute(&l, &c);
    assert_int_equal(c.bound_by, LIMIT_THREADS);
    assert_int_equal(c.connections, 999);
    assert_int_equal(c.of[LIMIT_NOFILE].connections, 1000);
    assert_int_equal(c.of[LIMIT_PIDS].connections, 1000);
    assert_true(c.of[LIMIT_MEMORY].connections == INT64_MAX);
}

static void too_little_is_none_not_less(void **state)
{
    (void)state;
    check_one(LIMIT_NOFILE, 64, 0, 0,
              "room for 0 connections (bound by RLIMIT_NOFILE 64: one descriptor each)");
    check_one(LIMIT_CGROUP_PIDS, 10, 50, 0,
              "room for 0 connections (bound by pids.max 10: two threads each)");
}

static void without_any_limit(void **state)
{
    (void)state;
    struct machine l = unlimited();
    struct capacity c;
    char text[200];
    capacity_compute(&l, &c);
    assert_true(c.connections == INT64_MAX);
    assert_string_equal(capacity_describe(&c, text, sizeof(text)),
                        "room for any number of connections (no limit found)");
}

/* ---- reading ------------------------------------------------------------------------------------- */

static char root[] = "/tmp/hubbub-capacity-XXXXXX";

__attribute__((format(printf, 2, 3))) static void put(const char *path, const char *format, ...)
{
    char whole[400];
    snprintf(whole, sizeof(whole), "%s%s", root, path);
    for (char *p = whole + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        mkdir(whole, 0700);
        *p = '/';
    }
    FILE *f = fopen(whole, "we");
    assert_non_null(f);
    va_list args;
    va_start(args, format);
    vfprintf(f, format, args);
    va_end(args);
    fclose(f);
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int make_root(void **state)
{
    (void)state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    return mkdtemp(root) == NULL;
}

static int drop_root(void **state)
{
    (void)state;
    return nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static void reads_the_machine(void **state)
{
    (void)state;
    struct machine l;
    put("/proc/loadavg", "0.10 0.20 0.30 3/230 4711\n");
    put("/proc/sys/kernel/threads-max", "192730\n");
    put("/proc/sys/kernel/pid_max", "32768\n");
    put("/proc/sys/vm/max_map_count", "65530\n");
    put("/proc/meminfo", "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable:  24299352 kB\n");
    capacity_read_below(root, &l, 12, 16);

    assert_int_equal(l.of[LIMIT_ASKED].value, 12);
    assert_int_equal(l.of[LIMIT_THREADS].value, 192730);
    assert_int_equal(l.of[LIMIT_THREADS].used, 230);
    assert_int_equal(l.of[LIMIT_PIDS].value, 32768);
    assert_int_equal(l.of[LIMIT_PIDS].used, 230);
    assert_int_equal(l.of[LIMIT_MAPS].value, 65530);
    assert_int_equal(l.of[LIMIT_MEMORY].value, 24299352);
    assert_int_equal(l.of[LIMIT_CGROUP_PIDS].value, LIMIT_NONE);
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    assert_int_equal(l.of[LIMIT_NOFILE].value,
                     r.rlim_cur == RLIM_INFINITY ? LIMIT_NONE : (int64_t)r.rlim_cur);
}

static void the_tightest_group_above_counts(void **state)
{
    (void)state;
    struct machine l;
    put("/proc/self/cgroup", "3:cpu:/elsewhere\n0::/chat/hubbub\n");
    put("/proc/meminfo", "MemAvailable: 1000000 kB\n");
    put("/sys/fs/cgroup/chat/hubbub/pids.max", "max\n");
    put("/sys/fs/cgroup/chat/hubbub/memory.max", "%lld\n", 512LL * 1024 * 1024);
    put("/sys/fs/cgroup/chat/hubbub/memory.stat", "anon 1048576\nfile 536870912\n");
    put("/sys/fs/cgroup/chat/pids.max", "300\n");
    put("/sys/fs/cgroup/chat/pids.current", "42\n");
    put("/sys/fs/cgroup/pids.max", "9000\n");
    put("/sys/fs/cgroup/memory.max", "max\n");
    capacity_read_below(root, &l, 0, 1);

    assert_int_equal(l.of[LIMIT_ASKED].value, LIMIT_NONE);
    assert_int_equal(l.of[LIMIT_CGROUP_PIDS].value, 300);
    assert_int_equal(l.of[LIMIT_CGROUP_PIDS].used, 42);
    assert_int_equal(l.of[LIMIT_MEMORY].value, 512 * 1024);
    assert_int_equal(l.of[LIMIT_MEMORY].used, 1024); // cached files give way
}

static void a_container_sees_its_group_as_the_root(void **state)
{
    (void)state;
    struct machine l;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/pids.max", "100\n");
    capacity_read_below(root, &l, 0, 1);
    assert_int_equal(l.of[LIMIT_CGROUP_PIDS].value, 100);
}

static void what_cannot_be_read_does_not_limit(void **state)
{
    (void)state;
    struct machine l;
    struct capacity c;
    put("/proc/sys/kernel/pid_max", "nonsense\n");
    capacity_read_below(root, &l, 0, 1);
    capacity_compute(&l, &c);
    assert_int_equal(l.of[LIMIT_PIDS].value, LIMIT_NONE);
    assert_int_equal(l.of[LIMIT_MEMORY].value, LIMIT_NONE);
}

static void this_machine_carries_something(void **state)
{
    (void)state;
    struct machine l;
    struct capacity c;
    capacity_read(&l, 0, 16);
    capacity_compute(&l, &c);
    assert_true(c.connections > 0);
    assert_true(l.of[LIMIT_MEMORY].value > 0);

    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    capacity_print(&c, f);
    fclose(f);
    assert_non_null(strstr(text, "<- binds"));
    free(text);
}

#define READS(f) cmocka_unit_test_setup_teardown(f, make_root, drop_root)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_alone),
        cmocka_unit_test(the_least_binds),
        cmocka_unit_test(too_little_is_none_not_less),
        cmocka_unit_test(without_any_limit),
        READS(reads_the_machine),
        READS(the_tightest_group_above_counts),
        READS(a_container_sees_its_group_as_the_root),
        READS(what_cannot_be_read_does_not_limit),
        cmocka_unit_test(this_machine_carries_something),
    };
    return RUN_TESTS(argc, argv, "capacity", tests);
}
