/* SPDX-License-Identifier: MIT
 *
 * watchers.c - N callbacks, of which none needs a task, wait for one event: what is it to arm one,
 * to give one up, and, from the set to the last call, to call one? And what memory does one take,
 * the caller's watch and what the library needs beside it?
 */
#include <hark.h>

typedef hark_event event;
typedef hark_watch watcher;

#include "watchers.h"

static hark_event all_called;

static void call(void *arg)
{
    (void)arg;
    if (--left == 0)
        hark_event_set(&all_called);
}

static inline int arm(event *e, watcher *w)
{
    return hark_event_watch(e, w, call, NULL);
}

static inline int give_up(watcher *w)
{
    return hark_unwatch(w);
}

static inline void set(event *e)
{
    hark_event_set(e);
}

static inline void wait_for_calls(void)
{
    bench_must(hark_event_wait(&all_called) == 0, "hark_event_wait");
    memset(&all_called, 0, sizeof all_called);
}

static int measure(void *arg)
{
    (void)arg;
    measure_watchers();
    return 0;
}

int main(int argc, char **argv)
{
    count = bench_size(argc, argv, 1, 1000);
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
