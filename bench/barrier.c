/* SPDX-License-Identifier: MIT
 *
 * barrier.c - what is a barrier for each of its parties, who do nothing but wait for one another?
 *
 * A barrier for one party is never waited at: what is left is the call.
 */
#include "bench.h"
#include <hark.h>

#define WAITS 3000000l

static hark_barrier barrier;
static bool stopped;

static int other(void *arg)
{
    (void)arg;
    while (!stopped)
        hark_barrier_wait(&barrier);
    return 0;
}

static void rounds(long n, void *arg)
{
    (void)arg;
    while (n--)
        hark_barrier_wait(&barrier);
}

static int measure(void *arg)
{
    hark_group g;
    long parties = *(long *)arg;
    hark_barrier_init(&barrier, (int)parties);
    hark_group_open(&g);
    for (long i = 1; i < parties; i++)
        bench_must(hark_go(&g, other, NULL) > 0, "hark_go");
    double ns = bench_ns(rounds, WAITS / parties, NULL) / parties;
    bench_say(parties > 1 ? "ns_per_party" : "ns_alone", ns, "ns");
    stopped = true;
    hark_barrier_abort(&barrier);
    return hark_group_close(&g, 0);
}

int main(int argc, char **argv)
{
    long parties = bench_size(argc, argv, 1, 1);
    bench_must(hark_run(measure, &parties) == 0, "hark_run");
    return 0;
}
