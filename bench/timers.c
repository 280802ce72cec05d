/* SPDX-License-Identifier: MIT
 *
 * timers.c - N timers that need no task, spread over one second, in no order: processor time.
 *
 * All are armed, one after another, by how long from now; then N times any one of them is cancelled
 * and armed anew, for another instant of the same second; all this before the first is due. Then
 * they fire. Last, one alone is armed and cancelled, over and over. Memory is what the process has
 * gained when all are armed: the caller's watches, and what the library needs for each.
 */
#include "bench.h"
#include <hark.h>

#define HOT 2000000l

static hark_event all_fired;
static int64_t first_deadline, now;
static long left;

static void fire(void *arg)
{
    (void)arg;
    if (--left == 0)
        hark_event_set(&all_fired);
}

/* Which instant it is does not depend on when it is armed; so now and then the clock is read. */
static void arm(hark_watch *w, long i)
{
    if (i % 1024 == 0)
        now = hark_now();
    int64_t deadline = first_deadline + (int64_t)(bench_mix((uint64_t)i) % 1000000000);
    bench_must(hark_call_later(deadline - now, w, fire, NULL) == 0, "hark_call_later");
}

static void arm_and_cancel(long n, void *w)
{
    while (n--) {
        hark_call_later(HARK_S(1), w, fire, NULL);
        hark_unwatch(w);
    }
}

/* Of a few timers, arming all is too short to be timed once, and for a clock of processor time. */
static void arm_all(hark_watch *w, long n)
{
    static double each[1000];
    int times = n < 10000 ? 1000 : 1;
    for (int t = 0; t < times; t++) {
        for (long i = 0; t > 0 && i < n; i++)
            bench_must(hark_unwatch(&w[i]) == 0, "hark_unwatch");
        int64_t start = times > 1 ? bench_now() : bench_cpu();
        for (long i = 0; i < n; i++)
            arm(&w[i], i);
        each[t] = (double)((times > 1 ? bench_now() : bench_cpu()) - start) / n;
    }
    bench_say("ns_arm", bench_median(each, times), "ns");
}

static void rearm_any(hark_watch *w, long n)
{
    long times = n < 10000 ? 10000 : n;
    int64_t cpu = bench_cpu();
    for (long i = 0; i < times; i++) {
        hark_watch *any = &w[bench_mix((uint64_t)(n + i)) % (uint64_t)n];
        bench_must(hark_unwatch(any) == 0, "hark_unwatch");
        arm(any, i);
    }
    bench_say("ns_rearm", (double)(bench_cpu() - cpu) / times, "ns");
}

static int measure(void *arg)
{
    long n = left = *(long *)arg;
    bench_memory before = bench_memory_now();
    hark_watch *w = malloc(n * sizeof *w);
    bench_must(w != NULL, "malloc");
    explicit_bzero(w, n * sizeof *w); /* touched now: a page fault is no part of arming */
    first_deadline = hark_now() + HARK_MS(200) + HARK_US(2) * n;
    arm_all(w, n);
    if (n >= 10000) /* of few, pages are too coarse a measure */
        bench_say("bytes_per_timer", bench_memory_grown(before) / n, "B");
    rearm_any(w, n);
    bench_must(hark_now() < first_deadline, "arming in time");
    int64_t cpu = bench_cpu();
    hark_event_wait(&all_fired);
    bench_say("ns_fire", (double)(bench_cpu() - cpu) / n, "ns");
    bench_say("late_ms", (double)(hark_now() - first_deadline - HARK_S(1)) / 1e6, "ms");
    bench_say("ns_arm_cancel", bench_ns(arm_and_cancel, HOT, w), "ns");
    free(w);
    return 0;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
