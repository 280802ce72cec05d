/* SPDX-License-Identifier: MIT
 *
 * thread.c - the limit of `thread`: the least that asks another thread and gets an answer.
 *
 * There are two ways to sleep: in a futex, and in epoll, until somebody writes into an eventfd. A
 * loop serves descriptors, too, so it can sleep in the second way only; a thread takes the first.
 * That is `mixed`, which counts. `futex` and `eventfd`: both sides in one way. `spin`: as `mixed`,
 * but both look for a while before they go to sleep.
 *
 * A call is a function, its argument and its result: that much must be handed over.
 */
#include "side.h"
#include <pthread.h>

#define TRIPS   20000l
#define SPIN_NS 20000

static side loop, thread;
static atomic_int over;
static struct {
    int (*fn)(void *arg);
    void *arg;
    int result;
} job;

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void call(side *from, side *to)
{
    job.fn = nothing;
    job.arg = NULL;
    side_give(to);
    side_take(from);
    bench_must(job.result == 0, "a call");
}

static void answer(side *from, side *to)
{
    for (;;) {
        side_take(to);
        if (atomic_load(&over))
            return;
        job.result = job.fn(job.arg);
        side_give(from);
    }
}

static void *thread_answers(void *arg)
{
    answer(&loop, &thread);
    return arg;
}

static void *loop_answers(void *arg)
{
    answer(&thread, &loop);
    return arg;
}

static void thread_calls(long n, void *arg)
{
    (void)arg;
    while (n--)
        call(&loop, &thread);
}

static void portal_calls(long n, void *arg)
{
    (void)arg;
    while (n--)
        call(&thread, &loop);
}

static double ask(bench_body *calls, void *(*other)(void *), side *to)
{
    pthread_t id;
    atomic_store(&over, 0);
    bench_must(pthread_create(&id, NULL, other, NULL) == 0, "pthread_create");
    double ns = bench_ns(calls, TRIPS, NULL);
    atomic_store(&over, 1);
    side_give(to);
    pthread_join(id, NULL);
    return ns;
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "mixed";
    int spins = strcmp(way, "spin") == 0;
    if (spins && bench_processors() < 2)
        bench_skip("who spins on the only processor keeps the other one from it");
    side_open(&loop, strcmp(way, "futex") != 0);
    side_open(&thread, strcmp(way, "eventfd") == 0);
    side_spin = spins ? SPIN_NS : 0;
    double call_ns = ask(thread_calls, thread_answers, &thread);
    double portal_ns = ask(portal_calls, loop_answers, &loop);
    bench_say("ns_thread_call", call_ns, "ns");
    bench_say("ns_portal_call", portal_ns, "ns");
    if (!spins)
        bench_say("ns_thread_call_asleep", call_ns, "ns");
    return 0;
}
