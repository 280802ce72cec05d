/* SPDX-License-Identifier: MIT
 *
 * cond.c - wait until what a lock guards has changed; hark/cond.h has the promises.
 *
 * Idea     Whoever waits hands the lock over and stands here. A notify moves it from here to the
 *          end of the lock's queue, still asleep: it wakes once, as the holder.
 *
 *              holds l --wait--> c.waiters --notify--> l.waiters --release--> holds l: 0
 *                                    |
 *                                    +--cancel--> runs, takes l or queues for it: -ECANCELED
 *
 * Rules    Y1  All who wait here wait with one lock, c->lock.
 *          Y2  A notify is given to whoever stands here first; what comes later (a cancellation, a
 *              deadline) does not take it away. Who was cancelled before it stands here no more. So
 *              a notify is neither lost nor made up.
 *          Y3  From the notify on, and after a cancellation, the wait for the lock cannot be cut
 *              short. That cannot tie a knot that nobody may cut: in a ring of such waits each task
 *              would have begun to wait before the next one did.
 *          Y4  Who waits here with a lock that died is told by the next notify, whoever tries it.
 * Not here Queueing for the lock, and a holder's end: lock.c. That end does not reach here by
 *          itself: the lock knows no conditions, and may still be initialised anew and used to
 *          notify; cancelled, the wait says -EOWNERDEAD.
 */
#include <limits.h>

#include "sync/lock.h"
#include "sync/sync.h"

static void describe_cond(const hark__task *task, struct hark__text *text)
{
    const struct hark_waitlist *list = task->in.waiter.list;
    const hark_lock *l = list ? container_of(list, hark_cond, waiters)->lock : NULL;

    if (l && hark_lock_owner(l)) {
        bool lives = hark__task_find(hark__here, hark_lock_owner(l));
        hark__text_put(text, ", with a lock %s ", lives ? "held by" : "that died with");
        hark__holder_put(hark_lock_owner(l), text);
    }
}

/* Cancelled, or the lock has died: it was given up, and is taken again. */
static int after_cancellation(hark__task *self, int code)
{
    hark_lock *l = *hark__hands_of(self, __builtin_frame_address(0));
    int dead = 0;

    if (code == -ECANCELED && !planted(cond_cancelled_without_the_lock)) {
        dead = hark__lock_again(l, "hark_cond_wait");
    }
    return dead ? dead : code;
}

static const struct hark__holder_wait cond_wait = {
    .call = "hark_cond_wait",
    .kind =
        {
            .after = after_cancellation,
            .what = "a condition",
            .leave = hark__leave_list,
            .describe = describe_cond,
            .stands = hark__stands_in_list,
        },
};

int hark_cond_init(hark_cond *c)
{
    if (!c) {
        return hark__fail(-EINVAL, "hark_cond_init", "the condition is NULL");
    }
    *c = (hark_cond)HARK_COND_INIT;
    return 0;
}

/* May the caller wait here, giving up l? */
static int check_wait(hark_cond *c, hark_lock *l, const char *call)
{
    int error;

    if (!c || !l) {
        return hark__fail(-EINVAL, call, "the %s is NULL", c ? "lock" : "condition");
    }
    if ((error = hark__enter(&c->waiters, call)) || (error = hark__touch(&l->waiters, call))) {
        return error;
    }
    if (!hark__lock_is_mine(l)) {
        return hark__fail(-EPERM, call, "the caller does not hold the lock; acquire it first");
    }
    if (c->waiters.first && c->lock != l) {
        return hark__fail(-EINVAL, call,
                          "others wait for this condition with another lock; use one lock for all");
    }
    if (!hark__task_extra(hark__here->running)) {
        return hark__fail(-ENOMEM, call, "no memory to queue for the lock again");
    }
    return 0;
}

int hark_cond_wait(hark_cond *c, hark_lock *l)
{
    static const char call[] = "hark_cond_wait";
    int error = check_wait(c, l, call);

    if (error) {
        return error;
    }
    c->lock = l;
    hark__lock_serve(l);
    hark__lock_hand_over(l);
    *hark__hands_of(hark__here->running, __builtin_frame_address(0)) = l;
    return hark__wait(&c->waiters, &cond_wait.kind);
}

/* May the caller notify those who wait? Rule Y4: nobody may any more when the lock has died. */
static int check_notify(hark_cond *c, const char *call)
{
    hark_task holder = hark_lock_owner(c->lock);

    if (hark__lock_is_mine(c->lock)) {
        return 0;
    }
    if (!holder || hark__task_find(hark__here, holder)) {
        return hark__fail(-EPERM, call, "the caller does not hold the lock of those who wait");
    }
    if (!planted(cond_dead_lock_is_not_told)) {
        hark__end_tell(&c->waiters, holder);
    }
    return hark__end_words(holder, call);
}

/* The caller holds the lock: so they queue behind it, or behind who queues already. */
static int notify(hark_cond *c, int n, const char *call)
{
    int error =
            c ? hark__touch(&c->waiters, call) : hark__fail(-EINVAL, call, "the condition is NULL"),
        count = 0;

    if (error) {
        return error;
    }
    if (n < 0) {
        return hark__fail(-EINVAL, call, "n is %d; give how many are to go on", n);
    }
    if (!c->waiters.first) {
        return 0;
    }
    if ((error = check_notify(c, call))) {
        return error;
    }
    for (struct hark_waiter *waiter;
         count - planted(cond_notifies_one_more) < n && (waiter = c->waiters.first); count++) {
        if (planted(cond_notify_wakes_without_the_lock)) {
            hark__wake(waiter, 0);
            continue;
        }
        hark__list_remove(waiter);
        hark__lock_queue(c->lock, hark__here->running, waiter);
    }
    return count;
}

int hark_cond_notify(hark_cond *c, int n)
{
    return notify(c, n, "hark_cond_notify");
}

int hark_cond_notify_all(hark_cond *c)
{
    return notify(c, INT_MAX, "hark_cond_notify_all");
}

hark_stats hark_cond_statistics(const hark_cond *c)
{
    return (hark_stats){c ? hark__tasks_in(&c->waiters) : 0};
}
