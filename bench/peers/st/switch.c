/* SPDX-License-Identifier: MIT
 *
 * State Threads: switch. Its way to yield is to sleep for no time, which goes by its clock and
 * heap.
 */
#include "peer.h"

static int stopped;

static void *other(void *arg)
{
    while (!stopped)
        st_usleep(0);
    return arg;
}

static void yields(long n, void *arg)
{
    (void)arg;
    while (n--)
        st_usleep(0);
}

int main(void)
{
    begin();
    st_thread_t t = spawn(other, NULL, 1);
    bench_say("ns_per_yield", bench_ns(yields, 200000, NULL) / 2, "ns");
    stopped = 1;
    return st_thread_join(t, NULL);
}
