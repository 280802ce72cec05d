/* SPDX-License-Identifier: MIT */
#include "peer.hpp"

static void spawn_joins(long n, void *)
{
    while (n--)
        spawn([] {}).join();
}

static double batch(long n)
{
    std::vector<fibers::fiber> all;
    int64_t start = bench_now();
    all.reserve(n);
    for (long i = 0; i < n; i++)
        all.push_back(spawn([] {}));
    for (auto &f : all)
        f.join();
    return (double)(bench_now() - start) / n;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    must_fit(n);
    bench_say("ns_batch_cold", batch(n), "ns");
    bench_say("ns_batch_warm", batch(n), "ns");
    bench_say("ns_serial", bench_ns(spawn_joins, 200000, NULL), "ns");
}
