/* SPDX-License-Identifier: MIT */
#include "peer.h"

static st_mutex_t lock;

static void pairs(long n, void *arg)
{
    (void)arg;
    while (n--) {
        st_mutex_lock(lock);
        st_mutex_unlock(lock);
    }
}

static void turns(long n, void *arg)
{
    (void)arg;
    while (n--) {
        st_mutex_unlock(lock);
        st_mutex_lock(lock);
    }
}

static void *other(void *arg)
{
    st_mutex_lock(lock);
    for (;;)
        turns(1, arg);
}

int main(int argc, char **argv)
{
    long tasks = bench_size(argc, argv, 1, 1);
    begin();
    lock = st_mutex_new();
    if (tasks == 1) {
        bench_say("ns_alone", bench_ns(pairs, 5000000, NULL), "ns");
        return 0;
    }
    st_mutex_lock(lock);
    for (long i = 1; i < tasks; i++)
        spawn(other, NULL, 0);
    st_usleep(0);
    bench_say("ns_per_hand_over", bench_ns(turns, 2000000 / tasks, NULL) / tasks, "ns");
    return 0;
}
