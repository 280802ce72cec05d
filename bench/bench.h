/* SPDX-License-Identifier: MIT
 *
 * bench.h - what every measuring program needs: a clock, an answer, a reason to be left out.
 *
 * The programs of hark, of the limits and of the peers in C and C++ share this file, so that a
 * difference between them is never a difference in how they were measured. It knows nothing of
 * hark but who to ask why something failed.
 *
 * Rules
 *   1  An answer is a line `key value unit` on stdout. The unit `-` says: a bare number.
 *   2  A program that cannot answer here prints `skip REASON` and exits with 77.
 *   3  A time is the median of BENCH_BATCHES batches in one process; the driver repeats processes.
 *   4  When the driver is short of time ($BENCH_SHORT) there are three batches,
 *      each of a quarter of its operations; nothing else changes.
 *   5  Sizes are arguments, `100000` or `100,000` or `100k`; without them the default is used.
 */
#ifndef HARK_BENCH_H
#define HARK_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BENCH_BATCHES 5
#define BENCH_SKIP    77
#define BENCH_UNUSED  __attribute__((unused))

static inline int64_t bench_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Nanoseconds on the wall, and nanoseconds that this process has computed. */
static inline int64_t bench_now(void)
{
    return bench_clock(CLOCK_MONOTONIC);
}

static inline int64_t bench_cpu(void)
{
    return bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline void bench_say(const char *key, double value, const char *unit)
{
    printf("%s %.6g %s\n", key, value, unit);
    fflush(stdout);
}

/* A server tells where it listens; the driver's load generator takes it from there. */
static inline void bench_say_port(int port)
{
    printf("port %d -\n", port);
    fflush(stdout);
}

static inline void bench_skip(const char *reason)
{
    printf("skip %s\n", reason);
    exit(BENCH_SKIP);
}

/* Where hark is linked in, it has the words; all others, who have no such function, have errno. */
#ifdef __cplusplus
extern "C" {
#endif
const char *hark_error_last(void) __attribute__((weak));
#ifdef __cplusplus
}
#endif

static inline void bench_must(int good, const char *what)
{
    if (!good) {
        const char *why = hark_error_last ? hark_error_last() : errno ? strerror(errno) : "";
        int told = why[0] && strcmp(why, what) != 0;
        fprintf(stderr, "%s failed%s%s\n", what, told ? ": " : "", told ? why : "");
        exit(1);
    }
}

/* How many processors this program may use: one, unless the question is about threads. */
BENCH_UNUSED static int bench_processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* Room for so many descriptors, where the hard limit allows them. */
BENCH_UNUSED static void bench_descriptors(long n)
{
    struct rlimit r;
    bench_must(getrlimit(RLIMIT_NOFILE, &r) == 0, "getrlimit");
    if (r.rlim_cur >= (rlim_t)n)
        return;
    r.rlim_cur = (rlim_t)n;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0)
        bench_skip("too few descriptors are allowed here (ulimit -Hn)");
}

/* A number of things, which may be 0; a size may not. */
BENCH_UNUSED static long bench_number(int argc, char **argv, int at, long otherwise)
{
    if (argc <= at)
        return otherwise;
    long n = 0;
    const char *p = argv[at];
    for (; (*p >= '0' && *p <= '9') || *p == ','; p++)
        n = *p == ',' ? n : n * 10 + (*p - '0');
    n *= *p == 'k' ? 1000 : *p == 'M' ? 1000000 : 1;
    p += *p == 'k' || *p == 'M';
    if (*p != 0 || p == argv[at]) {
        fprintf(stderr, "%s: '%s' is no number; say 1000, 1,000 or 1k\n", argv[0], argv[at]);
        exit(2);
    }
    return n;
}

BENCH_UNUSED static long bench_size(int argc, char **argv, int at, long otherwise)
{
    long n = bench_number(argc, argv, at, otherwise);
    if (n <= 0) {
        fprintf(stderr, "%s: '%s' is no size; say 1000, 1,000 or 1k\n", argv[0], argv[at]);
        exit(2);
    }
    return n;
}

/* One line of /proc/self/status in bytes: VmRSS, VmPTE. */
BENCH_UNUSED static double bench_status(const char *field)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    double found = 0;
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            found = 1024.0 * atof(line + strlen(field) + 1);
    if (f)
        fclose(f);
    return found;
}

/* What memory a number of parked tasks takes: note before, then say the difference, per task. */
typedef struct bench_memory {
    double rss, tables;
} bench_memory;

static inline bench_memory bench_memory_now(void)
{
    bench_memory m = {bench_status("VmRSS"), bench_status("VmPTE")};
    return m;
}

/* Resident pages and page tables together. */
BENCH_UNUSED static double bench_memory_grown(bench_memory before)
{
    bench_memory m = bench_memory_now();
    return m.rss - before.rss + m.tables - before.tables;
}

BENCH_UNUSED static void bench_memory_say(bench_memory before, long tasks)
{
    bench_memory m = bench_memory_now();
    bench_say("rss_per_task", (m.rss - before.rss) / tasks, "B");
    bench_say("tables_per_task", (m.tables - before.tables) / tasks, "B");
    bench_say("bytes_per_task", (m.rss - before.rss + m.tables - before.tables) / tasks, "B");
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

BENCH_UNUSED static double bench_median(double *values, int n)
{
    qsort(values, n, sizeof *values, bench_compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Is the driver short of time? */
static inline int bench_short(void)
{
    static int is_short = -1;
    if (is_short < 0)
        is_short = getenv("BENCH_SHORT") != NULL;
    return is_short;
}

/* `body(n, arg)` does something n times: nanoseconds for one, after a warm-up of a tenth. */
typedef void bench_body(long n, void *arg);

BENCH_UNUSED static double bench_ns(bench_body *body, long n, void *arg)
{
    double each[BENCH_BATCHES];
    int batches = bench_short() ? 3 : BENCH_BATCHES;
    n = bench_short() ? n / 4 + 1 : n;
    body(n / 10 + 1, arg);
    for (int i = 0; i < batches; i++) {
        int64_t start = bench_now();
        body(n, arg);
        each[i] = (double)(bench_now() - start) / n;
    }
    return bench_median(each, batches);
}

/* Numbers without order but always the same ones: which of a million deadlines comes next. */
static inline uint64_t bench_mix(uint64_t x)
{
    x = (x ^ (x >> 31)) * 0x7fb5d329728ea185u;
    x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44du;
    return x ^ (x >> 33);
}

#endif
