/* SPDX-License-Identifier: MIT
 *
 * scope.c - what does a scope cost around a call that does not block?
 *
 * The call waits for an event that is set: a checkpoint and nothing more. It is measured alone, in
 * a scope, in a scope with a deadline, and under hark_within.
 */
#include "bench.h"
#include <hark.h>

#define CALLS 2000000l

static void calls(long n, void *e)
{
    while (n--)
        hark_event_wait(e);
}

static void scopes(long n, void *e)
{
    while (n--) {
        hark_scope s;
        hark_scope_open(&s, HARK_FOREVER);
        hark_scope_close(&s, hark_event_wait(e));
    }
}

static void deadlines(long n, void *e)
{
    while (n--) {
        hark_scope s;
        hark_scope_open(&s, HARK_S(1));
        hark_scope_close(&s, hark_event_wait(e));
    }
}

static void withins(long n, void *e)
{
    while (n--)
        hark_within(HARK_S(1), hark_event_wait(e));
}

static int measure(void *arg)
{
    hark_event e = HARK_EVENT_INIT;
    (void)arg;
    hark_event_set(&e);
    bench_say("ns_call", bench_ns(calls, CALLS, &e), "ns");
    bench_say("ns_scope", bench_ns(scopes, CALLS, &e), "ns");
    bench_say("ns_scope_deadline", bench_ns(deadlines, CALLS, &e), "ns");
    bench_say("ns_within", bench_ns(withins, CALLS, &e), "ns");
    return 0;
}

int main(void)
{
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
