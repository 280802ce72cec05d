/* SPDX-License-Identifier: MIT
 *
 * limits/heap.h - timers in a heap with four children a node, each of which knows its place there.
 *
 * Beside the wheel it is the other way to keep timers: exact to the clock's unit and in order, but
 * arming and cancelling one of a million take some ten steps, and there must be memory to grow. The
 * deadlines stand in the heap itself, so that a comparison does not touch a timer. Ties have no
 * order.
 */
#ifndef HARK_LIMITS_HEAP_H
#define HARK_LIMITS_HEAP_H

#include "../bench.h"

struct heap_timer {
    void (*fire)(struct heap_timer *);
    uint32_t at;
};

struct heap_node {
    uint64_t deadline;
    struct heap_timer *timer;
};

struct heap {
    struct heap_node *nodes; /* from 0 */
    uint32_t count, room;
};

static inline void heap_put(struct heap *h, uint32_t at, struct heap_node node)
{
    h->nodes[at] = node;
    node.timer->at = at;
}

static inline void heap_up(struct heap *h, uint32_t at, struct heap_node node)
{
    for (uint32_t above; at > 0; at = above) {
        above = (at - 1) / 4;
        if (h->nodes[above].deadline <= node.deadline)
            break;
        heap_put(h, at, h->nodes[above]);
    }
    heap_put(h, at, node);
}

static inline void heap_down(struct heap *h, uint32_t at, struct heap_node node)
{
    for (uint32_t first, least; (first = 4 * at + 1) < h->count; at = least) {
        uint32_t end = first + 4 < h->count ? first + 4 : h->count;
        least = first;
        for (uint32_t i = first + 1; i < end; i++)
            least = h->nodes[i].deadline < h->nodes[least].deadline ? i : least;
        if (node.deadline <= h->nodes[least].deadline)
            break;
        heap_put(h, at, h->nodes[least]);
    }
    heap_put(h, at, node);
}

static inline void heap_arm(struct heap *h, struct heap_timer *t, uint64_t deadline)
{
    if (h->count == h->room) {
        h->room = h->room ? 2 * h->room : 64;
        h->nodes = (struct heap_node *)realloc(h->nodes, h->room * sizeof *h->nodes);
        bench_must(h->nodes != NULL, "realloc");
    }
    heap_up(h, h->count++, (struct heap_node){deadline, t});
}

/* The last one takes its place, and goes up or down from there. */
static inline void heap_cancel(struct heap *h, struct heap_timer *t)
{
    struct heap_node last = h->nodes[--h->count];
    uint32_t at = t->at;
    if (at == h->count)
        return;
    if (at > 0 && last.deadline < h->nodes[(at - 1) / 4].deadline)
        heap_up(h, at, last);
    else
        heap_down(h, at, last);
}

BENCH_UNUSED static long heap_advance(struct heap *h, uint64_t now)
{
    long fired = 0;
    for (; h->count && h->nodes[0].deadline <= now; fired++) {
        struct heap_timer *t = h->nodes[0].timer;
        heap_cancel(h, t);
        t->fire(t);
    }
    return fired;
}

#endif
