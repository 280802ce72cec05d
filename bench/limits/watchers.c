/* SPDX-License-Identifier: MIT
 *
 * watchers.c - the limit of `watchers`: callbacks in a list that an event holds, and a queue from
 * which they are called, first in, first out. A node can be taken out of its list, knows whether it
 * is in one, and is called by a turn of its own, not by who sets. The queue has room for all that
 * are armed, so that a set cannot fail.
 */
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

typedef struct event event;
typedef struct node watcher;

#include "../watchers.h"

static struct node **queue;
static long armed_count, queued, room;

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

static inline int arm(event *e, watcher *w)
{
    return node_arm(e, w, call, NULL);
}

static inline int give_up(watcher *w)
{
    return node_give_up(w);
}

static inline void set(event *e)
{
    event_set(e);
}

static inline void wait_for_calls(void)
{
    turn();
    bench_must(left == 0, "calling all");
}

int main(int argc, char **argv)
{
    count = bench_size(argc, argv, 1, 1000);
    measure_watchers();
    return 0;
}
