/* SPDX-License-Identifier: MIT
 *
 * turns.h - lock.c and sem.c, but for what is taken: something that one task has at a time.
 *
 * Whoever includes it says what `take` and `give` are. What do they cost one task alone, and what
 * is it to hand over? With several tasks what is taken is never free: each gives it back, which
 * makes the first waiter the holder, and queues again, so that a turn is a give, a take and a
 * switch. While the one that measures has one turn, each of the others has had one.
 */
#include "bench.h"
#include <hark.h>

#define PAIRS 5000000l
#define TURNS 2000000l

static inline void take(void);
static inline void give(void);

static bool stopped;

static void pairs(long n, void *arg)
{
    (void)arg;
    while (n--) {
        take();
        give();
    }
}

static void turns(long n, void *arg)
{
    (void)arg;
    while (n--) {
        give();
        take();
    }
}

static int other(void *arg)
{
    (void)arg;
    take();
    while (!stopped)
        turns(1, NULL);
    give();
    return 0;
}

static void hand_over(long tasks)
{
    hark_group g;
    hark_group_open(&g);
    take();
    for (long i = 1; i < tasks; i++)
        bench_must(hark_go(&g, other, NULL) > 0, "hark_go");
    hark_yield(); /* now all of them queue */
    bench_say("ns_per_hand_over", bench_ns(turns, TURNS / tasks, NULL) / tasks, "ns");
    stopped = true;
    give();
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
