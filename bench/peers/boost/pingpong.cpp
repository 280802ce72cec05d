/* SPDX-License-Identifier: MIT
 *
 * Boost.Fiber: pingpong. A promise is kept once: for each trip there are two new ones.
 */
#include "peer.hpp"

static event ping, pong;
static bool stopped;

struct conversation {
    fibers::promise<void *> question, reply;
};

static void pings(long n, void *)
{
    while (n--) {
        ping.set();
        pong.wait();
        pong.clear();
    }
}

static void questions(long n, void *arg)
{
    auto &c = *(conversation *)arg;
    while (n--) {
        c.question.set_value(arg);
        bench_must(c.reply.get_future().get() == arg, "a reply");
        c.reply = fibers::promise<void *>();
    }
}

int main()
{
    auto ponger = spawn([] {
        for (ping.wait(); !stopped; ping.wait()) {
            ping.clear();
            pong.set();
        }
    });
    bench_say("ns_per_round_trip", bench_ns(pings, 300000, NULL), "ns");
    stopped = true;
    ping.set();
    ponger.join();
    conversation c;
    auto replier = spawn([&c] {
        while (void *value = c.question.get_future().get()) {
            c.question = fibers::promise<void *>();
            c.reply.set_value(value);
        }
    });
    bench_say("ns_per_future_round_trip", bench_ns(questions, 300000, &c), "ns");
    c.question.set_value(NULL);
    replier.join();
}
