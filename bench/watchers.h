/* SPDX-License-Identifier: MIT
 *
 * watchers.h - how hark and its limit are asked what a callback without a task takes: armed, given
 * up, armed again, and called; time and memory for each.
 *
 * Whoever includes it says what one of them is, and what `arm`, `give_up`, `set` and `wait_for_calls`
 * are. For fewer than a thousand there are several events, a thousand callbacks in all, as in
 * broadcast.c.
 */
#include "bench.h"

static inline int arm(event *e, watcher *w);
static inline int give_up(watcher *w);
static inline void set(event *e);
static inline void wait_for_calls(void);

static watcher *watchers;
static event *events;
static long count, event_count, left; /* left: to be called */

/* Nanoseconds for one. */
static double arm_all(void)
{
    long all = event_count * count;
    int64_t start = bench_now();
    for (long i = 0; i < all; i++)
        bench_must(arm(&events[i / count], &watchers[i]) == 0, "arming");
    return (double)(bench_now() - start) / all;
}

static double give_all_up(void)
{
    long all = event_count * count;
    int64_t start = bench_now();
    for (long i = 0; i < all; i++)
        bench_must(give_up(&watchers[i]) == 0, "giving up");
    return (double)(bench_now() - start) / all;
}

static double set_and_call(void)
{
    long all = event_count * count;
    left = all;
    int64_t start = bench_now();
    for (long i = 0; i < event_count; i++)
        set(&events[i]);
    wait_for_calls();
    return (double)(bench_now() - start) / all;
}

static void measure_watchers(void)
{
    double armed[BENCH_BATCHES], given_up[BENCH_BATCHES], called[BENCH_BATCHES];
    event_count = count < 1000 ? 1000 / count : 1;
    bench_memory before = bench_memory_now();
    watchers = calloc(event_count * count, sizeof *watchers);
    events = calloc(event_count, sizeof *events);
    bench_must(watchers && events, "calloc");
    for (int r = -1; r < BENCH_BATCHES; r++) { /* the first only warms up */
        int at = r < 0 ? 0 : r;
        arm_all();
        if (r < 0 && count >= 10000) /* of few, pages are too coarse a measure */
            bench_say("bytes_per_watcher", bench_memory_grown(before) / count, "B");
        given_up[at] = give_all_up();
        armed[at] = arm_all();
        called[at] = set_and_call();
        if (r < 0 && count >= 10000) /* and now the queue is resident, too */
            bench_say("bytes_with_queue", bench_memory_grown(before) / count, "B");
        memset(events, 0, event_count * sizeof *events);
    }
    bench_say("ns_watch", bench_median(armed, BENCH_BATCHES), "ns");
    bench_say("ns_unwatch", bench_median(given_up, BENCH_BATCHES), "ns");
    bench_say("ns_per_call", bench_median(called, BENCH_BATCHES), "ns");
}
