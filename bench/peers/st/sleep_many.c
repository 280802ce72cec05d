/* SPDX-License-Identifier: MIT */
#include "peer.h"

static event gate, all_ended;
static long left;
static int64_t first_deadline;

static void *sleeper(void *arg)
{
    event_wait(&gate);
    int64_t deadline = first_deadline + bench_mix((uint64_t)(intptr_t)arg) % 1000000000;
    st_usleep((st_utime_t)((deadline - bench_now() + 999) / 1000));
    if (--left == 0)
        event_set(&all_ended);
    return NULL;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000000);
    begin();
    event_init(&gate);
    event_init(&all_ended);
    left = n;
    for (long i = 0; i < n; i++)
        spawn(sleeper, (void *)(intptr_t)i, 0);
    st_usleep(0);
    first_deadline = bench_now() + 100000000 + 2000 * n;
    int64_t cpu = bench_cpu();
    event_set(&gate);
    st_usleep(0);
    bench_say("ns_arm", (double)(bench_cpu() - cpu) / n, "ns");
    cpu = bench_cpu();
    event_wait(&all_ended);
    bench_say("ns_fire", (double)(bench_cpu() - cpu) / n, "ns");
    bench_say("late_ms", (bench_now() - first_deadline - 1e9) / 1e6, "ms");
    return 0;
}
