/* SPDX-License-Identifier: MIT */
#include "peer.hpp"

static void yields(long n, void *)
{
    while (n--)
        boost::this_fiber::yield();
}

int main()
{
    bool stopped = false;
    auto other = spawn([&] {
        while (!stopped)
            boost::this_fiber::yield();
    });
    bench_say("ns_per_yield", bench_ns(yields, 500000, NULL) / 2, "ns");
    stopped = true;
    other.join();
}
