/* SPDX-License-Identifier: MIT
 *
 * deadline.c - a deadline that never comes: armed around a call that parks, cancelled after it.
 *
 * A ping-pong in which both sides wait under a deadline of a second, against the same without.
 */
#include "bench.h"
#include <hark.h>

#define TRIPS 1000000l

static hark_flag ping, pong;
static bool timed, stopped;

static int wait_for(hark_flag *f)
{
    if (!timed)
        return hark_flag_wait(f);
    hark_scope s;
    hark_scope_open(&s, HARK_S(1));
    return (int)hark_scope_close(&s, hark_flag_wait(f));
}

static int ponger(void *arg)
{
    (void)arg;
    while (wait_for(&ping) == 0 && !stopped) {
        hark_flag_clear(&ping);
        hark_flag_set(&pong);
    }
    return 0;
}

static void pings(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_flag_set(&ping);
        bench_must(wait_for(&pong) == 0, "waiting");
        hark_flag_clear(&pong);
    }
}

static int measure(void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    hark_go(&g, ponger, NULL);
    double plain = bench_ns(pings, TRIPS, NULL);
    timed = true;
    double with = bench_ns(pings, TRIPS, NULL);
    bench_say("ns_per_round_trip", with, "ns");
    bench_say("ns_per_deadline", (with - plain) / 2, "ns");
    stopped = true;
    hark_flag_set(&ping);
    return hark_group_close(&g, 0);
}

int main(void)
{
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
