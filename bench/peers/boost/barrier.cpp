/* SPDX-License-Identifier: MIT */
#include "peer.hpp"

static void rounds(long n, void *arg)
{
    while (n--)
        ((fibers::barrier *)arg)->wait();
}

int main(int argc, char **argv)
{
    long parties = bench_size(argc, argv, 1, 1);
    fibers::barrier barrier(parties);
    for (long i = 1; i < parties; i++)
        spawn([&] {
            for (;;)
                rounds(1, &barrier);
        }).detach();
    double ns = bench_ns(rounds, 500000 / parties, &barrier) / parties;
    bench_say(parties > 1 ? "ns_per_party" : "ns_alone", ns, "ns");
    std::_Exit(0);
}
