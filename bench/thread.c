/* SPDX-License-Identifier: MIT
 *
 * thread.c - from a loop into a thread and back, and from a thread into a loop and back, everybody
 * asleep when it begins: what is a round trip?
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

/* As limits/thread.c has it: as long as that both sides look before they sleep. */
static void spinning_calls(long n, void *arg)
{
    const hark_thread_options awake = {.size = sizeof awake, .spin = HARK_US(20)};
    while (n--)
        bench_must(hark_thread_call_with(&awake, nothing, arg) == 0, "hark_thread_call_with");
}

static int measure_calls(void *arg)
{
    (void)arg;
    bench_say("ns_thread_call", bench_ns(calls_of_thread, TRIPS, NULL), "ns");
    if (bench_processors() > 1)
        bench_say("ns_thread_call_spin", bench_ns(spinning_calls, TRIPS, NULL), "ns");
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
