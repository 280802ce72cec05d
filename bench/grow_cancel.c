/* SPDX-License-Identifier: MIT
 *
 * grow_cancel.c - N tasks wait for one event, each in a scope; any one of them
 * is cancelled, goes on, and waits again: does that grow with the number of
 * those who wait?
 *
 * Who is cancelled is found by no search: the scope is at hand. What may grow
 * is taking a waiter out of the middle of a long line. Each time it is another
 * one, in no order, so with many of them its memory has left the caches.
 */
#include "bench.h"
#include <hark.h>

#define OPERATIONS 300000l

static hark_event gate;
static hark_scope *scopes;
static long count, turn, cancelled;

static int waiter(void *arg)
{
    hark_scope *mine = arg;
    int64_t rc;
    do {
        hark_scope_open(mine, HARK_FOREVER);
        rc = hark_scope_close(mine, hark_event_wait(&gate));
    } while (rc == 0 && !hark_event_is_set(&gate) && ++cancelled);
    return (int)rc;
}

static void cancels(long n, void *arg)
{
    (void)arg;
    while (n--) {
        hark_scope_cancel(&scopes[bench_mix((uint64_t)turn++) % (uint64_t)count]);
        hark_yield();
    }
}

static int measure(void *arg)
{
    hark_group g;
    count = *(long *)arg;
    scopes = calloc((size_t)count, sizeof *scopes);
    bench_must(scopes != NULL, "calloc");
    hark_group_open(&g);
    for (long i = 0; i < count; i++)
        bench_must(hark_go(&g, waiter, &scopes[i]) > 0, "hark_go");
    hark_yield();
    bench_say("ns_per_cancel", bench_ns(cancels, OPERATIONS, NULL), "ns");
    bench_must(cancelled == turn, "going on, each one that was cancelled");
    hark_event_set(&gate);
    bench_must(hark_group_close(&g, 0) == 0, "hark_group_close");
    free(scopes);
    return 0;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
