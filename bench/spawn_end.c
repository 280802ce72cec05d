/* SPDX-License-Identifier: MIT
 *
 * spawn_end.c - tasks that end at once: spawn one and join it; spawn N, then let them run.
 *
 * The batch is measured on fresh memory, as a program meets it once, and then again.
 */
#include "bench.h"
#include <hark.h>

#define SERIAL 500000l

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void spawn_joins(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_group g;
        hark_group_open(&g);
        hark_go(&g, nothing, NULL);
        hark_group_close(&g, 0);
    }
}

static double batch(long n)
{
    hark_group g;
    int64_t start = bench_now();
    hark_group_open(&g);
    for (long i = 0; i < n; i++)
        bench_must(hark_go(&g, nothing, NULL) > 0, "hark_go");
    bench_must(hark_group_close(&g, 0) == 0, "hark_group_close");
    return (double)(bench_now() - start) / n;
}

static int measure(void *arg)
{
    long n = *(long *)arg;
    double warm[BENCH_BATCHES];
    bench_say("ns_batch_cold", batch(n), "ns");
    for (int i = 0; i < BENCH_BATCHES; i++)
        warm[i] = batch(n);
    bench_say("ns_batch_warm", bench_median(warm, BENCH_BATCHES), "ns");
    bench_say("ns_serial", bench_ns(spawn_joins, SERIAL, NULL), "ns");
    return 0;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
