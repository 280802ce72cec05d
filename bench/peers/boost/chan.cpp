/* SPDX-License-Identifier: MIT
 *
 * Boost.Fiber: chan. A buffered channel has a power of two as its capacity and one slot less than
 * that: 1, or 63 instead of 64.
 */
#include "peer.hpp"

template <class Chan> struct chan {
    Chan &c;

    static void pairs(long n, void *arg)
    {
        auto &c = *(Chan *)arg;
        for (uint64_t item = 0; n--;) {
            c.push(item);
            c.pop(item);
        }
    }

    static void items(long n, void *arg)
    {
        auto &c = *(Chan *)arg;
        for (uint64_t item; n--;)
            c.pop(item);
    }

    void measure(bool alone)
    {
        if (alone)
            bench_say("ns_alone", bench_ns(pairs, 1000000, &c), "ns");
        spawn([this] {
            for (uint64_t item = 0;; item++)
                c.push(item);
        }).detach();
        bench_say("ns_per_item", bench_ns(items, 500000, &c), "ns");
        std::_Exit(0);
    }
};

int main(int argc, char **argv)
{
    long slots = bench_number(argc, argv, 1, 0);
    if (slots == 0) {
        fibers::unbuffered_channel<uint64_t> c;
        chan<decltype(c)>{c}.measure(false);
    } else {
        fibers::buffered_channel<uint64_t> c(slots == 1 ? 2 : slots);
        chan<decltype(c)>{c}.measure(true);
    }
}
