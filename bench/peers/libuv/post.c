/* SPDX-License-Identifier: MIT
 *
 * libuv: post. Its uv_async wakes the loop and carries nothing, and many sends may be one call: so
 * a list under a mutex goes beside it, as its users have it.
 */
#include "../../bench.h"
#include <sched.h>
#include <stdatomic.h>
#include <uv.h>

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

static uv_mutex_t lock;
static uv_async_t bell;
static node *first, **last = &first;
static int working;

static void ran(void *arg)
{
    atomic_fetch_sub_explicit((atomic_int *)arg, 1, memory_order_release);
}

static void ended(void *arg)
{
    (void)arg;
    if (--working == 0)
        uv_close((uv_handle_t *)&bell, NULL);
}

static void post(node *n, void (*fn)(void *arg), void *arg)
{
    *n = (node){NULL, fn, arg};
    uv_mutex_lock(&lock);
    *last = n;
    last = &n->next;
    uv_mutex_unlock(&lock);
    uv_async_send(&bell);
}

static void posted(uv_async_t *b)
{
    (void)b;
    uv_mutex_lock(&lock);
    node *all = first;
    first = NULL;
    last = &first;
    uv_mutex_unlock(&lock);
    for (node *next; all; all = next) {
        next = all->next;
        all->fn(all->arg);
    }
}

static void post_all(void *arg)
{
    struct batch *batch = arg;
    for (int round = 0; round < ROUNDS; round++) {
        atomic_store(&batch->left, NODES);
        for (int i = 0; i < NODES; i++)
            post(&batch->nodes[i], ran, &batch->left);
        while (atomic_load_explicit(&batch->left, memory_order_acquire))
            sched_yield();
    }
    post(&batch->end, ended, NULL);
}

static void measure(int threads, const char *key)
{
    uv_thread_t thread[MOST];
    int64_t begun = bench_now();
    working = threads;
    bench_must(uv_async_init(uv_default_loop(), &bell, posted) == 0, "uv_async_init");
    for (int i = 0; i < threads; i++)
        bench_must(uv_thread_create(&thread[i], post_all, &batches[i]) == 0, "uv_thread_create");
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    double ns = (double)(bench_now() - begun) / ((double)threads * ROUNDS * NODES);
    for (int i = 0; i < threads; i++)
        uv_thread_join(&thread[i]);
    bench_say(key, ns, "ns");
}

int main(void)
{
    uv_mutex_init(&lock);
    measure(1, "ns_per_post_1");
    measure(MOST, "ns_per_post_4");
    return 0;
}
