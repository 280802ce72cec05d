/* SPDX-License-Identifier: MIT
 *
 * completion.c - futures in the order in which they get ready; hark/watch.h has the promises.
 *
 * Idea     One watch a future. When it is called it appends its index to a list that runs through
 *          the nodes themselves (a node that has run has no other use for its fields), and wakes
 *          who waits.
 * Rules    I1  Each index is given out exactly once.
 *          I2  While somebody waits, the list is empty: an index is handed to the waiter directly.
 */
#include "core/core.h"
#include "sync/sync.h"

/* Rule I2; and nobody waits for more than there are. */
static bool has_one(const hark__task *task)
{
    const hark_completion *c = container_of(task->in.waiter.list, hark_completion, waiters);
    return c->head || c->taken == c->count;
}

static int no_more(void)
{
    return hark__fail(-ENODATA, "hark_completion_next", "all have been told");
}

static int after_waiting(hark__task *self, int code)
{
    (void)self;
    return code == -ENODATA ? no_more() : code;
}

static const struct hark__wait_kind completion_kind = {
    .after = after_waiting,
    .what = "the next future to be ready",
    .leave = hark__leave_list,
    .there = has_one,
    .stands = hark__stands_in_list,
};

/* In a node that has run: `spare` is the next index + 1. */
static void append(hark_completion *c, int index)
{
    c->nodes[index].spare = planted(completion_newest_first) ? (uint32_t)c->head : 0;
    if (c->tail && !planted(completion_newest_first)) {
        c->nodes[c->tail - 1].spare = (uint32_t)index + 1;
    } else {
        c->head = index + 1;
    }
    c->tail = index + 1;
}

/* One more was given out. Those who wait for more than there are go home. */
static void count_taken(hark_completion *c)
{
    if (++c->taken == c->count) {
        hark__wake_everyone(&c->waiters, -ENODATA);
    }
}

static void is_ready(void *pointer)
{
    hark_watch *node = pointer;
    hark_completion *c = node->arg;
    int index = (int)(node - c->nodes);

    if (c->waiters.first) {
        hark__wake(c->waiters.first, index);
        if (planted(completion_gives_twice)) {
            append(c, index);
        }
        count_taken(c);
    } else {
        append(c, index);
    }
}

static int check(hark_completion *c, hark_future *const *f, hark_watch *nodes, int n, const char *call)
{
    if (!c || n < 0 || (n > 0 && (!f || !nodes))) {
        return hark__fail(-EINVAL, call, "the completion or an array is NULL, or n is negative");
    }
    for (int i = 0; i < n; i++) {
        if (!f[i]) {
            return hark__fail(-EINVAL, call, "future %d is NULL", i);
        }
    }
    return 0;
}

int hark_completion_init(hark_completion *c, hark_future *const *f, hark_watch *nodes, int n)
{
    static const char call[] = "hark_completion_init";
    int error = check(c, f, nodes, n, call);

    if (error) {
        return error;
    }
    *c = (hark_completion){.futures = f, .nodes = nodes, .count = n};
    for (int i = 0; i < n; i++) {
        error =
            hark__watch_list(&f[i]->waiters, f[i]->ready, &nodes[i], is_ready, c, WATCH_SELF, call);
        while (error && i-- > 0) {
            hark_unwatch(&nodes[i]);
        }
        if (error) {
            return error;
        }
    }
    return 0;
}

int hark_completion_next(hark_completion *c)
{
    static const char call[] = "hark_completion_next";
    int error =
        c ? hark__enter(&c->waiters, call) : hark__fail(-EINVAL, call, "the completion is NULL");

    if (error) {
        return error;
    }
    if (c->head) {
        int index = c->head - 1;
        c->head = (int)c->nodes[index].spare;
        c->tail = c->head ? c->tail : 0;
        count_taken(c);
        hark__pass();
        return index;
    }
    if (c->taken == c->count) {
        return no_more();
    }
    return hark__wait(&c->waiters, &completion_kind);
}
