/* SPDX-License-Identifier: MIT
 *
 * broadcast.c - one set wakes N waiters, and all of them go on and end: what is it for each?
 *
 * For fewer than a thousand waiters there are several events, a thousand waiters in all, set one
 * after another: reading the clock takes longer than waking a task.
 */
#include "bench.h"
#include <hark.h>

static int waiter(void *arg)
{
    return hark_event_wait(arg);
}

typedef struct {
    double whole, set;
} one_round;

static one_round broadcast(hark_event *e, long events, long n)
{
    hark_group g;
    one_round r;
    hark_group_open(&g);
    for (long i = 0; i < events * n; i++)
        bench_must(hark_go(&g, waiter, &e[i / n]) > 0, "hark_go");
    hark_yield();
    int64_t start = bench_now();
    for (long i = 0; i < events; i++)
        hark_event_set(&e[i]);
    int64_t middle = bench_now();
    bench_must(hark_group_close(&g, 0) == 0, "hark_group_close");
    r.whole = (double)(bench_now() - start) / (events * n);
    r.set = (double)(middle - start) / (events * n);
    return r;
}

static int measure(void *arg)
{
    long n = *(long *)arg, events = n < 1000 ? 1000 / n : 1;
    int rounds = n > 300000 ? 1 : BENCH_BATCHES;
    double whole[BENCH_BATCHES], set[BENCH_BATCHES];
    hark_event *e = calloc(events, sizeof *e);
    for (int r = -1; r < rounds; r++) { /* the first only warms up */
        memset(e, 0, events * sizeof *e);
        one_round one = broadcast(e, events, n);
        if (r >= 0) {
            whole[r] = one.whole;
            set[r] = one.set;
        }
    }
    bench_say("ns_per_task", bench_median(whole, rounds), "ns");
    bench_say("ns_in_set", bench_median(set, rounds), "ns");
    free(e);
    return 0;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
