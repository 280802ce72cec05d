/* SPDX-License-Identifier: MIT
 *
 * latch.c - a count that goes down to 0 and stays there; hark/latch.h has the promises.
 *
 * Rules    J9  Nobody waits while the count is 0.
 *          J10 The count never goes below 0, and never up: who was woken has passed.
 * Not here An event is a latch of one: event.c, which can also be watched and selected.
 */
#include <hark/latch.h>

#include "core/core.h"
#include "sync/sync.h"

static const hark_latch *latch_of(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_latch, waiters);
}

static bool is_open(const hark__task *task)
{
    return latch_of(task)->count == 0;
}

static void describe_count(const hark__task *task, struct hark__text *text)
{
    hark__text_put(text, " (%d to go)", latch_of(task)->count);
}

static const struct hark__wait_kind latch_kind = {
    .what = "a latch",
    .leave = hark__leave_list,
    .describe = describe_count,
    .there = is_open,
    .stands = hark__stands_in_list,
};

int hark_latch_init(hark_latch *l, int count)
{
    static const char call[] = "hark_latch_init";

    if (!l) {
        return hark__fail(-EINVAL, call, "the latch is NULL");
    }
    if (count < 0) {
        return hark__fail(-EINVAL, call, "a count of %d; give 0 or more", count);
    }
    *l = (hark_latch)HARK_LATCH_INIT(count);
    return 0;
}

int hark_latch_count_down(hark_latch *l, int n)
{
    static const char call[] = "hark_latch_count_down";
    int error = l ? hark__touch(&l->waiters, call) : hark__fail(-EINVAL, call, "the latch is NULL");

    if (error) {
        return error;
    }
    if (n < 0 || n > l->count) {
        return hark__fail(-EINVAL, call, "%d down from %d; a latch only goes down, and not below 0",
                          n, l->count);
    }
    l->count -= n;
    if (l->count <= planted(latch_opens_early)) {
        planted(latch_wakes_one) && l->waiters.first ? hark__wake(l->waiters.first, 0)
                                                     : hark__wake_all(&l->waiters);
    }
    return 0;
}

int hark_latch_wait(hark_latch *l)
{
    static const char call[] = "hark_latch_wait";
    int error = l ? hark__enter(&l->waiters, call) : hark__fail(-EINVAL, call, "the latch is NULL");

    if (error) {
        return error;
    }
    return l->count == 0 ? hark__pass() : hark__wait(&l->waiters, &latch_kind);
}

int hark_latch_count(const hark_latch *l)
{
    return l ? l->count : 0;
}

hark_stats hark_latch_statistics(const hark_latch *l)
{
    return (hark_stats){l ? hark__tasks_in(&l->waiters) : 0};
}
