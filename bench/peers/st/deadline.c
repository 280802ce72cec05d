/* SPDX-License-Identifier: MIT
 *
 * State Threads: deadline. Its timed wait is the deadline around a call that parks.
 */
#include "peer.h"

static event ping, pong;
static int stopped, timed;

static void wait_for(event *e)
{
    while (!e->is_set) {
        if (timed)
            st_cond_timedwait(e->changed, 1000000);
        else
            st_cond_wait(e->changed);
    }
}

static void *other(void *arg)
{
    for (wait_for(&ping); !stopped; wait_for(&ping)) {
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
        wait_for(&pong);
        pong.is_set = 0;
    }
}

int main(void)
{
    begin();
    event_init(&ping);
    event_init(&pong);
    st_thread_t t = spawn(other, NULL, 1);
    double plain = bench_ns(pings, 500000, NULL);
    timed = 1;
    double with = bench_ns(pings, 500000, NULL);
    bench_say("ns_per_round_trip", with, "ns");
    bench_say("ns_per_deadline", (with - plain) / 2, "ns");
    stopped = 1;
    event_set(&ping);
    return st_thread_join(t, NULL);
}
