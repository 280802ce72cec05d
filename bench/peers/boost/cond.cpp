/* SPDX-License-Identifier: MIT */
#include "peer.hpp"

static fibers::mutex lock;
static fibers::condition_variable changed;

static void calls(long n, void *)
{
    while (n--)
        changed.notify_one();
}

static void turns(long n, void *hold)
{
    while (n--) {
        changed.notify_one();
        changed.wait(*(std::unique_lock<fibers::mutex> *)hold);
    }
}

int main(int argc, char **argv)
{
    long tasks = bench_size(argc, argv, 1, 1);
    if (tasks == 1) {
        bench_say("ns_alone", bench_ns(calls, 3000000, NULL), "ns");
        return 0;
    }
    for (long i = 1; i < tasks; i++)
        spawn([] {
            std::unique_lock<fibers::mutex> hold(lock);
            changed.wait(hold);
            for (;;)
                turns(1, &hold);
        }).detach();
    boost::this_fiber::yield();
    std::unique_lock<fibers::mutex> hold(lock);
    bench_say("ns_per_turn", bench_ns(turns, 500000 / tasks, &hold) / tasks, "ns");
    std::_Exit(0);
}
