/* SPDX-License-Identifier: MIT
 *
 * Boost.Fiber: lock. Who has waited is woken and must ask again, and whoever releases it may have
 * taken it again by then; so each steps aside when it has released it.
 */
#include "peer.hpp"

static fibers::mutex lock;

static void pairs(long n, void *)
{
    while (n--) {
        lock.lock();
        lock.unlock();
    }
}

static void turns(long n, void *)
{
    while (n--) {
        lock.unlock();
        boost::this_fiber::yield();
        lock.lock();
    }
}

int main(int argc, char **argv)
{
    long tasks = bench_size(argc, argv, 1, 1);
    if (tasks == 1) {
        bench_say("ns_alone", bench_ns(pairs, 3000000, NULL), "ns");
        return 0;
    }
    lock.lock();
    for (long i = 1; i < tasks; i++)
        spawn([] {
            lock.lock();
            for (;;)
                turns(1, NULL);
        }).detach();
    boost::this_fiber::yield();
    bench_say("ns_per_hand_over", bench_ns(turns, 500000 / tasks, NULL) / tasks, "ns");
    std::_Exit(0);
}
