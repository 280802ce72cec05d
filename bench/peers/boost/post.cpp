/* SPDX-License-Identifier: MIT
 *
 * Boost.Fiber: post. What a thread posts is a function and its argument, in a buffered channel to a
 * fiber that calls them.
 */
#include "peer.hpp"
#include <atomic>
#include <thread>

#define NODES  1000
#define ROUNDS 300

struct call {
    void (*fn)(std::atomic<int> *left);
    std::atomic<int> *left;
};

static void ran(std::atomic<int> *left)
{
    left->fetch_sub(1, std::memory_order_release);
}

static void measure(int threads, const char *key)
{
    fibers::buffered_channel<call> posts(1024);
    std::atomic<int> working(threads);
    std::vector<std::thread> all;
    int64_t begun = bench_now();
    for (int i = 0; i < threads; i++)
        all.emplace_back([&] {
            std::atomic<int> left(0);
            for (int round = 0; round < ROUNDS; round++) {
                left = NODES;
                for (int i = 0; i < NODES; i++)
                    posts.push(call{ran, &left});
                while (left.load(std::memory_order_acquire))
                    std::this_thread::yield();
            }
            if (--working == 0)
                posts.close();
        });
    for (call c; posts.pop(c) == fibers::channel_op_status::success;)
        c.fn(c.left);
    double ns = (double)(bench_now() - begun) / ((double)threads * ROUNDS * NODES);
    for (auto &t : all)
        t.join();
    bench_say(key, ns, "ns");
}

int main()
{
    measure(1, "ns_per_post_1");
    measure(4, "ns_per_post_4");
}
