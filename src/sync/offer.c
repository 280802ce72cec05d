/* SPDX-License-Identifier: MIT
 *
 * offer.c - waiting with something in one's hands.
 *
 * Idea     Whoever waits to send has an item, whoever waits to receive has a place for one. The waiter
 *          of the task's record has no room for that, so these wait with one of their own, on their
 *          stack, and an item beside it. A case of a select begins in the same way, so a channel need
 *          not know whether it meets a call or a select.
 * Rules    O1  The item is moved by whoever wakes, before the waiter is woken: the two are one act, and
 *              nobody can come in between.
 *          O2  While it is parked, the task's own waiter's `next` is the offer.
 */
#include "core/core.h"
#include "sync/sync.h"

_Static_assert(offsetof(hark_case, in) == offsetof(struct hark__offer, waiter) &&
                   offsetof(hark_case, item) == offsetof(struct hark__offer, item),
               "a case is an offer");

const struct hark_waiter *hark__offer_of(const hark__task *task)
{
    return task->in.waiter.next;
}

void hark__offer_leave(hark__task *task)
{
    hark__list_remove(task->in.waiter.next);
}

void hark__offer_chosen(hark__task *task, struct hark_waiter *waiter, int result)
{
    (void)waiter;
    hark__ready(hark__here, task, result);
}

void hark__offer_stands(const hark__task *task, struct hark__audit *audit)
{
    hark__audit_waiter(audit, task, hark__offer_of(task));
}
