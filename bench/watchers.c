/* SPDX-License-Identifier: MIT
 *
 * watchers.c - N callbacks, of which none needs a task, wait for one event: what is it to arm one,
 * to give one up, and, from the set to the last call, to call one? And what memory does one take,
 * the caller's watch and what the library needs beside it?
 *
 * For fewer than a thousand there are several events, a thousand callbacks in all, as in
 * broadcast.c.
 */
#include "bench.h"
#include <hark.h>

static hark_watch *watches;
static hark_event *events;
static hark_event all_called;
static long count, event_count, left;

static void call(void *arg)
{
    (void)arg;
    if (--left == 0)
        hark_event_set(&all_called);
}

/* Nanoseconds for one. */
static double arm(void)
{
    long all = event_count * count;
    int64_t start = bench_now();
    for (long i = 0; i < all; i++)
        bench_must(hark_event_watch(&events[i / count], &watches[i], call, NULL) == 0,
                   "hark_event_watch");
    return (double)(bench_now() - start) / all;
}

static double give_up(void)
{
    long all = event_count * count;
    int64_t start = bench_now();
    for (long i = 0; i < all; i++)
        bench_must(hark_unwatch(&watches[i]) == 0, "hark_unwatch");
    return (double)(bench_now() - start) / all;
}

static double set_and_call(void)
{
    long all = event_count * count;
    left = all;
    memset(&all_called, 0, sizeof all_called);
    int64_t start = bench_now();
    for (long i = 0; i < event_count; i++)
        hark_event_set(&events[i]);
    bench_must(hark_event_wait(&all_called) == 0, "hark_event_wait");
    return (double)(bench_now() - start) / all;
}

static int measure(void *arg)
{
    double armed[BENCH_BATCHES], given_up[BENCH_BATCHES], called[BENCH_BATCHES];
    (void)arg;
    event_count = count < 1000 ? 1000 / count : 1;
    bench_memory before = bench_memory_now();
    watches = calloc(event_count * count, sizeof *watches);
    events = calloc(event_count, sizeof *events);
    bench_must(watches && events, "calloc");
    for (int r = -1; r < BENCH_BATCHES; r++) { /* the first only warms up */
        int at = r < 0 ? 0 : r;
        arm();
        if (r < 0 && count >= 10000) /* of few, pages are too coarse a measure */
            bench_say("bytes_per_watcher", bench_memory_grown(before) / count, "B");
        given_up[at] = give_up();
        armed[at] = arm();
        called[at] = set_and_call();
        if (r < 0 && count >= 10000) /* and now the queue is resident, too */
            bench_say("bytes_with_queue", bench_memory_grown(before) / count, "B");
        memset(events, 0, event_count * sizeof *events);
    }
    bench_say("ns_watch", bench_median(armed, BENCH_BATCHES), "ns");
    bench_say("ns_unwatch", bench_median(given_up, BENCH_BATCHES), "ns");
    bench_say("ns_per_call", bench_median(called, BENCH_BATCHES), "ns");
    return 0;
}

int main(int argc, char **argv)
{
    count = bench_size(argc, argv, 1, 1000);
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
