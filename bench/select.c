/* SPDX-License-Identifier: MIT
 *
 * select.c - receive from the first of N channels: one of them has an item, or none has and the
 * task waits for all of them.
 *
 * Each time it is another channel. Who waits is given its item by a second task, which then gives
 * way: a send, two switches and a select that joined N queues and left them.
 */
#include "bench.h"
#include <hark.h>

#define CASES      64
#define OPERATIONS 4000000l

static hark_chan chans[CASES];
static hark_case cases[CASES];
static uint64_t item;
static long count;
static bool stopped;

/* Each case has its turn, far from the one before. */
static hark_chan *next_chan(void)
{
    static unsigned turn;
    return &chans[(turn += 27) % count];
}

static void ready(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_chan_send(next_chan(), &item);
        hark_select(cases, (int)count);
    }
}

static void woken(long n, void *arg)
{
    (void)arg;
    while (n--)
        hark_select(cases, (int)count);
}

static int sender(void *arg)
{
    uint64_t sent = (uintptr_t)arg;
    while (!stopped) {
        hark_chan_send(next_chan(), &sent);
        hark_yield();
    }
    return 0;
}

static int measure(void *arg)
{
    hark_group g;
    (void)arg;
    for (long i = 0; i < count; i++) {
        bench_must(hark_chan_init(&chans[i], sizeof item, 1) == 0, "hark_chan_init");
        cases[i] = hark_on_recv(&chans[i], &item);
    }
    bench_say("ns_ready", bench_ns(ready, OPERATIONS / (count + 2), NULL), "ns");
    hark_group_open(&g);
    hark_go(&g, sender, NULL);
    bench_say("ns_woken", bench_ns(woken, OPERATIONS / (count + 2), NULL), "ns");
    stopped = true;
    return hark_group_close(&g, 0);
}

int main(int argc, char **argv)
{
    count = bench_size(argc, argv, 1, 2);
    bench_must(count <= CASES, "a select of at most 64 cases");
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
