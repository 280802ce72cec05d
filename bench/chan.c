/* SPDX-License-Identifier: MIT
 *
 * chan.c - an item through a channel: from one task to another, and in and out by one task alone.
 *
 * Sender and receiver do nothing else, so the channel is full, or empty, all the time: without a
 * slot there is a switch for each item, with 64 slots one for many.
 */
#include "bench.h"
#include <hark.h>

#define ITEMS 2000000l

static hark_chan chan;

static void pairs(long n, void *arg)
{
    uint64_t item = (uintptr_t)arg;
    while (n--) {
        hark_chan_send(&chan, &item);
        hark_chan_recv(&chan, &item);
    }
}

static void items(long n, void *arg)
{
    uint64_t item;
    (void)arg;
    while (n--)
        hark_chan_recv(&chan, &item);
}

static int sender(void *arg)
{
    uint64_t item = (uintptr_t)arg;
    while (hark_chan_send(&chan, &item) == 0)
        item++;
    return 0;
}

static int measure(void *arg)
{
    long slots = *(long *)arg;
    hark_group g;
    bench_must(hark_chan_init(&chan, sizeof(uint64_t), slots) == 0, "hark_chan_init");
    if (slots > 0)
        bench_say("ns_alone", bench_ns(pairs, ITEMS, NULL), "ns");
    hark_group_open(&g);
    hark_go(&g, sender, NULL);
    bench_say("ns_per_item", bench_ns(items, ITEMS, NULL), "ns");
    hark_chan_close_receiver(&chan);
    hark_group_close(&g, 0);
    return hark_chan_free(&chan);
}

int main(int argc, char **argv)
{
    long slots = bench_number(argc, argv, 1, 0);
    bench_must(hark_run(measure, &slots) == 0, "hark_run");
    return 0;
}
