/* SPDX-License-Identifier: MIT
 *
 * hark/latch.h - a count that goes down once, and those who wait for its end.
 *
 * Set up with the number of things that must happen; each that happens counts down; at 0 the latch
 * is open, and stays so. Who counts down need not wait, and who waits need not count. To use one
 * again, init it when nobody waits. For tasks that wait for one another again and again:
 * hark/barrier.h.
 */
#ifndef HARK_LATCH_H
#define HARK_LATCH_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_latch {
    /* private */
    struct hark_waitlist waiters;
    int count;
} hark_latch;
/* clang-format off */
#define HARK_LATCH_INIT(count) {{NULL, 0, 0}, (count)}
/* clang-format on */

/* hark_latch_init - `count` things are to happen; unbound, with nobody waiting. 0 is open from the
 * beginning. All zero is that too, and HARK_LATCH_INIT(count) does the same for a static one.
 * Returns 0; -EINVAL (NULL, a negative count). */
HARK_API int hark_latch_init(hark_latch *l, int count);

/* hark_latch_count_down - n of them have happened. If none is left, all who wait are woken, in the
 * order in which they came. n may be 0. Never yields, never blocks.
 *
 * Thread: the loop's own; a latch that no task has used may be counted down anywhere. Returns 0;
 * -EINVAL (NULL, n negative, or more than are left: then nothing was counted); -EXDEV. Source:
 * C++'s std::latch, Java's CountDownLatch. */
HARK_API int hark_latch_count_down(hark_latch *l, int n);

/* hark_latch_wait - wait until none is left; at once if so.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED; -EINVAL (NULL); -ENOTSUP outside a task; -EXDEV. */
HARK_API int hark_latch_wait(hark_latch *l);

/* hark_latch_count - how many are left; 0 for NULL. */
HARK_API int hark_latch_count(const hark_latch *l);

/* hark_latch_statistics - how many tasks wait now. */
HARK_API hark_stats hark_latch_statistics(const hark_latch *l);

HARK_END
#endif
