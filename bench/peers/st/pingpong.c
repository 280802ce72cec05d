/* SPDX-License-Identifier: MIT */
#include "peer.h"

static event ping, pong;
static int stopped;

static void *other(void *arg)
{
    for (event_wait(&ping); !stopped; event_wait(&ping)) {
        ping.is_set = 0;
        event_set(&pong);
    }
    return arg;
}

static void pings(long n, void *arg)
{
    (void)arg;
    while (n--) {
        event_set(&ping);
        event_wait(&pong);
        pong.is_set = 0;
    }
}

int main(void)
{
    begin();
    event_init(&ping);
    event_init(&pong);
    st_thread_t t = spawn(other, NULL, 1);
    bench_say("ns_per_round_trip", bench_ns(pings, 1000000, NULL), "ns");
    stopped = 1;
    event_set(&ping);
    return st_thread_join(t, NULL);
}
