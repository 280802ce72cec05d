/* SPDX-License-Identifier: MIT
 *
 * post.c - the limit of `post`: a stack of nodes under one compare-and-swap, which the loop takes
 * whole and turns round, for they run in the order of coming; and an eventfd, asked for edges, that
 * is written only when the loop sleeps.
 *
 * A list under one exchange, where nothing has to be turned round, is not faster: the loop then has
 * to touch the cache line of who comes last.
 */
#include "../bench.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NODES  1000
#define ROUNDS 300
#define MOST   4

typedef struct node {
    struct node *next;
    void (*fn)(void *arg);
    void *arg;
} node;

static struct batch {
    node nodes[NODES], end;
    atomic_int left;
} batches[MOST];

static _Alignas(64) _Atomic(node *) newest;
static _Alignas(64) atomic_int asleep;
static int bell, poller, working;

static void ran(void *arg)
{
    atomic_fetch_sub_explicit((atomic_int *)arg, 1, memory_order_release);
}

static void ended(void *arg)
{
    (void)arg;
    working--;
}

static void push(node *n, void (*fn)(void *arg), void *arg)
{
    uint64_t one = 1;
    n->fn = fn;
    n->arg = arg;
    n->next = atomic_load_explicit(&newest, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&newest, &n->next, n)) {}
    if (atomic_load(&asleep) && atomic_exchange(&asleep, 0))
        bench_must(write(bell, &one, sizeof one) == sizeof one, "write");
}

static void *post(void *arg)
{
    struct batch *batch = arg;
    for (int round = 0; round < ROUNDS; round++) {
        atomic_store(&batch->left, NODES);
        for (int i = 0; i < NODES; i++)
            push(&batch->nodes[i], ran, &batch->left);
        while (atomic_load_explicit(&batch->left, memory_order_acquire))
            sched_yield();
    }
    push(&batch->end, ended, NULL);
    return NULL;
}

static int take_all(void)
{
    node *n = atomic_exchange(&newest, NULL), *first = NULL, *next;
    int any = n != NULL;
    for (; n; n = next) {
        next = n->next;
        n->next = first;
        first = n;
    }
    for (n = first; n; n = next) {
        next = n->next;
        n->fn(n->arg);
    }
    return any;
}

static void measure_with(int threads, const char *key)
{
    pthread_t thread[MOST];
    struct epoll_event event;
    int64_t begun = bench_now();
    working = threads;
    for (int i = 0; i < threads; i++)
        bench_must(pthread_create(&thread[i], NULL, post, &batches[i]) == 0, "pthread_create");
    while (working) {
        if (take_all())
            continue;
        atomic_store(&asleep, 1);
        if (!atomic_load(&newest))
            epoll_wait(poller, &event, 1, -1);
        atomic_store(&asleep, 0);
    }
    double ns = (double)(bench_now() - begun) / ((double)threads * ROUNDS * NODES);
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    bench_say(key, ns, "ns");
}

int main(void)
{
    struct epoll_event edge = {.events = EPOLLIN | EPOLLET};
    bell = eventfd(0, EFD_CLOEXEC);
    poller = epoll_create1(EPOLL_CLOEXEC);
    bench_must(epoll_ctl(poller, EPOLL_CTL_ADD, bell, &edge) == 0, "epoll_ctl");
    measure_with(1, "ns_per_post_1");
    measure_with(MOST, "ns_per_post_4");
    return 0;
}
