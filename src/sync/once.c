/* SPDX-License-Identifier: MIT
 *
 * once.c - done once, by whoever comes first; hark/once.h has the promises.
 *
 * Idea     What is handed over is the turn to try. Who tries either succeeds, and wakes all others
 *          with the result, or gives its turn to the first of them, who is the one who tries from
 *          that instant on, though it has not run yet: so no newcomer gets in between.
 * Rules    J11 At most one task tries at a time; nobody waits while nobody tries, or when it is
 *              done.
 *          J12 A result is given only when it is there: 0 or more, the same for all.
 *          J13 Whoever was given the turn uses it, even if it was cancelled meanwhile: its function
 *              will hear of that.
 */
#include <hark/once.h>

#include "core/core.h"
#include "sync/sync.h"

enum { YOUR_TURN = -EINPROGRESS }; /* what a waiter is woken with; results are never negative */

static const hark_once *once_of(const hark__task *task)
{
    return container_of(task->in.waiter.list, hark_once, waiters);
}

static bool could_go_on(const hark__task *task)
{
    return once_of(task)->done || !once_of(task)->runner;
}

static void describe_runner(const hark__task *task, struct hark__text *text)
{
    const hark__task *runner = hark__task_find(hark__here, once_of(task)->runner);

    if (runner) {
        hark__text_put(text, ", run by ");
        hark__task_title(runner, text);
    }
}

static const struct hark__wait_kind once_kind = {
    .what = "a once",
    .leave = hark__leave_list,
    .describe = describe_runner,
    .there = could_go_on,
    .stands = hark__stands_in_list,
};

int hark_once_init(hark_once *o)
{
    if (!o) {
        return hark__fail(-EINVAL, "hark_once_init", "the once is NULL");
    }
    *o = (hark_once)HARK_ONCE_INIT;
    return 0;
}

static void finish(hark_once *o, int result)
{
    o->done = true;
    o->result = result;
    o->runner = 0;
    hark__wake_everyone(&o->waiters, result);
}

/* The first waiter is the next to try; or nobody is, until somebody comes. */
static void pass_on(hark_once *o)
{
    struct hark_waiter *first = o->waiters.first;

    o->runner =
        first && !planted(once_turn_is_free) ? ((const hark__task *)hark__owner_of(first))->id : 0;
    if (first && !planted(once_failure_wakes_nobody)) {
        hark__wake(first, YOUR_TURN);
    }
}

/* By the one whose turn it is. */
static int attempt(hark_once *o, hark_fn *fn, void *arg)
{
    int rc = hark__call(fn, arg);

    if (rc >= 0 || (planted(once_cancelled_is_done) && rc == -ECANCELED)) {
        finish(o, rc);
    } else {
        pass_on(o);
    }
    return rc;
}

static int check(hark_once *o, hark_fn *fn, const char *call)
{
    if (!o || !fn) {
        return hark__fail(-EINVAL, call, "the once or its function is NULL");
    }
    return hark__enter(&o->waiters, call);
}

int hark_once_run(hark_once *o, hark_fn *fn, void *arg)
{
    static const char call[] = "hark_once_run";
    int rc = check(o, fn, call);

    if (rc) {
        return rc;
    }
    if (o->done) {
        rc = o->result;
        hark__pass();
        return rc;
    }
    if (o->runner == hark_self()) {
        return hark__fail(-EDEADLK, call,
                          "called from inside its own function, which would wait for itself");
    }
    if (o->runner) {
        rc = hark__wait(&o->waiters, &once_kind);
        return rc == YOUR_TURN ? attempt(o, fn, arg) : rc;
    }
    o->runner = hark_self();
    return attempt(o, fn, arg);
}

bool hark_once_is_done(const hark_once *o)
{
    return o && o->done;
}

hark_stats hark_once_statistics(const hark_once *o)
{
    return (hark_stats){o ? hark__tasks_in(&o->waiters) : 0};
}
