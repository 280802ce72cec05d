/* SPDX-License-Identifier: MIT
 *
 * spawn_park.c - spawn N tasks that wait, all alive at once: the time, and the memory of each.
 *
 * Memory is what the process has gained, resident pages and page tables, over the whole of hark:
 * the records, the stacks, the run queue. "Warm" is the second time in the same process.
 */
#include "bench.h"
#include <hark.h>

static int waiter(void *arg)
{
    return hark_event_wait(arg);
}

static double spawn_and_park(hark_group *g, hark_event *e, long n)
{
    int64_t start = bench_now();
    for (long i = 0; i < n; i++)
        bench_must(hark_go(g, waiter, e) > 0, "hark_go");
    hark_yield();
    double each = (double)(bench_now() - start) / n;
    bench_must(hark_event_statistics(e).tasks_waiting == n, "parking all tasks");
    return each;
}

static int measure(void *arg)
{
    long n = *(long *)arg;
    for (int round = 0; round < 2; round++) {
        hark_group g;
        hark_event e = HARK_EVENT_INIT;
        bench_memory before = bench_memory_now();
        hark_group_open(&g);
        bench_say(round ? "ns_warm" : "ns_cold", spawn_and_park(&g, &e, n), "ns");
        if (round == 0)
            bench_memory_say(before, n);
        hark_event_set(&e);
        bench_must(hark_group_close(&g, 0) == 0, "hark_group_close");
    }
    return 0;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
