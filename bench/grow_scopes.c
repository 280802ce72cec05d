/* SPDX-License-Identifier: MIT
 *
 * grow_scopes.c - N scopes, one in the other: what does a call cost down there?
 *
 * At that depth: a checkpoint; one scope more around a call that does not
 * block, without and with a deadline; asking for the deadline that applies. And
 * all N of them opened and closed; and the outermost cancelled, which the
 * innermost call sees, and then all are closed. Fewer than 10,000 are opened
 * and closed several times over: reading the clock takes longer than a scope.
 */
#include "bench.h"
#include <hark.h>

#define CALLS 1000000l
#define LEAST 10000l /* scopes between two looks at the clock */

static hark_scope *scopes;
static long depth;
static hark_event is_set;

static void open_all(void)
{
    for (long i = 0; i < depth; i++)
        hark_scope_open(&scopes[i], i == 0 ? HARK_S(3600) : HARK_FOREVER);
}

static int64_t close_all(int64_t rc)
{
    for (long i = depth; i-- > 0;)
        rc = hark_scope_close(&scopes[i], rc);
    return rc;
}

static void nests(long n, void *arg)
{
    (void)arg;
    while (n--) {
        open_all();
        bench_must(close_all(hark_event_wait(&is_set)) == 0, "closing scopes");
    }
}

/* The outermost catches what it caused, so in the end it is no error. */
static void cancels(long n, void *arg)
{
    (void)arg;
    while (n--) {
        open_all();
        hark_scope_cancel(&scopes[0]);
        bench_must(close_all(hark_event_wait(&is_set)) == 0, "catching a cancellation");
        bench_must(hark_scope_caught(&scopes[0]), "being cancelled");
    }
}

static void checkpoints(long n, void *arg)
{
    (void)arg;
    while (n--)
        hark_checkpoint();
}

static void inner(long n, void *timeout)
{
    while (n--) {
        hark_scope s;
        hark_scope_open(&s, *(int64_t *)timeout);
        hark_scope_close(&s, hark_event_wait(&is_set));
    }
}

static void lookups(long n, void *arg)
{
    (void)arg;
    while (n--)
        bench_must(hark_effective_deadline() < HARK_FOREVER, "a deadline");
}

static int measure(void *arg)
{
    int64_t forever = HARK_FOREVER, second = HARK_S(1);
    depth = *(long *)arg;
    long times = depth < LEAST ? LEAST / depth : 1;
    scopes = calloc((size_t)depth, sizeof *scopes);
    bench_must(scopes != NULL, "calloc");
    hark_event_set(&is_set);
    bench_say("ns_nest", bench_ns(nests, times, NULL) / depth, "ns");
    bench_say("ns_cancel", bench_ns(cancels, times, NULL) / depth, "ns");
    open_all();
    bench_say("ns_checkpoint", bench_ns(checkpoints, CALLS, NULL), "ns");
    bench_say("ns_inner", bench_ns(inner, CALLS, &forever), "ns");
    bench_say("ns_inner_deadline", bench_ns(inner, CALLS, &second), "ns");
    bench_say("ns_lookup", bench_ns(lookups, CALLS / depth + 10, NULL) / depth, "ns");
    close_all(0);
    free(scopes);
    return 0;
}

int main(int argc, char **argv)
{
    long n = bench_size(argc, argv, 1, 1000);
    bench_must(hark_run(measure, &n) == 0, "hark_run");
    return 0;
}
