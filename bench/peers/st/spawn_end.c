/* SPDX-License-Identifier: MIT */
#include "peer.h"

static event all_ended;
static long left;

static void *nothing(void *arg)
{
    if (--left == 0)
        event_set(&all_ended);
    return arg;
}

static void spawn_joins(long n, void *arg)
{
    (void)arg;
    left = n + 1;
    while (n--)
        st_thread_join(spawn(nothing, NULL, 1), NULL);
}

static double batch(long n)
{
    int64_t start = bench_now();
    all_ended.is_set = 0;
    left = n;
    for (long i = 0; i < n; i++)
        spawn(nothing, NULL, 0);
    event_wait(&all_ended);
    return (double)(bench_now() - start) / n;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    begin();
    event_init(&all_ended);
    bench_say("ns_batch_cold", batch(n), "ns");
    bench_say("ns_batch_warm", batch(n), "ns");
    bench_say("ns_serial", bench_ns(spawn_joins, 500000, NULL), "ns");
    return 0;
}
