/* SPDX-License-Identifier: MIT */
#include "peer.hpp"

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    must_fit(n);
    for (int round = 0; round < 2; round++) {
        event e;
        bench_memory before = bench_memory_now();
        std::vector<fibers::fiber> waiters;
        waiters.reserve(n);
        int64_t start = bench_now();
        for (long i = 0; i < n; i++)
            waiters.push_back(spawn([&] { e.wait(); }));
        boost::this_fiber::yield();
        bench_say(round ? "ns_warm" : "ns_cold", (double)(bench_now() - start) / n, "ns");
        if (round == 0)
            bench_memory_say(before, n);
        e.set();
        for (auto &f : waiters)
            f.join();
    }
}
