/* SPDX-License-Identifier: MIT
 *
 * hark/sem.h - a semaphore: a number of permits.
 *
 * Acquiring takes a permit and waits while there is none; releasing gives one, and whoever waits
 * longest gets it in the call that releases. Nobody owns a permit: any task, callback, or code
 * before a loop may release. A semaphore of one permit is a lock without an owner.
 */
#ifndef HARK_SEM_H
#define HARK_SEM_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_sem {
    /* private */
    struct hark_waitlist waiters;
    int value, max;
} hark_sem;
/* clang-format off */
#define HARK_SEM_INIT(value, max) {{NULL, 0, 0}, (value), (max)}
/* clang-format on */

/* hark_sem_init - `value` permits, unbound, with nobody waiting. There are never more than `max` to
 * be taken; 0: as many as an int counts. All zero is a semaphore of no permit and no bound, and
 * HARK_SEM_INIT(value, max) does the same for a static one.
 *
 * Returns 0; -EINVAL (NULL, a negative number, more permits than max). Source: asyncio.Semaphore,
 * asyncio.BoundedSemaphore. */
HARK_API int hark_sem_init(hark_sem *s, int value, int max);

/* hark_sem_acquire - take a permit; wait for one while there is none, behind those who came before.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED (no permit was taken); -EINVAL (NULL); -ENOTSUP
 * outside a task; -EXDEV. */
HARK_API int hark_sem_acquire(hark_sem *s);

/* hark_sem_try - take a permit if there is one. Never yields, never blocks; what a release has
 * given to a waiter is not there any more. Returns 0; -EAGAIN; -EINVAL (NULL); -EXDEV. */
HARK_API int hark_sem_try(hark_sem *s);

/* hark_sem_release - give one permit: to the first waiter, else to whoever comes. Never yields,
 * never blocks.
 *
 * Thread: the loop's own; a semaphore that no task has used may be released anywhere. Returns 0;
 * -EOVERFLOW (there are `max` already); -EINVAL (NULL); -EXDEV. */
HARK_API int hark_sem_release(hark_sem *s);

/* hark_sem_value - how many permits a newcomer could take now; 0 for NULL. */
HARK_API int hark_sem_value(const hark_sem *s);

/* hark_sem_statistics - how many tasks wait now. */
HARK_API hark_stats hark_sem_statistics(const hark_sem *s);

HARK_END
#endif
