/* SPDX-License-Identifier: MIT
 *
 * cond.c - tasks that notify one another: what is a notify that nobody waits for, and what is one
 * turn, from a notify to the next task that goes on?
 *
 * Each in its turn, with the lock, notifies the one that has waited longest and waits itself, which
 * lets go of the lock.
 */
#include "bench.h"
#include <hark.h>

#define CALLS 5000000l
#define TURNS 2000000l

static hark_lock lock = HARK_LOCK_INIT;
static hark_cond changed = HARK_COND_INIT;
static bool stopped;

static void calls(long n, void *arg)
{
    (void)arg;
    while (n--)
        hark_cond_notify(&changed, 1);
}

static void turns(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_cond_notify(&changed, 1);
        hark_cond_wait(&changed, &lock);
    }
}

static int other(void *arg)
{
    (void)arg;
    hark_lock_acquire(&lock);
    hark_cond_wait(&changed, &lock);
    while (!stopped)
        turns(1, NULL);
    return hark_lock_release(&lock);
}

static void take_turns(long tasks)
{
    hark_group g;
    hark_group_open(&g);
    for (long i = 1; i < tasks; i++)
        bench_must(hark_go(&g, other, NULL) > 0, "hark_go");
    hark_yield(); /* now all of them wait */
    hark_lock_acquire(&lock);
    bench_say("ns_per_turn", bench_ns(turns, TURNS / tasks, NULL) / tasks, "ns");
    stopped = true;
    hark_cond_notify_all(&changed);
    hark_lock_release(&lock);
    hark_group_close(&g, 0);
}

static int measure(void *arg)
{
    long tasks = *(long *)arg;
    if (tasks > 1)
        take_turns(tasks);
    else
        bench_say("ns_alone", bench_ns(calls, CALLS, NULL), "ns");
    return 0;
}

int main(int argc, char **argv)
{
    long tasks = bench_size(argc, argv, 1, 1);
    bench_must(hark_run(measure, &tasks) == 0, "hark_run");
    return 0;
}
