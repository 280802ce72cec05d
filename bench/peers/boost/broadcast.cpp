/* SPDX-License-Identifier: MIT */
#include "peer.hpp"

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000), events = n < 1000 ? 1000 / n : 1, all = n * events;
    must_fit(all);
    int rounds = n > 300000 ? 1 : BENCH_BATCHES;
    double whole[BENCH_BATCHES], set[BENCH_BATCHES];
    for (int r = n > 300000 ? 0 : -1; r < rounds; r++) {
        std::vector<event> e(events);
        std::vector<fibers::fiber> waiters;
        waiters.reserve(all);
        for (long i = 0; i < all; i++)
            waiters.push_back(spawn([&e, i, n] { e[i / n].wait(); }));
        boost::this_fiber::yield();
        int64_t start = bench_now();
        for (auto &one : e)
            one.set();
        int64_t middle = bench_now();
        for (auto &f : waiters)
            f.join();
        if (r >= 0) {
            whole[r] = (double)(bench_now() - start) / all;
            set[r] = (double)(middle - start) / all;
        }
    }
    bench_say("ns_per_task", bench_median(whole, rounds), "ns");
    bench_say("ns_in_set", bench_median(set, rounds), "ns");
}
