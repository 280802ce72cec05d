/* SPDX-License-Identifier: MIT
 *
 * lock.c - what is a lock, taken and released by one task alone, and what is it to hand it over?
 *
 * With several tasks the lock is never free: each releases it, which makes the first waiter the
 * holder, and queues again, so that a turn is a release, an acquire and a switch. While the one
 * that measures has one turn, each of the others has had one.
 */
#include "bench.h"
#include <hark.h>

#define PAIRS 5000000l
#define TURNS 2000000l

static hark_lock lock = HARK_LOCK_INIT;
static bool stopped;

static void pairs(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_lock_acquire(&lock);
        hark_lock_release(&lock);
    }
}

static void turns(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_lock_release(&lock);
        hark_lock_acquire(&lock);
    }
}

static int other(void *arg)
{
    (void)arg;
    hark_lock_acquire(&lock);
    while (!stopped)
        turns(1, NULL);
    return hark_lock_release(&lock);
}

static void hand_over(long tasks)
{
    hark_group g;
    hark_group_open(&g);
    hark_lock_acquire(&lock);
    for (long i = 1; i < tasks; i++)
        bench_must(hark_go(&g, other, NULL) > 0, "hark_go");
    hark_yield(); /* now all of them queue */
    bench_say("ns_per_hand_over", bench_ns(turns, TURNS / tasks, NULL) / tasks, "ns");
    stopped = true;
    hark_lock_release(&lock);
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
