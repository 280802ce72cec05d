/* SPDX-License-Identifier: MIT
 *
 * yield_n.c - N tasks are ready and give way, each in its turn: does a yield grow with their
 * number?
 *
 * One of them measures; between two of its turns the N - 1 others have had theirs.
 */
#include "bench.h"
#include <hark.h>

#define OPERATIONS 5000000l

static bool stopped;

static int other(void *arg)
{
    (void)arg;
    while (!stopped)
        hark_yield();
    return 0;
}

static void yields(long n, void *arg)
{
    (void)arg;
    while (n--)
        hark_yield();
}

static int measure(void *arg)
{
    hark_group g;
    long n = *(long *)arg, turns = OPERATIONS / n > 10 ? OPERATIONS / n : 10;
    hark_group_open(&g);
    for (long i = 1; i < n; i++)
        bench_must(hark_go(&g, other, NULL) > 0, "hark_go");
    hark_yield();
    bench_say("ns_per_yield", bench_ns(yields, turns, NULL) / n, "ns");
    stopped = true;
    return hark_group_close(&g, 0);
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
