/* SPDX-License-Identifier: MIT
 *
 * Boost.Fiber: deadline. Its timed wait is the deadline around a call that parks.
 */
#include "peer.hpp"

static event ping, pong;
static bool stopped, timed;

static void wait_for(event &e)
{
    if (!timed)
        return e.wait();
    std::unique_lock<fibers::mutex> hold(e.mutex);
    e.changed.wait_for(hold, std::chrono::seconds(1), [&] { return e.is_set; });
}

static void pings(long n, void *)
{
    while (n--) {
        ping.set();
        wait_for(pong);
        pong.clear();
    }
}

int main()
{
    auto other = spawn([] {
        for (wait_for(ping); !stopped; wait_for(ping)) {
            ping.clear();
            pong.set();
        }
    });
    double plain = bench_ns(pings, 200000, NULL);
    timed = true;
    double with = bench_ns(pings, 200000, NULL);
    bench_say("ns_per_round_trip", with, "ns");
    bench_say("ns_per_deadline", (with - plain) / 2, "ns");
    stopped = true;
    ping.set();
    other.join();
}
