/* SPDX-License-Identifier: MIT
 *
 * switch.c - two tasks give way to one another: what is one hark_yield?
 *
 * One of them measures: while it waits for its turn the other has had its own, so n of its calls
 * are 2 n switches. Nothing is spawned or ended within the time.
 */
#include "bench.h"
#include <hark.h>

#define YIELDS 2500000l

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
    (void)arg;
    hark_group_open(&g);
    hark_go(&g, other, NULL);
    bench_say("ns_per_yield", bench_ns(yields, YIELDS, NULL) / 2, "ns");
    stopped = true;
    return hark_group_close(&g, 0);
}

int main(void)
{
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
