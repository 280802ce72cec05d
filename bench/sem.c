/* SPDX-License-Identifier: MIT
 *
 * sem.c - what is a permit, taken and given back by one task alone, and what is it to hand it over?
 *
 * As lock.c, with the one permit of a semaphore.
 */
#include "bench.h"
#include <hark.h>

#define PAIRS 5000000l
#define TURNS 2000000l

static hark_sem permit = HARK_SEM_INIT(1, 1);
static bool stopped;

static void pairs(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_sem_acquire(&permit);
        hark_sem_release(&permit);
    }
}

static void turns(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_sem_release(&permit);
        hark_sem_acquire(&permit);
    }
}

static int other(void *arg)
{
    (void)arg;
    hark_sem_acquire(&permit);
    while (!stopped)
        turns(1, NULL);
    return hark_sem_release(&permit);
}

static void hand_over(long tasks)
{
    hark_group g;
    hark_group_open(&g);
    hark_sem_acquire(&permit);
    for (long i = 1; i < tasks; i++)
        bench_must(hark_go(&g, other, NULL) > 0, "hark_go");
    hark_yield(); /* now all of them queue */
    bench_say("ns_per_hand_over", bench_ns(turns, TURNS / tasks, NULL) / tasks, "ns");
    stopped = true;
    hark_sem_release(&permit);
    hark_group_close(&g, 0);
}

static int measure(void *arg)
{
    long tasks = *(long *)arg;
    if (tasks > 1)
        hand_over(tasks);
    else
        bench_say("ns_alone", bench_ns(pairs, PAIRS, NULL), "ns");
    return 0;
}

int main(int argc, char **argv)
{
    long tasks = bench_size(argc, argv, 1, 1);
    bench_must(hark_run(measure, &tasks) == 0, "hark_run");
    return 0;
}
