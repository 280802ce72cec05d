/* SPDX-License-Identifier: MIT
 *
 * post.c - how many posts a second does a loop take, from 1 thread and from 4?
 *
 * Each thread posts a thousand nodes and waits until all of them have run, and so on: the loop falls
 * asleep whenever it can. The limit is the least that does so: the same stack of nodes under one
 * compare-and-swap, and an eventfd that is written when the reader sleeps.
 */
#include "bench.h"
#include <hark.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NODES  1000
#define ROUNDS 300
#define MOST   4

struct node {
    hark_watch watch;
    struct node *next;
    struct batch *of;
};

static struct batch {
    struct node nodes[NODES];
    atomic_int left;
} batches[MOST];

static hark_loop *loop;
static _Atomic(struct node *) stack;
static atomic_int asleep, working;
static int bell;

/* ---- hark ------------------------------------------------------------------------------------ */

static void ran(void *arg)
{
    atomic_fetch_sub_explicit((atomic_int *)arg, 1, memory_order_release);
}

static void wait_for(struct batch *batch)
{
    while (atomic_load_explicit(&batch->left, memory_order_acquire))
        sched_yield();
}

static void *post_to_hark(void *arg)
{
    struct batch *batch = arg;
    for (int round = 0; round < ROUNDS; round++) {
        atomic_store(&batch->left, NODES);
        for (int i = 0; i < NODES; i++)
            hark_loop_post(loop, &batch->nodes[i].watch, ran, &batch->left);
        wait_for(batch);
    }
    hark_loop_drop(loop);
    return NULL;
}

static int measure(void *arg)
{
    int threads = *(int *)arg;
    pthread_t thread[MOST];
    int64_t begun = bench_now();
    for (int i = 0; i < threads; i++) {
        loop = hark_loop_hold(hark_loop_self());
        bench_must(pthread_create(&thread[i], NULL, post_to_hark, &batches[i]) == 0, "thread");
    }
    while (hark_loop_statistics(hark_loop_self()).holds)
        hark_sleep(HARK_US(200));
    double ns = (double)(bench_now() - begun) / ((double)threads * ROUNDS * NODES);
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    bench_say(threads == 1 ? "ns_per_post_1" : "ns_per_post_4", ns, "ns");
    return 0;
}

/* ---- limit ----------------------------------------------------------------------------------- */

static void *post_to_stack(void *arg)
{
    struct batch *batch = arg;
    uint64_t one = 1;
    for (int round = 0; round < ROUNDS; round++) {
        atomic_store(&batch->left, NODES);
        for (int i = 0; i < NODES; i++) {
            struct node *node = &batch->nodes[i], *top = atomic_load(&stack);
            node->of = batch;
            do
                node->next = top;
            while (!atomic_compare_exchange_weak(&stack, &top, node));
            if (atomic_exchange(&asleep, 0))
                bench_must(write(bell, &one, sizeof one) == sizeof one, "write");
        }
        wait_for(batch);
    }
    if (atomic_fetch_sub(&working, 1) == 1)
        bench_must(write(bell, &one, sizeof one) == sizeof one, "write");
    return NULL;
}

static void take_all(void)
{
    for (struct node *node = atomic_exchange(&stack, NULL), *next; node; node = next) {
        next = node->next;
        ran(&node->of->left);
    }
}

static void measure_limit(int threads)
{
    pthread_t thread[MOST];
    uint64_t count;
    int64_t begun = bench_now();
    bell = eventfd(0, EFD_CLOEXEC);
    atomic_store(&working, threads);
    for (int i = 0; i < threads; i++)
        bench_must(pthread_create(&thread[i], NULL, post_to_stack, &batches[i]) == 0, "thread");
    while (atomic_load(&working)) {
        atomic_store(&asleep, 1);
        if (!atomic_load(&stack) && atomic_load(&working))
            bench_must(read(bell, &count, sizeof count) == sizeof count, "read");
        atomic_store(&asleep, 0);
        take_all();
    }
    double ns = (double)(bench_now() - begun) / ((double)threads * ROUNDS * NODES);
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    close(bell);
    bench_say(threads == 1 ? "ns_per_post_1_limit" : "ns_per_post_4_limit", ns, "ns");
}

int main(void)
{
    for (int threads = 1; threads <= MOST; threads += MOST - 1) {
        bench_must(hark_run(measure, &threads) == 0, "hark_run");
        measure_limit(threads);
    }
    return 0;
}
