/* SPDX-License-Identifier: MIT */
#include "peer.hpp"

static event ping, pong;
static bool stopped;

static void pings(long n, void *)
{
    while (n--) {
        ping.set();
        pong.wait();
        pong.clear();
    }
}

int main()
{
    auto other = spawn([] {
        for (ping.wait(); !stopped; ping.wait()) {
            ping.clear();
            pong.set();
        }
    });
    bench_say("ns_per_round_trip", bench_ns(pings, 300000, NULL), "ns");
    stopped = true;
    ping.set();
    other.join();
}
