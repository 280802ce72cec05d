/* SPDX-License-Identifier: MIT
 *
 * uncontended.c - the primitives that have no question of their own, with nobody else about: what
 * does each cost then?
 */
#include "bench.h"
#include <hark.h>

#define CALLS 3000000l

static hark_rwlock rwlock = HARK_RWLOCK_INIT;
static hark_limiter limiter = HARK_LIMITER_INIT(1);
static hark_once once = HARK_ONCE_INIT;
static hark_latch latch = HARK_LATCH_INIT(INT32_MAX);
static hark_broadcast news;
static hark_subscriber reader;

static void reads(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_rwlock_read(&rwlock);
        hark_rwlock_release(&rwlock);
    }
}

static void writes(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_rwlock_write(&rwlock);
        hark_rwlock_release(&rwlock);
    }
}

static void borrows(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_limiter_acquire(&limiter);
        hark_limiter_release(&limiter);
    }
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void onces(long n, void *arg)
{
    (void)arg;
    while (n--)
        hark_once_run(&once, nothing, NULL);
}

static void counts(long n, void *arg)
{
    (void)arg;
    while (n--)
        hark_latch_count_down(&latch, 1);
}

static void waits(long n, void *set)
{
    while (n--)
        hark_event_wait(set);
}

static void passes(long n, void *open)
{
    while (n--)
        hark_latch_wait(open);
}

static void values(long n, void *arg)
{
    uint64_t value = (uintptr_t)arg;
    while (n--) {
        hark_broadcast_send(&news, &value);
        hark_broadcast_recv(&reader, &value);
    }
}

static int measure(void *arg)
{
    static uint64_t buffer[64];
    hark_latch open = HARK_LATCH_INIT(0);
    hark_event set = HARK_EVENT_INIT;
    (void)arg;
    hark_event_set(&set);
    hark_broadcast_init(&news, buffer, sizeof *buffer, sizeof buffer / sizeof *buffer);
    hark_broadcast_subscribe(&news, &reader);
    bench_say("ns_event", bench_ns(waits, CALLS, &set), "ns");
    bench_say("ns_read", bench_ns(reads, CALLS, NULL), "ns");
    bench_say("ns_write", bench_ns(writes, CALLS, NULL), "ns");
    bench_say("ns_limiter", bench_ns(borrows, CALLS, NULL), "ns");
    bench_say("ns_once", bench_ns(onces, CALLS, NULL), "ns");
    bench_say("ns_count_down", bench_ns(counts, CALLS, NULL), "ns");
    bench_say("ns_open_latch", bench_ns(passes, CALLS, &open), "ns");
    bench_say("ns_broadcast", bench_ns(values, CALLS, NULL), "ns");
    return 0;
}

int main(void)
{
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
