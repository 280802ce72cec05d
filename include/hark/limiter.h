/* SPDX-License-Identifier: MIT
 *
 * hark/limiter.h - a capacity limiter: tokens that are borrowed, and whose number may change.
 *
 * As a semaphore (hark/sem.h), but it knows how many tokens there are besides how many are out, so
 * the limit can be moved at any time: up, and waiters go on at once; down, and nothing is taken
 * from anybody, but what comes back is not lent again until enough has. Borrowers are counted,
 * not known: a task may borrow several, and one task may give back what another has borrowed.
 */
#ifndef HARK_LIMITER_H
#define HARK_LIMITER_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_limiter {
    /* private */
    struct hark_waitlist waiters;
    int tokens, borrowed;
} hark_limiter;
/* clang-format off */
#define HARK_LIMITER_INIT(tokens) {{NULL, 0, 0}, (tokens), 0}
/* clang-format on */

/* hark_limiter_init - `tokens` of them, none borrowed, unbound, with nobody waiting. INT_MAX: as
 * good as no limit. All zero is a limiter of no token, and HARK_LIMITER_INIT(tokens) does the
 * same for a static one. Returns 0; -EINVAL (NULL, a negative number). Source:
 * trio.CapacityLimiter. */
HARK_API int hark_limiter_init(hark_limiter *l, int tokens);

/* hark_limiter_acquire - borrow a token; wait for one while there is none, behind those who came
 * before.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED (none was borrowed); -EINVAL (NULL); -ENOTSUP outside
 * a task; -EXDEV. */
HARK_API int hark_limiter_acquire(hark_limiter *l);

/* hark_limiter_try - borrow a token if there is one. Never yields, never blocks; what was given
 * to a waiter is not there any more. Returns 0; -EAGAIN; -EINVAL (NULL); -EXDEV. */
HARK_API int hark_limiter_try(hark_limiter *l);

/* hark_limiter_release - give a token back: if it may be lent again, the first waiter has it. Never
 * yields, never blocks. Thread: the loop's own. Returns 0; -EPERM (none is borrowed); -EINVAL
 * (NULL); -EXDEV. */
HARK_API int hark_limiter_release(hark_limiter *l);

/* hark_limiter_resize - there are `tokens` from now on. As many waiters as there are free tokens
 * then borrow theirs in this call; after a shrink the borrowers keep what they have. Never yields,
 * never blocks.
 *
 * Thread: the loop's own; a limiter that no task has used may be resized anywhere. Returns 0;
 * -EINVAL (NULL, a negative number); -EXDEV. Source: trio.CapacityLimiter.total_tokens. */
HARK_API int hark_limiter_resize(hark_limiter *l, int tokens);

/* hark_limiter_available - how many tokens a newcomer could borrow now; negative while more are
 * borrowed than there are. 0 for NULL. */
HARK_API int hark_limiter_available(const hark_limiter *l);

/* hark_limiter_borrowed - how many are out, those included that were just given to a waiter; 0 for
 * NULL. */
HARK_API int hark_limiter_borrowed(const hark_limiter *l);

/* hark_limiter_statistics - how many tasks wait now. */
HARK_API hark_stats hark_limiter_statistics(const hark_limiter *l);

HARK_END
#endif
