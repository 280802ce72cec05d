/* SPDX-License-Identifier: MIT
 *
 * queue.c - an item through a queue: in and out by one task alone, from hand to hand, and from one
 * task to another that is behind.
 *
 * The argument is what kind of queue it is: `bounded` (64 items), `unbounded`, or `priority`, which
 * is bounded too; alone, it has 32 items in it all the time. From hand to hand means: the other one
 * waits to get; there are two queues, so that each waits for the other in turn.
 */
#include "bench.h"
#include <hark.h>

#define ITEMS  2000000l
#define BOUND  64
#define INSIDE 32

static hark_queue there, back;

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void open_queue(hark_queue *q, const char *kind)
{
    bool ordered = strcmp(kind, "priority") == 0;
    size_t max = strcmp(kind, "unbounded") == 0 ? 0 : BOUND;
    int error = hark_queue_init(q, sizeof(uint64_t), max, ordered ? HARK_PRIORITY : HARK_FIFO,
                                ordered ? compare : NULL);
    bench_must(error == 0, "hark_queue_init");
}

/* What comes in belongs anywhere among those that are there. */
static void pairs(long n, void *arg)
{
    (void)arg;
    for (uint64_t item = 1; n--; item += 1 + (item & 7)) {
        hark_queue_put(&there, &item);
        hark_queue_get(&there, &item);
    }
}

static void alone(void)
{
    for (uint64_t i = 0; i < INSIDE; i++)
        hark_queue_put(&there, &i);
    bench_say("ns_alone", bench_ns(pairs, ITEMS, NULL), "ns");
    for (uint64_t i = 0; i < INSIDE; i++)
        hark_queue_get(&there, &(uint64_t){0});
}

static void trips(long n, void *arg)
{
    uint64_t item = 0;
    (void)arg;
    while (n--) {
        hark_queue_put(&there, &item);
        hark_queue_get(&back, &item);
    }
}

static int echo(void *arg)
{
    uint64_t item;
    (void)arg;
    while (hark_queue_get(&there, &item) == 0)
        hark_queue_put(&back, &item);
    return 0;
}

static void items(long n, void *arg)
{
    uint64_t item;
    (void)arg;
    while (n--)
        hark_queue_get(&back, &item);
}

static int producer(void *arg)
{
    uint64_t item = (uintptr_t)arg;
    while (hark_queue_put(&back, &item) == 0)
        item++;
    return 0;
}

static int measure(void *arg)
{
    hark_group g;
    open_queue(&there, arg);
    open_queue(&back, arg);
    alone();
    hark_group_open(&g);
    hark_go(&g, echo, NULL);
    bench_say("ns_per_hand_over", bench_ns(trips, ITEMS / 2, NULL) / 2, "ns");
    hark_queue_shutdown(&there, true);
    if (strcmp(arg, "bounded") == 0) {
        hark_go(&g, producer, NULL);
        bench_say("ns_per_item", bench_ns(items, ITEMS, NULL), "ns");
    }
    hark_queue_shutdown(&back, true);
    hark_group_close(&g, 0);
    return hark_queue_free(&there) + hark_queue_free(&back);
}

int main(int argc, char **argv)
{
    bench_must(hark_run(measure, argc > 1 ? argv[1] : "bounded") == 0, "hark_run");
    return 0;
}
