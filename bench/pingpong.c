/* SPDX-License-Identifier: MIT
 *
 * pingpong.c - two tasks wake one another: what is a round trip, two wakes and two waits?
 *
 * Once through flags, cleared by whoever waited; once through futures, which carry a value and are
 * reset.
 */
#include "bench.h"
#include <hark.h>

#define TRIPS 1000000l

static hark_flag ping, pong;
static hark_future question, reply;
static bool stopped;

static int ponger(void *arg)
{
    (void)arg;
    while (hark_flag_wait(&ping) == 0 && !stopped) {
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
        hark_flag_wait(&pong);
        hark_flag_clear(&pong);
    }
}

static int replier(void *arg)
{
    void *value;
    (void)arg;
    while (hark_future_wait(&question, &value) == 0 && value) {
        hark_future_reset(&question);
        hark_future_send(&reply, value);
    }
    return 0;
}

static void questions(long n, void *arg)
{
    while (n--) {
        void *value;
        hark_future_send(&question, arg);
        hark_future_wait(&reply, &value);
        hark_future_reset(&reply);
    }
}

static int measure(void *arg)
{
    hark_group g;
    (void)arg;
    hark_group_open(&g);
    hark_go(&g, ponger, NULL);
    bench_say("ns_per_round_trip", bench_ns(pings, TRIPS, NULL), "ns");
    stopped = true;
    hark_flag_set(&ping);
    hark_go(&g, replier, NULL);
    bench_say("ns_per_future_round_trip", bench_ns(questions, TRIPS, &g), "ns");
    hark_future_send(&question, NULL);
    return hark_group_close(&g, 0);
}

int main(void)
{
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
