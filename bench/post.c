/* SPDX-License-Identifier: MIT
 *
 * post.c - how many posts a second does a loop take, from 1 thread and from 4?
 *
 * Each thread posts a thousand nodes and waits until all of them have run, and so on: the loop
 * falls asleep whenever it can. The last one to be done ends it.
 */
#include "bench.h"
#include <hark.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define NODES  1000
#define ROUNDS 300
#define MOST   4

static struct batch {
    hark_watch nodes[NODES], end;
    atomic_int left;
} batches[MOST];

static hark_loop *loop;
static hark_flag all_ended;
static int working;

static void ran(void *arg)
{
    atomic_fetch_sub_explicit((atomic_int *)arg, 1, memory_order_release);
}

static void ended(void *arg)
{
    (void)arg;
    if (--working == 0)
        hark_flag_set(&all_ended);
}

static void *post(void *arg)
{
    struct batch *batch = arg;
    for (int round = 0; round < ROUNDS; round++) {
        atomic_store(&batch->left, NODES);
        for (int i = 0; i < NODES; i++)
            hark_loop_post(loop, &batch->nodes[i], ran, &batch->left);
        while (atomic_load_explicit(&batch->left, memory_order_acquire))
            sched_yield();
    }
    hark_loop_post(loop, &batch->end, ended, NULL);
    hark_loop_drop(loop);
    return NULL;
}

static void measure_with(int threads, const char *key)
{
    pthread_t thread[MOST];
    int64_t begun = bench_now();
    working = threads;
    hark_flag_clear(&all_ended);
    for (int i = 0; i < threads; i++) {
        loop = hark_loop_hold(hark_loop_self());
        bench_must(pthread_create(&thread[i], NULL, post, &batches[i]) == 0, "pthread_create");
    }
    bench_must(hark_flag_wait(&all_ended) == 0, "hark_flag_wait");
    double ns = (double)(bench_now() - begun) / ((double)threads * ROUNDS * NODES);
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    bench_say(key, ns, "ns");
}

static int measure(void *arg)
{
    (void)arg;
    measure_with(1, "ns_per_post_1");
    measure_with(MOST, "ns_per_post_4");
    return 0;
}

int main(void)
{
    bench_must(hark_run(measure, NULL) == 0, "hark_run");
    return 0;
}
