/* SPDX-License-Identifier: MIT
 *
 * watchers.c - the limit of `watchers`: callbacks in a list that an event holds, and a queue from
 * which they are called, first in, first out. A node can be taken out of its list, knows whether it
 * is in one, and is called by a turn of its own, not by who sets. The queue has room for all that
 * are armed, so that a set cannot fail.
 */
#include "../bench.h"

struct node {
    struct node *next, *previous;
    void (*fn)(void *arg);
    void *arg;
    struct event *armed_on;
};

struct event {
    struct node *first, *last;
    int is_set;
};

static struct node *nodes, **queue;
static struct event *events;
static long count, event_count, left, armed_count, queued, room;

#define REAL_CALL __attribute__((noinline, noipa))

/* Room is a power of two; it only grows. */
static int make_room(void)
{
    if (armed_count < room)
        return 0;
    long more = room ? room * 2 : 64;
    struct node **grown = realloc(queue, more * sizeof *queue);
    if (!grown)
        return -1;
    queue = grown;
    room = more;
    return 0;
}

static REAL_CALL int node_arm(struct event *e, struct node *n, void (*fn)(void *), void *arg)
{
    if (n->armed_on || make_room() != 0)
        return -1;
    armed_count++;
    n->fn = fn;
    n->arg = arg;
    n->armed_on = e;
    n->next = NULL;
    n->previous = e->last;
    if (e->last)
        e->last->next = n;
    else
        e->first = n;
    e->last = n;
    return 0;
}

static REAL_CALL int node_give_up(struct node *n)
{
    struct event *e = n->armed_on;
    if (!e)
        return -1;
    if (n->previous)
        n->previous->next = n->next;
    else
        e->first = n->next;
    if (n->next)
        n->next->previous = n->previous;
    else
        e->last = n->previous;
    n->armed_on = NULL;
    armed_count--;
    return 0;
}

static REAL_CALL void event_set(struct event *e)
{
    e->is_set = 1;
    for (struct node *n = e->first; n; n = n->next)
        queue[queued++] = n;
    e->first = e->last = NULL;
}

static REAL_CALL void turn(void)
{
    for (long i = 0; i < queued; i++) {
        struct node *n = queue[i];
        n->armed_on = NULL;
        armed_count--;
        n->fn(n->arg);
    }
    queued = 0;
}

static REAL_CALL void call(void *arg)
{
    (void)arg;
    left--;
}

static double arm(void)
{
    long all = event_count * count;
    int64_t start = bench_now();
    for (long i = 0; i < all; i++)
        bench_must(node_arm(&events[i / count], &nodes[i], call, NULL) == 0, "arming");
    return (double)(bench_now() - start) / all;
}

static double give_up(void)
{
    long all = event_count * count;
    int64_t start = bench_now();
    for (long i = 0; i < all; i++)
        bench_must(node_give_up(&nodes[i]) == 0, "giving up");
    return (double)(bench_now() - start) / all;
}

static double set_and_call(void)
{
    long all = event_count * count;
    left = all;
    int64_t start = bench_now();
    for (long i = 0; i < event_count; i++)
        event_set(&events[i]);
    turn();
    bench_must(left == 0, "calling all");
    return (double)(bench_now() - start) / all;
}

int main(int argc, char **argv)
{
    double armed[BENCH_BATCHES], given_up[BENCH_BATCHES], called[BENCH_BATCHES];
    count = bench_size(argc, argv, 1, 1000);
    event_count = count < 1000 ? 1000 / count : 1;
    bench_memory before = bench_memory_now();
    nodes = calloc(event_count * count, sizeof *nodes);
    events = calloc(event_count, sizeof *events);
    bench_must(nodes && events, "calloc");
    for (int r = -1; r < BENCH_BATCHES; r++) { /* the first only warms up */
        int at = r < 0 ? 0 : r;
        arm();
        if (r < 0 && count >= 10000)
            bench_say("bytes_per_watcher", bench_memory_grown(before) / count, "B");
        given_up[at] = give_up();
        armed[at] = arm();
        called[at] = set_and_call();
        if (r < 0 && count >= 10000)
            bench_say("bytes_with_queue", bench_memory_grown(before) / count, "B");
        memset(events, 0, event_count * sizeof *events);
    }
    bench_say("ns_watch", bench_median(armed, BENCH_BATCHES), "ns");
    bench_say("ns_unwatch", bench_median(given_up, BENCH_BATCHES), "ns");
    bench_say("ns_per_call", bench_median(called, BENCH_BATCHES), "ns");
    return 0;
}
