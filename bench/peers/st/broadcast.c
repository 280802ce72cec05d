/* SPDX-License-Identifier: MIT */
#include "peer.h"

static event all_ended;
static long left;

static void *waiter(void *arg)
{
    event_wait(arg);
    if (--left == 0)
        event_set(&all_ended);
    return NULL;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000), events = n < 1000 ? 1000 / n : 1, all = n * events;
    int rounds = n > 300000 ? 1 : BENCH_BATCHES;
    double whole[BENCH_BATCHES], set[BENCH_BATCHES];
    event *e = malloc(events * sizeof *e);
    begin();
    event_init(&all_ended);
    for (long i = 0; i < events; i++)
        event_init(&e[i]);
    for (int r = -1; r < rounds; r++) {
        all_ended.is_set = 0;
        for (long i = 0; i < events; i++)
            e[i].is_set = 0;
        left = all;
        for (long i = 0; i < all; i++)
            spawn(waiter, &e[i / n], 0);
        st_usleep(0);
        int64_t start = bench_now();
        for (long i = 0; i < events; i++)
            event_set(&e[i]);
        int64_t middle = bench_now();
        event_wait(&all_ended);
        if (r >= 0) {
            whole[r] = (double)(bench_now() - start) / all;
            set[r] = (double)(middle - start) / all;
        }
    }
    bench_say("ns_per_task", bench_median(whole, rounds), "ns");
    bench_say("ns_in_set", bench_median(set, rounds), "ns");
    return 0;
}
