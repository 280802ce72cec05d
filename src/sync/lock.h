/* SPDX-License-Identifier: MIT
 *
 * sync/lock.h - what locks, conditions and locks of readers and writers share: hearing of a
 * holder's end, and a condition's way back into the queue of its lock.
 */
#ifndef HARK_SYNC_LOCK_H
#define HARK_SYNC_LOCK_H

#include <hark/cond.h>
#include <hark/lock.h>
#include <hark/rwlock.h>

#include "core/core.h"

/* ---- a holder's end: `end` stands among those who wait for it -------------------------------- */

/* Not yet: then it does from now on. False: no memory. */
bool hark__end_stand(struct hark_waiter *end, const struct hark__hook *hook, hark__task *holder);
static inline void hark__end_leave(struct hark_waiter *end)
{
    if (end->list) {
        hark__list_remove(end);
    }
}

/* How a task waits for a holder; `call`: in which function. */
struct hark__holder_wait {
    struct hark__wait_kind kind;
    const char *call;
};

/* The holder has ended: all who wait, each with a hark__holder_wait, hear -EOWNERDEAD ... */
void hark__end_tell(struct hark_waitlist *list, hark_task dead);
/* ... and the caller does, who was about to. */
int hark__end_words(hark_task dead, const char *call);

/* ---- rings: ring.c --------------------------------------------------------------------------- */

/* Would self, that is about to wait for the holder, wait for ever? */
bool hark__ring_closes(const hark__task *self, const hark__task *holder);
int hark__ring_fail(const hark__task *self, const hark__task *holder, const char *call);

/* 'task 3 "name"', or what can be said of one that is gone. */
void hark__holder_put(hark_task id, struct hark__text *text);

/* ---- for cond.c ------------------------------------------------------------------------------ */

bool hark__lock_is_mine(const hark_lock *l);
/* From now on who takes it is ready to be waited for, though there be no memory by then. */
void hark__lock_serve(hark_lock *l);
void hark__lock_hand_over(hark_lock *l);
/* A parked task's waiter, in no list: it queues, and cannot be cancelled any more. */
void hark__lock_queue(hark_lock *l, hark__task *holder, struct hark_waiter *waiter);
/* The caller takes it again: 0, -EOWNERDEAD. Cannot be cancelled. */
int hark__lock_again(hark_lock *l, const char *call);

#endif
