/* SPDX-License-Identifier: MIT
 *
 * hark/flag.h - set and cleared at will.
 *
 * As an event (hark/event.h), but clear makes tasks wait again. Whoever waited when it was set has
 * been released for good, even if it is cleared before they run.
 *
 * Whoever does something else between two waits may miss a set that was cleared meanwhile. So sets
 * are counted: note the generation, look at things, and wait for a set since then:
 *
 *     for (;;) {
 *         uint64_t seen = hark_flag_generation(&changed);
 *         use(things);                    may wait; whoever changes them sets the flag, and clears it
 *         if (hark_flag_wait_since(&changed, seen) < 0) ...
 *     }
 */
#ifndef HARK_FLAG_H
#define HARK_FLAG_H

#include <hark/base.h>

HARK_BEGIN

typedef struct hark_flag {
    /* private */
    struct hark_waitlist waiters;
    uint64_t state; /* how often it was set, times two; odd: it is */
} hark_flag;
/* clang-format off */
#define HARK_FLAG_INIT {{NULL, 0, 0}, 0}
/* clang-format on */

/* hark_flag_init - make it clear, never set, unbound, with nobody waiting. All zero, and
 * HARK_FLAG_INIT, do the same. Returns 0; -EINVAL (NULL). */
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

/* hark_flag_generation - how often it was set so far; to set a flag that is set counts, too. 0 for
 * NULL. */
HARK_API uint64_t hark_flag_generation(const hark_flag *f);

/* hark_flag_wait_since - wait until it is set again after hark_flag_generation has said
 * `generation`; at once if it was, even if it is clear again.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED; -EINVAL (NULL; it was not set that often yet);
 * -ENOTSUP outside a task; -EXDEV. Source: Linux's sequence counters. */
HARK_API int hark_flag_wait_since(hark_flag *f, uint64_t generation);

/* hark_flag_statistics - how many tasks wait now. */
HARK_API hark_stats hark_flag_statistics(const hark_flag *f);

HARK_END
#endif
