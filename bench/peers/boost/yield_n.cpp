/* SPDX-License-Identifier: MIT */
#include "peer.hpp"

static void yields(long n, void *)
{
    while (n--)
        boost::this_fiber::yield();
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000), turns = 1000000 / n > 5 ? 1000000 / n : 5;
    must_fit(n);
    bool stopped = false;
    std::vector<fibers::fiber> others;
    for (long i = 1; i < n; i++)
        others.push_back(spawn([&] {
            while (!stopped)
                boost::this_fiber::yield();
        }));
    boost::this_fiber::yield();
    bench_say("ns_per_yield", bench_ns(yields, turns, NULL) / n, "ns");
    stopped = true;
    for (auto &f : others)
        f.join();
}
