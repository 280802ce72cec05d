/* SPDX-License-Identifier: MIT
 *
 * State Threads: cond. Its condition goes without a lock, for it never preempts.
 */
#include "peer.h"

static st_cond_t changed;

static void calls(long n, void *arg)
{
    (void)arg;
    while (n--)
        st_cond_signal(changed);
}

static void turns(long n, void *arg)
{
    (void)arg;
    while (n--) {
        st_cond_signal(changed);
        st_cond_wait(changed);
    }
}

static void *other(void *arg)
{
    st_cond_wait(changed);
    for (;;)
        turns(1, arg);
}

int main(int argc, char **argv)
{
    long tasks = bench_size(argc, argv, 1, 1);
    begin();
    changed = st_cond_new();
    if (tasks == 1) {
        bench_say("ns_alone", bench_ns(calls, 5000000, NULL), "ns");
        return 0;
    }
    for (long i = 1; i < tasks; i++)
        spawn(other, NULL, 0);
    st_usleep(0);
    bench_say("ns_per_turn", bench_ns(turns, 2000000 / tasks, NULL) / tasks, "ns");
    return 0;
}
