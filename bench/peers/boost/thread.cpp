/* SPDX-License-Identifier: MIT
 *
 * Boost.Fiber: thread. Its channels and futures go from one thread to another; each has a scheduler
 * of its own, which sleeps when no fiber is ready. What crosses is a packaged task, the answer its
 * future; there is no difference between a loop and a thread.
 */
#include "peer.hpp"
#include <thread>

using task = fibers::packaged_task<int()>;

static fibers::buffered_channel<task> tasks(2);

static void calls(long n, void *)
{
    while (n--) {
        task t([] { return 0; });
        auto answer = t.get_future();
        tasks.push(std::move(t));
        bench_must(answer.get() == 0, "a call");
    }
}

int main()
{
    std::thread other([] {
        for (task t; tasks.pop(t) == fibers::channel_op_status::success;)
            t();
    });
    bench_say("ns_thread_call", bench_ns(calls, 20000, NULL), "ns");
    tasks.close();
    other.join();
}
