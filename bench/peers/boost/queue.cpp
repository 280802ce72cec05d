/* SPDX-License-Identifier: MIT
 *
 * Boost.Fiber: queue. Its queue is its buffered channel, which has a bound: one slot less than the
 * power of two that it is made with, so 63 here.
 */
#include "peer.hpp"

using channel = fibers::buffered_channel<uint64_t>;

static channel there(64), back(64);

static void pairs(long n, void *)
{
    for (uint64_t item = 1; n--; item += 1 + (item & 7)) {
        there.push(item);
        there.pop(item);
    }
}

static void trips(long n, void *)
{
    for (uint64_t item = 0; n--;) {
        there.push(item);
        back.pop(item);
    }
}

static void items(long n, void *)
{
    for (uint64_t item; n--;)
        back.pop(item);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bounded") != 0)
        bench_skip("its queue is a channel, which is bounded and goes first in, first out");
    bench_say("ns_alone", bench_ns(pairs, 1000000, NULL), "ns");
    spawn([] {
        for (uint64_t item; there.pop(item) == fibers::channel_op_status::success;)
            back.push(item);
    }).detach();
    bench_say("ns_per_hand_over", bench_ns(trips, 300000, NULL) / 2, "ns");
    there.close();
    spawn([] {
        for (uint64_t item = 0;; item++)
            back.push(item);
    }).detach();
    bench_say("ns_per_item", bench_ns(items, 500000, NULL), "ns");
    std::_Exit(0);
}
