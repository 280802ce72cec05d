/* SPDX-License-Identifier: MIT
 *
 * thread.c - from a loop into a thread and back, and from a thread into a loop and back: what is a
 * round trip? As one writes it, both sides look for a while before they sleep, where there are two
 * processors; and once more, told to sleep at once.
 *
 * Who of the two runs where is the kernel's affair; the driver says how many processors there are.
 */
#include "bench.h"
#include <hark.h>

#define TRIPS 20000l

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void calls_of_thread(long n, void *arg)
{
    while (n--)
        bench_must(hark_thread_call(nothing, arg) == 0, "hark_thread_call");
}

static void calls_asleep(long n, void *arg)
{
    const hark_thread_options asleep = {.size = sizeof asleep, .spin = -1};
    while (n--)
        bench_must(hark_thread_call_with(&asleep, nothing, arg) == 0, "hark_thread_call_with");
}

static int measure_calls(void *arg)
{
    (void)arg;
    bench_say("ns_thread_call", bench_ns(calls_of_thread, TRIPS, NULL), "ns");
    bench_say("ns_thread_call_asleep", bench_ns(calls_asleep, TRIPS, NULL), "ns");
    return 0;
}

static void calls_of_loop(long n, void *portal)
{
    while (n--)
        bench_must(hark_portal_call(portal, nothing, NULL) == 0, "hark_portal_call");
}

int main(void)
{
    hark_portal portal;
    bench_must(hark_run(measure_calls, NULL) == 0, "hark_run");
    bench_must(hark_portal_open(&portal, NULL) == 0, "hark_portal_open");
    bench_say("ns_portal_call", bench_ns(calls_of_loop, TRIPS, &portal), "ns");
    bench_must(hark_portal_close(&portal, false) == 0, "hark_portal_close");
    return 0;
}
