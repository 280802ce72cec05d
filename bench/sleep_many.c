/* SPDX-License-Identifier: MIT
 *
 * sleep_many.c - N sleepers whose deadlines are spread over one second, in no order: processor
 * time.
 *
 * All tasks stand ready first; a set sends them to sleep (arm), all before the first deadline, and
 * then they wake and end (fire). Timers without tasks are asked about in timers.c.
 */
#include "bench.h"
#include <hark.h>

static hark_event gate;
static int64_t first_deadline;

static int64_t deadline_of(long i)
{
    return first_deadline + (int64_t)(bench_mix((uint64_t)i) % 1000000000);
}

static int sleeper(void *arg)
{
    hark_event_wait(&gate);
    return hark_sleep_until(deadline_of((long)(intptr_t)arg));
}

static void tasks(long n)
{
    hark_group g;
    hark_group_open(&g);
    for (long i = 0; i < n; i++)
        bench_must(hark_go(&g, sleeper, (void *)(intptr_t)i) > 0, "hark_go");
    hark_yield();
    first_deadline = hark_now() + HARK_MS(100) + HARK_US(2) * n;
    int64_t cpu = bench_cpu();
    hark_event_set(&gate);
    hark_yield();
    bench_say("ns_arm", (double)(bench_cpu() - cpu) / n, "ns");
    cpu = bench_cpu();
    bench_must(hark_group_close(&g, 0) == 0, "hark_group_close");
    bench_say("ns_fire", (double)(bench_cpu() - cpu) / n, "ns");
    bench_say("late_ms", (double)(hark_now() - first_deadline - HARK_S(1)) / 1e6, "ms");
}

static int measure(void *arg)
{
    tasks(*(long *)arg);
    return 0;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
