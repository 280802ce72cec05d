/* SPDX-License-Identifier: MIT
 *
 * hark/lock.h - one task at a time.
 *
 * A lock has a holder, and only its holder releases it. Who waits stands in a queue, and a release
 * hands the lock directly to the first one there: from that instant it is the holder, though it has
 * not run yet, and nobody can barge in. A holder that ends without releasing is found out: who
 * waits, and whoever comes later, hears -EOWNERDEAD. For something that one task takes and another
 * gives back, use a semaphore with the value 1.
 */
#ifndef HARK_LOCK_H
#define HARK_LOCK_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_lock {
    /* private */
    struct hark_waitlist waiters;
    int64_t owner;          /* the task that holds it; 0: none */
    struct hark_waiter end; /* while somebody waits: for the end of the holder */
} hark_lock;
/* clang-format off */
#define HARK_LOCK_INIT {{NULL, 0, 0}, 0, {NULL, NULL, NULL, 0}}
/* clang-format on */

/* hark_lock_init - make it free, unbound, with nobody waiting. All zero, and HARK_LOCK_INIT, do the
 * same. The way to use a lock again whose holder has ended. Returns 0; -EINVAL (NULL). */
HARK_API int hark_lock_init(hark_lock *l);

/* hark_lock_acquire - wait until it is the caller's; at once if it is free.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED (it is not the caller's); -EDEADLK (the caller holds
 * it already; or it would wait for ever, because the holder waits for a lock whose holder waits for
 * ... the caller, and none of them has a deadline: the words name these tasks); -EOWNERDEAD (its
 * holder has ended without releasing it; so until it is initialised anew); -ENOMEM (no memory to be
 * told of the holder's end); -EINVAL (NULL); -ENOTSUP outside a task; -EXDEV. Source: trio.Lock.
 *
 * Rings are seen where this call, a hark_rwlock or a hark_select over nothing but locks closes them.
 * A writer of a hark_rwlock is a holder; whoever waits in a select is part of a ring if all of its
 * cases are. Not seen are rings of readers, which are not known, and one that a condition's waiter
 * closes by coming back to its lock. These end with the run's report of who waits for whom. */
HARK_API int hark_lock_acquire(hark_lock *l);

/* hark_lock_try - as hark_lock_acquire, but -EAGAIN where it would wait. Not a checkpoint. */
HARK_API int hark_lock_try(hark_lock *l);

/* hark_lock_release - by its holder: hand it to the task that has waited longest, which holds it
 * when this returns. Never yields; also in a cancelled scope.
 *
 * Returns 0; -EPERM (somebody else holds it, or nobody); -EINVAL (NULL); -EXDEV. */
HARK_API int hark_lock_release(hark_lock *l);

/* hark_lock_owner - the task that holds it, or that has ended holding it; 0: it is free. */
HARK_API hark_task hark_lock_owner(const hark_lock *l);

/* hark_lock_locked - does anybody hold it? False for NULL. */
HARK_API bool hark_lock_locked(const hark_lock *l);

/* hark_lock_statistics - how many tasks wait now. */
HARK_API hark_stats hark_lock_statistics(const hark_lock *l);

HARK_END
#endif
