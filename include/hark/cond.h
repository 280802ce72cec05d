/* SPDX-License-Identifier: MIT
 *
 * hark/cond.h - wait until what a lock guards has changed.
 *
 * A task that holds a lock and finds things not as it needs them gives the lock up and waits, both
 * at once; whoever changes things, holding the same lock, notifies. A notify is never lost and
 * never made up: each goes to one task that waits, which then queues for the lock and holds it when
 * its wait returns. By then another task may have changed things again: so wait in a loop, as long
 * as things are not as needed and the wait returns 0.
 */
#ifndef HARK_COND_H
#define HARK_COND_H

#include <hark/base.h>
#include <hark/lock.h>

HARK_BEGIN

typedef struct hark_cond {
    /* private */
    struct hark_waitlist waiters;
    hark_lock *lock; /* of those who wait */
} hark_cond;
/* clang-format off */
#define HARK_COND_INIT {{NULL, 0, 0}, NULL}
/* clang-format on */

/* hark_cond_init - make it unbound, with nobody waiting. All zero, and HARK_COND_INIT, do the same.
 * Returns 0; -EINVAL (NULL). */
HARK_API int hark_cond_init(hark_cond *c);

/* hark_cond_wait - give up l, which the caller holds, wait to be notified, and take l again.
 *
 * Waits: in a cancelled scope it returns -ECANCELED at once, and l has not been given up. Cancelled
 * later, before a notify, it returns -ECANCELED holding l, for which it may have to wait; after a
 * notify 0.
 * Returns 0 (notified, holding l); -ECANCELED (not notified, holding l); -EOWNERDEAD (l's holder
 * has ended without releasing it: the caller does not hold it); -EPERM (the caller does not hold
 * l); -EINVAL (NULL; others wait with another lock); -ENOMEM (l not given up); -ENOTSUP outside a
 * task; -EXDEV. Source: trio.Condition.wait.
 *
 * If l's holder ends without releasing it, nobody can notify any more. Who waits here hears
 * -EOWNERDEAD with the next notify that anybody tries, or when it is cancelled; so whoever hears of
 * that end (by -EOWNERDEAD from the lock) had better notify all, and then initialise the lock anew.
 *
 * Coming back to l is never refused, not even where that closes a ring of holders (hark/lock.h):
 * the caller is to have l again. Such a ring ends with the run's report of who waits for whom. */
HARK_API int hark_cond_wait(hark_cond *c, hark_lock *l);

/* hark_cond_notify - to the n tasks that have waited longest, or to all if they are fewer. They go
 * on when the lock comes to them. Never yields.
 *
 * Returns how many they were; 0: nobody waits; -EPERM (the caller does not hold the lock of those
 * who wait); -EOWNERDEAD (the holder of their lock has ended without releasing it: all who wait
 * hear the same); -EINVAL (NULL; n < 0); -EXDEV. Source: trio.Condition.notify. */
HARK_API int hark_cond_notify(hark_cond *c, int n);

/* hark_cond_notify_all - the same, to all. */
HARK_API int hark_cond_notify_all(hark_cond *c);

/* hark_cond_statistics - how many tasks wait to be notified. */
HARK_API hark_stats hark_cond_statistics(const hark_cond *c);

HARK_END
#endif
