/* SPDX-License-Identifier: MIT
 *
 * hark/flag.h - set and cleared at will.
 *
 * As an event (hark/event.h), but clear makes tasks wait again. Whoever waited when it was set has
 * been released for good, even if it is cleared before they run.
 */
#ifndef HARK_FLAG_H
#define HARK_FLAG_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_flag {
    /* private */
    struct hark_waitlist waiters;
    bool set;
} hark_flag;
/* clang-format off */
#define HARK_FLAG_INIT {{NULL, 0, 0}, false}
/* clang-format on */

/* hark_flag_init - make it clear, unbound, with nobody waiting. All zero, and HARK_FLAG_INIT, do
 * the same. Returns 0; -EINVAL (NULL). */
HARK_API int hark_flag_init(hark_flag *f);

/* hark_flag_is_set - no more than the state; false for NULL. */
HARK_API bool hark_flag_is_set(const hark_flag *f);

/* hark_flag_set - set it and wake all who wait now, in the order in which they came. Never yields,
 * never blocks.
 *
 * Thread: the loop's own; a flag that no task has used may be set anywhere. Returns 0 (also when
 * set already); -EINVAL (NULL); -EXDEV. Source: asyncio.Event.set. */
HARK_API int hark_flag_set(hark_flag *f);

/* hark_flag_clear - who waits from now on waits for the next set. Never yields. Returns 0; -EINVAL
 * (NULL); -EXDEV. Source: asyncio.Event.clear. */
HARK_API int hark_flag_clear(hark_flag *f);

/* hark_flag_wait - wait until it is set; at once if it is.
 *
 * Blocks: a checkpoint. Returns 0, also when it was cleared between the waking and the running;
 * -ECANCELED; -EINVAL (NULL); -ENOTSUP outside a task; -EXDEV. */
HARK_API int hark_flag_wait(hark_flag *f);

/* hark_flag_statistics - how many tasks wait now. */
HARK_API hark_stats hark_flag_statistics(const hark_flag *f);

HARK_END
#endif
