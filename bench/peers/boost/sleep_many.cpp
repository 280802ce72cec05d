/* SPDX-License-Identifier: MIT */
#include "peer.hpp"

using sleep_clock = std::chrono::steady_clock; /* what bench_now reads, too */

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    must_fit(n);
    event gate;
    int64_t first = 0;
    std::vector<fibers::fiber> sleepers;
    sleepers.reserve(n);
    for (long i = 0; i < n; i++)
        sleepers.push_back(spawn([&gate, &first, i] {
            gate.wait();
            std::chrono::nanoseconds deadline(first + bench_mix((uint64_t)i) % 1000000000);
            boost::this_fiber::sleep_until(sleep_clock::time_point(deadline));
        }));
    boost::this_fiber::yield();
    first = bench_now() + 100000000 + 5000 * n;
    int64_t cpu = bench_cpu();
    gate.set();
    boost::this_fiber::yield();
    bench_say("ns_arm", (double)(bench_cpu() - cpu) / n, "ns");
    cpu = bench_cpu();
    for (auto &f : sleepers)
        f.join();
    bench_say("ns_fire", (double)(bench_cpu() - cpu) / n, "ns");
    bench_say("late_ms", (bench_now() - first - 1e9) / 1e6, "ms");
}
