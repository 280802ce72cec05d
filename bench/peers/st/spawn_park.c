/* SPDX-License-Identifier: MIT */
#include "peer.h"

static event gate, all_ended;
static long left;

static void *waiter(void *arg)
{
    event_wait(&gate);
    if (--left == 0)
        event_set(&all_ended);
    return arg;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    begin();
    event_init(&gate);
    event_init(&all_ended);
    for (int round = 0; round < 2; round++) {
        bench_memory before = bench_memory_now();
        int64_t start = bench_now();
        gate.is_set = all_ended.is_set = 0;
        left = n;
        for (long i = 0; i < n; i++)
            spawn(waiter, NULL, 0);
        st_usleep(0);
        bench_say(round ? "ns_warm" : "ns_cold", (double)(bench_now() - start) / n, "ns");
        if (round == 0)
            bench_memory_say(before, n);
        event_set(&gate);
        event_wait(&all_ended);
    }
    return 0;
}
